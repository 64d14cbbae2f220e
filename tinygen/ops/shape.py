"""Shapes: rearrange, repeat, join, cut. Every function here is linear and only moves numbers, so each rule is the adjoint move:

    reshape, transpose, flip     <f(x), g> = <x, f*(g)> with f* the inverse
    broadcast_to                 sum_to: what was copied is summed; and the other way round
    concatenate, stack           the parts of g; and the other way round for split

On NumPy all keep the memory order of what they are given: a channels-last picture stays one. Results may share memory with the argument.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend.reductions import axis_sum, matmul
from .indexing import _axis, getitem

__all__ = [
    "astype", "broadcast_to", "channels_last", "concatenate", "expand_dims", "flip", "moveaxis", "reshape", "split", "squeeze", "stack", "sum_to", "swapaxes",
    "transpose",
]

Array = Any  # an array of any module, or a Tensor

# --------------------------------------------------------------------------------------------------------- the same numbers


@primitive
def reshape(x, *, shape):
    """x with another shape of the same size, read in C order; one side may be -1.

    **Math.** y = x, renumbered; cotangent of x: g, numbered as x was.
    """
    return x.reshape(shape)


reshape.vjp(x=lambda g, x_shape: reshape(g, shape=x_shape))


@primitive
def transpose(x, *, axes=None):
    """x with its axes in another order, by default reversed, as np.transpose.

    **Math.** y[i_axes[0], i_axes[1], ...] = x[i_0, i_1, ...]; cotangent of x: g with the axes put back.
    """
    return x.transpose(axes)


def _inverse(axes):
    """The permutation that undoes `axes`."""
    places = None if axes is None else [0] * len(axes)
    for place, axis in enumerate(axes or ()):
        places[axis] = place  # a negative axis counts from the end in this list too
    return places


transpose.vjp(x=lambda g, axes: transpose(g, axes=_inverse(axes)))


@primitive
def channels_last(x):
    """x itself, in the memory order that convolutions on NumPy read and write: channels last. Arrays of three axes or more; others, and other devices', stay.

    Put where flat features become pictures or pictures flat, it moves the numbers once, forward and backward, instead of in each op that meets both orders.
    **Math.** y = x; cotangent of x: g, channels last too.
    """
    if type(x) is not np.ndarray or x.ndim < 3:
        return x[...]
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


channels_last.vjp(x=lambda g: channels_last(g))


@primitive
def astype(x, *, dtype):
    """x converted to `dtype`, always a copy. To integers or booleans the result is a constant.

    **Math.** y = x up to rounding; cotangent of x: g, converted back to x's dtype.
    """
    return x.astype(dtype)


astype.vjp(x=lambda g: g)  # the engine converts every cotangent to its argument's dtype


def expand_dims(x: Array, axis: int) -> Array:
    """x with a new axis of length one before `axis` of the result, as np.expand_dims."""
    axis = _axis("expand_dims", axis, x.ndim + 1)
    return reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x: Array, axis: int | None = None) -> Array:
    """x without `axis`, which must have length one; by default without any axis of length one."""
    if axis is None:
        return reshape(x, shape=tuple(n for n in x.shape if n != 1))
    axis = _axis("squeeze", axis, x.ndim)
    if x.shape[axis] != 1:
        raise ValueError(f"squeeze: axis {axis} of shape {x.shape} has length {x.shape[axis]}; only an axis of length 1 can be dropped")
    return reshape(x, shape=x.shape[:axis] + x.shape[axis + 1:])


def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """x with two axes exchanged."""
    axes = list(range(x.ndim))
    axis1, axis2 = _axis("swapaxes", axis1, x.ndim), _axis("swapaxes", axis2, x.ndim)
    axes[axis1], axes[axis2] = axis2, axis1
    return transpose(x, axes=axes)


def moveaxis(x: Array, source: int, destination: int) -> Array:
    """x with one axis moved to another place, the others in their order."""
    source, destination = _axis("moveaxis", source, x.ndim), _axis("moveaxis", destination, x.ndim)
    axes = [axis for axis in range(x.ndim) if axis != source]
    axes.insert(destination, source)
    return transpose(x, axes=axes)


@primitive
def flip(x, *, axis=None):
    """x in reverse along `axis`: an int, a tuple, or None for all.

    **Math.** y[..., i, ...] = x[..., n-1-i, ...]; cotangent of x: flip(g), as flip is its own inverse and adjoint.
    """
    return np.flip(x, axis)


flip.vjp(x=lambda g, axis: flip(g, axis=axis))

# --------------------------------------------------------------------------------------------------------- copies and sums


@primitive
def broadcast_to(x, *, shape):
    """x repeated to `shape` by NumPy's broadcasting: a read-only view.

    **Math.** y = x at every repetition; cotangent of x: sum_to(g, shape of x), the adjoint.
    """
    return np.broadcast_to(x, shape)


@primitive
def sum_to(x, *, shape):
    """x summed over the axes along which an array of `shape` is repeated when it is broadcast to x's shape.

    **Math.** y = sum of x over the repetitions; cotangent of x: broadcast_to(g, shape of x), the adjoint.
    """
    shape = tuple(shape)
    lead = x.ndim - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[lead:])):
        raise ValueError(f"sum_to: an array of shape {shape} does not broadcast to {x.shape}, so {x.shape} cannot be summed to it")
    axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1))
    if type(x) is np.ndarray and len(axes) == lead > 0 and 0 < x.size and math.prod(x.shape[:lead]) < 1024 and x.dtype.kind == "f" and x.flags.c_contiguous:
        x = x.reshape(math.prod(x.shape[:lead]), math.prod(shape))
        return matmul(np.ones((1, len(x)), x.dtype), x).reshape(shape)  # thrice as quick as adding row after row
    return (axis_sum(x, axes, True) if axes else x).reshape(shape)


broadcast_to.vjp(x=lambda g, x_shape: sum_to(g, shape=x_shape))
sum_to.vjp(x=lambda g, x_shape: broadcast_to(g, shape=x_shape))

# --------------------------------------------------------------------------------------------------------- joining and cutting


def _part(axis: int, start: int, stop: int) -> tuple:
    return (*[slice(None)] * axis, slice(start, stop))


@primitive
def concatenate(*xs, axis=0):
    """The arrays one after the other along `axis`; they may come as one list.

    **Math.** y = [x_1, x_2, ...]; cotangent of x_i: its part of g.
    """
    return np.concatenate(xs, axis=_joined("concatenate", xs, axis))


def _joined(name, xs, axis) -> int:
    """The axis, from 0, once it is clear that the arrays fit together."""
    if not xs:
        raise ValueError(f"{name}: no arrays were given; give at least one")
    shapes = [x.shape for x in xs]
    axis = _axis(name, axis, len(shapes[0]))
    if any(len(s) != len(shapes[0]) or s[:axis] + s[axis + 1:] != shapes[0][:axis] + shapes[0][axis + 1:] for s in shapes):
        raise ValueError(f"{name}: shapes {', '.join(map(str, shapes))} differ elsewhere than along axis {axis}")
    return axis


def _concatenate_rule(g, which, xs_shape, axis):
    axis %= len(xs_shape[0])
    start = sum(s[axis] for s in xs_shape[:which])
    return getitem(g, index=_part(axis, start, start + xs_shape[which][axis]))


concatenate.vjp(xs=_concatenate_rule)


@primitive
def stack(*xs, axis=0):
    """Arrays of one shape side by side along a new axis; they may come as one list.

    **Math.** y[..., i, ...] = x_i; cotangent of x_i: g[..., i, ...].
    """
    if any(x.shape != xs[0].shape for x in xs):
        raise ValueError(f"stack: shapes {', '.join(str(x.shape) for x in xs)} differ; all must be one shape")
    axis = _axis("stack", axis, xs[0].ndim + 1) if xs else 0
    index = (*[slice(None)] * axis, None)
    return np.concatenate([x[index] for x in xs], axis=_joined("stack", [x[index] for x in xs], axis))


stack.vjp(xs=lambda g, which, axis: getitem(g, index=(*[slice(None)] * (axis % g.ndim), which)))


@primitive(outputs=("first", "others"))  # a rule that names no output serves any number of them
def _split(x, *, bounds, axis):
    return [x[_part(axis, start, stop)] for start, stop in itertools.pairwise(bounds)]


_split.vjp(x=lambda g, axis: concatenate(*g, axis=axis))


def split(x: Array, sections: int | Sequence[int], axis: int = 0) -> tuple:
    """x cut along `axis` into `sections` equal parts or, given a list, into parts of those sizes: a tuple of views.

    **Math.** (y_1, y_2, ...) with concatenate(y) = x; cotangent of x: the concatenation of the parts' cotangents.
    """
    axis = _axis("split", axis, x.ndim)
    n = x.shape[axis]
    if isinstance(sections, (int, np.integer)):
        if sections < 1 or n % sections:
            raise ValueError(f"split: axis {axis} of shape {x.shape} does not divide into {sections} equal parts; give a list of sizes")
        sections = [n // sections] * sections
    sizes = list(sections)
    if not sizes or min(sizes) < 0:
        raise ValueError(f"split: sizes {sizes}; give one or more, none of them negative")
    if sum(sizes) != n:
        raise ValueError(f"split: sizes {sizes} add up to {sum(sizes)}, but axis {axis} of shape {x.shape} has {n}")
    bounds = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    return _split(x, bounds=bounds, axis=axis) if len(sizes) > 1 else (x,)
