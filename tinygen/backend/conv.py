"""Convolution of arrays, without derivatives: NumPy arrays go to `conv_cpu`, CuPy's to `conv_gpu`.

`ops/conv.py` defines the three functions and derives how each differentiates the others. In one
dimension, for one channel, with stride s, padding p and dilation d, they compute

    conv              y[o] = sum_t w[t] x[s o + d t - p]            (x is 0 outside its bounds)
    conv_transpose    x[i] = sum w[t] y[o] over all (o, t) with s o + d t - p = i
    conv_weight       w[t] = sum_o y[o] x[s o + d t - p]

Here i is a position in x, o a position in y, and t a tap of the kernel, that is, a position in w.

Shapes are logical NCHW. `size` is the height and width of the result. A one-dimensional convolution
is one of height 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import conv_cpu, conv_gpu
from .windows import ConvSettings, Pair

__all__ = ["conv", "conv_transpose", "conv_weight"]

Array = Any  # np.ndarray or cupy.ndarray


def conv(x: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair) -> Array:
    """Convolve x with w.

    **Shapes** x (N, C, H, W), w (O, C/groups, kh, kw), bias (O,) or None -> (N, O, *size).
    """
    return _library(x).conv(x, w, bias, settings, size)


def conv_transpose(
    y: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair
) -> Array:
    """Apply the adjoint of `conv` in x.

    **Shapes** y (N, O, Ho, Wo), w (O, C/groups, kh, kw), bias (C,) or None -> (N, C, *size).
    """
    return _library(y).conv_transpose(y, w, bias, settings, size)


def conv_weight(x: Array, y: Array, kernel: Pair, settings: ConvSettings) -> Array:
    """Apply the adjoint of `conv` in w.

    **Shapes** x (N, C, H, W), y (N, O, Ho, Wo) -> (O, C/groups, *kernel).
    """
    return _library(x).conv_weight(x, y, kernel, settings)


def _library(array: Array) -> Any:
    """Return the module that convolves arrays of this type."""
    return conv_cpu if isinstance(array, np.ndarray) else conv_gpu
