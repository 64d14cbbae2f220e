"""The weights of finished trainings: demos/weights/NAME.npz, which --trained loads.

A training of an hour leaves networks of one or two megabytes. Whoever has them can draw the
pictures of the demo in seconds. `python demos/weights.py out/NAME` writes such a file; this module
reads it.

**In the file**, which has the format of `tinygen.checkpoint`:

    G, ...       the state of each network that the pictures need, by the names in the demo: its
                 averaged parameters, if the demo averages them, and its buffers
    evaluator    the state of the network that measures the samples, if the demo has one
    settings     the recipe: the options of the training by name, with its seed
    history, records    the curves, and what was recorded for pictures
    seconds      the time that the training took
    figures      what the demo measured at the end of the training
    spread       each figure again, measured with this file: mean and standard deviation over the
                 seeds of the samples
    rounding     how much float16 changes the demo's picture, in grey levels of 255, on average
    demo, command, digest, versions    where all this comes from

No optimizer and no discriminator is in it. Floats are float16: 11 bits of precision instead of 24,
which no eye sees in a picture.

**The digest** is the SHA-256 of the command and of the demo's code up to the end of its training,
without comments. If the demo has another digest today, it has changed since the file was made, and
--trained says so. The digest cannot see changes of tinygen itself; the test of the files does, if
they move a figure.

The environment variable TINYGEN_WEIGHTS names another folder in place of demos/weights.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shlex
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.checkpoint import load_checkpoint

FOLDER = Path(os.environ.get("TINYGEN_WEIGHTS") or Path(__file__).parent / "weights")
EVALUATOR = "evaluator"
# What --trained leaves to the command line, whatever a file says.
FREE = {"seed", "device", "out", "resume", "save_every", "trained"}
KINDS = {  # what each file holds besides networks, and its type
    "settings": dict,
    "history": dict,
    "records": dict,
    "figures": dict,
    "spread": dict,
    "versions": dict,
    "seconds": (int, float),
    "rounding": (int, float, type(None)),
    "demo": str,
    "command": str,
    "digest": str,
}


def read_weights(path: Path) -> dict[str, Any]:
    """Read and check a file of weights, and return all that it holds.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or no file of weights. The message has one line.
    """
    if not path.is_file():
        raise ValueError(
            f"there are no trained weights in {path}; train them: python demos/{path.stem}.py"
        )
    try:
        saved = load_checkpoint(path)
    except (ValueError, OSError) as error:
        raise ValueError(refusal(path, str(error))) from error
    if problem := _find_problem(path, saved):
        raise ValueError(refusal(path, problem))
    return saved


def refusal(path: Path, problem: str) -> str:
    """Return one line that says what is wrong with a file, and what to do."""
    problem = problem.removeprefix("load_checkpoint: ").removesuffix("; take an older one")
    problem = problem.replace(f"{path} ", "it ")
    first_lines = " ".join(line.strip() for line in problem.splitlines()[:4])
    return f"{path} cannot be used: {first_lines}. Restore the file, or leave out --trained"


def _find_problem(path: Path, saved: dict[str, Any]) -> str | None:
    """Return what is wrong with the content of a file, if anything."""
    for key, kind in KINDS.items():
        if key not in saved:
            return f"it holds no {key}, so it is no file of weights"
        if not isinstance(saved[key], kind):
            return f"its {key} is a {type(saved[key]).__name__}"
    if saved["demo"] != path.stem:
        return f"its weights are of demos/{saved['demo']}.py"
    if saved["command"] != command_of(saved["demo"], saved["settings"]):
        return "its command is not that of its settings"
    for name, value in flatten(saved):
        if problem := _find_problem_of(name, value, saved["settings"].get("steps")):
            return f"{name} {problem}"
    return None


def _find_problem_of(name: str, value: Any, steps: Any) -> str | None:
    """Return what is wrong with one array or number of a file, if anything."""
    is_array = isinstance(value, np.ndarray)
    if name.startswith(("history/", "records/")) and not is_array:
        return f"is a {type(value).__name__} and no array"
    if name.startswith("history/") and value.shape != (steps,):
        return f"has the shape {value.shape}, but there were {steps} steps"
    if is_array and value.dtype.kind == "f" and value.dtype != np.float16:
        return f"is {value.dtype}, but weights are float16"
    if (is_array or isinstance(value, float)) and not np.isfinite(value).all():
        return "is not finite"
    return None


def flatten(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each leaf of nested dicts."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}/")
        else:
            yield prefix + key, value


def numbers(figures: dict[str, Any]) -> dict[str, float]:
    """Return the figures that are numbers by their paths, without times: those differ each time."""
    return {
        name: value
        for name, value in flatten(figures)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and "second" not in name
    }


def options_of(settings: dict[str, Any]) -> list[str]:
    """Return settings as options of the command line."""
    options = []
    for name, value in settings.items():
        if value is None or value is False:
            continue
        options.append("--" + name.replace("_", "-"))
        if value is not True:
            options.append(str(value))
    return options


def command_of(demo: str, settings: dict[str, Any]) -> str:
    """Return the command of a training, with every setting: defaults may change."""
    settings = {name: value for name, value in settings.items() if name != "device"}
    return shlex.join(["python", f"demos/{demo}.py", *options_of(settings)])


def digest_of(command: str, source: str) -> str:
    """Return the SHA-256 of a command and of the code of a demo up to the end of its training."""
    cells = re.split(r"^# %%.*\n", source, flags=re.MULTILINE)[2:]  # without title and docstring
    training = next((k for k, cell in enumerate(cells) if "run.steps()" in cell), len(cells) - 1)
    code = _without_comments("".join(cells[: training + 1]))
    return hashlib.sha256(f"{command}\n{code}".encode()).hexdigest()


def _without_comments(code: str) -> str:
    """Return the lines of a program that hold more than a comment, without their comments."""
    lines = code.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def is_current(saved: dict[str, Any], source: str) -> bool:
    """Return whether the demo trains today as it did when the file was made."""
    return saved["digest"] == digest_of(saved["command"], source)


def describe_training(saved: dict[str, Any], source: str | None) -> str:
    """Return the command, the time and the figures of a training, for the terminal.

    Say, too, if the demo has changed. `source` is that of the demo, or None if it is not known.
    """
    seconds = saved["seconds"]
    time = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    figures = ", ".join(f"{name} {value:.4g}" for name, value in numbers(saved["figures"]).items())
    lines = [
        f"These weights were trained in {time} by",
        textwrap.indent(saved["command"], "    "),
        textwrap.fill(f"Measured at the end of that training: {figures}.", 79),
    ]
    if source is not None and not is_current(saved, source):
        lines.append("The demo has changed since then: this command gives other weights today.")
    return "\n".join(lines)
