"""The demos as a user meets them: in a process of their own, interrupted at any moment, resumed, misused."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinygen.checkpoint import load_checkpoint

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
DEMOS = Path(__file__).parent.parent / "demos"
NAMES = sorted(p.stem for p in DEMOS.glob("*.py") if p.stem not in ("all", "benchmark") and not p.stem.startswith("_"))

# A demo with a few hundred digits instead of thousands, which take seconds to draw.
FEW = """
import runpy, sys
import tinygen.data
many = tinygen.data.digits
tinygen.data.digits = lambda n, seed: many(min(n, 600), seed)
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def start(name, out, *args):
    command = [sys.executable, "-W", "ignore", "-c", FEW, str(DEMOS), str(DEMOS / f"{name}.py"), "--out", str(out), *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=DEMOS.parent)


def run(name, out, *args, code=0):
    process = start(name, out, *args)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == code, f"exit status {process.returncode}\n{output}\n{errors}"
    return output + errors


@pytest.mark.parametrize("name", NAMES)
def test_every_demo_runs_and_says_what_it_did(name, tmp_path):
    output = run(name, tmp_path, "--steps", 2)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert {"data", "steps", "batch", "seed", "device", "seconds", "versions", "picture"} <= set(metrics) and metrics["steps"] == 2
    assert (tmp_path / metrics["picture"]).read_bytes()[1:4] == b"PNG"
    assert str(tmp_path) in output and "checkpoint.npz" in output
    assert not [p.name for p in tmp_path.iterdir() if "tmp" in p.name]


@pytest.mark.parametrize("name", NAMES)
def test_every_demo_asks_a_question_and_proposes_changes(name):
    text = (DEMOS / f"{name}.py").read_text()
    assert "Question to predict" in text[:1000] and "Three one-line changes" in text and text.count("\n# %% ") >= 4
    shown = run(name, "unused", "--help")
    for option in ("--data", "--steps", "--batch", "--device", "--seed", "--out", "--resume"):
        assert option in shown
    assert "default" in shown and "cores" in shown


def arrays(path):
    """All that is in a checkpoint but how long it took."""
    flat = {}

    def walk(name, value):
        if isinstance(value, dict):
            for k, v in value.items():
                walk(f"{name}/{k}", v)
        else:
            flat[name] = value

    walk("", {k: v for k, v in load_checkpoint(path / "checkpoint.npz").items() if k != "seconds"})
    return flat


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert np.array_equal(a[name], b[name]) and np.asarray(a[name]).dtype == np.asarray(b[name]).dtype, name


SETTINGS = ("--steps", 150, "--batch", 64, "--save-every", 0.2, "--latent", 3)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted")
    run("vae", out, *SETTINGS)
    return out


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_and_resumed_ends_with_the_same_bits(how, uninterrupted, tmp_path):
    seconds = json.loads((uninterrupted / "metrics.json").read_text())["seconds"]
    moment = random.uniform(0, 0.8 * seconds)
    process = start("vae", tmp_path, *SETTINGS)
    while not (tmp_path / "checkpoint.npz").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    time.sleep(moment)
    process.send_signal(how)
    output, _ = process.communicate(timeout=300)
    step = load_checkpoint(tmp_path / "checkpoint.npz")["step"]
    assert step <= 150
    if how != signal.SIGKILL and step < 150:
        assert process.returncode == 130 and f"Stopped after step {step} of 150" in output and "--resume" in output
    run("vae", tmp_path, *SETTINGS, "--resume")
    assert_same(arrays(tmp_path), arrays(uninterrupted))
    for figure in ("test_elbo", "test_kl"):
        assert json.loads((tmp_path / "metrics.json").read_text())[figure] == json.loads((uninterrupted / "metrics.json").read_text())[figure]
    assert (tmp_path / "samples.png").read_bytes() == (uninterrupted / "samples.png").read_bytes()


def test_resuming_what_does_not_fit_is_refused_and_harms_nothing(uninterrupted, tmp_path):
    before = (uninterrupted / "checkpoint.npz").read_bytes()
    output = run("vae", uninterrupted, *SETTINGS, "--batch", 32, "--seed", 1, "--resume", code=1)
    assert "--batch: 64 in the checkpoint, 32 now" in output and "--seed: 0 in the checkpoint, 1 now" in output and "Traceback" not in output
    assert (uninterrupted / "checkpoint.npz").read_bytes() == before
    output = run("vae", tmp_path, "--resume", code=1)
    assert "there is no such file" in output and "Traceback" not in output
    (tmp_path / "checkpoint.npz").write_bytes(before[: len(before) // 2])
    output = run("vae", tmp_path, *SETTINGS, "--resume", code=1)
    assert "damaged" in output and "Traceback" not in output


def test_beginning_afresh_keeps_an_unfinished_run(tmp_path):
    process = start("vae", tmp_path, "--steps", 100_000)
    while not (tmp_path / "checkpoint.npz").exists():
        time.sleep(0.01)
    process.kill()
    process.communicate()
    unfinished = (tmp_path / "checkpoint.npz").read_bytes()
    assert "unfinished" in run("vae", tmp_path, "--steps", 2)
    assert (tmp_path / "checkpoint-unfinished.npz").read_bytes() == unfinished
    assert "unfinished run stood" not in run("vae", tmp_path, "--steps", 2)  # a finished one may be replaced


def test_two_dimensions_of_code_are_drawn_as_they_are(tmp_path):
    run("vae", tmp_path, "--steps", 2, "--latent", 2)
    assert {p.name for p in tmp_path.glob("*.png")} == {"reconstructions.png", "samples.png", "curves.png", "latent_map.png", "plane.png"}


@pytest.mark.parametrize("args, message", [
    (("--steps", 0), "at least 1"), (("--data", "letters"), "digits"), (("--batch", -3), "at least 1"), (("--latent", 1), "at least 2 dimensions"),
])
def test_wrong_arguments_are_named(args, message, tmp_path):
    output = run("vae", tmp_path, *args, code=2)
    assert message in output and "Traceback" not in output


def test_all_names_the_demos(tmp_path):
    result = subprocess.run([sys.executable, str(DEMOS / "all.py"), "nothing"], capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "vae" in result.stderr and "benchmark" not in result.stderr
