"""Fidelity and diversity of samples, measured separately, by nearest neighbours.

    precision_recall     what fraction of the samples is like data, and of the data like samples
    density_coverage     the same two questions, less disturbed by outliers
    in_manifold          which samples are like data

One perfect image, repeated, has precision 1 and recall 0. Noise spread over all of the data has low
precision and high recall. A distance (distances.py) is large for both faults, and cannot tell which
it was.

Both functions compare features: what a fixed network computes from each image. The *ball* of an
example reaches to its k-th nearest neighbour in its own set. All balls together estimate where the
set's distribution has probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .features import check_features
from .pairwise import squared_distances

__all__ = ["density_coverage", "in_manifold", "precision_recall"]

Array = Any


def precision_recall(real: Array, generated: Array, k: int = 3) -> tuple[float, float]:
    """Return the precision and recall of samples.

    **Math**

        precision = fraction of the samples that lie in the ball of a real example
        recall    = fraction of the real examples that lie in the ball of a sample

    **Source** Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative
    Models, 2019.

    Parameters
    ----------
    real, generated : features (n, d) and (m, d), more than k of each.
    k : the ball of an example reaches to its k-th nearest neighbour.
    """
    real, generated = check_features("precision_recall", real, generated, min_count=k + 1)
    distances = squared_distances(real, generated)  # (n, m)
    in_real_ball = distances <= _squared_radii(real, k)[:, None]
    in_generated_ball = distances <= _squared_radii(generated, k)[None]
    precision = in_real_ball.any(axis=0).mean()
    recall = in_generated_ball.any(axis=1).mean()
    return float(precision), float(recall)


def density_coverage(real: Array, generated: Array, k: int = 5) -> tuple[float, float]:
    """Return the density and coverage of samples.

    **Math**

        density  = mean number of real balls in which a sample lies, divided by k
        coverage = fraction of the real balls that contain a sample

    Both use balls around the *real* examples alone. So a single outlier among the samples, whose
    own ball would be huge, does not cover everything.

    **Expected values** for two sets of one distribution: density 1, coverage about 1 - 2^-k
    (section 4.2 of the paper). Density exceeds 1 where samples crowd.

    **Source** Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020.

    Parameters
    ----------
    real, generated : features (n, d) and (m, d), more than k of each.
    k : the ball of an example reaches to its k-th nearest neighbour.
    """
    real, generated = check_features("density_coverage", real, generated, min_count=k + 1)
    in_ball = _in_balls(real, generated, k)
    density = in_ball.sum() / (k * len(generated))
    coverage = in_ball.any(axis=1).mean()
    return float(density), float(coverage)


def in_manifold(real: Array, generated: Array, k: int = 3) -> Array:
    """Return which samples lie in the ball of a real example, booleans (m,).

    The fraction of these is the precision (see `precision_recall`, with the same parameters).
    """
    real, generated = check_features("in_manifold", real, generated, min_count=k + 1)
    return _in_balls(real, generated, k).any(axis=0)


def _in_balls(centres: Array, points: Array, k: int) -> Array:
    """Return whether the ball of each centre contains each point, booleans (n, m)."""
    return squared_distances(centres, points) <= _squared_radii(centres, k)[:, None]


def _squared_radii(a: Array, k: int) -> Array:
    """Return each example's squared distance to its k-th nearest neighbour.

    The neighbours are counted from 0. Number 0 is the example itself, at distance 0.
    """
    if k < 1:
        raise ValueError(f"k-th nearest neighbour: k is at least 1; got {k}")
    return np.partition(squared_distances(a, a), k, axis=1)[:, k]
