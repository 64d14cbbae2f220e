"""Curves, for example of a loss during training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .arrays import as_numpy, check_finite
from .canvas import CLASS_COLOURS, INK, TEXT, style_axes
from .page import LINE, Box, Page, Panel, save_page, text_width

__all__ = ["Curves", "save_curves"]

# In the order of CLASS_COLOURS, so that curves can be distinguished in grey, too.
DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.2)), (0, (6, 2, 1.2, 2)))


class Curves(Panel):
    """Curves: the raw values pale, and on top a running mean over a fiftieth of them.

    The range of the y axis leaves out the first twentieth of the values, where losses fall
    steeply, so that the rest can be read. With ``smooth=False``, or below 50 values, the values
    are joined as they are. With ``smooth=False`` all of them are within the range.

    Parameters
    ----------
    curves : {label: (steps, values)} or {label: (steps, values, errors)}
        Arrays of equal length. Each curve has a colour and a style of dashes. A bar reaches from
        each value minus its error to the value plus its error.
    ylabel, xlabel, title, note : str
        Texts above the y axis, below the x axis, above the panel and below it.
    smooth : bool
        Whether to draw running means.
    log : {"", "x", "y", "xy"}
        Which axes are logarithmic.
    direct : bool
        Whether each label stands at the right end of its curve, in place of a legend.
    ylim : pair of float, optional
        The range of the y axis, instead of that of the values.
    height : int
        Of the panel, in pixels of the page.
    """

    def __init__(
        self,
        curves: Mapping[str, tuple],
        *,
        ylabel: str = "loss",
        xlabel: str = "step",
        title: str = "",
        note: str = "",
        smooth: bool = True,
        log: str = "",
        direct: bool = False,
        ylim: tuple[float, float] | None = None,
        height: int = 460,
    ):
        self.series = {label: _check_curve(label, *curve) for label, curve in curves.items()}
        self.ylabel, self.xlabel, self.title, self.note = ylabel, xlabel, title, note
        self.smooth, self.log, self.direct = smooth, log, direct
        self.ylim, self.height = ylim, height

    def size(self, width: float) -> tuple[float, float]:
        return width, self.height

    def draw(self, page: Page, box: Box) -> None:
        ax = page.axes(box)
        self._draw_curves(ax)
        for axis in self.log:
            ax.set(**{f"{axis}scale": "log"})
        positions = np.unique(np.concatenate([steps for steps, _, _ in self.series.values()]))
        if "x" in self.log and len(positions) <= 8:  # at the values, and not 4 * 10^0
            ax.set_xticks(positions, [f"{x:g}" for x in positions])
            ax.set_xticks([], minor=True)
        values = np.concatenate([values for _, values, _ in self.series.values()])
        if "y" in self.log and values.max() < 1000 * values.min():  # 2, 5 and 10, and not 10^1
            ax.yaxis.get_major_locator().set_params(subs=(1, 2, 5), numticks=20)
            ax.yaxis.set_major_formatter("{x:g}")
            ax.tick_params(axis="y", which="minor", left=False, labelleft=False)
        if self.ylim:
            ax.set_ylim(*self.ylim)
        elif "y" not in self.log:
            series = self.series.values()
            first = [len(values) // 20 if self.smooth else 0 for _, values, _ in series]
            visible = [
                values[i:] + sign * errors[i:]
                for i, (_, values, errors) in zip(first, series, strict=True)
                for sign in (-1, 1)
            ]
            ax.set_ylim(*_limits(np.concatenate(visible)))
        ax.set_xlabel(self.xlabel)
        ax.set_title(self.ylabel, size=TEXT, color=INK, loc="left")
        if len(self.series) > 1 and not self.direct:
            box_style = {"facecolor": "white", "edgecolor": "none", "framealpha": 0.85}
            ax.legend(fontsize=TEXT, handlelength=2.6, labelcolor=INK, **box_style)
        ax.grid(axis="y", color="#eeeeee", linewidth=0.8)
        ax.set_axisbelow(True)
        style_axes(ax)
        if not self.direct:
            page.fit(ax, box)
            return
        right = max(text_width(label) for label in self.series) + 12
        page.fit(ax, box._replace(width=box.width - right))
        self._write_labels(ax)

    def _draw_curves(self, ax) -> None:
        """Draw each curve in its colour and dashes, with the bars of its errors."""
        for k, (label, (steps, values, errors)) in enumerate(self.series.items()):
            colour, dashes = CLASS_COLOURS[k % len(CLASS_COLOURS)], DASHES[k % len(DASHES)]
            style = {"color": colour, "linestyle": dashes, "linewidth": 1.8, "label": label}
            if self.smooth and len(values) >= 50:
                ax.plot(steps, values, color=colour, alpha=0.25, linewidth=0.6)
                ax.plot(*_running_mean(steps, values), **style)
            else:
                marker = "o" if len(values) < 50 else None
                ax.plot(steps, values, marker=marker, markersize=4, **style)
            if errors.any():
                bars = {"color": colour, "linewidth": 1.2, "capsize": 3}
                ax.errorbar(steps, values, errors, linestyle="none", **bars)

    def _write_labels(self, ax) -> None:
        """Write each label at the right end of its curve, in the order of the ends."""
        ends = np.array([(steps[-1], values[-1]) for steps, values, _ in self.series.values()])
        y = ax.transData.transform(ends)[:, 1]
        order = np.argsort(y, kind="stable")
        for _ in range(100):  # push neighbours apart until they are a line apart
            push = np.maximum(LINE - np.diff(y[order]), 0) / 2
            y[order[:-1]] -= push
            y[order[1:]] += push
        for k, label in enumerate(self.series):
            colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
            place = ax.transData.inverted().transform((ax.get_window_extent().x1 + 8, y[k]))
            ax.text(*place, label, size=TEXT, color=colour, va="center", parse_math=False)


def save_curves(path, curves, **options) -> None:
    """Draw curves; the options are those of `Curves`."""
    save_page(path, [Curves(curves, **options)])


def _check_curve(label: str, steps, values, errors=0) -> tuple[np.ndarray, ...]:
    """Return the steps, values and errors of a curve as arrays of one length."""
    steps, values, errors = as_numpy(steps), as_numpy(values), as_numpy(errors)
    if errors.ndim == 0:
        errors = np.full(values.shape, errors)
    if steps.shape != values.shape or steps.ndim != 1 or not len(steps):
        raise ValueError(
            f"Curves: {label!r} needs as many steps as values, at least one; "
            f"got {steps.shape} and {values.shape}"
        )
    if errors.shape != values.shape:
        raise ValueError(
            f"Curves: {label!r} needs an error for each value; got {errors.shape} for "
            f"{values.shape}"
        )
    check_finite(f"Curves, {label!r}", values)
    check_finite(f"Curves, errors of {label!r}", errors)
    return steps, values, errors


def _running_mean(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles and the means of windows that hold a fiftieth of the values."""
    window = max(5, len(values) // 50)
    total = np.cumsum(np.concatenate([[0.0], values.astype(np.float64)]))
    means = (total[window:] - total[:-window]) / window
    middles = np.convolve(steps, np.ones(window) / window, mode="valid")
    return middles, means


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Return the range of the values with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * max(high - low, 1e-6)
    return low - margin, high + margin
