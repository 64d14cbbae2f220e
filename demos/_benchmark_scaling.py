"""How the time and the memory of `conv_vae` grow with batch, width and side of the picture."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from _benchmark_machine import processor
from _benchmark_worker import measure_in_turns

BASE = {"batch": 64, "width": 32, "side": 32}  # pictures, channels of the first layer, pixels
VALUES = {"batch": (4, 16, 64, 256), "width": (8, 16, 32, 64), "side": (8, 16, 32, 64)}


def multiplications(batch: int, width: int, side: int) -> int:
    """Return the number of multiplications in the forward pass of `conv_vae`."""
    half, quarter = (side // 2) ** 2, (side // 4) ** 2  # pixels
    outer = half * 16 * width  # between 1 and w channels, kernel 4
    inner = quarter * 16 * width * 2 * width  # between w and 2w channels
    linear = quarter * 2 * width * 32  # between all numbers and the latent vector
    return batch * (2 * outer + 2 * inner + 3 * linear)  # linear: mu, log_var and the decoder's


def measure(
    libraries: Mapping[str, Sequence[str]], turns: int, settings: dict
) -> dict[str, dict[str, float]]:
    """Time `conv_vae` in all libraries, in turns; return the best figures for each title."""
    names = [name for formats in libraries.values() for name in formats]
    results = measure_in_turns(names, "conv_vae", turns, **settings)
    for name, figures in results.items():
        if "error" in figures:
            sys.exit(f"{figures['error']}\nconv_vae stopped in {name}")
    keys = results[names[0]]
    return {
        title: {key: min(results[name][key] for name in formats) for key in keys}
        for title, formats in libraries.items()
    }


def benchmark_scaling(folder: Path, libraries: Mapping[str, Sequence[str]], turns: int) -> dict:
    """Vary one setting at a time, print the figures and draw scaling.png.

    Parameters
    ----------
    folder : Path
        Of the picture.
    libraries : {title: names}
        The names of one title are formats of one library; the best counts.
    turns : int
        That each process gets.

    Returns
    -------
    dict
        For each setting, for each title: a list of figures, one for each of VALUES.
    """
    from figures.scaling import growth_exponent, save_scaling

    at_base = measure(libraries, turns, BASE)
    results, counts = {}, {}
    for setting, values in VALUES.items():
        results[setting] = {title: [] for title in libraries}
        counts[setting] = [multiplications(**BASE | {setting: value}) for value in values]
        for value in values:
            is_base = value == BASE[setting]
            best = at_base if is_base else measure(libraries, turns, BASE | {setting: value})
            for title, figures in best.items():
                results[setting][title].append(figures)
                print(
                    f"{setting:5s} {value:4d}  {title:8s} {figures['median_ms']:7.1f} ms "
                    f"{figures['peak_mib']:6.0f} MiB",
                    flush=True,
                )
    for key, quantity in (("median_ms", "Time"), ("peak_mib", "Memory")):
        for title in libraries:
            powers = ", ".join(
                f"{setting}^"
                f"{growth_exponent(values, [f[key] for f in results[setting][title]]):.1f}"
                for setting, values in VALUES.items()
            )
            print(f"{quantity} in {title} grows like {powers} (the last three values of each)")
    title = "A step of conv_vae"
    if len(libraries) == 2:
        first, second = libraries
        ratios = [
            a["median_ms"] / b["median_ms"]
            for of_setting in results.values()
            for a, b in zip(of_setting[first], of_setting[second], strict=True)
        ]
        title += f": {first} takes {min(ratios):.0%} to {max(ratios):.0%} of {second}'s time"
    note = (
        f"Batch {BASE['batch']}, {BASE['width']} channels, side {BASE['side']}; each plot changes "
        f"one of them. {processor()}."
    )
    folder.mkdir(parents=True, exist_ok=True)
    save_scaling(folder / "scaling.png", VALUES, results, counts, title=title, note=note)
    print(f"Written to {folder / 'scaling.png'}")
    return results
