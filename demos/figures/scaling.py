"""Time and memory of a training step against batch, width and resolution, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinygen.plot.canvas import CLASS_COLOURS, INK, new_figure, save_png, style_axes

__all__ = ["local_exponent", "save_scaling"]

ROWS = {"median_ms": "milliseconds per step", "peak_mib": "memory in MiB"}
TITLES = {"batch": "batch", "width": "channels of the first layer", "size": "height and width"}


def local_exponent(x, y) -> float:
    """Return s such that y grows like x^s from the last value but one to the last."""
    return float(np.log(y[-1] / y[-2]) / np.log(x[-1] / x[-2]))


def save_scaling(
    path,
    values: Mapping[str, Sequence[int]],
    results: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]],
    multiplications: Mapping[str, Sequence[int]],
) -> None:
    """Draw a column for each setting, time above memory, and a curve for each library.

    On logarithmic axes x^s is a straight line of slope s. The labels give the slope of the last
    segment of each curve.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    values : {setting: numbers}
        The values that each setting had.
    results : {setting: {library: figures}}
        "median_ms" and "peak_mib" for each value.
    multiplications : {setting: numbers}
        How many there are for each value. They are drawn as the time they would take at the speed
        that the first library reaches with the last value.
    """
    figure = new_figure(10.2, 6.2)
    axes = figure.subplots(len(ROWS), len(values), sharex="col", sharey="row")
    for column, (setting, x) in enumerate(values.items()):
        for ax, (key, label) in zip(axes[:, column], ROWS.items(), strict=True):
            curves = {
                library: np.array([entry[key] for entry in figures])
                for library, figures in results[setting].items()
            }
            for k, (library, y) in enumerate(curves.items()):
                text = f"{library}: {local_exponent(x, y):.1f}"
                ax.loglog(x, y, "o-", color=CLASS_COLOURS[k], markersize=4, label=text)
            if key == "median_ms":
                count = np.array(multiplications[setting])
                ideal = next(iter(curves.values()))[-1] * count / count[-1]
                text = f"multiplications: {local_exponent(x, count):.1f}"
                ax.loglog(x, ideal, "--", color="#999999", linewidth=1, zorder=0, label=text)
                ax.set_title(TITLES[setting], size=11, color=INK)
            ax.set_xticks(x, [str(value) for value in x])
            ax.minorticks_off()
            ax.yaxis.set_major_formatter("{x:g}")
            if column == 0:
                ax.set_ylabel(label)
            legend = ax.legend(
                frameon=False, fontsize=8, loc="upper left", title="slope at the end"
            )
            legend.get_title().set(fontsize=8)
            style_axes(ax)
    figure.tight_layout()
    save_png(figure, path)
