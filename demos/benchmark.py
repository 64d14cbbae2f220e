"""Time one training step, here and in PyTorch.

Question to predict before you run it: which part of a convolutional VAE's
step is spent on multiplications, and which on moving numbers to where they
are multiplied?

    python demos/benchmark.py
        every step, this library alone
    python demos/benchmark.py conv_vae --against torch
        the same step in PyTorch, in turn, and the ratio

A step is everything between two minibatches: forward pass, loss, backward
pass, optimizer. Each library runs in a new process of its own. The processes
take turns of ten steps, so that a change in the machine's speed meets all of
them alike. PyTorch runs in both of its memory formats, and the better one
counts. Compare ratios: times depend on the machine and on its other load.

Compare like with like, too. OPENBLAS_CORETYPE=Haswell, for example, keeps
NumPy's matrix products from instructions newer than AVX2, but not PyTorch's.

Peak memory is the rise of the process's largest resident size over its first
five steps.

Three changes to try:

1. In `conv_vae` (_benchmark_tinygen.py), replace kernel 4 by 2 and padding 1
   by 0: a quarter of the multiplications. Is it four times faster?
2. Run with TINYGEN_THREADS=1, then 2. The ratio of the two shows which
   fraction of the step runs in parallel.
3. Start a second benchmark at the same time. Which library slows down by more
   than its share?
"""

# %% Settings
from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

# The number of steps to time, if --steps is not given. One step of dcgan takes as long as 6 steps
# of conv_vae, and one of ddpm_unet as long as 15.
NUM_STEPS = {"mlp_vae": 60, "conv_vae": 60, "dcgan": 20, "ddpm_unet": 20}
NUM_OVERHEAD_REPEATS = 60
STEPS_PER_TURN = 10

# %% The process of one library: it builds the step, reports its memory, and times on request.


def peak_mib() -> float:
    """Return the largest resident size of this process so far, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def build_step(library: str, name: str):
    """Return the function that makes one step of the model `name`."""
    if library == "tinygen":
        from _benchmark_tinygen import STEPS

        return STEPS[name]()
    import torch
    from _benchmark_torch import STEPS

    channels_last = library.endswith("channels_last")
    return STEPS[name](torch.channels_last if channels_last else torch.contiguous_format)


def serve_times(library: str, name: str) -> None:
    """Answer each line n on standard input with the times of n steps, in milliseconds."""
    step = build_step(library, name)
    before = peak_mib()
    for _ in range(5):
        step()
    print(json.dumps({"memory": peak_mib() - before}), flush=True)
    for line in sys.stdin:
        # Two steps are not timed: the other process has used the caches, and its threads may
        # still be active.
        step()
        step()
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        print(json.dumps(times), flush=True)


class Worker:
    """The process of one library, as the main process uses it."""

    def __init__(self, library: str, name: str):
        self.library, self.times = library, []
        command = [sys.executable, __file__, name, "--worker", library]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.memory = self.read_answer()["memory"]

    def read_answer(self):
        """Return the next answer of the process; exit if it has stopped."""
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            sys.exit(f"{self.library} stopped with exit status {status}; its message is above")
        return json.loads(line)

    def run(self, steps: int) -> None:
        """Time some steps."""
        print(steps, file=self.process.stdin, flush=True)
        self.times += self.read_answer()

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()

    def figures(self) -> dict[str, float]:
        """Return the times and the memory of a step."""
        return {
            "min_ms": min(self.times),
            "median_ms": statistics.median(self.times),
            "peak_mib": self.memory,
        }


# %% Take turns and print.


def format_row(name: str, library: str, figures: dict[str, float]) -> str:
    """Return a line of the table; a figure that is missing is nan."""
    values = [figures.get(key, float("nan")) for key in ("min_ms", "median_ms", "peak_mib")]
    return f"{name:10s} {library:22s} " + " ".join(f"{value:8.2f}" for value in values)


def list_libraries(name: str, against: str | None) -> list[str]:
    """Return the libraries, with both memory formats of PyTorch where there are images."""
    libraries = ["tinygen"]
    if against:
        libraries.append("torch contiguous")
        if name != "mlp_vae":
            libraries.append("torch channels_last")
    return libraries


def compare(name: str, libraries: list[str], steps: int) -> dict[str, dict[str, float]]:
    """Time one model in each library, in turns; print and return the figures."""
    workers = [Worker(library, name) for library in libraries]
    for first in range(0, steps, STEPS_PER_TURN):
        for worker in workers:
            worker.run(min(STEPS_PER_TURN, steps - first))
    results = {}
    for worker in workers:
        results[worker.library] = worker.figures()
        print(format_row(name, worker.library, results[worker.library]))
        worker.close()
    if len(libraries) > 1:
        results["ratio"] = ratio_to_the_better(results)
        print(format_row(name, "ratio to the better", results["ratio"]))
    return results


def ratio_to_the_better(results: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return tinygen's figures, each divided by the best of the other libraries."""
    own = results["tinygen"]
    others = [figures for library, figures in results.items() if library != "tinygen"]
    best = {key: min(figures[key] for figures in others) for key in own}
    return {key: own[key] / best[key] for key in own if best[key]}


def benchmark_op(repeats: int) -> dict[str, float]:
    """Measure, print and return the cost of one op, in units of NumPy's own product."""
    from _benchmark_tinygen import measure_overhead

    ratios = measure_overhead(repeats)
    figures = {name: statistics.median(values) for name, values in ratios.items()}
    print(
        f"one op of one element: forward {figures['forward']:.1f} times a * a in NumPy, "
        f"backward {figures['backward']:.1f} times\n"
    )
    return figures


def parse() -> argparse.Namespace:
    """Return the settings, checked."""
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=78),
    )
    p.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"steps to time: {', '.join(NUM_STEPS)}, or op, the cost of one op (default: all; "
        "each takes 3 to 45 seconds of one core, and three times that against PyTorch)",
    )
    p.add_argument(
        "--against",
        choices=["torch"],
        help="run the same steps in PyTorch in turn and print the ratio",
    )
    p.add_argument(
        "--steps",
        type=int,
        help="number of steps to time in each process (default: 60; for dcgan and ddpm_unet, 20)",
    )
    p.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the figures, as benchmark.json (default: none are written)",
    )
    p.add_argument("--worker", help=argparse.SUPPRESS)
    args = p.parse_args()
    if unknown := set(args.names) - {*NUM_STEPS, "op"}:
        names = ", ".join(sorted(unknown))
        p.error(f"no step called {names}; there are {', '.join(NUM_STEPS)} and op")
    if args.steps is not None and args.steps < 1:
        p.error(f"--steps {args.steps}: there must be at least one step to time")
    if args.against and importlib.util.find_spec(args.against) is None:
        p.error(
            "--against torch: PyTorch is not installed here; python -m pip install torch, "
            "or leave --against out"
        )
    return args


def warn_of_different_instructions() -> None:
    """Say so if the environment limits NumPy's matrix products, but not PyTorch's."""
    if core := os.environ.get("OPENBLAS_CORETYPE"):
        print(
            f"OPENBLAS_CORETYPE={core} holds NumPy's products to that processor's instructions, "
            "but not PyTorch's: unset it, or hold PyTorch back too (for Haswell, "
            "ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2)"
        )


def main() -> None:
    """Run the benchmark, or with --worker the loop of a process that the benchmark has started."""
    args = parse()
    if args.worker:
        serve_times(args.worker, args.names[0])
        return
    if args.against:
        warn_of_different_instructions()
    figures = {}
    names = args.names or [*NUM_STEPS, "op"]
    if "op" in names:
        figures["op"] = benchmark_op(args.steps or NUM_OVERHEAD_REPEATS)
        names = [name for name in names if name != "op"]
    if names:
        print(f"{'step':10s} {'library':22s} {'min ms':>8s} {'median':>8s} {'peak MiB':>8s}")
    for name in names:
        libraries = list_libraries(name, args.against)
        figures[name] = compare(name, libraries, args.steps or NUM_STEPS[name])
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "benchmark.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
