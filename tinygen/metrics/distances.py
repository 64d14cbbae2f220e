"""How far are samples from the data, when neither has a density that we can ask? Distances between two clouds of feature vectors.

All but the last take two arrays (n, d) and (m, d) of *features*, what some fixed network says of each picture; its own numbers would do for points in the plane. A
figure says nothing by itself: put beside it the same figure between two halves of the real data, its *floor*, which is not zero.

    frechet_distance      as if both clouds were Gaussians: means and covariances
    kernel_distance       all polynomial moments to degree 3, without bias
    precision_recall      are the samples like data, and is all of the data sampled? Each by balls around the other
    density_coverage      the same two questions, less disturbed by outliers
    wasserstein_1d        numbers on a line: how far the one cloud must be carried to become the other

**Fidelity and diversity are two things.** One perfect picture, repeated, has precision 1 and recall 0; noise around all of the data the reverse. The first two
are single numbers that pay for both faults, and cannot tell which it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import array_module, to_numpy
from ..backend.reductions import matmul

__all__ = ["density_coverage", "frechet_distance", "kernel_distance", "precision_recall", "wasserstein_1d"]

Array = Any


def frechet_distance(x: Array, y: Array) -> float:
    """|mu_x - mu_y|^2 + trace(S_x + S_y - 2 (S_x S_y)^1/2): the squared 2-Wasserstein distance of the Gaussians with the clouds' means and covariances.

    **Why.** Of all ways to move N(mu_x, S_x) onto N(mu_y, S_y), a linear map costs least, and its mean squared way is this (Dowson and Landau, 1982). In one
    dimension (mu_x - mu_y)^2 + (s_x - s_y)^2.

    **The square root.** S_x S_y is not symmetric, but has the eigenvalues of A = S_x^1/2 S_y S_x^1/2, which is. So trace (S_x S_y)^1/2 is the sum of the
    square roots of A's eigenvalues: two symmetric decompositions, no complex numbers, exact for singular covariances too.

    **Bias.** Between two clouds of n from N(0, I) it is not 0 but about d (d + 1) / 2n + 2 d / n in the mean: the covariances' share, then the means'. Two models are
    comparable only at equal n (Binkowski et al., 2018). Computed in float64. **Source**: Heusel et al., 2017 (with the features of Inception: what is called FID).
    """
    x, y = _features("frechet_distance", x, y, least=2)
    (mu_x, s_x), (mu_y, s_y) = ((a.mean(axis=0), _covariance(a)) for a in (x, y))
    values, vectors = np.linalg.eigh(s_x)
    root = matmul(vectors * np.sqrt(np.maximum(values, 0)), vectors.T)
    cross = np.linalg.eigvalsh(matmul(matmul(root, s_y), root))
    return float(((mu_x - mu_y) ** 2).sum() + s_x.trace() + s_y.trace() - 2 * np.sqrt(np.maximum(cross, 0)).sum())


def kernel_distance(x: Array, y: Array) -> float:
    """Squared maximum mean discrepancy with k(a, b) = (a . b / d + 1)^3, without bias: its mean is 0 where both come from one distribution, so it may be negative.

    MMD^2 = E k(x, x') - 2 E k(x, y) + E k(y, y'), x and x' (y and y') *different* samples: the diagonal is left out. With this kernel it is the distance of
    the mean, and of all moments to degree 3.

    **Source**: Binkowski et al., Demystifying MMD GANs, 2018 (with the features of Inception: KID). Gretton et al., 2012, for the estimator.
    """
    x, y = _features("kernel_distance", x, y, least=2)

    def within(a):
        k = _cubic(a, a)
        return (k.sum() - k.trace()) / (len(a) * (len(a) - 1))

    return float(within(x) + within(y) - 2 * _cubic(x, y).mean())


def precision_recall(real: Array, fake: Array, k: int = 3) -> tuple[float, float]:
    """Share of the fakes that lie in a ball of some real example, and of the real ones that lie in a ball of some fake.

    The ball of an example reaches to its k-th nearest neighbour among its own kind: all balls together estimate the support.
    **Source**: Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative Models, 2019.
    """
    real, fake = _features("precision_recall", real, fake, least=k + 1)
    distances = _squared_distances(real, fake)  # (n, m)
    in_real = distances <= _radii(real, k)[:, None]
    in_fake = distances <= _radii(fake, k)[None]
    return float(in_real.any(axis=0).mean()), float(in_fake.any(axis=1).mean())


def density_coverage(real: Array, fake: Array, k: int = 5) -> tuple[float, float]:
    """In how many real balls a fake lies, over k, in the mean (1 where both are alike, more where fakes crowd); and the share of real balls that hold a fake.

    Both use balls around the *real* examples alone: one stray fake, whose own ball is huge, no longer covers everything.
    **Expected** for two samples of one distribution: density 1, coverage about 1 - 2^-k (their section 4.2). **Source**: Naeem et al., 2020.
    """
    real, fake = _features("density_coverage", real, fake, least=k + 1)
    inside = _squared_distances(real, fake) <= _radii(real, k)[:, None]
    return float(inside.sum() / (k * len(fake))), float(inside.any(axis=1).mean())


def wasserstein_1d(x: Array, y: Array) -> float:
    """The Wasserstein distance W_1 of two clouds of numbers, (n,) and (m,): the least mean way on which mass 1 spread evenly over x is carried onto y.

    **Why it is exact on a line.** Whatever the plan, over a point t must pass at least |F_x(t) - F_y(t)|, the difference of the masses to its left. Carrying
    the smallest onto the smallest, in order, moves no more than that over any t, so that

        W_1 = int |F_x(t) - F_y(t)| dt,

    and with as many x as y the mean of |x_(i) - y_(i)|, both sorted. Both F are steps: the integral is a sum over the gaps between neighbours.

    **Floor**: two samples of one density f, of n each, are int sqrt(4 F (1 - F) / (pi n)) dt apart in the mean. In more dimensions no sorting helps: see
    `losses.gradient_penalty` for the critic that estimates it there. Computed in float64. **Source**: Vallender, 1974.
    """
    for a in (x, y):
        if getattr(a, "ndim", 0) != 1 or a.dtype.kind not in "fiu" or not len(a):
            came = f"{a.dtype} {a.shape}" if hasattr(a, "shape") else type(a).__name__
            raise ValueError(f"wasserstein_1d: needs two arrays of numbers, (n,) and (m,); got {came}")
        if bad := int(to_numpy(~np.isfinite(a)).sum()):
            raise ValueError(f"wasserstein_1d: {bad} of the numbers are NaN or infinite")
    x, y = np.sort(x.astype(np.float64)), np.sort(y.astype(np.float64))
    ends = np.sort(np.concatenate([x, y]))
    apart = np.searchsorted(x, ends[:-1], side="right") / len(x) - np.searchsorted(y, ends[:-1], side="right") / len(y)  # F_x - F_y from each end to the next
    return float((np.abs(apart) * np.diff(ends)).sum())


def _cubic(a: Array, b: Array) -> Array:
    return (matmul(a, b.T) / a.shape[1] + 1) ** 3


def _covariance(a: Array) -> Array:
    centred = a - a.mean(axis=0)
    return matmul(centred.T, centred) / (len(a) - 1)


def _squared_distances(a: Array, b: Array) -> Array:
    """|a_i - b_j|^2, (n, m)."""
    middle = a.mean(axis=0)
    return _expanded(a - middle, b - middle)


def _expanded(a: Array, b: Array) -> Array:
    """The same from |a|^2 + |b|^2 - 2 a . b, never below 0. Of clouds far from the origin few digits are left: move them there first."""
    return np.maximum((a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * matmul(a, b.T), 0)


def _radii(a: Array, k: int) -> Array:
    """Squared distance of each example to its k-th nearest neighbour: itself, at 0, is the zeroth."""
    if k < 1:
        raise ValueError(f"k-th nearest neighbour: k is at least 1; got {k}")
    return array_module(a).partition(_squared_distances(a, a), k, axis=1)[:, k]


def _features(name: str, x: Array, y: Array, least: int) -> tuple[Array, Array]:
    for a in (x, y):
        if getattr(a, "ndim", 0) != 2 or a.dtype.kind not in "fiu" or len(a) < least:
            came = f"{a.dtype} {a.shape}" if hasattr(a, "shape") else type(a).__name__
            raise ValueError(f"{name}: needs two arrays of features (n, d), n at least {least}; got {came}")
        if bad := int(to_numpy(~np.isfinite(a)).sum()):
            raise ValueError(f"{name}: {bad} of the features are NaN or infinite")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{name}: features of {x.shape[1]} and of {y.shape[1]} dimensions are not of one network")
    return x.astype(np.float64), y.astype(np.float64)
