"""Write the weights of a finished run to demos/weights/NAME.npz, for --trained.

    python demos/weights.py out/dcgan      write those of this run, in place of
                                           any earlier ones of the demo
    python demos/weights.py                list all files of weights

It refuses a run that is not finished, that measured nothing, that learned from
your own folder, whose numbers do not fit into float16, or that is too large.
Then the demo draws its pictures with the new file, for five seeds. The mean and
the standard deviation of each figure go into the file, and are printed next to
the figure of the finished run: the two should differ by no more than two
standard deviations. _weights.py says what else is in a file. With the
environment variable TINYGEN_WEIGHTS it is written to another folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # finds tinygen in a checkout

import _weights

from tinygen.checkpoint import load_checkpoint, save_checkpoint

DEMOS = Path(__file__).resolve().parent
MAX_BYTES = 2_000_000  # of a file
MAX_TOTAL_BYTES = 16_000_000  # of all files
NUM_SEEDS = 5
# The largest error of rounding to float16, relative to the largest number of an array. It is 2^-11
# = 0.0005, but more for numbers below 6e-5, of which float16 keeps fewer bits.
MAX_ROUNDING = 0.01


def to_float16(value: Any, name: str) -> Any:
    """Return float arrays as float16, those in nested dicts too; other values as they are.

    Raises
    ------
    ValueError
        If a number overflows, or if an array is so small that its numbers lose precision.
    """
    if isinstance(value, dict):
        return {key: to_float16(child, f"{name}/{key}") for key, child in value.items()}
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return value
    largest = np.abs(value).max(initial=0)
    if not largest <= np.finfo(np.float16).max:
        raise ValueError(f"{name} has the number {largest:g}, which float16 cannot hold")
    rounded = value.astype(np.float16)
    error = np.abs(rounded - value).max(initial=0)
    if error > MAX_ROUNDING * largest:
        raise ValueError(
            f"{name} has no number above {largest:g}, and float16 rounds such small ones by up to "
            f"{error / largest:.0%} of it"
        )
    return rounded


def read_run(folder: Path) -> tuple[dict[str, Any], Path]:
    """Return what a finished run gives to its file of weights, and the picture of the demo."""
    path = folder / "checkpoint.npz"
    if not path.exists():
        raise ValueError(f"{folder} has no checkpoint.npz; give the folder of a finished run")
    saved = load_checkpoint(path)
    finished = saved.get("finished")
    if not finished:
        raise ValueError(
            f"{folder} is no finished run of a demo that has --trained: finish it, or evaluate it "
            "again, with --resume"
        )
    settings = saved["settings"]
    if settings["data"].startswith("folder:"):
        raise ValueError(f"{folder} learned from {settings['data']}, which nobody else has")
    if not _weights.numbers(finished["figures"]):
        raise ValueError(f"{folder} measured nothing: give --resume with the option that evaluates")
    networks = finished.pop("networks")
    picture = folder / finished.pop("picture")
    content = {
        **{name: to_float16(state, name) for name, state in networks.items()},
        **finished,
        "settings": settings,
        "seconds": saved["seconds"],
        "history": to_float16(saved["history"], "history"),
        "records": to_float16(saved["records"], "records"),
        "spread": {},
        "rounding": None,
    }
    return content, picture


def draw(demo: str, weights: Path, out: Path, seed: int) -> dict[str, Any]:
    """Draw the pictures of a demo with the weights in a folder, and return its metrics."""
    command = [sys.executable, str(DEMOS / f"{demo}.py"), "--trained", "--out", str(out)]
    result = subprocess.run(
        [*command, "--seed", str(seed)],
        env=os.environ | {"TINYGEN_WEIGHTS": str(weights)},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise ValueError(
            f"demos/{demo}.py --trained fails: {result.stderr.strip().splitlines()[-1]}"
        )
    return json.loads((out / "metrics.json").read_text(encoding="utf-8"))


def mean_difference(picture: Path, other: Path) -> float | None:
    """Return the mean absolute difference of two pictures, in grey levels; None if sizes differ."""
    from PIL import Image

    a, b = (np.asarray(Image.open(path).convert("RGB"), np.int64) for path in (picture, other))
    return float(np.abs(a - b).mean()) if a.shape == b.shape else None


def write(folder: Path) -> None:
    """Write the weights of the run in a folder."""
    content, picture = read_run(folder)
    demo = content["demo"]
    target = _weights.FOLDER / f"{demo}.npz"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        save_checkpoint(work / target.name, **content)
        check_size(work / target.name, target)
        metrics = []
        first_seed = content["settings"]["seed"]
        for seed in range(first_seed, first_seed + NUM_SEEDS):
            print(f"Drawing with seed {seed} ...", flush=True)
            metrics.append(draw(demo, work, work / str(seed), seed))
        content["rounding"] = mean_difference(picture, work / str(first_seed) / picture.name)
    content["spread"] = measure_spread(content["figures"], metrics)
    save_checkpoint(target, **content)
    print(compare(content))
    print(f"Written: {target}, {target.stat().st_size:,} bytes")


def check_size(path: Path, target: Path) -> None:
    """Refuse a file that is too large, alone or with the other ones."""
    size = path.stat().st_size
    others = sum(f.stat().st_size for f in target.parent.glob("*.npz") if f != target)
    if size > MAX_BYTES:
        raise ValueError(f"the file would have {size:,} bytes; at most {MAX_BYTES:,} are allowed")
    if size + others > MAX_TOTAL_BYTES:
        raise ValueError(
            f"all files together would have {size + others:,} bytes; at most {MAX_TOTAL_BYTES:,} "
            "are allowed"
        )


def measure_spread(figures: dict[str, Any], metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and standard deviation over the seeds, of each figure that all of them have."""
    spread = {"seeds": [m["seed"] for m in metrics], "mean": {}, "std": {}}
    measured = [_weights.numbers(m) for m in metrics]
    for name in _weights.numbers(figures):
        values = [m[name] for m in measured if name in m]
        if len(values) == len(metrics):
            spread["mean"][name] = float(np.mean(values))
            spread["std"][name] = float(np.std(values, ddof=1))
    return spread


def compare(content: dict[str, Any]) -> str:
    """Return a table of the figures: of the finished run, and with the file."""
    mean, std = content["spread"]["mean"], content["spread"]["std"]
    lines = [f"{'':44s} after training        with the file"]
    for name, value in _weights.numbers(content["figures"]).items():
        measured = f"{mean[name]:10.4g} +- {std[name]:.2g}" if name in mean else " not measured"
        lines.append(f"{name:44s} {value:14.4g}   {measured}")
    if content["rounding"] is not None:
        lines.append(
            f"The demo's picture differs by {content['rounding']:.2f} of 255 grey levels on average"
        )
    return "\n".join(lines)


def list_files() -> str:
    """Return the size of each file, whether the demo has changed since, and the command."""
    paths = sorted(_weights.FOLDER.glob("*.npz"))
    lines = []
    for path in paths:
        saved = _weights.read_weights(path)
        source = (DEMOS / f"{path.stem}.py").read_text(encoding="utf-8")
        recipe = "the demo of today" if _weights.is_current(saved, source) else "an earlier demo"
        lines.append(f"{path.name:28s} {path.stat().st_size:9,} bytes, {recipe}")
        lines.append(f"    {saved['command']}")
    total = sum(path.stat().st_size for path in paths)
    return "\n".join([*lines, f"{len(paths)} files, {total:,} of {MAX_TOTAL_BYTES:,} bytes"])


def main() -> int:
    """Read the command line, and write or list files."""
    p = argparse.ArgumentParser(
        "weights.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="folder of a finished run")
    args = p.parse_args()
    try:
        for folder in args.runs:
            write(folder)
        if not args.runs:
            print(list_files())
    except (OSError, ValueError) as error:
        print(f"weights.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
