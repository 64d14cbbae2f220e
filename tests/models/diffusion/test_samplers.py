"""What holds for every sampler: the right distribution, purity, precision, times and errors."""

import math

import numpy as np
import pytest

from tests.models.diffusion.cases import (
    BETAS,
    PATHS,
    ConstantNoise,
    gaussian,
    two_gaussians,
)
from tinygen import default_rng, tensor
from tinygen.models.diffusion import samplers
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.objectives import denoiser
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import (
    karras_schedule,
    linear_schedule,
    times_from_betas,
)

SAMPLERS = ["ancestral", "ddim", "euler", "heun", "rk4", "edm", "dpm_solver"]


@PATHS
def test_samples_have_the_distribution_of_the_data(path):
    """Not only the moments: the distribution function of 40,000 samples of each sampler."""
    exact, n = two_gaussians(path), 40_000
    fractions = np.linspace(0.999, 0, 65)
    times = [
        path.time_at(VARIANCE_PRESERVING.noise_to_signal(linear_schedule(float(u))))
        for u in fractions
    ]
    start = path.coefficients(times[0])
    places = np.linspace(-2, 2.2, 43)
    cdf = np.zeros(43)
    for w, m, s in ((0.3, -1, 0.3), (0.7, 0.8, 0.5)):
        cdf += w * np.array([0.5 * (1 + math.erf((x - m) / (s * 2**0.5))) for x in places])
    cases = [(name, {}) for name in SAMPLERS]
    cases += [
        ("ddim", {"eta": 0.5}),
        ("edm", {"gamma": 0.2}),
        ("ancestral", {"variance_weight": 0.5}),
    ]
    for name, settings in cases:
        rng = default_rng(3)
        x = start.alpha * exact.sample(n, rng) + start.sigma * rng.normal((n, 1), np.float64)
        sampler = getattr(samplers, name)
        x = sampler(exact.denoise, x, times, path=path, rng=rng, **settings)
        error = np.abs((x < places).mean(axis=0) - cdf).max()
        allowed = {"ancestral": 0.03, "ddim": 0.02, "euler": 0.02}.get(name, 0.01)
        assert error < allowed + 1.6 / n**0.5, (name, error)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_are_pure_reproducible_and_keep_float32(cupy, name):
    network = MLPDenoiser(2, (8, 8), rng=default_rng(0))
    denoise, sampler = denoiser(network, "v"), getattr(samplers, name)
    x = default_rng(1).normal((6, 2))
    times, before, watched_times = karras_schedule(5), x.copy(), []

    def watch(x, t):
        watched_times.append(t)
        return x

    runs = [sampler(denoise, x, times, rng=default_rng(k), callback=watch) for k in (2, 2, 3)]
    assert np.array_equal(x, before)
    assert np.array_equal(runs[0], runs[1]) and runs[0].dtype == np.float32
    assert watched_times == times[1:] * 3
    assert np.array_equal(runs[0], runs[2]) == (name != "ancestral")
    network.to("cuda")
    on_gpu = sampler(denoise, cupy.asarray(x), times, rng=default_rng(2, "cuda"))
    assert isinstance(on_gpu, cupy.ndarray)
    np.testing.assert_allclose(on_gpu.get(), runs[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name, settings",
    [
        ("ddim", {"eta": 0.5}),
        ("edm", {"gamma": 0.2, "s_noise": 1.003, "s_tmin": 0.1, "s_tmax": 50.0}),
        ("ancestral", {"variance_weight": None}),
    ],
)
def test_settings_and_inpainting_on_a_gpu(cupy, name, settings):
    network = MLPDenoiser(2, (8, 8), out_dim=4, rng=default_rng(0))
    denoise = denoiser(network, "v", learned_variance=True)
    x, mask, found = default_rng(1).normal((6, 2)), np.float32([[1, 0]]), []
    for move, device in ((lambda a: a, "cpu"), (cupy.asarray, "cuda")):
        network.map_arrays_(move)
        rng, sampler = default_rng(2, device), getattr(samplers, name)
        callback = samplers.inpainting(move(np.ones_like(x)), move(mask), rng=rng)
        times = karras_schedule(5)
        found.append(sampler(denoise, move(x), times, rng=rng, callback=callback, **settings))
    assert isinstance(found[1], cupy.ndarray)
    np.testing.assert_allclose(found[1].get(), found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_network_is_never_evaluated_at_time_0(name):
    """No network is trained there. A single step to the data works too, for no example or one."""
    evaluated = []

    def denoise(x, t):
        evaluated.append(t)
        return two_gaussians().denoise(x, t)

    for times, n in (([1.2, 0.6, 0.0], 1), ([1.2, 0.0], 1), ([1.2, 0.6, 0.0], 0)):
        x = getattr(samplers, name)(denoise, np.full((n, 1), 0.3), times, rng=default_rng(0))
        assert x.shape == (n, 1)
        if times == [1.2, 0.0]:  # one step gives x0_hat, or Euler's step along the velocity
            p = two_gaussians().denoise(np.full((1, 1), 0.3), 1.2)
            euler = 0.3 - 1.2 * VARIANCE_PRESERVING.velocity(p.x0, p.eps, 1.2)
            expected = euler if name in ("euler", "heun", "rk4") else p.x0
            np.testing.assert_allclose(x, expected, rtol=1e-9)
    assert min(evaluated) > 0


def test_inpainting_keeps_the_known_part():
    exact = ExactMixture(np.ones(1), np.array([[0.5, -0.2]]), np.array([0.4]))
    rng, n = default_rng(0), 4000
    known, mask = np.full((n, 2), 1.0), np.array([[1.0, 0.0]])
    callback = samplers.inpainting(known, mask, rng=rng)
    times = [*times_from_betas(BETAS)[::-10], 0.0]
    noise = rng.normal((n, 2), np.float64)
    x = samplers.ancestral(exact.denoise, noise, times, rng=rng, callback=callback)
    assert (x[:, 0] == 1).all()
    # the other dimension is independent, so it has its own distribution
    assert abs(x[:, 1].mean() + 0.2) < 0.03 and abs(x[:, 1].std() - 0.4) < 0.03


@PATHS
def test_inpainting_adds_the_noise_of_the_time(path):
    known, mask, x = np.full((2, 3), 0.8), np.array([[1.0, 0.0, 0.5]]), np.full((2, 3), -7.0)
    c = path.coefficients(0.6)
    callback = samplers.inpainting(known, mask, path=path, rng=ConstantNoise(1.5))
    noisy = c.alpha * 0.8 + c.sigma * 1.5
    np.testing.assert_allclose(callback(x, 0.6), [[noisy, -7, (noisy - 7) / 2]] * 2, rtol=1e-12)
    np.testing.assert_array_equal(callback(x, 0.0), [[0.8, -7, 0.8 / 2 - 3.5]] * 2)


def test_errors():
    x, denoise, nan = np.zeros((2, 1)), gaussian().denoise, math.nan
    too_few = ([], [1.0])
    not_decreasing = ([0.5, 0.6], [0.5, 0.5], [1.0, nan, 0.0], [nan, 0.0])
    outside = ([2.0, 1.0], [1.0, -0.1])
    for times in (*too_few, *not_decreasing, *outside):
        with pytest.raises(ValueError, match="times decrease"):
            samplers.ddim(denoise, x, times)
    with pytest.raises(ValueError, match="begin a little below"):
        samplers.edm(denoise, x, [VARIANCE_PRESERVING.end, 0.5])
    with pytest.raises(TypeError, match="give its array"):
        samplers.heun(denoise, tensor(x), [1.0, 0.5])
