"""Figures of diffusion: they are drawn, and wrong data are errors."""

import numpy as np
import pytest
from figures.diffusion import ESTIMATED, EXACT, Evolution

from tinygen.plot import page
from tinygen.plot.canvas import rasterize

pytest.importorskip("matplotlib")
X = np.linspace(-3, 3, 40)
P = np.exp(-(X**2) / 2)


def evolution(**changes):
    """Return a valid panel with some arguments changed."""
    arguments = {
        "x": X,
        "density": np.stack([P] * 7, axis=1),
        "paths": np.zeros((2, 7)),
        "exact": (P, P),
        "direction": "to noise",
        "title": "a title",
    }
    return Evolution(**(arguments | changes))


def has_colour(picture, colour):
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return (abs(picture.astype(int) - rgb).max(axis=-1) < 20).any()


def test_both_ends_show_their_densities(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    page.save_page(tmp_path / "a.png", [evolution()])
    page.save_page(tmp_path / "b.png", [evolution(estimated=np.roll(P, 5))])
    exact, both = (rasterize(figure) for figure in figures)
    third = exact.shape[1] // 5
    for picture, at_data in ((exact, EXACT), (both, ESTIMATED)):
        left, right = picture[:, :third], picture[:, -third:]
        assert has_colour(left, at_data) and has_colour(right, EXACT)
        assert not has_colour(right, ESTIMATED)
    assert not has_colour(exact, ESTIMATED)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paths": np.zeros((2, 6))}, r"paths \(p, m\)"),
        ({"estimated": np.zeros(39)}, r"curves \(k,\)"),
        ({"density": np.full((40, 7), np.nan)}, "NaN"),
    ],
)
def test_wrong_arrays_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        evolution(**changes)
