"""Figures of diffusion: they are drawn, and wrong data are errors."""

import numpy as np
import pytest
from figures.diffusion import save_evolution, save_scatter_animation

Image = pytest.importorskip("PIL.Image")
X = np.linspace(-3, 3, 40)
P = np.exp(-(X**2) / 2)


def panel(**changes):
    """Return a valid panel with some entries changed."""
    return {
        "density": np.stack([P] * 7, axis=1),
        "paths": np.zeros((2, 7)),
        "exact": (P, P),
        "estimated": (None, P),
        "note": "a note",
    } | changes


def test_panels_are_drawn_one_below_the_other(tmp_path):
    save_evolution(tmp_path / "one.png", X, {"a": panel()})
    panels = {"a": panel(), "b": panel(density=np.eye(40)[:, :7])}
    save_evolution(tmp_path / "two.png", X, panels)
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.size[0] == one.size[0] and abs(two.size[1] - 2 * one.size[1]) <= 1
        pixels = np.asarray(one.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 50
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_every_frame_of_an_animation_is_drawn(tmp_path):
    rng = np.random.default_rng(0)
    frames = [(rng.normal(size=(30, 2)), np.arange(30) % 3, f"{k}") for k in range(4)]
    save_scatter_animation(tmp_path / "film.gif", frames, (-3, 3, -3, 3))
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 4
    assert [p.name for p in tmp_path.iterdir()] == ["film.gif"]


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ({}, "no panel"),
        ({"a": panel(hue=1)}, "wrong or missing: hue"),
        ({"a": panel(paths=np.zeros((2, 6)))}, r"paths \(p, m\)"),
        ({"a": panel(density=np.full((40, 7), np.nan))}, "NaN"),
    ],
)
def test_wrong_panels_are_errors(panels, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_evolution(tmp_path / "a.png", X, panels)
    assert not list(tmp_path.iterdir())


FRAME = (np.zeros((3, 2)), np.zeros(3, int), "")


@pytest.mark.parametrize(
    ("name", "frames", "message"),
    [
        ("a.gif", [], "needs frames"),
        ("a.png", [FRAME], "ends in .gif"),
        ("a.gif", [(np.zeros((3, 2)), np.zeros(2, int), "")], "labels"),
        ("a.gif", [(np.full((3, 2), np.nan), np.zeros(3, int), "")], "NaN"),
    ],
)
def test_wrong_frames_are_errors(name, frames, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_scatter_animation(tmp_path / name, frames, (-1, 1, -1, 1))
    assert not list(tmp_path.iterdir())
