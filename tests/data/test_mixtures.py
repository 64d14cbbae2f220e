"""Two-dimensional distributions: densities integrate to 1, and samples follow them."""

import numpy as np
import pytest

from tinygen import default_rng
from tinygen.data import checkerboard, grid, moons, ring, swiss_roll

# name: (distribution, low corner, high corner, step of the grid). With steps of 0.3 to 0.6 sigma, a
# sum over the whole plane is exact to 1e-20, and over a part of it to a percent.
CASES = {
    "ring": (ring(), (-1.08, -1.08), (1.08, 1.08), 0.004),
    "ring3": (ring(3, 2.0, 0.3), (-5, -5), (5, 5), 0.1),
    "grid": (grid(), (-4.4, -4.4), (4.4, 4.4), 0.02),
    "moons": (moons(), (-1.4, -0.9), (2.4, 1.4), 0.03),
    "swiss_roll": (swiss_roll(), (-1.4, -1.6), (1.8, 2.0), 0.03),
    "checkerboard": (checkerboard(), (-2.5, -2.5), (2.5, 2.5), 0.02),
    "checkerboard6": (checkerboard(6), (-3.5, -3.5), (3.5, 3.5), 0.02),
}
BLOCK = 5  # grid cells per side of a coarse cell


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """Return a distribution, its low corner and step, and the log-density at the cells' centres.

    Rows are y.
    """
    distribution, low, high, step = CASES[request.param]
    cells = [BLOCK * round((b - a) / step / BLOCK) for a, b in zip(low, high, strict=True)]
    x, y = (a + step * (np.arange(n) + 0.5) for a, n in zip(low, cells, strict=True))
    points = np.stack(np.meshgrid(x, y), axis=-1)
    return (
        distribution,
        np.array(low),
        step,
        distribution.log_prob(points.reshape(-1, 2)).reshape(points.shape[:2]),
    )


def test_density_integrates_to_one(case):
    _, _, step, log_p = case
    assert abs(np.exp(log_p).sum() * step**2 - 1) < 1e-5


def test_samples_follow_the_density(case):
    distribution, low, step, log_p = case
    n = 50_000
    x, _ = distribution.sample(n, default_rng(0, "cpu"))
    rows, columns = (k // BLOCK for k in log_p.shape)
    expected = n * step**2 * np.exp(log_p).reshape(rows, BLOCK, columns, BLOCK).sum((1, 3))
    j, i = np.floor((x - low) / (BLOCK * step)).astype(int).T
    inside = (i >= 0) & (i < rows) & (j >= 0) & (j < columns)
    counts = np.zeros((rows, columns))
    np.add.at(counts, (i[inside], j[inside]), 1)
    assert inside.mean() > 0.9999
    filled = expected > 10
    z = (counts - expected)[filled] / np.sqrt(expected[filled])
    assert np.abs(z).max() < 5
    # chi^2: each z^2 has mean 1 and variance 2.
    assert abs((z**2).mean() - 1) < 4 * np.sqrt(2 / len(z))
    assert counts[expected < 1e-4].sum() <= 1


def test_mean_log_density_of_samples_is_minus_the_entropy(case):
    distribution, _, step, log_p = case
    p = np.exp(log_p)
    entropy = -(p[p > 0] * log_p[p > 0]).sum() * step**2
    values = distribution.log_prob(distribution.sample(4000, default_rng(1, "cpu"))[0])
    assert abs(values.mean() + entropy) < 4 * values.std() / np.sqrt(4000) + 1e-5


def test_samples_have_the_right_types_and_depend_only_on_the_rng(case):
    distribution = case[0]
    x, label = distribution.sample(7, default_rng(5, "cpu"))
    same, _ = distribution.sample(7, default_rng(5, "cpu"))
    assert (
        x.shape == (7, 2)
        and x.dtype == np.float32
        and label.shape == (7,)
        and label.dtype == np.int64
    )
    assert np.array_equal(x, same)
    no_points, no_labels = distribution.sample(0, default_rng(0, "cpu"))
    assert no_points.shape == (0, 2) and no_labels.shape == (0,)
    assert distribution.log_prob(no_points).shape == (0,)


@pytest.mark.parametrize(("mixture", "k"), [(ring(), 8), (grid(), 25)])
def test_labels_are_the_nearest_modes(mixture, k):
    assert mixture.modes.shape == (k, 2) and np.allclose(mixture.modes.mean(0), 0)
    x, label = mixture.sample(5000, default_rng(0, "cpu"))
    distance = np.linalg.norm(x[:, None] - mixture.modes, axis=-1)
    assert np.array_equal(distance.argmin(1), label)
    # PacGAN's measure of quality: a perfect sampler has 1 - exp(-9/2) = 98.89 % of its samples
    # within three sigma of a mode.
    assert abs((distance.min(1) < 3 * mixture.sigma).mean() - 0.9889) < 0.006


def test_the_defaults_are_those_of_the_paper():
    assert np.allclose(np.linalg.norm(ring().modes, axis=1), 1) and ring().sigma == 0.01
    assert np.abs(grid().modes).max() == 4 and grid().sigma == 0.05


def test_log_prob_far_away_is_finite():
    assert np.isclose(ring().log_prob([[1000.0, 0.0]])[0], -(999**2) / (2 * 0.01**2), rtol=1e-4)


def test_the_density_of_curves_agrees_with_a_long_sum():
    for distribution in (moons(0.02), swiss_roll()):
        x = distribution.sample(3, default_rng(0, "cpu"))[0].astype(float) + 0.05
        u = (np.arange(100_000) + 0.5) / 100_000
        total = 0
        for curve in distribution.curves:
            squared_distance = ((x[:, None] - curve(u)) ** 2).sum(-1)
            total = total + np.exp(-squared_distance / (2 * distribution.sigma**2)).mean(1)
        expected = total / len(distribution.curves) / (2 * np.pi * distribution.sigma**2)
        assert np.allclose(np.exp(distribution.log_prob(x)), expected, rtol=1e-6)


def test_the_checkerboard_covers_its_black_squares():
    board = checkerboard()
    x, label = board.sample(4000, default_rng(0, "cpu"))
    assert np.isfinite(board.log_prob(x)).all() and np.array_equal(np.unique(label), np.arange(8))
    assert board.log_prob([[-1.5, -1.5], [-0.5, -1.5], [2.5, 0.5]]).tolist() == [
        -np.log(8),
        -np.inf,
        -np.inf,
    ]
    row, column = np.floor(x[:, 1] + 2).astype(int), np.floor(x[:, 0] + 2).astype(int)
    assert np.array_equal(label, 2 * row + column // 2)


def test_bad_arguments_are_errors():
    with pytest.raises(ValueError, match=r"shape \(n, 2\), got \(3,\)"):
        ring().log_prob(np.zeros(3))
    with pytest.raises(ValueError, match="even"):
        checkerboard(3)


def test_a_source_of_random_numbers_of_another_library_is_refused():
    with pytest.raises(TypeError, match=r"sample: rng is a numpy.*; give tinygen.default_rng"):
        ring().sample(3, np.random.default_rng(0))
