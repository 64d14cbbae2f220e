"""A process for one step in one library, and the class by which the benchmark talks to it.

    python demos/_benchmark_worker.py LIBRARY STEP SETTINGS

builds the step, makes the first five, and prints how much memory they took. Then it answers each
line on standard input with the times of a turn. A process of its own for each library keeps their
threads and their memory apart. On a GPU, the first steps also compile kernels.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress

from _benchmark_device import open_device

# PyTorch's threads, which wait in a busy loop, take about a third of a second to settle after
# another process has had the cores. With turns of a few steps, its medians scatter by 40 %.
UNTIMED_SECONDS = 1 / 3
TIMED_SECONDS = 1.0
NUM_FIRST_STEPS = 5
TF32 = " TF32"  # at the end of a library's name: with this format on a GPU

# ------------------------------------------------------------------------- in the worker's process


def import_steps(library: str) -> dict:
    """Import a library, and return the functions that build its steps."""
    if library == "tinygen":
        from _benchmark_tinygen import STEPS
    elif library == "jax":
        from _benchmark_jax import STEPS
    else:
        from _benchmark_torch import STEPS
    return STEPS


def build_step(library: str, build, device: str, settings: dict):
    """Build a step by a function of `import_steps`; PyTorch's know two memory formats."""
    if library == "tinygen":
        return build(device=device, **settings)
    if library == "jax":
        return build(**settings)
    import torch

    is_contiguous = library == "torch contiguous"
    with torch.device(device):
        step = build(torch.contiguous_format if is_contiguous else torch.channels_last, **settings)
    if library == "torch.compile":
        for network in step.networks.values():
            network.compile()
    return step


def time_turn(step, synchronize) -> list[tuple[float, float]]:
    """Return the times of steps in milliseconds; the first ones are not timed.

    For each step: the time until its work is done, and the time until Python has given all of it to
    the device. On the CPU these are the same.
    """
    end = time.perf_counter() + UNTIMED_SECONDS
    while time.perf_counter() < end:
        step()
        synchronize()
    times = []
    start = time.perf_counter()
    end = start + TIMED_SECONDS
    while start < end:
        step()
        enqueued = time.perf_counter()
        synchronize()
        stop = time.perf_counter()
        times.append((1e3 * (stop - start), 1e3 * (enqueued - start)))
        start = stop
    return times


def serve(library: str, name: str, device: str = "cpu", **settings) -> None:
    """Build a step, report its memory, and answer each line of standard input with a turn."""
    tf32, library = library.endswith(TF32), library.removesuffix(TF32)
    step = build_step(library, import_steps(library)[name], device, settings)
    opened = open_device(library, device, tf32)
    for _ in range(NUM_FIRST_STEPS):
        step()
    opened.synchronize()
    print(json.dumps(opened.peak_mib()), flush=True)
    for _ in sys.stdin:
        print(json.dumps(time_turn(step, opened.synchronize)), flush=True)


# ---------------------------------------------------------------------- in the benchmark's process


class WorkerError(RuntimeError):
    """A worker's process has stopped."""


class Worker:
    """The process of one library, as the benchmark uses it.

    Attributes
    ----------
    memory : float
        What the first five steps took, in MiB, as _benchmark_device.py defines it. It is there
        after `wait_for_first_steps`.
    times : list of pairs
        Of all steps timed so far, in milliseconds, as `time_turn` returns them.
    """

    def __init__(self, library: str, name: str, **settings):
        self.library, self.times = library, []
        command = [sys.executable, __file__, library, name, json.dumps(settings)]
        pipe, self.messages = subprocess.PIPE, tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.messages, text=True
        )

    def wait_for_first_steps(self) -> None:
        """Wait until the process has made its first steps."""
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
            raise WorkerError(messages or f"exit status {self.process.wait()}")
        return json.loads(line)

    def run_turn(self) -> None:
        """Time the steps of one turn."""
        with suppress(BrokenPipeError):  # it has stopped: there is no answer, and a reason
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.times += self.read_answer()

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.messages.close()

    def figures(self) -> dict[str, float]:
        """Return the times and the memory of a step."""
        times, enqueue_times = zip(*self.times, strict=True)
        return {
            "median_ms": statistics.median(times),
            "min_ms": min(times),
            "enqueue_ms": statistics.median(enqueue_times),
            "peak_mib": self.memory,
        }


def measure_in_turns(
    libraries: Sequence[str], name: str, turns: int, **settings
) -> dict[str, dict[str, float]]:
    """Time one step in each library, in turns. A library that cannot run it gets an "error"."""
    workers = [Worker(library, name, **settings) for library in libraries]
    errors = {}
    for method in [Worker.wait_for_first_steps, *turns * [Worker.run_turn]]:
        for worker in workers:
            if worker.library not in errors:
                try:
                    method(worker)
                except WorkerError as error:
                    errors[worker.library] = {"error": str(error)}
    for worker in workers:
        worker.close()
    return {w.library: errors.get(w.library) or w.figures() for w in workers}


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], **json.loads(sys.argv[3]))
