"""The softmax, its logarithm and log-sum-exp on a GPU, each in few launches.

`ops/reduce.py` has the formulas and their rules, and calls these functions for CuPy arrays
(`on_gpu`). With m the maximum along the axis and s = sum(exp(x - m)), they compute

    softmax        exp(x - m) / s
    log_softmax    x - m - log(s)
    logsumexp      m + log(s)

One launch computes m, with CuPy's function, a second one s, and a third one the result. `logsumexp`
needs a fourth, which replaces an infinite m by 0. The gradients of the first two need two launches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .kernels import elementwise, reduction

__all__ = [
    "log_softmax",
    "log_softmax_gradient",
    "logsumexp",
    "softmax",
    "softmax_gradient",
]

Array = Any  # np.ndarray or cupy.ndarray
Axes = tuple[int, ...] | None


def softmax(x: Array, axis: Axes) -> Array:
    """Return exp(x - m) / s."""
    if not x.size:
        return x.copy()
    return _exp_quotient(x, *_maximum_and_sum(x, axis))


def softmax_gradient(g: Array, y: Array, axis: Axes) -> Array:
    """Return y (g - sum(g y))."""
    return _times_difference(y, g, _sum_of_products(g, y, axis=axis, keepdims=True))


def log_softmax(x: Array, axis: Axes) -> Array:
    """Return x - m - log(s)."""
    if not x.size:
        return x.copy()
    return _log_quotient(x, *_maximum_and_sum(x, axis))


def log_softmax_gradient(g: Array, y: Array, axis: Axes) -> Array:
    """Return g - exp(y) sum(g)."""
    return _minus_exp(g, y, g.sum(axis=axis, keepdims=True))


def logsumexp(x: Array, axis: Axes) -> Array:
    """Return m + log(s), where an infinite m is replaced by 0; the axes stay, with length 1."""
    m = _finite_or_zero(x.max(axis=axis, keepdims=True))
    return _log_plus(_sum_exp(x, m, axis=axis, keepdims=True), m)


def _maximum_and_sum(x: Array, axis: Axes) -> tuple[Array, Array]:
    """Return m and s."""
    m = x.max(axis=axis, keepdims=True)
    return m, _sum_exp(x, m, axis=axis, keepdims=True)


@reduction("T x, T m", "T s", map="exp(x - m)", reduce="a + b", post="s = a", identity="0")
def _sum_exp(x, m, *, axis, keepdims=False):
    with np.errstate(over="ignore"):  # where x is infinite and m is 0
        return np.exp(x - m).sum(axis=axis, keepdims=keepdims)


@elementwise("T x, T m, T s", "T y", "y = exp(x - m) / s")
def _exp_quotient(x, m, s):
    return np.exp(x - m) / s


@elementwise("T x, T m, T s", "T y", "y = x - m - log(s)")
def _log_quotient(x, m, s):
    return x - m - np.log(s)


@elementwise("T m", "T y", "y = isfinite(m) ? m : T(0)")
def _finite_or_zero(m):
    return np.where(np.isfinite(m), m, np.zeros_like(m))


@elementwise("T s, T m", "T y", "y = log(s) + m")
def _log_plus(s, m):
    with np.errstate(divide="ignore"):  # where all x are -inf
        return np.log(s) + m


@reduction("T g, T y", "T s", map="g * y", reduce="a + b", post="s = a", identity="0")
def _sum_of_products(g, y, *, axis, keepdims=False):
    return (g * y).sum(axis=axis, keepdims=keepdims)


@elementwise("T y, T g, T s", "T dx", "dx = y * (g - s)")
def _times_difference(y, g, s):
    return y * (g - s)


@elementwise("T g, T y, T s", "T dx", "dx = g - exp(y) * s")
def _minus_exp(g, y, s):
    return g - np.exp(y) * s
