"""Convolution of arrays of any library that follows NumPy's interface, CuPy's among them.

Every window of the input is copied into a column of a matrix (im2col), then multiplied with the
kernel. All windows are copied at once, in NCHW order, with one operation for each tap of the
kernel.

The formulas below are those of `conv.py`, which defines their symbols s, d, p, i, o and t.
"""

from __future__ import annotations

from typing import Any

from .arrays import array_module
from .windows import ConvSettings, Pair, taps

__all__ = ["conv", "conv_transpose", "conv_weight"]

Array = Any  # cupy.ndarray, or a registered type


def conv(x: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair) -> Array:
    """Compute y[o] = bias + sum_t w[t] x[s o + d t - p], in the symbols of `conv.py`.

    **Shapes** x (N, C, H, W), w (O, C/G, kh, kw), bias (O,) or None -> (N, O, *size).
    """
    xp, groups = array_module(x, w, bias), settings.groups
    n, (o, c, kh, kw) = len(x), w.shape
    columns = _columns(x, (kh, kw), size, settings)  # (N, G, C/G, kh, kw, Ho, Wo)
    columns = columns.reshape(n, groups, c * kh * kw, size[0] * size[1])
    kernel = w.reshape(groups, o // groups, c * kh * kw)
    y = xp.matmul(kernel, columns).reshape(n, o, *size)  # (N, G, O/G, Ho Wo), then NCHW
    return y if bias is None else y + bias.reshape(o, 1, 1)


def conv_transpose(
    y: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair
) -> Array:
    """Compute x[i] = bias + sum w[t] y[o] over s o + d t - p = i: each y[o] adds to its window.

    **Shapes** y (N, O, Ho, Wo), w (O, C/G, kh, kw), bias (C,) or None -> (N, C, *size).
    """
    xp, groups = array_module(y, w, bias), settings.groups
    (n, o, ho, wo), (kh, kw), c = y.shape, w.shape[2:], w.shape[1] * groups
    kernel = w.reshape(groups, o // groups, w.shape[1] * kh * kw).swapaxes(1, 2)
    y = y.reshape(n, groups, o // groups, ho * wo)
    columns = xp.matmul(kernel, y).reshape(n, c, kh, kw, ho, wo)  # what each window receives
    x = xp.zeros((n, c, *size), xp.result_type(y, w))
    if bias is not None:
        x += bias.reshape(c, 1, 1)
    windows = range(ho), range(wo)
    for (i, j), (ys, xs), (os, ps) in taps((kh, kw), *settings[:3], size, windows):
        x[:, :, ys, xs] += columns[:, :, i, j, os, ps]
    return x


def conv_weight(x: Array, y: Array, kernel: Pair, settings: ConvSettings) -> Array:
    """Compute w[t] = sum_o y[o] x[s o + d t - p], in the symbols of `conv.py`.

    **Shapes** x (N, C, H, W), y (N, O, Ho, Wo) -> (O, C/G, *kernel).
    """
    xp, groups = array_module(x, y), settings.groups
    (n, o, ho, wo), c = y.shape, x.shape[1] // groups
    columns = _columns(x, kernel, (ho, wo), settings)  # (N, G, C/G, kh, kw, Ho, Wo)
    columns = columns.transpose(1, 0, 5, 6, 2, 3, 4)
    columns = columns.reshape(groups, n * ho * wo, c * kernel[0] * kernel[1])
    y = y.reshape(n, groups, o // groups, ho * wo).transpose(1, 2, 0, 3)
    y = y.reshape(groups, o // groups, n * ho * wo)
    return xp.matmul(y, columns).reshape(o, c, *kernel)


def _columns(x: Array, kernel: Pair, size: Pair, settings: ConvSettings) -> Array:
    """Return the windows of x in a new array: (N, G, C/G, kh, kw, Ho, Wo)."""
    xp, groups = array_module(x), settings.groups
    n, c, height, width = x.shape
    columns = xp.zeros((n, groups, c // groups, *kernel, *size), x.dtype)
    x = x.reshape(n, groups, c // groups, height, width)
    windows = range(size[0]), range(size[1])
    for (i, j), (ys, xs), (os, ps) in taps(kernel, *settings[:3], (height, width), windows):
        columns[:, :, :, i, j, os, ps] = x[:, :, :, ys, xs]
    return columns
