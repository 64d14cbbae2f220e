"""Pictures of diffusion: drawn, whole, and refused where they cannot be."""

import numpy as np
import pytest
from figures.diffusion import save_evolution, save_scatter_animation

Image = pytest.importorskip("PIL.Image")
X = np.linspace(-3, 3, 40)


def panel(**changes):
    p = np.exp(-(X**2) / 2)
    return {"density": np.stack([p] * 7, axis=1), "paths": np.zeros((2, 7)), "exact": (p, p), "estimated": (None, p), "note": "a note"} | changes


def test_evolution(tmp_path):
    save_evolution(tmp_path / "one.png", X, {"a": panel()})
    save_evolution(tmp_path / "two.png", X, {"a": panel(), "b": panel(density=np.eye(40)[:, :7])})
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.size[0] == one.size[0] and abs(two.size[1] - 2 * one.size[1]) <= 1
        assert len(np.unique(np.asarray(one.convert("RGB")).reshape(-1, 3), axis=0)) > 50
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_animation(tmp_path):
    rng = np.random.default_rng(0)
    save_scatter_animation(tmp_path / "film.gif", [(rng.normal(size=(30, 2)), np.arange(30) % 3, f"{k}") for k in range(4)], (-3, 3, -3, 3))
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 4
    assert [p.name for p in tmp_path.iterdir()] == ["film.gif"]


def test_what_cannot_be_drawn(tmp_path):
    for wrong, message in (
        ({}, "no panel"), ({"a": panel(hue=1)}, "wrong or missing: hue"), ({"a": panel(paths=np.zeros((2, 6)))}, r"paths \(p, m\)"),
        ({"a": panel(density=np.full((40, 7), np.nan))}, "NaN"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            save_evolution(tmp_path / "a.png", X, wrong)
    frame = (np.zeros((3, 2)), np.zeros(3, int), "")
    for path, frames, message in (
        ("a.gif", [], "needs frames"), ("a.png", [frame], "ends in .gif"), ("a.gif", [(np.zeros((3, 2)), np.zeros(2, int), "")], "labels"),
        ("a.gif", [(np.full((3, 2), np.nan), np.zeros(3, int), "")], "NaN"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            save_scatter_animation(tmp_path / path, frames, (-1, 1, -1, 1))
    assert not list(tmp_path.iterdir())
