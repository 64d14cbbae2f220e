#!/usr/bin/env python3
"""What ten minutes on a machine with a GPU can tell: whether the tests pass, and how fast it is.

    python .ci/gpu.py                      everything, in order: tests, demos, benchmark
    python .ci/gpu.py --seconds 300        in half the time
    python .ci/gpu.py --backend fake_cupy  a rehearsal on the stand-in, without a GPU

Run it with the Python that has tinygen's extras `gpu`, `demos` and `tests`; with PyTorch, too, the
benchmark compares. Each part has a time limit of its own. What a part has printed until then is
kept, and the next part runs. out/gpu/results.md has the figures in the form of demos/RESULTS.md,
with the name of the card, and out/gpu/*.log all output.

The tests of each folder run in a process of their own, and several demos run at once: their times
are no measure of speed. The benchmark runs alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
OUT = PROJECT / "out" / "gpu"
SHARES = {"tests": 0.34, "demos": 0.36, "benchmark": 0.30}  # of the seconds

# In order of what they say about the GPU, because the last ones may not fit.
TESTS = ("backend", "autograd", "nn", "optim", "losses", "models", "ops", "metrics")
FIRST_DEMOS = ("vae", "dcgan", "ddpm", "conv_autoencoder", "wgan_gp", "pix2pix", "stylegan", "flow")
STEPS = ("mlp_vae", "conv_vae", "dcgan", "ddpm_unet")
OTHER_STEPS = ("stylegan2", "pix2pix", "wgan_gp", "cyclegan", "sampling")

NUM_AT_ONCE = max(2, min(8, (os.cpu_count() or 2) // 2))


def run(name: str, command: list[str], end: float, **variables: str) -> str:
    """Run a command until it ends or the time is over; return how it ended. Its log is kept."""
    if time.monotonic() > end - 5:
        return "did not fit"
    # Precompiled headers save a quarter of the time in which CuPy compiles each new kernel.
    own = {"PYTHONUNBUFFERED": "1", "CUPY_NVRTC_USE_PCH": "1"}
    environment = os.environ | own | variables
    start = time.monotonic()
    with open(OUT / f"{name}.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that its own processes can be ended with it
        )
        try:
            status = process.wait(end - start)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)  # pytest then lists what has failed until now
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"was stopped after {time.monotonic() - start:.0f} s"
    result = "ended well" if status == 0 else f"FAILED (exit status {status})"
    return f"{result} after {time.monotonic() - start:.0f} s"


def last_line(name: str) -> str:
    """Return the last line that a part has printed."""
    path = OUT / f"{name}.log"
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def run_tests(backend: str, end: float, write) -> None:
    """Run the tests of each folder on the GPU."""
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", "--backend", backend]

    def run_folder(folder: str) -> str:
        name = f"tests-{folder}"
        ending = run(name, ["-m", "pytest", *options, f"tests/{folder}"], end, TINYGEN_THREADS="2")
        return f"| `tests/{folder}` | {ending} | {last_line(name)} |"

    write(f"### Tests\n\n    python -m pytest --backend {backend}\n")
    write("| folder | ending | last line |\n|---|---|---|")
    with ThreadPoolExecutor(NUM_AT_ONCE) as pool:
        for row in pool.map(run_folder, TESTS):
            write(row)


def run_demos(end: float, write) -> None:
    """Run the demos at full length on the GPU, several at once, as far as the time goes."""
    names = sorted(p.stem for p in (PROJECT / "demos").glob("[a-z]*.py"))
    not_demos = ("all", "benchmark", "broken", "explorer", "weights")
    others = [n for n in names if n not in (*FIRST_DEMOS, *not_demos)]

    def run_demo(demo: str) -> str:
        name, out = f"demo-{demo}", OUT / demo
        command = [f"demos/{demo}.py", "--device", "cuda", "--out", str(out)]
        ending = run(name, command, end, TINYGEN_THREADS="2")
        metrics = {}
        if (out / "metrics.json").exists():
            metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
        steps, seconds = metrics.get("steps", "-"), metrics.get("seconds", "-")
        return f"| `{demo}.py` | {ending} | {steps} | {seconds} |"

    write("\n### Demos\n\n    python demos/NAME.py --device cuda\n")
    write(f"{NUM_AT_ONCE} at once.\n\n| demo | ending | steps | seconds of training |")
    write("|---|---|---:|---:|")
    with ThreadPoolExecutor(NUM_AT_ONCE) as pool:
        for row in pool.map(run_demo, [*FIRST_DEMOS, *others]):
            write(row)


def run_benchmark(end: float, write) -> None:
    """Time the steps, and the same ones in PyTorch where it is installed."""
    against = ["--against", "torch"] if importlib.util.find_spec("torch") else []
    options = ["--device", "cuda", "--turns", "1", *against]
    write("\n### Speed")
    for name, steps in {"benchmark": STEPS, "benchmark-others": OTHER_STEPS}.items():
        command = ["demos/benchmark.py", *steps, *options]
        ending = run(name, [*command, "--out", str(OUT / name)], end)
        write(f"\n    python {' '.join(command)}\n")
        log = OUT / f"{name}.log"
        write(log.read_text(encoding="utf-8", errors="replace") if log.exists() else "")
        write(f"The benchmark {ending}.")


def main() -> None:
    """Run the three parts; results.md grows with each line that is known."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--seconds", type=float, default=570, help="for all parts (default: 570)")
    p.add_argument("--backend", choices=["cupy", "fake_cupy"], default="cupy")
    args = p.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for old in [*OUT.glob("*.log"), *OUT.glob("*/metrics.json")]:
        old.unlink()
    if args.backend == "fake_cupy":
        os.environ["PYTHONPATH"] = str(PROJECT / "tests" / "fake_cupy")
    describe = "from _benchmark_machine import *; print(processor(), describe_gpu(), sep='\\n')"
    with open(OUT / "results.md", "w", encoding="utf-8") as file:

        def write(text: str) -> None:
            print(text, flush=True)
            print(text, file=file, flush=True)

        end = time.monotonic()
        run("machine", ["-c", f"import sys; sys.path.insert(0, 'demos'); {describe}"], end + 60)
        write(f"## On a GPU\n\n{(OUT / 'machine.log').read_text(encoding='utf-8')}")
        parts = {
            "tests": lambda end: run_tests(args.backend, end, write),
            "demos": lambda end: run_demos(end, write),
            "benchmark": lambda end: run_benchmark(end, write),
        }
        for part, share in SHARES.items():
            end = max(end, time.monotonic()) + share * args.seconds
            parts[part](end)


if __name__ == "__main__":
    main()
