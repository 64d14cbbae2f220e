"""Indexing and its adjoint: read at an index, and add at an index.

The adjoint of reading x at an index is to add g, at the same index, to zeros: an element that is
read twice receives two cotangents. So each is the rule of the other, to every order. Embedding
tables and gathering are built on these two. In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor
from ..backend import array_module, zeros_like
from ..backend.indices import as_indices, checked_index, indices_for, lowest_and_highest
from ..backend.kernels import elementwise
from .arguments import as_integer, check_arrays, normalize_axis, raw
from .elementwise import add
from .pytorch_names import explain_names
from .selection import where
from .shape import astype, broadcast_to

__all__ = ["add_at", "embedding", "getitem", "one_hot", "take_along_axis"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


def getitem(x: Array, index: Any) -> Array:
    """x[index] as in NumPy: integers, slices, None, Ellipsis, masks, arrays and lists of integers.

    **Math** y[k] = x[index_k]; dx = g, added at the index to zeros: the adjoint.
    **Numerics** On a GPU, index arrays that lie there are checked, which waits for it once; NumPy's
    arrays and lists are checked without a wait. An element that is read several times has a sum as
    its dx. If x is large, if it is read at many indices, or with several index arrays, many threads
    of the GPU add to this sum in no fixed order (atomic additions). Then its last bits differ from
    run to run.
    """
    return read_at(x, checked_index(raw(x), _as_tuple("getitem", index, x)))


def read_at(x: Array, index: tuple) -> Array:
    """`getitem` for an index that the library computed: a tuple of entries known to be in range."""
    return _getitem(x, index=index)


def add_at(x: Array, index: Any, values: Array) -> Array:
    """Return x + values at `index`: np.add.at as a function, which writes into nothing.

    An element that the index names several times receives several values. (PyTorch's scatter_add
    picks its places along one axis, as `take_along_axis`.)

    **Math** y[m] = x[m] + sum of values[k] over the k with index_k = m; dx = g,
    dvalues = getitem(g, index), the adjoint.
    **Shapes** values broadcasts to the shape of x[index].
    **Numerics** On a GPU, the order of the additions to one element may change from run to run: see
    dx of `getitem`.
    """
    check_arrays("add_at", x=x)
    is_known = hasattr(values, "dtype") or isinstance(values, (int, float))
    given = values if is_known else np.asarray(values)
    dtype = np.result_type(x.dtype, getattr(given, "dtype", given))
    if not np.can_cast(dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"add_at: x is {x.dtype}, which does not hold the sums, {dtype}; convert x with astype"
        )
    if not hasattr(values, "shape"):
        values = array_module(raw(x)).asarray(values, dtype=x.dtype)
    elif values.dtype != dtype:
        values = astype(values, dtype)  # their sums may need it: 100 + 100 is no int8
    index = checked_index(raw(x), _as_tuple("add_at", index, values))
    expected = raw(x)[index].shape
    try:
        values = broadcast_to(values, shape=expected)
    except ValueError:
        raise ValueError(
            f"add_at: this index into x {x.shape} names elements in the shape {expected}, to which "
            f"values {values.shape} do not broadcast"
        ) from None
    return add(x, _add_at(values, index=index, shape=x.shape))


def _as_tuple(function: str, index, x) -> tuple:
    """Return the index as a tuple without Tensors or lists.

    Index arrays are copied if a gradient may flow, those without axes too: a write into one after
    the forward must not change where the gradient goes.
    """
    entries = []
    for i in index if isinstance(index, tuple) else (index,):
        if type(i) is slice:
            if hasattr(i.start, "dtype") or hasattr(i.stop, "dtype") or hasattr(i.step, "dtype"):
                bounds = (i.start, i.stop, i.step)  # among them arrays, which a write would change
                i = slice(*(n if n is None else operator.index(n) for n in bounds))
        elif isinstance(i, Tensor):
            i = i.data.copy()
        elif hasattr(i, "dtype") and isinstance(x, Tensor) and x.requires_grad:
            i = i.copy()
        elif isinstance(i, (list, range)):
            i = as_indices(i)
        if hasattr(i, "dtype") and i.dtype.kind not in "iub":
            raise IndexError(
                f"{function}: an index array must hold integers or booleans, not {i.dtype}; "
                "convert it with astype"
            )
        entries.append(i)
    return tuple(entries)


@primitive
def _getitem(x, *, index):
    """x[index] for a tuple of plain entries."""
    return x[index]


@primitive
def _add_at(x, *, index, shape):
    """Zeros of `shape` to which x is added at a tuple of plain entries."""
    y = zeros_like(x, shape)
    arrays = [
        i for i in index if getattr(i, "dtype", np.dtype(bool)).kind != "b" and np.ndim(i) > 0
    ]
    if not arrays:  # integers, slices and masks name no element twice
        y[index] = x
    elif len(index) == 1 and _has_ordered_sums(y, index[0]):
        if x.size:
            rows = index[0].reshape(index[0].size).astype(np.int64)
            _sum_rows(rows, x.reshape(rows.size, y.size // len(y)), y.size // len(y), y)
    else:
        array_module(y).add.at(y, index, x)
    return y


def _has_ordered_sums(y, rows) -> bool:
    """Return whether `_sum_rows` serves: always for NumPy, on a GPU for small tables of floats."""
    if type(y) is np.ndarray:
        return True
    is_short = rows.size <= _MOST_ROWS and rows.size * y.size <= _MOST_COMPARISONS
    return is_short and y.dtype in (np.float32, np.float64)


# On a GPU, each thread of `_sum_rows` goes through all rows, and all threads together make one
# comparison for each row and each element of y. Up to these numbers, that should take no longer
# than some launches. Beyond, add.at is called, which adds in no fixed order.
_MOST_ROWS = 1 << 12
_MOST_COMPARISONS = 1 << 26


@elementwise(
    "raw int64 rows, raw T x, int64 width",
    "T y",
    """
    long long row = i / width, num_rows = _ind.size() / width;
    T total = 0;
    for (long long k = 0; k < rows.size(); ++k) {
        if (rows[k] == row || rows[k] + num_rows == row) total += x[k * width + i % width];
    }
    y = total;
    """,
)
def _sum_rows(rows, x, width, y) -> None:
    """Set row m of y, which holds zeros, to the sum of the rows x[k] (width,) with rows[k] = m.

    The kernel goes through all k, in order, for each element of y. The twin sorts first, so that
    the x of equal rows are neighbours, and sums each run at once. This is faster than np.add.at.
    """
    rows = rows % len(y) if rows.min() < 0 else rows
    order = rows.argsort(kind="stable")
    rows = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    sums = np.add.reduceat(x[order], starts, axis=0)
    y[rows[starts]] = sums.reshape(len(starts), *y.shape[1:])


_getitem.vjp(x=lambda g, x_shape, index: _add_at(g, index=index, shape=x_shape))
_add_at.vjp(x=lambda g, index: _getitem(g, index=index))


@explain_names
def take_along_axis(x: Array, indices: Array, axis: int) -> Array:
    """Pick elements along one axis, as np.take_along_axis (PyTorch's gather).

    **Math** for axis 1, y[i, j, k] = x[i, indices[i, j, k], k]; dx as for `getitem`.
    **Shapes** indices: integers with as many axes as x. Their sides are those of x or 1, except
    along `axis`. Negative indices count from the end.
    **Numerics** On a GPU as for `getitem` with several index arrays.
    """
    array = raw(indices)
    axis = normalize_axis("take_along_axis", axis, x.ndim)
    if array.ndim != x.ndim or array.dtype.kind not in "iu":
        raise ValueError(
            f"take_along_axis: indices are {array.dtype} {array.shape}; "
            f"x {x.shape} needs integers with {x.ndim} axes"
        )
    along_axis = (*[slice(None)] * axis, _as_tuple("take_along_axis", indices, x)[0])
    return pick_along_axis(x, checked_index(raw(x), along_axis)[axis], axis)


def pick_along_axis(x: Array, indices: Array, axis: int) -> Array:
    """`take_along_axis` for indices that the library computed, known to be in range."""
    xp = array_module(raw(x))
    index: list = []
    for i, n in enumerate(x.shape):  # along axis i the indices 0, 1, ..., n - 1, broadcast
        index.append(xp.arange(n).reshape([-1 if k == i else 1 for k in range(x.ndim)]))
    index[axis] = indices
    return read_at(x, tuple(index))


def embedding(indices: Array, weight: Array, padding_idx: int | None = None) -> Array:
    """Row `indices[...]` of the table `weight`, for each index.

    **Math** y[k] = weight[indices[k]]; dweight[m] = sum of g[k] over the k with indices[k] = m. The
    row `padding_idx` is constant: its gradient is 0, by declaration.
    **Shapes** indices (...), integers from 0 to R - 1; weight (R, D) -> (..., D).
    **Numerics** On a GPU, indices that lie there are checked, which waits for it once. NumPy's are
    checked and then moved, without a wait. For a large table, or many indices, the g of one row are
    added there in no fixed order: see dx of `getitem`.
    """
    _check_integers("embedding", raw(indices))
    if weight.ndim != 2:
        raise ValueError(
            f"embedding: weight has shape {weight.shape}; a table of R rows of D numbers is (R, D)"
        )
    num_rows = weight.shape[0]
    _check_range("embedding", raw(indices), num_rows, "rows of weight")
    (indices,) = _as_tuple("embedding", indices, weight)
    indices = indices_for(raw(weight), indices)
    y = read_at(weight, (indices,))
    if padding_idx is None:
        return y
    padding_idx = as_integer("embedding", "padding_idx", padding_idx)
    if not -num_rows <= padding_idx < num_rows:
        raise ValueError(
            f"embedding: padding_idx={padding_idx} is no row of weight {weight.shape}; give an "
            f"integer from {-num_rows} to {num_rows - 1}"
        )
    return where((indices == padding_idx % num_rows)[..., None], raw(y), y)


def one_hot(indices: Array, num_classes: int = -1) -> Array:
    """A constant of shape (..., num_classes): 1 at the place that each index names, else 0.

    Indices (...) run from 0 to num_classes - 1; num_classes=-1 takes the smallest number that fits.
    The dtype is float32, ready to be multiplied (PyTorch's is int64). On a GPU the check of the
    range waits for it.
    """
    array = raw(indices)
    _check_integers("one_hot", array)
    if num_classes == -1:
        if not array.size:
            raise ValueError(
                f"one_hot: indices {array.shape} are empty and name no class; give num_classes"
            )
        num_classes = lowest_and_highest(array)[0][1] + 1
    if as_integer("one_hot", "num_classes", num_classes) < 0:
        raise ValueError(
            f"one_hot: num_classes={num_classes}; give the number of classes, or -1 for the "
            "smallest that fits"
        )
    _check_range("one_hot", array, num_classes, "classes")
    classes = array_module(array).arange(num_classes)
    y = (array[..., None] == classes).astype(np.float32)
    return Tensor(y) if isinstance(indices, Tensor) else y


def _check_integers(function: str, indices) -> None:
    if getattr(indices, "dtype", np.dtype(float)).kind not in "iu":
        given = getattr(indices, "dtype", type(indices).__name__)
        raise TypeError(
            f"{function}: indices must be an array of integers, not {given}; "
            "convert them with np.asarray(indices), or with astype"
        )


def _check_range(function: str, indices, n: int, what: str) -> None:
    if not indices.size:
        return
    low, high = lowest_and_highest(indices)[0]
    if low < 0 or high >= max(n, 1):
        raise IndexError(
            f"{function}: indices run from {low} to {high}; there are {n} {what}, "
            f"so they must lie in 0 to {n - 1}"
        )
