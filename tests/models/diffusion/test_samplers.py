"""Samplers against what they do to a Gaussian, which is known exactly: each step is x -> a x + b plus noise, so moments follow by hand."""

import math

import numpy as np
import pytest

from tests.strict import StrictArray, StrictRNG
from tinygen import RNG, default_rng, losses, optim, tensor
from tinygen.models.diffusion import samplers
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.objectives import Prediction, denoiser, step_back, target
from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING, RECTIFIED_FLOW, karras_schedule, levels_of, linear_schedule
from tinygen.models.diffusion.unet import Perceptron

PATHS = pytest.mark.parametrize("path", [VARIANCE_PRESERVING, RECTIFIED_FLOW], ids=["circle", "line"])
M, S = 0.5, 0.4
BETAS = np.linspace(1e-4, 0.02, 1000)
EVERY = ["ancestral", "ddim", "euler", "heun", "rk4", "edm", "dpm_solver"]


def gaussian(path=VARIANCE_PRESERVING, mean=M, deviation=S):
    return ExactMixture(np.ones(1), np.full((1, 1), mean), np.array([deviation]), path)


def two(path=VARIANCE_PRESERVING, move=lambda a: a):
    return ExactMixture(move(np.array([0.3, 0.7])), move(np.array([[-1.0], [0.8]])), move(np.array([0.3, 0.5])), path)


def solution(x, t, s, path=VARIANCE_PRESERVING):
    """The probability-flow ODE of a Gaussian from x at level t to level s: the place among the others, in standard deviations, stays."""
    (a, b, _, _), (a_s, b_s, _, _) = path.mix(t), path.mix(s)
    return a_s * M + math.sqrt((a_s * S) ** 2 + b_s**2) * (x - a * M) / math.sqrt((a * S) ** 2 + b**2)


# --------------------------------------------------------------------------------------------------------------- ancestral


class Constant:
    """A "generator" whose noise is always the same number."""

    def __init__(self, value):
        self.value = value

    def normal(self, shape, dtype):
        return np.full(shape, self.value, dtype)


def moments(denoise, levels, mean, spread, **settings):
    """Mean and variance (`spread`) of an ancestral sampler of a Gaussian, one step at a time: read off what a step does to 0 and 1 without noise, and
    to 0 with noise 1.
    """
    for pair in zip(levels, levels[1:]):
        step = lambda x, z: float(samplers.ancestral(denoise, np.full((1, 1), x), pair, rng=Constant(z), **settings)[0, 0])  # noqa: B023, E731
        shift, noise = step(0.0, 0.0), step(0.0, 1.0) - step(0.0, 0.0)
        slope = step(1.0, 0.0) - shift
        mean, spread = slope * mean + shift, slope**2 * spread + noise**2
    return mean, spread


@pytest.mark.parametrize("large", [False, True])
def test_the_ancestral_samplers_moments_are_those_of_ddpms_recursion(large):
    """DDPM's Algorithm 2 as printed, x <- (x - beta / sqrt(1 - A) eps^) / sqrt(1 - beta) + sqrt(variance) z, with the best eps^: its exact mean and
    variance.
    """
    mean, variance, a = 0.0, 1.0, np.cumprod(1 - BETAS)
    for i in reversed(range(1000)):
        u = a[i] * S**2 + 1 - a[i]
        slope = (1 - BETAS[i] / u) / np.sqrt(1 - BETAS[i])  # eps^ = sqrt(1 - A) (x - sqrt(A) m) / u
        shift = BETAS[i] / u * np.sqrt(a[i]) * M / np.sqrt(1 - BETAS[i])
        noise = 0 if i == 0 else BETAS[i] * (1 if large else (1 - a[i - 1]) / (1 - a[i]))
        mean, variance = slope * mean + shift, slope**2 * variance + noise
    levels = [*levels_of(BETAS)[::-1], 0.0]
    found = moments(gaussian().denoise, levels, 0.0, 1.0, variance=float(large))
    np.testing.assert_allclose(found, (mean, variance), rtol=1e-9)
    np.testing.assert_allclose(found, (M, S**2), rtol=0.02)


def test_few_steps_need_the_learned_variance():
    """With the true variance of each step back every level's distribution is right, be the steps ever so few; the small one makes too little, the large
    too much.
    """

    def denoise(x, t):
        p = gaussian().denoise(x, t)
        s = levels[levels.index(t) + 1]
        if s == 0:
            return p
        c, (alpha, sigma, _, _) = step_back(t, s, x), VARIANCE_PRESERVING.mix(t)
        true = c.large * c.ratio + c.of_x0**2 * (S * sigma) ** 2 / ((alpha * S) ** 2 + sigma**2)
        return Prediction(p.x0, p.eps, np.full_like(x, 1 - math.log(true / c.large) / math.log(c.ratio)))

    levels = [float(t) for t in (1.5, 1.2, 0.8, 0.4)]
    (alpha, sigma, _, _), (alpha_s, sigma_s, _, _) = VARIANCE_PRESERVING.mix(1.5), VARIANCE_PRESERVING.mix(0.4)
    start, right = (alpha * M, (alpha * S) ** 2 + sigma**2), (alpha_s * M, (alpha_s * S) ** 2 + sigma_s**2)
    np.testing.assert_allclose(moments(denoise, levels, *start, variance=None), right, rtol=1e-12)
    small, large = (moments(denoise, levels, *start, variance=v)[1] for v in (0.0, 1.0))
    assert small < 0.8 * right[1] and large > 1.2 * right[1]


@PATHS
def test_many_samples_of_a_mixture(path):
    """Not moments alone: the distribution function of 40,000 samples of every sampler, against the data's."""
    e, n = two(path), 40_000
    levels = [path.level(VARIANCE_PRESERVING.ratio(linear_schedule(float(u)))) for u in np.linspace(0.999, 0, 65)]
    start = e.path.mix(levels[0])
    places = np.linspace(-2, 2.2, 43)
    cumulated = sum(w * np.array([0.5 * (1 + math.erf((x - m) / (s * 2**0.5))) for x in places]) for w, m, s in ((0.3, -1, 0.3), (0.7, 0.8, 0.5)))
    for name, settings in [*((name, {}) for name in EVERY), ("ddim", {"eta": 0.5}), ("edm", {"churn": 0.2}), ("ancestral", {"variance": 0.5})]:
        g = default_rng(3)
        x = start.alpha * e.sample(n, g) + start.sigma * g.normal((n, 1), np.float64)
        x = getattr(samplers, name)(e.denoise, x, levels, path=path, rng=g, **settings)
        found = (x < places).mean(axis=0)
        allowed = {"ancestral": 0.03, "ddim": 0.02, "euler": 0.02}.get(name, 0.01)
        assert np.abs(found - cumulated).max() < allowed + 1.6 / n**0.5, (name, np.abs(found - cumulated).max())


# --------------------------------------------------------------------------------------------------------------- the ODE


ORDERS = {"ddim": 1, "euler": 1, "dpm_solver": 2, "heun": 2, "edm": 2, "rk4": 4}


@PATHS
@pytest.mark.parametrize("name, order", ORDERS.items())
def test_orders_of_convergence_to_the_exact_solution(name, order, path):
    x = np.linspace(-2, 2, 5)[:, None]
    first, last = (path.level(VARIANCE_PRESERVING.ratio(t)) for t in (1.5, 0.3))
    right, errors = solution(x, first, last, path), []
    for n in (16, 32, 64, 128):
        if name in ("edm", "dpm_solver"):  # of that order in their own variables: even steps in log(sigma / alpha)
            ratios = np.geomspace(path.ratio(first), path.ratio(last), n + 1)
            levels = [first, *(path.level(float(r)) for r in ratios[1:-1]), last]
        else:
            levels = [*np.linspace(first, last, n + 1)[:-1], last]
        errors.append(np.abs(getattr(samplers, name)(gaussian(path).denoise, x, levels, path=path) - right).max())
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(rates[-1] - order) < 0.15, (errors, rates)


def test_ddim_leads_to_the_solution_at_the_data():
    """x_0 = m + s (x_T - sqrt(A_T) m) / sqrt(v_T), DDPM's linear spacing, with an error that halves as the steps double."""
    x, start = np.linspace(-2, 2, 5)[:, None], float(linear_schedule(1.0))
    errors = []
    for n in (50, 100, 200, 400):
        levels = [*(linear_schedule(u) for u in np.linspace(1, 0, n + 1)[:-1]), 0.0]
        errors.append(np.abs(samplers.ddim(gaussian().denoise, x, levels) - solution(x, start, 0.0)).max())
    assert errors[-1] < 0.01 and all(1.6 < a / b < 2.4 for a, b in zip(errors, errors[1:])), errors


def test_ddim_is_euler_in_the_ratio_and_one_ddim_step_of_one_point_is_exact():
    x, t, s = np.array([[0.7]]), 1.1, 0.6
    z = x / math.cos(t) + (math.tan(s) - math.tan(t)) * two().denoise(x, t).eps
    np.testing.assert_allclose(samplers.ddim(two().denoise, x, [t, s]), z * math.cos(s), rtol=1e-12)
    point = ExactMixture(np.ones(1), np.array([[0.3]]), np.zeros(1))
    np.testing.assert_allclose(samplers.ddim(point.denoise, x, [t, 0.0]), [[0.3]], atol=1e-12)


def test_ddims_share_of_fresh_noise_is_its_papers():
    """Equations 12 and 16, in A = alpha^2."""
    x, t, s, eta, z = np.array([[0.7]]), 1.1, 0.6, 0.5, 1.3
    a, a_s, p = math.cos(t) ** 2, math.cos(s) ** 2, two().denoise(x, t)
    fresh = eta * math.sqrt((1 - a_s) / (1 - a)) * math.sqrt(1 - a / a_s)
    right = math.sqrt(a_s) * (x - math.sqrt(1 - a) * p.eps) / math.sqrt(a) + math.sqrt(1 - a_s - fresh**2) * p.eps + fresh * z
    np.testing.assert_allclose(samplers.ddim(two().denoise, x, [t, s], eta=eta, rng=Constant(z)), right, rtol=1e-12)


@PATHS
@pytest.mark.parametrize("churn", [0.0, 0.2, 3.0])
def test_edm_is_its_papers_algorithm(path, churn):
    """Algorithm 2 as printed, in z = x / alpha and the ratio r, with D(z, r) = x^_0: a first ratio above those with churn, a last one below."""
    ratios, low, high, factor, draw = [30.0, 6.0, 1.5, 0.2, 0.0], 1.0, 10.0, 1.1, 0.7

    def guess(z, r):
        return two(path).denoise(z * path.mix(path.level(r)).alpha, path.level(r)).x0

    z = first = np.array([[-25.0], [10.0], [40.0]])
    for r, r_s in zip(ratios, ratios[1:]):
        up = r * (1 + (min(churn, math.sqrt(2) - 1) if low <= r <= high else 0))
        z_up = z + factor * math.sqrt(up**2 - r**2) * draw
        d = (z_up - guess(z_up, up)) / up
        z = z_up + (r_s - up) * d
        if r_s != 0:
            z = z_up + (r_s - up) * (d + (z - guess(z, r_s)) / r_s) / 2
    levels = [path.level(r) for r in ratios]
    settings = {"churn": churn, "noise": factor, "low": low, "high": high, "rng": Constant(draw)}
    np.testing.assert_allclose(samplers.edm(two(path).denoise, first * path.mix(levels[0]).alpha, levels, path=path, **settings), z, rtol=1e-9)


def test_ddim_on_the_line_is_euler():
    x = np.linspace(-2, 2, 5)[:, None]
    np.testing.assert_allclose(*(sampler(two(RECTIFIED_FLOW).denoise, x, [1.0, 0.6, 0.1, 0.0], path=RECTIFIED_FLOW) for sampler in (samplers.ddim, samplers.euler)), rtol=1e-12)


def test_ddim_with_all_its_noise_fresh_is_ancestral():
    x, levels = np.linspace(-2, 2, 5)[:, None], [1.5, 1.0, 0.4, 0.0]
    a, b = (sampler(two().denoise, x, levels, rng=default_rng(0), **more) for sampler, more in ((samplers.ddim, {"eta": 1.0}), (samplers.ancestral, {})))
    np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_two_paths_are_one():
    """The ODE's solutions on the arc and on the chord are the same pictures at the same ratios, seen at another scale."""
    x, ratios = np.linspace(-2, 2, 5)[:, None], np.geomspace(20, 0.1, 300)
    ends = []
    for path in (VARIANCE_PRESERVING, RECTIFIED_FLOW):
        levels = [path.level(float(r)) for r in ratios]
        z = samplers.rk4(two(path).denoise, x * path.mix(levels[0]).alpha, levels, path=path) / path.mix(levels[-1]).alpha
        ends.append(z)
    np.testing.assert_allclose(*ends, rtol=1e-7)


def test_pairs_that_belong_together_need_one_step():
    """Rectified flow: of the pairs (m + s eps, eps) the line's velocity is known, u = (1 - s) eps - m, and constant along each way: one step of Euler
    is exact.
    """

    def denoise(x, t):
        eps = (x - (1 - t) * M) / ((1 - t) * S + t)
        return Prediction(M + S * eps, eps)

    eps = np.linspace(-2, 2, 5)[:, None]
    np.testing.assert_allclose(samplers.euler(denoise, eps, [1.0, 0.0], path=RECTIFIED_FLOW), M + S * eps, atol=1e-12)
    independent = samplers.euler(gaussian(RECTIFIED_FLOW).denoise, eps, [1.0, 0.0], path=RECTIFIED_FLOW)
    np.testing.assert_allclose(independent, M, atol=1e-12)  # of independent pairs one step finds the mean of all


def test_a_network_taught_such_pairs_needs_one_step():
    """Rectified flow's second round, on a line, where ways that keep their order are straight: pairs of noise and what the first model makes of it."""
    g, first = default_rng(0), two(RECTIFIED_FLOW)

    def pairs(n):
        eps = g.normal((n, 1))
        return samplers.heun(first.denoise, eps.astype(np.float64), np.linspace(1, 0, 33), path=RECTIFIED_FLOW).astype(np.float32), eps

    network, (x0, eps) = Perceptron(1, (32, 32), rng=g), pairs(5000)
    optimizer = optim.Adam(network.parameters())
    for step in range(400):
        some, t = g.integers(0, 5000, (256,)), g.uniform((256,))
        told = target("velocity", x0[some], eps[some], t, RECTIFIED_FLOW)
        loss = losses.squared_error(network(RECTIFIED_FLOW.q_sample(x0[some], eps[some], t), t), told).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 5e-3 * optim.cosine_decay(step, steps=400)
        optimizer.step()
    x0, eps = pairs(2000)
    errors = [((samplers.euler(d, eps, [1.0, 0.0], path=RECTIFIED_FLOW) - x0) ** 2).mean() for d in (denoiser(network, "velocity", RECTIFIED_FLOW), first.denoise)]
    assert errors[0] < 0.02 * errors[1], errors  # the first model's one step finds the mean of all data


@pytest.mark.parametrize("name", ["euler", "heun", "rk4", "ddim", "dpm_solver"])
def test_from_pure_noise_to_data_on_the_line(name):
    x = np.linspace(-2, 2, 5)[:, None]
    found = getattr(samplers, name)(gaussian(RECTIFIED_FLOW).denoise, x, np.linspace(1, 0, 401), path=RECTIFIED_FLOW)
    np.testing.assert_allclose(found, M + S * x, atol=0.01)


# -------------------------------------------------------------------------------------------------------------- pictures


def test_inpainting_keeps_what_is_known():
    e = ExactMixture(np.ones(1), np.array([[0.5, -0.2]]), np.array([0.4]))
    g, n = default_rng(0), 4000
    known, mask = np.full((n, 2), 1.0), np.array([[1.0, 0.0]])
    after = samplers.inpainting(known, mask, rng=g)
    levels = [*levels_of(BETAS)[::-10], 0.0]
    x = samplers.ancestral(e.denoise, g.normal((n, 2), np.float64), levels, rng=g, after=after)
    assert (x[:, 0] == 1).all()
    assert abs(x[:, 1].mean() + 0.2) < 0.03 and abs(x[:, 1].std() - 0.4) < 0.03  # independent of the other, it is as if alone


@PATHS
def test_inpainting_noises_what_is_known_to_the_level(path):
    known, mask, x, m = np.full((2, 3), 0.8), np.array([[1.0, 0.0, 0.5]]), np.full((2, 3), -7.0), path.mix(0.6)
    after = samplers.inpainting(known, mask, path=path, rng=Constant(1.5))
    seen = m.alpha * 0.8 + m.sigma * 1.5
    np.testing.assert_allclose(after(x, 0.6), [[seen, -7, (seen - 7) / 2]] * 2, rtol=1e-12)
    np.testing.assert_array_equal(after(x, 0.0), [[0.8, -7, 0.8 / 2 - 3.5]] * 2)


@pytest.mark.parametrize("name", EVERY)
def test_pure_seeded_and_in_its_own_precision(name):
    network = Perceptron(2, (8, 8), rng=default_rng(0))
    denoise, sampler, x = denoiser(network, "velocity"), getattr(samplers, name), default_rng(1).normal((6, 2))
    levels, before, seen = karras_schedule(5), x.copy(), []

    def watch(x, t):
        seen.append(t)
        return x

    runs = [sampler(denoise, x, levels, rng=default_rng(k), after=watch) for k in (2, 2, 3)]
    assert np.array_equal(x, before) and np.array_equal(runs[0], runs[1]) and runs[0].dtype == np.float32 and seen == levels[1:] * 3
    assert np.array_equal(runs[0], runs[2]) == (name != "ancestral")
    network.map_arrays_(StrictArray)
    strict = sampler(denoise, StrictArray(x), levels, rng=StrictRNG(2))
    assert isinstance(strict, StrictArray)
    np.testing.assert_allclose(strict.get(), runs[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name, settings", [("ddim", {"eta": 0.5}), ("edm", {"churn": 0.2, "noise": 1.003, "low": 0.1, "high": 50.0}), ("ancestral", {"variance": None})])
def test_settings_and_inpainting_on_a_strict_array_type(name, settings):
    network = Perceptron(2, (8, 8), outputs=4, rng=default_rng(0))
    denoise, x, mask, found = denoiser(network, "velocity", learned_variance=True), default_rng(1).normal((6, 2)), np.float32([[1, 0]]), []
    for move, kind in ((lambda a: a, RNG), (StrictArray, StrictRNG)):
        network.map_arrays_(move)
        g = kind(2)
        after = samplers.inpainting(move(np.ones_like(x)), move(mask), rng=g)
        found.append(getattr(samplers, name)(denoise, move(x), karras_schedule(5), rng=g, after=after, **settings))
    assert isinstance(found[1], StrictArray)
    np.testing.assert_allclose(found[1].get(), found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_asked_at_level_0(name):
    """No network was trained there. And every sampler makes the step from one level to the data at once, of one example or of none."""
    asked = []

    def denoise(x, t):
        asked.append(t)
        return two().denoise(x, t)

    for levels, n in (([1.2, 0.6, 0.0], 1), ([1.2, 0.0], 1), ([1.2, 0.6, 0.0], 0)):
        x = getattr(samplers, name)(denoise, np.full((n, 1), 0.3), levels, rng=default_rng(0))
        assert x.shape == (n, 1)
        if levels == [1.2, 0.0]:  # one step is the guess of x_0, but for those that follow the velocity
            alpha, sigma, d_alpha, d_sigma = VARIANCE_PRESERVING.mix(1.2)
            p = two().denoise(np.full((1, 1), 0.3), 1.2)
            euler = 0.3 - 1.2 * (d_alpha * p.x0 + d_sigma * p.eps)
            np.testing.assert_allclose(x, euler if name in ("euler", "heun", "rk4") else p.x0, rtol=1e-9)
    assert min(asked) > 0


def test_errors():
    x, e = np.zeros((2, 1)), gaussian()
    for levels in ([], [1.0], [0.5, 0.6], [0.5, 0.5], [2.0, 1.0], [1.0, -0.1], [1.0, math.nan, 0.0], [math.nan, 0.0]):
        with pytest.raises(ValueError, match="levels go down"):
            samplers.ddim(e.denoise, x, levels)
    with pytest.raises(ValueError, match="give it a generator"):
        samplers.ancestral(e.denoise, x, [1.0, 0.5])
    with pytest.raises(ValueError, match="predicts none"):
        samplers.ancestral(e.denoise, x, [1.0, 0.5], variance=None, rng=default_rng(0))
    with pytest.raises(ValueError, match="begin a little below"):
        samplers.edm(e.denoise, x, [VARIANCE_PRESERVING.end, 0.5])
    with pytest.raises(TypeError, match="give its array"):
        samplers.heun(e.denoise, tensor(x), [1.0, 0.5])
