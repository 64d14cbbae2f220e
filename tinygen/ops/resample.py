"""Changing the resolution of images: interpolation, pixel shuffle, blur.

Images are (N, C, H, W), channels-last in memory on NumPy. Every function here is linear in the
image, so its rule applies the adjoint to the cotangent:

    separable        y = A x B^T        (separable.py) bilinear and adaptive resizing, and blur
    sum_unpool       (pooling.py)       nearest up-sampling by a whole factor copies, its rule sums
    _read_pixels     y[o] = x[i(o)]     nearest at other sizes; its rule, _add_pixels, adds at i(o)
    pixel_shuffle    a permutation      its rule is the inverse, pixel_unshuffle
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module
from .arguments import as_pair, check_images, raw
from .indexing import getitem
from .layout import empty_images
from .pooling import sum_unpool
from .separable import resize

__all__ = ["adaptive_avg_pool2d", "blur", "interpolate", "pixel_shuffle", "pixel_unshuffle"]

Array = Any  # an array of any module, or a Tensor
Pair = tuple[int, int]  # (height, width)

# ------------------------------------------------------------------------------------ interpolation


def _bilinear_matrix(n: int, m: int, scale: float, align_corners: bool) -> np.ndarray:
    """Return the (m, n) matrix that interpolates n values linearly at m positions.

    Output o reads position (o + 1/2) / scale - 1/2, where pixel centres have whole numbers, or with
    aligned corners o (n - 1) / (m - 1). It is the weighted mean of the two neighbours.
    """
    if align_corners:
        position = np.arange(m) * ((n - 1) / max(m - 1, 1))
    else:
        position = np.maximum((np.arange(m) + 0.5) / scale - 0.5, 0)
    low = np.minimum(np.floor(position).astype(int), n - 1)
    matrix = np.zeros((m, n))
    matrix[np.arange(m), low] += 1 - (position - low)
    matrix[np.arange(m), np.minimum(low + 1, n - 1)] += position - low
    return matrix


@functools.lru_cache(maxsize=256)
def _nearest(n: int, m: int, scale: float | None) -> np.ndarray:
    """Return (m,): which of n inputs each of m outputs copies.

    Given a size it is floor(o n / m), in whole numbers. Given a scale it is floor(o / scale),
    except for m = n and m = 2 n, where PyTorch reads as if given a size.
    """
    o = np.arange(m)
    if scale is None or m in (n, 2 * n):
        return o * n // m
    return np.minimum(np.floor(o / scale).astype(int), n - 1)


def _interpolate_nearest(x, size: Pair, scale: tuple):
    """Copy the nearest pixel, in the fastest of three ways that fits."""
    sides = tuple(zip(x.shape[2:], size, scale))
    sources = [_nearest(n, m, s) for n, m, s in sides]
    is_whole_factor = all(
        m % n == 0 and (source == np.arange(m) // (m // n)).all()
        for (n, m, _), source in zip(sides, sources)
    )
    if is_whole_factor:
        factor = tuple(m // n for n, m, _ in sides)
        return sum_unpool(x, kernel=factor, stride=factor, padding=(0, 0), size=size, scale=1)
    steps = [int(source[1] - source[0]) if len(source) > 1 else 1 for source in sources]
    is_regular = all(
        step > 0 and (source == np.arange(len(source)) * step).all()
        for step, source in zip(steps, sources)
    )
    if is_regular:  # every step-th pixel: a view
        slices = (slice(0, int(source[-1]) + 1, step) for step, source in zip(steps, sources))
        return getitem(x, (..., *slices))
    xp = array_module(raw(x))
    return _read_pixels(x, rounds=[_rounds(xp, *side) for side in sides], size=size)


@functools.lru_cache(maxsize=256)
def _rounds(xp, n: int, m: int, scale: float | None) -> list:
    """Return pairs (inputs, outputs that copy them) such that each pair names no input twice.

    Every output is in one pair. So `x[inputs] += y[outputs]` is right, which adds to an element
    that is named twice only once.
    """
    source = _nearest(n, m, scale)
    rank = np.arange(m) - np.searchsorted(source, source)  # how many outputs before copy the same
    return [
        (xp.asarray(source[rank == k]), xp.asarray(np.flatnonzero(rank == k)))
        for k in range(rank.max() + 1)
    ]


def _add_pixels_of(x, size: Pair, pairs):
    """Return zeros (N, C, *size) to which pixels of x are added.

    `pairs` holds ((rows, columns), (rows of x, columns of x)) for each addition.
    """
    y = empty_images(x, (*x.shape[:2], *size))
    y[...] = 0
    for (rows, columns), (x_rows, x_columns) in pairs:
        y[:, :, rows[:, None], columns] += x[:, :, x_rows[:, None], x_columns]
    return y


@primitive
def _read_pixels(x, *, rounds, size):
    """y[outputs] = x[inputs], for the pairs of `rounds` along height and width."""
    pairs = [((o, q), (i, p)) for (i, o), (p, q) in itertools.product(*rounds)]
    return _add_pixels_of(x, size, pairs)


@primitive(outputs=("x",))
def _add_pixels(y, *, rounds, size):
    """x[inputs] += y[outputs]: the adjoint of `_read_pixels`."""
    pairs = [((i, p), (o, q)) for (i, o), (p, q) in itertools.product(*rounds)]
    return _add_pixels_of(y, size, pairs)


_read_pixels.vjp(x=lambda g, x_shape, rounds: _add_pixels(g, rounds=rounds, size=x_shape[2:]))
_add_pixels.vjp(y=lambda g, y_shape, rounds: _read_pixels(g, rounds=rounds, size=y_shape[2:]))


def interpolate(
    x: Array,
    size: int | Pair | None = None,
    scale_factor: float | tuple[float, float] | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Array:
    """Images at another resolution, as PyTorch's function of this name.

    **Math** bilinear: y = A x B^T for each channel, with one matrix for the height and one for the
    width; dx = A^T g B.
    nearest: y copies pixels; dx sums the cotangents of the copies.
    **Numerics** A matrix costs H or W multiply-adds per pixel: fast up to some hundred pixels a
    side. With matrices (bilinear, `blur`, `adaptive_avg_pool2d`) an infinite or NaN pixel makes its
    whole channel of its image NaN, because 0 times infinity is NaN. Other channels and images stay
    as they are. Nearest copies such a pixel like any other.

    Parameters
    ----------
    x : (N, C, H, W)
    size : int or pair
        The new height and width.
    scale_factor : float or pair
        The factors for height and width; the new size is rounded down. Give this or `size`.
    mode : str
        "nearest": pixel o of m is pixel floor(o n / m) of n, or pixel floor(o / scale_factor) if
        a scale factor is given. "bilinear": the weighted mean of the four pixels around the
        position.
    align_corners : bool
        Only for "bilinear". If true, the centres of the corner pixels stay in place; otherwise the
        edges of the image do.

    Raises
    ------
    ValueError
        For an unknown mode, for both or none of size and scale_factor, for an image without a
        pixel, and for a result without one.
    """
    check_images("interpolate", x)
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if mode not in ("nearest", "bilinear") or (align_corners and mode == "nearest"):
        raise ValueError(
            f"interpolate: mode {mode!r}, align_corners={align_corners}; the modes are "
            '"nearest" and "bilinear", and align_corners is for the latter'
        )
    if 0 in x.shape[2:]:
        raise ValueError(f"interpolate: x {x.shape} has no pixels to read")
    size, scale = _target_size(x.shape[2:], size, scale_factor)
    if mode == "nearest":
        return _interpolate_nearest(x, size, scale)
    scale = tuple(m / n if s is None else s for m, n, s in zip(size, x.shape[2:], scale))
    sides = zip(x.shape[2:], size, scale, (align_corners, align_corners))
    return resize(x, _bilinear_matrix, *sides)


def _target_size(old: Pair, size, scale_factor) -> tuple[Pair, tuple]:
    """Return the new (height, width), and the scale of each or None if a size was given."""
    if size is not None:
        return as_pair("interpolate", "size", size, 1), (None, None)
    is_pair = isinstance(scale_factor, (tuple, list))
    scale = scale_factor if is_pair else (scale_factor, scale_factor)
    size = tuple(int(n * s) for n, s in zip(old, scale))
    if len(scale) != 2 or min(scale) <= 0 or min(size) < 1:
        raise ValueError(
            f"interpolate: scale_factor {scale_factor} leaves no pixel of {old[0]}x{old[1]}; "
            "give positive numbers, one or two"
        )
    return size, scale


def _mean_matrix(n: int, m: int) -> np.ndarray:
    """Return (m, n): output o is the mean of inputs floor(o n / m) to ceil((o + 1) n / m) - 1."""
    matrix = np.zeros((m, n))
    for o in range(m):
        start, stop = o * n // m, -(-(o + 1) * n // m)
        matrix[o, start:stop] = 1 / (stop - start)
    return matrix


def adaptive_avg_pool2d(x: Array, output_size: int | Pair) -> Array:
    """The means over a grid of `output_size` blocks that cover the image as evenly as possible.

    With output_size 1 it is the mean over all pixels.

    **Math** y = A x B^T for each channel, where the rows of A and B average; dx = A^T g B.
    **Shapes** x (N, C, H, W) -> (N, C, *output_size).
    """
    check_images("adaptive_avg_pool2d", x)
    size = as_pair("adaptive_avg_pool2d", "output_size", output_size, 1)
    if 0 in x.shape[2:]:
        raise ValueError(f"adaptive_avg_pool2d: x {x.shape} has no pixels to average")
    return resize(x, _mean_matrix, *zip(x.shape[2:], size))


def _blur_matrix(n: int, kernel: tuple, mode: str) -> np.ndarray:
    """Return (n, n): row o holds the kernel, centred at o.

    What reaches beyond the ends is dropped (mode "zero") or reflected (mode "reflect").
    """
    matrix, half = np.zeros((n, n)), len(kernel) // 2
    for o in range(n):
        for t, weight in enumerate(kernel):
            i = o + t - half
            if mode == "reflect":
                i = abs(i) if i < n else 2 * (n - 1) - i
            if 0 <= i < n:
                matrix[o, i] += weight / sum(kernel)
    return matrix


def blur(x: Array, kernel: Sequence[float] = (1, 2, 1), mode: str = "zero") -> Array:
    """Images smoothed along height and width, each channel separately: StyleGAN's low-pass filter.

    **Math** y[i, j] = sum_st k[s] k[t] x[i + s, j + t], that is y = K x K^T with a banded matrix K;
    dx = K^T g K.

    Parameters
    ----------
    x : (N, C, H, W)
        The result has the same shape.
    kernel : sequence of float
        An odd number of weights, which are scaled to sum 1. (1, 2, 1) is binomial: it removes
        exactly the highest frequency, the checkerboard.
    mode : str
        What lies beyond the edge. "zero" is StyleGAN's choice and darkens the border; "reflect"
        keeps a constant image constant.

    Raises
    ------
    ValueError
        For a kernel without a centre or with sum 0, an unknown mode, and an image too small to be
        reflected.
    """
    check_images("blur", x)
    kernel = tuple(float(k) for k in kernel)
    if len(kernel) % 2 == 0 or sum(kernel) == 0:
        raise ValueError(
            f"blur: kernel {kernel} must have an odd number of weights, to have a centre, "
            "that do not add up to 0"
        )
    if mode not in ("zero", "reflect"):
        raise ValueError(f'blur: mode {mode!r} is unknown; choose "zero" or "reflect"')
    if mode == "reflect" and x.size and len(kernel) // 2 >= min(x.shape[2:]):
        raise ValueError(
            f"blur: a kernel of {len(kernel)} reaches {len(kernel) // 2} pixels beyond the edge, "
            f"too far to reflect x {x.shape}"
        )
    return resize(x, _blur_matrix, *((n, kernel, mode) for n in x.shape[2:]))


# ------------------------------------------------------------------------------- channels to pixels


@primitive
def pixel_shuffle(x, *, upscale_factor):
    """Lay each r^2 channels of a pixel out as r x r pixels: the end of a sub-pixel convolution.

    **Math** y[n, c, h r + i, w r + j] = x[n, c r^2 + i r + j, h, w].
    dx = pixel_unshuffle(g): the adjoint of a permutation is its inverse.
    **Shapes** (N, C r^2, H, W) -> (N, C, H r, W r), r = upscale_factor.
    """
    check_images("pixel_shuffle", x)
    r, (n, c, h, w) = upscale_factor, x.shape
    if r < 1 or c % (r * r):
        raise ValueError(
            f"pixel_shuffle: {c} channels do not divide into groups of upscale_factor^2 = {r * r}"
        )
    y = empty_images(x, (n, c // (r * r), h * r, w * r))
    for i, j in itertools.product(range(r), range(r)):
        y[:, :, i::r, j::r] = x[:, i * r + j :: r * r]
    return y


@primitive
def pixel_unshuffle(x, *, downscale_factor):
    """Lay each r x r pixels out as r^2 channels of one pixel: the inverse of `pixel_shuffle`.

    **Math** y[n, c r^2 + i r + j, h, w] = x[n, c, h r + i, w r + j]; dx = pixel_shuffle(g).
    **Shapes** (N, C, H r, W r) -> (N, C r^2, H, W), r = downscale_factor.
    """
    check_images("pixel_unshuffle", x)
    r, (n, c, h, w) = downscale_factor, x.shape
    if r < 1 or h % r or w % r:
        raise ValueError(
            f"pixel_unshuffle: {h}x{w} pixels do not divide into blocks of downscale_factor = {r}"
        )
    y = empty_images(x, (n, c * r * r, h // r, w // r))
    for i, j in itertools.product(range(r), range(r)):
        y[:, i * r + j :: r * r] = x[:, :, i::r, j::r]
    return y


pixel_shuffle.vjp(x=lambda g, upscale_factor: pixel_unshuffle(g, downscale_factor=upscale_factor))
pixel_unshuffle.vjp(x=lambda g, downscale_factor: pixel_shuffle(g, upscale_factor=downscale_factor))
