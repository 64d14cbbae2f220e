"""Pictures of data, latent spaces and training, as PNG files; matplotlib is imported when one is drawn.

    arrays.py    what is to be drawn, as arrays: checked, tiled, projected (NumPy alone)
    figures.py   grids, rows, maps, curves and computation graphs
    planes.py    functions and samples of the plane
"""

from .arrays import discriminants
from .figures import (
    CLASS_COLOURS,
    save_clouds,
    save_curves,
    save_graph,
    save_grid,
    save_map,
    save_rows,
)
from .planes import plane, save_planes

__all__ = [
    "CLASS_COLOURS", "discriminants", "plane", "save_clouds", "save_curves", "save_graph", "save_grid",
    "save_map", "save_planes", "save_rows",
]
