"""Mode coverage: perfect and collapsed samplers of a mixture."""

import numpy as np
import pytest

from tinygen import default_rng
from tinygen.data.mixtures import grid, ring
from tinygen.metrics import count_modes


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_a_perfect_sampler_captures_all_modes(mixture):
    x, _ = mixture.sample(2500, default_rng(0, "cpu"))
    counts = count_modes(x, mixture.modes, mixture.sigma)
    assert counts.num_captured == len(mixture.modes)
    assert abs(counts.high_quality - 0.9889) < 0.008
    assert counts.reverse_kl < 0.02


def test_a_collapsed_sampler_captures_one_mode():
    mixture = ring()
    samples = np.repeat(mixture.modes[:1], 100, axis=0)
    counts = count_modes(samples, mixture.modes, mixture.sigma)
    assert counts.num_captured == 1 and counts.high_quality == 1
    assert counts.reverse_kl == pytest.approx(np.log(8))


def test_samples_far_from_all_modes_capture_none():
    mixture = ring()
    counts = count_modes(np.full((10, 2), 50.0), mixture.modes, mixture.sigma)
    assert counts.num_captured == 0 and counts.high_quality == 0
    assert counts.reverse_kl == float("inf")


def test_a_mode_is_captured_by_a_quarter_of_its_fair_share():
    """The fair share of 100 samples is 12.5 at each of 8 modes, a quarter of it 3.125."""
    modes = ring().modes
    samples = np.concatenate([np.repeat(modes[:1], 97, axis=0), np.repeat(modes[1:2], 3, axis=0)])
    assert count_modes(samples, modes, 0.01).num_captured == 1


def test_wrong_arguments_raise():
    modes = ring().modes
    samples = np.repeat(modes[:1], 100, axis=0)
    with pytest.raises(ValueError, match="count_modes"):
        count_modes(samples, modes, 0)
    samples[99, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 100"):
        count_modes(samples, modes, 0.01)
