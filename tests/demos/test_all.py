"""demos/all.py: names, options, the pictures of the README, and Ctrl-C."""

import os
import signal
import sys
from pathlib import Path

import all as all_demos
import numpy as np
import pytest
from all import copy_picture

from tests.demos.processes import DEMOS, run_python, start, wait_for

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")


def test_an_unknown_demo_is_refused_with_the_names_of_all():
    result = run_python(DEMOS / "all.py", "nothing")
    assert result.returncode == 2
    assert "vae" in result.stderr and "benchmark" not in result.stderr


@pytest.mark.parametrize("options", [["--steps", 2], ["--trained"]])
def test_names_after_options_are_refused(options):
    result = run_python(DEMOS / "all.py", *options, "vae")
    assert result.returncode == 2
    assert f"names come first: all.py vae {options[0]}" in result.stderr


def test_every_picture_has_its_command():
    pictures = DEMOS / "pictures"
    real = {f"real/{path.stem}" for path in (pictures / "real").iterdir()}
    assert real == set(all_demos.REAL)
    for name in [*all_demos.COMMANDS, *all_demos.list_demos()]:
        demo, *options = all_demos.command(name, [])
        assert (DEMOS / f"{demo}.py").exists()
        assert options == ["--trained"] or name in all_demos.COMMANDS or not options
    assert all_demos.command("vae", ["--steps", "2"]) == ["vae", "--steps", "2"]


def test_the_pictures_of_real_data_are_drawn_by_their_name(tmp_path, monkeypatch):
    """One run of the demo with these options, and its picture is copied."""
    arguments = []

    def draw(name, demo, options):
        arguments.append([demo, *options])
        out = Path(options[-1])
        out.mkdir(parents=True)
        (out / "metrics.json").write_text('{"picture": "a.png"}')
        return 0

    copied = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(all_demos, "run", draw)
    monkeypatch.setattr(all_demos, "copy_picture", lambda *source: copied.append(source))
    assert all_demos.run_all(["real/vae_mnist", "vae"], []) == 0
    assert arguments == [
        ["vae", "--data", "mnist", "--out", "out/real/vae_mnist"],
        ["vae", "--trained", "--out", "out/vae-trained"],
    ]
    assert copied == [
        (Path("out/real/vae_mnist/a.png"), "real/vae_mnist"),
        (Path("out/vae-trained/a.png"), "vae"),
    ]


def test_with_trained_the_demos_are_those_that_have_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(all_demos, "DEMOS", tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vae.npz").write_bytes(b"")
    assert all_demos.list_demos(trained=True) == ["vae"]


@pytest.mark.parametrize("name", ["all", "benchmark"])
def test_the_help_fits_80_columns(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # a wide terminal
    result = run_python(DEMOS / f"{name}.py", "--help")
    assert result.returncode == 0 and result.stdout
    assert not [line for line in result.stdout.splitlines() if len(line) > 80]


@pytest.fixture
def save_noise(tmp_path, monkeypatch):
    """Save noise as a picture of a demo, and return its path."""
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(all_demos, "DEMOS", tmp_path)

    def save_noise(name, height, width):
        noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        image.fromarray(noise).save(tmp_path / name)
        return tmp_path / name

    return save_noise


def test_a_picture_is_copied_as_it_is(save_noise, tmp_path):
    copy_picture(save_noise("a.gif", 40, 60), "vae")
    assert [p.name for p in (tmp_path / "pictures").iterdir()] == ["vae.gif"]
    picture = save_noise("a.png", 100, 800)
    copy_picture(picture, "vae")
    assert [p.name for p in (tmp_path / "pictures").iterdir()] == ["vae.png"]
    assert (tmp_path / "pictures" / "vae.png").read_bytes() == picture.read_bytes()


@pytest.mark.parametrize(("height", "width", "message"), [(9, 801, "801"), (200, 800, "400,000")])
def test_a_picture_that_is_too_wide_or_too_large_is_refused(save_noise, height, width, message):
    with pytest.raises(ValueError, match=message):
        copy_picture(save_noise("a.png", height, width), "vae")


def test_ctrl_c_waits_for_the_demo_to_save(tmp_path):
    """A terminal sends the signal to both processes: to their group."""
    command = [sys.executable, str(DEMOS / "all.py"), "vae", "--steps", "100000"]
    command += ["--out", str(tmp_path)]
    process = start(command, cwd=tmp_path, start_new_session=True)
    wait_for(tmp_path / "checkpoint.npz", process)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "and saved. Go on with" in output and "Traceback" not in errors
