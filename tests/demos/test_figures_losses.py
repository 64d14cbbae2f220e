"""Pictures that compare games: they are drawn, whole, and refuse what they cannot draw."""

import warnings

import numpy as np
import pytest
from figures.losses import save_critics, save_losses, save_table

from tinygen.plot.planes import grid_points

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


def moment(**changes):
    x = np.linspace(-3, 3, 50)
    p = np.exp(-(x**2) / 2)
    return {"title": "step 0", "x": x, "p": p, "q": np.roll(p, 9), "f": x, "optimal": np.abs(x), "note": "a note"} | changes


def column(*moments):
    return {"curves": {"W": (np.arange(5), np.array([3.0, 2, 1, 0, -1]), {"color": "#000000"})}, "snapshots": moments}


def panel(**changes):
    return {"field": grid_points((0, 1, 0, 1), 20)[:, 0] * 1e3, "points": np.full((50, 2), 0.5), "note": "8 modes"} | changes


def test_pictures(tmp_path):
    x = np.linspace(-5, 5, 30)
    save_losses(tmp_path / "costs.png", {"one": (x, x, 1 + 0 * x), "another": (x, -x, 0 * x)}, xlabel="logit")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_critics(tmp_path / "critics.png", {"a": column(moment(), moment()), "b": column(moment(), moment(optimal=np.full(50, np.nan)))})
    save_table(tmp_path / "table.png", {"row": {"one": panel(), "two": panel()}, "other": {"one": panel(), "two": panel()}}, (0, 1, 0, 1))
    for name in ("costs", "critics", "table"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    assert len([*tmp_path.iterdir()]) == 3


def test_a_table_colours_the_field_and_marks_the_points(tmp_path):
    save_table(tmp_path / "a.png", {"row": {"one": panel()}}, (0, 1, 0, 1))
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    dpi, label, side = 150, 0.3, 1.5
    at = lambda x, y: picture[round((label + side * (1 - y)) * dpi), round((label + side * x) * dpi)]  # noqa: E731
    assert at(0.05, 0.3)[0] > at(0.05, 0.3)[2] and at(0.95, 0.3)[2] > at(0.95, 0.3)[0]  # from what is fake, reddish, to what is real, bluish
    assert at(0.5, 0.5).max() < 120 < at(0.5, 0.3).min()


def test_what_cannot_be_drawn(tmp_path):
    x = np.zeros(3)
    with pytest.raises(ValueError, match="no cost"):
        save_losses(tmp_path / "a.png", {}, xlabel="")
    with pytest.raises(ValueError, match="'one': needs x"):
        save_losses(tmp_path / "a.png", {"one": (x, x, x[:2])}, xlabel="")
    with pytest.raises(ValueError, match="NaN"):
        save_losses(tmp_path / "a.png", {"one": (x, x, x + np.nan)}, xlabel="")
    with pytest.raises(ValueError, match="as many snapshots"):
        save_critics(tmp_path / "a.png", {"a": column(moment()), "b": column()})
    with pytest.raises(ValueError, match="wrong or missing: hue"):
        save_critics(tmp_path / "a.png", {"a": column(moment(hue=1))})
    with pytest.raises(ValueError, match=r"are \(m,\)"):
        save_critics(tmp_path / "a.png", {"a": column(moment(f=x))})
    with pytest.raises(ValueError, match="NaN"):
        save_critics(tmp_path / "a.png", {"a": column(moment(q=np.full(50, np.nan)))})
    with pytest.raises(ValueError, match="same columns"):
        save_table(tmp_path / "a.png", {"row": {"one": panel()}, "other": {"two": panel()}}, (0, 1, 0, 1))
    with pytest.raises(ValueError, match="'row', 'one', points"):
        save_table(tmp_path / "a.png", {"row": {"one": panel(points=np.full((2, 2), np.nan))}}, (0, 1, 0, 1))
    assert not list(tmp_path.iterdir())
