"""Samplers of the probability-flow ODE, against its exact solution for a Gaussian."""

import math

import numpy as np
import pytest

from tests.models.diffusion.cases import (
    MEAN,
    PATHS,
    STD,
    ConstantNoise,
    gaussian,
    two_gaussians,
)
from tinygen import default_rng, losses, optim
from tinygen.models.diffusion import samplers
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.objectives import Prediction, denoiser, target
from tinygen.models.diffusion.paths import RECTIFIED_FLOW, VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import linear_schedule

ORDERS = {"ddim": 1, "euler": 1, "dpm_solver": 2, "heun": 2, "edm": 2, "rk4": 4}


def solution(x, t, s, path=VARIANCE_PRESERVING):
    """Return the exact solution of a Gaussian's ODE from x at time t to time s.

    A point keeps its distance from the mean, in standard deviations of the density.
    """
    (alpha, sigma, _, _), (alpha_s, sigma_s, _, _) = path.coefficients(t), path.coefficients(s)
    std, std_s = math.hypot(alpha * STD, sigma), math.hypot(alpha_s * STD, sigma_s)
    return alpha_s * MEAN + std_s * (x - alpha * MEAN) / std


@PATHS
@pytest.mark.parametrize("name, order", ORDERS.items())
def test_order_of_convergence_to_the_exact_solution(name, order, path):
    x = np.linspace(-2, 2, 5)[:, None]
    first, last = (path.time_at(VARIANCE_PRESERVING.noise_to_signal(t)) for t in (1.5, 0.3))
    expected, errors = solution(x, first, last, path), []
    for n in (16, 32, 64, 128):
        times = np.linspace(first, last, n + 1)
        if name in ("edm", "dpm_solver"):
            # they have this order in their own variables: equal steps of log(sigma / alpha)
            ratios = np.geomspace(path.noise_to_signal(first), path.noise_to_signal(last), n + 1)
            times = [path.time_at(float(r)) for r in ratios]
        times = [first, *times[1:-1], last]
        samples = getattr(samplers, name)(gaussian(path).denoise, x, times, path=path)
        errors.append(np.abs(samples - expected).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(orders[-1] - order) < 0.15, (errors, orders)


def test_ddim_converges_to_the_solution_at_the_data():
    """x_0 = m + s (x_T - sqrt(a_T) m) / sqrt(u_T); the error halves as the steps double."""
    x, start = np.linspace(-2, 2, 5)[:, None], float(linear_schedule(1.0))
    errors = []
    for n in (50, 100, 200, 400):
        times = [*(linear_schedule(u) for u in np.linspace(1, 0, n + 1)[:-1]), 0.0]
        samples = samplers.ddim(gaussian().denoise, x, times)
        errors.append(np.abs(samples - solution(x, start, 0.0)).max())
    assert errors[-1] < 0.01, errors
    assert all(1.6 < a / b < 2.4 for a, b in zip(errors, errors[1:])), errors


def test_ddim_is_euler_in_the_ratio():
    x, t, s = np.array([[0.7]]), 1.1, 0.6
    z = x / math.cos(t)
    z_s = z + (math.tan(s) - math.tan(t)) * two_gaussians().denoise(x, t).eps
    found = samplers.ddim(two_gaussians().denoise, x, [t, s])
    np.testing.assert_allclose(found, z_s * math.cos(s), rtol=1e-12)


def test_one_ddim_step_is_exact_for_a_single_point():
    point = ExactMixture(np.ones(1), np.array([[0.3]]), np.zeros(1))
    found = samplers.ddim(point.denoise, np.array([[0.7]]), [1.1, 0.0])
    np.testing.assert_allclose(found, [[0.3]], atol=1e-12)


def test_ddims_fresh_noise_is_its_papers():
    """Equations 12 and 16, with a for DDPM's alpha_bar."""
    x, t, s, eta, z = np.array([[0.7]]), 1.1, 0.6, 0.5, 1.3
    a, a_s, p = math.cos(t) ** 2, math.cos(s) ** 2, two_gaussians().denoise(x, t)
    std = eta * math.sqrt((1 - a_s) / (1 - a)) * math.sqrt(1 - a / a_s)
    x0 = (x - math.sqrt(1 - a) * p.eps) / math.sqrt(a)
    expected = math.sqrt(a_s) * x0 + math.sqrt(1 - a_s - std**2) * p.eps + std * z
    found = samplers.ddim(two_gaussians().denoise, x, [t, s], eta=eta, rng=ConstantNoise(z))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@PATHS
@pytest.mark.parametrize("gamma", [0.0, 0.2, 3.0])
def test_edm_is_its_papers_algorithm(path, gamma):
    """Algorithm 2 as printed, in z = x / alpha and the ratio r, with D(z, r) = x0_hat.

    The first ratio is above those with added noise, the last one below.
    """
    ratios, s_tmin, s_tmax, s_noise, noise = [30.0, 6.0, 1.5, 0.2, 0.0], 1.0, 10.0, 1.1, 0.7

    def denoised(z, r):
        t = path.time_at(r)
        return two_gaussians(path).denoise(z * path.coefficients(t).alpha, t).x0

    z = first = np.array([[-25.0], [10.0], [40.0]])
    for r, r_s in zip(ratios, ratios[1:]):
        increase = min(gamma, math.sqrt(2) - 1) if s_tmin <= r <= s_tmax else 0
        r_hat = r * (1 + increase)
        z_hat = z + s_noise * math.sqrt(r_hat**2 - r**2) * noise
        d = (z_hat - denoised(z_hat, r_hat)) / r_hat
        z = z_hat + (r_s - r_hat) * d
        if r_s != 0:
            d_s = (z - denoised(z, r_s)) / r_s
            z = z_hat + (r_s - r_hat) * (d + d_s) / 2
    times = [path.time_at(r) for r in ratios]
    settings = {"gamma": gamma, "s_noise": s_noise, "s_tmin": s_tmin, "s_tmax": s_tmax}
    found = samplers.edm(
        two_gaussians(path).denoise,
        first * path.coefficients(times[0]).alpha,
        times,
        path=path,
        rng=ConstantNoise(noise),
        **settings,
    )
    np.testing.assert_allclose(found, z, rtol=1e-9)


def test_ddim_is_euler_on_the_rectified_flow_path():
    x, times = np.linspace(-2, 2, 5)[:, None], [1.0, 0.6, 0.1, 0.0]
    denoise = two_gaussians(RECTIFIED_FLOW).denoise
    ddim = samplers.ddim(denoise, x, times, path=RECTIFIED_FLOW)
    euler = samplers.euler(denoise, x, times, path=RECTIFIED_FLOW)
    np.testing.assert_allclose(ddim, euler, rtol=1e-12)


def test_ddim_with_eta_1_is_ancestral():
    x, times, denoise = (
        np.linspace(-2, 2, 5)[:, None],
        [1.5, 1.0, 0.4, 0.0],
        two_gaussians().denoise,
    )
    ddim = samplers.ddim(denoise, x, times, rng=default_rng(0), eta=1.0)
    ancestral = samplers.ancestral(denoise, x, times, rng=default_rng(0))
    np.testing.assert_allclose(ddim, ancestral, rtol=1e-12)


def test_both_paths_have_the_same_solutions():
    """At the same noise-to-signal ratios, the solutions differ only in their scale."""
    x, ratios = np.linspace(-2, 2, 5)[:, None], np.geomspace(20, 0.1, 300)
    ends = []
    for path in (VARIANCE_PRESERVING, RECTIFIED_FLOW):
        times = [path.time_at(float(r)) for r in ratios]
        start = x * path.coefficients(times[0]).alpha
        samples = samplers.rk4(two_gaussians(path).denoise, start, times, path=path)
        ends.append(samples / path.coefficients(times[-1]).alpha)
    np.testing.assert_allclose(*ends, rtol=1e-7)


@pytest.mark.parametrize("name", ["euler", "heun", "rk4", "ddim", "dpm_solver"])
def test_from_pure_noise_to_data_with_rectified_flow(name):
    x, times = np.linspace(-2, 2, 5)[:, None], np.linspace(1, 0, 401)
    sampler = getattr(samplers, name)
    samples = sampler(gaussian(RECTIFIED_FLOW).denoise, x, times, path=RECTIFIED_FLOW)
    np.testing.assert_allclose(samples, MEAN + STD * x, atol=0.01)


def test_one_step_is_exact_for_pairs_that_belong_together():
    """Rectified flow: for the pairs (m + s eps, eps) the velocity (1 - s) eps - m is known.

    It is constant along each trajectory, so one Euler step is exact.
    """

    def denoise(x, t):
        eps = (x - (1 - t) * MEAN) / ((1 - t) * STD + t)
        return Prediction(MEAN + STD * eps, eps)

    eps = np.linspace(-2, 2, 5)[:, None]
    one_step = samplers.euler(denoise, eps, [1.0, 0.0], path=RECTIFIED_FLOW)
    np.testing.assert_allclose(one_step, MEAN + STD * eps, atol=1e-12)
    independent = gaussian(RECTIFIED_FLOW).denoise
    one_step = samplers.euler(independent, eps, [1.0, 0.0], path=RECTIFIED_FLOW)
    np.testing.assert_allclose(one_step, MEAN, atol=1e-12)  # of independent pairs: the mean of all


def test_a_network_trained_on_such_pairs_needs_one_step():
    """Rectified flow's second round in one dimension: noise, and what the first model makes of it.

    Trajectories on a line keep their order, so these pairs have straight ones.
    """
    rng, first = default_rng(0), two_gaussians(RECTIFIED_FLOW)

    def draw_pairs(n):
        eps = rng.normal((n, 1))
        times = np.linspace(1, 0, 33)
        x0 = samplers.heun(first.denoise, eps.astype(np.float64), times, path=RECTIFIED_FLOW)
        return x0.astype(np.float32), eps

    network, (x0, eps) = MLPDenoiser(1, (32, 32), rng=rng), draw_pairs(5000)
    optimizer = optim.Adam(network.parameters(), lr=5e-3)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=400)
    for step in range(400):
        schedule.set(step)
        rows, t = rng.integers(0, 5000, (256,)), rng.uniform((256,))
        v = target("v", x0[rows], eps[rows], t, RECTIFIED_FLOW)
        x_t = RECTIFIED_FLOW.q_sample(x0[rows], eps[rows], t)
        loss = losses.squared_error(network(x_t, t), v).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x0, eps = draw_pairs(2000)
    errors = []
    for denoise in (denoiser(network, "v", RECTIFIED_FLOW), first.denoise):
        one_step = samplers.euler(denoise, eps, [1.0, 0.0], path=RECTIFIED_FLOW)
        errors.append(((one_step - x0) ** 2).mean())
    assert errors[0] < 0.02 * errors[1], errors  # one step of the first model: the mean of the data
