"""The posterior against Bayes' rule, DDPM's formulas and dense KL divergences."""

import numpy as np
import pytest

from tests.models.diffusion.cases import BETAS, PATHS, gaussian
from tinygen import grad, tensor
from tinygen.models.diffusion.objectives import Prediction, to_prediction
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.posterior import posterior, posterior_kl
from tinygen.models.diffusion.schedules import times_from_betas


@PATHS
def test_the_posterior_follows_from_the_joint_covariance(path):
    """The mean and variance of x_s given x_t, from the joint Gaussian of (x_s, x_t) given x_0."""
    t, s = 0.7, 0.4
    (alpha, sigma, _, _), (alpha_s, sigma_s, _, _) = path.coefficients(t), path.coefficients(s)
    q = posterior(t, s, np.zeros((1, 1)), path)
    r = alpha / alpha_s
    covariance = r * sigma_s**2  # of x_s and x_t = r x_s + noise
    np.testing.assert_allclose(q.coef_xt, covariance / sigma**2)
    np.testing.assert_allclose(q.coef_x0, alpha_s - covariance / sigma**2 * alpha)
    np.testing.assert_allclose(q.beta, sigma**2 - r**2 * sigma_s**2)
    np.testing.assert_allclose(q.variance(), sigma_s**2 - covariance**2 / sigma**2)
    np.testing.assert_allclose(q.variance(1), q.beta)
    np.testing.assert_allclose(q.mean(2.0, 3.0), 2 * q.coef_xt + 3 * q.coef_x0)


def test_the_posterior_is_ddpms():
    """Equations 6 and 7, with a for alpha_bar."""
    times, a = times_from_betas(BETAS), np.cumprod(1 - BETAS)
    for i in (1, 10, 999):
        q = posterior(float(times[i]), float(times[i - 1]), np.zeros((1, 1)))
        beta = BETAS[i]
        np.testing.assert_allclose(q.beta, beta, rtol=1e-9)
        np.testing.assert_allclose(q.variance(), (1 - a[i - 1]) / (1 - a[i]) * beta, rtol=1e-9)
        np.testing.assert_allclose(q.coef_x0, np.sqrt(a[i - 1]) * beta / (1 - a[i]), rtol=1e-9)
        np.testing.assert_allclose(
            q.coef_xt, np.sqrt(1 - beta) * (1 - a[i - 1]) / (1 - a[i]), rtol=1e-9
        )


def test_beta_is_accurate_for_close_times_in_float32():
    t, s = np.float32([0.5]), np.float32([0.4999])
    single = posterior(t, s, np.zeros((1, 1), np.float32))
    double = posterior(float(t[0]), float(s[0]), np.zeros((1, 1)))
    # float32 has 1e-7 / 1e-4 of relative accuracy left; a difference of squares would have none
    np.testing.assert_allclose(single.beta, double.beta, rtol=2e-3)


@PATHS
@pytest.mark.parametrize("weight", [None, 0.0, 0.3, 1.0])
def test_posterior_kl_is_the_kl_of_its_gaussians(path, weight):
    rng, t, s = np.random.default_rng(0), 0.7, 0.4
    x0, x, predicted_x0 = (rng.normal(size=(3, 2)) for _ in range(3))
    q = posterior(t, s, x, path)
    small = float(q.beta * q.variance_ratio)
    variance = small
    if weight is not None:
        variance = float(q.beta) * float(q.variance_ratio) ** (1 - weight)
    difference = q.coef_x0 * (x0 - predicted_x0)
    ratios = (small + difference**2) / variance
    expected = 0.5 * (ratios - 1 - np.log(small / variance)).sum(axis=1)
    weights = None if weight is None else np.full_like(x, weight)
    p = Prediction(predicted_x0, None, weights)
    np.testing.assert_allclose(posterior_kl(x0, x, p, t, s, path), expected, rtol=1e-9)
    t, s = np.full(3, t), np.full(3, s)
    np.testing.assert_allclose(posterior_kl(x0, x, p, t, s, path), expected, rtol=1e-9)


def test_the_learned_variance_is_the_true_one():
    """For one Gaussian the true variance of x_s given x_t is known.

    It is the small one plus coef_x0^2 Var(x_0 | x_t). Descending posterior_kl finds it.
    """
    t, s, rng = 1.2, 0.9, np.random.default_rng(0)
    exact, n = gaussian(), 20_000
    x0 = 0.5 + 0.4 * rng.normal(size=(n, 1))
    x = VARIANCE_PRESERVING.q_sample(x0, rng.normal(size=(n, 1)), t)
    best, q = exact.denoise(x, t), posterior(t, s, x)
    output = np.concatenate([best.eps, np.zeros_like(x)], axis=1)
    logit = tensor(np.zeros(()), requires_grad=True)
    for _ in range(300):
        logits = tensor(output) + logit * np.array([0.0, 1.0])
        p = to_prediction(logits, "eps", x, t, learned_variance=True)
        (gradient,) = grad(posterior_kl(x0, x, p, t, s).mean(), logit)
        logit = tensor(logit.numpy() - 3 * gradient.numpy(), requires_grad=True)
    weight = 1 / (1 + np.exp(-logit.numpy()))
    u = np.cos(t) ** 2 * 0.16 + np.sin(t) ** 2
    true_variance = q.variance() + q.coef_x0**2 * 0.16 * np.sin(t) ** 2 / u
    np.testing.assert_allclose(q.variance(weight), true_variance, rtol=0.02)
    assert q.variance() < true_variance < q.beta


@PATHS
def test_on_a_gpu(cupy, path):
    rng = np.random.default_rng(0)
    x0, eps, t = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 3)), rng.uniform(0.3, 0.9, 4)
    found = []
    for move in (lambda a: a, cupy.asarray):
        a, e, high, low = (move(v) for v in (x0, eps, t, t / 2))
        x = path.q_sample(a, e, high)
        p = Prediction(a + 0.1, e, 0 * a + 0.3)
        values = list(posterior(high, low, x, path))
        for prediction in (p, p._replace(variance_weight=None)):
            values.append(posterior_kl(a, x, prediction, high, low, path))
            values.append(posterior_kl(a, x, prediction, 0.7, 0.4, path))
        found.append(values)
    for plain, on_gpu in zip(*found, strict=True):
        assert isinstance(on_gpu, cupy.ndarray)
        np.testing.assert_allclose(on_gpu.get(), plain, rtol=1e-12)
