"""Cases of tinygen.ops.reduce. The naive forwards walk over the indices of the result."""

from __future__ import annotations

import itertools
import math

import numpy as np

from tests.cases import case
from tinygen import ops


def axes_of(d, ndim):
    """None, an axis or a tuple of axes, counted from either end."""
    axes = [a if d.sampled(True, False) else a - ndim for a in range(ndim) if d.sampled(True, False)]
    return d.sampled(None, tuple(axes), axes[0] if axes else None)


def each(f, x, axis=None, keepdims=False):
    """f of the list of values behind each element of the result."""
    axes = {a % x.ndim for a in ((axis,) if isinstance(axis, int) else range(x.ndim) if axis is None else axis)}
    kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
    y = np.empty(kept)
    for index in itertools.product(*map(range, kept)):
        inside = itertools.product(*(range(n) if i in axes else [index[i]] for i, n in enumerate(x.shape)))
        y[index] = f([float(x[i]) for i in inside])
    return y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def reduction(d, op, f, x):
    """The case of a reduction of x that takes axis and keepdims; f reduces a list of floats."""
    axis, keepdims = axes_of(d, x.ndim), d.sampled(True, False)
    return (lambda x: op(x, axis=axis, keepdims=keepdims)), [x], lambda x: each(f, x, axis, keepdims)


@case("sum")
def _(d):
    return reduction(d, ops.sum, math.fsum, d.array(d.shape()))


@case("mean")
def _(d):
    return reduction(d, ops.mean, lambda v: math.fsum(v) / len(v), d.array(d.shape(min_side=1)))


@case("mean", "sum")
def _(d):
    """An empty batch, reduced along the other axes."""
    x = d.array((0, d.integers(1, 3), 2))
    return (lambda x: ops.mean(x, axis=(1, 2)) * ops.sum(x, axis=-1, keepdims=True)[:, 0, 0]), [x], lambda x: np.zeros(0)


def spread(d, *, min_side=2, max_dims=4):
    """Values whose variance along any axes is above 0.1: a zigzag of steps and a little noise."""
    shape = d.shape(min_dims=1, max_dims=max_dims, min_side=min_side)
    steps = np.indices(shape).sum(axis=0) % 2 * 2.0
    return d.values(np.asarray(steps + d.rng.uniform(-0.3, 0.3, shape)))


def variance(v, ddof):
    m = math.fsum(v) / len(v)
    return math.fsum((t - m) ** 2 for t in v) / (len(v) - ddof)


def deviation(d, op, f, x):
    ddof = d.sampled(0, 1)
    axis = axes_of(d, x.ndim) or None  # one value, as of no axes, has no variance
    keepdims = d.sampled(True, False)
    return (lambda x: op(x, axis=axis, ddof=ddof, keepdims=keepdims)), [x], lambda x: each(lambda v: f(v, ddof), x, axis, keepdims)


@case("var")
def _(d):
    return deviation(d, ops.var, variance, spread(d))


@case("std")
def _(d):
    return deviation(d, ops.std, lambda v, ddof: math.sqrt(variance(v, ddof)), spread(d))


@case("max")
def _(d):
    return reduction(d, ops.max, max, d.distinct(d.shape(min_side=1)))


@case("min")
def _(d):
    return reduction(d, ops.min, min, d.distinct(d.shape(min_side=1)))


@case("logsumexp")
def _(d):
    return reduction(d, ops.logsumexp, lambda v: math.log(math.fsum(map(math.exp, v))), d.array(d.shape(min_side=1), -3, 3))


def along(d, op, f, x):
    """The case of a function that keeps the shape; f takes and gives a vector."""
    axis = d.integers(-x.ndim, x.ndim - 1)
    return (lambda x: op(x, axis=axis)), [x], lambda x: np.apply_along_axis(f, axis, x) if x.size else x


@case("softmax")
def _(d):
    return along(d, ops.softmax, lambda v: np.exp(v) / math.fsum(np.exp(v)), d.array(d.shape(min_dims=1), -3, 3))


@case("log_softmax")
def _(d):
    return along(d, ops.log_softmax, lambda v: np.log(np.exp(v) / math.fsum(np.exp(v))), d.array(d.shape(min_dims=1), -3, 3))


@case("cumsum")
def _(d):
    reverse = d.sampled(False, True)

    def naive(v):
        return [math.fsum(v[i:] if reverse else v[: i + 1]) for i in range(len(v))]

    return along(d, lambda x, axis: ops.cumsum(x, axis=axis, reverse=reverse), naive, d.array(d.shape(min_dims=1)))
