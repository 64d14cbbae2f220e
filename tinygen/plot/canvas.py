"""Figures without pyplot (no window, no global state), their common style, and their files.

In a notebook, a figure that is saved is also displayed below the cell.

matplotlib and Pillow are imported only when a figure is drawn or saved.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..atomic_write import replace_file

__all__ = [
    "CLASS_COLOURS",
    "DPI",
    "FAINT",
    "INK",
    "TEXT",
    "TITLE",
    "in_notebook",
    "new_figure",
    "rasterize",
    "save_gif",
    "save_png",
    "style_axes",
]

# Ten colours. The first two are those of data and of samples in demos. The others were chosen by
# a search for the largest smallest distance between two of the ten. They are compared as
# `save_scatter` draws them, with an opacity of 0.6 on white. Any two are at least 21 apart in
# CIELAB for readers with deuteranopia or protanopia, and 28 for others. (Small dots can be
# distinguished from a distance of about 10.)
CLASS_COLOURS = (
    "#2b6cb0",  # blue
    "#e8791c",  # orange
    "#992211",  # red
    "#440033",  # plum
    "#9944ff",  # violet
    "#009988",  # teal
    "#000077",  # navy
    "#aadd99",  # green
    "#eecc00",  # yellow
    "#ffbbff",  # pink
)
INK, FAINT = "#222222", "#bbbbbb"
DPI = 150
TEXT, TITLE = 11, 12  # points: letters, 23 and 25 pixels high
GIF_COLOURS = 128
LAST_FRAME_SECONDS = 1.5  # how long an animation shows its last frame


def new_figure(width: float, height: float, dpi: int = DPI):
    """Return a new matplotlib figure with a white background; sizes are in inches."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("drawing needs Matplotlib: python -m pip install matplotlib") from error
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def style_axes(ax) -> None:
    """Give axes the common style: no frame at the top and right, and pale lines."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    ax.tick_params(colors="#666666", labelsize=TEXT, length=3)
    ax.xaxis.label.set(color=INK, size=TEXT)
    ax.yaxis.label.set(color=INK, size=TEXT)


def in_notebook() -> bool:
    """Tell whether this runs in a Jupyter kernel, whose output can be a picture."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def save_png(figure, path) -> None:
    """Save a figure as a PNG file; if this fails, no incomplete file is left."""
    from PIL import Image

    path = Path(path)
    if path.suffix != ".png":
        raise ValueError(
            f"pictures are written as PNG: name the file {path.stem}.png, not {path.name}"
        )
    # Three channels: with the fourth, the opacity, that savefig adds, files are an eighth larger.
    image = Image.fromarray(rasterize(figure))
    replace_file(path, lambda file: image.save(file, format="PNG", optimize=True))
    _display(path)


def rasterize(figure) -> np.ndarray:
    """Render a figure and return its pixels, uint8 (height, width, 3)."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def save_gif(
    path, frames: Sequence[np.ndarray], *, seconds: float, many_colours: bool = False
) -> None:
    """Save frames as an animated GIF that repeats forever and shows the last frame longer.

    Parameters
    ----------
    path : str or Path
        Ends in .gif.
    frames : sequence of arrays (height, width, 3) of uint8
        At least one.
    seconds : float
        How long one repetition lasts. The last frame takes 1.5 seconds of it.
    many_colours : bool
        Frames with faces need a palette of 256 colours, which keeps rare ones. Lines and points
        look as good with 128, in a smaller file.

    Raises
    ------
    ValueError
        If there is no frame, or the path does not end in .gif.
    """
    from PIL import Image

    path = Path(path)
    if not len(frames) or path.suffix != ".gif":
        raise ValueError(
            "an animation needs frames, and a file name that ends in .gif; "
            f"got {len(frames)} and {path.name}"
        )
    # One palette for all frames, so that no colour flickers. It is chosen from up to twelve frames.
    some = np.concatenate(frames[:: -(-len(frames) // 12)])
    if many_colours:
        palette = Image.fromarray(some).quantize(256, method=Image.Quantize.FASTOCTREE)
    else:
        palette = Image.fromarray(some).quantize(GIF_COLOURS)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[colours.min(axis=1) >= 248] = 255  # white stays white
    palette.putpalette(colours.reshape(-1).tolist())
    no_dither = Image.Dither.NONE
    images = [Image.fromarray(f).quantize(palette=palette, dither=no_dither) for f in frames]
    num_others = len(images) - 1
    # Durations are in milliseconds, but a GIF stores hundredths of a second.
    seconds_per_frame = (seconds - LAST_FRAME_SECONDS) / max(num_others, 1)
    duration = max(10 * round(100 * seconds_per_frame), 20)
    durations = [duration] * num_others + [round(1000 * LAST_FRAME_SECONDS)]
    settings = {"save_all": True, "append_images": images[1:], "duration": durations, "loop": 0}
    replace_file(path, lambda file: images[0].save(file, format="GIF", **settings))
    _display(path)


def _display(path: Path) -> None:
    """Display a saved picture below the cell of a notebook; elsewhere do nothing."""
    if in_notebook():
        from IPython.display import Image, display

        display(Image(filename=str(path)))
