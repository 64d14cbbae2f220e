"""Grids and labelled rows of images."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .arrays import as_images, make_grid
from .canvas import DPI, INK, new_figure, save_png

__all__ = ["save_grid", "save_rows"]

PICTURE_WIDTH = 900  # screen pixels, approximately
TITLE_HEIGHT = 34  # screen pixels
LABEL_MARGIN = 24  # screen pixels
CHARACTER_WIDTH = 11.5  # screen pixels
ROW_GAP = 2  # image pixels, between two images of `save_rows`


def save_grid(
    path,
    images,
    *,
    columns: int | None = None,
    scale: int | None = None,
    gap: int = 2,
    title: str = "",
) -> None:
    """Draw images in a grid, row by row.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    images : array or Tensor (n, channels, height, width) or (n, height, width)
        1 or 3 channels; uint8, or floats from 0 to 1.
    columns : int, optional
        Images per row; by default about the square root of n.
    scale : int, optional
        Screen pixels per image pixel; by default the picture is about 900 screen pixels wide.
    gap : int
        White image pixels between two images.
    title : str
        Above the grid.
    """
    images = as_images("save_grid", images)
    columns = columns or math.ceil(math.sqrt(len(images)))
    _save_mosaic(path, make_grid(images, columns, gap), scale, labels=[], title=title)


def save_rows(path, rows: Mapping[str, object], *, scale: int | None = None) -> None:
    """Draw rows of images with a label on the left of each.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    rows : {label: images}
        Images as in `save_grid`; each row has the same number of images of the same size. A label
        may have several lines.
    scale : int, optional
        As in `save_grid`.
    """
    stacks = {label: as_images(f"save_rows, row {label!r}", x) for label, x in rows.items()}
    shapes = {label: images.shape for label, images in stacks.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(
            "save_rows: rows need the same number of images of the same size, "
            f"got {shapes or 'none'}"
        )
    columns = len(next(iter(stacks.values())))
    mosaic = make_grid(np.concatenate([*stacks.values()]), columns, ROW_GAP)
    _save_mosaic(path, mosaic, scale, labels=[*stacks], title="")


def _save_mosaic(
    path, mosaic: np.ndarray, scale: int | None, labels: list[str], title: str
) -> None:
    """Draw a mosaic (height, width, 3) so that each of its pixels is exactly a square.

    Sizes are computed here and not left to matplotlib's layout.
    """
    height, width, _ = mosaic.shape
    scale = scale or max(1, round(PICTURE_WIDTH / width))
    width, height, margin = width * scale, height * scale, 2 * scale
    left = _label_width(labels)
    above = TITLE_HEIGHT if title else 0
    full_width, full_height = left + width + 2 * margin, height + 2 * margin + above
    figure = new_figure(full_width / DPI, full_height / DPI)
    ax = figure.add_axes(
        (
            (margin + left) / full_width,
            margin / full_height,
            width / full_width,
            height / full_height,
        )
    )
    if title:  # a long title is set smaller instead of being cut off
        size = min(11, 1.7 * 72 / DPI * full_width / len(title))
        y = 1 - (margin + above / 2 - 4) / full_height
        figure.text(0.5, y, title, ha="center", va="center", size=size, color=INK)
    pixels = np.repeat(np.repeat(mosaic, scale, 0), scale, 1)
    ax.imshow(pixels, interpolation="nearest", aspect="auto")
    ax.set_axis_off()
    for k, label in enumerate(labels):
        x, y = -12 / width, 1 - (k + 0.5) / len(labels)
        # A label may be the name of a folder, in which $ begins no formula.
        style = {"ha": "right", "va": "center", "size": 9, "color": INK, "parse_math": False}
        ax.text(x, y, label, transform=ax.transAxes, **style)
    save_png(figure, path)


def _label_width(labels: list[str]) -> int:
    """Return the screen pixels that the labels need on the left."""
    if not labels:
        return 0
    longest = max(len(line) for label in labels for line in label.split("\n"))
    return int(longest * CHARACTER_WIDTH) + LABEL_MARGIN
