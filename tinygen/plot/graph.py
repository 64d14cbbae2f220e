"""Pictures of recorded computation graphs: values flow forward, gradients flow back."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from ..autograd.graph import Arrow, Box, describe_graph
from ..autograd.tensor import Tensor
from .canvas import FAINT, INK, new_figure, save_png

__all__ = ["place_boxes", "save_graph"]

GRADIENT = "#e76300"
OP_HALF_WIDTH, ELLIPSE_HALF_WIDTH = 0.36, 0.28  # in units of a column
MIN_DISTANCE = 1.15  # between two boxes of a column
NUM_SWEEPS = 12  # over the columns, to bring each box near its neighbours' height


def save_graph(
    path,
    panels: Mapping[str, Mapping[str, Tensor]],
    *,
    sampled: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Draw recorded computation graphs, one below the other.

    Values run from left to right; the gradient of each panel's first tensor runs back.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    panels : {title: {label: Tensor}}
        Everything recorded on the way to these tensors is drawn, each op in a box. Labels name
        results, parameters and constants; constants without a label are left out. A label may hold
        TeX between dollar signs.
    sampled : {label: labels}, optional
        For a constant that was drawn at random from results, the labels of these. The graph does
        not know of it, so its arrows are dashed.
    """
    graphs = []
    for title, tensors in panels.items():
        boxes, arrows = describe_graph(tensors, sampled or {})
        graphs.append((title, boxes, arrows, place_boxes([*boxes], arrows)))
    last_column = max(column for *_, places in graphs for column, _ in places.values())
    ranges = [
        (min(y for _, y in places.values()), max(y for _, y in places.values()))
        for *_, places in graphs
    ]
    heights = [high - low + 1.85 for low, high in ranges]
    total = 0.8 * sum(heights) + 0.3  # inches
    figure = new_figure(1.3 * (last_column + 1.0), total)
    bottom = 0.3
    for (title, boxes, arrows, places), (low, high), height in reversed(
        [*zip(graphs, ranges, heights, strict=True)]
    ):
        ax = figure.add_axes((0, bottom / total, 1, 0.8 * height / total))
        bottom += 0.8 * height
        ax.set(xlim=(-0.5, last_column + 0.5), ylim=(low - 0.75, high + 1.1))
        ax.set_axis_off()
        ax.text(-0.42, high + 0.9, title, size=12, weight="bold", color=INK, va="center")
        for arrow in arrows:
            _draw_arrow(ax, arrow, boxes, places)
        for key, box in boxes.items():
            _draw_box(ax, box, *places[key])
    _draw_legend(figure, total)
    save_png(figure, path)


def _draw_legend(figure, total_height: float) -> None:
    entries = (
        ("values, forward", INK, "-|>"),
        ("gradient, backward", GRADIENT, "<|-"),
        ("drawn at random: not in the record, no gradient", FAINT, "-|>"),
    )
    limits = {"xlim": (0, figure.get_figwidth()), "ylim": (0, 1)}
    ax = figure.add_axes((0, 0.06 / total_height, 1, 0.26 / total_height), **limits)
    ax.set_axis_off()
    for k, (text, colour, style) in enumerate(entries):
        x = 0.2 + 2.2 * k
        arrow = {
            "arrowstyle": style,
            "color": colour,
            "linewidth": 1.6,
            "linestyle": "--" if colour == FAINT else "-",
            "shrinkA": 0,
            "shrinkB": 0,
        }
        ax.annotate("", (x + 0.45, 0.5), (x, 0.5), arrowprops=arrow)
        ax.text(x + 0.55, 0.5, text, size=9, color=INK, va="center")


def _draw_arrow(ax, arrow: Arrow, boxes: Mapping[Hashable, Box], places: Mapping) -> None:
    (x_start, y_start), (x_end, y_end) = places[arrow.start], places[arrow.end]
    if x_start == x_end:
        start, end = np.array([x_start, y_start + 0.26]), np.array([x_end, y_end - 0.22])
    else:
        start = np.array([x_start + _half_width(boxes[arrow.start]) + 0.01, y_start])
        end = np.array([x_end - _half_width(boxes[arrow.end]) - 0.01, y_end])
    line = {"linewidth": 1.2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    shift = np.array([0.0, 0.09]) if arrow.kind == "gradient" else np.zeros(2)
    dashed = arrow.kind == "sampled"
    style = {"color": FAINT, "linestyle": "--"} if dashed else {"color": INK}
    forward = {"arrowstyle": "-|>", **line, **style}
    ax.annotate("", end + shift, start + shift, arrowprops=forward)
    if arrow.kind == "gradient":
        back = {"arrowstyle": "-|>", **line, "color": GRADIENT, "linewidth": 2.0}
        ax.annotate("", start - shift, end - shift, arrowprops=back)
    if arrow.kind == "sampled":
        middle = (start + end) / 2
        ax.plot(*middle, marker="x", color="#bd1f01", markersize=9, markeredgewidth=2.4)


def _half_width(box: Box) -> float:
    return OP_HALF_WIDTH if box.kind == "op" else ELLIPSE_HALF_WIDTH


def _draw_box(ax, box: Box, x: float, y: float) -> None:
    from matplotlib.patches import Ellipse, FancyBboxPatch

    colour, fill = (GRADIENT, "#fdf0e6") if box.has_gradient else ("#999999", "#f4f4f4")
    centred = {"ha": "center", "va": "center"}
    if box.kind == "op":
        ax.add_patch(
            FancyBboxPatch(
                (x - OP_HALF_WIDTH, y - 0.2),
                2 * OP_HALF_WIDTH,
                0.4,
                boxstyle="round,pad=0,rounding_size=0.1",
                facecolor=fill,
                edgecolor=colour,
                linewidth=1.4,
            )
        )
        size = 9 if len(box.text) < 12 or "_" in box.text else 8
        text = box.text.replace("_", "\n") if len(box.text) > 11 else box.text
        ax.text(x, y, text, size=size, color=INK, linespacing=0.9, **centred)
        ax.text(x, y + 0.38, box.label, size=11, color=INK, **centred)
    else:
        edge = "#3f90da" if box.kind == "sampled" else colour
        ax.add_patch(Ellipse((x, y), 0.56, 0.5, facecolor="white", edgecolor=edge, linewidth=1.4))
        ax.text(x, y, box.text, size=11, color=INK, **centred)
    if box.parameters:
        grey = colour if box.has_gradient else "#777777"
        ax.text(x, y - 0.35, box.parameters, size=8, color=grey, **centred)


# ------------------------------------------------------------------------------------------- layout


def place_boxes(keys: Sequence[Hashable], arrows: Sequence[Arrow]) -> dict:
    """Return {key: (column, height)}, so that arrows run to the right and stay short.

    The column of a box is the length of the longest path to it. Its height is near the mean of its
    neighbours' heights. A box that no arrow enters stands directly before its first use.
    """
    before: dict = {key: [] for key in keys}
    after: dict = {key: [] for key in keys}
    for arrow in arrows:
        before[arrow.end].append(arrow.start)
        after[arrow.start].append(arrow.end)
    column = _columns(keys, before)
    sources = [key for key in keys if not before[key] and after[key]]
    inner = [key for key in keys if key not in sources]
    first = 0 if sources else min(column.values())
    columns = [
        [key for key in inner if column[key] == c] for c in range(first, max(column.values()) + 1)
    ]
    height = _heights(columns, before, after)
    for key in sources:
        user = min(after[key], key=column.get)
        left_of_user = (column[user] - 1, height[user])
        below = [(column[user], height[user] - 1.1 * i) for i in range(1, len(keys) + 1)]
        column[key], height[key] = next(
            (c, y)
            for c, y in [left_of_user, *below]
            if all(column[other] != c or abs(y - height[other]) > 0.9 for other in height)
        )
    first = min(column.values())
    return {key: (column[key] - first, height[key]) for key in keys}


def _columns(keys: Sequence[Hashable], before: Mapping) -> dict:
    """Return the length of the longest path to each box. A loop: graphs may be deep."""
    column: dict = {}
    for key in sorted(keys, key=lambda key: getattr(key, "time", math.inf)):
        stack = [key]
        while stack:
            waiting = [other for other in before[stack[-1]] if other not in column]
            if waiting:
                stack += waiting
            else:
                done = stack.pop()
                column[done] = 1 + max((column[other] for other in before[done]), default=-1)
    return column


def _heights(columns: Sequence[list], before: Mapping, after: Mapping) -> dict:
    """Return the height of each box: its neighbours' mean, at a distance from others in its column.

    Sweep over the columns, forwards and backwards in turn.
    """
    height = {key: (len(column) - 1) / 2 - i for column in columns for i, key in enumerate(column)}
    for sweep in range(NUM_SWEEPS):
        for column in columns[:: -1 if sweep % 2 else 1]:
            wish = {}
            for key in column:
                near = [height[n] for n in before[key] + after[key] if n in height]
                wish[key] = float(np.mean(near or [height[key]]))
            column.sort(key=lambda key, wish=wish: (wish[key], height[key]))
            lowest = -math.inf
            for key in column:
                lowest = height[key] = max(wish[key], lowest + MIN_DISTANCE)
            shift = sum(wish[key] - height[key] for key in column) / max(len(column), 1)
            for key in column:
                height[key] += shift
    return height
