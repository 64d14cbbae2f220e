"""Sums and other reductions along axes. `axis` is an int (negative counts from the end), a tuple of ints, or None for all.

A sum and the broadcast that repeats its result are transposes of one another: <sum(x), g> = <x, expand(g)>. So each is the other's rule, and the
cotangent of a sum is a view, no copy.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..backend.reductions import axis_sum
from .elementwise import exp, sqrt, where
from .masking import apply_mask

__all__ = ["cumsum", "log_softmax", "logsumexp", "max", "mean", "min", "softmax", "std", "sum", "var"]


def _count(name, shape, axis) -> int:
    """How many values each result combines; a teaching error for an axis that is not there."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    for a in axes:
        if not -len(shape) <= a < len(shape):
            raise ValueError(f"{name}: axis {a} does not exist in an array of shape {shape}; axes go from {-len(shape)} to {len(shape) - 1}")
    return math.prod(shape[a] for a in axes)


@primitive
def sum(x, *, axis=None, keepdims=False):
    """The sum over the axes; 0 over none.

    **Math** gx = g, repeated along the summed axes (a view). **Saved** nothing.
    """
    return axis_sum(x, axis, keepdims)


@primitive
def _expand(x, *, shape, axis):
    """x repeated along `axis` to `shape`, a read-only view; x has or lacks these axes, as a sum with or without keepdims leaves it."""
    if x.ndim < len(shape) and axis is not None:
        x = np.expand_dims(x, axis)
    return np.broadcast_to(x, shape)


sum.vjp(x=lambda g, x_shape, axis: _expand(g, shape=x_shape, axis=axis))
_expand.vjp(x=lambda g, x_shape, shape, axis: sum(g, axis=axis, keepdims=len(x_shape) == len(shape)))


@primitive
def mean(x, *, axis=None, keepdims=False):
    """The mean over the axes. **Math** y = sum(x) / n; gx = g / n, repeated. **Saved** nothing. Raises ValueError over no values."""
    n = _count("mean", x.shape, axis)
    if n == 0:
        raise ValueError(f"mean: no values to average, x is {x.shape} and axis={axis}; leave out the empty batch")
    return axis_sum(x, axis, keepdims) / n


mean.vjp(x=lambda g, x_shape, axis: _expand(g / _count("mean", x_shape, axis), shape=x_shape, axis=axis))


@primitive
def var(x, *, axis=None, ddof=0, keepdims=False):
    """The variance over the axes, the squared deviations divided by n - ddof (0: of these values; 1: unbiased estimate).

    **Math** y = sum((x - m)^2) / (n - ddof), m the mean; gx = 2 g (x - m) / (n - ddof): what flows through m cancels, for the deviations add to 0.
    **Saved** x. **Numerics** Two passes: the mean first, so that a large mean costs no digits.
    """
    n = _count("var", x.shape, axis)
    if n <= ddof:
        raise ValueError(f"var: {n} values along axis={axis} of {x.shape} are too few for ddof={ddof}; it takes {ddof + 1} or more")
    d = x - axis_sum(x, axis, True) / n
    return axis_sum(d * d, axis, keepdims) / (n - ddof)


def _var_rule(g, x, x_shape, axis, ddof):
    n = _count("var", x_shape, axis)
    return _expand(g * (2 / (n - ddof)), shape=x_shape, axis=axis) * (x - mean(x, axis=axis, keepdims=True))


var.vjp(x=_var_rule)


def std(x, *, axis=None, ddof=0, keepdims=False):
    """The standard deviation, the root of `var`. **Numerics** Domain var > 0: the derivative at 0 is infinite."""
    return sqrt(var(x, axis=axis, ddof=ddof, keepdims=keepdims))


@primitive
def max(x, *, axis=None, keepdims=False):
    """The greatest value along the axes. **Math** gx = g where x is the greatest. **Saved** x, y. **Numerics** Ties share g equally."""
    _not_empty("max", x, axis)
    return x.max(axis=axis, keepdims=keepdims)


@primitive
def min(x, *, axis=None, keepdims=False):
    """The least value along the axes. **Math** gx = g where x is the least. **Saved** x, y. **Numerics** Ties share g equally."""
    _not_empty("min", x, axis)
    return x.min(axis=axis, keepdims=keepdims)


def _not_empty(name, x, axis):
    if x.size == 0 and _count(name, x.shape, axis) == 0:
        raise ValueError(f"{name}: no values along axis={axis} of {x.shape}, and there is no {name} of nothing")


@primitive(outputs=("share",))
def _shares(x, y, *, axis):
    """1 / (number of ties) where x is y, the extreme along the axes, else 0. A constant, as its derivative is zero wherever there is one."""
    hit = x == (np.expand_dims(y, axis) if y.ndim < x.ndim and axis is not None else y)
    hit = (hit | (x != x)).astype(x.dtype)  # a NaN is the extreme, though it equals nothing
    return hit / np.maximum(axis_sum(hit, axis, True), 1)


_shares.vjp(x=None, y=None)


def _extreme_rule(g, x, y, x_shape, axis):
    share = _shares(x, y, axis=axis)
    return apply_mask(_expand(g, shape=x_shape, axis=axis), share != 0) * share


max.vjp(x=_extreme_rule)
min.vjp(x=_extreme_rule)


@primitive
def logsumexp(x, *, axis=None, keepdims=False):
    """log(sum(exp(x))) over the axes.

    **Math** gx = g exp(x - y), the softmax times g. **Saved** x, y.
    **Numerics** The greatest value is taken out of the sum, so nothing overflows. Where all are -inf, y is -inf and gx is 0.
    """
    _not_empty("logsumexp", x, axis)
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    with np.errstate(divide="ignore"):
        y = np.log(axis_sum(np.exp(x - top), axis, True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


def _logsumexp_rule(g, x, y, x_shape, axis):
    return _expand(g, shape=x_shape, axis=axis) * exp(x - _expand(where(y == -math.inf, 0.0, y), shape=x_shape, axis=axis))


logsumexp.vjp(x=_logsumexp_rule)


def _below_top(name, x, axis):
    """x minus its greatest value along the axis: at most 0, so that exp does not overflow."""
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: x is {x.dtype}, and its result no integer; convert x with astype")
    return np.subtract(x, x.max(axis=axis, keepdims=True) if x.size else 0, out=np.empty_like(x))


@primitive
def softmax(x, *, axis=-1):
    """exp(x) / sum(exp(x)) along the axis. **Math** gx = y (g - sum(g y)). **Saved** y. **Numerics** Of x - max(x), so nothing overflows."""
    y = _below_top("softmax", x, axis)
    np.exp(y, out=y)
    y /= axis_sum(y, axis, True)
    return y


softmax.vjp(x=lambda g, y, axis: y * (g - sum(g * y, axis=axis, keepdims=True)))


@primitive
def log_softmax(x, *, axis=-1):
    """x - logsumexp(x) along the axis. **Math** gx = g - exp(y) sum(g). **Saved** y. **Numerics** Stable, as logsumexp."""
    y = _below_top("log_softmax", x, axis)
    if y.size:
        y -= np.log(axis_sum(np.exp(y), axis, True))
    return y


log_softmax.vjp(x=lambda g, y, axis: g - exp(y) * sum(g, axis=axis, keepdims=True))


@primitive
def cumsum(x, *, axis, reverse=False):
    """The running sum along the axis, from its end if `reverse`. **Math** gx = the running sum of g in the other direction. **Saved** nothing."""
    return np.flip(np.cumsum(np.flip(x, axis), axis=axis), axis) if reverse else np.cumsum(x, axis=axis)


cumsum.vjp(x=lambda g, axis, reverse: cumsum(g, axis=axis, reverse=not reverse))
