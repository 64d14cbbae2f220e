"""Figures of the one-dimensional game: they are drawn, and wrong data are errors."""

import numpy as np
import pytest
from figures.game import save_game, save_game_animation

Image = pytest.importorskip("PIL.Image")
X = np.linspace(-3, 3, 50)
P = np.exp(-(X**2) / 2) / np.sqrt(2 * np.pi)


def frame(step=0, **changes):
    """Return a valid frame with some entries changed."""
    return {
        "step": step,
        "x": X,
        "p": P,
        "q": np.roll(P, 5),
        "d": np.full(50, 0.5),
        "arrows": np.array([[0.0, 1.0]]),
        "note": "a note",
    } | changes


def test_frames_are_drawn_two_in_a_row(tmp_path):
    save_game(tmp_path / "one.png", [frame()])
    save_game(tmp_path / "four.png", [frame(k) for k in range(4)])
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "four.png") as four:
        assert four.size == (2 * one.size[0], 2 * one.size[1])
        pixels = np.asarray(one.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 20
    assert sorted(p.name for p in tmp_path.iterdir()) == ["four.png", "one.png"]


def test_an_animation_lasts_as_long_as_asked(tmp_path):
    frames = [frame(k, q=np.roll(P, k)) for k in range(3)]
    save_game_animation(tmp_path / "game.gif", frames)
    durations = []
    with Image.open(tmp_path / "game.gif") as film:
        assert film.n_frames == 3
        for k in range(3):
            film.seek(k)
            durations.append(film.info["duration"])
    assert durations == [3250, 3250, 1500]  # 8 seconds
    assert [p.name for p in tmp_path.iterdir()] == ["game.gif"]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "no frame"),
        ([frame(hue=1)], "wrong or missing: hue"),
        ([frame(q=np.full(50, np.nan))], "NaN"),
        ([frame(d=np.zeros(49))], r"are \(m,\)"),
    ],
)
def test_wrong_frames_are_errors(frames, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_game(tmp_path / "a.png", frames)
    assert not list(tmp_path.iterdir())


def test_an_animation_is_a_gif_file(tmp_path):
    with pytest.raises(ValueError, match="ends in .gif"):
        save_game_animation(tmp_path / "a.png", [frame()])
    assert not list(tmp_path.iterdir())
