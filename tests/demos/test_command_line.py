"""Wrong options, unusable folders, damaged data: refused in one line that names the cause."""

import importlib.util
import os
from pathlib import Path

import pytest

from tests.demos.processes import FEW_DIGITS, run_demo

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

FULL_DISK = FEW_DIGITS.replace(
    "import runpy",
    """import zipfile
def write_to_a_full_disk(*args, **options):
    open("/dev/full", "wb", 0).write(b"x")
zipfile.ZipFile.writestr = write_to_a_full_disk
import runpy""",
)
A_MISTAKE = FEW_DIGITS.replace("digits(min(n, 600), seed)", "digits(min(n, 600), seed)[:1]")
A_MISTAKE_IN_DATA = FEW_DIGITS.replace(
    "digits(min(n, 600), seed)", "tinygen.data.downsample(digits(9, seed)[0], 5)"
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_reported_in_one_line(tmp_path):
    """The file can be opened, and then the write fails."""
    output = run_demo("vae", tmp_path, "--steps", 2, code=1, script=FULL_DISK)
    message = "vae.py: save_checkpoint: cannot write the checkpoint (No space left on device)"
    assert message in output and "Traceback" not in output


def test_damaged_data_are_reported_in_one_line(tmp_path):
    (tmp_path / "mnist").mkdir()
    images = tmp_path / "mnist" / "train-images-idx3-ubyte"
    images.write_bytes(b"\0\0\x08\x03" + bytes(100))
    env = os.environ | {"TINYGEN_DATA": str(tmp_path)}
    output = run_demo("vae", tmp_path, "--data", "mnist", "--steps", 2, code=1, env=env)
    assert "cut short" in output and "Traceback" not in output


@pytest.mark.parametrize("script", [A_MISTAKE, A_MISTAKE_IN_DATA])
def test_a_mistake_in_the_code_keeps_its_traceback(script, tmp_path):
    """Also where it is found by a check in tinygen.data."""
    output = run_demo("vae", tmp_path, "--steps", 2, code=1, script=script)
    assert "Traceback" in output and "ValueError" in output


def a_file(path):
    path.write_text("text")
    return path


def a_folder_in_a_file(path):
    return a_file(path) / "sub"


def a_path_that_cannot_be_made(path):
    return Path("/proc/nowhere")


def a_folder_without_permission(path):
    path.mkdir()
    path.chmod(0o500)
    if os.access(path, os.W_OK):
        return Path("/proc")  # root may write anywhere else
    return path


@pytest.mark.parametrize(
    "make, message",
    [
        (a_file, "it is a file"),
        (a_folder_in_a_file, "Not a directory"),
        (a_path_that_cannot_be_made, "cannot make"),
        (a_folder_without_permission, "cannot make or use this folder"),
    ],
)
def test_an_unusable_folder_is_refused_at_once(make, message, tmp_path):
    out = make(tmp_path / "out")
    output = run_demo("vae", out, code=2)
    assert f"--out {out}: " in output and message in output
    assert "Traceback" not in output and "35,000 digits" not in output


@pytest.mark.parametrize(
    "args, message",
    [
        (("--steps", 0), "at least 1"),
        (("--steps", "abc"), "a whole number of at least 1"),
        (("--seed", -1), "--seed: give a whole number from 0"),
        (("--save-every", "nan"), "at least 0, not 'nan'"),
        (("--save-every", -1), "at least 0"),
        (("--data", "letters"), "digits"),
        (("--batch", -3), "at least 1"),
        (("--latent-dim", 1), "at least 2 dimensions"),
    ],
)
def test_wrong_arguments_are_named(args, message, tmp_path):
    output = run_demo("vae", tmp_path, *args, code=2)
    assert message in output and "Traceback" not in output


@pytest.mark.parametrize(
    "name, option, value",
    [("wgan_gp", "--penalty", 0), ("wgan_gp", "--clip", "nan"), ("gan_losses", "--clip", -1)],
)
def test_limits_and_weights_are_above_0(name, option, value, tmp_path):
    output = run_demo(name, tmp_path, "--steps", 2, option, value, code=2)
    assert f"{option}: give a number above 0, not '{value}'" in output


def test_a_batch_larger_than_the_data_is_refused_in_one_line(tmp_path):
    output = run_demo("vae", tmp_path, "--batch", 601, code=1)
    assert "vae.py: --batch must be from 1 to the 600 rows there are, got 601" in output
    assert "Traceback" not in output


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_a_missing_device_is_refused_at_once(tmp_path):
    output = run_demo("vae", tmp_path, "--device", "cuda", code=2)
    assert "--device cuda: " in output and "needs CuPy" in output
    assert "Traceback" not in output and "35,000 digits" not in output


def test_a_word_outside_of_the_vocabulary_is_refused_at_once(tmp_path):
    output = run_demo("prompt", tmp_path, "a man in a hat", "a man with a monocle", code=1)
    assert "no caption had the word 'monocle'" in output
    assert "Traceback" not in output and "Drawing" not in output
