"""Sums and maxima over the windows of images. Logical (N, C, H, W), channels-last in memory.

With stride s, padding p and dilation d, tap t of window o reads pixel i = s o + d t - p (see
backend/windows.py). The sum over windows is linear in the image. So is the maximum, once it is
known which tap has the maximum of each window. The rule of a linear function applies its adjoint to
the cotangent g:

    sum_pool         y[o] = sum of the pixels of window o
    sum_unpool       dx[i] = sum of g[o] over the windows o that contain pixel i

    max_pool         y[o] = the greatest pixel of window o
    max_unpool       dx[i] = sum of g[o] over the windows o whose maximum is pixel i
    gather_maxima    y[o] = the pixel of window o at the tap that had the maximum
    pixel_numbers    where these pixels lie; they have no derivative

sum_pool and sum_unpool are adjoint to each other, and so are max_unpool and gather_maxima. The code
loops over the taps, each a strided view of the whole image: a 2x2 window takes four additions of
large arrays. On a GPU, each of these additions would launch a kernel. So `on_gpu` names a function
of backend/pooling_gpu.py, which is called for CuPy arrays instead. `pooling.py` makes layers of
these functions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module, pooling_gpu
from ..backend.kernels import on_gpu
from ..backend.windows import taps
from .layout import empty_images
from .masking import apply_mask

__all__: list[str] = []

Pair = tuple[int, int]  # (height, width)


class Windows(NamedTuple):
    """The windows of a pooling; the pairs are (height, width)."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    input_size: Pair
    output_size: Pair  # the number of windows

    @property
    def num_taps(self) -> int:
        """The number of taps of a window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def are_partition(self) -> bool:
        """Whether each pixel lies in exactly one window."""
        fits = all(n % k == 0 for n, k in zip(self.input_size, self.kernel))
        is_plain = self.padding == (0, 0) and self.dilation == (1, 1)
        return fits and is_plain and self.stride == self.kernel

    def taps(self):
        """Yield each tap's number, the pixels it reads, and their windows.

        Pixels and windows are indices into (N, C, H, W). The numbers count down to 1, so the
        greatest of several numbers belongs to the first tap.
        """
        kernel, stride, padding, dilation, size, (rows, columns) = self
        windows = range(rows), range(columns)
        for (i, j), pixels, outputs in taps(kernel, stride, padding, dilation, size, windows):
            yield self.num_taps - (kernel[1] * i + j), (..., *pixels), (..., *outputs)


@primitive
@on_gpu(pooling_gpu.sum_pool)
def sum_pool(x, *, windows, scale):
    """y[o] = scale times the sum of x over window o; padding counts as 0. Adjoint: `sum_unpool`."""
    y = empty_images(x, (*x.shape[:2], *windows.output_size))
    # Without padding each window begins inside the image, so the first tap reaches all of them.
    is_first_complete = windows.padding == (0, 0)
    if not is_first_complete:
        y[...] = 0
    for number, pixels, outputs in windows.taps():
        if is_first_complete and number == windows.num_taps:
            y[...] = x[pixels]
        else:
            y[outputs] += x[pixels]
    if scale != 1:
        y *= scale
    return y


@primitive(outputs=("x",))
@on_gpu(pooling_gpu.sum_unpool)
def sum_unpool(y, *, windows, scale):
    """x[i] = scale times the sum of y over the windows that contain pixel i.

    Adjoint: `sum_pool`.
    """
    x = empty_images(y, (*y.shape[:2], *windows.input_size))
    y = y * scale if scale != 1 else y
    if windows.are_partition:
        (n, c, h, w), (kh, kw) = y.shape, windows.kernel
        blocks = x.reshape(n, c, h, kh, w, kw)  # a view in any memory order, since axes only split
        blocks[...] = y[:, :, :, None, :, None]
        return x
    x[...] = 0
    for _, pixels, outputs in windows.taps():
        x[pixels] += y[outputs]
    return x


sum_pool.vjp(x=lambda g, windows, scale: sum_unpool(g, windows=windows, scale=scale))
sum_unpool.vjp(y=lambda g, windows, scale: sum_pool(g, windows=windows, scale=scale))


@primitive(outputs=("y", "argmax"))
@on_gpu(pooling_gpu.max_pool)
def max_pool(x, *, windows):
    """The maximum of each window, and the number of the tap that has it.

    Taps are numbered down to 1 and the greatest number is kept, so of equal values the first
    counts.
    """
    y = empty_images(x, (*x.shape[:2], *windows.output_size))
    y[...] = -np.inf
    for _, pixels, outputs in windows.taps():
        y[outputs] = np.maximum(y[outputs], x[pixels])
    argmax = np.zeros_like(y, dtype=np.uint8 if windows.num_taps < 256 else np.int32)
    may_have_nan = np.isnan(np.max(y, initial=-np.inf))
    for number, pixels, outputs in windows.taps():
        is_max = x[pixels] == y[outputs]
        if may_have_nan:  # NaN is the maximum of its windows, though it equals nothing
            is_max = is_max | (x[pixels] != x[pixels])
        # The maximum of numbers takes a tenth of the time of a masked copy.
        argmax[outputs] = np.maximum(argmax[outputs], is_max * argmax.dtype.type(number))
    return y, argmax


@primitive(outputs=("x",))
@on_gpu(pooling_gpu.max_unpool)
def max_unpool(y, argmax, *, windows):
    """x[i] = the sum of y over the windows whose maximum is pixel i. Adjoint: `gather_maxima`."""
    x = empty_images(y, (*y.shape[:2], *windows.input_size))
    are_partition = windows.are_partition
    if not are_partition:
        x[...] = 0
    for number, pixels, outputs in windows.taps():
        if are_partition:  # each pixel is written once
            x[pixels] = apply_mask(y, argmax == number)
        else:
            x[pixels] += apply_mask(y[outputs], argmax[outputs] == number)
    return x


@primitive
@on_gpu(pooling_gpu.gather_maxima)
def gather_maxima(x, argmax, *, windows):
    """y[o] = the pixel of x that tap argmax[o] of window o reads. Adjoint: `max_unpool`."""
    y = empty_images(x, argmax.shape)
    y[...] = 0
    for number, pixels, outputs in windows.taps():
        y[outputs] += apply_mask(x[pixels], argmax[outputs] == number)
    return y


@primitive
def pixel_numbers(argmax, *, windows):
    """The number of the pixel that has each maximum: in its channel, counted row by row from 0."""
    (_, kw), (_, w), (ho, wo) = windows.kernel, windows.input_size, windows.output_size
    (sh, sw), (ph, pw), (dh, dw) = windows.stride, windows.padding, windows.dilation
    xp, tap = array_module(argmax), windows.num_taps - argmax.astype(np.int64)
    rows = sh * xp.arange(ho)[:, None] - ph + dh * (tap // kw)
    columns = sw * xp.arange(wo) - pw + dw * (tap % kw)
    return w * rows + columns


max_pool.vjp(x=lambda g, argmax, windows: max_unpool(g[0], argmax, windows=windows))
max_unpool.vjp(y=lambda g, argmax, windows: gather_maxima(g, argmax, windows=windows), argmax=None)
gather_maxima.vjp(x=lambda g, argmax, windows: max_unpool(g, argmax, windows=windows), argmax=None)
