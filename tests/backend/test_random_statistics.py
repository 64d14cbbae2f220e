"""Random numbers have their distribution, and neither places, draws nor seeds depend on another.

Every bound is one that a good source exceeds with probability 1e-5 or less. The seeds are fixed, so
a test passes always or never. The last tests show that the checks find mistakes.
"""

import math

import numpy as np
import pytest

from tinygen.backend import default_rng

N = 100_000
DTYPES = [np.float32, np.float64]


def normal_cdf(x):
    """Return P(z < x) of a normal number z, for an array."""
    return 0.5 * (1 + np.array([math.erf(v) for v in (x / math.sqrt(2)).tolist()]))


def check_uniform(u):
    """Check numbers of [0, 1) by the test of Kolmogorov and Smirnov.

    D is the largest distance between their distribution function and u. A good source has
    sqrt(n) D > x with probability 2 exp(-2 x^2): 1e-5 for x = 2.47.
    """
    u = np.sort(u.ravel().astype(np.float64))
    ranks = np.arange(len(u) + 1) / len(u)
    distance = max((ranks[1:] - u).max(), (u - ranks[:-1]).max())
    assert math.sqrt(len(u)) * distance < 2.47


def check_independent(a, b, bins=16):
    """Check pairs of uniform numbers: each cell of a grid has as many as any other.

    Chi-square has the mean f and the standard deviation sqrt(2 f), with f = bins^2 - 1. It is
    nearly normal, so 5 standard deviations are exceeded with probability 1e-5.
    """
    cells = (a * bins).astype(int) * bins + (b * bins).astype(int)
    counts = np.bincount(cells.ravel(), minlength=bins**2)
    expected = cells.size / bins**2
    chi_square, f = ((counts - expected) ** 2 / expected).sum(), bins**2 - 1
    assert abs(chi_square - f) < 5 * math.sqrt(2 * f)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_uniform_numbers_are_uniform(seed, dtype):
    u = default_rng(seed).uniform(N, dtype)
    assert u.min() >= 0 and u.max() < 1
    check_uniform(u)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_normal_numbers_are_normal(seed, dtype):
    z = default_rng(seed).normal(N, dtype).astype(np.float64)
    check_uniform(normal_cdf(z))
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - mean) < 4.5 * math.sqrt(variance / N)
    for limit in (3, 3.5):  # the tails: the count is a Poisson number
        expected = N * math.erfc(limit / math.sqrt(2))
        assert abs((abs(z) > limit).sum() - expected) < 4.5 * math.sqrt(expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_neighbouring_places_are_independent(dtype):
    u = default_rng(0).uniform(N, dtype)
    z = normal_cdf(default_rng(0).normal(N, dtype))
    for lag in (1, 2, 3, 4, 7, 8, 16):  # within a block, and from block to block
        check_independent(u[lag:], u[:-lag])
        check_independent(z[lag:], z[:-lag])
    check_independent(z[::2], z[1::2])  # the two of one pair: cosine and sine


def test_neighbouring_draws_and_seeds_are_independent():
    rng = default_rng(0)
    first, second = rng.uniform(N), rng.uniform(N)
    check_independent(first, second)
    check_independent(first, default_rng(1).uniform(N))
    check_independent(second, default_rng(1).uniform(N))


def test_the_first_numbers_of_draws_and_of_seeds_are_uniform():
    """A draw may be as small as one number, and a seed may be drawn from once."""
    rng = default_rng(0)
    of_draws = np.concatenate([rng.uniform(2, np.float64) for _ in range(10_000)])
    of_seeds = np.concatenate([default_rng(s).uniform(2, np.float64) for s in range(10_000)])
    check_uniform(of_draws)
    check_uniform(of_seeds)
    check_independent(of_draws[2:], of_draws[:-2])
    check_independent(of_seeds[2:], of_seeds[:-2])


def test_draws_do_not_overlap():
    """No number of 53 bits comes twice among those of several draws and seeds.

    200,000 numbers have 2e10 pairs; two are equal by chance with probability 2e10 / 2^53 = 2e-6.
    """
    rngs = [default_rng(seed) for seed in range(4)]
    u = np.concatenate([rng.uniform(1000, np.float64) for rng in rngs for _ in range(50)])
    assert len(np.unique(u)) == len(u)


def test_integers_and_permutations_are_uniform():
    rng = default_rng(0)
    k = rng.integers(0, 1000, N)
    check_uniform((k + rng.uniform(N, np.float64)) / 1000)
    places = np.array([rng.permutation(10) for _ in range(5000)])  # each in each place equally
    counts = np.array([np.bincount(column, minlength=10) for column in places.T])
    chi_square, f = ((counts - 500) ** 2 / 500).sum(), 81
    assert abs(chi_square - f) < 5 * math.sqrt(2 * f)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_permutation_does_not_sort_what_the_same_seed_draws(seed):
    """Else a shuffled data set would be sorted, if its data were drawn with the loader's seed.

    The rank correlation of two independent orders of N has the standard deviation 1 / sqrt(N - 1).
    """
    for dtype in (np.float32, np.float64):
        for draw in (
            lambda rng, dtype: rng.normal(N, dtype),
            lambda rng, dtype: abs(rng.normal(N, dtype)),
            lambda rng, dtype: rng.uniform(N, dtype),
            lambda rng, dtype: rng.integers(0, 2**50, N),
        ):
            order = default_rng(seed).permutation(N)
            ranks = draw(default_rng(seed), dtype)[order].argsort().argsort()
            correlation = np.corrcoef(ranks, np.arange(N))[0, 1]
            assert abs(correlation) < 4.5 / math.sqrt(N - 1)


@pytest.mark.parametrize("p", [0.01, 0.5, 0.9])
def test_bernoulli_numbers_have_their_probability(p):
    mean = default_rng(0).bernoulli(p, N).mean(dtype=np.float64)
    assert abs(mean - p) < 4.5 * math.sqrt(p * (1 - p) / N)


def test_the_checks_find_mistakes():
    rng = default_rng(0)
    u = rng.uniform(N, np.float64)
    z = rng.normal(N, np.float64)
    for wrong in (u**1.03, 0.99 * u, u - u % 0.02, normal_cdf(1.05 * z), normal_cdf(z + 0.04)):
        with pytest.raises(AssertionError):
            check_uniform(wrong)
    some = np.where(rng.uniform(N) < 0.05, u, rng.uniform(N))  # 5 % are the same
    for other in (u, 1 - u, some):
        with pytest.raises(AssertionError):
            check_independent(u, other)
