"""Time and memory of a training step against batch, width and side, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinygen.plot import Caption, Curves, save_page

__all__ = ["growth_exponent", "save_scaling"]

X_LABELS = {
    "batch": "batch (pictures)",
    "width": "width (channels of the first layer)",
    "side": "side of the picture (pixels)",
}
NUM_FITTED = 3  # points that a slope is fitted to
PAGE_WIDTH = 1500
NOTE = (
    "Numbers beside the names are slopes s: y grows like x to the power of s, fitted to the last "
    "three points. Multiplications: the time of these alone, if all were done at the speed that "
    "{library} reaches in its last point of the same panel."
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
    times, memories = [], []
    for setting, x in values.items():
        x, count = np.array(x), np.array(multiplications[setting])
        time, memory = (
            {
                library: np.array([entry[key] for entry in figures])
                for library, figures in results[setting].items()
            }
            for key in ("median_ms", "peak_mib")
        )
        library, of_first = next(iter(time.items()))
        time["multiplications"] = of_first[-1] * count / count[-1]
        options = {"xlabel": X_LABELS[setting], "smooth": False, "log": "xy"}
        for panels, curves, ylabel in ((times, time, "ms"), (memories, memory, "MiB")):
            labelled = {
                f"{name}: {growth_exponent(x, y):.1f}": (x, y) for name, y in curves.items()
            }
            panels.append(Curves(labelled, ylabel=f"{ylabel} per step", **options))
    times[0].title, memories[0].title = "Time of a step", "Memory of a step"
    note = Caption(NOTE.format(library=library))
    save_page(path, [times, memories, note], title=title, width=PAGE_WIDTH)
