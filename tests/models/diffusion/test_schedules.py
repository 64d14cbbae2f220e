"""The way from data to noise against DDPM's own recursion, step by step."""

import math

import numpy as np
import pytest

from tests.strict import StrictArray, StrictRNG
from tinygen import default_rng
from tinygen.models.diffusion.schedules import (
    VARIANCE_PRESERVING,
    RECTIFIED_FLOW,
    cosine_schedule,
    karras_schedule,
    levels_of,
    linear_schedule,
    logistic_schedule,
    stratified_uniform,
)

PATHS = pytest.mark.parametrize("path", [VARIANCE_PRESERVING, RECTIFIED_FLOW], ids=["circle", "line"])
BETAS = np.linspace(1e-4, 0.02, 1000)


def test_many_small_steps_are_one():
    """x_i = sqrt(1 - beta_i) x_{i-1} + sqrt(beta_i) eps_i: what becomes of the coefficient of x_0 and of the variance."""
    alpha, variance = 1.0, 0.0
    for beta, t in zip(BETAS, levels_of(BETAS), strict=True):
        alpha, variance = math.sqrt(1 - beta) * alpha, (1 - beta) * variance + beta
        m = VARIANCE_PRESERVING.mix(float(t))
        assert abs(m.alpha - alpha) < 1e-13 and abs(m.sigma - math.sqrt(variance)) < 1e-13


def test_the_linear_spacing_is_the_limit_of_ddpms():
    u = np.arange(1, 1001) / 1000
    assert np.abs(linear_schedule(u) - levels_of(BETAS)).max() < 5e-3
    many = np.linspace(0.1, 20, 100_000) / 100_000
    np.testing.assert_allclose(levels_of(many)[999::1000], linear_schedule(np.arange(1, 101) / 100), atol=2e-4)
    assert linear_schedule(0.0) == 0 and abs(math.log(VARIANCE_PRESERVING.mix(linear_schedule(1.0)).alpha ** 2) + 10.05) < 1e-12


def test_the_cosine_spacing_is_the_papers_and_all_but_even():
    u = np.linspace(0, 1, 11)
    f = np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(VARIANCE_PRESERVING.mix(cosine_schedule(u)).alpha ** 2, f / f[0], atol=1e-12)
    assert np.abs(cosine_schedule(u) - u * np.pi / 2).max() < 0.013
    assert cosine_schedule(0.0) == 0 and abs(cosine_schedule(1.0) - VARIANCE_PRESERVING.end) < 1e-12


def test_the_logistic_spacing_has_these_logits():
    u = np.linspace(0, 1, 12)[1:-1]

    def logit(p):
        return np.log(p / (1 - p))

    np.testing.assert_allclose(logit(logistic_schedule(u) / VARIANCE_PRESERVING.end), 0.6 * logit(u) + 0.6, atol=1e-12)
    np.testing.assert_allclose(logistic_schedule(u, scale=1.0, shift=0.0), u * VARIANCE_PRESERVING.end, atol=1e-12)
    assert logistic_schedule(0.0) == 0 and logistic_schedule(1.0) == VARIANCE_PRESERVING.end
    with pytest.raises(ValueError, match="from 0 to 1; got 1.5"):
        logistic_schedule(1.5)
    np.testing.assert_allclose(logistic_schedule(np.array([0.25, 0.75])) / VARIANCE_PRESERVING.end, [0.49, 0.78], atol=0.005)  # as the docstring says


def test_strata_have_one_each_and_less_noise():
    g = default_rng(0)
    u = stratified_uniform(8, g)
    assert u.dtype == np.float32 and np.array_equal(np.floor(8 * u), np.arange(8))
    means = np.array([[np.mean(stratified_uniform(8, g) ** 2), np.mean(g.uniform((8,)) ** 2)] for _ in range(2000)])
    assert (np.abs(means.mean(axis=0) - 1 / 3) < 4 * means.std(axis=0) / np.sqrt(2000)).all()
    assert means[:, 0].std() < means[:, 1].std() / 6
    strict = stratified_uniform(5, StrictRNG(1))
    assert isinstance(strict, StrictArray) and np.array_equal(strict.get(), stratified_uniform(5, default_rng(1)))


def test_floats_and_arrays_agree():
    for spacing in (linear_schedule, cosine_schedule, logistic_schedule):
        u = np.linspace(0, 1, 7)
        np.testing.assert_allclose(spacing(u), [spacing(float(v)) for v in u], rtol=1e-12, atol=1e-12)
        strict = spacing(StrictArray(u))
        assert isinstance(strict, StrictArray) and np.array_equal(strict.get(), spacing(u))
        assert type(spacing(0.5)) is float and type(spacing(np.float64(0.5))) is float and spacing(u.astype(np.float32)).dtype == np.float32


@PATHS
def test_a_point_and_its_velocity_determine_what_they_are_made_of(path):
    rng = np.random.default_rng(0)
    x0, eps, h = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), 1e-6
    for t in (0.0, 0.1, 0.7, 0.99 * path.end, path.end):
        a, s, da, ds = path.mix(t)
        assert abs(a * ds - da * s - 1) < 1e-15
        x, v = path.q_sample(x0, eps, t), da * x0 + ds * eps
        np.testing.assert_allclose(ds * x - s * v, x0, atol=1e-14)
        np.testing.assert_allclose(a * v - da * x, eps, atol=1e-14)
        np.testing.assert_allclose((path.q_sample(x0, eps, t + h) - path.q_sample(x0, eps, t - h)) / (2 * h), v, atol=1e-8)


@PATHS
def test_levels_are_found_by_their_ratio(path):
    for t in (0.0, 0.2, 0.9 * path.end):
        assert abs(path.level(path.ratio(t)) - t) < 1e-12
    assert path.level(math.inf) == path.end and path.ratio(path.end) == math.inf
    t = np.array([0.1, 0.5])
    np.testing.assert_allclose(path.level(path.ratio(t)), t)
    levels = karras_schedule(5, 0.01, 50, path=path)
    assert len(levels) == 6 and levels[-1] == 0
    np.testing.assert_allclose([path.ratio(levels[i]) for i in (0, 4)], [50, 0.01])
    np.testing.assert_allclose(path.ratio(levels[2]), ((50 ** (1 / 7) + 0.01 ** (1 / 7)) / 2) ** 7)


@PATHS
def test_each_example_at_its_own_level(path):
    g = default_rng(0)
    x0, eps, t = g.normal((4, 2, 3, 3)), g.normal((4, 2, 3, 3)), g.uniform((4,))
    together = path.q_sample(x0, eps, t)
    assert together.dtype == np.float32
    for i in range(4):
        np.testing.assert_allclose(together[i], path.q_sample(x0[i], eps[i], float(t[i])), rtol=1e-6)
    assert path.q_sample(x0, eps, 0.3).dtype == np.float32 == path.q_sample(x0, eps, t.astype(np.float64)).dtype
    strict = path.q_sample(StrictArray(x0), StrictArray(eps), StrictArray(t))
    assert isinstance(strict, StrictArray)
    np.testing.assert_array_equal(strict.get(), together)


def test_errors():
    with pytest.raises(ValueError, match="one shape"):
        VARIANCE_PRESERVING.q_sample(np.zeros((2, 1)), np.zeros(2), 0.1)
    for t in (np.zeros((2, 1)), np.zeros(1), np.zeros(3)):  # (2, 1) would make of 2 examples 2 x 2
        with pytest.raises(ValueError, match=r"one for each, \(2,\); got"):
            VARIANCE_PRESERVING.q_sample(np.zeros((2, 4)), np.zeros((2, 4)), t)
    with pytest.raises(ValueError, match="levels_of"):
        levels_of([0.1, 1.0])
    with pytest.raises(ValueError, match="karras"):
        karras_schedule(3, 2.0, 1.0)
    with pytest.raises(TypeError, match="NumPy or CuPy"):
        linear_schedule("half")
