"""Figures without pyplot: no window, no global state, nothing to close; and the colours that all of them share."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CLASS_COLOURS", "DPI", "FAINT", "INK", "new_figure", "save_png", "style_axes"]

# Ten colours chosen by search for the largest smallest distance, drawn as in `save_scatter` at an opacity of 0.6 on white: any two are at least 23 apart in
# CIELAB for readers with deuteranopia or protanopia, and 30 for others. (From about 10 on, small dots can be told apart.)
CLASS_COLOURS = ("#0000ff", "#aa7700", "#992211", "#551155", "#cc55ff", "#998888", "#000099", "#aadd88", "#bbdd00", "#eeaaff")
INK, FAINT = "#222222", "#bbbbbb"
DPI = 150


def new_figure(width: float, height: float):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("drawing needs matplotlib: pip install matplotlib, or install tinygen with its extra: tinygen[demos]") from error
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def style_axes(ax) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    ax.tick_params(colors="#666666", labelsize=8, length=3)
    ax.xaxis.label.set(color=INK, size=10)
    ax.yaxis.label.set(color=INK, size=10)


def save_png(figure, path) -> None:
    """Write aside, then move into place: an interrupted run leaves the old picture, not half a new one."""
    path = Path(path)
    if path.suffix != ".png":
        raise ValueError(f"pictures are written as PNG: name the file {path.stem}.png, not {path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        figure.savefig(aside, format="png", dpi=DPI, metadata={"Software": None})
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
