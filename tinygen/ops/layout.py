"""Memory layout of images: channels first by shape, (N, C, H, W), channels last in memory on NumPy.

Convolutions on NumPy arrays read and write channels-last memory, because a window is then a few
runs of neighbouring numbers (backend/im2col.py). Functions between convolutions keep that layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.primitive import primitive

__all__ = ["channels_last"]

Array = Any  # an array of any module


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


_PATTERN = np.empty((2, 2, 2, 2)).transpose(0, 3, 1, 2)  # its memory order is channels-last


def empty_images(like: Array, shape: tuple[int, int, int, int]) -> Array:
    """Allocate an array of images (N, C, H, W) without setting its values.

    It has the array type and the dtype of `like`. If `like` is a NumPy array, its memory is
    channels-last, otherwise channels-first. The result owns its memory, which a view such as
    `np.empty((N, H, W, C)).transpose(0, 3, 1, 2)` does not: the backward pass adds in place only
    to arrays that own their memory.
    """
    if isinstance(like, np.ndarray):
        return np.empty_like(_PATTERN, dtype=like.dtype, shape=shape)
    return np.empty_like(like, shape=shape, order="C")
