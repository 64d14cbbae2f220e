"""Shapes: rearrange, repeat, join and split arrays.

Every function here is linear and only moves numbers. So each rule is the adjoint f* of the forward
f, defined by <f(x), g> = <x, f*(g)>:

    reshape, transpose, flip     the inverse
    broadcast_to                 sum_to: what was copied is summed (and the other way round)
    concatenate, stack           the parts of g
    split                        concatenate

On NumPy all keep the memory order of their argument: a channels-last image stays channels-last.
Results may share memory with the argument. In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend.reductions import axis_sum, broadcast_axes, matmul
from .arguments import normalize_axis
from .indexing import getitem

__all__ = [
    "astype",
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "flip",
    "moveaxis",
    "reshape",
    "split",
    "squeeze",
    "stack",
    "sum_to",
    "swapaxes",
    "transpose",
]

Array = Any  # an array of any module, or a Tensor

# ---------------------------------------------------------------------------- the same numbers


@primitive
def reshape(x, *, shape):
    """Give x another shape of the same size, read in C order; one side may be -1.

    **Math** y = x, renumbered; dx = g, numbered as x was.
    """
    return x.reshape(shape)


reshape.vjp(x=lambda g, x_shape: reshape(g, shape=x_shape))


@primitive
def transpose(x, *, axes=None):
    """Reorder the axes of x, by default in reverse, as np.transpose.

    **Math** axis k of y is axis axes[k] of x; dx = g with the axes in their old order.
    """
    return x.transpose(axes)


def _inverse(axes):
    """Return the permutation that undoes `axes`."""
    if axes is None:
        return None
    inverse = [0] * len(axes)
    for new, old in enumerate(axes):
        inverse[old] = new  # a negative axis counts from the end in this list too
    return inverse


transpose.vjp(x=lambda g, axes: transpose(g, axes=_inverse(axes)))


@primitive
def astype(x, *, dtype):
    """Convert x to `dtype`, always as a copy. Integers and booleans are constants.

    **Math** y = x up to rounding; dx = g, converted back to the dtype of x.
    """
    return x.astype(dtype)


astype.vjp(x=lambda g: g)  # the engine converts every cotangent to the dtype of its argument


def expand_dims(x: Array, axis: int) -> Array:
    """Insert an axis of length one before `axis` of the result, as np.expand_dims."""
    axis = normalize_axis("expand_dims", axis, x.ndim + 1)
    return reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x: Array, axis: int | None = None) -> Array:
    """Remove `axis`, which must have length one; by default every axis of length one."""
    if axis is None:
        return reshape(x, shape=tuple(n for n in x.shape if n != 1))
    axis = normalize_axis("squeeze", axis, x.ndim)
    if x.shape[axis] != 1:
        raise ValueError(
            f"squeeze: axis {axis} of shape {x.shape} has length {x.shape[axis]}; "
            "only an axis of length 1 can be removed"
        )
    return reshape(x, shape=x.shape[:axis] + x.shape[axis + 1 :])


def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """Exchange two axes."""
    axes = list(range(x.ndim))
    axis1 = normalize_axis("swapaxes", axis1, x.ndim)
    axis2 = normalize_axis("swapaxes", axis2, x.ndim)
    axes[axis1], axes[axis2] = axis2, axis1
    return transpose(x, axes=axes)


def moveaxis(x: Array, source: int, destination: int) -> Array:
    """Move one axis to another place; the others keep their order."""
    source = normalize_axis("moveaxis", source, x.ndim)
    destination = normalize_axis("moveaxis", destination, x.ndim)
    axes = [axis for axis in range(x.ndim) if axis != source]
    axes.insert(destination, source)
    return transpose(x, axes=axes)


@primitive
def flip(x, *, axis=None):
    """Reverse x along `axis`: an integer, a tuple, or None for all axes.

    **Math** y[i] = x[n - 1 - i] along each of the axes; dx = flip(g): flip is its own inverse.
    """
    return np.flip(x, axis)


flip.vjp(x=lambda g, axis: flip(g, axis=axis))

# ----------------------------------------------------------------------------- copies and sums


@primitive
def broadcast_to(x, *, shape):
    """Repeat x to `shape` by NumPy's broadcasting: a read-only view.

    **Math** y = x at every repetition; dx = sum_to(g, shape of x), the adjoint.
    """
    return np.broadcast_to(x, shape)


@primitive
def sum_to(x, *, shape):
    """Sum x to `shape`, which must broadcast to the shape of x: the reverse of broadcasting.

    **Math** y = the sum of x over the repetitions; dx = broadcast_to(g, shape of x), the adjoint.
    """
    shape = tuple(shape)
    axes = broadcast_axes(shape, x.shape)
    if axes is None:
        raise ValueError(
            f"sum_to: an array of shape {shape} does not broadcast to {x.shape}, "
            f"so {x.shape} cannot be summed to it"
        )
    if _are_few_leading_rows(x, axes, len(shape)):
        return _sum_rows(x, len(axes)).reshape(shape)
    return (axis_sum(x, axes, True) if axes else x).reshape(shape)


def _are_few_leading_rows(x, axes, ndim: int) -> bool:
    """Return whether the sum is over leading axes alone, of less than 1024 rows in all."""
    if type(x) is not np.ndarray or x.dtype.kind != "f" or not x.flags.c_contiguous:
        return False
    num_leading = x.ndim - ndim
    is_leading_only = len(axes) == num_leading > 0
    return is_leading_only and x.size > 0 and math.prod(x.shape[:num_leading]) < 1024


def _sum_rows(x, num_leading: int):
    """Sum over the leading axes by a product with ones: 3 times as fast as adding row after row."""
    num_rows = math.prod(x.shape[:num_leading])
    x = x.reshape(num_rows, math.prod(x.shape[num_leading:]))
    return matmul(np.ones((1, num_rows), x.dtype), x)


broadcast_to.vjp(x=lambda g, x_shape: sum_to(g, shape=x_shape))
sum_to.vjp(x=lambda g, x_shape: broadcast_to(g, shape=x_shape))

# ------------------------------------------------------------------------ joining and splitting


def _part(axis: int, start: int, stop: int) -> tuple:
    """Return the index of the elements start to stop along `axis`."""
    return (*[slice(None)] * axis, slice(start, stop))


@primitive
def concatenate(*xs, axis=0):
    """Join arrays along `axis`; they may be given as one list.

    **Math** y = [x_1, x_2, ...]; dx_i = the part of g at the place of x_i.
    """
    return np.concatenate(xs, axis=_check_joinable("concatenate", xs, axis))


def _check_joinable(function: str, xs, axis: int) -> int:
    """Return the axis, counted from 0, after a check that the arrays fit together."""
    if not xs:
        raise ValueError(f"{function}: no arrays were given; give at least one")
    shapes = [x.shape for x in xs]
    axis = normalize_axis(function, axis, len(shapes[0]))
    others = {(s[:axis], s[axis + 1 :], len(s)) for s in shapes}
    if len(others) > 1:
        raise ValueError(
            f"{function}: shapes {', '.join(map(str, shapes))} differ elsewhere than along "
            f"axis {axis}"
        )
    return axis


def _concatenate_rule(g, which, xs_shape, axis):
    axis %= len(xs_shape[0])
    start = sum(s[axis] for s in xs_shape[:which])
    return getitem(g, index=_part(axis, start, start + xs_shape[which][axis]))


concatenate.vjp(xs=_concatenate_rule)


@primitive
def stack(*xs, axis=0):
    """Join arrays of one shape along a new axis; they may be given as one list.

    **Math** y[..., i, ...] = x_i; dx_i = g[..., i, ...].
    """
    if any(x.shape != xs[0].shape for x in xs):
        shapes = ", ".join(str(x.shape) for x in xs)
        raise ValueError(f"stack: shapes {shapes} differ; all must be one shape")
    axis = normalize_axis("stack", axis, xs[0].ndim + 1) if xs else 0
    new_axis = (*[slice(None)] * axis, None)
    parts = [x[new_axis] for x in xs]
    return np.concatenate(parts, axis=_check_joinable("stack", parts, axis))


stack.vjp(xs=lambda g, which, axis: getitem(g, index=(*[slice(None)] * (axis % g.ndim), which)))


@primitive(outputs=("first", "others"))  # rules that name no output serve any number of outputs
def _split(x, *, bounds, axis):
    """The parts of x between neighbouring bounds along the axis."""
    return [x[_part(axis, start, stop)] for start, stop in itertools.pairwise(bounds)]


_split.vjp(x=lambda g, axis: concatenate(*g, axis=axis))


def split(x: Array, sections: int | Sequence[int], axis: int = 0) -> tuple:
    """Divide x along `axis` into a tuple of views.

    **Math** (y_1, y_2, ...) with concatenate(y) = x; dx = concatenate(g_1, g_2, ...).

    Parameters
    ----------
    sections : int or sequence of int
        The number of equal parts, or the size of each part.

    Raises
    ------
    ValueError
        If the parts do not make up the axis.
    """
    axis = normalize_axis("split", axis, x.ndim)
    n = x.shape[axis]
    if isinstance(sections, (int, np.integer)):
        if sections < 1 or n % sections:
            raise ValueError(
                f"split: axis {axis} of shape {x.shape} does not divide into {sections} equal "
                "parts; give a list of sizes"
            )
        sections = [n // sections] * sections
    sizes = list(sections)
    if not sizes or min(sizes) < 0:
        raise ValueError(f"split: sizes {sizes}; give one or more, none of them negative")
    if sum(sizes) != n:
        raise ValueError(
            f"split: sizes {sizes} add up to {sum(sizes)}, but axis {axis} of shape {x.shape} "
            f"has {n}"
        )
    if len(sizes) == 1:
        return (x,)
    bounds = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    return _split(x, bounds=bounds, axis=axis)
