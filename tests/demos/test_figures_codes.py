"""A code among other codes, as a picture: a dot or a region; and its KL divergence."""

from __future__ import annotations

import numpy as np
import pytest
from figures.codes import RED, KLTerm, draw_code

from tinygen import losses, plot

OTHERS = np.random.default_rng(0).normal(size=(1000, 2))


@pytest.mark.parametrize(("sigma", "diameter"), [(0.0, 10), (0.25, 54)])
def test_a_distribution_is_red_as_far_as_two_sigma(sigma, diameter):
    image = draw_code(OTHERS, np.zeros(2), np.full(2, sigma))
    assert image.shape == (3, 108, 108) and image.min() >= 0 and image.max() <= 1
    np.testing.assert_allclose(image[:, 54, 54], RED, atol=0.05)
    is_red = image[0] - image[1] > 0.05
    assert is_red.any(axis=0).sum() == pytest.approx(diameter, abs=3)


def test_other_codes_are_where_they_are():
    others = np.array([[-1.0, 0.9], [1.0, -0.9], [9.0, 9.0]])  # upper left, lower right, far
    image = draw_code(others, np.zeros(2), np.full(2, 0.1))
    is_dot = (image[0] < 0.9) & (image[0] > 0.5)
    assert is_dot[2:45, 2:45].any() and is_dot[63:106, 63:106].any()
    assert not is_dot[2:45, 63:106].any() and not is_dot[63:106, 2:45].any()


def test_the_bars_of_a_kl_are_sorted_and_their_sum_is_the_kl_of_the_loss(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    rng = np.random.default_rng(0)
    mu, sigma = rng.normal(size=5), rng.uniform(0.1, 1, 5)
    plot.save_page(tmp_path / "a.png", [KLTerm(mu, sigma)])
    bars = [bar.get_height() for bar in figures[0].axes[1].patches]
    assert bars == sorted(bars, reverse=True)
    kl = losses.kl_to_standard_normal(mu[None], 2 * np.log(sigma)[None])
    assert sum(bars) == pytest.approx(float(kl[0]))
    with pytest.raises(ValueError, match="KLTerm"):
        KLTerm(mu * np.nan, sigma)
