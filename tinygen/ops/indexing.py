"""Indexing and its adjoint: reading at an index, and adding at it. On both stand tables of embeddings and gathering.

    <getitem(x, index), g> = <x, scatter_add(g, index)>

for any index: what was read twice receives twice. So each is the other's rule, and both are right to any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor
from ..backend import array_module

__all__ = ["embedding", "getitem", "one_hot", "scatter_add", "take_along_axis"]

Array = Any  # an array of any module, or a Tensor


def getitem(x: Array, index: Any) -> Array:
    """x[index] as NumPy has it: integers, slices, None, Ellipsis, masks, arrays and lists of integers.

    **Math.** y[k] = x[index_k]; cotangent of x: scatter_add(g, index, shape of x), the adjoint.
    """
    return _getitem(x, index=_plain("getitem", index, x))


def scatter_add(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` to which x is added at `index`, once for each time an element is named: scatter-add.

    **Shapes.** x has the shape of zeros(shape)[index].
    **Math.** y[m] = sum over k with index_k = m of x[k]; cotangent of x: getitem(g, index), the adjoint.
    """
    index, shape, xp = _plain("scatter_add", index, x), tuple(shape), array_module(x.data if isinstance(x, Tensor) else x)
    expected = xp.broadcast_to(xp.zeros((), bool), shape)[index].shape
    if x.shape != expected:
        raise ValueError(f"scatter_add: x has shape {x.shape}, but this index into {shape} names elements in the shape {expected}")
    return _scatter_add(x, index=index, shape=shape)


def _plain(name: str, index, x) -> tuple:
    """The index as a tuple without Tensors or lists."""
    entries = []
    for i in index if isinstance(index, tuple) else (index,):
        if isinstance(i, Tensor):
            i = i.data.copy()  # a write into the tensor after the forward must not move where the gradient goes
        elif hasattr(i, "dtype") and i.ndim and isinstance(x, Tensor) and x.requires_grad:
            i = i.copy()  # likewise
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
def _scatter_add(x, *, index, shape):
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
    rows = rows.reshape(rows.size).astype(np.intp)  # int8, say, would not hold len(y)
    rows = rows % len(y) if rows.min() < 0 else rows
    order = rows.argsort(kind="stable")
    x = x.reshape(rows.size, *y.shape[1:])[order]
    rows = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    y[rows[starts]] = np.add.reduceat(x, starts, axis=0)


_getitem.vjp(x=lambda g, x_shape, index: _scatter_add(g, index=index, shape=x_shape))
_scatter_add.vjp(x=lambda g, index: _getitem(g, index=index))


def _axis(name: str, axis: int, ndim: int) -> int:
    """The axis, from 0."""
    if not -ndim <= axis < ndim:
        raise ValueError(f"{name}: axis {axis} is out of bounds for {ndim} dimensions; axes go from {-ndim} to {ndim - 1}")
    return axis % ndim


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
    low, high = (indices.min(), indices.max()) if type(indices) is np.ndarray and indices.size else (0, 0)
    if low < 0 or high >= max(n, 1):
        raise IndexError(f"{name}: indices run from {low} to {high}; there are {n} {what}, so they must lie in 0 to {n - 1}")
