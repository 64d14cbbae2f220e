"""Convolution, its transpose, and its weight gradient: three primitives whose rules are one another.

With stride s, padding p, dilation d (one dimension, one channel, x zero outside its bounds), a convolution is linear in x and in w:

    y[o] = sum_t w[t] x[s o + d t - p].

Pair y with any cotangent g. The number  T(x, w, g) = sum_{o,t} g[o] w[t] x[s o + d t - p]  is linear in each of the three, so each partial
derivative is what is left when one letter is taken out:

    dT/dg = conv2d(x, w)               the forward
    dT/dx = conv_transpose2d(g, w)     x[i] = sum of g[o] w[t] over all s o + d t - p = i: a window scatters where it once gathered
    dT/dw = conv2d_weight(x, g)        w[t] = sum_o g[o] x[s o + d t - p]

Hence the transposed convolution *is* the transpose of the convolution, <conv(x, w), g> = <x, conv_transpose(g, w)> = <w, conv_weight(x, g)>, and
since the derivative of any of the three is again two of the three, no further code serves any order of derivative. ("Convolution" here is what
mathematics calls cross-correlation, as everywhere in deep learning.)

The bias is an argument of the first two, because a separate addition over a large activation costs a pass over memory. The arithmetic itself is in
`backend/conv.py`: here are meaning, rules and the checks of what comes in.

Source: Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning (arXiv:1603.07285).
"""

from __future__ import annotations

import operator

import numpy as np

from ..autograd.primitive import primitive
from ..backend import conv as kernels
from .reduce import sum
from .shape import reshape

__all__ = ["conv1d", "conv2d", "conv2d_weight", "conv_transpose1d", "conv_transpose2d"]


@primitive
def conv2d(x, w, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """2-D convolution.

    **Math** y[n, o] = bias[o] + sum_c w[o, c] * x[n, c], * the strided, dilated correlation of the module's docstring.
    dx = conv_transpose2d(g, w) to x's size; dw = conv2d_weight(x, g); dbias = g summed over n, y and x.
    **Shapes** x (N, C, H, W), w (O, C/groups, kh, kw), bias (O,) or None -> (N, O, Ho, Wo), Ho = (H + 2p - d (kh - 1) - 1) // s + 1, floor. With groups,
    the channels of x and of y are cut into that many equal groups and each is convolved apart; groups = C is the depthwise convolution.
    Settings are a number or a pair (height, width).
    **Saved** x and w, each only if the other's gradient is wanted.
    """
    stride, padding, dilation = _settings("conv2d", stride, padding, dilation)
    _check_arrays("conv2d", x, w, bias, groups, channels=w.shape[1] * groups if w.ndim == 4 else 0, outputs=len(w))
    size = kernels.output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    if 0 in size:
        raise ValueError(f"conv2d: kernel {w.shape[2:]} with dilation {dilation} does not fit into x {x.shape} padded by {padding}; pad more or shrink it")
    return kernels.conv(x, w, bias, stride, padding, dilation, groups, size)


@primitive
def conv_transpose2d(x, w, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1, size=None):
    """2-D transposed convolution: the adjoint of `conv2d` in its input, used forward, as a learned upsampling.

    **Math** <conv_transpose2d(x, w), z> = <x, conv2d(z, w)> for every z; bias is added afterwards. dx = conv2d(g, w); dw = conv2d_weight(g, x), for here g
    stands where the convolution had its input; dbias = g summed over n, y and x.
    **Shapes** x (N, C, H, W), w (C, O/groups, kh, kw), bias (O,) or None -> (N, O, Ho, Wo), Ho = (H - 1) s - 2p + d (kh - 1) + 1 + output_padding. A
    convolution with stride s maps s sizes to one, so its transpose must be told which: by output_padding in [0, s), or by `size` = (Ho, Wo).
    **Saved** x and w, each only if the other's gradient is wanted.
    """
    stride, padding, dilation = _settings("conv_transpose2d", stride, padding, dilation)
    _check_arrays("conv_transpose2d", x, w, bias, groups, channels=len(w), outputs=w.shape[1] * groups if w.ndim == 4 else 0)
    size = size if size is None else _pair("conv_transpose2d", "size", size, 1)
    least = tuple((x.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (w.shape[2 + i] - 1) + 1 for i in (0, 1))
    extra = _pair("conv_transpose2d", "output_padding", output_padding, 0) if size is None else tuple(n - m for n, m in zip(size, least))
    if any(not 0 <= e < s for e, s in zip(extra, stride)):
        asked = "" if size is None else f" (for size {size}; without it the size is {least})"
        raise ValueError(f"conv_transpose2d: output_padding {extra} must be at least 0 and less than the stride {stride}{asked}")
    size = (least[0] + extra[0], least[1] + extra[1])
    if min(size) < 1:
        raise ValueError(f"conv_transpose2d: the result would have size {size}: padding {padding} cuts away all of it")
    return kernels.conv_transpose(x, w, bias, stride, padding, dilation, groups, size)


@primitive
def conv2d_weight(x, g, *, kernel, stride=1, padding=0, dilation=1, groups=1):
    """The adjoint of `conv2d` in its weight: how much each tap of a (kh, kw) `kernel` correlates x with g.

    **Math** <conv2d_weight(x, g), w> = <conv2d(x, w), g> for every w. With cotangent h: dx = conv_transpose2d(g, h) to x's size; dg = conv2d(x, h).
    **Shapes** x (N, C, H, W), g (N, O, Ho, Wo) -> (O, C/groups, kh, kw).
    **Saved** x and g, each only if the other's gradient is wanted.
    """
    stride, padding, dilation = _settings("conv2d_weight", stride, padding, dilation)
    kernel = _pair("conv2d_weight", "kernel", kernel, 1)
    if x.ndim != 4 or g.ndim != 4 or len(x) != len(g) or x.shape[1] % groups or g.shape[1] % groups:
        raise ValueError(f"conv2d_weight: x {x.shape} and g {g.shape} must be (N, C, H, W) and (N, O, Ho, Wo), C and O divisible by groups={groups}")
    if (size := kernels.output_size(x.shape[2:], kernel, stride, padding, dilation)) != g.shape[2:]:
        raise ValueError(f"conv2d_weight: a convolution of x {x.shape} with a {kernel} kernel gives {size}, but g is {g.shape}")
    return kernels.conv_weight(x, g, kernel, stride, padding, dilation, groups)


# Each of the six is another of the three with the letters moved: its first argument is the cotangent of what it is the rule of.


def _conv2d_dx(g, w, x_shape, stride, padding, dilation, groups):
    return conv_transpose2d(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups, size=x_shape[2:])


def _conv2d_dw(g, x, w_shape, stride, padding, dilation, groups):
    return conv2d_weight(x, g, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups)


def _transpose_dx(g, w, stride, padding, dilation, groups):
    return conv2d(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _transpose_dw(g, x, w_shape, stride, padding, dilation, groups):
    return conv2d_weight(g, x, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups)


def _weight_dx(h, g, x_shape, stride, padding, dilation, groups):
    return conv_transpose2d(g, h, stride=stride, padding=padding, dilation=dilation, groups=groups, size=x_shape[2:])


def _weight_dg(h, x, stride, padding, dilation, groups):
    return conv2d(x, h, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _dbias(g):
    return sum(g, axis=(0, 2, 3))


conv2d.vjp(x=_conv2d_dx, w=_conv2d_dw, bias=_dbias)
conv_transpose2d.vjp(x=_transpose_dx, w=_transpose_dw, bias=_dbias)
conv2d_weight.vjp(x=_weight_dx, g=_weight_dg)


def conv1d(x, w, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """1-D convolution: `conv2d` of height one. x (N, C, L), w (O, C/groups, k), bias (O,) or None -> (N, O, Lo), Lo = (L + 2p - d (k - 1) - 1) // s + 1."""
    x, w = _as_2d("conv1d", x, w)
    y = conv2d(x, w, bias, stride=(1, stride), padding=(0, padding), dilation=(1, dilation), groups=groups)
    return reshape(y, shape=(*y.shape[:2], y.shape[3]))


def conv_transpose1d(x, w, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """1-D transposed convolution: `conv_transpose2d` of height one. x (N, C, L), w (C, O/groups, k), bias (O,) or None -> (N, O, Lo)."""
    x, w = _as_2d("conv_transpose1d", x, w)
    y = conv_transpose2d(
        x, w, bias, stride=(1, stride), padding=(0, padding), output_padding=(0, output_padding), dilation=(1, dilation), groups=groups
    )
    return reshape(y, shape=(*y.shape[:2], y.shape[3]))


def _as_2d(name, x, w):
    if x.ndim != 3 or w.ndim != 3:
        raise ValueError(f"{name}: x {x.shape} and w {w.shape} must have three axes: (N, C, L) and (O, C/groups, k)")
    return (reshape(a, shape=(a.shape[0], a.shape[1], 1, a.shape[2])) for a in (x, w))


def _pair(name: str, what: str, value, least: int) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or any(not isinstance(v, (int, np.integer)) or v < least for v in pair):
        raise ValueError(f"{name}: {what} must be a whole number of at least {least} or a pair of them (height, width), not {value!r}")
    return operator.index(pair[0]), operator.index(pair[1])


def _settings(name: str, stride, padding, dilation):
    return _pair(name, "stride", stride, 1), _pair(name, "padding", padding, 0), _pair(name, "dilation", dilation, 1)


def _check_arrays(name: str, x, w, bias, groups: int, channels: int, outputs: int) -> None:
    """x must have `channels`, w and the groups must go with it, and there must be a bias for each of the `outputs` channels."""
    if x.ndim != 4 or w.ndim != 4:
        raise ValueError(f"{name}: x {x.shape} and w {w.shape} must have four axes: (N, C, H, W), and a weight with (kh, kw) last")
    if not isinstance(groups, (int, np.integer)) or groups < 1 or channels % groups or outputs % groups:
        raise ValueError(f"{name}: groups={groups} must divide the {channels} input and {outputs} output channels that w {w.shape} implies")
    if x.shape[1] != channels:
        raise ValueError(f"{name}: x has {x.shape[1]} channels but w {w.shape} takes {channels // groups} per group; groups={groups}")
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(f"{name}: bias has shape {bias.shape}, the result {outputs} channels: give a bias of shape ({outputs},) or None")
    dtypes = {a.dtype for a in (x, w, bias) if a is not None}
    if len(dtypes) > 1 or x.dtype.kind != "f":
        raise TypeError(f"{name}: x, w and bias must share one floating-point dtype, not {', '.join(sorted(map(str, dtypes)))}; convert with astype")
