"""Shapes: rearrange, cut, join, pad, index. Every function here is linear and only moves numbers, so each rule is the adjoint move.

The pairs that are each other's adjoint, <f(x), g> = <x, f*(g)>:

    reshape, transpose, flip     their own inverses
    broadcast_to                 sum_to: what was copied is summed
    concatenate, stack           getitem of a part
    getitem                      put_at: zeros, with g added where it was read; what was read twice receives twice
    pad                          constant: the crop; otherwise `_fold`: each border is added to where it was copied from

On NumPy all keep the memory order of what they are given: a channels-last picture stays one. Results may share memory with the argument.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import array_module
from ..engine import Tensor
from ..primitive import primitive

__all__ = [
    "astype", "broadcast_to", "concatenate", "embedding", "expand_dims", "flip", "getitem", "moveaxis", "one_hot", "put_at", "reshape",
    "split", "squeeze", "stack", "sum_to", "swapaxes", "take_along_axis", "transpose",
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
def astype(x, *, dtype):
    """x converted to `dtype`, always a copy. To integers or booleans the result is a constant.

    **Math.** y = x up to rounding; cotangent of x: g, converted back to x's dtype.
    """
    return x.astype(dtype)


astype.vjp(x=lambda g: g)  # the engine converts every cotangent to its argument's dtype


def _axis(name: str, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise ValueError(f"{name}: axis {axis} is out of bounds for {ndim} dimensions: give {-ndim} to {ndim - 1}")
    return axis % ndim


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
    return x.sum(axis=axes, keepdims=True).reshape(shape)


broadcast_to.vjp(x=lambda g, x_shape: sum_to(g, shape=x_shape))
sum_to.vjp(x=lambda g, x_shape: broadcast_to(g, shape=x_shape))

# --------------------------------------------------------------------------------------------------------- indexing


def getitem(x: Array, index: Any) -> Array:
    """x[index] as NumPy has it: integers, slices, None, Ellipsis, masks, arrays and lists of integers.

    **Math.** y[k] = x[index_k]; cotangent of x: put_at(g, index, shape of x), the adjoint.
    """
    return _getitem(x, index=_plain("getitem", index, x))


def put_at(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` to which x is added at `index`, once for each time an element is named: scatter-add.

    **Shapes.** x has the shape of zeros(shape)[index].
    **Math.** y[m] = sum over k with index_k = m of x[k]; cotangent of x: getitem(g, index), the adjoint.
    """
    return _put_at(x, index=_plain("put_at", index, x), shape=tuple(shape))


def _plain(name: str, index, x) -> tuple:
    """The index as a tuple without Tensors or lists."""
    entries = []
    for i in index if isinstance(index, tuple) else (index,):
        if isinstance(i, Tensor):
            i = i.data.copy()  # a write into the tensor after the forward must not move where the gradient goes
        elif isinstance(i, (list, range)):
            i = array_module(x.data if isinstance(x, Tensor) else x).asarray(i, dtype=None if len(i) else np.intp)
        if hasattr(i, "dtype") and i.dtype.kind not in "iub":
            raise IndexError(f"{name}: an index array must hold integers or booleans, not {i.dtype}; convert it with astype")
        entries.append(i)
    return tuple(entries)


@primitive
def _getitem(x, *, index):
    return x[index]


@primitive
def _put_at(x, *, index, shape):
    y = np.zeros_like(x, shape=shape)
    arrays = [i for i in index if getattr(i, "dtype", np.dtype(bool)).kind != "b" and np.ndim(i) > 0]
    if not arrays:  # integers, slices and masks name no element twice
        y[index] = x
    elif len(index) == 1 and type(y) is np.ndarray:
        _add_rows(y, index[0], x)
    else:
        getattr(array_module(y).add, "at", np.add.at)(y, index, x)
    return y


def _add_rows(y, rows, x) -> None:
    """y[rows[k]] += x[k] for each k. Faster than np.add.at by sorting: x of equal rows side by side, then one sum a run."""
    if not rows.size or not y.size:
        return
    rows = rows.reshape(rows.size) % len(y) if rows.min() < 0 else rows.reshape(rows.size)
    order = rows.argsort(kind="stable")
    x = x.reshape(rows.size, *y.shape[1:])[order]
    rows = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    y[rows[starts]] = np.add.reduceat(x, starts, axis=0)


_getitem.vjp(x=lambda g, x_shape, index: _put_at(g, index=index, shape=x_shape))
_put_at.vjp(x=lambda g, index: _getitem(g, index=index))


def take_along_axis(x: Array, indices: Array, axis: int) -> Array:
    """y[i, j, k] = x[i, indices[i, j, k], k] for axis 1, and so on, as np.take_along_axis (PyTorch's gather).

    **Shapes.** indices: integers, with as many axes as x, whose other sides are x's or 1. Negative ones count from the end.
    """
    raw = indices.data if isinstance(indices, Tensor) else indices
    axis = _axis("take_along_axis", axis, x.ndim)
    if raw.ndim != x.ndim or raw.dtype.kind not in "iu":
        raise ValueError(f"take_along_axis: indices are {raw.dtype} {raw.shape}; x {x.shape} needs integers with {x.ndim} axes")
    xp = array_module(raw)
    places = [xp.arange(n).reshape([-1 if k == i else 1 for k in range(x.ndim)]) for i, n in enumerate(x.shape)]
    places[axis] = indices
    return getitem(x, tuple(places))


def embedding(indices: Array, weight: Array) -> Array:
    """Row `indices[...]` of the table `weight`, for each index.

    **Math.** y[k] = weight[indices[k]]; cotangent of weight: row m is the sum of g[k] over the k with indices[k] = m.
    **Shapes.** indices (...), integers from 0 to R - 1; weight (R, D); result (..., D). On a GPU the range is not checked: that would wait for it.
    """
    raw = indices.data if isinstance(indices, Tensor) else indices
    if getattr(raw, "dtype", np.dtype(float)).kind not in "iu":
        raise TypeError(f"embedding: indices must be an array of integers, not {getattr(raw, 'dtype', type(raw).__name__)}; convert them with astype")
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight has shape {weight.shape}; a table of R rows of D numbers is (R, D)")
    _check_range("embedding", raw, weight.shape[0], "rows of weight")
    return getitem(weight, indices)


def one_hot(indices: Array, num_classes: int, dtype: Any = np.float32) -> np.ndarray:
    """A constant array (..., num_classes): 1 at the place that each index (...) names, else 0. Indices run from 0 to num_classes - 1."""
    raw = indices.data if isinstance(indices, Tensor) else indices
    if getattr(raw, "dtype", np.dtype(float)).kind not in "iu":
        raise TypeError(f"one_hot: indices must be an array of integers, not {getattr(raw, 'dtype', type(raw).__name__)}; convert them with astype")
    _check_range("one_hot", raw, num_classes, "classes")
    return (raw[..., None] == array_module(raw).arange(num_classes)).astype(dtype)


def _check_range(name: str, indices, n: int, what: str) -> None:
    if type(indices) is np.ndarray and indices.size and not 0 <= (low := indices.min()) <= (high := indices.max()) < n:
        raise IndexError(f"{name}: indices run from {low} to {high}; there are {n} {what}, so they must lie in 0 to {n - 1}")


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
    return _getitem(g, index=_part(axis, start, start + xs_shape[which][axis]))


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


stack.vjp(xs=lambda g, which, axis: _getitem(g, index=(*[slice(None)] * (axis % g.ndim), which)))


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
    if sum(sizes) != n or not sizes or min(sizes) < 0:
        raise ValueError(f"split: sizes {sizes} add up to {sum(sizes)}, but axis {axis} of shape {x.shape} has {n}")
    bounds = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    return _split(x, bounds=bounds, axis=axis) if len(sizes) > 1 else (x,)
