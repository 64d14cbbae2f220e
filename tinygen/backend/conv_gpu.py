"""Convolution of CuPy arrays: one kernel copies all windows, one matrix product does the rest.

The C/G kh kw elements of a window become a column of a matrix (`im2col_gpu.py`), and the product of
the weights with this matrix is the convolution. The transposed convolution goes backwards: a
product gives the columns, and each pixel is the sum of its elements in all columns.

For example, two images (2, 3, 8, 8) and 5 filters of 4x4, with stride 2 and padding 1:

    x                  (2, 3, 8, 8)              each image has 4x4 windows
    columns            (2, 3, 4, 4, 4, 4)        axes N, C, kh, kw, Ho, Wo
    as matrices        (2, 48, 16)               a column of 3 * 4 * 4 elements for each window
    weights            (5, 48)                   from (5, 3, 4, 4)
    their products     (2, 5, 16)                the same memory as y (2, 5, 4, 4)

(In this file, "kernel" in the prose is a function of the GPU. The variable `kernel` is the pair
kh, kw, the size of a convolution's kernel.)

**Two orders.** Images are in NCHW order. The columns lie in one of two orders:

- images first, (N, C kh kw, Ho Wo): there is a product for each image, whose result is NCHW;
- channels first, (C kh kw, N Ho Wo): there is one product for the batch, or one for each group, but
  y has to be copied from or to NCHW.

Without groups, `conv` and `conv_transpose` take images first. With groups, there would be a product
for each image and each group. cuBLAS accepts one stride from product to product, and these need
two. So they take channels first.

`conv_weight` always takes channels first. Its result is a sum over the images. With images first,
the products would be N weight gradients, N O C kh kw numbers, to be added up. With channels first,
the product sums over the images, too. It needs a copy of y, N O Ho Wo numbers, which are mostly
fewer.

**Launches.** A convolution with a bias takes 3, for the bias, the columns and the product. Its
gradient in x takes 2, that in w takes 3.

The formulas are those of `conv.py`, which defines their symbols s, d, p, i, o and t.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arrays import array_module
from .im2col_gpu import copy_windows, sum_windows
from .products_gpu import batched_matmul
from .windows import ConvSettings, Pair, is_one_window

__all__ = ["conv", "conv_transpose", "conv_weight"]

Array = Any  # cupy.ndarray

# If the columns have more bytes, they are made for a part of the batch at a time. With a memory of
# 2 TB/s it takes 0.13 ms to write so many, much longer than a launch. Larger parts save no time.
MAX_BYTES = 1 << 28


def conv(x: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair) -> Array:
    """Compute y[o] = bias + sum_t w[t] x[s o + d t - p], in the symbols of `conv.py`.

    **Shapes** x (N, C, H, W), w (O, C/G, kh, kw), bias (O,) or None -> (N, O, *size).
    """
    kernel, groups = w.shape[2:], settings.groups
    weights = _weight_matrices(w, groups)
    y = array_module(x, w, bias).empty((len(x), len(w), *size), np.result_type(x.dtype, w.dtype))
    if groups > 1:
        shift = 0 if bias is None else bias.reshape(-1, 1, 1)
        for part in _parts(x, kernel, size):
            columns = copy_windows(x[part], kernel, settings, size, channels_first=True)
            z = batched_matmul(weights, _group_matrices(columns, groups))
            z = z.reshape(len(w), *columns.shape[3:])  # (O, N, Ho, Wo)
            np.add(z.transpose(1, 0, 2, 3), shift, out=y[part])
        return y
    add = _fill(y, bias)
    if is_one_window(x.shape[2:], size, kernel, settings):
        batched_matmul(_rows(x), weights[0].T, _rows(y), add)
        return y
    for part in _parts(x, kernel, size):
        columns = x[part]
        if not _is_pixelwise(kernel, settings):
            columns = copy_windows(columns, kernel, settings, size, channels_first=False)
        batched_matmul(weights[0], _image_matrices(columns), _image_matrices(y[part]), add)
    return y


def conv_transpose(
    y: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair
) -> Array:
    """Compute x[i] = bias + sum w[t] y[o] over s o + d t - p = i, in the symbols of `conv.py`.

    **Shapes** y (N, O, Ho, Wo), w (O, C/G, kh, kw), bias (C,) or None -> (N, C, *size).
    """
    kernel, groups, windows = w.shape[2:], settings.groups, y.shape[2:]
    weights, c = _weight_matrices(w, groups), w.shape[1] * groups
    x = array_module(y, w, bias).empty((len(y), c, *size), np.result_type(y.dtype, w.dtype))
    if is_one_window(size, windows, kernel, settings):
        batched_matmul(_rows(y), weights[0], _rows(x), add=_fill(x, bias))
        return x
    if _is_pixelwise(kernel, settings):
        add = _fill(x, bias)
        batched_matmul(weights[0].T, _image_matrices(y), _image_matrices(x), add)
        return x
    for part in _parts(x, kernel, windows):
        images = y[part]
        if groups == 1:
            columns = batched_matmul(weights[0].T, _image_matrices(images))
            columns = columns.reshape(len(images), c, *kernel, *windows)
        else:
            images = images.transpose(1, 0, 2, 3)  # (O, N, Ho, Wo)
            columns = batched_matmul(weights.swapaxes(1, 2), _group_matrices(images, groups))
            columns = columns.reshape(c, *kernel, *images.shape[1:])
        sum_windows(columns, bias, settings, groups > 1, x[part])
    return x


def conv_weight(x: Array, y: Array, kernel: Pair, settings: ConvSettings) -> Array:
    """Compute w[t] = sum_o y[o] x[s o + d t - p], in the symbols of `conv.py`.

    **Shapes** x (N, C, H, W), y (N, O, Ho, Wo) -> (O, C/G, *kernel).
    """
    xp, groups, windows = array_module(x, y), settings.groups, y.shape[2:]
    allocate = xp.empty if len(x) else xp.zeros
    shape = (y.shape[1], x.shape[1] // groups, *kernel)
    w = allocate(shape, np.result_type(x.dtype, y.dtype))
    weights = _weight_matrices(w, groups)
    if is_one_window(x.shape[2:], windows, kernel, settings):
        batched_matmul(_rows(y).T, _rows(x), out=weights[0])
        return w
    for part in _parts(x, kernel, windows):
        columns = copy_windows(x[part], kernel, settings, windows, channels_first=True)
        columns = _group_matrices(columns, groups).swapaxes(1, 2)
        rows = _group_matrices(y[part].transpose(1, 0, 2, 3), groups)  # (G, O/G, N Ho Wo)
        batched_matmul(rows, columns, weights, add=part.start > 0)
    return w


def _parts(images: Array, kernel: Pair, windows: Pair) -> list[slice]:
    """Divide a batch so that neither the columns of a part nor its images exceed MAX_BYTES."""
    c, height, width = images.shape[1:]
    length = max(kernel[0] * kernel[1] * windows[0] * windows[1], height * width)
    size = max(1, MAX_BYTES // max(1, c * length * images.itemsize))
    return [slice(i, min(i + size, len(images))) for i in range(0, len(images), size)]


def _is_pixelwise(kernel: Pair, settings: ConvSettings) -> bool:
    """Return whether each pixel is a window, so that the images are the columns."""
    stride, padding, _, groups = settings
    return (kernel, stride, padding, groups) == ((1, 1), (1, 1), (0, 0), 1)


def _fill(images: Array, bias: Array | None) -> bool:
    """Fill the images with the bias, and return True; without a bias return False."""
    if bias is not None:
        images[...] = bias.reshape(-1, 1, 1)
    return bias is not None


def _weight_matrices(w: Array, groups: int) -> Array:
    """Return w (O, C/G, kh, kw) as (G, O/G, C/G kh kw)."""
    return w.reshape(groups, len(w) // groups, math.prod(w.shape[1:]))


def _rows(images: Array) -> Array:
    """Return images (N, C, H, W) as (N, C H W)."""
    return images.reshape(len(images), math.prod(images.shape[1:]))


def _image_matrices(a: Array) -> Array:
    """Return images (N, C, H, W) or columns (N, C, kh, kw, Ho, Wo) as (N, ..., pixels)."""
    return a.reshape(len(a), math.prod(a.shape[1:-2]), math.prod(a.shape[-2:]))


def _group_matrices(a: Array, groups: int) -> Array:
    """Return a (C, N, H, W) or (C, kh, kw, N, Ho, Wo) as (G, .../G, N pixels)."""
    return a.reshape(groups, math.prod(a.shape[:-3]) // groups, math.prod(a.shape[-3:]))
