"""Normalizations: subtract a mean, divide by a standard deviation, scale and shift.

They differ in what the mean is taken over. For activations x (N, C, *space), all of batch, instance
and group norm start from one table of sums over space, of shape (N, C), and differ only in which
cells of the table they add up:

    batch norm       each column: the same channel of all examples
    group norm       in each row, the C/G channels of a group
    instance norm    nothing: each cell stands alone

**The derivative**, once for all of them. m values share a mean and a variance, and E is the mean
over them. The forward, step by step:

    mean = E x
    c = x - mean
    var = E c^2
    r = (var + eps)^(-1/2)
    y = w r c + bias

Let g, g_mean and g_var be the cotangents of y, mean and var: the statistics are outputs too. Let dz
be the cotangent of a value z, and h = w g. The backward goes from the last step to the first:

    dbias = sum g
    dw = sum g r c
    dr = sum h c = m E(h c)
    dvar = g_var - r^3 dr / 2                   the derivative of r by var is -r^3 / 2
    dc = r h + 2 c dvar / m                     c is used by y and by var
       = r h - r^3 c E(h c) + 2 c g_var / m     insert dvar and dr
    dx = dc - E dc + g_mean / m                 x is used by c = x - E x and by the output mean
       = r (h - E h - r^2 c E(h c)) + (g_mean + 2 c g_var) / m        E c = 0

So the statistics can be differentiated like y, for example where a loss compares them.

For eps = 0, r^2 = 1 / E(c^2), and the first bracket is a projection: it removes from h the parts
along 1 and along c, because y does not change when x is shifted or scaled. (For eps > 0 the part
along c is not removed entirely: y changes a little with the scale.) The code computes dx as

    dx = a g + b c + const                      a, b and const are one number per cell of the table

**Sources** Ioffe and Szegedy 2015 (batch), Ulyanov et al. 2016 (instance), Ba et al. 2016 (layer),
Wu and He 2018 (group), Karras et al. 2018 (pixel), Miyato et al. 2018 (spectral).
"""

from __future__ import annotations

import math

from ..autograd.primitive import primitive
from .arguments import check_dtypes
from .elementwise import sqrt, square
from .linalg import matmul
from .reduce import mean as mean_over
from .reduce import sum
from .shape import broadcast_to, reshape

__all__ = [
    "batch_norm",
    "batch_norm_inference",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "pixel_norm",
    "spectral_norm",
]

# ------------------------------------------------------- the table (N, C) and the cells it pools


def _sum_over_space(x):
    """Sum x (N, C, *space) over space: the table (N, C)."""
    return sum(x, axis=tuple(range(2, x.ndim)))


def _over_space(table, ndim):
    """Give the table (N, C) axes of length one for space, to broadcast against x."""
    return reshape(table, shape=(*table.shape, *[1] * (ndim - 2)))


def _pool(table, groups):
    """Sum the cells of (N, C) that share a mean: (1, C) for the batch (None), or (N, groups)."""
    n, c = table.shape
    if groups is None:
        return sum(table, axis=0, keepdims=True)
    return sum(reshape(table, shape=(n, groups, c // groups)), axis=2)


def _unpool(pooled, c, groups):
    """Repeat (1, C) or (N, groups) to a table with C columns: the adjoint of `_pool`."""
    if groups is None:
        return pooled
    n = pooled.shape[0]
    repeated = broadcast_to(reshape(pooled, shape=(n, groups, 1)), shape=(n, groups, c // groups))
    return reshape(repeated, shape=(n, c))


def _count(x_shape, groups) -> int:
    """Return how many values share a mean."""
    per_cell = math.prod(x_shape[2:])
    return x_shape[0] * per_cell if groups is None else x_shape[1] // groups * per_cell


# --------------------------------------------------------------- batch, group and instance norm


@primitive(outputs=("y", "mean", "var"))
def channel_norm(x, weight=None, bias=None, *, groups=None, eps=1e-5):
    """Batch norm (groups None) or group norm, with its statistics.

    **Math** in the module's docstring.
    **Shapes** x (N, C, *space), weight and bias (C,) or None -> y like x; mean and (biased) var
    (1, C) or (N, groups).
    **Saved** x, weight, mean and var.
    **Numerics** Two passes: the variance comes from centred values.
    """
    c = x.shape[1]
    m = max(_count(x.shape, groups), 1)  # images without pixels have sums of 0: avoid 0/0
    mean = _pool(_sum_over_space(x), groups) / m
    centred = x - _over_space(_unpool(mean, c, groups), x.ndim)
    var = _pool(_sum_over_space(centred * centred), groups) / m
    scale = _unpool((var + eps) ** -0.5, c, groups)
    scale = scale if weight is None else scale * weight
    centred *= _over_space(scale, x.ndim)
    if bias is not None:
        centred += bias.reshape(c, *[1] * (x.ndim - 2))
    return centred, mean, var


@channel_norm.vjp_joint("x", "weight", "bias")
def _channel_norm_rule(g, needs, x, weight, mean, var, groups, eps):
    g_y, g_mean, g_var = g
    c, m = x.shape[1], max(_count(x.shape, groups), 1)
    centred = x - _over_space(_unpool(mean, c, groups), x.ndim)
    sum_g, sum_gc = _sum_over_space(g_y), _sum_over_space(g_y * centred)  # (N, C) each
    rstd = (var + eps) ** -0.5
    r = _unpool(rstd, c, groups)
    dx = None
    if needs[0]:  # a g + b c + const, see the module's docstring
        w = 1.0 if weight is None else weight
        a = r * w
        b = _unpool((2.0 * g_var - rstd**3 * _pool(sum_gc * w, groups)) / m, c, groups)
        const = _unpool((g_mean - rstd * _pool(sum_g * w, groups)) / m, c, groups)
        dx = (
            g_y * _over_space(a, x.ndim)
            + centred * _over_space(b, x.ndim)
            + _over_space(const, x.ndim)
        )
    dweight = sum(sum_gc * r, axis=0) if needs[1] else None
    dbias = sum(sum_g, axis=0) if needs[2] else None
    return dx, dweight, dbias


def batch_norm(x, weight=None, bias=None, *, eps: float = 1e-5):
    """Normalize each channel over the batch and space, by the batch's own statistics.

    This is what a layer does in training; `batch_norm_inference` is for evaluation.

    **Math** in the module's docstring.

    Parameters
    ----------
    x : (N, C, *space)
    weight, bias : (C,) or None
    eps : float
        It is added to the variance.

    Returns
    -------
    y : like x
    mean, var : (C,)
        The mean and the biased variance of each channel. All three are differentiable.

    Raises
    ------
    ValueError
        For one value per channel: its variance is 0 whatever x is, and so would be every gradient.
    """
    _check("batch_norm", x, weight, bias)
    num_values = _count(x.shape, None)
    if num_values < 2:
        problem = "one value per channel, whose variance is 0"
        if num_values == 0:
            problem = "no value to take a mean of"
        raise ValueError(
            f"batch_norm: x {x.shape} has {problem}: give a larger batch, or use the running "
            "statistics (eval)"
        )
    y, mean, var = channel_norm(x, weight, bias, eps=eps)
    return y, reshape(mean, shape=(x.shape[1],)), reshape(var, shape=(x.shape[1],))


def batch_norm_inference(x, mean, var, weight=None, bias=None, *, eps: float = 1e-5):
    """Batch norm with given statistics, as a layer does in evaluation.

    **Math** y = w (x - mean) / sqrt(var + eps) + bias; all arguments are differentiable.
    **Shapes** x (N, C, *space), mean and var (C,), weight and bias (C,) or None -> y like x.
    """
    _check("batch_norm_inference", x, weight, bias)
    scale = 1.0 / sqrt(var + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    column = (x.shape[1], *[1] * (x.ndim - 2))
    return x * reshape(scale, shape=column) + reshape(shift, shape=column)


def group_norm(x, weight=None, bias=None, *, num_groups: int, eps: float = 1e-5):
    """Normalize each example over space and over the channels of a group.

    **Math** in the module's docstring.
    **Shapes** x (N, C, *space), weight and bias (C,) or None -> y like x. num_groups divides C.
    """
    _check("group_norm", x, weight, bias)
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: {x.shape[1]} channels do not divide into num_groups={num_groups}"
        )
    if _count(x.shape, num_groups) == 1:
        raise ValueError(
            f"group_norm: x {x.shape} in {num_groups} groups has one value per group, whose "
            "variance is 0; use fewer groups or a larger image"
        )
    return channel_norm(x, weight, bias, groups=num_groups, eps=eps)[0]


def instance_norm(x, weight=None, bias=None, *, eps: float = 1e-5):
    """Normalize each channel of each example over space: `group_norm` with C groups.

    **Shapes** x (N, C, *space), weight and bias (C,) or None -> y like x.
    """
    _check("instance_norm", x, weight, bias)
    if _count(x.shape, x.shape[1]) == 1:
        raise ValueError(
            f"instance_norm: x {x.shape} has one value per instance, whose variance is 0; "
            "it needs more than one pixel"
        )
    return channel_norm(x, weight, bias, groups=x.shape[1], eps=eps)[0]


def _check(function: str, x, weight, bias) -> None:
    if x.ndim < 2:
        raise ValueError(f"{function}: x must have axes (N, C, ...), not {x.shape}")
    check_dtypes(function, x=x, weight=weight, bias=bias)
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and v.shape != (x.shape[1],):
            raise ValueError(
                f"{function}: {name} has shape {v.shape} but x {x.shape} has {x.shape[1]} "
                f"channels: give ({x.shape[1]},) or None"
            )


# ----------------------------------------------------------------------------------- layer norm


@primitive(outputs=("y", "mean", "var"))
def trailing_norm(x, weight=None, bias=None, *, dims=1, eps=1e-5):
    """Layer norm with its statistics: the mean is over the last `dims` axes.

    **Math** in the module's docstring.
    **Saved** x, weight, mean and var.
    """
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
    axes, leading_axes = tuple(range(-dims, 0)), tuple(range(x.ndim - dims))
    m = math.prod(x.shape[x.ndim - dims :])
    centred, r = x - mean, (var + eps) ** -0.5
    dx = None
    if needs[0]:
        h = g_y if weight is None else g_y * weight
        mean_h = h.sum(axis=axes, keepdims=True) / m
        mean_hc = (h * centred).sum(axis=axes, keepdims=True) / m
        dx = r * (h - mean_h) + centred * (2.0 * g_var / m - r**3 * mean_hc) + g_mean / m
    dweight = sum(g_y * centred * r, axis=leading_axes) if needs[1] else None
    dbias = sum(g_y, axis=leading_axes) if needs[2] else None
    return dx, dweight, dbias


def layer_norm(x, weight=None, bias=None, *, normalized_shape, eps: float = 1e-5):
    """Normalize over the last axes.

    **Math** in the module's docstring.
    **Shapes** x (..., *normalized_shape), weight and bias of normalized_shape or None -> y like x.
    normalized_shape is an integer or a tuple.
    """
    is_number = isinstance(normalized_shape, int)
    shape = (normalized_shape,) if is_number else tuple(normalized_shape)
    check_dtypes("layer_norm", x=x, weight=weight, bias=bias)
    shapes = {"x's last axes": x.shape[x.ndim - len(shape) :]}
    shapes |= {name: v.shape for name, v in (("weight", weight), ("bias", bias)) if v is not None}
    for name, given in shapes.items():
        if given != shape:
            raise ValueError(f"layer_norm: {name} must have shape {shape}, not {given}")
    if math.prod(shape) == 1:
        raise ValueError(
            "layer_norm: normalizing over one value gives 0 whatever it is; "
            "normalized_shape must hold more"
        )
    return trailing_norm(x, weight, bias, dims=len(shape), eps=eps)[0]


# ------------------------------------------------------------------------ pixel and spectral norm


def pixel_norm(x, *, eps: float = 1e-8):
    """Scale the channel vector of each pixel to unit mean square.

    It keeps the magnitudes in a generator from growing from layer to layer.

    **Math** y = x / sqrt(mean_c x^2 + eps).
    **Shapes** x (N, C, ...) -> y like x.
    """
    if x.ndim < 2:
        raise ValueError(f"pixel_norm: x must have axes (N, C, ...), not {x.shape}")
    return x / sqrt(mean_over(square(x), axis=1, keepdims=True) + eps)


def spectral_norm(w, u, v):
    """Divide w by sigma = u^T W v, its largest singular value for the right u and v.

    **Math** y = w / sigma. At the singular vectors dsigma/dW = u v^T exactly, because a change of
    the unit vectors u and v changes sigma only to second order. So u and v count as constants.
    **Shapes** w (O, ...) is the matrix W (O, K) with all axes but the first flattened; u (O,) and
    v (K,) are unit vectors, found by power iteration.
    """
    o, k = w.shape[0], math.prod(w.shape[1:])
    if u.shape != (o,) or v.shape != (k,):
        raise ValueError(
            f"spectral_norm: w {w.shape} is a matrix ({o}, {k}), so u must be ({o},) and v ({k},), "
            f"not {u.shape} and {v.shape}"
        )
    return w / matmul(u, matmul(reshape(w, shape=(o, k)), v))
