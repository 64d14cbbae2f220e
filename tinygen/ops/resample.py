"""Changing the resolution of pictures: interpolation, pixel shuffle, blur. Logical (N, C, H, W), channels-last in memory on NumPy.

All of it is linear, so each rule is the adjoint of the forward:

    _separable       _separable with both matrices transposed. Bilinear, adaptive and general resizing and blur are this one.
    _spread          _sum_pool, of pooling.py: nearest up-sampling by a whole factor copies, its adjoint sums
    _read_at         _add_at: nearest at any other size reads pixels, its adjoint adds to them
    pixel_shuffle    pixel_unshuffle: a permutation's adjoint is its inverse
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor
from ..backend import array_module
from ..backend.reductions import matmul
from .indexing import getitem
from .pooling import _empty, _pair, _picture, _spread

__all__ = ["adaptive_avg_pool2d", "blur", "interpolate", "pixel_shuffle", "pixel_unshuffle"]

Array = Any  # an array of any module, or a Tensor
Pair = tuple[int, int]

# --------------------------------------------------------------------------------------------------------- matrices along height and width


@primitive
def _separable(x, *, rows, columns):
    """y[n, c] = rows x[n, c] columns^T, for each picture n and channel c: two matrix products, done where x lies in memory."""
    (n, c, h, w), (ho, wo) = x.shape, (len(rows), len(columns))
    if not isinstance(x, np.ndarray):
        return np.matmul(np.matmul(rows, x), columns.T)
    if not np.isfinite(x).all():  # channel by channel: 0 times infinity is NaN, and below channels share a product
        y = _empty(x, (n, c, ho, wo))
        with np.errstate(invalid="ignore"):
            y[...] = np.matmul(np.matmul(rows, x), columns.T)
        return y
    z = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(n, h, w * c)
    z = _banded(rows, z, np.empty((n, ho, w * c), x.dtype))
    y = _empty(x, (n, c, ho, wo))
    _banded(columns, z.reshape(n * ho, w, c), y.transpose(0, 2, 3, 1).reshape(n * ho, wo, c))  # y as it lies in memory
    return y


def _banded(matrix, x, out):
    """out = matrix x, for x (N, n, k). These matrices are narrow bands: for each 32 rows only the columns where something stands are multiplied."""
    batch, _, k = x.shape
    for start in range(0, len(matrix), 32):
        stop = min(start + 32, len(matrix))
        used = np.flatnonzero(matrix[start:stop].any(axis=0))
        low, high = (used[0], used[-1] + 1) if used.size else (0, 0)
        band, part, target = matrix[start:stop, low:high], x[:, low:high], out[:, start:stop]
        if k < 8:  # too few columns for a good product: one matrix for pixels and channels together
            part, target = part.reshape(batch, (high - low) * k), target.reshape(batch, (stop - start) * k)
            matmul(part, np.kron(band, np.eye(k, dtype=x.dtype)).T, out=target)
        else:
            matmul(band, part, out=target)
    return out


_separable.vjp(x=lambda g, rows, columns: _separable(g, rows=rows.T, columns=columns.T))


def _apply(x, build, rows: tuple, columns: tuple):
    """_separable with the matrices build(*rows) and build(*columns)."""
    raw = x.data if isinstance(x, Tensor) else x
    xp = array_module(raw)
    return _separable(x, rows=_matrix(xp, raw.dtype, build, *rows), columns=_matrix(xp, raw.dtype, build, *columns))


@functools.lru_cache(maxsize=256)
def _matrix(xp, dtype, build, *args):
    """build(*args) as an array of xp, made and moved there once."""
    return xp.asarray(build(*args).astype(dtype))


def _linear_matrix(n: int, m: int, scale: float, align_corners: bool) -> np.ndarray:
    """(m, n): output o reads position p = (o + 1/2) / scale - 1/2, or o (n - 1)/(m - 1) where corners are aligned, between its two neighbours."""
    p = np.arange(m) * ((n - 1) / max(m - 1, 1)) if align_corners else np.maximum((np.arange(m) + 0.5) / scale - 0.5, 0)
    low = np.minimum(np.floor(p).astype(int), n - 1)
    matrix = np.zeros((m, n))
    matrix[np.arange(m), low] += 1 - (p - low)
    matrix[np.arange(m), np.minimum(low + 1, n - 1)] += p - low
    return matrix


@functools.lru_cache(maxsize=256)
def _nearest(n: int, m: int, scale: float | None) -> np.ndarray:
    """(m,): the input that output o is. With a size floor(o n / m), in whole numbers; with a scale floor(o / scale), but for m = n and m = 2 n, where
    PyTorch reads as with a size."""
    o = np.arange(m)
    return o * n // m if scale is None or m in (n, 2 * n) else np.minimum(np.floor(o / scale).astype(int), n - 1)


def _interpolate_nearest(x, size: Pair, scale: tuple):
    sources = [_nearest(n, m, s) for n, m, s in zip(x.shape[2:], size, scale)]
    if all(m % n == 0 and (s == np.arange(m) // (m // n)).all() for n, m, s in zip(x.shape[2:], size, sources)):
        factor = tuple(m // n for n, m in zip(x.shape[2:], size))
        return _spread(x, kernel=factor, stride=factor, padding=(0, 0), size=size, scale=1)
    steps = [int(s[1] - s[0]) if len(s) > 1 else 1 for s in sources]
    if all(step > 0 and (s == np.arange(len(s)) * step).all() for step, s in zip(steps, sources)):
        return getitem(x, (..., *(slice(0, int(s[-1]) + 1, step) for step, s in zip(steps, sources))))
    xp = array_module(x.data if isinstance(x, Tensor) else x)
    turns = [_turns(xp, n, m, s) for n, m, s in zip(x.shape[2:], size, scale)]
    return _read_at(x, turns=turns, size=size)


@functools.lru_cache(maxsize=256)
def _turns(xp, n: int, m: int, scale: float | None) -> list:
    """(inputs, outputs that read them) such that no input stands in one pair twice: each output once over all pairs."""
    source = _nearest(n, m, scale)
    turn = np.arange(m) - np.searchsorted(source, source)  # how many outputs before read the same
    return [(xp.asarray(source[turn == k]), xp.asarray(np.flatnonzero(turn == k))) for k in range(turn.max() + 1)]


def _moved(x, size: Pair, pairs):
    """y (N, C, *size) of zeros, to which for each ((rows, columns), (rows of x, columns of x)) of `pairs` these pixels are added."""
    y = _empty(x, (*x.shape[:2], *size))
    y[...] = 0
    for (rows, columns), (from_rows, from_columns) in pairs:
        y[:, :, rows[:, None], columns] += x[:, :, from_rows[:, None], from_columns]
    return y


@primitive
def _read_at(x, *, turns, size):
    """y[outputs] = x[inputs], along height and width, for the pairs in `turns`; y is of `size`."""
    return _moved(x, size, [((o, q), (i, p)) for (i, o), (p, q) in itertools.product(*turns)])


@primitive(outputs=("x",))
def _add_at(y, *, turns, size):
    """x[inputs] += y[outputs]: the adjoint of _read_at."""
    return _moved(y, size, [((i, p), (o, q)) for (i, o), (p, q) in itertools.product(*turns)])


_read_at.vjp(x=lambda g, x_shape, turns: _add_at(g, turns=turns, size=x_shape[2:]))
_add_at.vjp(y=lambda g, y_shape, turns: _read_at(g, turns=turns, size=y_shape[2:]))


def interpolate(x: Array, size: int | Pair | None = None, scale_factor: float | tuple[float, float] | None = None, mode: str = "nearest",
                align_corners: bool = False) -> Array:
    """Pictures at another resolution, as PyTorch's function of this name.

    Parameters
    ----------
    x : (N, C, H, W).
    size, scale_factor : the new height and width, or by what to multiply the old ones (rounded down): one of the two, a number or a pair.
    mode : "nearest", the pixel that lies at floor(o n / m) for n pixels made m, or at floor(o / scale_factor); or "bilinear", the weighted mean of the four around it.
    align_corners : for "bilinear", whether the corner pixels' centres stay where they are; otherwise the pictures' edges do.

    **Math.** y = A x B^T for each channel, with a matrix for the height and one for the width; cotangent of x: A^T g B. Nearest
    copies pixels instead, its adjoint sums. **Numerics.** A matrix costs H or W multiply-adds a pixel: quick up to some hundred pixels a side. By
    matrices (bilinear, and the other functions here) a pixel that is infinite or NaN makes all its channel of its picture NaN, as 0 times infinity
    is; other channels and pictures stay as they are. Nearest moves it like any other.
    """
    _picture("interpolate", x)
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if mode not in ("nearest", "bilinear") or (align_corners and mode == "nearest"):
        raise ValueError(f'interpolate: mode {mode!r}, align_corners={align_corners}; the modes are "nearest" and "bilinear", and align_corners is for the latter')
    if 0 in x.shape[2:]:
        raise ValueError(f"interpolate: x {x.shape} has no pixels to read")
    if size is not None:
        size = _pair("interpolate", "size", size, 1)
        scale = (None, None)
    else:
        scale = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
        size = tuple(int(n * s) for n, s in zip(x.shape[2:], scale))
        if len(scale) != 2 or min(scale) <= 0 or min(size) < 1:
            raise ValueError(f"interpolate: scale_factor {scale_factor} leaves no pixel of {x.shape[2]}x{x.shape[3]}; give positive numbers, one or two")
    if mode == "nearest":
        return _interpolate_nearest(x, size, scale)
    scale = tuple(m / n if s is None else s for m, n, s in zip(size, x.shape[2:], scale))
    return _apply(x, _linear_matrix, *zip(x.shape[2:], size, scale, (align_corners, align_corners)))


def _mean_matrix(n: int, m: int) -> np.ndarray:
    """(m, n): output o is the mean of the inputs floor(o n / m) to ceil((o + 1) n / m) - 1."""
    matrix = np.zeros((m, n))
    for o in range(m):
        start, stop = o * n // m, -(-(o + 1) * n // m)
        matrix[o, start:stop] = 1 / (stop - start)
    return matrix


def adaptive_avg_pool2d(x: Array, output_size: int | Pair) -> Array:
    """The mean over output_size blocks that cover the picture, as evenly as its size allows; 1 for the mean of all.

    **Math.** y = A x B^T for each channel, the rows of A and B averaging; cotangent of x: A^T g B.
    """
    _picture("adaptive_avg_pool2d", x)
    size = _pair("adaptive_avg_pool2d", "output_size", output_size, 1)
    if 0 in x.shape[2:]:
        raise ValueError(f"adaptive_avg_pool2d: x {x.shape} has no pixels to average")
    return _apply(x, _mean_matrix, *zip(x.shape[2:], size))


def _blur_matrix(n: int, kernel: tuple, mode: str) -> np.ndarray:
    """(n, n): row o holds the kernel around o; what it has beyond the ends is dropped, or reflected."""
    matrix, half = np.zeros((n, n)), len(kernel) // 2
    for o in range(n):
        for t, weight in enumerate(kernel):
            i = o + t - half
            if mode == "reflect":
                i = -i if i < 0 else 2 * (n - 1) - i if i >= n else i
            if 0 <= i < n:
                matrix[o, i] += weight / sum(kernel)
    return matrix


def blur(x: Array, kernel: Sequence[float] = (1, 2, 1), mode: str = "zero") -> Array:
    """Pictures smoothed by `kernel`, scaled to sum 1, along height and along width, each channel by itself: StyleGAN's low-pass filter.

    Parameters
    ----------
    x : (N, C, H, W); the result has its shape.
    kernel : an odd number of weights. (1, 2, 1) is binomial: it removes exactly the highest frequency, the checkerboard.
    mode : what lies beyond the edge: "zero", as in StyleGAN, so that a border darkens; or "reflect", which keeps a constant picture constant.

    **Math.** y[i, j] = sum_st k[s] k[t] x[i + s, j + t]: y = K x K^T with a banded matrix K; cotangent of x: K^T g K.
    """
    _picture("blur", x)
    kernel = tuple(float(k) for k in kernel)
    if len(kernel) % 2 == 0 or sum(kernel) == 0:
        raise ValueError(f"blur: kernel {kernel} must have an odd number of weights, to have a centre, that do not add up to 0")
    if mode not in ("zero", "reflect"):
        raise ValueError(f'blur: mode {mode!r} is unknown; choose "zero" or "reflect"')
    if mode == "reflect" and x.size and len(kernel) // 2 >= min(x.shape[2:]):
        raise ValueError(f"blur: a kernel of {len(kernel)} reaches {len(kernel) // 2} pixels beyond the edge, too far to reflect x {x.shape}")
    return _apply(x, _blur_matrix, *((n, kernel, mode) for n in x.shape[2:]))


# --------------------------------------------------------------------------------------------------------- channels to pixels


@primitive
def pixel_shuffle(x, *, upscale_factor):
    """Each r*r channels of a pixel laid out as r x r pixels: what a sub-pixel convolution ends with.

    **Math.** y[n, c, h r + i, w r + j] = x[n, c r^2 + i r + j, h, w]; cotangent of x: pixel_unshuffle(g), as for any permutation.
    **Shapes.** (N, C r^2, H, W) to (N, C, H r, W r).
    """
    _picture("pixel_shuffle", x)
    r, (n, c, h, w) = upscale_factor, x.shape
    if r < 1 or c % (r * r):
        raise ValueError(f"pixel_shuffle: {c} channels do not divide into groups of upscale_factor^2 = {r * r}")
    y = _empty(x, (n, c // (r * r), h * r, w * r))
    for i, j in itertools.product(range(r), range(r)):
        y[:, :, i::r, j::r] = x[:, i * r + j :: r * r]
    return y


@primitive
def pixel_unshuffle(x, *, downscale_factor):
    """Each r x r pixels laid out as r*r channels of one: the inverse of pixel_shuffle, and its adjoint.

    **Shapes.** (N, C, H r, W r) to (N, C r^2, H, W).
    """
    _picture("pixel_unshuffle", x)
    r, (n, c, h, w) = downscale_factor, x.shape
    if r < 1 or h % r or w % r:
        raise ValueError(f"pixel_unshuffle: {h}x{w} pixels do not divide into blocks of downscale_factor = {r}")
    y = _empty(x, (n, c * r * r, h // r, w // r))
    for i, j in itertools.product(range(r), range(r)):
        y[:, i * r + j :: r * r] = x[:, :, i::r, j::r]
    return y


pixel_shuffle.vjp(x=lambda g, upscale_factor: pixel_unshuffle(g, downscale_factor=upscale_factor))
pixel_unshuffle.vjp(x=lambda g, downscale_factor: pixel_shuffle(g, upscale_factor=downscale_factor))
