"""The game and the critic on a line: each part is in its place, and wrong arrays are errors."""

import warnings

import numpy as np
import pytest
from figures.game import DENSITIES, DISCRIMINATOR, FAKE, GAP, REAL, Critic, Game

from tinygen.plot import page
from tinygen.plot.canvas import rasterize
from tinygen.plot.page import LINE, MARGIN

pytest.importorskip("matplotlib")
X = np.linspace(-3, 3, 50)
P = np.exp(-(X**2) / 2) / np.sqrt(2 * np.pi)


def game(**changes):
    """Return a valid panel with some arguments changed."""
    arguments = {
        "x": X,
        "p": P,
        "q": np.roll(P, 10),
        "d": np.full(50, 0.25),
        "arrows": np.array([[0.0, 1.0]]),
        "accuracy": 0.75,
        "distance": 1.0,
        "top": 0.5,
    }
    return Game(**(arguments | changes))


def test_densities_discriminator_and_transport_are_below_each_other(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    page.save_page(tmp_path / "a.png", [game()])
    picture = rasterize(figures[0]).astype(int)
    right = picture[:, -MARGIN - 20]  # a column where p is 0, and q too

    def rows_of(colour):
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        return np.flatnonzero(abs(right - rgb).max(axis=1) < 10)

    d_top = MARGIN + LINE + DENSITIES + GAP + LINE
    d_rows = np.flatnonzero(right[d_top : d_top + DISCRIMINATOR].max(axis=1) < 60)
    assert abs(np.median(d_rows) - 0.75 * DISCRIMINATOR) < 5  # D = 0.25
    assert (right[d_top + DISCRIMINATOR // 4] == right[d_top + DISCRIMINATOR // 4, 0]).all()  # grey
    transport = d_top + DISCRIMINATOR
    fake, real = (rows_of(colour)[rows_of(colour) > transport] for colour in (FAKE, REAL))
    assert len(fake) and len(real) and fake.max() < real.min()  # mass moves down


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"q": np.full(50, np.nan)}, "NaN"),
        ({"d": np.zeros(49)}, r"are \(m,\)"),
        ({"arrows": np.zeros((2, 3))}, r"arrows \(k, 2\)"),
    ],
)
def test_wrong_arrays_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        game(**changes)


def critic(**changes):
    """Return a valid panel of a critic with some arguments changed."""
    arguments = {"x": X, "p": P, "q": np.roll(P, 9), "f": X, "optimal": np.abs(X), "name": "f"}
    return Critic(**(arguments | changes))


def test_a_critic_has_its_own_axis_even_where_none_is_optimal(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    undefined = critic(f=5 * X, optimal=np.where(X > 0, 1, np.nan), note="undefined on the left")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page.save_page(tmp_path / "a.png", [[critic(title="one"), undefined]])
        picture = rasterize(figures[0])
    _, one, _, other = figures[0].axes  # each panel has axes for densities, and for the critic
    assert other.get_ylim()[1] > 4 * one.get_ylim()[1]
    assert (picture.min(axis=-1) < 60).any(axis=0)[: 800 // 2].sum() > 250  # a line across


def test_a_critic_can_stand_alone(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    page.save_page(tmp_path / "a.png", [Critic(X, P, P, np.where(X > 0, X, np.nan), name="D(x)")])
    optimal, f = figures[0].axes[1].lines
    assert np.isnan(optimal.get_ydata()).all()
    np.testing.assert_array_equal(f.get_ydata()[X > 0], X[X > 0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"f": np.zeros(3)}, r"are \(m,\)"), ({"q": np.full(50, np.nan)}, "NaN")],
)
def test_wrong_critics_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        critic(**changes)
