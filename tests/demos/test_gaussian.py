"""demos/gaussian.py on a folder of one's own pictures."""

import json

import numpy as np
import pytest

from tests.demos.processes import run_demo as run

Image = pytest.importorskip("PIL.Image")


def save_pictures(folder, n):
    """Save n pictures of different sizes and modes, and return the value for --data."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        pixels = rng.integers(0, 256, (20 + i % 5, 24, 3), np.uint8)
        picture = Image.fromarray(pixels).convert(["RGB", "L", "RGBA"][i % 3])
        picture.save(folder / f"{i}.png")
    return f"folder:{folder}"


def test_a_folder_of_different_pictures(tmp_path):
    """The demo runs, with a tied covariance, and uses every picture."""
    source = save_pictures(tmp_path / "pictures", 30)
    options = ("--data", source, "--size", 12, "--steps", 3, "--components", 3)
    run("gaussian", tmp_path / "out", *options)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["data"] == source
    assert metrics["covariance"] == "tied"
    assert metrics["training_pictures"] + metrics["held_out_pictures"] == 30


def test_unusable_folders_are_named(tmp_path):
    """Too few pictures, no pictures, no folder; the message is not a traceback."""
    few = save_pictures(tmp_path / "few", 10)
    (tmp_path / "none").mkdir()
    for source, message, code in (
        (few, "8 pictures for training; a Gaussian needs 15", 2),
        (f"folder:{tmp_path / 'none'}", "no image in it", 1),
        (f"folder:{tmp_path / 'nowhere'}", "no folder", 2),
    ):
        output = run("gaussian", tmp_path / "out", "--data", source, code=code)
        assert message in output
        assert "Traceback" not in output


def test_a_broken_picture_is_named(tmp_path):
    """With the advice to repair or remove it."""
    source = save_pictures(tmp_path / "pictures", 5)
    (tmp_path / "pictures" / "broken.png").write_bytes(b"no picture")
    output = run("gaussian", tmp_path / "out", "--data", source, code=1)
    assert "broken.png" in output
    assert "repair or remove" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    "option, message",
    [
        (("--components", 24), "24 components for 23 examples"),
        (("--latent-dim", 22), "latent_dim is 22"),
        (("--size", 0), "at least 1"),
    ],
)
def test_numbers_that_do_not_fit_raise(tmp_path, option, message):
    """23 of 30 pictures are for training."""
    source = save_pictures(tmp_path / "pictures", 30)
    output = run("gaussian", tmp_path / "out", "--data", source, *option, code=2)
    assert message in output
    assert "Traceback" not in output
