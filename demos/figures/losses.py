"""Comparisons of adversarial losses: their curves, critics on a line, discriminators in the plane.

save_losses    losses of the generator against the logit, and their derivatives
save_critics   a column per loss: training curves, and snapshots of densities and critic
save_table     a table of small planes: samples over the discriminator's output
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from figures.game import FAKE, REAL

from tinygen.plot.arrays import as_numpy, as_square, blend_colours, check_finite
from tinygen.plot.canvas import CLASS_COLOURS, INK, new_figure, save_png, style_axes

__all__ = ["save_critics", "save_losses", "save_table"]

PALE_FAKE, PALE_REAL = "#f3d9c0", "#c3d7ee"  # colours of the discriminator's output
MIN_VALUE = 1e-4  # of a curve on a logarithmic axis
LIMITS = ((-4, 4), (-2, 1))  # of the losses, and of their derivatives
SNAPSHOT_KEYS = ("title", "x", "p", "q", "f", "optimal", "note")


def save_losses(path, curves: Mapping[str, tuple], *, xlabel: str) -> None:
    """Draw losses from -4 to 4 on the left, and their derivatives from -2 to 1 on the right.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    curves : {label: (x, loss, derivative)}
        Arrays (m,). The first two are drawn bold.
    xlabel : str
        What x is.
    """
    series = {label: _check_loss(label, *curve) for label, curve in curves.items()}
    if not series:
        raise ValueError("save_losses: no loss to draw")
    figure = new_figure(9.6, 3.9)
    titles = ("loss", "derivative: what reaches the generator")
    for i, title in enumerate(titles):
        ax = figure.add_axes((0.06 + 0.5 * i, 0.13, 0.43, 0.77))
        for k, (label, (x, *both)) in enumerate(series.items()):
            # Dashes of curves that coincide take turns.
            style = {"linewidth": 2.6, "linestyle": "-"}
            if k >= 2:
                style = {"linewidth": 1.4, "linestyle": (3 * k, (3, 6))}
            ax.plot(x, both[i], color=CLASS_COLOURS[k % len(CLASS_COLOURS)], label=label, **style)
        ax.axhline(0, color="#dddddd", linewidth=0.8, zorder=0)
        ax.axvline(0, color="#dddddd", linewidth=0.8, zorder=0)
        ax.set(xlim=(x[0], x[-1]), ylim=LIMITS[i], xlabel=xlabel)
        ax.set_title(title, size=11, color=INK)
        if i == 0:
            ax.legend(frameon=False, fontsize=8.5, loc="lower left")
        style_axes(ax)
    save_png(figure, path)


def _check_loss(label: str, *arrays) -> list[np.ndarray]:
    x, loss, derivative = arrays = [as_numpy(array) for array in arrays]
    if x.ndim != 1 or not len(x) or loss.shape != x.shape or derivative.shape != x.shape:
        raise ValueError(
            f"save_losses, {label!r}: needs x, loss and derivative, (m,) each; "
            f"got {x.shape}, {loss.shape} and {derivative.shape}"
        )
    for array in arrays:
        check_finite(f"save_losses, {label!r}", array)
    return arrays


def save_critics(path, columns: Mapping[str, Mapping]) -> None:
    """Draw a column per loss: its training curves, and below them snapshots of the critic.

    Each column is a dict that has:

        curves       {label: (steps, values, style)}, on a logarithmic axis; values of 0 or less
                     are not drawn
        snapshots    list of dicts, each with title and note; x (m,); p and q, the densities (m,)
                     of data and generator; f, the critic's output (m,); and optimal, that of the
                     optimal critic, NaN where it is not defined

    The critics have their own axis, on the right.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    columns : {title: column}
        Drawn side by side; each has the same number of snapshots.
    """
    columns = {title: _check_column(title, column) for title, column in columns.items()}
    counts = {len(column["snapshots"]) for column in columns.values()}
    if len(counts) != 1:
        raise ValueError(
            f"save_critics: needs columns with equally many snapshots; got {sorted(counts)}"
        )
    num_rows, panel_width, panel_height = 1 + counts.pop(), 3.6, 2.6
    total_height = panel_height * num_rows + 0.1
    figure = new_figure(panel_width * len(columns), total_height)
    width, height = 1 / len(columns), panel_height / total_height
    for i, (title, column) in enumerate(columns.items()):
        place = ((i + 0.13) * width, 1 - 0.89 * height, 0.74 * width, 0.76 * height)
        ax = figure.add_axes(place)
        _draw_curves(ax, column["curves"])
        ax.set_title(title, size=12, weight="bold", color=INK)
        style_axes(ax)
        for k, snapshot in enumerate(column["snapshots"]):
            place = (i * width, 1 - (k + 2) * height, width, height)
            _draw_snapshot(figure, snapshot, place, has_legend=i == 0 and k == 0)
    save_png(figure, path)


def _draw_curves(ax, curves: Mapping[str, tuple]) -> None:
    """Draw curves on a logarithmic axis, with ticks at 1 and 3 times the powers of ten."""
    visible = [np.ones(1)]
    for label, (steps, values, style) in curves.items():
        positive = np.where(values > MIN_VALUE, values, np.nan)
        ax.plot(steps, positive, label=label, **style)
        visible.append(positive[np.isfinite(positive)])
    visible = np.concatenate(visible)
    ax.set(yscale="log", ylim=(max(visible.min(), 0.01) / 1.5, 5 * visible.max()))
    decades = 10.0 ** np.arange(-2, np.log10(visible.max()) + 1)
    ticks = [*decades, *3 * decades]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks([], minor=True)
    style = {"handlelength": 1.3, "columnspacing": 1.0, "borderaxespad": 0.2}
    ax.legend(frameon=False, fontsize=6.5, loc="upper right", ncols=2, **style)


def _draw_snapshot(figure, snapshot: Mapping, place: tuple, has_legend: bool) -> None:
    """Draw one snapshot into the part (left, bottom, width, height) of the figure."""
    left, bottom, width, height = place
    x = snapshot["x"]
    ax = figure.add_axes((left + 0.13 * width, bottom + 0.12 * height, 0.74 * width, 0.7 * height))
    # A generated density that is much higher than the data's may leave the picture.
    top = 1.35 * float(snapshot["p"].max())
    for name, colour, label in (("p", REAL, "data, p"), ("q", FAKE, "generated, q")):
        ax.fill_between(x, snapshot[name], color=colour, alpha=0.35, linewidth=0, label=label)
    ax.set(xlim=(x[0], x[-1]), ylim=(0, top), yticks=())
    right = ax.twinx()
    style = {"color": INK, "linewidth": 1.1, "linestyle": "--"}
    right.plot(x, snapshot["optimal"], label="critic, optimal", **style)
    right.plot(x, snapshot["f"], color=INK, linewidth=1.9, label="critic, learned")
    both = np.concatenate([snapshot["f"], snapshot["optimal"]])
    low, high = np.nanmin(both), np.nanmax(both)
    margin = 0.08 * max(high - low, 1e-6)
    right.set(ylim=(low - margin, high + margin))
    for a in (ax, right):
        style_axes(a)
    right.spines["right"].set(visible=True, color="#bbbbbb")
    if has_legend:
        lines = [*ax.collections, *right.get_lines()]
        labels = [line.get_label() for line in lines]
        right.legend(lines, labels, fontsize=6.5, frameon=False, loc="center right")
    title = f"{snapshot['title']}\n{snapshot['note']}"
    ax.set_title(title, size=8, color=INK, linespacing=1.3)


def _check_column(title: str, column: Mapping) -> dict:
    name = f"save_critics, {title!r}"
    for label, (_, values, _) in column["curves"].items():
        check_finite(f"{name}, {label}", values)
    snapshots = [_check_snapshot(name, snapshot) for snapshot in column["snapshots"]]
    return {**column, "snapshots": snapshots}


def _check_snapshot(name: str, snapshot: Mapping) -> dict:
    if wrong := set(SNAPSHOT_KEYS) ^ set(snapshot):
        raise ValueError(
            f"{name}: a snapshot has {', '.join(SNAPSHOT_KEYS)}; "
            f"wrong or missing: {', '.join(sorted(wrong))}"
        )
    snapshot = dict(snapshot)
    for key in ("x", "p", "q", "f", "optimal"):
        snapshot[key] = np.asarray(snapshot[key], np.float64)
        if key != "optimal":
            check_finite(f"{name}, {key}", snapshot[key])
        if snapshot[key].shape != snapshot["x"].shape or snapshot["x"].ndim != 1:
            raise ValueError(
                f"{name}: x, p, q, f and optimal are (m,); "
                f"got {key} {snapshot[key].shape} and x {snapshot['x'].shape}"
            )
    return snapshot


def save_table(path, rows: Mapping[str, Mapping[str, Mapping]], extent: Sequence[float]) -> None:
    """Draw a table of small planes: samples over the discriminator's output.

    Each panel is a dict that has:

        field     (m^2,): the discriminator's output at `grid_points(extent, m)`, any numbers;
                  coloured from the smallest to the largest within the panel, with 2 % cut off at
                  either end
        points    samples (n, 2); those outside the extent are not visible
        note      a few words below

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    rows : {row: {column: panel}}
        Each row has the same columns in the same order.
    extent : (left, right, bottom, top)
        The part of the plane.
    """
    columns = [*next(iter(rows.values()), {})]
    if not columns or any([*row] != columns for row in rows.values()):
        raise ValueError("save_table: needs rows, each with the same columns in the same order")
    side, label, gap = 1.5, 0.3, 0.06  # inches
    row_height = side + gap + 0.2
    width, height = label + len(columns) * (side + gap), label + len(rows) * row_height
    figure = new_figure(width, height)
    centred = {"color": INK, "ha": "center", "va": "center"}
    bold = {"size": 10, "weight": "bold", **centred}
    for i, (row_name, row) in enumerate(rows.items()):
        y = height - label - i * row_height - side
        middle_y = (y + side / 2) / height
        figure.text(0.5 * label / width, middle_y, row_name, rotation=90, **bold)
        for j, (column_name, panel) in enumerate(row.items()):
            x = label + j * (side + gap)
            middle_x = (x + side / 2) / width
            if i == 0:
                figure.text(middle_x, 1 - 0.5 * label / height, column_name, **bold)
            ax = figure.add_axes((x / width, y / height, side / width, side / height))
            _draw_cell(ax, f"save_table, {row_name!r}, {column_name!r}", panel, extent)
            figure.text(middle_x, (y - 0.1) / height, panel["note"], size=7.5, **centred)
    save_png(figure, path)


def _draw_cell(ax, name: str, panel: Mapping, extent: Sequence[float]) -> None:
    """Draw the discriminator's output and the samples of one panel of a table."""
    left, right, bottom, top = extent
    field, points = as_numpy(panel["field"]), as_numpy(panel["points"])
    check_finite(f"{name}, field", field)
    check_finite(f"{name}, points", points)
    low, high = np.quantile(field, [0.02, 0.98])
    relative = np.clip((as_square(field) - low) / max(high - low, 1e-12), 0, 1)
    colours = blend_colours(relative, (PALE_FAKE, "#ffffff", PALE_REAL))
    style = {"interpolation": "bilinear", "aspect": "auto", "zorder": 0}
    ax.imshow(colours, extent=extent, origin="lower", **style)
    ax.scatter(*points.T, s=1.2, color=INK, alpha=0.35, linewidths=0, rasterized=True)
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=(), yticks=())
    for spine in ax.spines.values():
        spine.set_color("#bbbbbb")
