"""Mixtures of Gaussians against integrals and finite differences."""

import numpy as np
import pytest

from tests.models.diffusion.cases import PATHS
from tinygen import default_rng
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING


def mixture(path=VARIANCE_PRESERVING, move=lambda a: a):
    weights, stds = np.array([0.3, 0.7]), np.array([0.3, 0.5])
    means = np.array([[-1.0, 0.5], [0.8, 0.1]])
    return ExactMixture(move(weights), move(means), move(stds), path)


def normal(x, mean, variance):
    return np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


@PATHS
def test_density_and_prediction_are_integrals_over_the_data(path):
    """In one dimension, p_t(x) is the integral of p(x0) N(x; alpha x0, sigma^2) over x0.

    The prediction is the mean of x0 under the integrand.
    """
    means = np.array([[-1.0], [0.8]])
    exact, t = ExactMixture(np.array([0.3, 0.7]), means, np.array([0.3, 0.5]), path), 0.6
    x0 = np.linspace(-6, 6, 20_001)
    p0 = 0.3 * normal(x0, -1, 0.09) + 0.7 * normal(x0, 0.8, 0.25)
    np.testing.assert_allclose(np.exp(exact.log_density(x0[:, None])), p0, rtol=1e-12)
    alpha, sigma, _, _ = path.coefficients(t)
    x = np.linspace(-2, 2, 9)
    joint = p0 * normal(x[:, None], alpha * x0, sigma**2) * (x0[1] - x0[0])  # (9, 20001)
    density = np.exp(exact.log_density(x[:, None], t))
    np.testing.assert_allclose(density, joint.sum(axis=1), rtol=1e-10)
    mean_x0 = (joint * x0).sum(axis=1) / joint.sum(axis=1)
    prediction = exact.denoise(x[:, None], t)
    np.testing.assert_allclose(prediction.x0[:, 0], mean_x0, atol=1e-10)
    np.testing.assert_allclose(prediction.eps[:, 0], (x - alpha * mean_x0) / sigma, atol=1e-10)


@PATHS
def test_the_score_is_the_gradient_of_the_log_density_and_a_prediction_of_eps(path):
    exact, t, h = mixture(path), 0.4, 1e-6
    x = np.random.default_rng(0).normal(size=(6, 2))
    gradient = np.stack(
        [
            (exact.log_density(x + h * d, t) - exact.log_density(x - h * d, t)) / (2 * h)
            for d in np.eye(2)
        ],
        axis=1,
    )
    score = exact.score(x, t)
    np.testing.assert_allclose(score, gradient, atol=1e-8)
    sigma = path.coefficients(t).sigma
    np.testing.assert_allclose(exact.denoise(x, t).eps, -sigma * score, atol=1e-12)


def test_samples_have_the_moments_of_the_mixture():
    n = 200_000
    x = mixture().sample(n, default_rng(0))
    mean = 0.3 * np.array([-1, 0.5]) + 0.7 * np.array([0.8, 0.1])
    square = 0.3 * (np.array([1, 0.25]) + 0.09) + 0.7 * (np.array([0.64, 0.01]) + 0.25)
    assert x.shape == (n, 2)
    assert np.abs(x.mean(axis=0) - mean).max() < 4 * 1.1 / n**0.5
    assert np.abs((x**2).mean(axis=0) - square).max() < 0.02


def test_predictions_at_both_ends():
    exact, x = mixture(), np.array([[0.1, 0.2]])
    p = exact.denoise(x, 0.0)
    np.testing.assert_allclose(p.x0, x, atol=1e-15)
    assert (p.eps == 0).all()
    p = exact.denoise(x, VARIANCE_PRESERVING.end)
    np.testing.assert_allclose(p.eps, x, atol=1e-15)
    np.testing.assert_allclose(p.x0, [[0.26, 0.22]], atol=1e-12)  # the mean of the data


def test_on_a_gpu(cupy):
    plain, on_gpu = mixture(), mixture(move=cupy.asarray)
    x = np.random.default_rng(0).normal(size=(3, 2))
    for name in ("log_density", "score"):
        expected = getattr(plain, name)(x, 0.3)
        found = getattr(on_gpu, name)(cupy.asarray(x), 0.3)
        np.testing.assert_allclose(found.get(), expected, rtol=1e-12)
    found = on_gpu.denoise(cupy.asarray(x), 0.3).x0.get()
    np.testing.assert_allclose(found, plain.denoise(x, 0.3).x0, rtol=1e-12)
    samples = on_gpu.sample(50, default_rng(0, "cuda")).get()
    np.testing.assert_allclose(samples, plain.sample(50, default_rng(0)), rtol=1e-5, atol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match="sum to 1, not 0.9"):
        ExactMixture(np.array([0.2, 0.7]), np.zeros((2, 1)), np.ones(2))
    with pytest.raises(ValueError, match="weights"):
        ExactMixture(np.ones(2), np.zeros((1, 2)), np.ones(2))
