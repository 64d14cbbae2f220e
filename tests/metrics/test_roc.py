"""The ROC curve and its area, against counting every pair."""

import numpy as np
import pytest

from tinygen.metrics import auroc, roc_curve


def area_by_pairs(scores, anomalous):
    a, b = scores[anomalous][:, None], scores[~anomalous][None]
    return ((a > b) + 0.5 * (a == b)).mean()


@pytest.mark.parametrize("has_ties", [False, True])
def test_the_area_is_the_fraction_of_pairs_in_order(has_ties):
    rng = np.random.default_rng(0)
    for n in (2, 3, 10, 300):
        for _ in range(5):
            scores = rng.integers(0, 4, n) if has_ties else rng.normal(size=n)
            anomalous = np.arange(n) < rng.integers(1, n)
            rng.shuffle(anomalous)
            expected = area_by_pairs(scores, anomalous)
            np.testing.assert_allclose(auroc(scores, anomalous), expected, rtol=1e-12)
            np.testing.assert_allclose(auroc(-scores, anomalous), 1 - expected, atol=1e-12)


def test_the_curve_counts_the_scores_at_or_above_each_threshold():
    rng = np.random.default_rng(0)
    scores, anomalous = rng.integers(0, 20, 100), rng.random(100) < 0.4
    fpr, tpr, thresholds = roc_curve(scores, anomalous)
    assert thresholds[0] == np.inf and (np.diff(thresholds) < 0).all()
    assert len(thresholds) == len(np.unique(scores)) + 1
    for f, t, threshold in zip(fpr, tpr, thresholds, strict=True):
        assert t == (scores[anomalous] >= threshold).mean()
        assert f == (scores[~anomalous] >= threshold).mean()
    assert (fpr[-1], tpr[-1]) == (1, 1)


def test_the_area_of_two_gaussians_has_its_closed_form():
    """Scores N(0, 1) and N(d, 1): the area is Phi(d / sqrt 2). At d = 1.5: 0.8556."""
    rng, n = np.random.default_rng(0), 20_000
    scores = np.concatenate([rng.normal(size=n), 1.5 + rng.normal(size=n)])
    assert abs(auroc(scores.astype(np.float32), np.arange(2 * n) >= n) - 0.85558) < 0.01


def test_the_area_of_perfect_and_of_constant_scores():
    anomalous = np.arange(10) >= 4
    assert auroc(np.arange(10), anomalous) == 1 and auroc(np.zeros(10), anomalous) == 0.5


@pytest.mark.parametrize(
    ("scores", "anomalous", "message"),
    [
        (np.zeros(3), np.ones(3, bool), "roc_curve: all of the 3 examples are anomalous"),
        (np.zeros(3), np.zeros(3, bool), "none of the 3 examples are anomalous"),
        (np.zeros(0), np.zeros(0, bool), "none of the 0 examples"),
        (np.zeros(3), np.zeros(2, bool), r"got float64 \(3,\) and bool \(2,\)"),
        (np.zeros(3), np.array([0, 1, 1]), "one bool per score"),
        (np.zeros((3, 1)), np.array([True, False, True]), r"needs scores \(n,\)"),
        (np.array([0, np.nan, 1]), np.array([True, False, True]), "1 of 3 scores are NaN"),
    ],
)
def test_wrong_scores_raise(scores, anomalous, message):
    for f in (roc_curve, auroc):
        with pytest.raises(ValueError, match=message):
            f(scores, anomalous)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float32])
def test_scores_have_any_number_type(dtype):
    lowest = np.iinfo(dtype).min if np.dtype(dtype).kind in "iu" else -3
    scores, anomalous = np.array([lowest, 1, 2, 3], dtype), np.array([False, False, True, True])
    assert auroc(scores, anomalous) == 1
