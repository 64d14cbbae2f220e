"""Memory layout of images: channels first by shape, (N, C, H, W), channels last in memory on NumPy.

Convolutions on NumPy arrays read and write channels-last memory, because a window is then a few
runs of neighbouring numbers (backend/im2col.py). Functions between convolutions keep that layout.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from .shape import reshape

__all__ = ["channels_last"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


@primitive
def channels_last(x):
    """Lay x out with the channels (axis 1) last in memory, as convolutions on NumPy do.

    Use it where flat features become images, or images flat features. It copies the numbers once,
    forward and backward, instead of in each op that meets both layouts.

    **Math** y = x; dx = g, channels-last too.
    **Shapes** any. Arrays with less than three axes, and those of other devices, stay as they are.
    """
    if type(x) is not np.ndarray or x.ndim < 3:
        return x[...]
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


channels_last.vjp(x=lambda g: channels_last(g))


def as_images(function: str, x: Array, num_sides: int) -> Array:
    """Return x as a batch of images (N, C, H, W); `from_images` is the way back.

    Sequences (N, C, L), num_sides=1, become images of height one. A single image (C, H, W) or
    sequence (C, L) becomes a batch of one.

    Raises
    ------
    ValueError
        If x has another number of axes. `function` names the caller in the message.
    """
    if x.ndim == 4 and num_sides == 2:
        return x
    if x.ndim not in (num_sides + 1, num_sides + 2):
        kind, sides = ("sequence", "L") if num_sides == 1 else ("image", "H, W")
        raise ValueError(
            f"{function}: x has shape {x.shape}; give {kind}s (N, C, {sides}), "
            f"or one {kind} (C, {sides})"
        )
    n, c, *sides = x.shape if x.ndim == num_sides + 2 else (1, *x.shape)
    return reshape(x, shape=(n, c, *sides) if num_sides == 2 else (n, c, 1, *sides))


def from_images(y: Array, x: Array, num_sides: int) -> Array:
    """Return y (N, C, H, W), computed from as_images(x), with the axes that x has."""
    if x.ndim == 4 and num_sides == 2:
        return y
    return reshape(y, shape=(*x.shape[:-num_sides], *y.shape[-num_sides:]))


@functools.cache
def _pattern(ndim: int) -> np.ndarray:
    """Return an array whose memory order is channels-last: axis -3 varies fastest."""
    return np.moveaxis(np.empty((2,) * ndim), -1, -3)


def empty_images(like: Array, shape: tuple[int, ...]) -> Array:
    """Allocate an array of images (..., C, H, W) without setting its values.

    It has the array type and the dtype of `like`. If `like` is a NumPy array, its memory is
    channels-last, otherwise channels-first. The result owns its memory, which a view such as
    `np.empty((N, H, W, C)).transpose(0, 3, 1, 2)` does not: the backward pass adds in place only
    to arrays that own their memory.
    """
    if isinstance(like, np.ndarray):
        return np.empty_like(_pattern(len(shape)), dtype=like.dtype, shape=shape)
    return np.empty_like(like, shape=shape, order="C")
