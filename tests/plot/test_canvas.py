"""Figures and their files: distinguishable colours, atomic writes, lazy imports."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tinygen import plot
from tinygen.plot.canvas import save_gif

matplotlib = pytest.importorskip("matplotlib")


def to_linear(rgb):
    """Convert sRGB to linear RGB."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def to_srgb(linear):
    """Convert linear RGB to sRGB."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def to_lab(rgb):
    """Convert sRGB to CIELAB coordinates, with white point D65."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    t = to_linear(rgb) @ to_xyz.T / to_xyz.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    lightness, red_green = 116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1])
    yellow_blue = 200 * (f[:, 1] - f[:, 2])
    return np.stack([lightness, red_green, yellow_blue], axis=1)


# Matrices on linear RGB that simulate colour blindness: Machado, Oliveira and Fernandes, 2009.
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)


@pytest.mark.parametrize(
    ("simulation", "min_distance"), [(np.eye(3), 28), (DEUTERANOPIA, 21), (PROTANOPIA, 21)]
)
def test_any_two_class_colours_can_be_told_apart(simulation, min_distance):
    """At the opacity of a scatter plot, on white."""
    colours = np.array([matplotlib.colors.to_rgb(colour) for colour in plot.CLASS_COLOURS])
    on_white = 0.6 * colours + 0.4
    linear = (to_linear(on_white) @ simulation.T).clip(0, 1)
    lab = to_lab(to_srgb(linear))
    distance = np.linalg.norm(lab[:, None] - lab, axis=-1) + 1e9 * np.eye(len(lab))
    assert len(lab) == 10 and distance.min() > min_distance


def test_a_failed_write_leaves_the_old_picture_and_no_other_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    plot.save_grid(path, np.zeros((1, 1, 4, 4)))
    before = path.read_bytes()
    from PIL.Image import Image

    def fail(self, where, **kwargs):
        where.write(b"half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        plot.save_grid(path, np.ones((1, 1, 4, 4)))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_pictures_are_png_files(tmp_path):
    with pytest.raises(ValueError, match="name the file a.png, not a.jpg"):
        plot.save_grid(tmp_path / "a.jpg", np.zeros((1, 1, 4, 4)))
    assert not any(tmp_path.iterdir())


def test_faces_keep_more_colours(tmp_path):
    image = pytest.importorskip("PIL.Image")
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    errors = []
    for many in (False, True):
        save_gif(tmp_path / "a.gif", [frame], seconds=2.0, many_colours=many)
        with image.open(tmp_path / "a.gif") as film:
            errors.append(abs(np.asarray(film.convert("RGB")).astype(int) - frame).mean())
    assert errors[1] < 0.85 * errors[0]


def test_an_animation_lasts_as_long_as_asked_and_holds_its_last_frame(tmp_path):
    image = pytest.importorskip("PIL.Image")
    frames = [np.full((8, 8, 3), 80 * k, np.uint8) for k in range(3)]
    save_gif(tmp_path / "a.gif", frames, seconds=8.0)
    durations = []
    with image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 3
        for k in range(3):
            film.seek(k)
            durations.append(film.info["duration"])
    assert durations == [3250, 3250, 1500]  # 8 seconds
    grey = np.random.default_rng(0).integers(245, 256, (64, 64, 1), np.uint8)
    save_gif(tmp_path / "a.gif", [np.repeat(grey, 3, axis=2)], seconds=2.0)
    with image.open(tmp_path / "a.gif") as film:
        assert np.asarray(film.convert("RGB"))[grey[..., 0] == 255].min() == 255
    with pytest.raises(ValueError, match="ends in .gif"):
        save_gif(tmp_path / "a.png", frames, seconds=8.0)
    with pytest.raises(ValueError, match="needs frames"):
        save_gif(tmp_path / "a.gif", [], seconds=8.0)
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]


def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, tinygen.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("shell", ["kernel", "terminal", "none"])
def test_a_saved_picture_is_displayed_in_a_kernel(shell, tmp_path, monkeypatch):
    pytest.importorskip("PIL")
    displayed = []
    shells = {"kernel": SimpleNamespace(kernel=1), "terminal": SimpleNamespace(), "none": None}
    display = SimpleNamespace(Image=lambda filename: filename, display=displayed.append)
    ipython = SimpleNamespace(get_ipython=lambda: shells[shell], display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    plot.save_grid(tmp_path / "a.png", np.ones((1, 1, 4, 4)))
    save_gif(tmp_path / "a.gif", [np.zeros((8, 8, 3), np.uint8)], seconds=2.0)
    paths = [str(tmp_path / "a.png"), str(tmp_path / "a.gif")]
    assert displayed == (paths if shell == "kernel" else [])
