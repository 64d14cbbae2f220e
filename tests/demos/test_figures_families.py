"""Schemes of models: they are drawn, and wrong data are errors."""

import numpy as np
import pytest
from figures.families import Code, Network, Picture, Text, save_families

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)


def row(**changes):
    """Return a valid row with some entries changed."""
    parts = [
        Picture(np.ones((28, 28)), "x"),
        Network("D", 1, 0.3),
        Text("0.9"),
        None,
        Code(np.arange(10.0), "z"),
        Network("G", 0.3, 1),
        Picture(np.ones((1, 28, 28))),
    ]
    samples = np.ones((16, 28, 28))
    return {"parts": parts, "feedback": (6, 1), "samples": samples, "note": "a note"} | changes


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_rows_are_drawn_one_below_the_other(tmp_path):
    save_families(tmp_path / "one.png", {"a": row()})
    parts = [Picture(np.zeros((3, 8, 8))), Code(RNG.normal(size=(28, 28)))]
    save_families(tmp_path / "two.png", {"a": row(), "b": row(parts=parts, feedback=None)})
    one, two = read(tmp_path / "one.png"), read(tmp_path / "two.png")
    assert one.shape[1] == two.shape[1] and 1.8 < two.shape[0] / one.shape[0] < 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "two.png"]


@pytest.mark.parametrize(("value", "channel"), [(2.5, 0), (-2.5, 2)])
def test_the_sign_of_a_number_decides_its_colour(tmp_path, value, channel):
    parts = [Picture(np.zeros((28, 28))), Code(np.full((28, 28), value))]
    changes = {"parts": parts, "feedback": None, "samples": np.zeros((2, 28, 28))}
    save_families(tmp_path / "a.png", {"a": row(**changes)})
    pixels = read(tmp_path / "a.png").reshape(-1, 3)
    coloured = pixels[(pixels.max(axis=1) - pixels.min(axis=1)) > 100]
    assert len(coloured) > 1000 and (coloured.argmax(axis=1) == channel).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "no row"),
        ({"a": row(hue=1)}, "wrong or missing: hue"),
        ({"a": row(parts=["x"])}, "got str"),
        ({"a": row(parts=[Code(np.full(3, np.nan))], feedback=None)}, "NaN"),
        ({"a": row(parts=[Code(np.zeros((2, 2, 2)))], feedback=None)}, r"\(2, 2, 2\)"),
        ({"a": row(parts=[Picture(np.full((8, 8), 3.0))], feedback=None)}, "0 to 1"),
        ({"a": row(samples=np.zeros((4, 28)))}, "needs images"),
    ],
)
def test_wrong_rows_are_errors(rows, message, tmp_path):
    with pytest.raises((ValueError, TypeError), match=message):
        save_families(tmp_path / "a.png", rows)
    assert not list(tmp_path.iterdir())
