"""Time and memory of a training step against batch, width and side, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinygen.plot import Caption, Curves, save_page

__all__ = ["growth_exponent", "save_scaling"]

X_LABELS = {
    "batch": "batch, pictures",
    "width": "width, channels",
    "side": "side, pixels",
}
NUM_FITTED = 3  # points that a slope is fitted to
PANELS = (
    ("batch", "median_ms"),
    ("side", "median_ms"),
    ("width", "median_ms"),
    ("batch", "peak_mib"),
)
Y_LABELS = {"median_ms": "time, ms", "peak_mib": "memory, MiB"}
NOTE = (
    "Logarithmic axes. Estimate: the multiplications alone, at the highest speed that {library} "
    "reaches here."
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
    note: str,
) -> None:
    """Draw time against each setting, and memory against batch, with a curve for each library.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    values : {setting: numbers}
        The values that each setting had.
    results : {setting: {library: figures}}
        "median_ms" and "peak_mib" for each value.
    multiplications : {setting: numbers}
        How many there are for each value. They are drawn as the time they would take at the highest
        speed that the first library reaches in any step.
    title, note : str
        What is seen, and where it was measured.
    """
    library = next(iter(results["batch"]))
    ms_per_million = min(
        1e6 * entry["median_ms"] / count
        for setting, counts in multiplications.items()
        for entry, count in zip(results[setting][library], counts, strict=True)
    )
    panels = []
    for setting, key in PANELS:
        x = np.array(values[setting])
        curves = {
            library: (x, np.array([entry[key] for entry in figures]))
            for library, figures in results[setting].items()
        }
        if key == "median_ms":
            count = np.array(multiplications[setting])
            curves["estimate"] = (x, ms_per_million * count / 1e6)
        panels.append(
            Curves(
                curves,
                ylabel=Y_LABELS[key],
                xlabel=X_LABELS[setting],
                smooth=False,
                log="xy",
                direct=True,
                height=330,
            )
        )
    note = Caption(f"{note} {NOTE.format(library=library)}")
    save_page(path, [panels[:2], panels[2:], note], title=title)
