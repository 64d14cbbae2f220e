"""Interrupted demos: resumed to the bit, refused where the settings differ, never overwritten."""

import json
import random
import signal
import sys
import time

import numpy as np
import pytest

from tests.demos.processes import DEMOS, run_demo, start, start_demo, wait_for
from tinygen.checkpoint import load_checkpoint

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
SETTINGS = ("--steps", 150, "--batch", 64, "--save-every", 0.2, "--latent-dim", 3)
MANY_STEPS = ("--steps", "100000")


def flatten(name, value) -> dict:
    """Return the leaves of nested dicts by their paths."""
    if not isinstance(value, dict):
        return {name: value}
    leaves = {}
    for key, child in value.items():
        leaves |= flatten(f"{name}/{key}", child)
    return leaves


def load_arrays(folder) -> dict:
    """Return everything in a checkpoint but the time that training took."""
    saved = load_checkpoint(folder / "checkpoint.npz")
    del saved["seconds"]
    return flatten("", saved)


def load_metrics(folder) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert np.array_equal(a[name], b[name]), name
        assert np.asarray(a[name]).dtype == np.asarray(b[name]).dtype, name


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a run that was left alone."""
    out = tmp_path_factory.mktemp("uninterrupted")
    run_demo("vae", out, *SETTINGS)
    return out


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_and_resumed_ends_with_the_same_bits(signal_number, uninterrupted, tmp_path):
    moment = random.uniform(0, 0.8 * load_metrics(uninterrupted)["seconds"])
    process = start_demo("vae", tmp_path, *SETTINGS)
    wait_for(tmp_path / "checkpoint.npz", process)
    time.sleep(moment)
    process.send_signal(signal_number)
    output, _ = process.communicate(timeout=300)
    step = load_checkpoint(tmp_path / "checkpoint.npz")["step"]
    assert step <= 150
    if signal_number != signal.SIGKILL and step < 150:
        assert process.returncode == 130
        assert f"Stopped after step {step} of 150" in output and "--resume" in output

    run_demo("vae", tmp_path, *SETTINGS, "--resume")
    assert_same(load_arrays(tmp_path), load_arrays(uninterrupted))
    resumed, whole = load_metrics(tmp_path), load_metrics(uninterrupted)
    for figure in ("test_elbo", "test_kl"):
        assert resumed[figure] == whole[figure]
    pictures = [(folder / "samples.png").read_bytes() for folder in (tmp_path, uninterrupted)]
    assert pictures[0] == pictures[1]


def test_a_resume_that_does_not_fit_is_refused_and_harms_nothing(uninterrupted, tmp_path):
    before = (uninterrupted / "checkpoint.npz").read_bytes()
    other = [*SETTINGS, "--batch", 32, "--seed", 1, "--resume"]
    output = run_demo("vae", uninterrupted, *other, code=1)
    assert "--batch: 64 in the checkpoint, 32 now" in output
    assert "--seed: 0 in the checkpoint, 1 now" in output
    assert "Traceback" not in output
    assert (uninterrupted / "checkpoint.npz").read_bytes() == before

    output = run_demo("vae", tmp_path, "--resume", code=2)
    assert "there is no run in" in output and "35,000 digits" not in output
    (tmp_path / "checkpoint.npz").write_bytes(before[: len(before) // 2])
    output = run_demo("vae", tmp_path, *SETTINGS, "--resume", code=1)
    assert "damaged" in output and "Traceback" not in output


def test_a_new_run_keeps_the_checkpoint_of_an_unfinished_one(tmp_path):
    checkpoint = tmp_path / "checkpoint.npz"
    process = start_demo("vae", tmp_path, *MANY_STEPS)
    wait_for(checkpoint, process)
    process.kill()
    process.communicate()
    unfinished = checkpoint.read_bytes()

    output = run_demo("vae", tmp_path, "--steps", 2)
    assert "an unfinished run" in output
    assert f"move it back to {checkpoint}" in output and "--resume" in output
    assert (tmp_path / "checkpoint-unfinished.npz").read_bytes() == unfinished

    output = run_demo("vae", tmp_path, "--steps", 2)
    assert "an unfinished run" not in output  # a finished run may be replaced
    assert "checkpoint.npz" in output and "metrics.json" in output
    assert "unfinished" not in output.split("Written to")[1]  # this run did not write that file

    checkpoint.write_bytes(b"another")
    assert "checkpoint-unfinished-2.npz" in run_demo("vae", tmp_path, "--steps", 2)
    assert (tmp_path / "checkpoint-unfinished.npz").read_bytes() == unfinished
    assert (tmp_path / "checkpoint-unfinished-2.npz").read_bytes() == b"another"


def test_the_printed_command_resumes_the_run(tmp_path):
    """It works in a shell in the same folder, whatever `python` is there; here, without any."""
    out = tmp_path / "a folder"
    command = [sys.executable, str(DEMOS / "vae.py"), *MANY_STEPS, "--out", str(out)]
    process = start(command, cwd=tmp_path)
    wait_for(out / "checkpoint.npz", process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    (line,) = [line.strip() for line in output.splitlines() if line.endswith("--resume")]
    process = start(f"exec {line}", shell=True, cwd=tmp_path, env={"PATH": ""})
    process.stderr.read(1)  # the progress bar
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 130 and "Stopped after step" in output
