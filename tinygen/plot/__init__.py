"""Pictures of data, latent spaces and training, as PNG files; animations as GIF files.

    arrays.py         arrays to be drawn: checked, converted, tiled, projected (NumPy only)
    canvas.py         new figures, their common style, and their files
    page.py           panels of any kind, one below the other or side by side
    images.py         grids, labelled rows and sums of images
    latent_space.py   scatter plots of codes, and posteriors q(z|x)
    curves.py         curves, for example of a loss
    planes.py         functions and points of the plane
    scheme.py         models as schemes: pictures, codes, networks and arrows
    graph.py          computation graphs

A capital letter begins a panel, such as `Rows`, and `save_page` draws panels. `save_rows` and the
like draw a page with one panel.

matplotlib is imported only when a figure is drawn, and only in this package. Figures are made
without pyplot: there is no window, no global state, and nothing to close. A file appears whole or
not at all.

Images are (n, channels, height, width), with 1 channel for grey or 3 for colour, or
(n, height, width): uint8, or floats from 0 to 1. Arrays of any device and Tensors are accepted.
"""

from ..missing_names import missing_name
from .arrays import linear_discriminants
from .canvas import CLASS_COLOURS
from .curves import Curves, save_curves
from .graph import Graph, GraphKey
from .images import Grid, Rows, Sum, draw_frames, save_grid, save_rows
from .latent_space import Posteriors, Scatter, save_scatter
from .page import Caption, save_animation, save_page
from .planes import Plane, PlaneRows, grid_points
from .scheme import Code, Network, Picture, Scheme, Text

__all__ = [
    "CLASS_COLOURS",
    "Caption",
    "Code",
    "Curves",
    "Graph",
    "GraphKey",
    "Grid",
    "Network",
    "Picture",
    "Plane",
    "PlaneRows",
    "Posteriors",
    "Rows",
    "Scatter",
    "Scheme",
    "Sum",
    "Text",
    "draw_frames",
    "grid_points",
    "linear_discriminants",
    "save_animation",
    "save_curves",
    "save_grid",
    "save_page",
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
