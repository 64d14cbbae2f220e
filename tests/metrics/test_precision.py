"""Precision and recall, density and coverage."""

import numpy as np
import pytest

from tinygen.metrics import density_coverage, in_manifold, precision_recall

each_metric = pytest.mark.parametrize("metric", [precision_recall, density_coverage])


def make_two_modes(rng):
    return np.concatenate([rng.normal(-5, 1, (500, 2)), rng.normal(5, 1, (500, 2))])


def test_precision_and_recall_distinguish_poor_from_missing_samples():
    rng = np.random.default_rng(0)
    real = make_two_modes(rng)
    one_mode = rng.normal(5, 1, (1000, 2))
    precision, recall = precision_recall(real, one_mode)
    assert precision > 0.9 and 0.4 < recall < 0.55
    noise = rng.uniform(-15, 15, (1000, 2))
    precision, recall = precision_recall(real, noise)
    assert precision < 0.35 and recall > 0.9
    assert min(precision_recall(real, make_two_modes(rng))) > 0.9


def test_density_and_coverage_of_one_distribution_have_their_expected_values():
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(2, 2000, 3))
    density, coverage = density_coverage(real, generated)
    assert abs(density - 1) < 0.05 and abs(coverage - (1 - 2**-5)) < 0.015


def test_outliers_raise_recall_but_not_coverage():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(2000, 3))
    outliers = 1e3 * rng.normal(size=(10, 3))  # their balls are huge
    collapsed = np.concatenate([np.zeros((1990, 3)), outliers])
    assert precision_recall(real, collapsed)[1] > 0.95
    assert density_coverage(real, collapsed)[1] < 0.02


def test_balls_of_a_small_example():
    real = np.array([[0.0], [1.0], [3.0]])  # radii 1, 1, 2
    generated = np.array([[0.5], [2.0], [10.0]])  # radii 1.5, 1.5, 8
    assert precision_recall(real, generated, k=1) == (2 / 3, 1.0)
    assert density_coverage(real, np.array([[0.5], [10.0]]), k=1) == (1.0, 2 / 3)
    assert in_manifold(real, generated, k=1).tolist() == [True, True, False]


@each_metric
def test_k_below_1_raises(metric):
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k is at least 1; got {k}"):
            metric(*np.random.default_rng(0).normal(size=(2, 9, 3)), k=k)


@each_metric
def test_device_arrays_give_the_values_of_numpy(cupy, metric):
    x, y = np.random.default_rng(0).normal(size=(2, 30, 3)).astype(np.float32)
    np.testing.assert_allclose(metric(cupy.asarray(x), cupy.asarray(y)), metric(x, y))


@each_metric
@pytest.mark.parametrize(
    "bad, message",
    [
        (np.zeros(3), "needs two arrays"),
        (np.zeros((1, 3)), "at least"),
        (np.zeros((9, 2)), "not of one network"),
        (np.full((9, 3), np.nan), "NaN"),
    ],
)
def test_wrong_features_raise(metric, bad, message):
    with pytest.raises(ValueError, match=message):
        metric(np.zeros((9, 3)), bad)
