"""Normalizations: subtract a mean, divide by a standard deviation, scale and shift.

They differ in what the mean is taken over. For activations x (N, C, *space), all of batch, instance
and group norm start from one table of sums over space, of shape (N, C), and differ only in which
cells of the table they add up:

    batch norm       each column: the same channel of all examples
    group norm       in each row, the C/G channels of a group, if there are G groups
    instance norm    nothing: each cell stands alone

**The derivative**, once for all of them. m values share a mean and a variance, and E is the mean
over them. The forward, step by step:

    mean = E x
    c = x - mean
    var = E c^2
    r = (var + eps)^(-1/2)
    y = w r c + bias

Let g, g_mean and g_var be the cotangents of y, mean and var: the statistics are outputs too. Let dz
be the cotangent of a value z, and h = w g. The backward goes from the last step to the first. Each
entry of dbias and dw sums over all positions that use this entry of bias or w, whereas dr sums over
the m values that share r:

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
along c is not removed entirely: y changes a little with the scale.) For images, the code computes
dx as

    dx = alpha g + beta c + const

where alpha = w r, beta and const have one number per cell of the table. (In layer norm, w varies
along the values that share a mean.)

**Sources** Ioffe and Szegedy 2015 (batch), Ulyanov et al. 2016 (instance), Ba et al. 2016 (layer),
Wu and He 2018 (group).
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor
from ..backend import norms
from ..backend.kernels import elementwise
from .arguments import as_flag, as_number, check_dtypes, raw
from .elementwise import sqrt
from .reduce import sum
from .shape import broadcast_to, reshape

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
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
    **Shapes** x (N, C, *space), weight and bias (C,), (N, C) or None -> y like x; mean and (biased)
    var (1, C) or (N, groups).
    **Saved** x, weight, bias, mean and var.
    **Numerics** Two passes: the variance comes from centred values. For channels-last images and on
    a GPU, `backend/norms.py` evaluates the formula, and the rule.
    """
    if fast := norms.fast_form(x):
        return fast.channel_norm(x, weight, bias, groups=groups, eps=eps)
    num_channels = x.shape[1]
    m = max(_count(x.shape, groups), 1)  # images without pixels have sums of 0: avoid 0/0
    mean = _pool(_sum_over_space(x), groups) / m
    centred = x - _over_space(_unpool(mean, num_channels, groups), x.ndim)
    var = _pool(_sum_over_space(centred * centred), groups) / m
    scale = _unpool((var + eps) ** -0.5, num_channels, groups)
    scale = scale if weight is None else scale * weight
    centred *= _over_space(scale, x.ndim)
    if bias is not None:
        centred += _over_space(bias, x.ndim)
    return centred, mean, var


@channel_norm.vjp_joint("x", "weight", "bias")
def channel_norm_rule(g, needs, x, weight, bias, mean, var, groups, eps):
    """Return dx, dweight and dbias, see the module's docstring."""
    if fast := norms.fast_form(x, g[0]):
        return fast.channel_norm_gradients(g, needs, x, weight, bias, mean, var, groups, eps)
    g_y, g_mean, g_var = g
    num_channels, m = x.shape[1], max(_count(x.shape, groups), 1)
    centred = x - _over_space(_unpool(mean, num_channels, groups), x.ndim)
    sum_g, sum_gc = _sum_over_space(g_y), _sum_over_space(g_y * centred)  # (N, C) each
    rstd = (var + eps) ** -0.5
    r = _unpool(rstd, num_channels, groups)
    dx = None
    if needs[0]:  # alpha g + beta c + const, see the module's docstring
        w = 1.0 if weight is None else weight
        alpha = r * w
        mean_h, mean_hc = _pool(sum_g * w, groups) / m, _pool(sum_gc * w, groups) / m  # h = w g
        beta = _unpool(2.0 * g_var / m - rstd**3 * mean_hc, num_channels, groups)
        const = _unpool(g_mean / m - rstd * mean_h, num_channels, groups)
        dx = (
            g_y * _over_space(alpha, x.ndim)
            + centred * _over_space(beta, x.ndim)
            + _over_space(const, x.ndim)
        )
    return dx, sum_gc * r, sum_g  # the engine sums the last two over N if weight and bias are (C,)


def batch_norm(
    x,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
):
    """Normalize each channel over the batch and space, as PyTorch's function of this name.

    In training the statistics are those of the batch. The running statistics, if there are any, are
    then updated in place:

        running_mean <- (1 - momentum) running_mean + momentum mean
        running_var <- (1 - momentum) running_var + momentum var m / (m - 1)

    with m values per channel. The factor m / (m - 1) makes var the unbiased estimate. In evaluation
    the running statistics are used as they are.

    **Math** y = w (x - mean) / sqrt(var + eps) + bias. Through the statistics of a batch: see the
    module's docstring.
    **Shapes** x (N, C, *space), all others (C,) or None -> y like x.

    Parameters
    ----------
    x : (N, C, *space)
    running_mean, running_var : (C,), or both None
        None in training if no running statistics are wanted.
    weight, bias : (C,) or None
    training : bool
        Whether to use the statistics of the batch.
    momentum : float
        The weight of the newest batch in the running statistics.
    eps : float
        It is added to the variance.

    Raises
    ------
    ValueError
        In training on one value per channel: its variance is 0 whatever x is, and so would be every
        gradient. In evaluation without running statistics.
    """
    _check("batch_norm", x, weight, bias, running_mean, running_var)
    if not as_flag("batch_norm", "training", training):
        return _normalize_by_running("batch_norm", x, running_mean, running_var, weight, bias, eps)
    m = _count(x.shape, None)
    if m < 2:
        problem = "one value per channel, whose variance is 0" if m else "no value to average"
        raise ValueError(
            f"batch_norm: x {x.shape} has {problem}: give a larger batch, or use the running "
            "statistics (training=False; eval() of a layer)"
        )
    y, mean, var = channel_norm(x, weight, bias, eps=eps)
    if running_mean is not None:
        _update(running_mean, running_var, raw(mean)[0], raw(var)[0], m, momentum)
    return y


def _update(running_mean, running_var, mean, var, m: int, momentum: float) -> None:
    """Average statistics of m values into the running ones, in place."""
    # var divides by m; m / (m - 1) makes it the unbiased estimate
    var_momentum = momentum * m / (m - 1)
    _average(mean, var, momentum, var_momentum, raw(running_mean), raw(running_var))
    for buffer in (running_mean, running_var):
        if isinstance(buffer, Tensor):
            buffer.touch()


@elementwise(
    "T mean, T var, T momentum, T var_momentum",
    "T running_mean, T running_var",
    """
    running_mean = (1 - momentum) * running_mean + momentum * mean;
    running_var = (1 - momentum) * running_var + var_momentum * var;
    """,
)
def _average(mean, var, momentum, var_momentum, running_mean, running_var):
    running_mean[...] = (1 - momentum) * running_mean + momentum * mean
    running_var[...] = (1 - momentum) * running_var + var_momentum * var


def _normalize_by_running(function: str, x, mean, var, weight, bias, eps: float):
    """Return w (x - mean) / sqrt(var + eps) + bias with given statistics (C,)."""
    if mean is None:
        raise ValueError(
            f"{function}: in evaluation the statistics are running_mean and running_var: give "
            "them, or use those of the batch"
        )
    scale = 1.0 / sqrt(var + as_number(eps))
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    column = (x.shape[1], *[1] * (x.ndim - 2))
    return x * reshape(scale, shape=column) + reshape(shift, shape=column)


def group_norm(x, num_groups: int, weight=None, bias=None, eps: float = 1e-5):
    """Normalize each example over space and over the channels of a group.

    **Math** in the module's docstring.
    **Shapes** x (N, C, *space), weight and bias (C,) or None -> y like x. num_groups divides C.
    """
    check_group_norm("group_norm", x, num_groups, weight, bias)
    return channel_norm(x, weight, bias, groups=num_groups, eps=eps)[0]


def check_group_norm(function: str, x, num_groups: int, weight, bias) -> None:
    """Raise TypeError or ValueError if the arguments of a group norm do not fit together."""
    _check(function, x, weight, bias)
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(
            f"{function}: {x.shape[1]} channels do not divide into num_groups={num_groups}"
        )
    if _count(x.shape, num_groups) == 1:
        raise ValueError(
            f"{function}: x {x.shape} in {num_groups} groups has one value per group, whose "
            "variance is 0; use fewer groups or a larger image"
        )


def instance_norm(
    x,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
):
    """Normalize each channel of each example over space: `group_norm` with C groups.

    The running statistics, if there are any, are updated in place, as those of `batch_norm`, by the
    mean over the batch of the statistics of its examples. With use_input_stats=False they are the
    statistics.

    **Shapes** x (N, C, *space), all others (C,) or None -> y like x.
    """
    _check("instance_norm", x, weight, bias, running_mean, running_var)
    if not as_flag("instance_norm", "use_input_stats", use_input_stats):
        return _normalize_by_running(
            "instance_norm", x, running_mean, running_var, weight, bias, eps
        )
    m = _count(x.shape, x.shape[1])
    if m == 1:
        raise ValueError(
            f"instance_norm: x {x.shape} has one value per instance, whose variance is 0; "
            "it needs more than one pixel"
        )
    y, mean, var = channel_norm(x, weight, bias, groups=x.shape[1], eps=eps)
    if running_mean is not None:
        mean, var = raw(mean).mean(axis=0), raw(var).mean(axis=0)
        _update(running_mean, running_var, mean, var, m, momentum)
    return y


def _check(function: str, x, weight, bias, running_mean=None, running_var=None) -> None:
    channels = {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }
    check_dtypes(function, x=x, **channels)
    if x.ndim < 2:
        raise ValueError(f"{function}: x must have axes (N, C, ...), not {x.shape}")
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{function}: give both running_mean and running_var, or neither")
    for name, v in channels.items():
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
    if fast := norms.gpu_form(x):
        return fast.trailing_norm(x, weight, bias, dims=dims, eps=eps)
    axes = tuple(range(-dims, 0))
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    var = (centred * centred).mean(axis=axes, keepdims=True)
    y = centred * (var + eps) ** -0.5
    y = y if weight is None else y * weight
    return y if bias is None else y + bias, mean, var


@trailing_norm.vjp_joint("x", "weight", "bias")
def _trailing_norm_rule(g, needs, x, weight, mean, var, dims, eps):
    if fast := norms.gpu_form(x, g[0]):
        return fast.trailing_norm_gradients(g, needs, x, weight, mean, var, dims, eps)
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


def layer_norm(x, normalized_shape, weight=None, bias=None, eps: float = 1e-5):
    """Normalize over the last axes.

    **Math** in the module's docstring.
    **Shapes** x (..., *normalized_shape), weight and bias of normalized_shape or None -> y like x.
    normalized_shape is an integer or a tuple.
    """
    check_dtypes("layer_norm", x=x, weight=weight, bias=bias)
    is_number = isinstance(normalized_shape, (int, np.integer))
    shape = (normalized_shape,) if is_number else tuple(normalized_shape)
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
