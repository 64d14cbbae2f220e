"""Initial centres for clustering by k-means++: Arthur and Vassilvitskii, 2007.

Random examples as centres often lie in the same cluster. So each centre is drawn with probability
proportional to its squared distance from the nearest centre that was chosen before ("k-means++:
The Advantages of Careful Seeding"). mixture.py starts its components at such centres.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import RNG

__all__ = ["choose_centres", "nearest_centres"]

Array = Any  # np.ndarray or cupy.ndarray


def choose_centres(x: Array, k: int, rng: RNG) -> list[int]:
    """Choose k examples of x (n, D) that lie far from one another, and return their indices.

    If fewer than k examples differ, some are drawn twice.
    """
    chosen = [int(rng.integers(0, x.shape[0], (1,))[0])]
    distances = ((x - x[chosen[0]]) ** 2).sum(axis=1)  # squared, to the nearest chosen one, (n,)
    while len(chosen) < k:
        total = max(float(distances.sum()), float(np.finfo(x.dtype).tiny))  # never 0
        cumulative = np.cumsum(distances / total)
        u = rng.uniform((1,), np.float64)
        chosen.append(min(int((cumulative <= u).sum()), x.shape[0] - 1))
        distances = np.minimum(distances, ((x - x[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


def nearest_centres(x: Array, centres: Array) -> Array:
    """Find the index of the centre (K, D) that is nearest to each example of x (n, D): (n,)."""
    distances = [((x - centres[k]) ** 2).sum(axis=1) for k in range(centres.shape[0])]
    return np.stack(distances, axis=1).argmin(axis=1)
