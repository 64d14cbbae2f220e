"""How good is a score that should be high for anomalies and low for the rest? Without choosing a threshold: the ROC curve and its area.

Call an example anomalous if its score is at or above a threshold. Lower the threshold from infinity: the share of anomalies found (the *hit rate*) and
the share of normal examples suspected (the *false alarm rate*) both go from 0 to 1, and draw a curve. Guessing draws the diagonal.

**The area is a probability.** At each false alarm the curve moves right, at the height of the anomalies found so far: those that scored higher than
this normal example. So the area is the mean over all pairs,

    AUROC = P(s_anomaly > s_normal) + 1/2 P(s_anomaly = s_normal),

the Mann-Whitney statistic divided by the number of pairs. Equal scores enter together: the curve goes straight across the corner between them,
which is the half. The names are radar's: receiver operating characteristic.

**Source**: Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic (ROC) curve, 1982.
"""

from __future__ import annotations

import numpy as np

__all__ = ["auroc", "roc_curve"]


def roc_curve(scores: np.ndarray, anomalous: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False alarm rates, hit rates and thresholds, one for each distinct score, beginning at (0, 0, infinity): three float64 arrays (k + 1,).

    Parameters
    ----------
    scores : (n,), higher is more anomalous; finite.
    anomalous : bool (n,). Both kinds must occur: ValueError if one has no example.
    """
    scores, anomalous = _check("roc_curve", scores, anomalous)
    order = np.argsort(scores, kind="stable")[::-1]
    scores, anomalous = scores[order], anomalous[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of each run of equal scores
    hits, alarms = np.cumsum(anomalous)[last], np.cumsum(~anomalous)[last]
    return (np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1]), np.append(np.inf, scores[last].astype(np.float64)))


def auroc(scores: np.ndarray, anomalous: np.ndarray) -> float:
    """The area under `roc_curve`, by trapezoids, exact: 1 is perfect, 1/2 is guessing, 0 is perfect upside down."""
    alarms, hits, _ = roc_curve(scores, anomalous)
    return float((np.diff(alarms) * (hits[1:] + hits[:-1])).sum() / 2)


def _check(name: str, scores: np.ndarray, anomalous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, anomalous = np.asarray(scores), np.asarray(anomalous)
    if scores.ndim != 1 or anomalous.shape != scores.shape or anomalous.dtype != bool or scores.dtype.kind not in "fiu":
        raise ValueError(f"{name}: needs scores (n,) and one bool a score, (n,); "
                         f"got {scores.dtype} {scores.shape} and {anomalous.dtype} {anomalous.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name}: {(~np.isfinite(scores)).sum()} of {len(scores)} scores are NaN or infinite, and cannot be put in order")
    if anomalous.all() or not anomalous.any():
        raise ValueError(f"{name}: {'all' if anomalous.all() and len(scores) else 'none'} of the {len(scores)} examples are anomalous; "
                         "a rate needs examples of both kinds")
    return scores, anomalous
