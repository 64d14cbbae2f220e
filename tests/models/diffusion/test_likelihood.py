"""log p(x) by the ODE against the density of a mixture, and the bound against closed forms."""

import math

import numpy as np
import pytest

from tests.border import on_device
from tests.models.diffusion.cases import PATHS, STD, gaussian, two_gaussians
from tinygen import RNG, default_rng
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.likelihood import log_likelihood, variational_bound
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.objectives import Prediction, denoiser
from tinygen.models.diffusion.paths import RECTIFIED_FLOW, VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import linear_schedule


def mixture(path=VARIANCE_PRESERVING, move=lambda a: a):
    weights, stds = np.array([0.3, 0.7]), np.array([0.3, 0.5])
    means = np.array([[-1.0, 0.4], [0.8, 0.0]])
    return ExactMixture(move(weights), move(means), move(stds), path)


# ---------------------------------------------------------------------------------------- the ODE


@PATHS
def test_log_likelihood_of_a_mixture_converges_with_order_four(path):
    exact, x = mixture(path), np.random.default_rng(0).normal(size=(6, 2))
    expected, errors = exact.log_density(x), []
    for n in (25, 50, 100, 200):
        found = log_likelihood(exact.denoise, x, n, path=path)
        errors.append(np.abs(found - expected).max())
    assert errors[-1] < 1e-8, errors
    assert 3.4 < np.log2(errors[0] / errors[-1]) / 3 < 4.6, errors


def test_log_likelihood_with_1000_steps_and_the_true_density_at_the_end():
    exact, end = two_gaussians(), linear_schedule(1.0)
    x = np.array([[-1.2], [0.1], [1.5]])

    def log_base(z):
        return exact.log_density(z, end)

    found = log_likelihood(exact.denoise, x, 1000, end=end, log_base=log_base)
    np.testing.assert_allclose(found, exact.log_density(x), atol=1e-10)


@PATHS
def test_log_likelihood_between_two_times(path):
    """The same flow carries p_start to p_end."""
    exact, x = mixture(path), np.random.default_rng(0).normal(size=(6, 2))

    def log_base(z):
        return exact.log_density(z, 0.9)

    settings = {"path": path, "start": 0.3, "end": 0.9, "log_base": log_base}
    found = log_likelihood(exact.denoise, x, 20, **settings)
    np.testing.assert_allclose(found, exact.log_density(x, 0.3), atol=1e-5)


def test_hutchinsons_estimate_has_no_bias():
    exact, n = mixture(), 4000
    x = np.tile([[0.3, -0.2]], (n, 1))
    estimates = log_likelihood(exact.denoise, x, 20, rng=default_rng(0))
    expected = log_likelihood(exact.denoise, x[:1], 20)
    error = estimates.std() / n**0.5
    assert 0 < error < 0.01 and abs(estimates.mean() - expected[0]) < 4 * error


def test_the_likelihood_of_a_network_is_a_density(cupy):
    """For any network, its exponential integrates to 1.

    This untrained network carries some of the noise far away.
    """
    network = MLPDenoiser(1, (8, 8), num_frequencies=0, rng=default_rng(0))
    x = np.linspace(-80, 80, 3201, dtype=np.float32)[:, None]
    denoise = denoiser(network, "v", RECTIFIED_FLOW)
    log_p = log_likelihood(denoise, x, 40, path=RECTIFIED_FLOW)
    assert log_p.shape == (3201,)
    assert abs(np.exp(log_p.astype(np.float64)).sum() * 0.05 - 1) < 1e-3
    network.to("cuda")
    on_gpu = log_likelihood(denoise, cupy.asarray(x[1500:1700:20]), 40, path=RECTIFIED_FLOW)
    np.testing.assert_allclose(on_gpu.get(), log_p[1500:1700:20], atol=1e-3)


# -------------------------------------------------------------------------------------- the bound


def exact_bound(times, path=VARIANCE_PRESERVING):
    """Return the expected parts of the bound for data N(0, STD^2) and the best predictor.

    Its squared error at time t is STD^2 sigma^2 / (alpha^2 STD^2 + sigma^2).
    """
    snr = [1 / path.noise_to_signal(t) ** 2 for t in times]
    alpha, sigma, _, _ = path.coefficients(times[0])
    error = [STD**2 / (STD**2 * r + 1) for r in snr]
    prior = 0.5 * ((alpha * STD) ** 2 + sigma**2 - 1) - math.log(sigma)
    pairs = zip(snr, snr[1:], error)
    diffusion = 0.5 * sum((after - before) * e for before, after, e in pairs)
    last_ratio = path.noise_to_signal(times[-1])
    return prior, diffusion, 0.5 + math.log(last_ratio) + 0.5 * math.log(2 * math.pi)


@PATHS
def test_the_bound_of_a_gaussian(path):
    """Each part has its known mean; with many times the sum approaches the entropy.

    So the bound is tight for the best predictor.
    """
    exact, rng, n = gaussian(path, mean=0.0), default_rng(0), 20_000
    entropy, sums = 0.5 * math.log(2 * math.pi * math.e * STD**2), []
    for count in (8, 32, 128):
        times = [path.time_at(float(r)) for r in np.geomspace(200, 0.02, count)]
        x = STD * rng.normal((n, 1), np.float64)
        bound = variational_bound(exact.denoise, x, times, path=path, rng=rng)
        for part, expected in zip(bound, exact_bound(times, path), strict=True):
            assert part.shape == (n,)
            assert abs(part.mean() - expected) < 4.5 * part.std() / n**0.5 + 1e-12
        sums.append(sum(exact_bound(times, path)))
    assert sums[0] > sums[1] > sums[2] > entropy and sums[-1] - entropy < 0.2
    many_times = [path.time_at(float(r)) for r in np.geomspace(2000, 0.002, 5000)]
    assert 0 < sum(exact_bound(many_times, path)) - entropy < 0.02


def bytes_to_x(byte):
    """Return 500 examples of three pixels of this grey level."""
    return np.full((500, 3), byte / 127.5 - 1)


BYTE_TIMES = [VARIANCE_PRESERVING.time_at(float(r)) for r in np.geomspace(500, 5e-4, 400)]


def test_the_bound_of_bytes_that_the_predictor_knows_is_zero():
    def denoise(x, t):
        return Prediction(np.full_like(x, 0.2), (x - math.cos(t) * 0.2) / math.sin(t))

    x = bytes_to_x(153)  # 153 / 127.5 - 1 = 0.2
    bound = variational_bound(denoise, x, BYTE_TIMES, rng=default_rng(0), pixels=True)
    np.testing.assert_allclose(bound.total, 0, atol=1e-4)


def test_the_bound_of_two_equally_likely_bytes_is_log_2():
    def denoise(x, t):
        alpha, sigma, _, _ = VARIANCE_PRESERVING.coefficients(t)
        x0 = 0.6 * np.tanh(0.6 * alpha * x / sigma**2)
        return Prediction(x0, (x - alpha * x0) / sigma)

    rng = default_rng(0)
    x = np.sign(rng.normal((500, 3), np.float64)) * (204 / 127.5 - 1)  # +-0.6
    bound = variational_bound(denoise, x, BYTE_TIMES, rng=rng, pixels=True).total
    assert abs(bound.mean() - 3 * math.log(2)) < 4 * bound.std() / 500**0.5 + 0.02


@pytest.mark.parametrize("ratio", [0.004, 0.1])
def test_the_reconstruction_of_bytes_is_a_softmax(ratio):
    """-log of exp(-(y - value)^2 / (2 ratio^2)), normalized over the 256 values.

    It is right for the first and the last value too.
    """

    class ConstantRNG(RNG):
        def normal(self, shape, dtype):
            return on_device(np.full(shape, 0.7, dtype))

    values = np.arange(256) / 127.5 - 1
    x, times = values[[[0, 7], [128, 255]]], [VARIANCE_PRESERVING.time_at(ratio)]
    found = variational_bound(None, x, times, rng=ConstantRNG(0), pixels=True).reconstruction
    logits = -(((x + 0.7 * ratio)[..., None] - values) ** 2) / (2 * ratio**2)
    own_logit = -((0.7 * ratio) ** 2) / (2 * ratio**2)
    expected = np.log(np.exp(logits).sum(axis=-1)) - own_logit
    np.testing.assert_allclose(found, expected.sum(axis=1), rtol=1e-9)


def test_on_a_gpu(cupy):
    x, times, found = np.random.default_rng(0).normal(size=(3, 2)), [1.5, 1.0, 0.1], []
    for move, device in ((lambda a: a, "cpu"), (cupy.asarray, "cuda")):
        denoise, a = mixture(move=move).denoise, move(x)
        values = [log_likelihood(denoise, a, 3, rng=default_rng(0, device))]
        values += variational_bound(denoise, a, times, rng=default_rng(0, device))
        values.append(
            variational_bound(denoise, a, times, rng=default_rng(0, device), pixels=True).total
        )
        found.append(values)
    for plain, on_gpu in zip(*found, strict=True):
        assert isinstance(on_gpu, cupy.ndarray) and on_gpu.shape == (3,)
        np.testing.assert_allclose(on_gpu.get(), plain, rtol=1e-10)


def test_errors():
    denoise, x, nan = mixture().denoise, np.zeros((2, 2)), math.nan
    for settings in ({"steps": 0}, {"start": 2.0}, {"end": 3.0}):
        with pytest.raises(ValueError, match="start < end"):
            log_likelihood(denoise, x, **settings)
    for times in ([], [1.0, 0.0], [0.5, 1.0], [2.0, 1.0], [1.0, nan], [nan]):
        with pytest.raises(ValueError, match="the last above 0"):
            variational_bound(denoise, x, times, rng=default_rng(0))
