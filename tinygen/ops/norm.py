"""Normalizations: subtract a mean, divide by a standard deviation, scale and shift. They differ in what the mean is taken over.

For activations x (N, C, *space), all of batch, instance and group norm start from one table of spatial sums, of shape (N, C), and differ only in
how its cells are pooled: batch norm over the column (all n), group norm over the C/G channels of a group in each row, instance norm not at all.

**The derivative**, once for all of them. Over the m values that share a mean, with c = x - mean, var = mean(c^2), r = (var + eps)^(-1/2) and
y = w r c + bias, let g be the cotangent of y, h = w g and E the mean over the m values. Since dmean/dx = 1/m, and dvar/dx = 2c/m (the mean moves too
with x, but that adds -2 E(c) dmean/dx, and the centred values add up to 0),

    dx = r (h - E h - r^2 c E(h c)) + (g_mean + 2 c g_var) / m,        dw = sum g r c,        dbias = sum g,

where g_mean and g_var are the cotangents of the statistics themselves, which are outputs: whoever reads them (running averages, a style) can
differentiate through them, and what the rule keeps is all differentiable. For eps = 0, where r^2 = 1/E(c^2), the first bracket is a projection: it
takes out of h what is parallel to 1 and to c, because y does not change when x is shifted or scaled. (With eps > 0 the part along c is not wholly
taken out: y changes a little with the scale.) Note that dx is, per table cell, a g + b c + const: no more work than that.

Sources: Ioffe and Szegedy 2015 (batch), Ulyanov et al. 2016 (instance), Ba et al. 2016 (layer), Wu and He 2018 (group), Karras et al. 2018 (pixel),
Miyato et al. 2018 (spectral).
"""

from __future__ import annotations

import math

from ..autograd.primitive import primitive
from .elementwise import sqrt, square
from .linalg import check_dtypes, matmul
from .reduce import mean as mean_over
from .reduce import sum
from .shape import broadcast_to, reshape

__all__ = ["batch_norm_inference", "batch_norm", "group_norm", "instance_norm", "layer_norm", "pixel_norm", "spectral_norm"]


def _spatial_sum(x):
    """x (N, C, *space) summed over space: the table (N, C)."""
    return sum(x, axis=tuple(range(2, x.ndim)))


def _over_space(table, ndim):
    return reshape(table, shape=(*table.shape, *[1] * (ndim - 2)))


def _pool(table, groups):
    """Table (N, C) to the sums of the cells that share a mean: (1, C) for the batch (groups None), else (N, groups)."""
    n, c = table.shape
    return sum(table, axis=0, keepdims=True) if groups is None else sum(reshape(table, shape=(n, groups, c // groups)), axis=2)


def _spread(pooled, c, groups):
    """Back from (1, C) or (N, groups) to a table with C columns: the adjoint of `_pool`."""
    if groups is None:
        return pooled
    n = pooled.shape[0]
    return reshape(broadcast_to(reshape(pooled, shape=(n, groups, 1)), shape=(n, groups, c // groups)), shape=(n, c))


def _count(x_shape, groups) -> int:
    """How many values share a mean."""
    per_cell = math.prod(x_shape[2:])
    return x_shape[0] * per_cell if groups is None else x_shape[1] // groups * per_cell


@primitive(outputs=("y", "mean", "var"))
def channel_norm(x, weight=None, bias=None, *, groups=None, eps=1e-5):
    """Batch norm (groups None) or group norm, with its statistics. **Math** in the module's docstring.

    **Shapes** x (N, C, *space), weight and bias (C,) or None -> y like x; mean and (biased) var (1, C) or (N, groups).
    **Saved** x, weight, mean, var. **Numerics** two passes, the variance from centred values.
    """
    c, m = x.shape[1], max(_count(x.shape, groups), 1)  # 1: pictures without a pixel have sums of 0, and no 0/0
    mean = _pool(_spatial_sum(x), groups) / m
    centred = x - _over_space(_spread(mean, c, groups), x.ndim)
    var = _pool(_spatial_sum(centred * centred), groups) / m
    scale = _spread((var + eps) ** -0.5, c, groups)
    scale = scale if weight is None else scale * weight
    centred *= _over_space(scale, x.ndim)
    if bias is not None:
        centred += bias.reshape(c, *[1] * (x.ndim - 2))
    return centred, mean, var


@channel_norm.vjp_joint("x", "weight", "bias")
def _channel_norm_rule(g, needs, x, weight, mean, var, groups, eps):
    g_y, g_mean, g_var = g
    c, m = x.shape[1], max(_count(x.shape, groups), 1)
    centred = x - _over_space(_spread(mean, c, groups), x.ndim)
    s_g, s_gc = _spatial_sum(g_y), _spatial_sum(g_y * centred)  # (N, C): all sums that anything below needs
    rstd = (var + eps) ** -0.5
    r = _spread(rstd, c, groups)
    dx = None
    if needs[0]:
        w = 1.0 if weight is None else weight
        a = r * w
        b = _spread((2.0 * g_var - rstd**3 * _pool(s_gc * w, groups)) / m, c, groups)
        const = _spread((g_mean - rstd * _pool(s_g * w, groups)) / m, c, groups)
        dx = g_y * _over_space(a, x.ndim) + centred * _over_space(b, x.ndim) + _over_space(const, x.ndim)
    return dx, sum(s_gc * r, axis=0) if needs[1] else None, sum(s_g, axis=0) if needs[2] else None


def batch_norm(x, weight=None, bias=None, *, eps: float = 1e-5):
    """Normalize each channel over the batch and space, by the batch's own statistics (what a layer does in training).

    Takes x (N, C, *space), weight and bias (C,) or None; returns y like x, the mean (C,) and the biased variance (C,) of each channel, all
    differentiable. Raises ValueError for one value a channel: its variance is 0 whatever x is, and so would every gradient be.
    """
    _check("batch_norm", x, weight, bias)
    if (values := _count(x.shape, None)) < 2:
        few = "one value a channel, whose variance is 0" if values else "no value to take a mean of"
        raise ValueError(f"batch_norm: x {x.shape} has {few}: give a larger batch, or use the running statistics (eval)")
    y, mean, var = channel_norm(x, weight, bias, eps=eps)
    return y, reshape(mean, shape=(x.shape[1],)), reshape(var, shape=(x.shape[1],))


def batch_norm_inference(x, mean, var, weight=None, bias=None, *, eps: float = 1e-5):
    """Batch norm with given statistics (what a layer does in evaluation): w (x - mean) / sqrt(var + eps) + b, for x (N, C, *space), the others (C,)."""
    _check("batch_norm_inference", x, weight, bias)
    scale = 1.0 / sqrt(var + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    column = (x.shape[1], *[1] * (x.ndim - 2))
    return x * reshape(scale, shape=column) + reshape(shift, shape=column)


def group_norm(x, weight=None, bias=None, *, num_groups: int, eps: float = 1e-5):
    """Normalize each example's channels in `num_groups` groups, over the channels of the group and space. x (N, C, *space), weight and bias (C,) or None."""
    _check("group_norm", x, weight, bias)
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"group_norm: {x.shape[1]} channels do not divide into num_groups={num_groups}")
    if _count(x.shape, num_groups) == 1:
        raise ValueError(f"group_norm: x {x.shape} in {num_groups} groups has one value a group, whose variance is 0; use fewer groups or a larger image")
    return channel_norm(x, weight, bias, groups=num_groups, eps=eps)[0]


def instance_norm(x, weight=None, bias=None, *, eps: float = 1e-5):
    """Normalize each channel of each example over space: `group_norm` with a group a channel. x (N, C, *space), weight and bias (C,) or None."""
    _check("instance_norm", x, weight, bias)
    if _count(x.shape, x.shape[1]) == 1:
        raise ValueError(f"instance_norm: x {x.shape} has one value an instance, whose variance is 0; it needs more than one pixel")
    return channel_norm(x, weight, bias, groups=x.shape[1], eps=eps)[0]


def _check(name, x, weight, bias) -> None:
    if x.ndim < 2:
        raise ValueError(f"{name}: x must have axes (N, C, ...), not {x.shape}")
    check_dtypes(name, x=x, weight=weight, bias=bias)
    for what, v in (("weight", weight), ("bias", bias)):
        if v is not None and v.shape != (x.shape[1],):
            raise ValueError(f"{name}: {what} has shape {v.shape} but x {x.shape} has {x.shape[1]} channels: give ({x.shape[1]},) or None")


@primitive(outputs=("y", "mean", "var"))
def trailing_norm(x, weight=None, bias=None, *, dims=1, eps=1e-5):
    """Layer norm with its statistics. **Math** in the module's docstring, the mean over the last `dims` axes. **Saved** x, weight, mean, var."""
    axes = tuple(range(-dims, 0))
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    var = (centred * centred).mean(axis=axes, keepdims=True)
    y = centred * (var + eps) ** -0.5
    y = y if weight is None else y * weight
    return y if bias is None else y + bias, mean, var


@trailing_norm.vjp_joint("x", "weight", "bias")
def _trailing_norm_rule(g, needs, x, weight, mean, var, dims, eps):
    g_y, g_mean, g_var = g
    axes, lead = tuple(range(-dims, 0)), tuple(range(x.ndim - dims))
    m = math.prod(x.shape[x.ndim - dims :])
    centred, r = x - mean, (var + eps) ** -0.5
    dx = None
    if needs[0]:
        h = g_y if weight is None else g_y * weight
        e_h, e_hc = h.sum(axis=axes, keepdims=True) / m, (h * centred).sum(axis=axes, keepdims=True) / m
        dx = r * (h - e_h) + centred * (2.0 * g_var / m - r**3 * e_hc) + g_mean / m
    return dx, sum(g_y * centred * r, axis=lead) if needs[1] else None, sum(g_y, axis=lead) if needs[2] else None


def layer_norm(x, weight=None, bias=None, *, normalized_shape, eps: float = 1e-5):
    """Normalize over the last axes, which must have the shape `normalized_shape` (a number or a tuple), as must weight and bias (or None)."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    check_dtypes("layer_norm", x=x, weight=weight, bias=bias)
    for what, v in (("x's last axes", x.shape[x.ndim - len(shape) :]), ("weight", weight), ("bias", bias)):
        if v is not None and (v if isinstance(v, tuple) else v.shape) != shape:
            raise ValueError(f"layer_norm: {what} must have shape {shape}, not {v if isinstance(v, tuple) else v.shape}")
    if math.prod(shape) == 1:
        raise ValueError("layer_norm: normalizing over one value gives 0 whatever it is; normalized_shape must hold more")
    return trailing_norm(x, weight, bias, dims=len(shape), eps=eps)[0]


def pixel_norm(x, *, eps: float = 1e-8):
    """Scale the channel vector of each pixel to unit mean square: x / sqrt(mean_c x^2 + eps), for x (N, C, ...). Keeps a generator's signal from escalating."""
    if x.ndim < 2:
        raise ValueError(f"pixel_norm: x must have axes (N, C, ...), not {x.shape}")
    return x / sqrt(mean_over(square(x), axis=1, keepdims=True) + eps)


def spectral_norm(w, u, v):
    """w divided by sigma = u^T W v, its largest singular value when u and v are the singular vectors that go with it.

    W (O, K) is the weight w (O, ...) with all axes but the first flattened; u (O,) and v (K,) are unit vectors, constants found by power iteration.
    At the singular vectors dsigma/dW = u v^T exactly, so w/sigma is differentiated as if u and v did not depend on w: their change is of second order.
    """
    o, k = w.shape[0], math.prod(w.shape[1:])
    if u.shape != (o,) or v.shape != (k,):
        raise ValueError(f"spectral_norm: w {w.shape} is a matrix ({o}, {k}), so u must be ({o},) and v ({k},), not {u.shape} and {v.shape}")
    return w / matmul(u, matmul(reshape(w, shape=(o, k)), v))
