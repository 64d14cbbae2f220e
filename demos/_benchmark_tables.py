"""The tables of the benchmark: one row for each step, one column for each library.

`benchmark_steps` is for the CPU. `benchmark_on_gpu` is for a GPU: it runs each step at the batch of
the CPU and at ten times it, with TF32 and without.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from _benchmark_worker import TF32, measure_in_turns

# The libraries of each --against, as _benchmark_worker.py calls them.
OTHERS = {
    "torch": ("torch contiguous", "torch channels_last"),
    "compile": ("torch.compile",),
    "jax": ("jax",),
}

Results = dict[str, dict]  # the figures of each library, or its "error"


# -------------------------------------------------------------------- rows and figures, in Markdown


def print_row(cells: list[str], columns: list[str]) -> None:
    """Print a row of the table, its cells as wide as the names of the columns."""
    widths = [max(9, len(column)) for column in columns]
    first, *others = cells
    aligned = [f"{cell:>{width}s}" for cell, width in zip(others, widths[1:], strict=True)]
    print("|", " | ".join([f"{first:{widths[0]}s}", *aligned]), "|", flush=True)


def print_head(columns: list[str]) -> None:
    """Print the names of the columns, and the line below them."""
    print_row(columns, columns)
    print_row(["---", *["---:"] * (len(columns) - 1)], columns)


def number(figures: dict, key: str, decimals: int) -> str:
    """Return a figure as a cell, or "-" if it is not there because the library has stopped."""
    return f"{figures[key]:.{decimals}f}" if key in figures else "-"


def best(results: Results, libraries: Iterable[str]) -> dict[str, float]:
    """Return the least of each figure: PyTorch's in the memory format that is better for it."""
    formats = [results[library] for library in libraries if "error" not in results[library]]
    return {key: min(figures[key] for figures in formats) for key in (formats or [{}])[0]}


def ratios(own: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """Return tinygen's figures, each divided by PyTorch's."""
    return {key: own[key] / other[key] for key in own if other.get(key)}


def print_errors(name: str, results: Results) -> None:
    """Say why libraries have stopped."""
    for library, figures in results.items():
        if "error" in figures:
            print(f"{name} is not available in {library}: {figures['error'].splitlines()[-1]}")


# ------------------------------------------------------------------------------------------ the CPU


def benchmark_steps(names: list[str], against: list[str], turns: int) -> dict[str, Results]:
    """Time steps, print the table, and return the figures."""
    libraries = ["tinygen", *(library for name in against for library in OTHERS[name])]
    measures = ["ratio", "of minima", "MiB", "of MiB"] if "torch" in against else ["minimum", "MiB"]
    columns = ["ms", *(library.removeprefix("torch ") for library in libraries), *measures]
    print_head(columns)
    all_results = {}
    for name in names:
        results = all_results[name] = measure_in_turns(libraries, name, turns)
        own, cells = results["tinygen"], [name]
        cells += [number(results[library], "median_ms", 1) for library in libraries]
        if "torch" in against:
            ratio = results["ratio"] = ratios(own, best(results, OTHERS["torch"]))
            cells += [number(ratio, "median_ms", 2), number(ratio, "min_ms", 2)]
            cells += [number(own, "peak_mib", 0), number(ratio, "peak_mib", 2)]
        else:
            cells += [number(own, "min_ms", 1), number(own, "peak_mib", 0)]
        print_row(cells, columns)
    print()
    if "torch" in against:
        print("ratio: tinygen's median over PyTorch's, in PyTorch's better format; below 1,")
        print("tinygen is faster. of minima: the same with minima. of MiB: with memory.")
    else:
        print("The libraries' columns are medians. minimum: tinygen's fastest step.")
    print("MiB: how far tinygen's memory rises at most during the first five steps.")
    for name, results in all_results.items():
        print_errors(name, results)
    return all_results


# ------------------------------------------------------------------------------------------- a GPU


def batch_sizes(name: str) -> tuple[int, int]:
    """Return the batch of a step, and ten times it."""
    from _benchmark_tinygen import STEPS

    batch = inspect.signature(STEPS[name]).parameters["batch"].default
    return batch, 10 * batch


def benchmark_on_gpu(names: list[str], against: list[str], turns: int) -> dict[str, Results]:
    """Time steps on a GPU, print the table, and return the figures."""
    formats = OTHERS["torch"] if "torch" in against else ()
    libraries = [library + end for library in ("tinygen", *formats) for end in ("", TF32)]
    columns = ["ms", "batch", "tinygen", "TF32", "enqueue", "MiB"]
    if formats:
        columns += ["PyTorch", "TF32", "enqueue", "MiB", "ratio", "of TF32"]
    print_head(columns)
    all_results = {}
    for name in names:
        for batch in batch_sizes(name):
            results = measure_in_turns(libraries, name, turns, device="cuda", batch=batch)
            own, own_tf32 = results["tinygen"], results["tinygen" + TF32]
            cells = [name, str(batch), *format_on_gpu(own, own_tf32)]
            if formats:
                other = best(results, formats)
                other_tf32 = best(results, [library + TF32 for library in formats])
                results["ratio"] = ratios(own, other)
                results["ratio" + TF32] = ratios(own_tf32, other_tf32)
                cells += format_on_gpu(other, other_tf32)
                cells += [number(results["ratio" + end], "median_ms", 2) for end in ("", TF32)]
            print_row(cells, columns)
            all_results[f"{name}, batch {batch}"] = results
    print()
    print("tinygen, PyTorch, TF32: medians of the time of a step, without TF32 and with it.")
    print("enqueue: the time until Python has given the step to the GPU, without TF32.")
    print("MiB: the GPU's memory that the library has taken after five steps.")
    if formats:
        print("PyTorch's figures are those in its better format. Its default is TF32 in")
        print("convolutions only. ratio: tinygen over PyTorch; below 1, tinygen is faster.")
    for name, results in all_results.items():
        print_errors(name, results)
    return all_results


def format_on_gpu(figures: dict, figures_tf32: dict) -> list[str]:
    """Return the cells of one library."""
    cells = [number(figures, "median_ms", 2), number(figures_tf32, "median_ms", 2)]
    return [*cells, number(figures, "enqueue_ms", 2), number(figures, "peak_mib", 0)]
