"""Ancestral sampling of a Gaussian: each step is x -> a x + b plus noise, so moments are exact."""

import math

import numpy as np
import pytest

from tests.models.diffusion.cases import BETAS, MEAN, STD, ConstantNoise, gaussian
from tinygen import default_rng
from tinygen.models.diffusion.objectives import Prediction
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.posterior import posterior
from tinygen.models.diffusion.samplers import ancestral
from tinygen.models.diffusion.schedules import times_from_betas


def one_step(denoise, times, x, noise, **settings):
    """Take one step from the number x, with this number as the noise."""
    x = np.full((1, 1), x)
    return float(ancestral(denoise, x, times, rng=ConstantNoise(noise), **settings)[0, 0])


def moments(denoise, times, mean, variance, **settings):
    """Return the mean and variance after ancestral sampling of a Gaussian.

    Each step is affine in x and in the noise. Its coefficients follow from what it does to 0 and 1
    without noise, and to 0 with noise 1.
    """
    for pair in zip(times, times[1:]):
        shift = one_step(denoise, pair, 0.0, 0.0, **settings)
        factor = one_step(denoise, pair, 1.0, 0.0, **settings) - shift
        noise_std = one_step(denoise, pair, 0.0, 1.0, **settings) - shift
        mean, variance = factor * mean + shift, factor**2 * variance + noise_std**2
    return mean, variance


@pytest.mark.parametrize("large", [False, True])
def test_moments_are_those_of_ddpms_recursion(large):
    """DDPM's Algorithm 2 as printed, with the best eps_hat and a for alpha_bar.

    x <- (x - beta / sqrt(1 - a) eps_hat) / sqrt(1 - beta) + sqrt(variance) z
    eps_hat = sqrt(1 - a) (x - sqrt(a) m) / u
    """
    mean, variance, a = 0.0, 1.0, np.cumprod(1 - BETAS)
    for i in reversed(range(1000)):
        beta, u = BETAS[i], a[i] * STD**2 + 1 - a[i]
        factor = (1 - beta / u) / np.sqrt(1 - beta)
        shift = beta / u * np.sqrt(a[i]) * MEAN / np.sqrt(1 - beta)
        step_variance = 0
        if i > 0:
            step_variance = beta * (1 if large else (1 - a[i - 1]) / (1 - a[i]))
        mean, variance = factor * mean + shift, factor**2 * variance + step_variance
    times = [*times_from_betas(BETAS)[::-1], 0.0]
    found = moments(gaussian().denoise, times, 0.0, 1.0, variance_weight=float(large))
    np.testing.assert_allclose(found, (mean, variance), rtol=1e-9)
    np.testing.assert_allclose(found, (MEAN, STD**2), rtol=0.02)


def test_few_steps_need_the_learned_variance():
    """With the true variance of each step every time's distribution is right, with few steps too.

    The small variance gives too little spread, the large one too much.
    """
    times = [1.5, 1.2, 0.8, 0.4]

    def denoise(x, t):
        p = gaussian().denoise(x, t)
        s = times[times.index(t) + 1]
        q, (alpha, sigma, _, _) = posterior(t, s, x), VARIANCE_PRESERVING.coefficients(t)
        variance_x0 = (STD * sigma) ** 2 / ((alpha * STD) ** 2 + sigma**2)
        true_variance = q.variance() + q.coef_x0**2 * variance_x0
        weight = 1 - math.log(true_variance / q.beta) / math.log(q.variance_ratio)
        return Prediction(p.x0, p.eps, np.full_like(x, weight))

    def exact_moments(t):
        alpha, sigma, _, _ = VARIANCE_PRESERVING.coefficients(t)
        return alpha * MEAN, (alpha * STD) ** 2 + sigma**2

    start, expected = exact_moments(1.5), exact_moments(0.4)
    learned = moments(denoise, times, *start, variance_weight=None)
    np.testing.assert_allclose(learned, expected, rtol=1e-12)
    small, large = (moments(denoise, times, *start, variance_weight=w)[1] for w in (0.0, 1.0))
    assert small < 0.8 * expected[1] and large > 1.2 * expected[1]


def test_errors():
    x, denoise = np.zeros((2, 1)), gaussian().denoise
    with pytest.raises(ValueError, match="give it rng"):
        ancestral(denoise, x, [1.0, 0.5])
    with pytest.raises(ValueError, match="predicts none"):
        ancestral(denoise, x, [1.0, 0.5], variance_weight=None, rng=default_rng(0))
