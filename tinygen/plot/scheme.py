"""Schemes of models, drawn from their own arrays: pictures, codes and networks, with arrows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .arrays import as_images, as_numpy, check_finite
from .canvas import FAINT, INK, TEXT
from .page import LINE, Box, Page, Panel, count_lines, text_width

__all__ = ["Code", "Network", "Picture", "Scheme", "Text"]

MAX_NUMBER = 2.5  # numbers of a code from here on have the full colour
GAP = 10  # between two rows, and between a part and its arrow: pixels of the page
BEND = 0.22  # of loops
SPREAD = 0.28  # of the height of a part: how far from its middle arrows end
ARROW_ROOM = 8  # above a loop: half the head of an arrow
ARROW = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}


class Picture(NamedTuple):
    """An image (height, width) or (channels, height, width), bytes or from 0 to 1, and a label.

    All have the same height; two images side by side in one array are twice as wide.
    """

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

    `left` and `right` are its heights at both ends; 1 is the height of a picture. A network that is
    `fixed`, and does not learn, is pale.
    """

    name: str
    left: float = 1.0
    right: float = 1.0
    label: str = ""
    fixed: bool = False


class Text(NamedTuple):
    """A text of one or more lines, and a label."""

    text: str
    label: str = ""


Part = Picture | Code | Network | Text


class Scheme(Panel):
    """Parts of a model in their places, and arrows between them.

        Scheme(
            {
                "z": (0, 0, Code(z, "z")),
                "G": (0, 1, Network("G", 0.4, 1)),
                "x'": (0, 2, Picture(fake, "generated")),
                "x": (1, 2, Picture(real, "real")),
                "D": (0.5, 3, Network("D", 1, 0.3)),
            },
            arrows=["z G x' D", "x D"],
        )

    Parameters
    ----------
    parts : {key: (row, column, part)}
        Places are counted from the top left; a row may lie between two others, as 0.5. A part is a
        Picture, Code, Network or Text.
    arrows : sequence of str
        Keys with spaces between, and an arrow from each to the next one. A key has no space in it.
    dashed : sequence of str
        As `arrows`, but dashed.
    loops : sequence of str
        As `dashed`, but in an arc above the parts between.
    side : int
        Height of a picture, in pixels of the page.
    title, note : str
        Above and below the scheme.
    """

    def __init__(
        self,
        parts: Mapping[str, tuple[float, float, Part]],
        arrows: Sequence[str] = (),
        *,
        dashed: Sequence[str] = (),
        loops: Sequence[str] = (),
        side: int = 112,
        title: str = "",
        note: str = "",
    ):
        self.name = f"Scheme, {title!r}"
        if not parts:
            raise ValueError(f"{self.name}: no part to draw")
        self.parts, self.side, self.title, self.note = parts, side, title, note
        self.pixels = {}
        for key, (_, _, part) in parts.items():
            if not isinstance(part, Part):
                raise TypeError(
                    f"{self.name}, {key!r}: a part is a Picture, Code, Network or Text; "
                    f"got {type(part).__name__}"
                )
            if isinstance(part, (Picture, Code)):
                self.pixels[key] = _pixels(f"{self.name}, {key!r}", part)
        self.arrows, self.dashed = self._pairs(arrows), self._pairs(dashed)
        self.loops = self._pairs(loops)

    def _pairs(self, chains: Sequence[str]) -> list[tuple[str, str]]:
        """Return the two ends of each arrow."""
        keys = [chain.split() for chain in chains]
        if unknown := sorted({key for chain in keys for key in chain} - set(self.parts)):
            raise ValueError(
                f"{self.name}: an arrow needs a part {unknown[0]!r}; there are "
                f"{', '.join(map(repr, self.parts))}"
            )
        return [pair for chain in keys for pair in zip(chain, chain[1:])]

    def _part_size(self, key: str) -> tuple[float, float]:
        """Return the width and the height of a part, without its label."""
        *_, part = self.parts[key]
        if isinstance(part, (Network, Text)):
            text = part.name if isinstance(part, Network) else part.text
            width = max(text_width(line) for line in text.split("\n"))
            if isinstance(part, Network):
                height = self.side * max(part.left, part.right)
                return max(width + 20, 0.6 * self.side), height
            return width, LINE * count_lines(text)
        rows, columns, _ = self.pixels[key].shape
        if columns == 1:  # a column of numbers
            return 0.14 * self.side, self.side * min(rows / 20, 1)
        return self.side * columns / rows, self.side

    def _centres(self, width: float) -> dict[float, float]:
        """Return the middle of each column: equal space between the parts of neighbours.

        The labels of the first and of the last column may be wider than their parts.
        """
        widths: dict[float, float] = {}
        overhang: dict[float, float] = {}
        for key, (_, column, part) in self.parts.items():
            part_width, _ = self._part_size(key)
            widths[column] = max(widths.get(column, 0), part_width)
            label = max(text_width(line) for line in part.label.split("\n"))
            overhang[column] = max(overhang.get(column, 0), label)
        columns = sorted(widths)
        left, right = (
            max(0, overhang[column] - widths[column]) / 2 for column in (columns[0], columns[-1])
        )
        room = width - left - right - sum(widths.values())
        space = room / max(len(columns) - 1, 1)
        centres = {}
        for column in columns:
            centres[column] = left + widths[column] / 2
            left += widths[column] + space
        return centres

    def _row_height(self) -> float:
        """Return the height of a row with its labels."""
        return self.side + LINE * max(count_lines(part.label) for *_, part in self.parts.values())

    def _boxes(self, width: float) -> dict[str, Box]:
        """Return where the parts are, below the top of the first row."""
        centres, boxes = self._centres(width), {}
        for key, (row, column, _) in self.parts.items():
            part_width, height = self._part_size(key)
            x, y = centres[column], row * (self._row_height() + GAP) + self.side / 2
            boxes[key] = Box(x - part_width / 2, y - height / 2, part_width, height)
        return boxes

    def _above(self, boxes: Mapping[str, Box]) -> float:
        """Return how far the loops rise above the first row."""
        t = np.linspace(0, 1, 50)
        rises = [0.0]
        for start, end in self.loops:
            (x0, y0), (x1, y1) = (_top(boxes[key]) for key in (start, end))
            # A loop is a Bezier curve; its control point is BEND of the distance above the middle.
            control = (y0 + y1) / 2 - BEND * abs(x1 - x0)
            y = (1 - t) ** 2 * y0 + 2 * t * (1 - t) * control + t**2 * y1
            rises.append(ARROW_ROOM - y.min())
        return max(rises)

    def _bottom(self, key: str, box: Box) -> float:
        """Return where a part ends; labels are below the height of a picture."""
        lines = count_lines(self.parts[key][2].label)
        if not lines:
            return box.top + box.height
        return box.top + (box.height + self.side) / 2 + LINE * lines

    def size(self, width: float) -> tuple[float, float]:
        boxes = self._boxes(width)
        height = max(self._bottom(key, box) for key, box in boxes.items())
        return width, round(self._above(boxes) + height)

    def draw(self, page: Page, box: Box) -> None:
        boxes = self._boxes(box.width)
        above = self._above(boxes)
        boxes = {key: part._replace(top=part.top + above) for key, part in boxes.items()}
        ax = page.axes(box)
        ax.set_axis_off()
        for key, (_, _, part) in self.parts.items():
            part_box = boxes[key]
            self._draw_part(ax, part, self.pixels.get(key), part_box)
        for pairs, line in ((self.arrows, "-"), (self.dashed, "--")):
            for start, end in pairs:
                places = _edges(boxes[start], boxes[end])
                ax.annotate("", places[1], places[0], arrowprops=ARROW | {"linestyle": line})
        for start, end in self.loops:
            tops = [_top(boxes[key]) for key in (start, end)]
            bend = BEND if tops[0][0] > tops[1][0] else -BEND
            loop = ARROW | {"linestyle": "--", "connectionstyle": f"arc3,rad={bend}"}
            ax.annotate("", tops[1], tops[0], arrowprops=loop)
        ax.set(xlim=(0, box.width), ylim=(box.height, 0))

    def _draw_part(self, ax, part: Part, pixels, box: Box) -> None:
        """Draw a part, and its label below it."""
        x, y = box.left + box.width / 2, box.top + box.height / 2
        right = box.left + box.width

        def write(text, top, colour=INK):
            """Write lines in the middle of the part, from `top` downwards."""
            for i, line in enumerate(text.split("\n") if text else ()):
                style = {"color": colour, "size": TEXT, "ha": "center", "va": "center"}
                ax.text(x, top + (i + 0.5) * LINE, line, **style)

        if isinstance(part, Network):
            half = self.side / 2
            heights = (-half * part.left, -half * part.right, half * part.right, half * part.left)
            corners = (box.left, right, right, box.left), [y + h for h in heights]
            fill, edge = ("white", FAINT) if part.fixed else ("#eef2f7", "#7d93ad")
            style = {"facecolor": fill, "edgecolor": edge, "linewidth": 1.2}
            ax.fill(*corners, clip_on=False, **style)  # at a border the whole line is drawn
            colour = "#888888" if part.fixed else INK
            write(part.name, y - LINE * count_lines(part.name) / 2, colour)
        elif isinstance(part, Text):
            write(part.text, box.top)
        else:
            extent = (box.left, right, box.top + box.height, box.top)
            ax.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest", zorder=2)
            # A frame, since many pictures and codes are white at the border.
            xs = (box.left, right, right, box.left)
            ys = (box.top, box.top, box.top + box.height, box.top + box.height)
            style = {"facecolor": "none", "edgecolor": FAINT, "linewidth": 0.8, "zorder": 3}
            ax.fill(xs, ys, clip_on=False, **style)
        write(part.label, y + self.side / 2)


def _top(box: Box) -> tuple[float, float]:
    """Return where a loop meets a box."""
    return box.left + box.width / 2, box.top - 4


def _edges(start: Box, end: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where an arrow leaves one box and where it meets another one.

    A sloping arrow ends above or below the middle, so that the tips of two do not collide.
    """
    (x0, y0), (x1, y1) = ((b.left + b.width / 2, b.top + b.height / 2) for b in (start, end))
    tip = y1 + np.sign(y0 - y1) * min(SPREAD * end.height, abs(y1 - y0) / 2)
    if end.left > start.left + start.width:
        return (start.left + start.width + 5, y0), (end.left - 5, tip)
    if start.left > end.left + end.width:
        return (start.left - 5, y0), (end.left + end.width + 5, tip)
    if end.top > start.top:
        return (x0, start.top + start.height + 5), (x1, end.top - 5)
    return (x0, start.top - 5), (x1, end.top + end.height + 5)


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
