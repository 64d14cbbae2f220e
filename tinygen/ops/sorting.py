"""Order along an axis. The indices are constants; sorted values carry gradients, by indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from .arguments import as_flag, normalize_axis, raw
from .indexing import pick_along_axis
from .pytorch_names import explain_names
from .shape import ravel

__all__ = ["argmax", "argmin", "argsort", "sort"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


@primitive
def argmax(x, *, axis=None, keepdims=False):
    """The index of the greatest element along the axis, the first of equals: a constant.

    Without an axis, the index into x in one axis, as np.argmax.
    """
    keepdims = as_flag("argmax", "keepdims", keepdims)
    return np.argmax(x, axis=_as_one_axis("argmax", axis, x.ndim), keepdims=keepdims)


@primitive
def argmin(x, *, axis=None, keepdims=False):
    """The index of the least element along the axis, the first of equals: a constant.

    Without an axis, the index into x in one axis, as np.argmin.
    """
    keepdims = as_flag("argmin", "keepdims", keepdims)
    return np.argmin(x, axis=_as_one_axis("argmin", axis, x.ndim), keepdims=keepdims)


def _as_one_axis(function: str, axis: int | None, ndim: int) -> int | None:
    """Return the axis counted from 0; None for all axes, and for a single number."""
    return None if axis is None or not ndim else normalize_axis(function, axis, ndim)


@primitive
def argsort(x, *, axis=-1, descending=False):
    """The indices that sort x along the axis; equal elements keep their order. A constant.

    With axis=None, x is flattened, as by np.argsort.
    """
    descending = as_flag("argsort", "descending", descending)
    if axis is None:
        x, axis = x.reshape(x.size), 0
    axis = normalize_axis("argsort", axis, x.ndim)
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    # Sorted from behind and read from behind, equal elements keep their order.
    backwards = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.flip(x.shape[axis] - 1 - backwards, axis)


argmax.vjp(x=None)
argmin.vjp(x=None)
argsort.vjp(x=None)


@explain_names
def sort(x: Array, axis: int | None = -1, descending: bool = False) -> Array:
    """The sorted elements along the axis, as np.sort. PyTorch returns the indices of `argsort` too.

    **Math** y = x at the indices of `argsort`; dx = g put back in place, see `take_along_axis`.
    """
    descending = as_flag("sort", "descending", descending)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis("sort", axis, x.ndim)
    return pick_along_axis(x, raw(argsort(x, axis=axis, descending=descending)), axis)
