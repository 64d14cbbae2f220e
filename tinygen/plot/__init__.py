"""Pictures of data, latent spaces and training, as PNG files; matplotlib is imported when one is drawn.

    arrays.py    what is to be drawn, as arrays: checked, tiled, projected (NumPy alone)
    canvas.py    new figures, their style and their files
    figures.py   grids, rows, maps and curves
    graph.py     computation graphs
    planes.py    functions and samples of the plane
"""

from .arrays import linear_discriminants
from .canvas import CLASS_COLOURS
from .figures import (
    save_curves,
    save_grid,
    save_posteriors,
    save_rows,
    save_scatter,
)
from .graph import save_graph
from .planes import grid_points, save_planes

__all__ = [
    "CLASS_COLOURS", "grid_points", "linear_discriminants", "save_posteriors", "save_curves", "save_graph", "save_grid",
    "save_scatter", "save_planes", "save_rows",
]
