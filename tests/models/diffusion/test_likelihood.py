"""log p(x) by the ODE against the density of a mixture, and the bound against its value for a Gaussian, which is an integral."""

import math

import numpy as np
import pytest

from tests.strict import StrictArray, StrictRNG
from tinygen import RNG, default_rng
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.likelihood import (
    bits_per_dimension,
    log_likelihood,
    variational_bound,
)
from tinygen.models.diffusion.objectives import Prediction, denoiser
from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING, RECTIFIED_FLOW, linear_schedule
from tinygen.models.diffusion.unet import Perceptron

PATHS = pytest.mark.parametrize("path", [VARIANCE_PRESERVING, RECTIFIED_FLOW], ids=["circle", "line"])
S = 0.4


def mixture(path=VARIANCE_PRESERVING):
    return ExactMixture(np.array([0.3, 0.7]), np.array([[-1.0, 0.4], [0.8, 0.0]]), np.array([0.3, 0.5]), path)


@PATHS
def test_of_a_mixture_to_1e_8_and_of_fourth_order(path):
    e, x = mixture(path), np.random.default_rng(0).normal(size=(6, 2))
    right = e.log_density(x)
    errors = [np.abs(log_likelihood(e.denoise, x, n, path=path) - right).max() for n in (25, 50, 100, 200)]
    assert errors[-1] < 1e-8 and 3.4 < np.log2(errors[0] / errors[-1]) / 3 < 4.6, errors


def test_of_a_mixture_with_1000_steps_and_the_true_end_of_ddpms_schedule():
    e, end = ExactMixture(np.array([0.3, 0.7]), np.array([[-1.0], [0.8]]), np.array([0.3, 0.5])), linear_schedule(1.0)
    x = np.array([[-1.2], [0.1], [1.5]])
    found = log_likelihood(e.denoise, x, 1000, end=end, log_base=lambda z: e.log_density(z, end))
    np.testing.assert_allclose(found, e.log_density(x), atol=1e-10)


@PATHS
def test_between_any_two_levels(path):
    """The same flow carries p_start to p_end."""
    e, x = mixture(path), np.random.default_rng(0).normal(size=(6, 2))
    found = log_likelihood(e.denoise, x, 20, path=path, start=0.3, end=0.9, log_base=lambda z: e.log_density(z, 0.9))
    np.testing.assert_allclose(found, e.log_density(x, 0.3), atol=1e-5)


def test_hutchinsons_estimate_has_the_right_mean():
    e, n = mixture(), 4000
    x = np.tile([[0.3, -0.2]], (n, 1))
    found = log_likelihood(e.denoise, x, 20, rng=default_rng(0))
    exact = log_likelihood(e.denoise, x[:1], 20)
    error = found.std() / n**0.5
    assert 0 < error < 0.01 and abs(found.mean() - exact[0]) < 4 * error


def test_of_a_network():
    """A density: whatever a network says, its exp integrates to 1. This one, untrained, carries some of the noise far out."""
    network = Perceptron(1, (8, 8), octaves=0, rng=default_rng(0))
    x = np.linspace(-80, 80, 3201, dtype=np.float32)[:, None]
    log_p = log_likelihood(denoiser(network, "velocity", RECTIFIED_FLOW), x, 40, path=RECTIFIED_FLOW)
    assert log_p.shape == (3201,) and abs(np.exp(log_p.astype(np.float64)).sum() * 0.05 - 1) < 1e-3
    strict = Perceptron(1, (8, 8), octaves=0, rng=default_rng(0))
    strict.map_arrays_(StrictArray)
    found = log_likelihood(denoiser(strict, "velocity", RECTIFIED_FLOW), StrictArray(x[1500:1700:20]), 40, path=RECTIFIED_FLOW)
    np.testing.assert_allclose(found.get(), log_p[1500:1700:20], atol=1e-3)


def exact_bound(levels, path=VARIANCE_PRESERVING):
    """The mean of the bound's parts for data N(0, S^2) and the best predictor, whose squared error at level t is S^2 sigma^2 / (alpha^2 S^2 + sigma^2)."""
    snr = [1 / path.ratio(t) ** 2 for t in levels]
    (a, s, _, _), left = path.mix(levels[0]), path.ratio(levels[-1])
    mmse = [S**2 / (S**2 * r + 1) for r in snr]
    prior = 0.5 * ((a * S) ** 2 + s**2 - 1) - math.log(s)
    return prior, 0.5 * sum((after - before) * m for before, after, m in zip(snr, snr[1:], mmse)), 0.5 + math.log(left) + 0.5 * math.log(2 * math.pi)


@PATHS
def test_the_bound_of_a_gaussian(path):
    """Each part has its known mean; and with many levels their sum falls to the entropy: the bound is tight, for the best predictor."""
    e, g, n = ExactMixture(np.ones(1), np.zeros((1, 1)), np.array([S]), path), default_rng(0), 20_000
    entropy, sums = 0.5 * math.log(2 * math.pi * math.e * S**2), []
    for count in (8, 32, 128):
        levels = [path.level(float(r)) for r in np.geomspace(200, 0.02, count)]
        bound = variational_bound(e.denoise, S * g.normal((n, 1), np.float64), levels, path=path, rng=g)
        for part, right in zip(bound, exact_bound(levels, path), strict=True):
            assert part.shape == (n,) and abs(part.mean() - right) < 4.5 * part.std() / n**0.5 + 1e-12
        sums.append(sum(exact_bound(levels, path)))
    assert sums[0] > sums[1] > sums[2] > entropy and sums[-1] - entropy < 0.2
    fine = [path.level(float(r)) for r in np.geomspace(2000, 0.002, 5000)]
    assert 0 < sum(exact_bound(fine, path)) - entropy < 0.02


def test_the_bound_of_bytes():
    """One grey level, known to the predictor: P = 1, no nats at all; one of two, with equal odds: log 2, in bits 1."""

    def one(x, t):
        return Prediction(np.full_like(x, 0.2), (x - math.cos(t) * 0.2) / math.sin(t))

    def two(x, t):
        alpha, sigma, _, _ = VARIANCE_PRESERVING.mix(t)
        x0 = 0.6 * np.tanh(0.6 * alpha * x / sigma**2)
        return Prediction(x0, (x - alpha * x0) / sigma)

    byte, g = lambda b: np.full((500, 3), b / 127.5 - 1), default_rng(0)  # noqa: E731
    levels = [VARIANCE_PRESERVING.level(float(r)) for r in np.geomspace(500, 5e-4, 400)]
    known = variational_bound(one, byte(153), levels, rng=g, pixels=True)  # 153 / 127.5 - 1 = 0.2
    np.testing.assert_allclose(known.total, 0, atol=1e-4)
    signs = np.sign(g.normal((500, 3), np.float64))
    bound = variational_bound(two, signs * (204 / 127.5 - 1), levels, rng=g, pixels=True).total
    assert abs(bound.mean() - 3 * math.log(2)) < 4 * bound.std() / 500**0.5 + 0.02
    assert bits_per_dimension(3 * math.log(2), (3,)) == 1


@pytest.mark.parametrize("ratio", [0.004, 0.1])
def test_the_last_part_for_bytes_is_a_softmax(ratio):
    """-log of exp(-(y - value)^2 / 2 ratio^2), made to sum to 1 over the 256 values, also at the first and the last of them."""
    class Same(RNG):
        def normal(self, shape, dtype):
            return np.full(shape, 0.7, dtype)

    values = np.arange(256) / 127.5 - 1
    x = values[[[0, 7], [128, 255]]]
    found = variational_bound(None, x, [VARIANCE_PRESERVING.level(ratio)], rng=Same(0), pixels=True).data
    logits = -((x + 0.7 * ratio)[..., None] - values) ** 2 / (2 * ratio**2)
    right = np.log(np.exp(logits).sum(axis=-1)) + (0.7 * ratio) ** 2 / (2 * ratio**2)
    np.testing.assert_allclose(found, right.sum(axis=1), rtol=1e-9)


def test_on_a_strict_array_type():
    x, levels, found = np.random.default_rng(0).normal(size=(3, 2)), [1.5, 1.0, 0.1], []
    for move, kind in ((lambda a: a, RNG), (StrictArray, StrictRNG)):
        e, a = ExactMixture(move(np.array([0.3, 0.7])), move(np.array([[-1.0, 0.4], [0.8, 0.0]])), move(np.array([0.3, 0.5]))), move(x)
        found.append([log_likelihood(e.denoise, a, 3, rng=kind(0)), *variational_bound(e.denoise, a, levels, rng=kind(0)),
                      variational_bound(e.denoise, a, levels, rng=kind(0), pixels=True).total])  # fmt: skip
    for plain, strict in zip(*found, strict=True):
        assert isinstance(strict, StrictArray) and strict.shape == (3,)
        np.testing.assert_allclose(strict.get(), plain, rtol=1e-10)


def test_errors():
    e, x = mixture(), np.zeros((2, 2))
    for more in ({"steps": 0}, {"start": 2.0}, {"end": 3.0}):
        with pytest.raises(ValueError, match="start < end"):
            log_likelihood(e.denoise, x, **more)
    for levels in ([], [1.0, 0.0], [0.5, 1.0], [2.0, 1.0], [1.0, math.nan], [math.nan]):
        with pytest.raises(ValueError, match="the last above 0"):
            variational_bound(e.denoise, x, levels, rng=default_rng(0))
