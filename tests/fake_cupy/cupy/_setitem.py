"""Writing by index: a copy into a view, or a kernel that scatters."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

from ._core import copy_between, ndarray, view_of
from ._getitem import count_advanced, prepare, wrapped, wrapped_index
from ._ufuncs import UFUNCS

OPERATIONS = {
    "add": "add",
    "sub": "subtract",
    "max": "maximum",
    "min": "minimum",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}
_INT32, _INT64, _FLOAT = "iI", "lLqQ", "fd"
ATOMIC = {  # the dtypes that each atomic operation has
    "add": "e" + _INT32 + _INT64 + _FLOAT,
    "sub": _INT32,
    "max": _INT32 + _INT64 + _FLOAT,
    "min": _INT32 + _INT64 + _FLOAT,
    "and": _INT32 + _INT64,
    "or": _INT32 + _INT64,
    "xor": _INT32 + _INT64,
}


def _setitem(self, index, value):
    if isinstance(value, ndarray):  # its leading axes of length 1 do not count
        own = value._array
        while own.ndim and own.shape[0] == 1:
            own = own[0, ...]
        value = view_of(value, own)
    scatter(self, index, value, "update")


def scatter(a, index, value, operation):
    """Combine `value` with the elements at an index, once for each time it occurs."""
    parts, is_advanced = prepare(index)
    if not is_advanced:
        target = view_of(a, a._array[(*parts, Ellipsis) if Ellipsis not in parts else tuple(parts)])
        _combine(target, value, operation)
        return
    from ._creation import array

    own = a._array
    where = wrapped_index(own, parts)
    source = (
        value.astype(a.dtype, copy=False)
        if isinstance(value, ndarray)
        else array(value, dtype=a.dtype)
    )
    arrays = [p for p in parts if isinstance(p, ndarray)]
    is_mask = len(arrays) == 1 and arrays[0].dtype == np.bool_
    if not is_mask and operation != "update" and a.dtype.char not in ATOMIC[operation]:
        raise TypeError(f"cupy.{OPERATIONS[operation]}.at does not support {a.dtype}")
    count_advanced(own, arrays, source.size)
    if own.size:
        launch(f"cupy_scatter_{operation}")
    with np.errstate(all="ignore"):
        if operation == "update":
            own[where] = source._array
        else:
            getattr(np, OPERATIONS[operation]).at(own, where, source._array)


def _combine(target, value, operation):
    """Write into a view."""
    if operation != "update":
        UFUNCS[OPERATIONS[operation]](target, value, target)
    elif isinstance(value, ndarray):
        if value._array is not target._array:
            copy_between(value, target)
    else:
        target.fill(value)


def put_along_axis(arr, indices, values, axis):
    """Write one element for each index."""
    if axis is None:
        raise NotImplementedError("the stand-in needs an axis here")
    ndim = arr.ndim
    launch("cupy_arange", ndim - 1)
    launch("memset")
    launch("cupy_prepare_array_indexing", ndim)
    launch("cupy_scatter_update")
    host = wrapped(indices._array, arr.shape[axis])
    np.put_along_axis(arr._array, host, values._array, axis)


ndarray.__setitem__ = _setitem
ndarray._scatter_op = scatter


def copyto(dst, src, casting="same_kind", where=None):
    """Copy the elements, perhaps only where a mask is true."""
    if isinstance(src, ndarray) and not np.can_cast(src.dtype, dst.dtype, casting):
        raise TypeError(f"Cannot cast {src.dtype} to {dst.dtype} in {casting} casting mode")
    if where is None:
        _combine(dst, src, "update")
        return
    if not isinstance(src, ndarray) and not np.isscalar(src):
        raise TypeError(f"Unsupported type {type(src)}")
    launch("cupy_copy")
    host = src._array if isinstance(src, ndarray) else src
    np.copyto(dst._array, host, casting="unsafe", where=where._array)
