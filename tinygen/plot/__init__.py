"""Pictures of data, latent spaces and training, as PNG files.

    arrays.py         arrays to be drawn: checked, converted, tiled, projected (NumPy only)
    canvas.py         new figures, their common style, and their files
    images.py         grids and labelled rows of images
    latent_space.py   scatter plots of codes, and posteriors q(z|x)
    curves.py         training curves
    planes.py         functions and points of the plane
    graph.py          computation graphs

matplotlib is imported only when a figure is drawn, and only in this package. Figures are made
without pyplot: there is no window, no global state, and nothing to close. A file appears whole or
not at all.

Images are (n, channels, height, width), with 1 channel for grey or 3 for colour, or
(n, height, width): uint8, or floats from 0 to 1. Arrays of any device and Tensors are accepted.
"""

from ..missing_names import missing_name
from .arrays import linear_discriminants
from .canvas import CLASS_COLOURS
from .curves import save_curves
from .graph import save_graph
from .images import save_grid, save_rows
from .latent_space import save_posteriors, save_scatter
from .planes import grid_points, save_planes

__all__ = [
    "CLASS_COLOURS",
    "grid_points",
    "linear_discriminants",
    "save_curves",
    "save_graph",
    "save_grid",
    "save_planes",
    "save_posteriors",
    "save_rows",
    "save_scatter",
]

# What people who know torchvision and matplotlib look for here, and what to type instead.
_ELSEWHERE = dict.fromkeys(
    ("imsave", "imshow", "make_grid", "save_image"), "save_grid(path, images)"
)


def __getattr__(name: str):
    """Say what a function of torchvision's or matplotlib's is here."""
    raise missing_name(__name__, name, _ELSEWHERE)
