"""Convolution of arrays of any library, CuPy's among them: every window is laid out as a row ("im2col"), then multiplied.

`conv.py` says what the three functions compute.
"""

from __future__ import annotations

from typing import Any

from .arrays import array_module

__all__ = ["conv", "conv_transpose", "conv_weight"]

Array = Any
Pair = tuple[int, int]


def conv(x: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, size: Pair) -> Array:
    """x (N, C, H, W) and w (O, C/groups, kh, kw) to y (N, O, Ho, Wo); bias (O,) is added to each channel."""
    xp = array_module(x, w, bias)
    n, o = len(x), len(w)
    kernel = w.reshape(groups, o // groups, w.shape[1] * w.shape[2] * w.shape[3])  # (G, O/G, C/G kh kw)
    rows = _columns(x, w.shape[2:], size, stride, padding, dilation, groups)  # (N, G, C/G, kh, kw, Ho, Wo)
    y = xp.matmul(kernel, rows.reshape(n, groups, kernel.shape[2], size[0] * size[1]))  # (N, G, O/G, Ho Wo)
    y = y.reshape(n, o, *size)
    return y if bias is None else y + bias.reshape(o, 1, 1)


def conv_transpose(
    g: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, size: Pair
) -> Array:
    """The adjoint of `conv` in x: g (N, O, Ho, Wo) and w (O, C/groups, kh, kw) to (N, C, *size); bias (C,) is added to each channel."""
    xp = array_module(g, w, bias)
    (n, o, ho, wo), (kh, kw) = g.shape, w.shape[2:]
    c = w.shape[1] * groups
    kernel = w.reshape(groups, o // groups, w.shape[1] * kh * kw).swapaxes(1, 2)  # (G, C/G kh kw, O/G)
    rows = xp.matmul(kernel, g.reshape(n, groups, o // groups, ho * wo))  # what each window receives
    rows = rows.reshape(n, c, kh, kw, ho, wo)
    x = xp.zeros((n, c, *size), xp.result_type(g, w))
    if bias is not None:
        x += bias.reshape(c, 1, 1)
    for i in range(kh):
        for j in range(kw):
            (ys, os), (xs, ps) = (_tap(t, (ho, wo)[a], size[a], stride[a], padding[a], dilation[a]) for a, t in ((0, i), (1, j)))
            x[:, :, ys, xs] += rows[:, :, i, j, os, ps]
    return x


def conv_weight(x: Array, g: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """The adjoint of `conv` in w: x (N, C, H, W) and g (N, O, Ho, Wo) to (O, C/groups, *kernel)."""
    xp = array_module(x, g)
    (n, o, ho, wo), c = g.shape, x.shape[1] // groups
    rows = _columns(x, kernel, (ho, wo), stride, padding, dilation, groups)  # (N, G, C/G, kh, kw, Ho, Wo)
    rows = rows.transpose(1, 0, 5, 6, 2, 3, 4).reshape(groups, n * ho * wo, c * kernel[0] * kernel[1])
    g = g.reshape(n, groups, o // groups, ho * wo).transpose(1, 2, 0, 3).reshape(groups, o // groups, n * ho * wo)
    return xp.matmul(g, rows).reshape(o, c, *kernel)


def _columns(x: Array, kernel: Pair, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """The windows of x: (N, G, C/G, kh, kw, Ho, Wo), the element under tap (i, j) of the window at (y, x). A new array."""
    xp = array_module(x)
    n, c = x.shape[:2]
    rows = xp.zeros((n, groups, c // groups, *kernel, *size), x.dtype)
    x = x.reshape(n, groups, c // groups, *x.shape[2:])
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            (ys, os), (xs, ps) = (_tap(t, size[a], x.shape[3 + a], stride[a], padding[a], dilation[a]) for a, t in ((0, i), (1, j)))
            rows[:, :, :, i, j, os, ps] = x[:, :, :, ys, xs]
    return rows


def _tap(t: int, outputs: int, inputs: int, stride: int, padding: int, dilation: int) -> tuple[slice, slice]:
    """The inputs i = s o + d t - p that tap t touches and lie in bounds, and the outputs o they belong to: two slices of one length."""
    shift = dilation * t - padding
    first = max(0, -(shift // stride))  # the least o with s o + shift >= 0
    last = min(outputs, (inputs - 1 - shift) // stride + 1)  # one past the greatest o with s o + shift < inputs
    last = max(first, last)
    start = first * stride + shift
    return slice(start, start + (last - first) * stride, stride), slice(first, last)
