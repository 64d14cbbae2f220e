"""Sums and maxima over the windows of CuPy images: one kernel for each function of ops/windows.py.

That file defines the functions; its loops over taps would take several launches for each tap. Here
a thread computes one window, or one pixel. To sum over the windows that contain its pixel, a thread
goes through the taps: with each tap, at most one window reads the pixel. So no two threads write to
the same place, and every sum has a fixed order.

The arguments called `windows` are of the class `Windows` in ops/windows.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import array_module
from .kernels import elementwise
from .windows import taps

__all__ = ["gather_maxima", "max_pool", "max_unpool", "sum_pool", "sum_unpool"]

Array = Any  # np.ndarray or cupy.ndarray


def sum_pool(x: Array, *, windows, scale) -> Array:
    """Return scale times the sum of x over each window."""
    y = _empty(x, windows.output_size)
    _sum_pool(_contiguous(x), *_geometry(x, windows), scale, y)
    return y


def sum_unpool(y: Array, *, windows, scale) -> Array:
    """Return scale times the sum of y over the windows that contain each pixel."""
    x = _empty(y, windows.input_size)
    _sum_unpool(_contiguous(y), *_geometry(y, windows), scale, x)
    return x


def max_pool(x: Array, *, windows) -> tuple[Array, Array]:
    """Return the maximum of each window, and the number of the tap that has it."""
    y = _empty(x, windows.output_size)
    argmax = _empty(x, windows.output_size, np.uint8 if windows.num_taps < 256 else np.int32)
    _max_pool(_contiguous(x), *_geometry(x, windows), y, argmax)
    return y, argmax


def max_unpool(y: Array, argmax: Array, *, windows) -> Array:
    """Return the sum of y over the windows whose maximum is each pixel."""
    x = _empty(y, windows.input_size)
    _max_unpool(_contiguous(y), _contiguous(argmax), *_geometry(y, windows), x)
    return x


def gather_maxima(x: Array, argmax: Array, *, windows) -> Array:
    """Return the pixel of x that had the maximum of each window."""
    y = _empty(x, windows.output_size)
    _gather_maxima(_contiguous(x), argmax, *_geometry(x, windows), y)
    return y


def _empty(images: Array, size: tuple[int, int], dtype: Any = None) -> Array:
    shape = (*images.shape[:2], *size)
    return array_module(images).empty(shape, images.dtype if dtype is None else dtype)


def _contiguous(a: Array) -> Array:
    return array_module(a).ascontiguousarray(a)


def _geometry(images: Array, windows) -> tuple[int, ...]:
    """Return the values of _GEOMETRY. Raises ValueError if a number of threads exceeds an int32."""
    n, c = images.shape[:2]
    (height, width), (ho, wo) = windows.input_size, windows.output_size
    if n * c * max(height * width, ho * wo) >= 1 << 31:
        raise ValueError(f"images {images.shape} with {ho}x{wo} windows are too large for a GPU")
    return tuple(number for pair in windows for number in pair)


_GEOMETRY = (
    "int32 kh, int32 kw, int32 sh, int32 sw, int32 ph, int32 pw, int32 dh, int32 dw, "
    "int32 height, int32 width, int32 ho, int32 wo"
)

# A thread of window i, or of pixel i. A plane is one channel of one image.
_WINDOW = """
    const int q = int(i) % wo, o = int(i) / wo % ho, plane = int(i) / (ho * wo);
    const ptrdiff_t image = ptrdiff_t(plane) * height * width;
"""
_PIXEL = """
    const int column = int(i) % width, row = int(i) / width % height;
    const ptrdiff_t first = ptrdiff_t(int(i) / (height * width)) * ho * wo;
"""

_PIXEL_OF = """
__device__ int pixel_of(  // the pixel of its plane that a tap of window (o, q) reads, or -1
    int tap, int o, int q, int kw, int sh, int sw, int ph, int pw, int dh, int dw, int height,
    int width
) {
    const int row = o * sh + tap / kw * dh - ph, column = q * sw + tap % kw * dw - pw;
    const bool is_inside = 0 <= row && row < height && 0 <= column && column < width;
    return is_inside ? row * width + column : -1;
}
"""
_WINDOW_OF = """
__device__ int window_of(  // the window of its plane whose tap reads pixel (row, column), or -1
    int tap, int row, int column, int kw, int sh, int sw, int ph, int pw, int dh, int dw, int ho,
    int wo
) {
    const int top = row + ph - tap / kw * dh, left = column + pw - tap % kw * dw;
    if (top < 0 || left < 0 || top % sh || left % sw) return -1;
    const int o = top / sh, q = left / sw;
    return o < ho && q < wo ? o * wo + q : -1;
}
"""
_CALL_PIXEL_OF = "pixel_of(tap, o, q, kw, sh, sw, ph, pw, dh, dw, height, width)"
_CALL_WINDOW_OF = "window_of(tap, row, column, kw, sh, sw, ph, pw, dh, dw, ho, wo)"


@elementwise(
    f"raw T x, {_GEOMETRY}, T scale",
    "T y",
    f"""
    {_WINDOW}
    T sum = 0;
    for (int tap = 0; tap < kh * kw; ++tap) {{
        const int pixel = {_CALL_PIXEL_OF};
        if (pixel != -1) sum += x[image + pixel];
    }}
    y = scale * sum;
    """,
    preamble=_PIXEL_OF,
)
def _sum_pool(x, kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo, scale, y):
    y[...] = 0
    for _, pixels, outputs in _taps(kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo):
        y[outputs] += x[pixels]
    y *= scale


@elementwise(
    f"raw T y, {_GEOMETRY}, T scale",
    "T x",
    f"""
    {_PIXEL}
    T sum = 0;
    for (int tap = 0; tap < kh * kw; ++tap) {{
        const int window = {_CALL_WINDOW_OF};
        if (window != -1) sum += y[first + window];
    }}
    x = scale * sum;
    """,
    preamble=_WINDOW_OF,
)
def _sum_unpool(y, kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo, scale, x):
    x[...] = 0
    for _, pixels, outputs in _taps(kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo):
        x[pixels] += y[outputs]
    x *= scale


@elementwise(
    f"raw T x, {_GEOMETRY}",
    "T y, uint8 argmax",
    f"""
    {_WINDOW}
    T greatest = T();
    int number = 0;  // of the tap, counted down to 1; 0 if there was none yet
    for (int tap = 0; tap < kh * kw; ++tap) {{
        const int pixel = {_CALL_PIXEL_OF};
        if (pixel == -1) continue;
        const T v = x[image + pixel];
        if (number == 0 || v > greatest || (v != v && greatest == greatest)) {{  // NaN is greatest
            greatest = v;
            number = kh * kw - tap;
        }}
    }}
    y = greatest;
    argmax = number;
    """,
    preamble=_PIXEL_OF,
)
def _max_pool(x, kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo, y, argmax):
    geometry = kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo
    y[...] = -np.inf
    for _, pixels, outputs in _taps(*geometry):
        y[outputs] = np.maximum(y[outputs], x[pixels])
    argmax[...] = 0
    for number, pixels, outputs in _taps(*geometry):
        is_max = (x[pixels] == y[outputs]) | (x[pixels] != x[pixels])
        argmax[outputs] = np.maximum(argmax[outputs], is_max * argmax.dtype.type(number))


@elementwise(
    f"raw T y, raw uint8 argmax, {_GEOMETRY}",
    "T x",
    f"""
    {_PIXEL}
    T sum = 0;
    for (int tap = 0; tap < kh * kw; ++tap) {{
        const int window = {_CALL_WINDOW_OF};
        if (window != -1 && argmax[first + window] == kh * kw - tap) sum += y[first + window];
    }}
    x = sum;
    """,
    preamble=_WINDOW_OF,
)
def _max_unpool(y, argmax, kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo, x):
    x[...] = 0
    for number, pixels, outputs in _taps(kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo):
        is_max = argmax[outputs] == number
        x[pixels] += np.where(is_max, y[outputs], np.zeros_like(y[outputs]))


@elementwise(
    f"raw T x, uint8 argmax, {_GEOMETRY}",
    "T y",
    f"""
    {_WINDOW}
    const int tap = kh * kw - argmax;
    const int pixel = {_CALL_PIXEL_OF};
    y = pixel != -1 ? x[image + pixel] : T(0);
    """,
    preamble=_PIXEL_OF,
)
def _gather_maxima(x, argmax, kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo, y):
    y[...] = 0
    for number, pixels, outputs in _taps(kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo):
        is_max = argmax[outputs] == number
        y[outputs] += np.where(is_max, x[pixels], np.zeros_like(y[outputs]))


def _taps(kh, kw, sh, sw, ph, pw, dh, dw, height, width, ho, wo):
    """Yield the number of each tap, counted down to 1, the pixels it reads, and their windows."""
    geometry = (kh, kw), (sh, sw), (ph, pw), (dh, dw), (height, width), (range(ho), range(wo))
    for (i, j), pixels, outputs in taps(*geometry):
        yield kh * kw - (i * kw + j), (..., *pixels), (..., *outputs)
