"""Sorting and searching."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

from ._core import ndarray, raw, wrap
from ._surface import check_dtype
from ._ufunc import ufunc
from .exceptions import AxisError

_CHARS = "?bBhHiIlLqQefdFD"
_types = [np.dtype(np.dtype(c).str) for c in _CHARS]


def _where(condition, x, y, order):
    return np.ascontiguousarray(np.where(condition, x, y)).reshape(
        np.broadcast_shapes(np.shape(condition), np.shape(x), np.shape(y))
    )


_bool = np.dtype(np.bool_)
_where_ufunc = ufunc("cupy_where", [((_bool, t, t), (t,)) for t in _types], _where)


def where(condition, x=None, y=None):
    """Choose between two arrays; with the condition alone, return `nonzero`."""
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if x is None:
        from ._getitem import nonzero

        return nonzero(condition)
    return _where_ufunc(condition.astype(np.bool_, copy=False), x, y)


def _check_kind(kind):
    if kind is not None and kind != "stable":
        raise ValueError("kind can only be None or 'stable'")


def sort(a, axis=-1, kind=None):
    """Return a sorted copy."""
    result = a.flatten() if axis is None else a.copy()
    result.sort(-1 if axis is None else axis, kind)
    return result


_NO_AXES = "Sorting arrays with the rank of zero is not supported"


def _sort_in_place(self, axis=-1, kind=None):
    _check_kind(kind)
    if self.ndim == 0:
        raise AxisError(_NO_AXES)
    if not self.flags.c_contiguous:
        raise NotImplementedError("Sorting non-contiguous array is not supported.")
    launch("thrust_sort")
    if axis not in (-1, self.ndim - 1):
        launch("cupy_copy", 2)
    self._array.sort(axis=axis, kind="stable")


def argsort(a, axis=-1, kind=None):
    """Return the indices that sort: stable, with NaN at the end."""
    _check_kind(kind)
    own = np.atleast_1d(raw(a))
    own = own.ravel() if axis is None else np.moveaxis(own, axis, -1)
    launch("cupy_copy")
    launch("thrust_argsort")
    result = np.ascontiguousarray(np.argsort(own, -1, kind="stable"))
    return wrap(result if axis is None else np.moveaxis(result, -1, axis))


def partition(a, kth, axis=-1):
    """Return a copy with some elements in their sorted places."""
    launch("cupy_copy")
    launch("thrust_partition")
    return wrap(np.ascontiguousarray(np.sort(raw(a), axis)))


def argpartition(a, kth, axis=-1):
    """Return the indices of `partition`."""
    return argsort(a, axis)


def lexsort(keys):
    """Return the indices that sort by several keys."""
    if not isinstance(keys, ndarray):
        raise TypeError("Argument 'keys' has incorrect type")
    launch("thrust_lexsort")
    return wrap(np.lexsort(keys._array))


def searchsorted(a, v, side="left", sorter=None):
    """Return where to insert values in a sorted array."""
    if not isinstance(a, ndarray):
        raise NotImplementedError("Only int or ndarray are supported for a")
    if not isinstance(v, ndarray):
        raise NotImplementedError("Only int or ndarray are supported for v")
    launch("cupy_searchsorted_kernel")
    host_sorter = None if sorter is None else raw(sorter)
    return wrap(np.searchsorted(a._array, v._array, side, host_sorter))


_clip_types = [((t, t, t), (t,)) for t in _types]
_clip_ufunc = ufunc(
    "cupy_clip", _clip_types, lambda a, low, high, order: np.clip(a, low, high, order=order)
)


def clip(a, a_min, a_max, out=None):
    """Limit to a range: one kernel. A bound that is None is infinite."""
    return _clip_method(a, a_min, a_max, out)


def _clip_method(self, min=None, max=None, out=None):
    kind = self.dtype.kind
    if kind == "f":
        limits = self.dtype.type("-inf"), self.dtype.type("inf")
    elif kind in "iu":
        limits = np.iinfo(self.dtype).min, np.iinfo(self.dtype).max
    else:
        limits = None, None
    low = limits[0] if min is None else min
    high = limits[1] if max is None else max
    return _clip_ufunc(self, low, high, out=out)


def around(a, decimals=0, out=None):
    """Round to a number of decimals."""
    return _round_method(a, decimals, out)


def _round_method(self, decimals=0, out=None):
    launch("cupy_round")
    result = np.round(self._array, decimals)
    if out is None:
        return wrap(np.asarray(result, check_dtype(result.dtype), order="C"))
    out._array[...] = result
    return out


ndarray.clip, ndarray.round = _clip_method, _round_method
ndarray.sort = _sort_in_place
ndarray.argsort = lambda self, axis=-1, kind=None: argsort(self, axis, kind)
ndarray.searchsorted = searchsorted
