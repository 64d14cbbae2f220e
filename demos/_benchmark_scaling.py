"""How the time and the memory of `conv_vae` grow with batch, width and resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from _benchmark_worker import Worker

BASE = {"batch": 64, "width": 32, "size": 32}
VALUES = {"batch": (4, 16, 64, 256), "width": (8, 16, 32, 64), "size": (8, 16, 32, 64)}


def multiplications(batch: int, width: int, size: int) -> int:
    """Return the number of multiplications in the forward pass of `conv_vae`."""
    half, quarter = (size // 2) ** 2, (size // 4) ** 2  # pixels
    outer = half * 16 * width  # between 1 and w channels, kernel 4
    inner = quarter * 16 * width * 2 * width  # between w and 2w channels
    linear = quarter * 2 * width * 32  # between all numbers and the latent vector
    return batch * (2 * outer + 2 * inner + 3 * linear)  # linear: mu, log_var and the decoder's


def measure(libraries: Sequence[str], settings: dict) -> dict[str, float]:
    """Time one turn of `conv_vae`; return the best figures of some libraries or formats."""
    all_figures = []
    for library in libraries:
        worker = Worker(library, "conv_vae", **settings)
        worker.run_turn()
        worker.close()
        all_figures.append(worker.figures())
    return {key: min(figures[key] for figures in all_figures) for key in all_figures[0]}


def benchmark_scaling(folder: Path, libraries: Mapping[str, Sequence[str]]) -> dict:
    """Vary one setting at a time, print the figures and draw scaling.png.

    Parameters
    ----------
    folder : Path
        Of the picture.
    libraries : {title: names}
        The names of one title are formats of one library; the best counts.

    Returns
    -------
    dict
        For each setting, for each title: a list of figures, one for each of VALUES.
    """
    from figures.scaling import save_scaling

    at_base = {title: measure(names, BASE) for title, names in libraries.items()}
    results, counts = {}, {}
    for setting, values in VALUES.items():
        results[setting] = {title: [] for title in libraries}
        counts[setting] = [multiplications(**BASE | {setting: value}) for value in values]
        for value in values:
            for title, names in libraries.items():
                is_base = value == BASE[setting]
                figures = at_base[title] if is_base else measure(names, BASE | {setting: value})
                results[setting][title].append(figures)
                print(
                    f"{setting:5s} {value:4d}  {title:8s} {figures['median_ms']:7.1f} ms "
                    f"{figures['peak_mib']:6.0f} MiB",
                    flush=True,
                )
    folder.mkdir(parents=True, exist_ok=True)
    save_scaling(folder / "scaling.png", VALUES, results, counts)
    print(f"Written to {folder / 'scaling.png'}")
    return results
