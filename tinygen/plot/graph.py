"""Pictures of recorded computation graphs: values flow down, gradients flow back up."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from ..autograd.graph import Arrow, describe_graph
from ..autograd.graph import Box as GraphBox
from ..autograd.tensor import Tensor
from .canvas import INK, TEXT
from .page import LINE, Box, Page, Panel, text_width

__all__ = ["Graph", "GraphKey", "place_boxes"]

GRADIENT, GREY, RED = "#d95f02", "#999999", "#bd1f01"
BOX_HEIGHT, GAP = 36, 36  # of a box, and from one row of boxes to the next: pixels of the page
UNIT = 138  # pixels of the page in a unit of the layout's widths
SHIFT = 7  # of the two arrows between two boxes, to both sides
MIN_DISTANCE = 1.15  # between two boxes of a row
NUM_SWEEPS = 12  # over the rows, to bring each box near its neighbours
ARROWS = {  # kind: colour, line
    "value": (INK, "-"),
    "gradient": (GRADIENT, "-"),
    "sampled": (GREY, (0, (4, 3))),
}
KEY = {"value": "values", "gradient": "gradient", "sampled": "random draw: no gradient"}


class Graph(Panel):
    """A recorded computation graph: each op is a box, and the result of an op stands below it.

    Values run from above to below, and the gradient of the first tensor runs back. Ops that it
    reaches are orange.

    Parameters
    ----------
    tensors : {label: Tensor}
        Everything recorded on the way to these tensors is drawn. Labels name results, parameters
        and constants; constants without a label are left out, and so are parameters that only one
        op uses. A label may hold TeX between dollar signs.
    sampled : {label: labels}, optional
        For a constant that was drawn at random from results, the labels of these. The graph does
        not know of it, so its arrows are dashed, and no gradient runs back along them.
    title, note : str
        Above and below the graph.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        *,
        sampled: Mapping[str, Sequence[str]] | None = None,
        title: str = "",
        note: str = "",
    ):
        self.boxes, self.arrows = describe_graph(tensors, sampled or {})
        places = place_boxes([*self.boxes], self.arrows)
        self.num_rows = 1 + max(row for row, _ in places.values())
        self.x = {key: UNIT * x for key, (_, x) in places.items()}
        self.y = {
            key: 2 + BOX_HEIGHT / 2 + (BOX_HEIGHT + GAP) * row for key, (row, _) in places.items()
        }
        self.title, self.note = title, note

    def size(self, width: float) -> tuple[float, float]:
        return width, self.num_rows * (BOX_HEIGHT + GAP)  # with the label of the last result

    def draw(self, page: Page, box: Box) -> None:
        ax = page.axes(box)
        ax.set_axis_off()
        edges = [self.x[k] + s * _half_width(b) for k, b in self.boxes.items() for s in (-1, 1)]
        middle = (min(edges) + max(edges)) / 2
        ax.set(xlim=(middle - box.width / 2, middle + box.width / 2), ylim=(box.height, 0))
        for arrow in self.arrows:
            self._draw_arrow(ax, arrow)
        for key, node in self.boxes.items():
            self._draw_box(ax, key, node)

    def _draw_arrow(self, ax, arrow: Arrow) -> None:
        start, end = (np.array([self.x[k], self.y[k]]) for k in (arrow.start, arrow.end))
        halves = [_half_width(self.boxes[key]) for key in (arrow.start, arrow.end)]
        if start[1] == end[1]:  # from the side
            side = np.sign(end[0] - start[0])
            start[0] += side * halves[0]
            end[0] -= side * (halves[1] + 2)
        else:  # from the lower edge to the upper one, nearer to each other than the middles are
            towards = 0.35 * (end[0] - start[0])
            start += np.clip(towards, -0.6 * halves[0], 0.6 * halves[0]), BOX_HEIGHT / 2
            end -= np.clip(towards, -0.6 * halves[1], 0.6 * halves[1]), BOX_HEIGHT / 2 + 2
        dx, dy = (end - start) / np.linalg.norm(end - start)
        # To the right of it. Along the edges of the boxes, so that both arrows still end at them.
        shift = np.array([SHIFT / dy, 0]) if dy else np.array([0, -SHIFT * dx])
        if arrow.kind == "gradient":
            _arrow(ax, start - shift, end - shift, "value")
            _arrow(ax, end + shift, start + shift, "gradient")
        else:
            _arrow(ax, start, end, arrow.kind)
        if arrow.kind == "sampled":
            cross = {"marker": "x", "color": RED, "markersize": 9, "markeredgewidth": 2.6}
            ax.plot(*(start + end) / 2, **cross)

    def _draw_box(self, ax, key: Hashable, node: GraphBox) -> None:
        from matplotlib.patches import Ellipse, FancyBboxPatch

        x, y, half = self.x[key], self.y[key], _half_width(node)
        colour, fill = (GRADIENT, "#fdf0e6") if node.has_gradient else (GREY, "#f4f4f4")
        style = {"edgecolor": colour, "linewidth": 1.6}
        if node.kind == "op":
            corner = (x - half, y - BOX_HEIGHT / 2)
            shape = {"boxstyle": "round,pad=0,rounding_size=8", "facecolor": fill, **style}
            ax.add_patch(FancyBboxPatch(corner, 2 * half, BOX_HEIGHT, **shape))
            # The label of the result is on the outer side of the arrow that leaves the box, if any.
            side = "right" if x < np.mean([*self.x.values()]) - 1 else "left"
            left = x - 20 if side == "right" else x + 20
            if not any(arrow.start == key for arrow in self.arrows):
                side, left = "center", x
            label = {"size": TEXT + 1, "color": INK, "ha": side, "va": "center"}
            ax.text(left, y + BOX_HEIGHT / 2 + GAP / 2, node.label, **label)
        else:
            ax.add_patch(Ellipse((x, y), 2 * half, BOX_HEIGHT, facecolor="white", **style))
        size = TEXT if node.kind == "op" else TEXT + 2
        text = node.text.replace("_", " ") if node.kind == "op" else node.text
        ax.text(x, y, text, size=size, color=INK, ha="center", va="center")


class GraphKey(Panel):
    """What the arrows of graphs mean, in one line."""

    def size(self, width: float) -> tuple[float, float]:
        return width, LINE

    def draw(self, page: Page, box: Box) -> None:
        ax = page.axes(box)
        ax.set_axis_off()
        ax.set(xlim=(0, box.width), ylim=(LINE, 0))
        widths = [42 + text_width(text) for text in KEY.values()]
        space = (box.width - sum(widths)) / (len(widths) - 1)
        x = 0.0
        for (kind, text), width in zip(KEY.items(), widths, strict=True):
            _arrow(ax, (x, LINE / 2), (x + 34, LINE / 2), kind)
            ax.text(x + 42, LINE / 2, text, size=TEXT, color=INK, va="center")
            x += width + space


def _arrow(ax, start, end, kind: str) -> None:
    colour, line = ARROWS[kind]
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "linestyle": line}
    ax.annotate("", end, start, arrowprops=style | {"shrinkA": 0, "shrinkB": 0})


def _half_width(box: GraphBox) -> float:
    return text_width(box.text) / 2 + 10 if box.kind == "op" else 32


# ------------------------------------------------------------------------------------------- layout


def place_boxes(keys: Sequence[Hashable], arrows: Sequence[Arrow]) -> dict:
    """Return {key: (row, x)}, so that arrows run down and stay short.

    The row of a box is the length of the longest path to it. Its x is near the mean of its
    neighbours'. A box that no arrow enters stands directly before its first use, or next to it.
    """
    before: dict = {key: [] for key in keys}
    after: dict = {key: [] for key in keys}
    for arrow in arrows:
        before[arrow.end].append(arrow.start)
        after[arrow.start].append(arrow.end)
    row = _rows(keys, before)
    sources = [key for key in keys if not before[key] and after[key]]
    inner = [key for key in keys if key not in sources]
    first = 0 if sources else min(row.values())
    rows = [[key for key in inner if row[key] == r] for r in range(first, max(row.values()) + 1)]
    x = _positions(rows, before, after)
    for key in sources:
        user = min(after[key], key=row.get)
        above_user = (row[user] - 1, x[user])
        next_to_it = [(row[user], x[user] - 1.1 * i) for i in range(1, len(keys) + 1)]
        row[key], x[key] = next(
            (r, x_r)
            for r, x_r in [above_user, *next_to_it]
            if all(row[other] != r or abs(x_r - x[other]) > 0.9 for other in x)
        )
    first = min(row.values())
    return {key: (row[key] - first, x[key]) for key in keys}


def _rows(keys: Sequence[Hashable], before: Mapping) -> dict:
    """Return the length of the longest path to each box. A loop: graphs may be deep."""
    row: dict = {}
    for key in sorted(keys, key=lambda key: getattr(key, "time", math.inf)):
        stack = [key]
        while stack:
            waiting = [other for other in before[stack[-1]] if other not in row]
            if waiting:
                stack += waiting
            else:
                done = stack.pop()
                row[done] = 1 + max((row[other] for other in before[done]), default=-1)
    return row


def _positions(rows: Sequence[list], before: Mapping, after: Mapping) -> dict:
    """Return the x of each box: its neighbours' mean, at a distance from others in its row.

    Sweep over the rows, forwards and backwards in turn.
    """
    x = {key: (len(row) - 1) / 2 - i for row in rows for i, key in enumerate(row)}
    for sweep in range(NUM_SWEEPS):
        for row in rows[:: -1 if sweep % 2 else 1]:
            wish = {}
            for key in row:
                near = [x[n] for n in before[key] + after[key] if n in x]
                wish[key] = float(np.mean(near or [x[key]]))
            row.sort(key=lambda key, wish=wish: (wish[key], x[key]))
            lowest = -math.inf
            for key in row:
                lowest = x[key] = max(wish[key], lowest + MIN_DISTANCE)
            shift = sum(wish[key] - x[key] for key in row) / max(len(row), 1)
            for key in row:
                x[key] += shift
    return x
