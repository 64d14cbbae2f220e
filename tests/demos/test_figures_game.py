"""The picture of the one-dimensional game: it is drawn, whole, and refuses what it cannot draw."""

import numpy as np
import pytest
from figures.game import save_game, save_game_animation

Image = pytest.importorskip("PIL.Image")


def frame(step=0, **changes):
    x = np.linspace(-3, 3, 50)
    p = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return {"step": step, "x": x, "p": p, "q": np.roll(p, 5), "d": np.full(50, 0.5), "arrows": np.array([[0.0, 1.0]]), "note": "a note"} | changes


def test_pictures(tmp_path):
    save_game(tmp_path / "one.png", [frame()])
    save_game(tmp_path / "four.png", [frame(k) for k in range(4)])
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "four.png") as four:
        assert four.size == (2 * one.size[0], 2 * one.size[1]) and len(np.unique(np.asarray(one.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    save_game_animation(tmp_path / "game.gif", [frame(k, q=np.roll(frame()["p"], k)) for k in range(3)])
    with Image.open(tmp_path / "game.gif") as film:
        assert film.n_frames == 3
        lasts = []
        for k in range(3):
            film.seek(k)
            lasts.append(film.info["duration"])
    assert lasts == [3250, 3250, 1500]  # 8 s in all
    assert sorted(p.name for p in tmp_path.iterdir()) == ["four.png", "game.gif", "one.png"]


def test_what_cannot_be_drawn(tmp_path):
    with pytest.raises(ValueError, match="no frame"):
        save_game(tmp_path / "a.png", [])
    with pytest.raises(ValueError, match="wrong or missing: hue"):
        save_game(tmp_path / "a.png", [frame(hue=1)])
    with pytest.raises(ValueError, match="NaN"):
        save_game(tmp_path / "a.png", [frame(q=np.full(50, np.nan))])
    with pytest.raises(ValueError, match=r"are \(m,\)"):
        save_game(tmp_path / "a.png", [frame(d=np.zeros(49))])
    with pytest.raises(ValueError, match="ends in .gif"):
        save_game_animation(tmp_path / "a.png", [frame()])
    assert not list(tmp_path.iterdir())
