"""Templates of digits: curves through their knots, cut into segments that join."""

import numpy as np
import pytest

from tinygen.data.digits.templates import SEGMENTS, TEMPLATES, catmull_rom, compile_template


def test_catmull_rom_passes_through_its_knots_with_the_right_slopes():
    knots = np.random.default_rng(0).normal(size=(5, 2))
    path = catmull_rom(5, 16) @ knots
    assert np.allclose(path[::4], knots)
    # The derivative at an inner knot is half the chord between the neighbours, from both sides.
    fine = catmull_rom(5, 4000) @ knots
    derivative = (knots[2] - knots[0]) / 2
    assert np.allclose((fine[1001] - fine[1000]) * 1000, derivative, atol=0.01)
    assert np.allclose((fine[1000] - fine[999]) * 1000, derivative, atol=0.01)


def test_two_knots_make_a_straight_line():
    line = np.array([[0.0, 0.0], [1.0, 2.0]])
    assert np.allclose(catmull_rom(2, 4) @ line, np.linspace(0, 1, 5)[:, None] * [1, 2])


@pytest.mark.parametrize("template", [template for forms in TEMPLATES for template in forms])
def test_templates_are_joined_strokes(template):
    knots, weights = compile_template(template)
    assert weights.shape == (2 * SEGMENTS, len(knots))
    assert np.allclose(weights.sum(1), 1)  # moving every knot moves the whole digit
    begin, end = (weights[:SEGMENTS] @ knots, weights[SEGMENTS:] @ knots)
    lifts = (np.linalg.norm(begin[1:] - end[:-1], axis=1) > 1e-9).sum()
    assert lifts <= template.count("|")
    # No segment is so long that a curve looks broken.
    assert np.linalg.norm(end - begin, axis=1).max() < 0.45
    assert np.abs(begin).max() < 1.1
