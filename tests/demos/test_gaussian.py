"""demos/gaussian.py on a folder of one's own pictures."""

import json

import numpy as np
import pytest

from tests.demos.test_demos import run

Image = pytest.importorskip("PIL.Image")


def pictures(folder, n):
    """n pictures of mixed sizes and modes."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        picture = Image.fromarray(rng.integers(0, 256, (20 + i % 5, 24, 3), np.uint8)).convert(["RGB", "L", "RGBA"][i % 3])
        picture.save(folder / f"{i}.png")
    return f"folder:{folder}"


def test_a_folder_of_mixed_pictures(tmp_path):
    source = pictures(tmp_path / "pictures", 30)
    run("gaussian", tmp_path / "out", "--data", source, "--size", 12, "--steps", 3, "--components", 3)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["data"] == source and metrics["covariance"] == "tied" and metrics["training_pictures"] + metrics["held_out_pictures"] == 30


def test_folders_that_do_not_serve_are_named(tmp_path):
    few = pictures(tmp_path / "few", 5)
    (tmp_path / "none").mkdir()
    for source, message, code in (
        (few, "5 pictures; a Gaussian needs 20", 2),
        (f"folder:{tmp_path / 'none'}", "no picture in it", 1),
        (f"folder:{tmp_path / 'nowhere'}", "no folder", 2),
    ):
        output = run("gaussian", tmp_path / "out", "--data", source, code=code)
        assert message in output and "Traceback" not in output
    (tmp_path / "few" / "broken.png").write_bytes(b"no picture")
    output = run("gaussian", tmp_path / "out", "--data", few, code=1)
    assert "broken.png" in output and "mend or remove" in output and "Traceback" not in output


def test_numbers_that_do_not_fit_are_refused(tmp_path):
    source = pictures(tmp_path / "pictures", 30)
    wrong = ((("--components", 26), "26 components for 25 examples"), (("--latent-dim", 24), "latent_dim is 24"), (("--size", 0), "at least 1"))
    for option, message in wrong:
        output = run("gaussian", tmp_path / "out", "--data", source, *option, code=2)
        assert message in output and "Traceback" not in output
