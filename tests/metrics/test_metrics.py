"""The ROC curve against counting every pair."""

import numpy as np
import pytest

from tinygen.metrics import auroc, roc_curve

NUMPY_RNG = np.random.default_rng(0)


def by_pairs(scores, anomalous):
    a, b = scores[anomalous][:, None], scores[~anomalous][None]
    return ((a > b) + 0.5 * (a == b)).mean()


@pytest.mark.parametrize("ties", [False, True])
def test_area_is_the_share_of_pairs_in_order(ties):
    for n in (2, 3, 10, 300):
        for _ in range(5):
            scores = NUMPY_RNG.integers(0, 4, n) if ties else NUMPY_RNG.normal(size=n)
            anomalous = np.arange(n) < NUMPY_RNG.integers(1, n)
            NUMPY_RNG.shuffle(anomalous)
            np.testing.assert_allclose(auroc(scores, anomalous), by_pairs(scores, anomalous), rtol=1e-12)
            np.testing.assert_allclose(auroc(-scores, anomalous), 1 - by_pairs(scores, anomalous), atol=1e-12)


def test_curve_counts_what_lies_at_or_above_each_threshold():
    scores, anomalous = NUMPY_RNG.integers(0, 20, 100), NUMPY_RNG.random(100) < 0.4
    alarms, hits, thresholds = roc_curve(scores, anomalous)
    assert thresholds[0] == np.inf and (np.diff(thresholds) < 0).all() and len(thresholds) == len(np.unique(scores)) + 1
    for alarm, hit, threshold in zip(alarms, hits, thresholds, strict=True):
        assert hit == (scores[anomalous] >= threshold).mean() and alarm == (scores[~anomalous] >= threshold).mean()
    assert (alarms[-1], hits[-1]) == (1, 1)


def test_two_gaussians_in_closed_form():
    """Scores N(0, 1) and N(d, 1): the area is Phi(d / sqrt 2). At d = 1.5: 0.8556."""
    n = 20_000
    scores = np.concatenate([NUMPY_RNG.normal(size=n), 1.5 + NUMPY_RNG.normal(size=n)])
    assert abs(auroc(scores.astype(np.float32), np.arange(2 * n) >= n) - 0.85558) < 0.01
    assert auroc(np.arange(10), np.arange(10) >= 4) == 1 and auroc(np.zeros(10), np.arange(10) >= 4) == 0.5


@pytest.mark.parametrize(("scores", "anomalous", "message"), [
    (np.zeros(3), np.ones(3, bool), "roc_curve: all of the 3 examples are anomalous"),
    (np.zeros(3), np.zeros(3, bool), "none of the 3 examples are anomalous"),
    (np.zeros(0), np.zeros(0, bool), "none of the 0 examples"),
    (np.zeros(3), np.zeros(2, bool), r"got float64 \(3,\) and bool \(2,\)"),
    (np.zeros(3), np.array([0, 1, 1]), "one bool a score"),
    (np.zeros((3, 1)), np.array([True, False, True]), r"needs scores \(n,\)"),
    (np.array([0, np.nan, 1]), np.array([True, False, True]), "1 of 3 scores are NaN"),
])  # fmt: skip
def test_what_cannot_be_judged_is_refused(scores, anomalous, message):
    for f in (roc_curve, auroc):
        with pytest.raises(ValueError, match=message):
            f(scores, anomalous)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float32])
def test_scores_of_any_number_type(dtype):
    low = np.iinfo(dtype).min if np.dtype(dtype).kind in "iu" else -3
    assert auroc(np.array([low, 1, 2, 3], dtype), np.array([False, False, True, True])) == 1
