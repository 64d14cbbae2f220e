"""Shapes: rearrange and broadcast arrays.

Every function here is linear and only moves numbers. So each rule is the adjoint f* of the forward
f, defined by <f(x), g> = <x, f*(g)>:

    reshape, transpose, flip, roll    the inverse
    broadcast_to                      sum_to: what was copied is summed (and the other way round)

On NumPy all keep the memory order of their argument: a channels-last image stays channels-last.
Results may share memory with the argument. In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend.reductions import axis_sum, broadcast_axes, matmul
from .arguments import as_integer, normalize_axes, normalize_axis
from .pytorch_names import explain_names

__all__ = [
    "astype",
    "broadcast_to",
    "expand_dims",
    "flatten",
    "flip",
    "moveaxis",
    "ravel",
    "reshape",
    "roll",
    "squeeze",
    "sum_to",
    "swapaxes",
    "transpose",
]

Array = Any  # np.ndarray, cupy.ndarray or Tensor

# ---------------------------------------------------------------------------- the same numbers


@primitive
def reshape(x, *, shape):
    """Give x another shape of the same size, read in C order; one side may be -1.

    **Math** y = x, renumbered; dx = g, numbered as x was.
    """
    try:
        return x.reshape(shape)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"reshape: x {x.shape} cannot have the shape {shape!r}; give integers whose product is "
            f"{x.size}, of which one may be -1; the elements are read in C order"
        ) from None


reshape.vjp(x=lambda g, x_shape: reshape(g, shape=x_shape))


@primitive
def transpose(x, *, axes=None):
    """Reorder the axes of x, by default in reverse, as np.transpose.

    **Math** axis k of y is axis axes[k] of x; dx = g with the axes in their old order.
    """
    if axes is not None and len(axes) != x.ndim:
        raise ValueError(
            f"transpose: axes {tuple(axes)} must name each of the {x.ndim} axes of x {x.shape}; "
            "to exchange two of them (PyTorch's transpose), use swapaxes"
        )
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
    if np.dtype(dtype).kind not in "fiub":
        raise TypeError(
            f"astype: a Tensor does not hold {np.dtype(dtype)}; give floating point, integers or "
            "booleans"
        )
    return x.astype(dtype)


astype.vjp(x=lambda g: g)  # the engine converts every cotangent to the dtype of its argument


@explain_names
def ravel(x: Array) -> Array:
    """All elements in one axis, in C order, as np.ravel."""
    return reshape(x, shape=(x.size,))


@explain_names
def flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """Merge the axes from `start_dim` to `end_dim` into one, as PyTorch's flatten.

    By default all are merged, as by the method `flatten` of a NumPy array. A single number has
    axis 0.
    """
    ndim = max(x.ndim, 1)
    first = normalize_axis("flatten", as_integer("flatten", "start_dim", start_dim), ndim)
    last = normalize_axis("flatten", as_integer("flatten", "end_dim", end_dim), ndim)
    if last < first:
        raise ValueError(
            f"flatten: start_dim={start_dim} comes after end_dim={end_dim} in shape {x.shape}"
        )
    size = math.prod(x.shape[first : last + 1])
    return reshape(x, shape=(*x.shape[:first], size, *x.shape[last + 1 :]))


@explain_names
def expand_dims(x: Array, axis: int | tuple[int, ...]) -> Array:
    """Insert axes of length one; they are `axis` of the result, as in np.expand_dims."""
    axis = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = normalize_axes("expand_dims", axis, x.ndim + len(axis))
    sides = iter(x.shape)
    shape = [1 if i in axes else next(sides) for i in range(x.ndim + len(axes))]
    return reshape(x, shape=tuple(shape))


@explain_names
def squeeze(x: Array, axis: int | tuple[int, ...] | None = None) -> Array:
    """Remove `axis`, which must have length one; by default every axis of length one."""
    if axis is None:
        return reshape(x, shape=tuple(n for n in x.shape if n != 1))
    axes = normalize_axes("squeeze", axis, x.ndim)
    for i in axes:
        if x.shape[i] != 1:
            raise ValueError(
                f"squeeze: axis {i} of shape {x.shape} has length {x.shape[i]}; "
                "only an axis of length 1 can be removed"
            )
    return reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if i not in axes))


def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """Exchange two axes."""
    axes = list(range(x.ndim))
    axis1 = normalize_axis("swapaxes", axis1, x.ndim)
    axis2 = normalize_axis("swapaxes", axis2, x.ndim)
    axes[axis1], axes[axis2] = axis2, axis1
    return transpose(x, axes=axes)


def moveaxis(x: Array, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Array:
    """Move axes to other places; the others keep their order."""
    sources = normalize_axes("moveaxis", source, x.ndim)
    destinations = normalize_axes("moveaxis", destination, x.ndim)
    if len(sources) != len(destinations):
        raise ValueError(
            f"moveaxis: source {source} and destination {destination} must name as many axes"
        )
    axes = [axis for axis in range(x.ndim) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources)):
        axes.insert(place, axis)
    return transpose(x, axes=axes)


@primitive
def flip(x, *, axis=None):
    """Reverse x along `axis`: an integer, a tuple, or None for all axes.

    **Math** y[i] = x[n - 1 - i] along each of the axes; dx = flip(g): flip is its own inverse.
    """
    return np.flip(x, None if axis is None else normalize_axes("flip", axis, x.ndim))


flip.vjp(x=lambda g, axis: flip(g, axis=axis))


@primitive
def roll(x, *, shift, axis=None):
    """Shift the elements of x along `axis`; those that leave at one end enter at the other.

    As np.roll: `shift` and `axis` may be tuples, and without an axis x is rolled as if it were
    flat.

    **Math** y[i] = x[(i - shift) mod n]; dx = g rolled back by -shift.
    """
    axis = None if axis is None else normalize_axes("roll", axis, x.ndim)
    return np.roll(x, _as_shifts(shift), axis)


def _as_shifts(shift) -> tuple[int, ...]:
    """Return one shift or several as Python integers, since a uint8 has no negative."""
    shifts = np.ravel(shift)
    if shifts.dtype.kind not in "iu":
        raise TypeError(f"roll: shift is {shift!r}; give an integer, or a tuple of integers")
    return tuple(shifts.tolist())


def _roll_rule(g, shift, axis):
    return roll(g, shift=tuple(-s for s in _as_shifts(shift)), axis=axis)


roll.vjp(x=_roll_rule)

# ----------------------------------------------------------------------------- copies and sums


@primitive
def broadcast_to(x, *, shape):
    """Repeat x to `shape` by NumPy's broadcasting: a read-only view.

    **Math** y = x at every repetition; dx = sum_to(g, shape of x), the adjoint.
    """
    try:
        return np.broadcast_to(x, shape)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"broadcast_to: x {np.shape(x)} does not broadcast to the shape {shape!r}"
        ) from None


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
