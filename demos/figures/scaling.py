"""Time and memory of a training step against batch, width and side, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinygen.plot.canvas import CLASS_COLOURS, INK, new_figure, save_png, style_axes

__all__ = ["growth_exponent", "save_scaling"]

ROWS = {"median_ms": "time of a step (ms)", "peak_mib": "memory of a step (MiB)"}
X_LABELS = {
    "batch": "batch (pictures)",
    "width": "width (channels of the first layer)",
    "side": "side of the picture (pixels)",
}
NUM_FITTED = 3  # points that a slope is fitted to
NOTE = (
    "Slope s: y grows like x to the power of s, fitted to the last three points.  Dashed: the time "
    "of the multiplications alone,\nif all were done at the speed that {library} reaches in its "
    "last point of the same plot."
)


def growth_exponent(x, y) -> float:
    """Return s such that y grows like x^s: by least squares in logarithms, over the last points."""
    x, y = (np.log(values[-NUM_FITTED:]) for values in (x, y))
    exponent, _ = np.polyfit(x, y, 1)
    return float(exponent)


def save_scaling(
    path,
    values: Mapping[str, Sequence[int]],
    results: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]],
    multiplications: Mapping[str, Sequence[int]],
    *,
    title: str,
) -> None:
    """Draw a column for each setting, time above memory, and a curve for each library.

    On logarithmic axes x^s is a straight line of slope s. The labels give the slope at the end of
    each curve.

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
    title : str
        What is measured, and where.
    """
    figure = new_figure(12.8, 8)
    axes = figure.subplots(len(ROWS), len(values), sharey="row")
    for column, (setting, x) in enumerate(values.items()):
        for ax, (key, label) in zip(axes[:, column], ROWS.items(), strict=True):
            curves = {
                library: np.array([entry[key] for entry in figures])
                for library, figures in results[setting].items()
            }
            for k, (library, y) in enumerate(curves.items()):
                text = f"{library}: {growth_exponent(x, y):.1f}"
                ax.loglog(x, y, "o-", color=CLASS_COLOURS[k], label=text)
            if key == "median_ms":
                count = np.array(multiplications[setting])
                ideal = next(iter(curves.values()))[-1] * count / count[-1]
                text = f"multiplications: {growth_exponent(x, count):.1f}"
                ax.loglog(x, ideal, "--", color="#888888", zorder=0, label=text)
            ax.set_xlabel(X_LABELS[setting])
            if column == 0:
                ax.set_ylabel(label)
            _style(ax, x)
    library = next(iter(next(iter(results.values()))))
    figure.suptitle(title, size=13, color=INK)
    figure.text(0.5, 0.012, NOTE.format(library=library), size=11, color=INK, ha="center")
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    save_png(figure, path)


def _style(ax, x: Sequence[int]) -> None:
    """Label the values of x and 1, 2, 5, 10, ... of y, in letters that can be read on a wall."""
    style_axes(ax)
    ax.set_xticks(x, [str(value) for value in x])
    ax.minorticks_off()
    ax.yaxis.get_major_locator().set_params(subs=(1, 2, 5), numticks=20)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.tick_params(colors=INK, labelsize=11, labelleft=True)
    ax.xaxis.label.set_size(11)
    ax.yaxis.label.set_size(11)
    ax.grid(color="#e5e5e5", linewidth=0.8)
    legend = {"fontsize": 11, "title_fontsize": 11, "loc": "upper left", "alignment": "left"}
    ax.legend(frameon=False, borderpad=0, title="slope", **legend)
