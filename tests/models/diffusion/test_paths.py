"""The forward process against DDPM's own recursion, step by step."""

import math

import numpy as np
import pytest

from tests.models.diffusion.cases import BETAS, PATHS
from tinygen import default_rng
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import times_from_betas


def test_the_closed_form_is_the_recursion_of_small_steps():
    """Follow the coefficient of x_0 and the variance of the noise through DDPM's steps.

    x_i = sqrt(1 - beta_i) x_{i-1} + sqrt(beta_i) eps_i
    """
    alpha, variance = 1.0, 0.0
    for beta, t in zip(BETAS, times_from_betas(BETAS), strict=True):
        alpha, variance = math.sqrt(1 - beta) * alpha, (1 - beta) * variance + beta
        c = VARIANCE_PRESERVING.coefficients(float(t))
        assert abs(c.alpha - alpha) < 1e-13 and abs(c.sigma - math.sqrt(variance)) < 1e-13


@PATHS
def test_x_t_and_the_velocity_determine_x0_and_eps(path):
    rng = np.random.default_rng(0)
    x0, eps, h = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), 1e-6
    for t in (0.0, 0.1, 0.7, 0.99 * path.end, path.end):
        alpha, sigma, d_alpha, d_sigma = path.coefficients(t)
        assert abs(alpha * d_sigma - d_alpha * sigma - 1) < 1e-15
        x, v = path.q_sample(x0, eps, t), d_alpha * x0 + d_sigma * eps
        np.testing.assert_array_equal(path.velocity(x0, eps, t), v)
        np.testing.assert_allclose(d_sigma * x - sigma * v, x0, atol=1e-14)
        np.testing.assert_allclose(alpha * v - d_alpha * x, eps, atol=1e-14)
        difference = path.q_sample(x0, eps, t + h) - path.q_sample(x0, eps, t - h)
        np.testing.assert_allclose(difference / (2 * h), v, atol=1e-8)


@PATHS
def test_time_at_inverts_noise_to_signal(path):
    for t in (0.0, 0.2, 0.9 * path.end):
        assert abs(path.time_at(path.noise_to_signal(t)) - t) < 1e-12
    assert path.time_at(math.inf) == path.end and path.noise_to_signal(path.end) == math.inf
    t = np.array([0.1, 0.5])
    np.testing.assert_allclose(path.time_at(path.noise_to_signal(t)), t)


@PATHS
def test_each_example_has_its_own_time(cupy, path):
    rng = default_rng(0)
    x0, eps, t = rng.normal((4, 2, 3, 3)), rng.normal((4, 2, 3, 3)), rng.uniform((4,))
    batch = path.q_sample(x0, eps, t)
    assert batch.dtype == np.float32
    for i in range(4):
        np.testing.assert_allclose(batch[i], path.q_sample(x0[i], eps[i], float(t[i])), rtol=1e-6)
    assert path.q_sample(x0, eps, 0.3).dtype == np.float32
    assert path.q_sample(x0, eps, t.astype(np.float64)).dtype == np.float32
    on_gpu = path.q_sample(cupy.asarray(x0), cupy.asarray(eps), cupy.asarray(t))
    assert isinstance(on_gpu, cupy.ndarray)
    np.testing.assert_allclose(on_gpu.get(), batch, rtol=1e-5, atol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match="one shape"):
        VARIANCE_PRESERVING.q_sample(np.zeros((2, 1)), np.zeros(2), 0.1)
    for t in (np.zeros((2, 1)), np.zeros(1), np.zeros(3)):  # (2, 1) would broadcast to 2 x 2
        with pytest.raises(ValueError, match=r"one for each, \(2,\); got"):
            VARIANCE_PRESERVING.q_sample(np.zeros((2, 4)), np.zeros((2, 4)), t)
