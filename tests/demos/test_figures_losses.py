"""Figures that compare adversarial losses: they are drawn, and wrong data are errors."""

import warnings

import numpy as np
import pytest
from figures.losses import Critic, save_losses, save_table

from tinygen.plot.page import save_page
from tinygen.plot.planes import grid_points

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")

X = np.linspace(-3, 3, 50)
P = np.exp(-(X**2) / 2)


def critic(**changes):
    """Return a valid panel of a critic with some arguments changed."""
    arguments = {"x": X, "p": P, "q": np.roll(P, 9), "f": X, "optimal": np.abs(X)}
    return Critic(**(arguments | changes))


def cell(**changes):
    """Return a valid panel of a table: its field grows to the right."""
    field = grid_points((0, 1, 0, 1), 20)[:, 0] * 1e3
    return {"field": field, "points": np.full((50, 2), 0.5), "note": "8 modes"} | changes


def num_colours(path):
    with Image.open(path) as picture:
        return len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0))


def test_losses_are_drawn(tmp_path):
    x = np.linspace(-5, 5, 30)
    curves = {"one": (x, x, 1 + 0 * x), "another": (x, -x, 0 * x)}
    save_losses(tmp_path / "a.png", curves, xlabel="logit")
    assert num_colours(tmp_path / "a.png") > 20
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_critics_are_drawn_even_where_none_is_optimal(tmp_path):
    undefined = critic(optimal=np.where(X > 0, 1, np.nan), note="undefined on the left")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_page(tmp_path / "a.png", [[critic(title="one"), undefined]])
    assert num_colours(tmp_path / "a.png") > 20
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_tables_are_drawn(tmp_path):
    row = {"one": cell(), "two": cell()}
    save_table(tmp_path / "a.png", {"row": row, "other": row}, (0, 1, 0, 1))
    assert num_colours(tmp_path / "a.png") > 20
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_table_colours_the_field_and_marks_the_points(tmp_path):
    save_table(tmp_path / "a.png", {"row": {"one": cell()}}, (0, 1, 0, 1))
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    dpi, label, side = 150, 0.3, 1.5

    def colour_at(x, y):
        row, column = (label + side * (1 - y)) * dpi, (label + side * x) * dpi
        return picture[round(row), round(column)]

    # From fake, reddish, to real, bluish.
    fake, real = colour_at(0.05, 0.3), colour_at(0.95, 0.3)
    assert fake[0] > fake[2] and real[2] > real[0]
    assert colour_at(0.5, 0.5).max() < 120 < colour_at(0.5, 0.3).min()


THREE = np.zeros(3)


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({}, "no loss"),
        ({"one": (THREE, THREE, THREE[:2])}, "'one': needs x"),
        ({"one": (THREE, THREE, THREE + np.nan)}, "NaN"),
    ],
)
def test_wrong_losses_are_errors(curves, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_losses(tmp_path / "a.png", curves, xlabel="")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"f": THREE}, r"are \(m,\)"), ({"q": np.full(50, np.nan)}, "NaN")],
)
def test_wrong_critics_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        critic(**changes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"row": {"one": cell()}, "other": {"two": cell()}}, "same columns"),
        ({"row": {"one": cell(points=np.full((2, 2), np.nan))}}, "'row', 'one', points"),
    ],
)
def test_wrong_tables_are_errors(rows, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_table(tmp_path / "a.png", rows, (0, 1, 0, 1))
    assert not list(tmp_path.iterdir())
