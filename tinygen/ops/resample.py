"""Blur, and the exchange of channels for pixels.

Images are channels-last in memory on NumPy. Every function here is linear in the image, so its rule
applies the adjoint to the cotangent:

    blur             y = A x B^T        its rule is A^T g B (separable.py)
    pixel_shuffle    a permutation      its rule is the inverse, pixel_unshuffle
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from .arguments import check_dtypes, check_images
from .layout import empty_images
from .separable import resize

__all__ = ["blur", "pixel_shuffle", "pixel_unshuffle"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


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
    check_dtypes("blur", x=x)
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

    **Math** y[..., c, h r + i, w r + j] = x[..., c r^2 + i r + j, h, w].
    dx = pixel_unshuffle(g): the adjoint of a permutation is its inverse.
    **Shapes** (..., C r^2, H, W) -> (..., C, H r, W r), r = upscale_factor.
    """
    _check_factor("pixel_shuffle", x, "upscale_factor", upscale_factor)
    r, (*batch, c, h, w) = upscale_factor, x.shape
    if r == 1:
        return x[...]
    if c % (r * r):
        raise ValueError(
            f"pixel_shuffle: {c} channels do not divide into groups of upscale_factor^2 = {r * r}"
        )
    y = empty_images(x, (*batch, c // (r * r), h * r, w * r))
    for i, j in itertools.product(range(r), range(r)):
        y[..., i::r, j::r] = x[..., i * r + j :: r * r, :, :]
    return y


@primitive
def pixel_unshuffle(x, *, downscale_factor):
    """Lay each r x r pixels out as r^2 channels of one pixel: the inverse of `pixel_shuffle`.

    **Math** y[..., c r^2 + i r + j, h, w] = x[..., c, h r + i, w r + j]; dx = pixel_shuffle(g).
    **Shapes** (..., C, H r, W r) -> (..., C r^2, H, W), r = downscale_factor.
    """
    _check_factor("pixel_unshuffle", x, "downscale_factor", downscale_factor)
    r, (*batch, c, h, w) = downscale_factor, x.shape
    if r == 1:
        return x[...]
    if h % r or w % r:
        raise ValueError(
            f"pixel_unshuffle: {h}x{w} pixels do not divide into blocks of downscale_factor = {r}"
        )
    y = empty_images(x, (*batch, c * r * r, h // r, w // r))
    for i, j in itertools.product(range(r), range(r)):
        y[..., i * r + j :: r * r, :, :] = x[..., i::r, j::r]
    return y


def _check_factor(function: str, x, name: str, factor: int) -> None:
    """Raise ValueError unless x has the axes of images and the factor is a positive integer."""
    if x.ndim < 3:
        raise ValueError(f"{function}: x has shape {x.shape}; give images (..., C, H, W)")
    if not isinstance(factor, (int, np.integer)) or factor < 1:
        raise ValueError(f"{function}: {name}={factor!r}; give an integer of at least 1")


pixel_shuffle.vjp(x=lambda g, upscale_factor: pixel_unshuffle(g, downscale_factor=upscale_factor))
pixel_unshuffle.vjp(x=lambda g, downscale_factor: pixel_shuffle(g, upscale_factor=downscale_factor))
