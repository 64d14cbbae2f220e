"""Cases of the reductions. The naive implementations loop over the indices of the result."""

from __future__ import annotations

import itertools
import math

import numpy as np

from tests.cases import case
from tinygen import ops


def draw_axes(draw, ndim):
    """Draw None, an axis or a tuple of axes, counted from either end."""
    axes = [
        a if draw.choice(True, False) else a - ndim for a in range(ndim) if draw.choice(True, False)
    ]
    return draw.choice(None, tuple(axes), axes[0] if axes else None)


def reduce(f, x, axis=None, keepdims=False):
    """Apply f to the list of values that each element of the result combines."""
    if axis is None:
        axis = range(x.ndim)
    axes = {a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)}
    shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
    y = np.empty(shape)
    for index in itertools.product(*map(range, shape)):
        inside = itertools.product(
            *(range(n) if i in axes else [index[i]] for i, n in enumerate(x.shape))
        )
        y[index] = f([float(x[i]) for i in inside])
    return y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def reduction(draw, op, f, x):
    """Draw the case of a reduction with axis and keepdims; f reduces a list of floats."""
    axis, keepdims = draw_axes(draw, x.ndim), draw.choice(True, False)
    return (
        (lambda x: op(x, axis=axis, keepdims=keepdims)),
        [x],
        lambda x: reduce(f, x, axis, keepdims),
    )


@case("sum")
def draw_sum(draw):
    return reduction(draw, ops.sum, math.fsum, draw.array(draw.shape()))


@case("mean")
def draw_mean(draw):
    return reduction(
        draw, ops.mean, lambda v: math.fsum(v) / len(v), draw.array(draw.shape(min_side=1))
    )


@case("mean", "sum")
def draw_reductions_of_an_empty_batch(draw):
    """Draw an empty batch, reduced along the other axes."""
    x = draw.array((0, draw.integer(1, 3), 2))
    return (
        (lambda x: ops.mean(x, axis=(1, 2)) * ops.sum(x, axis=-1, keepdims=True)[:, 0, 0]),
        [x],
        lambda x: np.zeros(0),
    )


def spread(draw, *, min_side=2, max_dims=4):
    """Draw values whose variance along any axes is above 0.1: alternating steps and noise."""
    shape = draw.shape(min_dims=1, max_dims=max_dims, min_side=min_side)
    steps = np.indices(shape).sum(axis=0) % 2 * 2.0
    return draw.in_random_layout(np.asarray(steps + draw.rng.uniform(-0.3, 0.3, shape)))


def variance(v, ddof):
    """Return the variance of a list of values."""
    m = math.fsum(v) / len(v)
    return math.fsum((t - m) ** 2 for t in v) / (len(v) - ddof)


def deviation(draw, op, f, x):
    """Draw the case of a reduction with ddof; f takes a list of floats and ddof."""
    ddof = draw.choice(0, 1)
    axis = draw_axes(draw, x.ndim) or None  # one value, as of no axes, has no variance
    keepdims = draw.choice(True, False)
    return (
        (lambda x: op(x, axis=axis, ddof=ddof, keepdims=keepdims)),
        [x],
        lambda x: reduce(lambda v: f(v, ddof), x, axis, keepdims),
    )


@case("var")
def draw_var(draw):
    return deviation(draw, ops.var, variance, spread(draw))


@case("std")
def draw_std(draw):
    return deviation(draw, ops.std, lambda v, ddof: math.sqrt(variance(v, ddof)), spread(draw))


@case("max")
def draw_max(draw):
    return reduction(draw, ops.max, max, draw.distinct_array(draw.shape(min_side=1)))


@case("min")
def draw_min(draw):
    return reduction(draw, ops.min, min, draw.distinct_array(draw.shape(min_side=1)))


@case("logsumexp")
def draw_logsumexp(draw):
    return reduction(
        draw,
        ops.logsumexp,
        lambda v: math.log(math.fsum(map(math.exp, v))),
        draw.array(draw.shape(min_side=1), -3, 3),
    )


def along(draw, op, f, x):
    """Draw the case of a function along one axis; f maps a vector to a vector."""
    axis = draw.integer(-x.ndim, x.ndim - 1)
    return (
        (lambda x: op(x, axis=axis)),
        [x],
        lambda x: np.apply_along_axis(f, axis, x) if x.size else x,
    )


@case("softmax")
def draw_softmax(draw):
    return along(
        draw,
        ops.softmax,
        lambda v: np.exp(v) / math.fsum(np.exp(v)),
        draw.array(draw.shape(min_dims=1), -3, 3),
    )


@case("log_softmax")
def draw_log_softmax(draw):
    return along(
        draw,
        ops.log_softmax,
        lambda v: np.log(np.exp(v) / math.fsum(np.exp(v))),
        draw.array(draw.shape(min_dims=1), -3, 3),
    )


@case("cumsum")
def draw_cumsum(draw):
    reverse = draw.choice(False, True)

    def naive(v):
        return [math.fsum(v[i:] if reverse else v[: i + 1]) for i in range(len(v))]

    return along(
        draw,
        lambda x, axis: ops.cumsum(x, axis=axis, reverse=reverse),
        naive,
        draw.array(draw.shape(min_dims=1)),
    )
