"""Modes as discs: their areas are the parts of the samples."""

from __future__ import annotations

import numpy as np
import pytest
from figures.mode_collapse import ModeShares, disc_radii

from tinygen import plot

MODES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.0, 2.0]])


def test_the_area_of_a_disc_is_the_part_of_the_samples():
    fair, radii = disc_radii(MODES, np.array([25.0, 0.0, 50.0, 12.5]))
    np.testing.assert_allclose((radii / fair) ** 2, [1, 0, 2, 0.5])
    assert fair < 0.5  # the circles of neighbours do not touch


def test_discs_circles_and_percentages_are_drawn(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    percentages, others = np.array([40.0, 0.0, 30.0, 20.0]), np.array([[0.5, 1.0]])
    panel = ModeShares(MODES, percentages, others, MODES + 0.3, (-1, 2, -1, 3))
    plot.save_page(tmp_path / "a.png", [panel])
    (ax,) = figures[0].axes
    assert [text.get_text() for text in ax.texts] == ["40", "0", "30", "20"]
    fair, radii = disc_radii(MODES, percentages)
    drawn = [circle.radius for circle in ax.patches]
    np.testing.assert_allclose(sorted(drawn), sorted([*radii, *[fair] * 4]))


def test_each_mode_has_a_percentage():
    with pytest.raises(ValueError, match="a percentage and a place"):
        ModeShares(MODES, np.ones(3), np.zeros((0, 2)), MODES, (-1, 2, -1, 3))
    with pytest.raises(ValueError, match="ModeShares"):
        ModeShares(MODES, np.full(4, np.nan), np.zeros((0, 2)), MODES, (-1, 2, -1, 3))
