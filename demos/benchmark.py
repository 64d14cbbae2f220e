# %% [markdown]
"""Time one training step of each model, here and in PyTorch.

Question to predict before you run it: PyTorch is written in C++. For which
model is the distance larger: for one with few large convolutions, or for one
with many small ones? And which part of a convolutional VAE's step is spent on
multiplications, which on moving numbers to where they are multiplied?

    python demos/benchmark.py
        every step, this library alone; one op; the speed of drawing data
    python demos/benchmark.py --against torch
        the table of RESULTS.md: the same steps in PyTorch, in turns, and the
        ratios; four minutes
    python demos/benchmark.py mlp_vae --against torch --against compile
        also with the networks compiled by torch.compile
    python demos/benchmark.py --device cuda --against torch
        on a GPU: each step at two batch sizes, without TF32 and with it
    python demos/benchmark.py --scaling --against torch
        a plot of time and memory against batch, width (channels) and side
        (pixels) of conv_vae; four minutes

A step is everything between two minibatches: forward pass, loss, backward
pass, optimizer. The same networks get the same batches in each library, and
the losses agree (tests/demos/test_benchmark_torch.py).

Each library runs in a process of its own. The processes take turns, so that a
change in the machine's speed meets all of them alike. A turn is one second of
steps, after a third of a second that is not timed. Times are medians over all
turns. PyTorch runs in both of its memory formats, and the better one counts.
Compare ratios: times depend on the machine and on its other load.

Compare like with like, too. The head of the output says which instructions
each library uses, and warns if they differ. With AVX-512 on a processor that
has it, unset OPENBLAS_CORETYPE. To hold both libraries to AVX2:

    export OPENBLAS_CORETYPE=Haswell
    export NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL"
    export ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2
    python demos/benchmark.py --against torch

Even so, the comparison is not quite even. PyTorch's optimizer is its default
Adam, not the fused one. tinygen tells glibc to keep freed memory; PyTorch
leaves glibc's defaults. On a processor of AMD, PyTorch's products (MKL) use
no AVX-512. RESULTS.md, "Speed", says how much each is worth.

Memory is how far the process's resident size rises at most during its first
five steps; for PyTorch, in the format that needs less. On a GPU, it is what the
library's pool of memory has taken after these steps.

On a GPU, a call returns when its work is in the GPU's queue. Each timed step
ends when the GPU has done all its work. "enqueue" is when Python has given it
all of the step. Where the two are close, the GPU waits for Python: the step
would take no longer with a larger batch. So each step runs at the batch of the
CPU and at ten times it. TF32 is a format of NVIDIA's GPUs: products round their
float32 factors to 10 bits of the mantissa, and are faster. Here CUPY_TF32=1
switches it on. PyTorch's default is TF32 in convolutions, but not in other
products; both columns set both.

Three changes to try:

1. In `conv_vae` (_benchmark_tinygen.py), replace kernel 4 by 2 and padding 1
   by 0: a quarter of the multiplications. Is it four times faster?
2. Run with TINYGEN_THREADS=1, then 2. The ratio of the two shows which
   fraction of the step runs in parallel.
3. Start `python -c "while True: pass"` at the same time. Which library slows
   down by more than its share?
"""

# %%
# Settings
from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import textwrap
from pathlib import Path

from _benchmark_machine import (
    describe_gpu,
    describe_jax,
    describe_tinygen,
    describe_torch,
    describe_torch_gpu,
    processor,
    warn_of_mixed,
)
from _benchmark_tables import OTHERS, benchmark_on_gpu, benchmark_steps

STEPS = (
    "mlp_vae",
    "conv_vae",
    "dcgan",
    "wgan_gp",
    "pix2pix",
    "cyclegan",
    "stylegan2",
    "ddpm_unet",
    "sampling",
)
ALONE = ("op", "data")  # measured of this library alone
NUM_TURNS = 5
COLUMNS = 78  # of what is printed for reading
NUM_OVERHEAD_REPEATS = 60
NUM_DRAWINGS = 3

PACKAGES = {"torch": "torch", "compile": "torch", "jax": "jax"}


# %%
# This library alone
def benchmark_op() -> dict[str, float]:
    """Measure, print and return the cost of one op, in units of NumPy's own product."""
    from _benchmark_alone import measure_overhead

    figures = {
        name: statistics.median(values)
        for name, values in measure_overhead(NUM_OVERHEAD_REPEATS).items()
    }
    print(
        f"One op on one element: forward {figures['forward']:.1f} times a * a in NumPy, "
        f"backward {figures['backward']:.1f} times"
    )
    return figures


def benchmark_data() -> dict[str, float]:
    """Measure, print and return how many pictures are drawn per second."""
    from _benchmark_alone import measure_drawing

    figures = measure_drawing(NUM_DRAWINGS)
    rates = ", ".join(f"{rate:,.0f} {name}" for name, rate in figures.items())
    print(f"Drawn per second: {rates}")
    return figures


# %%
# The command line
def parse() -> argparse.Namespace:
    """Return the settings, checked."""
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=COLUMNS),
    )
    p.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to time: {', '.join(STEPS)}; op, the cost of one op; data, the speed of "
        "drawing digits and faces (default: all, a minute and a half on two cores)",
    )
    p.add_argument(
        "--against",
        action="append",
        default=[],
        choices=list(OTHERS),
        help="run the same steps in PyTorch; in PyTorch with torch.compile, which needs a C++ "
        "compiler and minutes; or in JAX (VAEs only). May be given several times",
    )
    p.add_argument(
        "--device",
        choices=["cpu", "cuda"],
        default="cpu",
        help="where to compute (default: cpu); cuda times the steps alone, also --against torch",
    )
    p.add_argument(
        "--turns",
        type=int,
        default=NUM_TURNS,
        help=f"turns of a second that each process gets (default: {NUM_TURNS})",
    )
    p.add_argument(
        "--scaling",
        action="store_true",
        help="instead, vary batch, width and side of conv_vae and draw scaling.png; alone or with "
        "--against torch",
    )
    p.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for all figures, as benchmark.json (default: none are written), and for the "
        "plot (default: out/benchmark)",
    )
    args = p.parse_args()
    if unknown := set(args.names) - {*STEPS, *ALONE}:
        names = textwrap.fill(", ".join([*STEPS, *ALONE]), COLUMNS)
        p.error(f"nothing here is called {', '.join(sorted(unknown))}; there are\n{names}")
    if args.scaling and args.names:
        p.error("--scaling is about conv_vae alone: leave NAME out")
    if args.scaling and set(args.against) - {"torch"}:
        p.error("--scaling compares only with --against torch")
    if args.device == "cuda":
        check_gpu(p, args)
    if args.turns < 1:
        p.error(f"--turns {args.turns}: there must be at least one")
    for name in args.against:
        if importlib.util.find_spec(PACKAGES[name]) is None:
            title = "JAX" if name == "jax" else "PyTorch"
            p.error(
                f"--against {name}: {title} is not installed here\n"
                f"Try python -m pip install {PACKAGES[name]}, or leave --against out"
            )
    return args


def check_gpu(p: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what runs on the CPU alone, and --device cuda where there is no GPU."""
    if alone := set(args.names) & set(ALONE):
        p.error(f"--device cuda: {' and '.join(sorted(alone))} can be measured on the CPU only")
    if args.scaling:
        p.error("--device cuda: --scaling runs on the CPU only")
    if others := set(args.against) - {"torch"}:
        p.error(f"--device cuda: --against {' and '.join(sorted(others))} runs on the CPU only")
    from _benchmark_tinygen import default_rng

    try:
        default_rng(0, "cuda")
    except (ImportError, RuntimeError) as error:
        p.error(f"--device cuda: {error}")


def print_machine(args: argparse.Namespace) -> None:
    """Print the head of the output: what the benchmark runs on."""
    print(processor())
    if args.device == "cuda":
        print(describe_gpu())
        if args.against:
            print(describe_torch_gpu() or sys.exit("This PyTorch cannot use the GPU."))
    else:
        line, instructions = describe_tinygen()
        print(line)
        if "torch" in args.against or "compile" in args.against:
            line, torch_instructions = describe_torch()
            print(line)
            instructions |= torch_instructions
        if "jax" in args.against:
            print(describe_jax())
        if warning := warn_of_mixed(instructions):
            print(warning)
    print(flush=True)


def main() -> None:
    """Run the benchmark."""
    args = parse()
    print_machine(args)
    figures = {}
    alone = ALONE if args.device == "cpu" else ()
    names = [] if args.scaling else args.names or [*STEPS, *alone]
    if args.scaling:
        from _benchmark_scaling import benchmark_scaling

        libraries = {"tinygen": ["tinygen"]}
        if args.against:
            libraries["PyTorch"] = OTHERS["torch"]
        folder = args.out or Path("out/benchmark")
        figures["scaling"] = benchmark_scaling(folder, libraries, args.turns)
    if steps := [name for name in names if name in STEPS]:
        benchmark = benchmark_steps if args.device == "cpu" else benchmark_on_gpu
        figures |= benchmark(steps, args.against, args.turns)
    if "op" in names:
        figures["op"] = benchmark_op()
    if "data" in names:
        figures["data"] = benchmark_data()
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "benchmark.json").write_text(json.dumps(figures, indent=1))
    for name, results in figures.items():
        for library in ("tinygen", *OTHERS["torch"]):
            if "error" in results.get(library, {}):
                sys.exit(f"{results[library]['error']}\n{name} stopped in {library}")


if __name__ == "__main__":
    main()

# %% [markdown]
# ## What you should see
#
# On two cores of an AMD EPYC with AVX-512, `--against torch`; RESULTS.md has all figures.
#
# The questions. One op costs 11 times NumPy's a * a forward and 13 times backward, whatever its
# size. A step of `wgan_gp` has few ops on large arrays, so this does not matter, and it takes 0.9
# of PyTorch's time. `stylegan2` runs 2,200 ops per step and `cyclegan` 370, backward included, most
# of them on small arrays. Each needs several calls of NumPy, and a convolution some for each piece
# of its work. There PyTorch is 1.7 and 1.9 times faster.
#
# The forward pass of `conv_vae` has 0.48e9 multiplications (`multiplications` in
# _benchmark_scaling.py counts them), and the backward pass twice as many. With the additions, that
# is 2.9e9 operations. The head of the output says that products run at 350 to 430e9 per second. So
# multiplications need 7 to 8 ms of the step's 18. The rest copies windows of pixels into the rows
# of matrices, applies activations and moves parameters.
#
# `--scaling`: for a batch of 4, a step takes almost five times as long as its multiplications would
# at the speed reached with 256. From 16 to 256 the time grows like batch^0.7 here and batch^0.9 in
# PyTorch. The multiplications grow like width^1.9, but the time like width^0.9: larger matrices are
# multiplied faster, and the copies grow like the width. PyTorch's memory begins at 25 MiB, for code
# that it loads in the first step.
#
# The changes:
#
# 1. The step takes 0.53 of its time: half, not a quarter. What a convolution reads and writes stays
#    the same.
# 2. With two threads it takes 0.77 of the time that it takes with one. If a fraction p of the work
#    runs in parallel, the ratio is 1 - p + p / 2, so p = 0.45. Parts shorter than 0.1 ms are not
#    worth a second thread, and both threads read the same memory.
# 3. Three threads want two cores, so with a fair share a step takes 1.5 times as long. `mlp_vae`
#    and `conv_vae` take 1.5 and 1.3 times as long here, 2.0 and 2.2 times in PyTorch. Its threads
#    wait in a busy loop for one another, also for one that the busy process has driven from its
#    core.
#
# `--against compile` and `--against jax`: compiled networks take about as long as before, and have
# no second derivative, so `wgan_gp` stops. JAX compiles the whole step with the optimizer:
# `mlp_vae` takes 2.1 ms, `conv_vae` 57 (its convolutions are slow on this processor).
#
# What is uneven, and how much it is worth: RESULTS.md, "Speed". To try PyTorch's fused Adam, write
# `fused=True` in `adam` of _benchmark_torch_gans.py, and in `vae_step` and `ddpm_unet` of
# _benchmark_torch.py. tinygen tells glibc to keep freed memory in backend/threads.py.
