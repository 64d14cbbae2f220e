"""Training curves: they are drawn, and wrong ones are errors."""

import numpy as np
import pytest

from tests.plot.pictures import read_png
from tinygen import plot

pytest.importorskip("matplotlib")

STEPS = np.arange(400)
NOISE = np.random.default_rng(0).random(400)


@pytest.mark.parametrize(
    "curves",
    [
        {
            "train": (STEPS, 100 * np.exp(-STEPS / 50) + NOISE),
            "test": (STEPS[::100], np.ones(4)),
        },
        {"train": ([0], [1.0])},
    ],
)
def test_curves_of_any_length_are_drawn(curves, tmp_path):
    plot.save_curves(tmp_path / "a.png", curves)
    picture = read_png(tmp_path / "a.png")
    assert picture.std() > 0.01 and (picture[0] == 1).all()


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (([0, 1], [1.0]), "'train' needs as many steps as values"),
        (([0, 1], [1.0, np.nan]), "did training diverge"),
        (([0, 1], [1.0, 2.0], [0.5]), r"an error for each value; got \(1,\)"),
        (([0, 1], [1.0, 2.0], [0.5, np.inf]), "errors of 'train'"),
    ],
)
def test_bad_curves_are_errors(curve, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot.save_curves(tmp_path / "a.png", {"train": curve})
    assert not any(tmp_path.iterdir())


def test_direct_labels_stand_at_the_ends_of_their_curves_and_do_not_overlap(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    curves = {name: ([0, 1], [0, end]) for name, end in (("a", 1), ("$b$", 0.99), ("c", 0.2))}
    plot.save_curves(tmp_path / "a.png", curves, smooth=False, direct=True)
    (ax,) = figures[0].axes
    boxes = {text.get_text(): text.get_window_extent() for text in ax.texts}
    assert [*boxes] == ["a", "$b$", "c"] and ax.get_legend() is None
    assert boxes["a"].y0 > boxes["$b$"].y1 > boxes["c"].y1
    assert all(box.x0 > ax.get_window_extent().x1 for box in boxes.values())
    assert all(box.x1 < figures[0].bbox.x1 for box in boxes.values())


def test_a_range_of_the_y_axis_can_be_given(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    plot.save_curves(tmp_path / "a.png", {"a": ([0, 1], [0, 9])}, smooth=False, ylim=(-1, 3))
    assert figures[0].axes[0].get_ylim() == (-1, 3)


def test_few_places_of_a_logarithmic_axis_have_plain_numbers(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    plot.save_curves(tmp_path / "a.png", {"a": ([4, 8, 16], [1, 2, 3])}, smooth=False, log="xy")
    (ax,) = figures[0].axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4", "8", "16"]
    assert {"1", "2"} <= {label.get_text() for label in ax.get_yticklabels()}


def test_errors_are_bars_inside_the_range(tmp_path, monkeypatch):
    drawn = {}

    def keep(page, ax, box):
        containers = ax.containers
        segments = [c[2][0].get_segments() for c in containers]
        drawn.update(ylim=ax.get_ylim(), segments=segments)

    monkeypatch.setattr(plot.page.Page, "fit", keep)
    curves = {"a": ([1, 2], [5.0, 6.0], [0.5, 2.0]), "b": ([1, 2], [4.0, 3.0])}
    plot.save_curves(tmp_path / "a.png", curves, smooth=False)
    assert len(drawn["segments"]) == 1  # b has no errors
    bars = np.stack(drawn["segments"][0])  # (2, 2, 2): each from (x, low) to (x, high)
    np.testing.assert_allclose(bars, [[[1, 4.5], [1, 5.5]], [[2, 4], [2, 8]]])
    low, high = drawn["ylim"]
    assert low < 3 and high > 8
