"""Models as schemes, drawn from their own arrays: inputs, networks, codes and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygen.plot.arrays import as_images, as_numpy, check_finite
from tinygen.plot.canvas import FAINT, INK, new_figure, save_png

__all__ = ["Code", "Network", "Picture", "Text", "save_families"]

SIDE, GAP = 1.0, 0.1  # of a picture; between a row and what is around it: inches
LEFT, SCHEME_WIDTH, SAMPLES_WIDTH = 0.2, 8.3, 4.3  # margin; the two parts of a row: inches
HEADER, FOOTER = 0.34, 0.3  # above a row its title and note, below it the labels: inches
PIXEL = SIDE / 28  # of a picture of 28 pixels; each number of a code is as high
COLUMN_WIDTH = 3 * PIXEL  # of a code of shape (k,)
MAX_NUMBER = 2.5  # numbers of a code from here on have the full colour
ROW_KEYS = {"parts", "feedback", "samples", "note"}


class Picture(NamedTuple):
    """An image (height, width) or (channels, height, width), bytes or from 0 to 1, and a label."""

    image: Any
    label: str = ""


class Code(NamedTuple):
    """Numbers (height, width), or (k,) drawn as a column, and a label.

    Positive numbers are red and negative ones blue, with the full colour at 2.5 and beyond.
    """

    numbers: Any
    label: str = ""


class Network(NamedTuple):
    """A box with a name in it.

    `left` and `right` are its heights at both ends; 1 is the height of a picture.
    """

    name: str
    left: float = 1.0
    right: float = 1.0
    label: str = ""


class Text(NamedTuple):
    """The output of a network in words, and a label."""

    text: str
    label: str = ""


Part = Picture | Code | Network | Text | None
WIDTHS = {Picture: SIDE, Code: SIDE, Network: 1.0, Text: 1.05, type(None): 0.0}


def save_families(path, rows: Mapping[str, Mapping]) -> None:
    """Draw models one below the other: a scheme on the left and samples on the right.

    Each row is a dict that has:

        parts       Picture, Code, Network, Text or None, from the left edge to the right one, with
                    an arrow from each to the next; None is a gap without an arrow
        feedback    (i, j): an arrow from part i around to part j; or None
        samples     images, as many as are to be drawn
        note        a line next to the title

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    rows : {title: row}
        What to draw.
    """
    if not rows:
        raise ValueError("save_families: no row to draw")
    for title, row in rows.items():
        if wrong := ROW_KEYS ^ set(row):
            raise ValueError(
                f"save_families, {title!r}: a row has parts, feedback, samples and note; "
                f"wrong or missing: {', '.join(sorted(wrong))}"
            )
    row_height = HEADER + SIDE + FOOTER + GAP
    width, height = LEFT + SCHEME_WIDTH + SAMPLES_WIDTH + LEFT, row_height * len(rows) + GAP
    figure = new_figure(width, height)
    ax = figure.add_axes((0, 0, 1, 1))
    for i, (title, row) in enumerate(rows.items()):
        name = f"save_families, {title!r}"
        middle = height - GAP - row_height * i - HEADER - SIDE / 2
        _draw_title(ax, title, row["note"], middle + SIDE / 2)
        _draw_scheme(ax, name, row["parts"], row["feedback"], middle)
        _draw_samples(ax, as_images(name, row["samples"]), middle)
        if i:
            y = height - GAP / 2 - row_height * i
            ax.plot((LEFT, width - LEFT), (y, y), color=FAINT, linewidth=0.6)
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    save_png(figure, path)


def _draw_title(ax, title: str, note: str, y: float) -> None:
    """Write a title and, to the right of it, a note."""
    text = ax.text(LEFT, y + 0.2, title, size=13, weight="bold", color=INK, va="center")
    figure = ax.figure
    title_width = text.get_window_extent(figure.canvas.get_renderer()).width / figure.dpi
    ax.text(LEFT + title_width + 0.2, y + 0.19, note, size=9, color=INK, va="center")


def _draw_scheme(
    ax, name: str, parts: Sequence[Part], feedback: tuple[int, int] | None, middle: float
) -> None:
    """Draw the parts of a row, evenly spaced, and the arrows between them."""
    for part in parts:
        if type(part) not in WIDTHS:
            raise TypeError(
                f"{name}: a part is a Picture, Code, Network, Text or None; "
                f"got {type(part).__name__}"
            )
    pixels = {i: _pixels(name, p) for i, p in enumerate(parts) if isinstance(p, (Picture, Code))}
    widths = [WIDTHS[type(part)] for part in parts]
    for i, part in enumerate(parts):
        if isinstance(part, Code) and pixels[i].shape[1] == 1:
            widths[i] = COLUMN_WIDTH
    space = (SCHEME_WIDTH - 0.3 - sum(widths)) / max(len(parts) - 1, 1)
    lefts = [LEFT + sum(widths[:i]) + i * space for i in range(len(parts))]
    rights = [left + width for left, width in zip(lefts, widths, strict=True)]
    for i, part in enumerate(parts):
        if part is None:
            continue
        _draw_part(ax, part, pixels.get(i), lefts[i], rights[i], middle)
        if i and parts[i - 1] is not None:
            arrow = {
                "arrowstyle": "-|>",
                "color": INK,
                "linewidth": 1.3,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            end, start = (lefts[i] - 0.04, middle), (rights[i - 1] + 0.04, middle)
            ax.annotate("", end, start, arrowprops=arrow)
    if feedback is not None:
        start, end = ((lefts[k] + rights[k]) / 2 for k in feedback)
        _draw_feedback(ax, start, end, middle + SIDE / 2 + 0.03)


def _draw_part(
    ax, part: Part, pixels: np.ndarray | None, left: float, right: float, middle: float
) -> None:
    """Draw one part and its label."""
    centre = (left + right) / 2
    centred = {"color": INK, "ha": "center", "va": "center"}
    if isinstance(part, Network):
        half = SIDE / 2
        heights = (half * part.left, half * part.right, -half * part.right, -half * part.left)
        corners = (left, right, right, left), [middle + h for h in heights]
        ax.fill(*corners, facecolor="#eef2f7", edgecolor="#7d93ad", linewidth=1.2)
        ax.text(centre, middle, part.name, size=10, **centred)
    elif isinstance(part, Text):
        ax.text(centre, middle, part.text, size=10, linespacing=1.6, **centred)
    else:
        is_column = pixels.shape[1] == 1
        half = min(len(pixels) / 28, 1) * SIDE / 2 if is_column else SIDE / 2
        extent = (left, right, middle - half, middle + half)
        ax.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest", zorder=2)
    ax.text(centre, middle - SIDE / 2 - 0.13, part.label, size=8.5, **centred)


def _draw_feedback(ax, start: float, end: float, y: float) -> None:
    arrow = {
        "arrowstyle": "-|>",
        "connectionstyle": "arc3,rad=0.045",
        "color": INK,
        "linestyle": "--",
        "linewidth": 1.1,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    ax.annotate("", (end, y - 0.12), (start, y), arrowprops=arrow)


def _draw_samples(ax, images: np.ndarray, middle: float) -> None:
    """Draw images in two rows, as large as their number allows."""
    columns = -(-len(images) // 2)  # rounded up
    side = min(SIDE / 2, (SAMPLES_WIDTH - 0.1) / columns)
    for k, image in enumerate(images):
        row, column = divmod(k, columns)
        left, top = LEFT + SCHEME_WIDTH + 0.1 + column * side, middle + side - row * side
        extent = (left, left + 0.96 * side, top - 0.96 * side, top)
        ax.imshow(image, extent=extent, aspect="auto", interpolation="antialiased")


def _pixels(name: str, part: Picture | Code) -> np.ndarray:
    """Return the colours of a picture or a code: (height, width, 3) from 0 to 1."""
    if isinstance(part, Picture):
        image = as_numpy(part.image)
        return as_images(name, image[None])[0]
    numbers = as_numpy(part.numbers)
    numbers = numbers[:, None] if numbers.ndim == 1 else numbers
    if numbers.ndim != 2 or not numbers.size:
        raise ValueError(f"{name}: a code is numbers (k,) or (height, width), got {numbers.shape}")
    check_finite(name, numbers)
    t = np.clip(numbers / MAX_NUMBER, -1, 1)[..., None]
    red, blue = np.array([0.75, 0.1, 0.1]), np.array([0.1, 0.25, 0.7])
    return 1 - np.maximum(t, 0) * (1 - red) - np.maximum(-t, 0) * (1 - blue)
