"""Sums and other reductions along axes.

`axis` is an integer (a negative one counts from the end), a tuple or a list of integers, or None
for all axes.

A sum and the function that repeats its result along the summed axes are adjoint to each other,
<sum(x), g> = <x, expand(g)>, so each is the rule of the other. The repeated cotangent is a view,
not a copy.

For CuPy arrays, `on_gpu` calls another function with the same result, and `elementwise` a kernel
(backend/kernels.py). Read the NumPy formula below them.

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..backend import softmax_gpu
from ..backend.kernels import elementwise, on_gpu
from ..backend.pieces import by_examples
from ..backend.reductions import axis_sum, can_exponentiate
from .arguments import as_axes, as_flag, check_floating, check_sums, dtype_hint, normalize_axis
from .elementwise import exp
from .masking import apply_mask
from .selection import where
from .shape import reshape

__all__ = [
    "cumsum",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "softmax",
    "std",
    "sum",
    "var",
]


def _count(function: str, shape: tuple, axis) -> int:
    """Return how many values each result combines; raise ValueError if an axis does not exist."""
    axes = as_axes(function, axis, len(shape))
    return math.prod(shape if axes is None else [shape[a] for a in axes])


@primitive
def sum(x, *, axis=None, keepdims=False):
    """The sum over the axes; the sum of no values is 0.

    **Math** dx = g, repeated along the summed axes (a view).
    **Saved** nothing.
    """
    keepdims = as_flag("sum", "keepdims", keepdims)
    return axis_sum(x, as_axes("sum", axis, x.ndim), keepdims)


@primitive
def expand(x, *, shape, axis):
    """Repeat x along `axis` to `shape`: a read-only view, the adjoint of `sum`.

    x is shaped like the result of `sum` over `axis`. With keepdims these axes have length one in x,
    without it they are missing.
    """
    if x.ndim < len(shape) and axis is not None:
        x = np.expand_dims(x, axis)
    return np.broadcast_to(x, shape)


def _expand_rule(g, x_shape, shape, axis):
    return sum(g, axis=axis, keepdims=len(x_shape) == len(shape))


sum.vjp(x=lambda g, x_shape, axis: expand(g, shape=x_shape, axis=axis))
expand.vjp(x=_expand_rule)


@primitive
def mean(x, *, axis=None, keepdims=False):
    """The mean over the axes.

    **Math** y = sum(x) / n; dx = g / n, repeated along the axes.
    **Saved** nothing.

    Raises
    ------
    ValueError
        If there are no values to average.
    """
    check_sums("mean", x=x)
    keepdims = as_flag("mean", "keepdims", keepdims)
    n = _count("mean", x.shape, axis)
    if n == 0:
        raise ValueError(
            f"mean: no values to average, x is {x.shape} and axis={axis}; leave out the empty batch"
        )
    return axis_sum(x, as_axes("mean", axis, x.ndim), keepdims) / n


def _mean_rule(g, x_shape, axis):
    return expand(g / _count("mean", x_shape, axis), shape=x_shape, axis=axis)


mean.vjp(x=_mean_rule)


@primitive
def var(x, *, axis=None, ddof=0, keepdims=False):
    """The variance over the axes: the squared deviations, summed and divided by n - ddof.

    ddof = 0 gives the variance of these values and is the default, as in NumPy; ddof = 1 gives the
    unbiased estimate, PyTorch's default.

    **Math** y = sum_i (x_i - m)^2 / (n - ddof) with the mean m.
    dy/dx_j = 2 (x_j - m) / (n - ddof) - 2 sum_i (x_i - m) / (n - ddof) dm/dx_j     chain rule
            = 2 (x_j - m) / (n - ddof)                          the deviations add up to 0
    dx = 2 g (x - m) / (n - ddof).
    **Saved** x.
    **Numerics** Two passes, first the mean, so that a large mean costs no digits.
    """
    return _variance("var", x, axis, ddof, keepdims)


def _variance(function: str, x, axis, ddof, keepdims):
    check_sums(function, x=x)
    keepdims = as_flag(function, "keepdims", keepdims)
    if isinstance(axis, (bool, np.bool_)):
        raise TypeError(
            f"{function}: axis is {axis}; give an integer; PyTorch's unbiased=True is ddof=1"
        )
    if not isinstance(ddof, (int, float, np.number)):
        raise TypeError(f"{function}: ddof is {ddof!r}; give a number{dtype_hint(ddof)}")
    n = _count(function, x.shape, axis)
    if n <= ddof:
        raise ValueError(
            f"{function}: {n} values along axis={axis} of {x.shape} are too few for ddof={ddof}; "
            f"it takes {ddof + 1} or more"
        )
    axis = as_axes(function, axis, x.ndim)
    d = x - axis_sum(x, axis, True) / n
    return axis_sum(d * d, axis, keepdims) / (n - ddof)


def _var_rule(g, x, x_shape, axis, ddof):
    n = _count("var", x_shape, axis)
    g = expand(g * (2 / (n - ddof)), shape=x_shape, axis=axis)
    return g * (x - mean(x, axis=axis, keepdims=True))


var.vjp(x=_var_rule)


@primitive
def std(x, *, axis=None, ddof=0, keepdims=False):
    """The standard deviation, the square root of `var`, which explains ddof.

    **Math** y = sqrt(v) with the variance v, so dy/dv = 1 / (2 y). With dv/dx from `var`,
    dx = g / (2 y) 2 (x - m) / (n - ddof) = g (x - m) / ((n - ddof) y).
    **Saved** x and y.
    **Numerics** Domain y > 0: the derivative at 0 is infinite.
    """
    return np.sqrt(_variance("std", x, axis, ddof, keepdims))


def _std_rule(g, x, x_shape, y, axis, ddof):
    n = _count("std", x_shape, axis)
    g = expand(g / (y * (n - ddof)), shape=x_shape, axis=axis)
    return g * (x - mean(x, axis=axis, keepdims=True))


std.vjp(x=_std_rule)


@primitive
def max(x, *, axis=None, keepdims=False):
    """The greatest value along the axes; PyTorch returns indices too, which are `argmax`.

    **Math** dx = g where x is the greatest, else 0.
    **Saved** x and y.
    **Numerics** Equal greatest values receive equal parts of g.
    """
    keepdims = as_flag("max", "keepdims", keepdims)
    _check_not_empty("max", x, axis)
    return x.max(axis=as_axes("max", axis, x.ndim), keepdims=keepdims)


@primitive
def min(x, *, axis=None, keepdims=False):
    """The least value along the axes; PyTorch returns indices too, which are `argmin`.

    **Math** dx = g where x is the least, else 0.
    **Saved** x and y.
    **Numerics** Equal least values receive equal parts of g.
    """
    keepdims = as_flag("min", "keepdims", keepdims)
    _check_not_empty("min", x, axis)
    return x.min(axis=as_axes("min", axis, x.ndim), keepdims=keepdims)


def _check_not_empty(function: str, x, axis) -> None:
    if x.size == 0 and _count(function, x.shape, axis) == 0:
        raise ValueError(
            f"{function}: no values along axis={axis} of {x.shape}, "
            f"and there is no {function} of nothing"
        )


@primitive(outputs=("weight",))
def _tie_weights(x, y, *, axis):
    """Return 1 / (number of ties) where x equals y, else 0; y is the extreme along the axes.

    The result counts as a constant, because its derivative is zero wherever it exists.
    """
    is_extreme = x == (np.expand_dims(y, axis) if y.ndim < x.ndim and axis is not None else y)
    is_nan = x != x  # a NaN is the extreme, though it equals nothing
    hit = (is_extreme | is_nan).astype(x.dtype)
    return hit / np.maximum(axis_sum(hit, as_axes("max", axis, x.ndim), True), 1)


_tie_weights.vjp(x=None, y=None)


def _extreme_rule(g, x, y, x_shape, axis):
    weight = _tie_weights(x, y, axis=axis)
    return apply_mask(expand(g, shape=x_shape, axis=axis), weight != 0) * weight


max.vjp(x=_extreme_rule)
min.vjp(x=_extreme_rule)


@primitive
def logsumexp(x, *, axis=None, keepdims=False):
    """The logarithm of the sum of exponentials, log(sum(exp(x))), over the axes.

    **Math** dx = g exp(x - y): g times the softmax.
    **Saved** x and y.
    **Numerics** With m the greatest value, log sum e^x = m + log sum e^(x - m), where nothing
    overflows. Where no value is large, m is 0 (`can_exponentiate`). Where all values are -inf, y is
    -inf and dx is 0.
    """
    check_floating("logsumexp", x=x)
    check_sums("logsumexp", x=x)
    keepdims = as_flag("logsumexp", "keepdims", keepdims)
    _check_not_empty("logsumexp", x, axis)
    axis = as_axes("logsumexp", axis, x.ndim)
    y = _logsumexp(x, axis)
    return y if keepdims else np.squeeze(y, axis=axis)


@on_gpu(softmax_gpu.logsumexp)
def _logsumexp(x, axis):
    if can_exponentiate(x):
        return np.log(axis_sum(np.exp(x), axis, True))
    m = x.max(axis=axis, keepdims=True)
    m = np.where(np.isfinite(m), m, np.zeros_like(m))
    with np.errstate(divide="ignore"):
        return np.log(axis_sum(np.exp(x - m), axis, True)) + m


def _logsumexp_rule(g, x, y, x_shape, axis):
    y = expand(where(y == -math.inf, 0.0, y), shape=x_shape, axis=axis)
    return _times_exp(x, y, expand(g, shape=x_shape, axis=axis))


@elementwise("T x, T y, T g", "T dx", "dx = g * exp(x - y)")
@by_examples
def _times_exp(x, y, g):
    return g * exp(x - y)


logsumexp.vjp(x=_logsumexp_rule)


def _subtract_max(x, axis):
    """Return x minus its greatest value along the axis, or x itself if its exponential is safe."""
    return x if not x.size or can_exponentiate(x) else x - x.max(axis=axis, keepdims=True)


def _along(f, function: str, x, axis, *others):
    """Return f(x, *others, axes); in pieces of the first axis, unless it is one of the axes."""
    axes = as_axes(function, axis, x.ndim)
    is_cut = axes is not None and 0 not in axes
    return (by_examples(f) if is_cut else f)(x, *others, axes)


@primitive
def softmax(x, *, axis=-1):
    """The softmax exp(x) / sum(exp(x)) along the axis.

    **Math** dy_i/dx_j = y_i ([i = j] - y_j); dx = y (g - sum(g y)).
    **Saved** y.
    **Numerics** Computed from x - max(x), so nothing overflows, or from x where no value is large.
    """
    check_floating("softmax", x=x)
    check_sums("softmax", x=x)
    return _along(_softmax, "softmax", x, axis)


@on_gpu(softmax_gpu.softmax)
def _softmax(x, axis):
    y = np.exp(_subtract_max(x, axis))
    return y / axis_sum(y, axis, True)


def _softmax_rule(g, y, axis):
    return _along(softmax_gradient, "softmax", g, axis, y)


@on_gpu(softmax_gpu.softmax_gradient)
def softmax_gradient(g, y, axis):
    """Return the cotangent of x, where y = softmax(x) along the axes has the cotangent g."""
    return y * (g - sum(g * y, axis=axis, keepdims=True))


softmax.vjp(x=_softmax_rule)


@primitive
def log_softmax(x, *, axis=-1):
    """The logarithm of the softmax along the axis, x - logsumexp(x).

    **Math** dy_i/dx_j = [i = j] - exp(y_j); dx = g - exp(y) sum(g).
    **Saved** y.
    **Numerics** Computed from x - max(x), so nothing overflows. The rounding error of y is that of
    numbers of the size of x - max(x), which may be far smaller than x.
    """
    check_floating("log_softmax", x=x)
    check_sums("log_softmax", x=x)
    return _along(_log_softmax, "log_softmax", x, axis)


@on_gpu(softmax_gpu.log_softmax)
def _log_softmax(x, axis):
    if not x.size:
        return x[...]
    y = x - x.max(axis=axis, keepdims=True)
    return y - np.log(axis_sum(np.exp(y), axis, True))


def _log_softmax_rule(g, y, axis):
    return _along(_log_softmax_gradient, "log_softmax", g, axis, y)


@on_gpu(softmax_gpu.log_softmax_gradient)
def _log_softmax_gradient(g, y, axis):
    return g - exp(y) * sum(g, axis=axis, keepdims=True)


log_softmax.vjp(x=_log_softmax_rule)


@primitive
def cumsum(x, *, axis=None, reverse=False):
    """The cumulative sum along the axis, from its end if `reverse`.

    Without an axis x is flattened, as by np.cumsum.

    **Math** y_i = sum of x_j for j <= i; dx_j = sum of g_i for i >= j: the cumulative sum of g in
    the other direction.
    **Saved** nothing.
    """
    reverse = as_flag("cumsum", "reverse", reverse)
    if axis is not None:
        normalize_axis("cumsum", axis, x.ndim)
    if reverse:
        y = np.cumsum(np.flip(x, axis), axis=axis)
        return np.flip(y, axis)
    return np.cumsum(x, axis=axis)


def _cumsum_rule(g, x_shape, axis, reverse):
    return reshape(cumsum(g, axis=axis, reverse=not reverse), shape=x_shape)


cumsum.vjp(x=_cumsum_rule)
