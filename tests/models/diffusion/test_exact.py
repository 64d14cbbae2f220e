"""Mixtures of Gaussians against integrals and differences."""

import numpy as np
import pytest

from tests.strict import StrictArray, StrictRNG
from tinygen import default_rng
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING, RECTIFIED_FLOW

PATHS = pytest.mark.parametrize("path", [VARIANCE_PRESERVING, RECTIFIED_FLOW], ids=["circle", "line"])


def mixture(path=VARIANCE_PRESERVING, move=lambda a: a):
    return ExactMixture(move(np.array([0.3, 0.7])), move(np.array([[-1.0, 0.5], [0.8, 0.1]])), move(np.array([0.3, 0.5])), path)


def normal(x, m, v):
    return np.exp(-((x - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)


@PATHS
def test_density_and_guess_are_integrals_over_the_data(path):
    """In one dimension, p_t(x) = int p(x0) N(x; alpha x0, sigma^2) dx0, and the guess the mean of x0 under the integrand."""
    e, t = ExactMixture(np.array([0.3, 0.7]), np.array([[-1.0], [0.8]]), np.array([0.3, 0.5]), path), 0.6
    x0 = np.linspace(-6, 6, 20_001)
    p0 = 0.3 * normal(x0, -1, 0.09) + 0.7 * normal(x0, 0.8, 0.25)
    np.testing.assert_allclose(np.exp(e.log_density(x0[:, None])), p0, rtol=1e-12)
    alpha, sigma, _, _ = path.mix(t)
    x = np.linspace(-2, 2, 9)
    joint = p0 * normal(x[:, None], alpha * x0, sigma**2) * (x0[1] - x0[0])
    np.testing.assert_allclose(np.exp(e.log_density(x[:, None], t)), joint.sum(axis=1), rtol=1e-10)
    guess = (joint * x0).sum(axis=1) / joint.sum(axis=1)
    p = e.denoise(x[:, None], t)
    np.testing.assert_allclose(p.x0[:, 0], guess, atol=1e-10)
    np.testing.assert_allclose(p.eps[:, 0], (x - alpha * guess) / sigma, atol=1e-10)


@PATHS
def test_the_score_is_the_slope_of_the_log_density_and_the_guess_of_the_noise(path):
    e, t, h = mixture(path), 0.4, 1e-6
    x = np.random.default_rng(0).normal(size=(6, 2))
    slope = np.stack([(e.log_density(x + h * d, t) - e.log_density(x - h * d, t)) / (2 * h) for d in np.eye(2)], axis=1)
    np.testing.assert_allclose(e.score(x, t), slope, atol=1e-8)
    np.testing.assert_allclose(e.denoise(x, t).eps, -path.mix(t).sigma * e.score(x, t), atol=1e-12)


def test_samples_have_its_moments():
    e, n = mixture(), 200_000
    x = e.sample(n, default_rng(0))
    mean = 0.3 * np.array([-1, 0.5]) + 0.7 * np.array([0.8, 0.1])
    square = 0.3 * (np.array([1, 0.25]) + 0.09) + 0.7 * (np.array([0.64, 0.01]) + 0.25)
    assert x.shape == (n, 2) and np.abs(x.mean(axis=0) - mean).max() < 4 * 1.1 / n**0.5 and np.abs((x**2).mean(axis=0) - square).max() < 0.02


def test_at_both_ends():
    e, x = mixture(), np.array([[0.1, 0.2]])
    p = e.denoise(x, 0.0)
    np.testing.assert_allclose(p.x0, x, atol=1e-15)
    assert (p.eps == 0).all()
    p = e.denoise(x, VARIANCE_PRESERVING.end)
    np.testing.assert_allclose(p.eps, x, atol=1e-15)
    np.testing.assert_allclose(p.x0, [[0.26, 0.22]], atol=1e-12)  # the data's mean


def test_on_a_strict_array_type_and_errors():
    here, there, x = mixture(), mixture(move=StrictArray), np.random.default_rng(0).normal(size=(3, 2))
    for name in ("log_density", "score"):
        np.testing.assert_allclose(getattr(there, name)(StrictArray(x), 0.3).get(), getattr(here, name)(x, 0.3), rtol=1e-12)
    np.testing.assert_allclose(there.denoise(StrictArray(x), 0.3).x0.get(), here.denoise(x, 0.3).x0, rtol=1e-12)
    assert np.array_equal(there.sample(50, StrictRNG(0)).get(), here.sample(50, default_rng(0)))
    with pytest.raises(ValueError, match="add to 1, not 0.9"):
        ExactMixture(np.array([0.2, 0.7]), np.zeros((2, 1)), np.ones(2))
    with pytest.raises(ValueError, match="weights"):
        ExactMixture(np.ones(2), np.zeros((1, 2)), np.ones(2))
