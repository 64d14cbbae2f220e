"""Convolution on raw arrays: no Tensors, no derivatives. The three functions here are what `ops/conv.py` differentiates with.

With stride s, padding p and dilation d, in one dimension and for one channel, they are

    conv:            y[o] = sum_t  w[t] x[s o + d t - p]           (x is 0 outside its bounds)
    conv_transpose:  x[i] = sum    w[t] y[o]   over all (o, t) with s o + d t - p = i
    conv_weight:     w[t] = sum_o  y[o] x[s o + d t - p]

One trilinear form, sum over o and t of y[o] w[t] x[s o + d t - p], read in its three ways: each is the derivative of that sum by the
argument that it gives back. So the derivatives of any one are the other two, to every order.

All shapes are logical NCHW; settings are pairs (height, width); a 1-D convolution is one of height 1. `size` is the
size of the output, (Ho, Wo) of `conv` and (H, W) of `conv_transpose`. NumPy arrays go to `conv_cpu.py`, whose results are
NHWC in memory; all others to `conv_gpu.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import conv_cpu, conv_gpu

__all__ = ["conv", "conv_transpose", "conv_weight", "output_size"]

Array = Any
Pair = tuple[int, int]


def output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """How many windows fit into the padded input, each way; 0 if it is too small for one."""
    height, width = (max(0, (size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1) for i in (0, 1))
    return height, width


def conv(x: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, size: Pair) -> Array:
    """x (N, C, H, W) and w (O, C/groups, kh, kw) to y (N, O, *size); bias (O,) is added to each channel."""
    return _library(x).conv(x, w, bias, stride, padding, dilation, groups, size)


def conv_transpose(g: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, size: Pair) -> Array:
    """The adjoint of `conv` in x: g (N, O, Ho, Wo) and w (O, C/groups, kh, kw) to (N, C, *size); bias (C,) is added to each channel."""
    return _library(g).conv_transpose(g, w, bias, stride, padding, dilation, groups, size)


def conv_weight(x: Array, g: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """The adjoint of `conv` in w: x (N, C, H, W) and g (N, O, Ho, Wo) to (O, C/groups, *kernel)."""
    return _library(x).conv_weight(x, g, kernel, stride, padding, dilation, groups)


def _library(array: Array) -> Any:
    return conv_cpu if isinstance(array, np.ndarray) else conv_gpu
