"""Training curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .arrays import as_numpy, check_finite
from .canvas import CLASS_COLOURS, INK, new_figure, save_png, style_axes

__all__ = ["save_curves"]


def save_curves(
    path,
    curves: Mapping[str, tuple],
    *,
    ylabel: str = "loss",
    xlabel: str = "step",
    title: str = "",
    smooth: bool = True,
    log: str = "",
) -> None:
    """Draw curves: the raw values pale, and on top a running mean over a fiftieth of them.

    The range of the y axis leaves out the first twentieth of the values, where losses fall
    steeply, so that the rest can be read. With ``smooth=False``, or below 50 values, the values
    are joined as they are. With ``smooth=False`` all of them are within the range.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    curves : {label: (steps, values)}
        Arrays of equal length.
    ylabel, xlabel, title : str
        Texts at the axes and above.
    smooth : bool
        Whether to draw running means.
    log : {"", "x", "y", "xy"}
        Which axes are logarithmic.
    """
    series = {label: _check_curve(label, *curve) for label, curve in curves.items()}
    figure = new_figure(6.4, 3.8)
    ax = figure.add_axes((0.11, 0.14, 0.86, 0.76 if title else 0.82))
    for k, (label, (steps, values)) in enumerate(series.items()):
        colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
        if smooth and len(values) >= 50:
            ax.plot(steps, values, color=colour, alpha=0.25, linewidth=0.6)
            ax.plot(*_running_mean(steps, values), color=colour, linewidth=1.8, label=label)
        else:
            marker = "o" if len(values) < 50 else None
            style = {"linewidth": 1.8, "marker": marker, "markersize": 4}
            ax.plot(steps, values, color=colour, label=label, **style)
    for axis in log:
        ax.set(**{f"{axis}scale": "log"})
    if "y" not in log:
        first = [len(values) // 20 if smooth else 0 for _, values in series.values()]
        visible = [values[i:] for i, (_, values) in zip(first, series.values(), strict=True)]
        ax.set_ylim(*_limits(np.concatenate(visible)))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if title:  # a long title is set smaller instead of being cut off
        ax.set_title(title, size=min(11, 700 / len(title)), color=INK)
    if len(series) > 1:
        ax.legend(frameon=False, fontsize=9)
    ax.grid(axis="y", color="#eeeeee", linewidth=0.8)
    ax.set_axisbelow(True)
    style_axes(ax)
    save_png(figure, path)


def _check_curve(label: str, steps, values) -> tuple[np.ndarray, np.ndarray]:
    steps, values = as_numpy(steps), as_numpy(values)
    if steps.shape != values.shape or steps.ndim != 1 or not len(steps):
        raise ValueError(
            f"save_curves: {label!r} needs as many steps as values, at least one; "
            f"got {steps.shape} and {values.shape}"
        )
    check_finite(f"save_curves, {label!r}", values)
    return steps, values


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
