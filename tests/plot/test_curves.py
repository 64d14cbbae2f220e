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
    ],
)
def test_bad_curves_are_errors(curve, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot.save_curves(tmp_path / "a.png", {"train": curve})
    assert not any(tmp_path.iterdir())
