"""Distances of clouds against closed forms, and what each of them can and cannot see."""

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen.data.mixtures import grid, ring
from tinygen.metrics import (
    count_modes,
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
    wasserstein_1d,
)

ALL = [frechet_distance, kernel_distance, precision_recall, density_coverage]


def cloud(n, mean, root, seed=0):
    """n points whose mean and covariance are exactly `mean` and root root^T: sampled, and then made so."""
    x = np.random.default_rng(seed).normal(size=(n, len(mean)))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T).reshape(len(mean), -1))).T
    return x @ root.T + mean


def test_frechet_between_gaussians_in_one_dimension():
    x, y = cloud(200, [1.0], np.array([[2.0]])), cloud(300, [4.0], np.array([[0.5]]), seed=1)
    np.testing.assert_allclose(frechet_distance(x, y), 3**2 + 1.5**2, rtol=1e-10)


def test_frechet_in_more_dimensions_by_an_independent_square_root():
    rng = np.random.default_rng(0)
    a, b, mu = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)
    x, y = cloud(100, np.zeros(4), a), cloud(120, mu, b, seed=1)
    s1, s2 = a @ a.T, b @ b.T
    root = np.sqrt(np.linalg.eigvals(s1 @ s2).real).sum()  # of the product itself, which is not symmetric
    np.testing.assert_allclose(frechet_distance(x, y), mu @ mu + np.trace(s1) + np.trace(s2) - 2 * root, rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(y, x), frechet_distance(x, y), rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(x, x), 0, atol=1e-9)


def test_frechet_of_flat_clouds():
    """Covariances of rank 1: along the same line, and at right angles, where the square root is zero."""
    t = np.linspace(-1, 1, 50)[:, None]
    v = t.var(ddof=1)
    np.testing.assert_allclose(frechet_distance(t * [1.0, 0], 3 * t * [1.0, 0]), 4 * v, rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(t * [1.0, 0], 3 * t * [0, 1.0]), 10 * v, rtol=1e-9)


@pytest.mark.parametrize("d, n", [(2, 400), (16, 1000)])
def test_frechet_bias(d, n):
    """Between two clouds of one Gaussian, in the mean: d (d + 1) / 2n from the covariances, 2 d / n from the means, and terms in 1 / n^2."""
    rng = np.random.default_rng(0)
    draws = [frechet_distance(*rng.normal(size=(2, n, d))) for _ in range(100)]
    np.testing.assert_allclose(np.mean(draws), d * (d + 1) / (2 * n) + 2 * d / n, rtol=0.05, atol=4 * np.std(draws) / 10)


def test_frechet_cannot_see_what_kernel_distance_sees():
    """Same mean and covariance, another third moment."""
    rng = np.random.default_rng(0)
    skewed = rng.exponential(size=(3000, 2))
    skewed = (skewed - skewed.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(skewed.T))).T
    plain = cloud(3000, np.zeros(2), np.eye(2), seed=1)
    assert frechet_distance(skewed, plain) < 1e-9 and kernel_distance(skewed, plain) > 0.3


def test_kernel_distance_is_unbiased():
    rng = np.random.default_rng(0)
    draws = [kernel_distance(*rng.normal(size=(2, 20, 3))) for _ in range(2000)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 2000**0.5 and min(draws) < 0
    x, y = rng.normal(size=(2, 5, 2))
    k = lambda a, b: (a @ b / 2 + 1) ** 3  # noqa: E731
    pairs = lambda a: np.mean([k(a[i], a[j]) for i in range(5) for j in range(5) if i != j])  # noqa: E731
    np.testing.assert_allclose(kernel_distance(x, y), pairs(x) + pairs(y) - 2 * np.mean([k(a, b) for a in x for b in y]))


def test_precision_and_recall_tell_the_two_faults_apart():
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(-5, 1, (500, 2)), rng.normal(5, 1, (500, 2))])
    half = rng.normal(5, 1, (1000, 2))  # good, and one mode of two
    wide = rng.uniform(-15, 15, (1000, 2))  # everywhere
    p, r = precision_recall(real, half)
    assert p > 0.9 and 0.4 < r < 0.55
    p, r = precision_recall(real, wide)
    assert p < 0.35 and r > 0.9
    same = np.concatenate([rng.normal(-5, 1, (500, 2)), rng.normal(5, 1, (500, 2))])
    assert min(precision_recall(real, same)) > 0.9


def test_density_and_coverage():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 2000, 3))
    density, coverage = density_coverage(real, fake)
    assert abs(density - 1) < 0.05 and abs(coverage - (1 - 2**-5)) < 0.015
    stray = np.concatenate([np.zeros((1990, 3)), 1e3 * rng.normal(size=(10, 3))])  # one point, and strays whose balls are huge
    assert precision_recall(real, stray)[1] > 0.95 and density_coverage(real, stray)[1] < 0.02


def test_naive_balls():
    real, fake = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [10.0]])
    assert precision_recall(real, np.array([[0.5], [2.0], [10.0]]), k=1) == (2 / 3, 1.0)  # radii 1, 1, 2, and 1.5, 1.5, 8
    assert density_coverage(real, fake, k=1) == (1.0, 2 / 3)


@pytest.mark.parametrize("f", [precision_recall, density_coverage])
def test_no_ball_reaches_to_its_own_middle(f):
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k is at least 1; got {k}"):
            f(*np.random.default_rng(0).normal(size=(2, 9, 3)), k=k)


@pytest.mark.parametrize("f", ALL)
def test_arrays_of_a_device(f):
    x, y = np.random.default_rng(0).normal(size=(2, 30, 3)).astype(np.float32)
    np.testing.assert_allclose(f(StrictArray(x), StrictArray(y)), f(x, y))


@pytest.mark.parametrize("f", ALL)
def test_what_are_no_features(f):
    x = np.zeros((9, 3))
    for bad, message in ((x[0], "needs two arrays"), (x[:1], "at least"), (x[:, :2], "not of one network"), (np.full((9, 3), np.nan), "NaN")):
        with pytest.raises(ValueError, match=message):
            f(x, bad)


# ---------------------------------------------------------------------------------------------------------------------- on a line


def quantiles(mean, deviation, n=4000):
    from statistics import NormalDist

    return mean + deviation * np.array([NormalDist().inv_cdf(u) for u in (np.arange(n) + 0.5) / n])


def test_wasserstein_of_shifted_and_of_stretched():
    x = quantiles(0, 1)
    np.testing.assert_allclose(wasserstein_1d(x, x[::-1] - 2.5), 2.5, rtol=1e-12)  # all the same way
    np.testing.assert_allclose(wasserstein_1d(x, quantiles(0, 3)), 2 * np.sqrt(2 / np.pi), rtol=1e-3)  # N(0, 1) to N(0, 9): (3 - 1) E|z|
    u = (np.arange(1000) + 0.5) / 1000
    np.testing.assert_allclose(wasserstein_1d(u, 2 * u), 0.5, rtol=1e-12)  # U(0, 1) to U(0, 2)
    assert wasserstein_1d(x, x) == 0


def test_wasserstein_of_clouds_of_unequal_size_is_the_cheapest_plan():
    """By hand; and every number repeated until both are as many, where it is a mean of differences in order, and no other order is cheaper."""
    np.testing.assert_allclose(wasserstein_1d(np.array([0, 1]), np.array([0, 0, 4])), (1 + 2 * 3) / 6)  # in sixths: one from 1 to 0, two from 1 to 4
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=6), rng.normal(1, 2, size=4)
    many_x, many_y = np.repeat(x, 2), np.repeat(y, 3)
    w = wasserstein_1d(x, y)
    np.testing.assert_allclose(w, np.abs(np.sort(many_x) - np.sort(many_y)).mean(), rtol=1e-12)
    assert all(np.abs(many_x - rng.permutation(many_y)).mean() >= w for _ in range(200))


def test_no_function_of_slope_1_tells_more_than_wasserstein():
    """Kantorovich and Rubinstein: E f(x) - E f(y) <= W, and f with f' = sign(F_y - F_x) reaches it."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=50), rng.normal(0.5, 2, size=70)
    w = wasserstein_1d(x, y)
    ends = np.sort(np.concatenate([x, y]))
    slope = np.sign((y[:, None] <= ends[:-1]).mean(axis=0) - (x[:, None] <= ends[:-1]).mean(axis=0))
    height = lambda s: np.append(0, np.cumsum(s * np.diff(ends)))  # noqa: E731
    gain = lambda f: np.interp(x, ends, f).mean() - np.interp(y, ends, f).mean()  # noqa: E731
    np.testing.assert_allclose(gain(height(slope)), w, rtol=1e-12)
    assert all(gain(height(rng.uniform(-1, 1, len(slope)))) <= w for _ in range(200))


def test_floor_of_wasserstein():
    """Two samples of U(0, 1): int sqrt(4 t (1 - t) / (pi n)) dt = sqrt(4 / (pi n)) pi / 8."""
    rng = np.random.default_rng(2)
    seen = np.mean([wasserstein_1d(*rng.random((2, 400))) for _ in range(500)])
    np.testing.assert_allclose(seen, np.sqrt(4 / (np.pi * 400)) * np.pi / 8, rtol=0.06)


def test_wasserstein_of_what_is_no_line():
    x = np.random.default_rng(0).normal(size=30).astype(np.float32)
    np.testing.assert_allclose(wasserstein_1d(StrictArray(x), StrictArray(x[:20])), wasserstein_1d(x, x[:20]))
    for bad, message in ((x[:, None], "needs two arrays"), (x[:0], "needs two arrays"), (np.array(["a"]), "needs two arrays"), (np.full(9, np.nan), "NaN")):
        with pytest.raises(ValueError, match=message):
            wasserstein_1d(x, bad)


# -------------------------------------------------------------------------------------------------------------------------- modes


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_a_perfect_sampler_has_all_modes(mixture):
    x, _ = mixture.sample(2500, np.random.default_rng(0))
    found = count_modes(x, mixture.modes, mixture.sigma)
    assert found.num_captured == len(mixture.modes) and abs(found.high_quality - 0.9889) < 0.008 and found.reverse_kl < 0.02


def test_collapse():
    mixture = ring()
    one = np.repeat(mixture.modes[:1], 100, axis=0)
    captured, good, divergence = count_modes(one, mixture.modes, mixture.sigma)
    assert captured == 1 and good == 1 and divergence == pytest.approx(np.log(8))
    nowhere = count_modes(np.full((10, 2), 50.0), mixture.modes, mixture.sigma)
    assert nowhere.num_captured == 0 and nowhere.high_quality == 0 and nowhere.reverse_kl == float("inf")
    a_quarter = np.concatenate([np.repeat(mixture.modes[:1], 97, axis=0), np.repeat(mixture.modes[1:2], 3, axis=0)])
    assert count_modes(a_quarter, mixture.modes, 0.01).num_captured == 1  # fair is 12.5, a quarter 3.125
    with pytest.raises(ValueError, match="count_modes"):
        count_modes(one, mixture.modes, 0)
    with pytest.raises(ValueError, match="1 of 100"):
        count_modes(np.concatenate([one[:99], [[np.nan, 0]]]), mixture.modes, 0.01)
