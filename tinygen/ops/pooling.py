"""Pooling over windows of pictures. Logical (N, C, H, W), channels-last in memory on NumPy.

Both kinds are linear in the picture (max pooling, once it is known where the maxima are), so each rule is the adjoint of the forward:

    _sum_pool     _spread: every window's cotangent goes to each of its pixels; and the other way round
    _pick         _unpick: the cotangent goes to the one pixel that was picked; and the other way round

They go through the positions of the window, one strided view of the picture each, not through the windows: a 2x2 window is four additions.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from .masking import apply_mask

__all__ = ["avg_pool2d", "max_pool2d"]

Array = Any  # an array of any module, or a Tensor
Pair = tuple[int, int]


def _pair(name: str, what: str, value, least: int) -> Pair:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or any(not isinstance(v, (int, np.integer)) or v < least for v in pair):
        raise ValueError(f"{name}: {what} is {value}; give an integer, or a pair for height and width, of {least} or more")
    return int(pair[0]), int(pair[1])


def _picture(name: str, x) -> None:
    if x.ndim != 4:
        raise ValueError(f"{name}: x has shape {x.shape}; it takes pictures (N, C, H, W)")


_CHANNELS_LAST = np.empty((2, 2, 2, 2)).transpose(0, 3, 1, 2)  # a pattern of memory order for empty_like


def _empty(like, shape):
    """An uninitialised array (N, C, H, W): channels-last in memory on NumPy, and no view, so that the engine may add into it."""
    if isinstance(like, np.ndarray):
        return np.empty_like(_CHANNELS_LAST, dtype=like.dtype, shape=shape)
    return np.empty_like(like, shape=shape, order="C")


def _windows(name: str, x, kernel_size, stride, padding) -> dict:
    """The settings of a pooling over windows, checked; `size` is the input's."""
    _picture(name, x)
    kernel = _pair(name, "kernel_size", kernel_size, 1)
    stride = kernel if stride is None else _pair(name, "stride", stride, 1)
    padding = _pair(name, "padding", padding, 0)
    size = x.shape[2:]
    if any(2 * p > k for p, k in zip(padding, kernel)):
        raise ValueError(f"{name}: padding {padding} is more than half of kernel_size {kernel}: some windows would hold nothing but padding")
    if any(k > n + 2 * p for n, k, p in zip(size, kernel, padding)):
        raise ValueError(f"{name}: kernel_size {kernel} is larger than x, {size[0]}x{size[1]} with padding {padding}")
    return {"kernel": kernel, "stride": stride, "padding": padding, "size": tuple(size)}


def _outputs(kernel, stride, padding, size) -> Pair:
    return tuple((n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding))


def _taps(kernel, stride, padding, size):
    """For each position in the window, in order: its number, which counts down to 1, and the pixels under it and the windows they belong to, as indices
    into (N, C, H, W)."""
    outputs = _outputs(kernel, stride, padding, size)
    along = []
    for k, s, p, n, m in zip(kernel, stride, padding, size, outputs):
        along.append([])
        for t in range(k):  # window o has pixel i = s o + t - p under tap t
            first = max(0, -((t - p) // s))
            last = max(first, min(m, (n - 1 - t + p) // s + 1))
            start = s * first + t - p
            along[-1].append((slice(start, start + s * (last - first), s), slice(first, last)))
    for k, ((ys, os), (xs, ps)) in enumerate(itertools.product(*along)):
        yield kernel[0] * kernel[1] - k, (..., ys, xs), (..., os, ps)


def _apart(kernel, stride, padding, size) -> bool:
    """Whether each pixel lies in exactly one window."""
    return stride == kernel and padding == (0, 0) and all(n % k == 0 for n, k in zip(size, kernel))


@primitive
def _sum_pool(x, *, kernel, stride, padding, size, scale):
    """y[o] = scale times the sum of x over window o, without the padding."""
    y = _empty(x, (*x.shape[:2], *_outputs(kernel, stride, padding, size)))
    fresh = padding == (0, 0)  # then the first tap reaches every window
    if not fresh:
        y[...] = 0
    for number, pixels, windows in _taps(kernel, stride, padding, size):
        if fresh and number == kernel[0] * kernel[1]:
            y[...] = x[pixels]
        else:
            y[windows] += x[pixels]
    if scale != 1:
        y *= scale
    return y


@primitive(outputs=("x",))
def _spread(y, *, kernel, stride, padding, size, scale):
    """x[i] = scale times the sum of y over the windows that hold pixel i: the adjoint of _sum_pool."""
    x = _empty(y, (*y.shape[:2], *size))
    y = y * scale if scale != 1 else y
    if _apart(kernel, stride, padding, size):
        (n, c, h, w), (kh, kw) = y.shape, kernel
        x.reshape(n, c, h, kh, w, kw)[...] = y[:, :, :, None, :, None]  # splitting axes makes a view, in any memory order
        return x
    x[...] = 0
    for _, pixels, windows in _taps(kernel, stride, padding, size):
        x[pixels] += y[windows]
    return x


_sum_pool.vjp(x=lambda g, kernel, stride, padding, size, scale: _spread(g, kernel=kernel, stride=stride, padding=padding, size=size, scale=scale))
_spread.vjp(y=lambda g, kernel, stride, padding, size, scale: _sum_pool(g, kernel=kernel, stride=stride, padding=padding, size=size, scale=scale))


def avg_pool2d(x: Array, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0) -> Array:
    """The mean of each window; the zeros of the padding count, as in PyTorch's default.

    **Math.** y[o] = 1/(kh kw) sum_t x[s o + t - p]; cotangent of x: each pixel receives g/(kh kw) of every window that holds it.
    **Shapes.** x (N, C, H, W); stride is kernel_size unless given; each side n to floor((n + 2 p - k) / s) + 1.
    """
    windows = _windows("avg_pool2d", x, kernel_size, stride, padding)
    return _sum_pool(x, **windows, scale=1.0 / (windows["kernel"][0] * windows["kernel"][1]))


@primitive(outputs=("y", "tap"))
def _max_pool(x, *, kernel, stride, padding, size):
    """The maximum of each window, and where it is: the tap's number counted from the last, which is 1, so that the first of equals is the largest."""
    y = _empty(x, (*x.shape[:2], *_outputs(kernel, stride, padding, size)))
    y[...] = -np.inf
    for _, pixels, windows in _taps(kernel, stride, padding, size):
        y[windows] = np.maximum(y[windows], x[pixels])
    tap = np.zeros_like(y, dtype=np.uint8 if kernel[0] * kernel[1] < 256 else np.int32)
    nan = type(y) is not np.ndarray or np.isnan(np.max(y, initial=-np.inf))
    for number, pixels, windows in _taps(kernel, stride, padding, size):
        found = x[pixels] == y[windows]
        if nan:  # a NaN is the maximum of its windows, though it equals nothing
            found = found | (x[pixels] != x[pixels])
        tap[windows] = np.maximum(tap[windows], found * tap.dtype.type(number))  # ten times quicker than a masked copy
    return y, tap


@primitive(outputs=("x",))
def _unpick(y, tap, *, kernel, stride, padding, size):
    """x[i] = the sum of y over the windows whose picked pixel is i."""
    x = _empty(y, (*y.shape[:2], *size))
    apart = _apart(kernel, stride, padding, size)
    if not apart:
        x[...] = 0
    for number, pixels, windows in _taps(kernel, stride, padding, size):
        if apart:
            x[pixels] = apply_mask(y, tap == number)
        else:
            x[pixels] += apply_mask(y[windows], tap[windows] == number)
    return x


@primitive
def _pick(x, tap, *, kernel, stride, padding, size):
    """y[o] = the pixel of window o at position tap[o]: the adjoint of _unpick."""
    y = _empty(x, tap.shape)
    y[...] = 0
    for number, pixels, windows in _taps(kernel, stride, padding, size):
        y[windows] += apply_mask(x[pixels], tap[windows] == number)
    return y


_max_pool.vjp(x=lambda g, tap, kernel, stride, padding, size: _unpick(g[0], tap, kernel=kernel, stride=stride, padding=padding, size=size))
_unpick.vjp(y=lambda g, tap, kernel, stride, padding, size: _pick(g, tap, kernel=kernel, stride=stride, padding=padding, size=size), tap=None)
_pick.vjp(x=lambda g, tap, kernel, stride, padding, size: _unpick(g, tap, kernel=kernel, stride=stride, padding=padding, size=size), tap=None)


def max_pool2d(x: Array, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0) -> Array:
    """The largest value of each window; the padding never wins.

    **Math.** y[o] = max_t x[s o + t - p]; cotangent of x: g[o] goes to the pixel that was the maximum of window o, the first of equals.
    **Shapes.** As `avg_pool2d`. **Saved.** The maximum's position in each window, a byte; no values. **Numerics.** A kink where two are equal;
    a NaN is its window's maximum, and receives the cotangent.
    """
    return _max_pool(x, **_windows("max_pool2d", x, kernel_size, stride, padding))[0]
