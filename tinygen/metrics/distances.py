"""Distances between samples and data, when neither has a density that can be evaluated.

The functions compare two sets of vectors, x (n, d) and y (m, d). For images, the vectors are
*features*: what a fixed network computes from each image. Points in the plane are compared
directly.

    frechet_distance     means and covariances, as if both sets came from Gaussians
    kernel_distance      all moments to degree 3, without bias
    wasserstein_1d       on a line: how far the one set must be moved to become the other

**Read a distance together with its floor**: the same distance between two halves of the real data,
which is not zero. Each distance is one number, and counts both poor and missing samples. For the
two separately see precision.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import to_numpy
from ..backend.reductions import matmul
from .features import check_features, refuse_tensors

__all__ = ["frechet_distance", "kernel_distance", "wasserstein_1d"]

Array = Any


def frechet_distance(x: Array, y: Array) -> float:
    """Return the Frechet distance between the Gaussians fitted to two sets of features.

    **Math** with the means mu and covariances S of the two sets

        |mu_x - mu_y|^2 + trace(S_x + S_y - 2 (S_x S_y)^1/2).

    This is the squared 2-Wasserstein distance between N(mu_x, S_x) and N(mu_y, S_y): the smallest
    mean squared length over all ways to move the one distribution onto the other. The best way is a
    linear map (Dowson and Landau, 1982). In one dimension it is
    (mu_x - mu_y)^2 + (s_x - s_y)^2.

    **Derivation** of what is computed. The sets, less their means, are the rows of matrices. With
    their QR factors R, divided by sqrt(n - 1), the covariances are S_x = R_x^T R_x and
    S_y = R_y^T R_y. Rows of zeros, which change nothing, give both d rows. Then for any orthogonal
    matrix U also S_y = (U R_y)^T (U R_y), and

        |R_x - U R_y|^2 = trace(S_x) + trace(S_y) - 2 trace(U^T R_x R_y^T).

    1. With the singular value decomposition R_x R_y^T = P diag(s) Q^T the last trace is
       trace(diag(s) V) for the orthogonal V = Q^T U^T P. No entry of V is above 1, so it is at most
       sum(s), which U = P Q^T reaches.
    2. sum(s) is trace (S_x S_y)^1/2: the squares of s are the eigenvalues of
       R_x R_y^T R_y R_x^T, which except for zeros are those of R_x^T R_x R_y^T R_y = S_x S_y.

    So with U = P Q^T, the distance is |mu_x - mu_y|^2 + |R_x - U R_y|^2.

    **Numerics** a sum of squares is never negative, and loses no digits when the distance is small.
    The trace formula does. With fewer examples than dimensions most eigenvalues of S_x S_y are 0,
    rounding makes them 1e-16, and their square roots of 1e-8 add up, even to less than no distance.
    Computed in float64.

    **Bias**: between two sets of n samples of N(0, I) the mean is not 0, but about

        d (d + 1) / (2 n)    from the covariances
        + 2 d / n            from the means.

    So two models can be compared only at equal n (Binkowski et al., 2018).

    **Source** Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017. With the features
    of the Inception network this is the FID.

    Parameters
    ----------
    x, y : features (n, d) and (m, d), at least 2 of each.
    """
    x, y = check_features("frechet_distance", x, y, min_count=2)
    mu_x, mu_y = x.mean(axis=0), y.mean(axis=0)
    # With the factor of more rows first no rows of zeros are needed: U is tall, and U^T U = I.
    factors = [_covariance_factor(x), _covariance_factor(y)]
    r_x, r_y = sorted(factors, key=len, reverse=True)
    p, _, q_transposed = np.linalg.svd(matmul(r_x, r_y.T), full_matrices=False)
    difference = r_x - matmul(matmul(p, q_transposed), r_y)
    return float(((mu_x - mu_y) ** 2).sum() + (difference**2).sum())


def kernel_distance(x: Array, y: Array) -> float:
    """Return an unbiased estimate of the squared maximum mean discrepancy of two sets of features.

    **Math** with the cubic kernel k(a, b) = (a . b / d + 1)^3

        MMD^2 = E k(x, x') - 2 E k(x, y) + E k(y, y'),

    where x and x' are *different* samples, and so are y and y'. So the diagonals of the two kernel
    matrices are left out, and the estimate has no bias: for two sets of one distribution its mean
    is 0. So it can be negative.

    With this kernel, the MMD compares the mean and all moments to degree 3.

    **Source** Binkowski et al., Demystifying MMD GANs, 2018. With the features of the Inception
    network this is the KID. Gretton et al., A Kernel Two-Sample Test, 2012, for the estimator.

    Parameters
    ----------
    x, y : features (n, d) and (m, d), at least 2 of each.
    """
    x, y = check_features("kernel_distance", x, y, min_count=2)
    within_x = _mean_off_diagonal(_cubic_kernel(x, x))
    within_y = _mean_off_diagonal(_cubic_kernel(y, y))
    return float(within_x + within_y - 2 * _cubic_kernel(x, y).mean())


def wasserstein_1d(x: Array, y: Array) -> float:
    """Return the Wasserstein distance W_1 between two sets of numbers.

    Spread the mass 1 evenly over the numbers x. W_1 is the smallest mean distance over which it
    must be moved to be spread evenly over y.

    **Math** F_x(t) and F_y(t) are the fractions of each set at or below t.

    1. Lower bound. Any transport plan moves at least the mass |F_x(t) - F_y(t)| across the point t,
       because that is the difference of the masses to its left.
    2. The bound is reached. The plan that moves the numbers in order, smallest to smallest, moves
       no more than that across any t.
    3. The distance is the sum of the mass that crosses each dt:

        W_1 = int |F_x(t) - F_y(t)| dt.

    F_x and F_y are step functions, so the integral is a sum over the gaps between neighbours. If x
    and y have the same size, it is the mean of |x_(i) - y_(i)| over the sorted numbers.

    In more dimensions sorting does not help. See `losses.gradient_penalty` for a critic that
    estimates the distance there.

    **Floor**: two sets of n samples each of one distribution have a mean distance of

        int sqrt(4 F (1 - F) / (pi n)) dt.

    **Numerics** computed in float64.

    **Source** Vallender, Calculation of the Wasserstein distance between probability distributions
    on the line, 1974.

    Parameters
    ----------
    x, y : numbers (n,) and (m,).
    """
    refuse_tensors("wasserstein_1d", x, y)
    for numbers in (x, y):
        _check_numbers(numbers)
    x, y = np.sort(x.astype(np.float64)), np.sort(y.astype(np.float64))
    t = np.sort(np.concatenate([x, y]))  # F_x and F_y are constant from each t to the next
    f_x = np.searchsorted(x, t[:-1], side="right") / len(x)
    f_y = np.searchsorted(y, t[:-1], side="right") / len(y)
    return float((np.abs(f_x - f_y) * np.diff(t)).sum())


def _covariance_factor(a: Array) -> Array:
    """Return R (min(n, d), d) with R^T R = the covariance of a (n, d)."""
    return np.linalg.qr(a - a.mean(axis=0), mode="r") / np.sqrt(len(a) - 1)


def _cubic_kernel(a: Array, b: Array) -> Array:
    return (matmul(a, b.T) / a.shape[1] + 1) ** 3


def _mean_off_diagonal(k: Array) -> Array:
    n = len(k)
    return (k.sum() - k.trace()) / (n * (n - 1))


def _check_numbers(numbers: Array) -> None:
    is_vector = getattr(numbers, "ndim", 0) == 1
    if not is_vector or numbers.dtype.kind not in "fiu" or not len(numbers):
        has_shape = hasattr(numbers, "shape")
        given = f"{numbers.dtype} {numbers.shape}" if has_shape else type(numbers).__name__
        raise ValueError(f"wasserstein_1d: needs two arrays of numbers, (n,) and (m,); got {given}")
    if num_bad := int(to_numpy(~np.isfinite(numbers)).sum()):
        raise ValueError(f"wasserstein_1d: {num_bad} of the numbers are NaN or infinite")
