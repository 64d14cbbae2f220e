"""Convolution of NumPy arrays: windows become rows of a matrix, and a matrix product does the rest.

`im2col.py` explains the columns and the chunks. Where `conv_winograd.choose_tile` finds it
faster, Winograd's algorithm takes over. Arrays are handled as NHWC; every result is a
logical NCHW view of NHWC memory, weights included. Inputs may have any layout, and are faster in
this one.

The formulas are those of `conv.py`, which defines their symbols s, d, p, i, o and t.

Letters in shapes: N images, C channels in, O channels out, G groups, (kh, kw) kernel, (Ho, Wo)
windows, m rows of the columns of one chunk.
"""

from __future__ import annotations

import numpy as np

from . import conv_winograd
from .conv_transpose_cpu import by_gather, by_scatter, is_scatter_faster
from .im2col import crop, divide_into_chunks, flatten_kernel, make_columns
from .products import add_product, multiply, right_factor
from .reductions import matmul
from .threads import parallel
from .windows import ConvSettings, Pair, is_one_window

__all__ = ["conv", "conv_transpose", "conv_weight"]

Array = np.ndarray


def conv(x: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair) -> Array:
    """Compute y[o] = bias + sum_t w[t] x[s o + d t - p], mostly as columns times kernel.

    **Shapes** x (N, C, H, W), w (O, C/G, kh, kw), bias (O,) or None -> (N, O, *size).
    """
    (n, c), o, kernel, groups = x.shape[:2], len(w), w.shape[2:], settings.groups
    dtype = np.result_type(x, w)
    if m := conv_winograd.choose_tile(dtype, n, c, o, kernel, settings, size):
        return conv_winograd.conv(x, w, bias, settings, size, m)
    x = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    if settings.stride == (1, 1) and is_scatter_faster(x.shape[1:3], c, o, kernel, settings, size):
        # With few output channels it is faster to transpose a convolution, see `_flip_kernel`.
        settings = _flip_settings(settings, kernel)
        return by_scatter(x, _flip_kernel(w, groups), bias, settings, size)
    matrix = right_factor(flatten_kernel(w, groups).transpose(0, 2, 1))  # (G, kh kw C/G, O/G)
    row_bytes = size[1] * kernel[0] * kernel[1] * c * dtype.itemsize
    chunks = divide_into_chunks(n, size[0], row_bytes)
    y = np.empty((n, *size, o), dtype)
    if not chunks:  # there is no window, or no channel to sum over
        y[...] = 0 if bias is None else bias

    def run(i: int) -> None:
        n0, n1, y0, y1 = chunks[i]
        columns = make_columns(x, chunks[i], size[1], kernel, settings, dtype)  # (G, m, kh kw C/G)
        out = y[n0:n1, y0:y1].reshape(columns.shape[1], groups, o // groups)  # (m, G, O/G), a view
        multiply(columns, matrix, out=out.transpose(1, 0, 2))
        if bias is not None:
            out += bias.reshape(groups, o // groups)

    parallel(run, len(chunks))
    return y.transpose(0, 3, 1, 2)


def conv_transpose(
    y: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair
) -> Array:
    """Compute x[i] = bias + sum w[t] y[o] over s o + d t - p = i, in the fastest way.

    One window is one product. Besides Winograd's algorithm there are gathering and scattering,
    which `conv_transpose_cpu.py` explains. Gathering needs stride 1 or dilation 1 along each axis.

    **Shapes** y (N, O, Ho, Wo), w (O, C/G, kh, kw), bias (C,) or None -> (N, C, *size).
    """
    (o, c), kernel = (w.shape[0], w.shape[1] * settings.groups), w.shape[2:]
    if is_one_window(size, y.shape[2:], kernel, settings):
        x = matmul(y.reshape(len(y), o), flatten_kernel(w, 1)[0]).reshape(len(y), *size, c)
        return (x if bias is None else x + bias).transpose(0, 3, 1, 2)
    if m := conv_winograd.choose_tile(
        np.result_type(y, w), len(y), c, o, kernel, settings, y.shape[2:]
    ):
        if settings.stride == (1, 1):
            flipped = _flip_kernel(w, 1)
            return conv_winograd.conv(y, flipped, bias, _flip_settings(settings, kernel), size, m)
        return conv_winograd.conv_transpose(y, w, bias, settings, size, m)
    can_gather = all(1 in (settings.stride[a], settings.dilation[a]) for a in (0, 1))
    scatter = is_scatter_faster(y.shape[2:], o, c, kernel, settings, size, len(y))
    way = by_gather if can_gather and not scatter else by_scatter
    return way(y.transpose(0, 2, 3, 1), w, bias, settings, size)


def conv_weight(x: Array, y: Array, kernel: Pair, settings: ConvSettings) -> Array:
    """Compute w[t] = sum_o y[o] x[s o + d t - p], in the symbols of `conv.py`.

    By columns, it is a matrix product, y^T times columns, summed over the chunks.

    **Shapes** x (N, C, H, W), y (N, O, Ho, Wo) -> (O, C/G, *kernel).
    """
    (n, c), (_, o, ho, wo), groups = x.shape[:2], y.shape, settings.groups
    if is_one_window(x.shape[2:], (ho, wo), kernel, settings):
        x = x.transpose(0, 2, 3, 1).reshape(n, kernel[0] * kernel[1] * c)
        return matmul(y.reshape(n, o).T, x).reshape(o, *kernel, c).transpose(0, 3, 1, 2)
    if m := conv_winograd.choose_tile(np.result_type(x, y), n, c, o, kernel, settings, (ho, wo)):
        return conv_winograd.conv_weight(x, y, kernel, settings, m)
    if settings.stride == (1, 1) and o < c:
        # y has fewer channels than x, so its columns are smaller. With i = o + d t - p, the sum is
        # w[t] = sum_i x[i] y[i - d t + p]: the same function of y and x, with the taps reversed.
        return _flip_kernel(conv_weight(y, x, kernel, _flip_settings(settings, kernel)), groups)
    dtype = np.result_type(x, y)
    x, y = x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)  # (N, H, W, C), (N, Ho, Wo, O)
    row_bytes = wo * kernel[0] * kernel[1] * c * dtype.itemsize
    chunks = divide_into_chunks(n, ho, row_bytes)
    num_sums = min(4, len(chunks))  # each sums some of the chunks; they are added in order
    row_length = kernel[0] * kernel[1] * c // groups
    sums = np.zeros((max(num_sums, 1), groups, o // groups, row_length), dtype)

    def run(i: int) -> None:
        for chunk in chunks[i * len(chunks) // num_sums : (i + 1) * len(chunks) // num_sums]:
            columns = make_columns(x, chunk, wo, kernel, settings, dtype)  # (G, m, kh kw C/G)
            rows = crop(y, chunk[:2], chunk[2:], (0, wo), dtype, "rows")
            rows = rows.reshape(columns.shape[1], groups, o // groups).transpose(1, 0, 2)
            add_product(sums[i], rows, columns)  # of (G, m, O/G) and (G, m, kh kw C/G)

    parallel(run, num_sums)
    for part in sums[1:]:
        sums[0] += part
    return sums[0].reshape(o, *kernel, c // groups).transpose(0, 3, 1, 2)


def _flip_kernel(w: Array, groups: int) -> Array:
    """Exchange the channels of w (O, C/G, kh, kw) and reverse its taps: (C, O/G, kh, kw).

    With stride 1, a transposed convolution is a convolution with the flipped kernel:

        x[i] = sum_t w[t] y[i - d t + p]                definition, o = i - d t + p
             = sum_t' w[k - 1 - t'] y[i + d t' - p']    with t = k - 1 - t', p' = d (k - 1) - p

    Conversely, a convolution is a transposed convolution with the flipped kernel.
    """
    o, c, kh, kw = w.shape
    rows = w.reshape(groups, o // groups, c, kh, kw)[..., ::-1, ::-1]
    rows = rows.transpose(0, 2, 3, 4, 1)  # (G, C/G, kh, kw, O/G)
    return rows.reshape(groups * c, kh, kw, o // groups).transpose(0, 3, 1, 2)


def _flip_settings(settings: ConvSettings, kernel: Pair) -> ConvSettings:
    """Return the settings for the flipped kernel: padding d (k - 1) - p.

    The padding is negative where p is larger than the kernel; then it crops.
    """
    padding = tuple(settings.dilation[a] * (kernel[a] - 1) - settings.padding[a] for a in (0, 1))
    return settings._replace(padding=padding)
