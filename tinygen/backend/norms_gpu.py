"""Batch, group, instance and layer norm on a GPU; the first three also with SiLU after them.

`ops/normalization.py` and `ops/norm_silu.py` derive the formulas. The forward is two launches:

    _mean_and_variance    the statistics, in one pass over x
    _normalize            z = w x_hat + bias with x_hat = (x - mean) r, and y = z or y = silu(z)

and the backward three, and one more for the weight and the bias of a group norm:

    _sum_products         the sums of dz and dz x_hat over the pixels: a table
    _weighted_sums        the sums of the table's cells that share a mean
    _input_gradient       dx

**dx** is that of `ops/normalization.py`, in other symbols. There, z is called y. The normalized
value x_hat is r c, with r = 1 / sqrt(var + eps) and c = x - mean. The cotangent of z is dz, and
h = w dz. E is the mean over the m values that share a mean:

    dx = r (h - E h - r^2 c E(h c)) + (g_mean + 2 c g_var) / m
       = r (h - E h - x_hat E(h x_hat)) + (g_mean + 2 c g_var) / m          r c = x_hat

In batch norm, all values of a mean also share w, so w can be put before the bracket, and the sums
are those of dz. `_input_gradient` serves both cases.

**Axes.** An image (N, C, *space) is viewed as (N, G, K, P), with G groups of K channels, and P
pixels. The values that share a mean are those of axes 2 and 3 (group norm), or of axes 0 and 3
(batch norm, where each channel is a group and K = 1). Statistics, weight and bias have axes of
length 1 there, and broadcast. Layer norm needs no view: its statistics keep their axes.

Every kernel computes z again from x. This takes less time than to read z from memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .kernels import elementwise, reduction

__all__ = [
    "channel_norm",
    "channel_norm_gradients",
    "norm_silu_gradients",
    "statistics",
    "trailing_norm",
    "trailing_norm_gradients",
]

Array = Any  # np.ndarray or cupy.ndarray

# ---------------------------------------------------------------------------------------- kernels

_MOMENTS = """
struct Moments {  // of some of the values x - shift
    T count, mean, squares, shift;  // squares is the sum of (x - shift - mean)^2
    __device__ Moments(T count, T mean, T squares, T shift)
        : count(count), mean(mean), squares(squares), shift(shift) {}
};

__device__ Moments merge(const Moments& a, const Moments& b) {  // Chan et al., 1983, eq. 2.1
    if (a.count == 0) return b;
    if (b.count == 0) return a;
    T count = a.count + b.count, d = b.mean - a.mean, fraction = b.count / count;
    T squares = a.squares + b.squares + d * d * a.count * fraction;
    return Moments(count, a.mean + d * fraction, squares, a.shift);
}
"""


@reduction(
    "T x, T shift",
    "T mean, T var",
    map="Moments(1, x - shift, 0, shift)",
    reduce="merge(a, b)",
    post="mean = a.shift + a.mean, var = a.squares / fmax(a.count, T(1))",
    identity="0, 0, 0, 0",
    accumulator="Moments",
    preamble=_MOMENTS,
)
def _mean_and_variance(x, shift, *, axis, keepdims=False):
    """Return mean and variance; `shift` is a number near each mean (see `statistics`)."""
    mean = x.mean(axis=axis, keepdims=True)
    c = x - mean
    var = (c * c).mean(axis=axis, keepdims=keepdims)
    return mean.reshape(var.shape), var


@elementwise(
    "T x, T mean, T var, T weight, T bias, T eps, int32 silu",
    "T y",
    """
    T z = (x - mean) / sqrt(var + eps) * weight + bias;
    y = silu ? z / (1 + exp(-z)) : z;
    """,
)
def _normalize(x, mean, var, weight, bias, eps, silu):
    """Return z, or silu(z)."""
    z = (x - mean) / np.sqrt(var + eps) * weight + bias
    with np.errstate(over="ignore"):  # where e^-z is infinite, the quotient is 0, as it should be
        return z / (1 + np.exp(-z)) if silu else z


_Z_GRADIENT = """
__device__ T z_gradient(T g, T z, int silu) {  // of the cotangent g of silu(z), or of z itself
    if (!silu) return g;
    T s = 1 / (1 + exp(-z));
    return g * (s + z * s * (1 - s));
}
"""


def _z_gradient(g, z, silu):
    if not silu:
        return g
    with np.errstate(over="ignore"):
        s = 1 / (1 + np.exp(-z))
    return g * (s + z * s * (1 - s))


_PRODUCTS = """
struct Sums {
    T dz, dz_x;
    __device__ Sums(T dz, T dz_x) : dz(dz), dz_x(dz_x) {}
};
"""

_WEIGHTED_PRODUCTS = """
__device__ Sums products(T g, T x, T mean, T var, T w, T bias, T eps, int silu, T factor) {
    T x_hat = (x - mean) / sqrt(var + eps);
    T h = factor * z_gradient(g, w * x_hat + bias, silu);
    return Sums(h, h * x_hat);
}
"""


@reduction(
    "T g, T x, T mean, T var, T weight, T bias, T eps, int32 silu, T factor",
    "T sum_dz, T sum_dz_x",
    map="products(g, x, mean, var, weight, bias, eps, silu, factor)",
    reduce="Sums(a.dz + b.dz, a.dz_x + b.dz_x)",
    post="sum_dz = a.dz, sum_dz_x = a.dz_x",
    identity="0, 0",
    accumulator="Sums",
    preamble=_Z_GRADIENT + _PRODUCTS + _WEIGHTED_PRODUCTS,
)
def _sum_products(g, x, mean, var, weight, bias, eps, silu, factor, *, axis, keepdims=False):
    """Return the sums of h and of h x_hat with h = factor dz."""
    x_hat = (x - mean) / np.sqrt(var + eps)
    h = factor * _z_gradient(g, weight * x_hat + bias, silu)
    return h.sum(axis=axis, keepdims=keepdims), (h * x_hat).sum(axis=axis, keepdims=keepdims)


@reduction(
    "T dz, T dz_x, T weight",
    "T sum_h, T sum_h_x",
    map="Sums(weight * dz, weight * dz_x)",
    reduce="Sums(a.dz + b.dz, a.dz_x + b.dz_x)",
    post="sum_h = a.dz, sum_h_x = a.dz_x",
    identity="0, 0",
    accumulator="Sums",
    preamble=_PRODUCTS,
)
def _weighted_sums(dz, dz_x, weight, *, axis, keepdims=False):
    """Return the sums of weight dz and of weight dz x_hat, from those of dz and dz x_hat."""
    return tuple((weight * t).sum(axis=axis, keepdims=keepdims) for t in (dz, dz_x))


@elementwise(
    "T g, T x, T mean, T var, T bias, T sum_h, T sum_h_x, T g_mean, T g_var, T inner, T outer, "
    "T eps, int32 silu, T m",
    "T dx",
    """
    T c = x - mean, r = 1 / sqrt(var + eps);
    T h = inner * z_gradient(g, inner * outer * (c * r) + bias, silu);
    dx = outer * r * (h - sum_h / m - c * r * (sum_h_x / m)) + (g_mean + 2 * c * g_var) / m;
    """,
    preamble=_Z_GRADIENT,
)
def _input_gradient(
    g, x, mean, var, bias, sum_h, sum_h_x, g_mean, g_var, inner, outer, eps, silu, m
):
    """Return dx. The weight is `inner` times `outer`; `sum_h` and `sum_h_x` have h = inner dz.

    A weight that all values of a mean share can be taken out of the sums, as `outer`.
    """
    c, r = x - mean, 1 / np.sqrt(var + eps)
    h = inner * _z_gradient(g, inner * outer * (c * r) + bias, silu)
    return outer * r * (h - sum_h / m - c * r * (sum_h_x / m)) + (g_mean + 2 * c * g_var) / m


def statistics(x: Array, axis: tuple[int, ...], keepdims: bool = False) -> tuple[Array, Array]:
    """Return mean and variance along the axes.

    First, one of the values (the shift) is subtracted from all. Each thread computes the mean of
    some values, and the differences of these means enter the variance. Without the shift, a mean
    near 1000 would be rounded to a multiple of 6e-5 in float32, though the values may differ less.
    """
    axes = {a % x.ndim for a in axis}
    one = tuple(slice(0, 1) if a in axes else slice(None) for a in range(x.ndim))
    return _mean_and_variance(x, x[one], axis=axis, keepdims=keepdims)


# --------------------------------------------------------------- batch, group and instance norm


class _Groups:
    """The view (N, G, K, P) of images, and which of its axes share a mean."""

    def __init__(self, shape: tuple[int, ...], groups: int | None):
        n, c = shape[:2]
        g = c if groups is None else groups
        self.shape = (n, g, c // g, math.prod(shape[2:]))
        self.is_batch_norm = groups is None
        self.mean_axes = (0, 2, 3) if self.is_batch_norm else (2, 3)
        self.statistics_shape = (1, c) if self.is_batch_norm else (n, g)
        self.count = max(math.prod(self.shape[axis] for axis in self.mean_axes), 1)

    def images(self, x: Array) -> Array:
        """View (N, C, *space) as (N, G, K, P)."""
        return x.reshape(self.shape)

    def affine(self, table: Array | None, default: float) -> Array | float:
        """View a weight or a bias, (C,) or (N, C), as (1 or N, G, K, 1)."""
        return default if table is None else table.reshape((-1, *self.shape[1:3], 1))

    def statistics(self, values: Array) -> Array:
        """View statistics (1, C) or (N, G) as (1 or N, G, 1, 1)."""
        return values.reshape((*self.statistics_shape, 1, 1))


def channel_norm(x: Array, weight, bias, *, groups: int | None, eps: float, silu: bool = False):
    """Return y, mean and var as `channel_norm` does; with `silu`, as `norm_silu` does."""
    view = _Groups(x.shape, groups)
    images = view.images(x)
    mean, var = statistics(images, view.mean_axes)
    y = _normalize(
        images,
        view.statistics(mean),
        view.statistics(var),
        view.affine(weight, 1.0),
        view.affine(bias, 0.0),
        eps,
        int(silu),
    )
    shape = view.statistics_shape
    return y.reshape(x.shape), mean.reshape(shape), var.reshape(shape)


def channel_norm_gradients(
    g, needs, x: Array, weight, bias, mean, var, groups: int | None, eps: float
):
    """Return dx, dweight and dbias as the rule of `channel_norm` does."""
    return _gradients(g, needs, x, weight, bias, mean, var, groups, eps, silu=0)


def norm_silu_gradients(
    g, needs, x: Array, weight, bias, y, mean, var, groups: int | None, eps: float
):
    """Return dx, dweight and dbias as the rule of `norm_silu` does."""
    return _gradients(g, needs, x, weight, bias, mean, var, groups, eps, silu=1)


def _gradients(g, needs, x, weight, bias, mean, var, groups, eps, silu: int):
    view = _Groups(x.shape, groups)
    g_y, images = view.images(g[0]), view.images(x)
    mean, var, g_mean, g_var = (view.statistics(a) for a in (mean, var, *g[1:]))
    w, b = view.affine(weight, 1.0), view.affine(bias, 0.0)
    # The tables have the axes (G, K, N, 1). CuPy asks whether the numbers of some argument are
    # neighbours in memory along the last axis of the results. If so, neighbouring threads compute
    # different results; if not, they share one, and read neighbouring pixels, which is faster here.
    # With K as the last axis, the weight would be such an argument. So the last axis is N.
    first = [_examples_last(a) for a in (g_y, images, mean, var, w, b)]
    tables = _sum_products(*first, eps, silu, 1.0, axis=3, keepdims=True)
    by_example = [table.reshape(x.shape[1], x.shape[0]) for table in tables]  # (C, N)
    gradients = [table.T for table in by_example]  # dbias and dweight, (N, C)
    has_one_weight = weight is None or weight.ndim == 1
    if view.is_batch_norm or any(needs[1:]):
        sums = _weighted_sums(*by_example, 1.0, axis=1)  # (C,)
        if bias is None or bias.ndim == 1:
            gradients[0] = sums[0]
        if has_one_weight:
            gradients[1] = sums[1]
    dbias, dweight = gradients
    if not needs[0]:
        return None, dweight, dbias
    if view.is_batch_norm and has_one_weight:
        inner, outer, totals = 1.0, w, sums
    else:
        inner, outer = w, 1.0
        totals = _weighted_sums(*tables, first[4], axis=2 if view.is_batch_norm else 1)
    sum_h, sum_h_x = (view.statistics(total.T) for total in totals)
    statistics = mean, var, b, sum_h, sum_h_x, g_mean, g_var
    dx = _input_gradient(g_y, images, *statistics, inner, outer, eps, silu, view.count)
    return dx.reshape(x.shape), dweight, dbias


def _examples_last(a: Array | float) -> Array | float:
    """Return (N, G, K, P) with the axes (G, K, N, P); a number stays as it is."""
    return a if isinstance(a, float) else a.transpose(1, 2, 0, 3)


# ------------------------------------------------------------------------------------- layer norm


def trailing_norm(x: Array, weight, bias, *, dims: int, eps: float):
    """Return y, mean and var as `trailing_norm` of ops/normalization.py does."""
    mean, var = statistics(x, tuple(range(-dims, 0)), keepdims=True)
    w, b = 1.0 if weight is None else weight, 0.0 if bias is None else bias
    return _normalize(x, mean, var, w, b, eps, 0), mean, var


def trailing_norm_gradients(g, needs, x: Array, weight, mean, var, dims: int, eps: float):
    """Return dx, dweight and dbias as the rule of `trailing_norm` does."""
    g_y, g_mean, g_var = g
    axes, leading_axes = tuple(range(-dims, 0)), tuple(range(x.ndim - dims))
    w = 1.0 if weight is None else weight
    dx = dweight = dbias = None
    if needs[0]:
        arguments = g_y, x, mean, var
        sums = _sum_products(*arguments, 1.0, 0.0, eps, 0, w, axis=axes, keepdims=True)
        m = math.prod(x.shape[x.ndim - dims :])
        dx = _input_gradient(*arguments, 0.0, *sums, g_mean, g_var, w, 1.0, eps, 0, m)
    if needs[1] or needs[2]:
        dbias, dweight = _sum_products(g_y, x, mean, var, 1.0, 0.0, eps, 0, 1.0, axis=leading_axes)
    return dx, dweight, dbias
