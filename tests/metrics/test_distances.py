"""Distances between sets of features against closed forms, and what each can detect."""

from statistics import NormalDist

import numpy as np
import pytest

from tinygen import tensor
from tinygen.metrics import frechet_distance, kernel_distance, wasserstein_1d

each_distance = pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])


def draw_exactly(n, mean, root, seed=0):
    """Draw n points that have exactly this mean and the covariance root root^T."""
    x = np.random.default_rng(seed).normal(size=(n, len(mean)))
    return whiten(x) @ root.T + mean


def whiten(x):
    """Transform points linearly to mean 0 and covariance I."""
    x = x - x.mean(0)
    covariance = np.cov(x.T).reshape(x.shape[1], -1)
    return x @ np.linalg.inv(np.linalg.cholesky(covariance)).T


# ---------------------------------------------------------------------------------- Frechet


def test_frechet_distance_in_one_dimension():
    x = draw_exactly(200, [1.0], np.array([[2.0]]))
    y = draw_exactly(300, [4.0], np.array([[0.5]]), seed=1)
    np.testing.assert_allclose(frechet_distance(x, y), 3**2 + 1.5**2, rtol=1e-10)


def test_frechet_distance_agrees_with_an_independent_square_root():
    rng = np.random.default_rng(0)
    a, b, mu = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)
    x, y = draw_exactly(100, np.zeros(4), a), draw_exactly(120, mu, b, seed=1)
    s_x, s_y = a @ a.T, b @ b.T
    # eigenvalues of the product itself, which is not symmetric
    trace_of_root = np.sqrt(np.linalg.eigvals(s_x @ s_y).real).sum()
    expected = mu @ mu + np.trace(s_x) + np.trace(s_y) - 2 * trace_of_root
    np.testing.assert_allclose(frechet_distance(x, y), expected, rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(y, x), frechet_distance(x, y), rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(x, x), 0, atol=1e-9)


def test_frechet_distance_of_singular_covariances():
    """Of rank 1: along the same line, and at right angles, where the square root is zero."""
    t = np.linspace(-1, 1, 50)[:, None]
    variance = t.var(ddof=1)
    x = t * [1.0, 0]
    np.testing.assert_allclose(frechet_distance(x, 3 * x), 4 * variance, rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(x, 3 * t * [0, 1.0]), 10 * variance, rtol=1e-9)


@pytest.mark.parametrize("n", [2, 10, 500])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_frechet_distance_of_a_set_with_itself_is_zero_however_few_the_examples(n, scale):
    x = np.random.default_rng(n).normal(size=(n, 100)) * scale + 7
    assert 0 <= frechet_distance(x, x) < 1e-24 * (x**2).sum()
    in_another_order = np.random.default_rng(0).permutation(x)
    assert 0 <= frechet_distance(x, in_another_order) < 1e-24 * (x**2).sum()


@pytest.mark.parametrize("size", [1e-4, 1e-7])
def test_small_frechet_distances_keep_their_digits(size):
    """A shift by `size` in each of 5 dimensions, and a growth by 1 + size."""
    x = np.random.default_rng(0).normal(size=(30, 5))
    x -= x.mean(0)
    np.testing.assert_allclose(frechet_distance(x, x + size), 5 * size**2, rtol=1e-6)
    expected = size**2 * x.var(axis=0, ddof=1).sum()
    np.testing.assert_allclose(frechet_distance(x, x * (1 + size)), expected, rtol=1e-6)


@pytest.mark.parametrize("n, m", [(3, 8), (8, 3), (6, 6), (3, 200), (200, 3)])
def test_frechet_distance_of_fewer_examples_than_dimensions(n, m):
    """On the axes, where the covariances commute, it is the distance of standard deviations."""
    rng = np.random.default_rng(0)

    def draw_on_axes(count, axes):
        points = np.zeros((count, 20))
        points[:, axes] = draw_exactly(count, np.zeros(2), np.diag(rng.uniform(1, 2, 2)))
        return points

    x, y = draw_on_axes(n, [0, 3]), draw_on_axes(m, [3, 9])
    expected = ((x.std(axis=0, ddof=1) - y.std(axis=0, ddof=1)) ** 2).sum()
    np.testing.assert_allclose(frechet_distance(x, y), expected, rtol=1e-12)


@pytest.mark.parametrize("d, n", [(2, 400), (16, 1000)])
def test_the_bias_of_the_frechet_distance(d, n):
    """It is d (d + 1) / (2 n) from the covariances and 2 d / n from the means, to order 1 / n."""
    rng = np.random.default_rng(0)
    distances = [frechet_distance(*rng.normal(size=(2, n, d))) for _ in range(100)]
    expected = d * (d + 1) / (2 * n) + 2 * d / n
    atol = 4 * np.std(distances) / 10
    np.testing.assert_allclose(np.mean(distances), expected, rtol=0.05, atol=atol)


# ---------------------------------------------------------------------------------- kernel


def test_kernel_distance_detects_a_third_moment_that_frechet_distance_does_not():
    exponential = np.random.default_rng(0).exponential(size=(3000, 2))
    skewed, symmetric = whiten(exponential), draw_exactly(3000, np.zeros(2), np.eye(2), seed=1)
    assert frechet_distance(skewed, symmetric) < 1e-9
    assert kernel_distance(skewed, symmetric) > 0.3


def test_kernel_distance_is_unbiased():
    rng = np.random.default_rng(0)
    distances = [kernel_distance(*rng.normal(size=(2, 20, 3))) for _ in range(2000)]
    assert abs(np.mean(distances)) < 4 * np.std(distances) / 2000**0.5 and min(distances) < 0


def test_kernel_distance_agrees_with_a_loop():
    x, y = np.random.default_rng(0).normal(size=(2, 5, 2))

    def kernel(a, b):
        return (a @ b / 2 + 1) ** 3

    def mean_over_pairs(a):
        return np.mean([kernel(a[i], a[j]) for i in range(5) for j in range(5) if i != j])

    cross = np.mean([kernel(a, b) for a in x for b in y])
    expected = mean_over_pairs(x) + mean_over_pairs(y) - 2 * cross
    np.testing.assert_allclose(kernel_distance(x, y), expected)


# ---------------------------------------------------------------------------------- both


@each_distance
def test_device_arrays_give_the_values_of_numpy(cupy, distance):
    x, y = np.random.default_rng(0).normal(size=(2, 30, 3)).astype(np.float32)
    np.testing.assert_allclose(distance(cupy.asarray(x), cupy.asarray(y)), distance(x, y))


@each_distance
@pytest.mark.parametrize(
    "bad, message",
    [
        (np.zeros(3), "needs two arrays"),
        (np.zeros((1, 3)), "at least"),
        (np.zeros((9, 2)), "not of one network"),
        (np.full((9, 3), np.nan), "NaN"),
    ],
)
def test_wrong_features_raise(distance, bad, message):
    with pytest.raises(ValueError, match=message):
        distance(np.zeros((9, 3)), bad)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance, wasserstein_1d])
def test_tensors_are_refused(distance):
    name = distance.__name__
    with pytest.raises(TypeError, match=rf"{name}: takes arrays, .* give tensor.numpy\(\)"):
        distance(tensor(np.ones((9, 3))), np.ones((9, 3)))


# ---------------------------------------------------------------------------------- Wasserstein


def normal_quantiles(mean, std, n=4000):
    u = (np.arange(n) + 0.5) / n
    return mean + std * np.array([NormalDist().inv_cdf(u_i) for u_i in u])


def test_wasserstein_distance_of_shifted_and_scaled_distributions():
    x = normal_quantiles(0, 1)
    np.testing.assert_allclose(wasserstein_1d(x, x[::-1] - 2.5), 2.5, rtol=1e-12)
    # N(0, 1) to N(0, 9): (3 - 1) E|z|
    scaled = normal_quantiles(0, 3)
    np.testing.assert_allclose(wasserstein_1d(x, scaled), 2 * np.sqrt(2 / np.pi), rtol=1e-3)
    u = (np.arange(1000) + 0.5) / 1000
    np.testing.assert_allclose(wasserstein_1d(u, 2 * u), 0.5, rtol=1e-12)  # U(0, 1) to U(0, 2)
    assert wasserstein_1d(x, x) == 0


def test_wasserstein_distance_of_a_small_example():
    """In sixths of the mass: one moves from 1 to 0, two from 1 to 4."""
    distance = wasserstein_1d(np.array([0, 1]), np.array([0, 0, 4]))
    np.testing.assert_allclose(distance, (1 + 2 * 3) / 6)


def test_wasserstein_distance_is_that_of_the_cheapest_plan():
    """Repeat the numbers until both sets have the same size. No order is cheaper than sorting."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=6), rng.normal(1, 2, size=4)
    repeated_x, repeated_y = np.repeat(x, 2), np.repeat(y, 3)
    distance = wasserstein_1d(x, y)
    in_order = np.abs(np.sort(repeated_x) - np.sort(repeated_y)).mean()
    np.testing.assert_allclose(distance, in_order, rtol=1e-12)
    for _ in range(200):
        assert np.abs(repeated_x - rng.permutation(repeated_y)).mean() >= distance


def test_wasserstein_distance_is_the_largest_gap_of_a_1_lipschitz_function():
    """Kantorovich and Rubinstein: E f(x) - E f(y) <= W, with equality at f' = sign(F_y - F_x)."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=50), rng.normal(0.5, 2, size=70)
    distance = wasserstein_1d(x, y)
    t = np.sort(np.concatenate([x, y]))
    f_x, f_y = ((numbers[:, None] <= t[:-1]).mean(axis=0) for numbers in (x, y))

    def gap(derivative):
        f = np.append(0, np.cumsum(derivative * np.diff(t)))
        return np.interp(x, t, f).mean() - np.interp(y, t, f).mean()

    np.testing.assert_allclose(gap(np.sign(f_y - f_x)), distance, rtol=1e-12)
    assert all(gap(rng.uniform(-1, 1, len(f_x))) <= distance for _ in range(200))


def test_the_floor_of_the_wasserstein_distance():
    """Two sets from U(0, 1): int sqrt(4 t (1 - t) / (pi n)) dt = sqrt(4 / (pi n)) pi / 8."""
    rng = np.random.default_rng(2)
    mean = np.mean([wasserstein_1d(*rng.random((2, 400))) for _ in range(500)])
    np.testing.assert_allclose(mean, np.sqrt(4 / (np.pi * 400)) * np.pi / 8, rtol=0.06)


def test_wasserstein_distance_of_device_arrays(cupy):
    x = np.random.default_rng(0).normal(size=30).astype(np.float32)
    distance = wasserstein_1d(cupy.asarray(x), cupy.asarray(x[:20]))
    np.testing.assert_allclose(distance, wasserstein_1d(x, x[:20]))


@pytest.mark.parametrize(
    "bad, message",
    [
        (np.zeros((30, 1)), "needs two arrays"),
        (np.zeros(0), "needs two arrays"),
        (np.array(["a"]), "needs two arrays"),
        (np.full(9, np.nan), "NaN"),
    ],
)
def test_wrong_numbers_raise(bad, message):
    with pytest.raises(ValueError, match=message):
        wasserstein_1d(np.zeros(30), bad)
