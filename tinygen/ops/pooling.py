"""Pooling over windows of images. Logical (N, C, H, W), channels-last in memory on NumPy.

With stride s and padding p, tap t of window o reads pixel i = s o + t - p (see backend/windows.py).
Average pooling is linear in the image. So is max pooling, once it is known which tap has the
maximum of each window. The rule of a linear function applies its adjoint to the cotangent g:

    sum_pool         y[o] = sum of the pixels of window o
    sum_unpool       dx[i] = sum of g[o] over the windows o that contain pixel i

    max_pool         y[o] = the greatest pixel of window o
    max_unpool       dx[i] = sum of g[o] over the windows o whose maximum is pixel i
    gather_maxima    y[o] = the pixel of window o at the tap that had the maximum

sum_pool and sum_unpool are adjoint to each other, and so are max_unpool and gather_maxima. The code
loops over the taps, each a strided view of the whole image: a 2x2 window takes four additions of
large arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend.windows import output_size, taps
from .arguments import as_pair, check_images
from .layout import empty_images
from .masking import apply_mask

__all__ = ["avg_pool2d", "max_pool2d"]

Array = Any  # an array of any module, or a Tensor
Pair = tuple[int, int]  # (height, width)


def _settings(function: str, x, kernel_size, stride, padding) -> dict:
    """Return the checked settings of a pooling; `size` is the height and width of x."""
    check_images(function, x)
    kernel = as_pair(function, "kernel_size", kernel_size, 1)
    stride = kernel if stride is None else as_pair(function, "stride", stride, 1)
    padding = as_pair(function, "padding", padding, 0)
    size = x.shape[2:]
    if any(2 * p > k for p, k in zip(padding, kernel)):
        raise ValueError(
            f"{function}: padding {padding} is more than half of kernel_size {kernel}: "
            "some windows would hold nothing but padding"
        )
    if any(k > n + 2 * p for n, k, p in zip(size, kernel, padding)):
        raise ValueError(
            f"{function}: kernel_size {kernel} is larger than x, {size[0]}x{size[1]} "
            f"with padding {padding}"
        )
    return {"kernel": kernel, "stride": stride, "padding": padding, "size": tuple(size)}


def _output_size(kernel, stride, padding, size) -> Pair:
    return output_size(size, kernel, stride, padding, (1, 1))


def _taps(kernel, stride, padding, size):
    """Yield each tap's number, the pixels it reads, and their windows.

    Pixels and windows are indices into (N, C, H, W). The numbers count down to 1, so the greatest
    of several numbers belongs to the first tap.
    """
    rows, columns = _output_size(kernel, stride, padding, size)
    windows = range(rows), range(columns)
    for (i, j), pixels, outputs in taps(kernel, stride, padding, (1, 1), size, windows):
        yield kernel[0] * kernel[1] - (kernel[1] * i + j), (..., *pixels), (..., *outputs)


def _is_partition(kernel, stride, padding, size) -> bool:
    """Return whether each pixel lies in exactly one window."""
    fits = all(n % k == 0 for n, k in zip(size, kernel))
    return stride == kernel and padding == (0, 0) and fits


@primitive
def sum_pool(x, *, kernel, stride, padding, size, scale):
    """y[o] = scale times the sum of x over window o; padding counts as 0. Adjoint: `sum_unpool`."""
    y = empty_images(x, (*x.shape[:2], *_output_size(kernel, stride, padding, size)))
    is_first_complete = padding == (0, 0)  # without padding the first tap reaches every window
    if not is_first_complete:
        y[...] = 0
    for number, pixels, windows in _taps(kernel, stride, padding, size):
        if is_first_complete and number == kernel[0] * kernel[1]:
            y[...] = x[pixels]
        else:
            y[windows] += x[pixels]
    if scale != 1:
        y *= scale
    return y


@primitive(outputs=("x",))
def sum_unpool(y, *, kernel, stride, padding, size, scale):
    """x[i] = scale times the sum of y over the windows that contain pixel i.

    Adjoint: `sum_pool`.
    """
    x = empty_images(y, (*y.shape[:2], *size))
    y = y * scale if scale != 1 else y
    if _is_partition(kernel, stride, padding, size):
        (n, c, h, w), (kh, kw) = y.shape, kernel
        blocks = x.reshape(n, c, h, kh, w, kw)  # a view in any memory order, since axes only split
        blocks[...] = y[:, :, :, None, :, None]
        return x
    x[...] = 0
    for _, pixels, windows in _taps(kernel, stride, padding, size):
        x[pixels] += y[windows]
    return x


def _sum_pool_rule(g, kernel, stride, padding, size, scale):
    return sum_unpool(g, kernel=kernel, stride=stride, padding=padding, size=size, scale=scale)


def _sum_unpool_rule(g, kernel, stride, padding, size, scale):
    return sum_pool(g, kernel=kernel, stride=stride, padding=padding, size=size, scale=scale)


sum_pool.vjp(x=_sum_pool_rule)
sum_unpool.vjp(y=_sum_unpool_rule)


def avg_pool2d(
    x: Array, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
) -> Array:
    """The mean of each window; zeros of the padding count, as in PyTorch's default.

    **Math** y[o] = 1/(kh kw) sum_t x[s o + t - p].
    dx[i] = 1/(kh kw) sum of g[o] over the windows o that contain pixel i.
    **Shapes** x (N, C, H, W) -> (N, C, Ho, Wo) with Ho = (H + 2p - kh) // s + 1. The stride is
    kernel_size unless given.
    """
    settings = _settings("avg_pool2d", x, kernel_size, stride, padding)
    kernel = settings["kernel"]
    return sum_pool(x, **settings, scale=1.0 / (kernel[0] * kernel[1]))


@primitive(outputs=("y", "argmax"))
def max_pool(x, *, kernel, stride, padding, size):
    """The maximum of each window, and the number of the tap that has it.

    Taps are numbered down to 1 and the greatest number is kept, so of equal values the first
    counts.
    """
    y = empty_images(x, (*x.shape[:2], *_output_size(kernel, stride, padding, size)))
    y[...] = -np.inf
    for _, pixels, windows in _taps(kernel, stride, padding, size):
        y[windows] = np.maximum(y[windows], x[pixels])
    argmax = np.zeros_like(y, dtype=np.uint8 if kernel[0] * kernel[1] < 256 else np.int32)
    # On other devices a look at the values would wait for them, so there NaN counts as possible.
    may_have_nan = type(y) is not np.ndarray or np.isnan(np.max(y, initial=-np.inf))
    for number, pixels, windows in _taps(kernel, stride, padding, size):
        is_max = x[pixels] == y[windows]
        if may_have_nan:  # NaN is the maximum of its windows, though it equals nothing
            is_max = is_max | (x[pixels] != x[pixels])
        # The maximum of numbers takes a tenth of the time of a masked copy.
        argmax[windows] = np.maximum(argmax[windows], is_max * argmax.dtype.type(number))
    return y, argmax


@primitive(outputs=("x",))
def max_unpool(y, argmax, *, kernel, stride, padding, size):
    """x[i] = the sum of y over the windows whose maximum is pixel i. Adjoint: `gather_maxima`."""
    x = empty_images(y, (*y.shape[:2], *size))
    is_partition = _is_partition(kernel, stride, padding, size)
    if not is_partition:
        x[...] = 0
    for number, pixels, windows in _taps(kernel, stride, padding, size):
        if is_partition:  # each pixel is written once
            x[pixels] = apply_mask(y, argmax == number)
        else:
            x[pixels] += apply_mask(y[windows], argmax[windows] == number)
    return x


@primitive
def gather_maxima(x, argmax, *, kernel, stride, padding, size):
    """y[o] = the pixel of x that tap argmax[o] of window o reads. Adjoint: `max_unpool`."""
    y = empty_images(x, argmax.shape)
    y[...] = 0
    for number, pixels, windows in _taps(kernel, stride, padding, size):
        y[windows] += apply_mask(x[pixels], argmax[windows] == number)
    return y


def _max_pool_rule(g, argmax, kernel, stride, padding, size):
    return max_unpool(g[0], argmax, kernel=kernel, stride=stride, padding=padding, size=size)


def _max_unpool_rule(g, argmax, kernel, stride, padding, size):
    return gather_maxima(g, argmax, kernel=kernel, stride=stride, padding=padding, size=size)


def _gather_maxima_rule(g, argmax, kernel, stride, padding, size):
    return max_unpool(g, argmax, kernel=kernel, stride=stride, padding=padding, size=size)


max_pool.vjp(x=_max_pool_rule)
max_unpool.vjp(y=_max_unpool_rule, argmax=None)
gather_maxima.vjp(x=_gather_maxima_rule, argmax=None)


def max_pool2d(
    x: Array, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
) -> Array:
    """The greatest value of each window; padding never is the greatest.

    **Math** y[o] = max_t x[s o + t - p].
    dx[i] = sum of g[o] over the windows o whose maximum is pixel i; of equal values the first
    counts.
    **Shapes** as `avg_pool2d`.
    **Saved** the place of the maximum in each window, one byte (four for a kernel of 256 taps or
    more); no values.
    **Numerics** A kink where two values are equal. A NaN is the maximum of its window, and receives
    the cotangent.
    """
    return max_pool(x, **_settings("max_pool2d", x, kernel_size, stride, padding))[0]
