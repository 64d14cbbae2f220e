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

    def f(x, axis):
        return ops.cumsum(x, axis=axis, reverse=reverse)

    return flat_or_along(draw, f, naive, draw.array(draw.shape(min_dims=1)))


def flat_or_along(draw, op, f, x):
    """Draw the case of a function along one axis, or of all elements in one axis."""
    if draw.choice(False, False, True):
        return (lambda x: op(x, axis=None)), [x], lambda x: np.array(f(x.flatten()))
    return along(draw, op, f, x)


def draw_with_zeros(draw, **sides):
    """Draw values, some of which are 0: there a derivative must not be y / x."""
    x = draw.array(draw.shape(**sides), 0.5, 1.5)
    return draw.in_random_layout(np.where(draw.rng.random(x.shape) < 0.3, 0.0, x))


@case("prod")
def draw_prod(draw):
    return reduction(draw, ops.prod, math.prod, draw_with_zeros(draw))


@case("cumprod")
def draw_cumprod(draw):
    def naive(v):
        return [math.prod(v[: i + 1]) for i in range(len(v))]

    return flat_or_along(draw, ops.cumprod, naive, draw_with_zeros(draw, min_dims=1))


@case("sort")
def draw_sort(draw):
    descending = draw.choice(False, True)

    def f(x, axis):
        return ops.sort(x, axis, descending)

    x = draw.distinct_array(draw.shape(min_dims=1))
    return flat_or_along(draw, f, lambda v: sorted(v, reverse=descending), x)


@case("norm")
def draw_euclidean_norm(draw):
    def f(x, axis, keepdims):
        return ops.norm(x, axis=axis, keepdims=keepdims)

    x = draw.array_away_from([0.0], draw.shape(min_side=1), margin=0.3)
    return reduction(draw, f, lambda v: math.sqrt(math.fsum(t * t for t in v)), x)


@case("norm")
def draw_norm(draw):
    """Draw a norm along an axis of values away from 0, where it has a kink."""
    x = draw.distinct_array(draw.shape(min_dims=1, min_side=1), 0.3, 2)
    x = draw.in_random_layout(x * draw.rng.choice([-1.0, 1.0], x.shape))
    p = draw.choice(2, 1, 3, 0.5, -2, math.inf, -math.inf)
    greatest = {math.inf: max, -math.inf: min}

    def naive(v):
        v = [abs(t) for t in v]
        return greatest[p](v) if p in greatest else math.fsum(t**p for t in v) ** (1 / p)

    axis, keepdims = draw.integer(-x.ndim, x.ndim - 1), draw.choice(True, False)
    if x.ndim == 1:
        axis = draw.choice(axis, None)
    return (
        (lambda x: ops.norm(x, p, axis, keepdims)),
        [x],
        lambda x: reduce(naive, x, axis, keepdims),
    )


@case("normalize")
def draw_normalize(draw):
    x = draw.array_away_from([0.0], draw.shape(min_dims=2, min_side=1), margin=0.3)
    p = draw.choice(2.0, 1.0)

    def naive(x):
        return x / (np.abs(x) ** p).sum(axis=1, keepdims=True) ** (1 / p)

    return (lambda x: ops.normalize(x, p)), [x], naive


@case("cosine_similarity")
def draw_cosine_similarity(draw):
    shape = draw.shape(min_dims=1, min_side=1)
    shapes = shape, draw.broadcastable_shape(shape)
    a, b = (draw.array_away_from([0.0], shape, margin=0.3) for shape in shapes)

    def naive(a, b):
        a, b = np.broadcast_arrays(a, b)
        return np.array((a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1)))

    return (lambda a, b: ops.cosine_similarity(a, b, -1)), [a, b], naive
