"""Comparisons of adversarial losses: their curves, critics on a line, discriminators in the plane.

save_losses    losses of the generator against the logit, and their derivatives
Critic         the densities of data and samples, and a critic between them
save_table     a table of small planes: samples over the discriminator's output
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from figures.game import draw_densities

from tinygen.plot.arrays import as_numpy, as_square, blend_colours, check_finite
from tinygen.plot.canvas import CLASS_COLOURS, FAINT, INK, new_figure, save_png, style_axes
from tinygen.plot.page import LINE, Box, Page, Panel

__all__ = ["Critic", "save_losses", "save_table"]

PALE_FAKE, PALE_REAL = "#f3d9c0", "#c3d7ee"  # colours of the discriminator's output
NUMBERS = 76  # pixels of the page for the numbers at an axis
LIMITS = ((-4, 4), (-2, 1))  # of the losses, and of their derivatives


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


class Critic(Panel):
    """A critic, or a discriminator, between the densities of data and samples.

    Parameters
    ----------
    x : array (m,)
        Where all that follows is given.
    p, q : arrays (m,)
        The densities of data and samples, drawn filled.
    f, optimal : arrays (m,)
        The output of the critic, and dashed that of the optimal one, NaN where it is not defined.
    title, note : str
        Above and below the panel.
    """

    def __init__(self, x, p, q, f, optimal, *, title: str = "", note: str = ""):
        self.x, self.p, self.q, self.f, self.optimal = (
            np.asarray(array, np.float64) for array in (x, p, q, f, optimal)
        )
        for array in (self.x, self.p, self.q, self.f):
            check_finite(f"Critic, {title!r}", array)
        shapes = {array.shape for array in (self.x, self.p, self.q, self.f, self.optimal)}
        if len(shapes) > 1 or self.x.ndim != 1:
            raise ValueError(f"Critic, {title!r}: x, p, q, f and optimal are (m,); got {shapes}")
        self.title, self.note = title, note

    def size(self, width: float) -> tuple[float, float]:
        return width, 0.7 * width

    def draw(self, page: Page, box: Box) -> None:
        place = box._replace(width=box.width - NUMBERS, height=box.height - LINE)
        ax = page.axes(place)
        draw_densities(ax, self.x, self.p, self.q, top=1.3 * float(self.p.max()))
        ax.set(yticks=())
        right = ax.twinx()
        right.plot(self.x, self.optimal, color=INK, linewidth=1.5, linestyle=(0, (4, 2)))
        right.plot(self.x, self.f, color=INK, linewidth=2.8)
        both = np.concatenate([self.f, self.optimal])
        low, high = np.nanmin(both), np.nanmax(both)
        margin = 0.08 * max(high - low, 1e-6)
        right.set(ylim=(low - margin, high + margin))
        right.locator_params(axis="y", nbins=4)
        for a in (ax, right):
            style_axes(a)
        right.spines["right"].set(visible=True, color=FAINT)


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
