"""A process for one step in one library, and the class by which the benchmark talks to it.

    python demos/_benchmark_worker.py LIBRARY STEP SETTINGS

builds the step, makes the first five, and prints how much memory they took. Then it answers each
line on standard input with the times of a turn. A process of its own for each library keeps their
threads and their memory apart.
"""

from __future__ import annotations

import ctypes
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# PyTorch's threads, which wait in a busy loop, take about a third of a second to settle after
# another process has had the cores. With turns of a few steps, its medians scatter by 40 %.
UNTIMED_SECONDS = 1 / 3
TIMED_SECONDS = 1.0
NUM_FIRST_STEPS = 5

# ------------------------------------------------------------------------- in the worker's process


def peak_mib() -> float:
    """Return the largest resident size of this process so far, in MiB."""
    try:
        # Linux. Its ru_maxrss would also count what the parent process had before it started this.
        text = Path("/proc/self/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) / 2**10
    except (OSError, IndexError):
        unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak() -> None:
    """Let `peak_mib` begin anew from the memory in use, where the system allows it (Linux)."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)  # freed memory goes back to the system
        Path("/proc/self/clear_refs").write_text("5")


def import_steps(library: str) -> dict:
    """Import a library, and return the functions that build its steps."""
    if library == "tinygen":
        from _benchmark_tinygen import STEPS
    elif library == "jax":
        from _benchmark_jax import STEPS
    else:
        from _benchmark_torch import STEPS
    return STEPS


def build_step(library: str, build, settings: dict):
    """Build a step by a function of `import_steps`; PyTorch's know two memory formats."""
    if not library.startswith("torch"):
        return build(**settings)
    import torch

    is_contiguous = library == "torch contiguous"
    step = build(torch.contiguous_format if is_contiguous else torch.channels_last, **settings)
    if library == "torch.compile":
        for network in step.networks.values():
            network.compile()
    return step


def time_turn(step) -> list[float]:
    """Return the times of steps in milliseconds; the first ones are not timed."""
    end = time.perf_counter() + UNTIMED_SECONDS
    while time.perf_counter() < end:
        step()
    times = []
    start = time.perf_counter()
    end = start + TIMED_SECONDS
    while start < end:
        step()
        stop = time.perf_counter()
        times.append(1e3 * (stop - start))
        start = stop
    return times


def serve(library: str, name: str, settings: dict) -> None:
    """Build a step, report its memory, and answer each line of standard input with a turn."""
    step = build_step(library, import_steps(library)[name], settings)
    forget_peak()
    before = peak_mib()
    for _ in range(NUM_FIRST_STEPS):
        step()
    print(json.dumps(peak_mib() - before), flush=True)
    for _ in sys.stdin:
        print(json.dumps(time_turn(step)), flush=True)


# ---------------------------------------------------------------------- in the benchmark's process


class WorkerError(RuntimeError):
    """A worker's process has stopped."""


class Worker:
    """The process of one library, as the benchmark uses it.

    Attributes
    ----------
    memory : float
        How far the resident size rose at most during the first five steps, in MiB.
    times : list of floats
        Of all steps timed so far, in milliseconds.
    """

    def __init__(self, library: str, name: str, **settings):
        self.library, self.times = library, []
        command = [sys.executable, __file__, library, name, json.dumps(settings)]
        pipe, self.messages = subprocess.PIPE, tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.messages, text=True
        )
        self.memory = self.read_answer()

    def read_answer(self):
        """Return the next answer of the process.

        Raises
        ------
        WorkerError
            If the process has stopped, with all that it wrote to standard error.
        """
        line = self.process.stdout.readline()
        if not line:
            self.messages.seek(0)
            messages = self.messages.read().strip()
            self.close()
            raise WorkerError(messages or f"exit status {self.process.returncode}")
        return json.loads(line)

    def run_turn(self) -> None:
        """Time the steps of one turn."""
        print(file=self.process.stdin, flush=True)
        self.times += self.read_answer()

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.messages.close()

    def figures(self) -> dict[str, float]:
        """Return the times and the memory of a step."""
        return {
            "median_ms": statistics.median(self.times),
            "min_ms": min(self.times),
            "peak_mib": self.memory,
        }


def measure_in_turns(
    libraries: Sequence[str], name: str, turns: int, **settings
) -> dict[str, dict[str, float]]:
    """Time one step in each library, in turns. A library that cannot run it gets an "error"."""
    workers, results = [], {}
    for library in libraries:
        try:
            workers.append(Worker(library, name, **settings))
        except WorkerError as error:
            results[library] = {"error": str(error)}
    for _ in range(turns):
        for worker in workers:
            worker.run_turn()
    for worker in workers:
        results[worker.library] = worker.figures()
        worker.close()
    return results


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
