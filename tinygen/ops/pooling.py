"""Pooling: the mean or the maximum of each window of an image or a sequence.

With kernel size k, stride s, padding p and dilation d, window o reads along each axis the positions

    i = s o + d t - p,    t = 0 ... k - 1

**How many windows there are.** Along an axis of n elements, the last tap of window o must lie
inside the padded input, so s o + d (k - 1) - p <= n - 1 + p. The number of such windows is

    floor((n + 2p - d (k - 1) - 1) / s) + 1

What is left behind the last window is not read. With `ceil_mode` the quotient is rounded up instead
of down: one more window reads the rest, and its last taps lie behind the padded input. It is left
out if it would begin in the padding behind the input, at s o - p >= n.

**The divisor of the mean.** A window is divided by one of the following numbers. Each is a product
of one factor for each axis, the length of an interval of positions:

    default                     from s o - p to min(s o - p + k, n + p): zeros of the padding count,
                                but not what `ceil_mode` adds behind the padding
    count_include_pad=False     the part of it from 0 to n: only pixels count
    divisor_override            this number

The mean stays linear in x, y = c sum_pool(x), with one constant c[o] for each window. So its rule
multiplies the cotangent by c, too: dx = sum_unpool(c g). The sums are in `windows.py`.

**Source** PyTorch's documentation of MaxPool2d and AvgPool2d; ATen/native/Pool.h and
ATen/native/cpu/AvgPoolKernel.cpp have the rules of `ceil_mode` and of the divisor.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..backend import array_module
from .arguments import as_flag, as_pair, check_dtypes, check_floating, raw
from .elementwise import multiply
from .layout import as_images, from_images
from .separable import resize
from .windows import Windows, max_pool, pixel_numbers, sum_pool

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "max_pool1d",
    "max_pool2d",
]

Array = Any  # np.ndarray, cupy.ndarray or Tensor
Pair = tuple[int, int]  # (height, width)

# ----------------------------------------------------------------------------------------- windows


def _num_windows(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool):
    """Return how many windows there are along an axis of n elements; none if less than 1."""
    room = n + 2 * padding - dilation * (kernel - 1) - 1  # for moving the first window
    num_windows = room // stride + 1
    has_rest = room % stride > 0
    if ceil_mode and has_rest and stride * num_windows < n + padding:
        num_windows += 1
    return num_windows


def _has_empty_window(n, kernel, stride, padding, dilation, num_windows: int) -> bool:
    """Return whether the taps of a window skip all n elements of an axis."""
    if padding == 0 or dilation <= n:
        return False
    start = stride * np.arange(num_windows) - padding
    positions = start[:, None] + dilation * np.arange(kernel)
    return not ((positions >= 0) & (positions < n)).any(axis=1).all()


def _read_windows(
    function: str, x, kernel_size, stride, padding, dilation, ceil_mode, num_sides: int
) -> Windows:
    """Return the windows over x (N, C, H, W), for settings of images or of sequences."""
    kernel = as_pair(function, "kernel_size", kernel_size, 1, num_sides)
    is_default = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    strides = kernel if is_default else as_pair(function, "stride", stride, 1, num_sides)
    paddings = as_pair(function, "padding", padding, 0, num_sides)
    dilations = as_pair(function, "dilation", dilation, 1, num_sides)
    ceil_mode = as_flag(function, "ceil_mode", ceil_mode)
    size = tuple(x.shape[2:])
    sides = [*zip(size, kernel, strides, paddings, dilations)]
    output_size = tuple(_num_windows(*side, ceil_mode) for side in sides)
    if any(2 * p > k for _, k, _, p, _ in sides):
        raise ValueError(
            f"{function}: padding {padding} is more than half of kernel_size {kernel_size}: "
            "some windows would hold nothing but padding"
        )
    if 0 in size or min(output_size) < 1:
        raise ValueError(
            f"{function}: kernel_size {kernel_size} with dilation {dilation} is larger than x, "
            f"{'x'.join(map(str, size[-num_sides:]))} with padding {padding}"
        )
    if any(_has_empty_window(*side, m) for side, m in zip(sides, output_size)):
        raise ValueError(
            f"{function}: dilation {dilation} is larger than x, "
            f"{'x'.join(map(str, size[-num_sides:]))}: with padding {padding} "
            "some windows would hold nothing but padding"
        )
    return Windows(kernel, strides, paddings, dilations, size, output_size)


# ----------------------------------------------------------------------------------------- the mean


@functools.lru_cache(maxsize=256)
def _weights(xp, dtype, windows: Windows, count_include_pad: bool):
    """Return (Ho, Wo): one divided by the divisor of each window, see the module's docstring."""
    lengths = []
    for n, m, k, s, p in zip(windows.input_size, windows.output_size, *windows[:3]):
        start = s * np.arange(m) - p
        end = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        lengths.append(end - start)
    return xp.asarray((1 / np.outer(*lengths)).astype(dtype))


def _avg_pool(function: str, x, num_sides: int, settings: tuple, count_include_pad, divisor):
    """Average pooling of images or sequences; `divisor` overrides the counts.

    `settings` are kernel_size, stride, padding and ceil_mode.
    """
    check_dtypes(function, x=x)
    images = as_images(function, x, num_sides)
    count_include_pad = as_flag(function, "count_include_pad", count_include_pad)
    *pairs, ceil_mode = settings
    windows = _read_windows(function, images, *pairs, 1, ceil_mode, num_sides)
    if divisor == 0:
        raise ValueError(f"{function}: divisor_override must not be 0")
    counts_padding = count_include_pad or windows.padding == (0, 0)
    are_complete = counts_padding and not ceil_mode  # then all have the same divisor
    if divisor is not None or are_complete:
        y = sum_pool(images, windows=windows, scale=1 / (divisor or windows.num_taps))
    else:
        weights = _weights(array_module(raw(x)), raw(x).dtype, windows, bool(count_include_pad))
        y = multiply(sum_pool(images, windows=windows, scale=1), weights)
    return from_images(y, x, num_sides)


def avg_pool2d(
    x: Array,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window of images.

    **Math** y[o] = c[o] sum_t x[s o + t - p], where 1 / c[o] is the divisor of the window, by
    default the kernel's height times its width.
    dx[i] = sum of c[o] g[o] over the windows o that contain pixel i.
    **Shapes** x (N, C, H, W) -> (N, C, Ho, Wo) with Ho = (H + 2p - kh) // s + 1, or the same
    without N for one image.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    kernel_size, stride, padding : int or pair
        For height and width. The stride is the kernel size unless given. The padding is zeros,
        at most half a kernel on each side.
    ceil_mode : bool
        Whether one more window reads what is left at the end of an axis.
    count_include_pad : bool
        Whether the padding counts in the divisor.
    divisor_override : int
        The divisor of all windows.

    Raises
    ------
    ValueError
        For images smaller than a window, too much padding, and a divisor of 0.
    """
    settings = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool("avg_pool2d", x, 2, settings, count_include_pad, divisor_override)


def avg_pool1d(
    x: Array,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window of sequences: `avg_pool2d` of images of height one.

    **Shapes** x (N, C, L) -> (N, C, Lo) with Lo = (L + 2p - k) // s + 1, or the same without N.
    """
    settings = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool("avg_pool1d", x, 1, settings, count_include_pad, None)


# ---------------------------------------------------------------------------------- the maximum


def _max_pool(function: str, x, num_sides: int, settings: tuple, return_indices: bool):
    """Max pooling of images or sequences; `settings` are those from kernel_size to ceil_mode."""
    check_floating(function, x=x)
    images = as_images(function, x, num_sides)
    windows = _read_windows(function, images, *settings, num_sides)
    y, argmax = max_pool(images, windows=windows)
    y = from_images(y, x, num_sides)
    if not as_flag(function, "return_indices", return_indices):
        return y
    return y, from_images(pixel_numbers(argmax, windows=windows), x, num_sides)


def max_pool2d(
    x: Array,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """The greatest value of each window of images; padding is never the greatest.

    **Math** y[o] = max_t x[s o + d t - p].
    dx[i] = sum of g[o] over the windows o whose maximum is pixel i; of equal values the first
    counts.
    **Shapes** x (N, C, H, W) -> (N, C, Ho, Wo) with Ho = (H + 2p - d (kh - 1) - 1) // s + 1, or the
    same without N for one image.
    **Saved** the place of the maximum in each window, one byte (four for a kernel of 256 taps or
    more); no values.
    **Numerics** A kink where two values are equal. A NaN is the maximum of its window, and receives
    the cotangent.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    kernel_size, stride, padding : int or pair
        As for `avg_pool2d`.
    dilation : int or pair
        The distance between neighbouring taps of a window.
    ceil_mode : bool
        Whether one more window reads what is left at the end of an axis.
    return_indices : bool
        Whether to return (y, indices) with the index of the pixel that each maximum is. It counts
        the H W pixels of a channel row by row.

    Raises
    ------
    ValueError
        For images smaller than a window, and for windows that would hold nothing but padding.
    """
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool2d", x, 2, settings, return_indices)


def max_pool1d(
    x: Array,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """The greatest value of each window of sequences: `max_pool2d` of images of height one.

    **Shapes** x (N, C, L) -> (N, C, Lo) with Lo = (L + 2p - d (k - 1) - 1) // s + 1, or the same
    without N.
    """
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool1d", x, 1, settings, return_indices)


# ------------------------------------------------------------------------------- adaptive pooling


def mean_matrix(n: int, m: int) -> np.ndarray:
    """Return (m, n): output o is the mean of inputs floor(o n / m) to ceil((o + 1) n / m) - 1."""
    matrix = np.zeros((m, n))
    for o in range(m):
        start, stop = o * n // m, -(-(o + 1) * n // m)
        matrix[o, start:stop] = 1 / (stop - start)
    return matrix


def _adaptive_avg_pool(function: str, x, num_sides: int, output_size):
    """The means over `output_size` blocks of images or sequences; a side of None stays as it is."""
    check_dtypes(function, x=x)
    if isinstance(output_size, (tuple, list)) and len(output_size) == num_sides:
        sides = zip(x.shape[-num_sides:], output_size)
        output_size = tuple(n if m is None else m for n, m in sides)
    images = as_images(function, x, num_sides)
    if 0 in images.shape[2:]:
        raise ValueError(f"{function}: x {x.shape} has no elements to average")
    size = as_pair(function, "output_size", output_size, 1, num_sides)
    return from_images(resize(images, mean_matrix, *zip(images.shape[2:], size)), x, num_sides)


def adaptive_avg_pool2d(x: Array, output_size: int | tuple[int | None, int | None]) -> Array:
    """The means over a grid of `output_size` blocks that cover the image as evenly as possible.

    With output_size 1 it is the mean over all pixels. A side of None stays as it is.

    **Math** y = A x B^T for each channel, where the rows of A and B average; dx = A^T g B.
    **Shapes** x (N, C, H, W) -> (N, C, *output_size), or the same without N for one image.
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", x, 2, output_size)


def adaptive_avg_pool1d(x: Array, output_size: int) -> Array:
    """The means over `output_size` blocks of sequences: `adaptive_avg_pool2d` of height one.

    **Shapes** x (N, C, L) -> (N, C, output_size), or the same without N for one sequence.
    """
    return _adaptive_avg_pool("adaptive_avg_pool1d", x, 1, output_size)
