"""Models beside one another as schemes: what goes in, through which networks, to which code, and what comes out, all drawn from their own arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygen.plot.arrays import as_images, as_numpy, check_finite
from tinygen.plot.canvas import FAINT, INK, new_figure, save_png

__all__ = ["Code", "Network", "Picture", "Text", "save_families"]

SIDE, GAP = 1.0, 0.1  # of a picture, and of a row to what is around it: inches
LEFT, SCHEME, SAMPLES = 0.2, 8.3, 4.3  # the margin, and how wide a row's two parts are
HEADER, FOOTER = 0.34, 0.3  # above a row its title and note, below it what its parts are called


class Picture(NamedTuple):
    """An image, (height, width), (channels, height, width), bytes or from 0 to 1, and what stands below it."""

    image: Any
    label: str = ""


class Code(NamedTuple):
    """Numbers: (height, width), or (k,), drawn as a column; each as high as a pixel of a picture of 28. Red above 0, blue below, full at 2.5 and beyond."""

    numbers: Any
    label: str = ""


class Network(NamedTuple):
    """A box with a name in it. left, right : how high it is at its two ends, 1 as high as a picture."""

    name: str
    left: float = 1.0
    right: float = 1.0
    label: str = ""


class Text(NamedTuple):
    """What a network answered, in words."""

    text: str
    label: str = ""


WIDTHS = {Picture: SIDE, Network: 1.0, Text: 1.05}


def save_families(path, rows: Mapping[str, Mapping]) -> None:
    """Draw {title: row} one below the other, a scheme at the left and samples at the right. A row has

    parts : from left to right, with an arrow from each to the next; None is a gap without one. The first stands at the left edge, the last at the right one.
    feedback : (i, j), an arrow from part i around to part j, or None. samples : images, as many as are to be seen. note : a line beside the title.
    """
    if not rows:
        raise ValueError("save_families: no row to draw")
    for title, row in rows.items():
        if set(row) != {"parts", "feedback", "samples", "note"}:
            raise ValueError(f"save_families, {title!r}: a row has parts, feedback, samples and note; wrong or missing: "
                             f"{', '.join(sorted({'parts', 'feedback', 'samples', 'note'} ^ set(row)))}")  # fmt: skip
    each = HEADER + SIDE + FOOTER + GAP
    width, height = LEFT + SCHEME + SAMPLES + LEFT, each * len(rows) + GAP
    figure = new_figure(width, height)
    ax = figure.add_axes((0, 0, 1, 1))
    for i, (title, row) in enumerate(rows.items()):
        middle = height - GAP - each * i - HEADER - SIDE / 2
        name = ax.text(LEFT, middle + SIDE / 2 + 0.2, title, size=13, weight="bold", color=INK, va="center")
        name_width = name.get_window_extent(figure.canvas.get_renderer()).width / figure.dpi
        ax.text(LEFT + name_width + 0.2, middle + SIDE / 2 + 0.19, row["note"], size=9, color=INK, va="center")
        _draw_scheme(ax, f"save_families, {title!r}", row["parts"], row["feedback"], middle)
        _draw_samples(ax, as_images(f"save_families, {title!r}", row["samples"]), middle)
        if i:
            ax.plot((LEFT, width - LEFT), 2 * [height - GAP / 2 - each * i], color=FAINT, linewidth=0.6)
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    save_png(figure, path)


def _draw_scheme(ax, name: str, parts, back, middle: float) -> None:
    fields = {i: _field(name, part) for i, part in enumerate(parts) if isinstance(part, (Picture, Code))}
    if wrong := [type(part).__name__ for part in parts if part is not None and not isinstance(part, (Picture, Code, Network, Text))]:
        raise TypeError(f"{name}: a part is a Picture, Code, Network, Text or None; got {wrong[0]}")
    sizes = [0.0 if part is None else SIDE / 28 * 3 if isinstance(part, Code) and fields[i].shape[1] == 1 else WIDTHS.get(type(part), SIDE)
             for i, part in enumerate(parts)]  # fmt: skip
    space = (SCHEME - 0.3 - sum(sizes)) / max(len(parts) - 1, 1)
    lefts = [LEFT + sum(sizes[:i]) + i * space for i in range(len(parts))]
    for i, part in enumerate(parts):
        if part is None:
            continue
        left, right = lefts[i], lefts[i] + sizes[i]
        half = SIDE / 2
        if isinstance(part, Network):
            heights = (half * part.left, half * part.right, -half * part.right, -half * part.left)
            ax.fill((left, right, right, left), [middle + h for h in heights], facecolor="#eef2f7", edgecolor="#7d93ad", linewidth=1.2)
            ax.text((left + right) / 2, middle, part.name, size=10, color=INK, ha="center", va="center")
        elif isinstance(part, Text):
            ax.text((left + right) / 2, middle, part.text, size=10, color=INK, ha="center", va="center", linespacing=1.6)
        else:
            half = SIDE / 2 if fields[i].shape[1] > 1 else min(len(fields[i]) / 28, 1) * SIDE / 2
            ax.imshow(fields[i], extent=(left, right, middle - half, middle + half), aspect="auto", interpolation="nearest", zorder=2)
        ax.text((left + right) / 2, middle - SIDE / 2 - 0.13, part.label, size=8.5, color=INK, ha="center", va="center")
        if i and parts[i - 1] is not None:
            ax.annotate("", (left - 0.04, middle), (lefts[i - 1] + sizes[i - 1] + 0.04, middle),
                        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    if back is not None:
        (a, b), y = (lefts[k] + sizes[k] / 2 for k in back), middle + SIDE / 2 + 0.03
        ax.annotate("", (b, y - 0.12), (a, y), arrowprops={"arrowstyle": "-|>", "connectionstyle": "arc3,rad=0.045", "color": INK, "linestyle": "--",
                                                           "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0})  # fmt: skip


def _draw_samples(ax, images: np.ndarray, middle: float) -> None:
    """In two rows, the size of which the number decides."""
    columns = -(-len(images) // 2)
    side = min(SIDE / 2, (SAMPLES - 0.1) / columns)
    for k, image in enumerate(images):
        left, top = LEFT + SCHEME + 0.1 + k % columns * side, middle + side - k // columns * side
        ax.imshow(image, extent=(left, left + 0.96 * side, top - 0.96 * side, top), aspect="auto", interpolation="antialiased")


def _field(name: str, part: Picture | Code) -> np.ndarray:
    """(height, width, 3) from 0 to 1."""
    if isinstance(part, Picture):
        image = as_numpy(part.image)
        return as_images(name, image[None])[0]
    numbers = as_numpy(part.numbers)
    numbers = numbers[:, None] if numbers.ndim == 1 else numbers
    if numbers.ndim != 2 or not numbers.size:
        raise ValueError(f"{name}: a code is numbers (k,) or (height, width), got {numbers.shape}")
    check_finite(name, numbers)
    t = np.clip(numbers / 2.5, -1, 1)[..., None]
    red, blue = np.array([0.75, 0.1, 0.1]), np.array([0.1, 0.25, 0.7])
    return 1 - np.maximum(t, 0) * (1 - red) - np.maximum(-t, 0) * (1 - blue)
