"""Interpolation: images and sequences at another resolution.

Sequences (N, C, L) are images of height one here. Every mode is linear in x and treats height and
width separately. So along one axis it is a matrix, y = A x, and its rule is A^T g:

    linear, bilinear, bicubic    a kernel around each position; a banded matrix (separable.py)
    area                         `adaptive_avg_pool2d` (pooling.py)
    nearest, nearest-exact       one 1 in each row: a copy, whose rule adds the cotangents of copies

**Positions.** Element i of n has its centre at position i. Output o of m reads x at the position

    (o + 1/2) / scale - 1/2          the edges of both grids agree, at -1/2 and n - 1/2
    o (n - 1) / (m - 1)              align_corners: the first and the last centres agree

where the scale is m / n, or the given scale_factor. Beyond its ends x repeats its last element.

**Kernels.** With q the position, y[o] = sum_i W(|q - i|) x[i]. A kernel W interpolates if W(0) = 1
and W(1) = W(2) = ... = 0, because then y = x at the centres.

linear: W(d) = 1 - d for d < 1, the weighted mean of the two neighbours.

bicubic: W is a cubic polynomial for d < 1, another one for 1 < d < 2, and W' is continuous.

    W(d) = 1 + B d^2 + A d^3           d < 1: W(0) = 1 and, as W is even, W'(0) = 0
    W(d) = a (d - 1) (d - 2)^2         1 < d < 2: W(1) = W(2) = 0 and W'(2) = 0

The slope of the second at d = 1 is a. The first must have the same slope there, and W(1) = 0:

    A + B = -1, 3 A + 2 B = a          so A = a + 2 and B = -(a + 3)

The number a is free. Keys takes -1/2, which is exact for parabolas; PyTorch, and so this file,
takes -3/4, which is sharper. For every a the four weights at a position sum to 1: with t the
fraction of the position and u = t (1 - t),

    W(t) + W(1 - t) = 1 - a u,    W(1 + t) + W(2 - t) = a t (1 - t)^2 + a t^2 (1 - t) = a u

**Source** Keys 1981, Cubic convolution interpolation for digital image processing, IEEE
Transactions on Acoustics, Speech, and Signal Processing 29; PyTorch's documentation of interpolate.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module
from .arguments import as_pair, check_arrays, check_dtypes, raw
from .indexing import getitem
from .layout import as_images, empty_images, from_images
from .pooling import mean_matrix
from .separable import resize
from .windows import Windows, sum_unpool

__all__ = ["interpolate"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor
Pair = tuple[int, int]  # (height, width)

# The modes of sequences and of images, by their number of sides.
_MODES = {
    1: ("nearest", "nearest-exact", "area", "linear"),
    2: ("nearest", "nearest-exact", "area", "bilinear", "bicubic"),
}

# Where the new size is one of these multiples of the old one, PyTorch ignores the given scale and
# takes the quotient of the sizes. The keys are the number of sides and the mode.
_MULTIPLES_WITHOUT_SCALE = {(2, "nearest"): (1, 2), (1, "linear"): (1,), (2, "bilinear"): (1,)}

# ------------------------------------------------------------------------------------------ kernels


def _linear_kernel(d):
    return 1 - d


def _cubic_kernel(d, a=-0.75):
    return np.where(d < 1, 1 - (a + 3) * d**2 + (a + 2) * d**3, a * (d - 1) * (d - 2) ** 2)


# A kernel, and how many elements on each side of a position it reads.
_KERNELS = {
    "linear": (_linear_kernel, 1),
    "bilinear": (_linear_kernel, 1),
    "bicubic": (_cubic_kernel, 2),
}


def _kernel_matrix(n: int, m: int, scale: float, mode: str, align_corners: bool) -> np.ndarray:
    """Return the (m, n) matrix that interpolates n elements at m positions."""
    kernel, reach = _KERNELS[mode]
    outputs = np.arange(m)
    if align_corners:
        position = outputs * ((n - 1) / max(m - 1, 1))
    else:
        position = (outputs + 0.5) / scale - 0.5
    low = np.floor(position).astype(int)
    matrix = np.zeros((m, n))
    for i in range(1 - reach, reach + 1):  # the elements low - 1, low, low + 1, low + 2 of bicubic
        weights = kernel(abs(position - (low + i)))
        matrix[outputs, np.clip(low + i, 0, n - 1)] += weights
    return matrix


# ------------------------------------------------------------------------------------------ nearest


@functools.lru_cache(maxsize=256)
def _nearest(n: int, m: int, scale: float | None, is_exact: bool) -> np.ndarray:
    """Return (m,): which of n elements each of m outputs copies.

    It is floor(o / scale), or exact floor((o + 1/2) / scale), the element whose centre is the
    nearest. Without a scale, m / n is the scale, and the arithmetic is in whole numbers.
    """
    twice = 2 * np.arange(m) + is_exact  # 2 o or 2 o + 1
    if scale is None:
        return twice * n // (2 * m)
    return np.minimum(np.floor(twice / 2 / scale).astype(int), n - 1)


def _interpolate_nearest(x, size: Pair, scale: tuple, is_exact: bool):
    """Copy the nearest pixel, in the fastest of three ways that fits."""
    sides = [(n, m, s, is_exact) for n, m, s in zip(x.shape[2:], size, scale)]
    sources = [_nearest(*side) for side in sides]
    is_whole_factor = all(
        m % n == 0 and (source == np.arange(m) // (m // n)).all()
        for (n, m, *_), source in zip(sides, sources)
    )
    if is_whole_factor:
        factor = tuple(m // n for n, m, *_ in sides)
        blocks = Windows(factor, factor, (0, 0), (1, 1), size, tuple(x.shape[2:]))
        return sum_unpool(x, windows=blocks, scale=1)
    steps = [int(source[1] - source[0]) if len(source) > 1 else 1 for source in sources]
    is_regular = all(
        step > 0 and (source == source[0] + np.arange(len(source)) * step).all()
        for step, source in zip(steps, sources)
    )
    if is_regular:  # every step-th pixel: a view
        slices = (
            slice(int(source[0]), int(source[-1]) + 1, step) for step, source in zip(steps, sources)
        )
        return getitem(x, (..., *slices))
    xp = array_module(raw(x))
    return _read_pixels(x, rounds=[_rounds(xp, *side) for side in sides], size=size)


@functools.lru_cache(maxsize=256)
def _rounds(xp, *side) -> list:
    """Return pairs (inputs, outputs that copy them) such that each pair names no input twice.

    Every output is in one pair. So `x[inputs] += y[outputs]` is right, which adds to an element
    that is named twice only once.
    """
    source = _nearest(*side)
    rank = np.arange(len(source)) - np.searchsorted(source, source)  # the copies before this one
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

# -------------------------------------------------------------------------------------- interpolate


def interpolate(
    x: Array,
    size: int | Pair | None = None,
    scale_factor: float | tuple[float, float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    """Images or sequences at another resolution, as PyTorch's function of this name.

    **Math** y = A x B^T for each channel, with one matrix for the height and one for the width (see
    `tinygen/ops/interpolation.py`); dx = A^T g B.
    **Shapes** x (N, C, H, W) -> (N, C, *size), x (N, C, L) -> (N, C, size).
    **Numerics** A matrix costs H or W multiply-adds per pixel: fast up to some hundred pixels a
    side. With matrices (all modes but the nearest, `blur`, `adaptive_avg_pool2d`) an infinite or
    NaN pixel makes its whole channel of its image NaN, because 0 times infinity is NaN. Other
    channels and images stay as they are. Nearest copies such a pixel like any other.

    Parameters
    ----------
    x : (N, C, H, W) or (N, C, L)
        Three axes are a batch of sequences, never one image (as in PyTorch): that is x[None].
    size : int or pair
        The new height and width, or the new length.
    scale_factor : float or pair
        The factors for height and width; the new size is rounded down. Give this or `size`.
    mode : str
        "nearest": output o of m is element floor(o n / m) of n, or floor(o / scale_factor). (Where
        o / scale_factor is nearly an integer, PyTorch, which divides in float32, may copy the
        neighbour.)
        "nearest-exact": the element whose centre is the nearest, floor((o + 1/2) n / m).
        "linear" of sequences, "bilinear" of images: the weighted mean of the neighbours.
        "bicubic" of images: a weighted sum of the 4 x 4 pixels around the position.
        "area": `adaptive_avg_pool2d`.
    align_corners : bool
        Only for "linear", "bilinear" and "bicubic". If true, the centres of the corner pixels stay
        in place; otherwise the edges of the image do.
    recompute_scale_factor : bool
        If true, positions follow the rounded size instead of the scale factor.
    antialias : bool
        PyTorch's setting; True is refused.

    Raises
    ------
    ValueError
        For an unknown mode, for both or none of size and scale_factor, for an image without a
        pixel, and for a result without one.
    """
    if antialias:
        raise TypeError(
            "interpolate: antialias must be False; smooth x first, with tinygen.ops.blur"
        )
    num_sides = _check_mode(x, mode, align_corners)
    images = as_images("interpolate", x, num_sides)
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if 0 in images.shape[2:]:
        raise ValueError(f"interpolate: x {x.shape} has no pixels to read")
    size, scale = _target_size(images.shape[2:], size, scale_factor, num_sides)
    multiples = _MULTIPLES_WITHOUT_SCALE.get((num_sides, mode), ())
    scale = tuple(
        None if recompute_scale_factor or m / n in multiples else s
        for n, m, s in zip(images.shape[2:], size, scale)
    )
    if mode.startswith("nearest"):
        y = _interpolate_nearest(images, size, scale, mode == "nearest-exact")
        return from_images(y, x, num_sides)
    check_dtypes("interpolate", x=x)
    if mode == "area":
        y = resize(images, mean_matrix, *zip(images.shape[2:], size))
    else:
        scale = tuple(m / n if s is None else s for m, n, s in zip(size, images.shape[2:], scale))
        sides = [(*side, mode, bool(align_corners)) for side in zip(images.shape[2:], size, scale)]
        y = resize(images, _kernel_matrix, *sides)
    return from_images(y, x, num_sides)


def _check_mode(x, mode: str, align_corners: bool | None) -> int:
    """Return the number of sides, 1 of sequences and 2 of images, after a check of the mode."""
    check_arrays("interpolate", x=x)
    num_sides = x.ndim - 2
    if num_sides not in _MODES:
        raise ValueError(
            f"interpolate: x has shape {x.shape}; give sequences (N, C, L) or images (N, C, H, W)"
        )
    if mode not in _MODES[num_sides]:
        raise ValueError(
            f"interpolate: mode {mode!r} for x {x.shape}; sequences (N, C, L) take "
            f"{', '.join(_MODES[1])}, images (N, C, H, W) {', '.join(_MODES[2])}"
        )
    if align_corners and mode not in _KERNELS:
        raise ValueError(
            f"interpolate: align_corners={align_corners} is for the modes "
            f"{', '.join(_KERNELS)}, not {mode!r}"
        )
    return num_sides


def _target_size(old: Pair, size, scale_factor, num_sides: int) -> tuple[Pair, tuple]:
    """Return the new (height, width), and the scale of each or None if a size was given."""
    if size is not None:
        return as_pair("interpolate", "size", size, 1, num_sides), (None, None)
    is_several = isinstance(scale_factor, (tuple, list))
    scale = tuple(scale_factor) if is_several else (scale_factor,) * num_sides
    sides = old[-num_sides:]
    are_numbers = all(isinstance(s, (int, float, np.number)) and 0 < s < math.inf for s in scale)
    scale = tuple(float(s) for s in scale) if are_numbers else scale
    size = tuple(int(n * s) for n, s in zip(sides, scale)) if are_numbers else ()
    if len(scale) != num_sides or 0 in size or not are_numbers:
        numbers = "one or two" if num_sides == 2 else "one"
        raise ValueError(
            f"interpolate: scale_factor {scale_factor} leaves no pixel of "
            f"{'x'.join(map(str, sides))}; give positive numbers, {numbers}"
        )
    return (size, scale) if num_sides == 2 else ((1, *size), (1.0, *scale))
