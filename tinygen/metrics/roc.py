"""The ROC curve of a detector and the area under it: its quality without choosing a threshold.

A detector gives each example a score, which should be high for anomalies. Call an example anomalous
if its score is at or above a threshold. As the threshold falls from infinity, two fractions rise
from 0 to 1, and draw a curve:

    true positive rate     the fraction of the anomalies that are detected
    false positive rate    the fraction of the normal examples that are called anomalous

A random detector draws the diagonal. The name comes from radar: receiver operating characteristic.

**The area is a probability.** With each normal example that is called anomalous, the curve moves
one step to the right. The height of this step is the fraction of the anomalies that scored higher
than this example. So the area is a mean over all pairs of an anomaly and a normal example,

    AUROC = P(s_anomaly > s_normal) + 1/2 P(s_anomaly = s_normal).

This is the Mann-Whitney statistic divided by the number of pairs. Equal scores cross the threshold
together: the curve then goes in a straight line across a rectangle, half of which lies below it.

**Source** Hanley and McNeil, The meaning and use of the area under a receiver operating
characteristic (ROC) curve, 1982.
"""

from __future__ import annotations

import numpy as np

__all__ = ["auroc", "roc_curve"]


def roc_curve(
    scores: np.ndarray, anomalous: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points of the ROC curve, one for each distinct score.

    Parameters
    ----------
    scores : (n,), finite; higher is more anomalous.
    anomalous : bool (n,), which examples are anomalies. Both kinds occur.

    Returns
    -------
    false_positive_rates, true_positive_rates, thresholds : float64 arrays (k + 1,) for k distinct
        scores. The first point is (0, 0), with the threshold infinity.

    Raises
    ------
    ValueError
        If the shapes do not match, a score is not finite, or one kind has no example.
    """
    scores, anomalous = _check_scores("roc_curve", scores, anomalous)
    order = np.argsort(scores, kind="stable")[::-1]
    scores, anomalous = scores[order], anomalous[order]
    # the last index of each run of equal scores
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    true_positives = np.cumsum(anomalous)[last]
    false_positives = np.cumsum(~anomalous)[last]
    return (
        np.append(0.0, false_positives / false_positives[-1]),
        np.append(0.0, true_positives / true_positives[-1]),
        np.append(np.inf, scores[last].astype(np.float64)),
    )


def auroc(scores: np.ndarray, anomalous: np.ndarray) -> float:
    """Return the area under the ROC curve, exactly, by trapezoids; arguments as `roc_curve`.

    It is 1 for a perfect detector, 1/2 for guessing, and 0 for a perfect detector with the wrong
    sign.
    """
    fpr, tpr, _ = roc_curve(scores, anomalous)
    return float((np.diff(fpr) * (tpr[1:] + tpr[:-1])).sum() / 2)


def _check_scores(
    name: str, scores: np.ndarray, anomalous: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    scores, anomalous = np.asarray(scores), np.asarray(anomalous)
    are_scores = scores.ndim == 1 and scores.dtype.kind in "fiu"
    if not are_scores or anomalous.shape != scores.shape or anomalous.dtype != bool:
        raise ValueError(
            f"{name}: needs scores (n,) and one bool per score, (n,); "
            f"got {scores.dtype} {scores.shape} and {anomalous.dtype} {anomalous.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{name}: {(~np.isfinite(scores)).sum()} of {len(scores)} scores are NaN or infinite, "
            "and cannot be sorted"
        )
    num_anomalous = int(anomalous.sum())
    if num_anomalous in (0, len(scores)):
        count = "all" if num_anomalous else "none"
        raise ValueError(
            f"{name}: {count} of the {len(scores)} examples are anomalous; "
            "a rate needs examples of both kinds"
        )
    return scores, anomalous
