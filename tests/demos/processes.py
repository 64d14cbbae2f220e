"""Demos in processes of their own, as a user starts them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

DEMOS = Path(__file__).parents[2] / "demos"
NOT_DEMOS = ("all", "benchmark", "broken", "explorer", "weights")
NAMES = sorted(p.stem for p in DEMOS.glob("[a-z]*.py") if p.stem not in NOT_DEMOS)

# Runs a demo with a few hundred digits instead of thousands, which take seconds to draw.
FEW_DIGITS = """
import runpy, sys
import tinygen.data
digits = tinygen.data.digits
tinygen.data.digits = lambda n, seed: digits(min(n, 600), seed)
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


DEVICE = []  # options that say where the demos of the tests compute; none for the CPU


def start(command, **options) -> subprocess.Popen:
    """Start a command whose output is collected."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)


def start_demo(name, out, *args, script=FEW_DIGITS, env=None) -> subprocess.Popen:
    """Start a demo by a script, in the folder of the project."""
    command = [sys.executable, "-W", "ignore", "-c", script, str(DEMOS), str(DEMOS / f"{name}.py")]
    command += ["--out", str(out), *DEVICE, *map(str, args)]
    return start(command, cwd=DEMOS.parent, env=env)


def run_demo(name, out, *args, code=0, script=FEW_DIGITS, env=None) -> str:
    """Run a demo to its end, check its exit status, and return all that it printed."""
    process = start_demo(name, out, *args, script=script, env=env)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == code, f"exit status {process.returncode}\n{output}\n{errors}"
    return output + errors


def run_python(*args) -> subprocess.CompletedProcess:
    """Run Python with these arguments to its end."""
    command = [sys.executable, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    """Wait until a running process has written this file."""
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
