"""Games and penalties beside one another: costs and their slopes, critics on a line, discriminators over a plane.

    save_losses     costs of the generator against the logit, and below them their derivatives
    save_critics   a column for each game: its figures as training goes, and moments with both densities and the critic between them
    save_table     a table of small planes, samples over what the discriminator says, rows and columns named
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from figures.game import FAKE, REAL

from tinygen.plot.arrays import as_numpy, check_finite
from tinygen.plot.canvas import CLASS_COLOURS, INK, new_figure, save_png, style_axes
from tinygen.plot.planes import as_square, blend_colours

__all__ = ["save_losses", "save_critics", "save_table"]

LOW, HIGH = "#f3d9c0", "#c3d7ee"  # what a discriminator says: fake, real
LEAST = 1e-4  # of a figure on a logarithmic axis


def save_losses(path, curves: Mapping[str, tuple], *, xlabel: str, reach: float = 4.0) -> None:
    """Draw {label: (x, cost, derivative)}, the first two bold: costs on the left, -reach to reach, and derivatives on the right, -reach / 2 to reach / 4."""
    series = {label: [as_numpy(a) for a in each] for label, each in curves.items()}
    for label, (x, cost, slope) in series.items():
        if not (x.ndim == 1 and x.shape == cost.shape == slope.shape and len(x)):
            raise ValueError(f"save_losses, {label!r}: needs x, cost and derivative, (m,) each; got {x.shape}, {cost.shape} and {slope.shape}")
        for a in (x, cost, slope):
            check_finite(f"save_losses, {label!r}", a)
    if not series:
        raise ValueError("save_losses: no cost to draw")
    figure = new_figure(9.6, 3.9)
    for i, title in enumerate(("cost", "derivative: what reaches the generator")):
        ax = figure.add_axes((0.06 + 0.5 * i, 0.13, 0.43, 0.77))
        for k, (label, (x, *both)) in enumerate(series.items()):
            ax.plot(x, both[i], color=CLASS_COLOURS[k % len(CLASS_COLOURS)], linewidth=2.6 if k < 2 else 1.4, label=label,
                    linestyle="-" if k < 2 else (3 * k, (3, 6)))  # dashes of curves that coincide take turns
        ax.axhline(0, color="#dddddd", linewidth=0.8, zorder=0)
        ax.axvline(0, color="#dddddd", linewidth=0.8, zorder=0)
        ax.set(xlim=(x[0], x[-1]), ylim=(-reach, reach) if i == 0 else (-reach / 2, reach / 4), xlabel=xlabel)
        ax.set_title(title, size=11, color=INK)
        if i == 0:
            ax.legend(frameon=False, fontsize=8.5, loc="lower left")
        style_axes(ax)
    save_png(figure, path)


def save_critics(path, columns: Mapping[str, Mapping]) -> None:
    """Draw {title: column}, side by side. A column has

    curves : {label: (steps, values, style)}, by step, on a logarithmic axis: what is 0 or less falls out of it.
    snapshots : a list of {"title", "x", "p", "q", "f", "optimal", "note"}: the densities (m,) of data and generator at x (m,), what the critic says, (m,), and what the
        best one would, dashed, NaN where nothing is best. The critics have an axis of their own, on the right.
    """
    columns = {title: {**column, "snapshots": [_checked(title, m) for m in column["snapshots"]]} for title, column in columns.items()}
    counts = {len(c["snapshots"]) for c in columns.values()}
    if len(counts) != 1:
        raise ValueError(f"save_critics: needs columns, each with as many snapshots; got {sorted(counts)}")
    rows, wide, tall = 1 + counts.pop(), 3.6, 2.6
    figure = new_figure(wide * len(columns), tall * rows + 0.1)
    width, height = 1 / len(columns), tall / (tall * rows + 0.1)
    for i, (title, column) in enumerate(columns.items()):
        ax = figure.add_axes(((i + 0.13) * width, 1 - 0.89 * height, 0.74 * width, 0.76 * height))
        shown = []
        for label, (steps, values, style) in column["curves"].items():
            check_finite(f"save_critics, {title!r}, {label}", values)
            above = np.where(values > LEAST, values, np.nan)
            ax.plot(steps, above, label=label, **style)
            shown.append(above[np.isfinite(above)])
        shown = np.concatenate([*shown, [1.0]])
        ax.set(yscale="log", ylim=(max(shown.min(), 0.01) / 1.5, 5 * shown.max()))
        decades = 10.0 ** np.arange(-2, np.log10(shown.max()) + 1)
        ax.set_yticks([*decades, *3 * decades], [f"{tick:g}" for tick in (*decades, *3 * decades)])
        ax.set_yticks([], minor=True)
        ax.legend(frameon=False, fontsize=6.5, loc="upper right", ncols=2, handlelength=1.3, columnspacing=1.0, borderaxespad=0.2)
        ax.set_title(title, size=12, weight="bold", color=INK)
        style_axes(ax)
        for k, moment in enumerate(column["snapshots"]):
            _draw_moment(figure, moment, (i * width, 1 - (k + 2) * height, width, height), legend=i == 0 and k == 0)
    save_png(figure, path)


def _draw_moment(figure, moment: Mapping, place: tuple, legend: bool) -> None:
    left, bottom, width, height = place
    x = moment["x"]
    ax = figure.add_axes((left + 0.13 * width, bottom + 0.12 * height, 0.74 * width, 0.7 * height))
    top = 1.35 * float(moment["p"].max())  # what is a needle beside the data may leave the picture
    for y, colour, label in ((moment["p"], REAL, "data, p"), (moment["q"], FAKE, "generated, q")):
        ax.fill_between(x, y, color=colour, alpha=0.35, linewidth=0, label=label)
    ax.set(xlim=(x[0], x[-1]), ylim=(0, top), yticks=())
    right = ax.twinx()
    right.plot(x, moment["optimal"], color=INK, linewidth=1.1, linestyle="--", label="the best one")
    right.plot(x, moment["f"], color=INK, linewidth=1.9, label="critic, learned")
    heights = np.concatenate([moment["f"], moment["optimal"]])
    low, high = np.nanmin(heights), np.nanmax(heights)
    margin = 0.08 * max(high - low, 1e-6)
    right.set(ylim=(low - margin, high + margin))
    for a in (ax, right):
        style_axes(a)
    right.spines["right"].set(visible=True, color="#bbbbbb")
    if legend:
        lines = [*ax.collections, *right.get_lines()]
        right.legend(lines, [each.get_label() for each in lines], fontsize=6.5, frameon=False, loc="center right")
    ax.set_title(f"{moment['title']}\n{moment['note']}", size=8, color=INK, linespacing=1.3)


def _checked(title: str, moment: Mapping) -> dict:
    if wrong := {"title", "x", "p", "q", "f", "optimal", "note"} ^ set(moment):
        raise ValueError(f"save_critics, {title!r}: a snapshot has title, x, p, q, f, optimal and note; wrong or missing: {', '.join(sorted(wrong))}")
    moment = dict(moment)
    for name in ("x", "p", "q", "f", "optimal"):
        moment[name] = np.asarray(moment[name], np.float64)
        if name != "optimal":
            check_finite(f"save_critics, {title!r}, {name}", moment[name])
        if moment[name].shape != moment["x"].shape or moment["x"].ndim != 1:
            raise ValueError(f"save_critics, {title!r}: x, p, q, f and optimal are (m,); got {name} {moment[name].shape} beside x {moment['x'].shape}")
    return moment


def save_table(path, rows: Mapping[str, Mapping[str, Mapping]], extent: Sequence[float]) -> None:
    """Draw {row: {column: panel}}, each panel over the same extent = (left, right, bottom, top). A panel has

    field : what the discriminator says at `grid_points(extent, m)`, (m^2,), any numbers: coloured from the least to the greatest within it, with the 2 % at either end cut off.
    points : samples (n, 2); what lies outside the extent is not seen. note : a few words below.
    """
    names = [*rows]
    columns = [*next(iter(rows.values()), {})]
    if not columns or any([*row] != columns for row in rows.values()):
        raise ValueError("save_table: needs rows, each with the same columns in the same order")
    left, right, bottom, top = extent
    side, label, gap = 1.5, 0.3, 0.06
    width, height = label + len(columns) * (side + gap), label + len(rows) * (side + gap + 0.2)
    figure = new_figure(width, height)
    for i, row in enumerate(names):
        y = height - label - i * (side + gap + 0.2) - side
        figure.text(0.5 * label / width, (y + side / 2) / height, row, rotation=90, size=10, weight="bold", color=INK, ha="center", va="center")
        for j, column in enumerate(columns):
            x, panel = label + j * (side + gap), rows[row][column]
            if i == 0:
                figure.text((x + side / 2) / width, 1 - 0.5 * label / height, column, size=10, weight="bold", color=INK, ha="center", va="center")
            field, points = as_numpy(panel["field"]), as_numpy(panel["points"])
            for what, a in (("field", field), ("points", points)):
                check_finite(f"save_table, {row!r}, {column!r}, {what}", a)
            low, high = np.quantile(field, [0.02, 0.98])
            ax = figure.add_axes((x / width, y / height, side / width, side / height))
            shades = blend_colours(np.clip((as_square(field) - low) / max(high - low, 1e-12), 0, 1), (LOW, "#ffffff", HIGH))
            ax.imshow(shades, extent=extent, origin="lower", interpolation="bilinear", aspect="auto", zorder=0)
            ax.scatter(*points.T, s=1.2, color=INK, alpha=0.35, linewidths=0, rasterized=True)
            ax.set(xlim=(left, right), ylim=(bottom, top), xticks=(), yticks=())
            for spine in ax.spines.values():
                spine.set_color("#bbbbbb")
            figure.text((x + side / 2) / width, (y - 0.1) / height, panel["note"], size=7.5, color=INK, ha="center", va="center")
    save_png(figure, path)
