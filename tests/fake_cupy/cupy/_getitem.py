"""Reading by index: views for integers and slices, kernels for arrays of indices and masks."""

from __future__ import annotations

import numpy as np
from cupy_counts import copy as count_copy
from cupy_counts import launch, wait

from ._core import ndarray, view_of, wrap
from ._scan import scan_launches

EXPECTED = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or "
    "boolean arrays are valid indices"
)


def prepare(index) -> tuple[list, bool]:
    """Return the parts of an index, and whether any is an array.

    Lists and NumPy's arrays are copied to the GPU. Integers stay, and other numbers become
    integers (`_prepare_slice_list` in cupy/_core/_routines_indexing.pyx).
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    is_advanced = False
    for i, part in enumerate(parts):
        if part is None or part is Ellipsis or isinstance(part, slice):
            continue
        if not isinstance(part, ndarray):
            if np.isscalar(part) and not isinstance(part, (bool, np.bool_)):
                parts[i] = int(part)
                continue
            parts[i] = part = _to_array(part)
        is_advanced = True
        if part.dtype.kind not in "biu":
            raise IndexError(
                "arrays used as indices must be of integer or boolean type. "
                f"(actual: {part.dtype.type})"
            )
    return parts, is_advanced


def _to_array(part) -> ndarray:
    from ._creation import array

    try:
        result = array(part, copy=None)
    except ValueError as error:
        raise IndexError(EXPECTED) from error
    if isinstance(part, (list, tuple)) and not result.size:
        result = result.astype(np.int32)
    return result


def wrapped_index(array: np.ndarray, parts: list) -> tuple:
    """Return the index for NumPy: integers out of range are wrapped, as CuPy's kernels do."""
    axes = sum(p.ndim if _is_mask(p) else 1 for p in parts if p is not None and p is not Ellipsis)
    if axes > array.ndim:
        raise IndexError(
            f"too many indices for array: array is {array.ndim}-dimensional, but {axes} were "
            "indexed"
        )
    axis, result = 0, []
    for part in parts:
        if part is None:
            result.append(None)
        elif part is Ellipsis:
            result.append(part)
            axis += array.ndim - axes
        elif isinstance(part, ndarray):
            if _is_mask(part):
                result.append(part._array)
                axis += part.ndim
            else:
                result.append(wrapped(part._array, array.shape[axis]))
                axis += 1
        else:
            result.append(part)
            axis += 1
    return tuple(result)


def wrapped(indices: np.ndarray, size: int) -> np.ndarray:
    """Return indices modulo the length of their axis."""
    indices = indices.astype(np.int64)
    return indices.astype(np.int64) % size if size else indices


def _is_mask(part) -> bool:
    return isinstance(part, ndarray) and part.dtype == np.bool_


def _getitem(self, index):
    parts, is_advanced = prepare(index)
    own = self._array
    if not is_advanced:
        if Ellipsis not in parts:
            parts.append(Ellipsis)  # so that NumPy returns a view, never a scalar
        return view_of(self, own[tuple(parts)])
    result = np.ascontiguousarray(own[wrapped_index(own, parts)])
    arrays = [p for p in parts if isinstance(p, ndarray)]
    count_advanced(own, arrays, result.size)
    if len(arrays) > 1 or not _is_mask(arrays[0]):
        launch("cupy_take", int(result.size > 0))
    elif result.size:
        launch("cupy_getitem_mask")
    return wrap(result.reshape(_shape_of(own, parts, result)))


def _shape_of(own, parts, result):
    """Return the shape that `ascontiguousarray` may have changed: it makes 0-d arrays 1-d."""
    if result.ndim == 1 and result.size == 1:
        return own[wrapped_index(own, parts)].shape
    return result.shape


def count_advanced(own: np.ndarray, arrays: list, size: int) -> None:
    """Count what prepares arrays of indices and masks."""
    if len(arrays) == 1:
        if _is_mask(arrays[0]) and arrays[0].size:
            mask = arrays[0]
            launch("cupy_scan", scan_launches(mask.size))
            count_copy("device to host")
            wait("boolean mask")
            if mask.ndim < own.ndim:  # the mask is spread over the other axes and scanned again
                launch("cupy_copy")
                launch("cupy_scan", scan_launches(own.size))
        return
    launch("memset")
    for part in arrays:
        if _is_mask(part):
            count_nonzero(part)
        launch("cupy_prepare_array_indexing", part.ndim if _is_mask(part) else 1)


def count_nonzero(a: ndarray) -> None:
    """Count what finding the elements that are not zero costs (`_ndarray_argwhere`)."""
    if not a.size:
        return
    if a.dtype != np.bool_:
        launch("cupy_not_equal")
    launch("cupy_scan", scan_launches(a.size) - (a.size > 512))  # the last step is left out
    count_copy("device to host")
    wait("nonzero")
    launch("cupy_nonzero_kernel")


def take(a, indices, axis=None, out=None):
    """Read at indices along an axis. Indices out of range are wrapped."""
    if not isinstance(a, ndarray):
        raise AttributeError(f"{type(a).__name__!r} object has no attribute 'take'")
    if not np.isscalar(indices) and not isinstance(indices, ndarray):
        from ._creation import array

        indices = array(indices, dtype=int)
    host = indices._array if isinstance(indices, ndarray) else int(indices)
    result = np.take(a._array, host, axis, mode="wrap")
    if np.size(result):
        launch("cupy_take")
    if out is None:
        return wrap(np.asarray(result, order="C"))
    if out.dtype != a.dtype:
        raise TypeError("Output dtype mismatch")
    if out.shape != np.shape(result):
        raise ValueError("Output shape mismatch")
    out._array[...] = result
    return out


def take_along_axis(a, indices, axis):
    """Read one element for each index: the indices of the other axes are made, then taken."""
    if axis is None:
        a, axis = a.ravel(), 0
    ndim = a.ndim
    if not -ndim <= axis < ndim:
        from .exceptions import AxisError

        raise AxisError(f"axis {axis} is out of bounds for array of dimension {ndim}")
    axis %= ndim
    if ndim != indices.ndim:
        raise ValueError("`indices` and `a` must have the same number of dimensions")
    launch("cupy_arange", ndim - 1)
    launch("memset")
    launch("cupy_prepare_array_indexing", ndim)
    launch("cupy_take")
    host = wrapped(indices._array, a.shape[axis])
    return wrap(np.ascontiguousarray(np.take_along_axis(a._array, host, axis)))


def nonzero(a):
    """Return the indices of the elements that are not zero. It waits."""
    if a.ndim == 0:
        raise ValueError(
            "Calling nonzero on 0d arrays is not allowed. Use cp.atleast_1d(scalar).nonzero() "
            "instead."
        )
    count_nonzero(a)
    return tuple(wrap(np.ascontiguousarray(i)) for i in np.nonzero(a._array))


def flatnonzero(a):
    """Return the flat indices of the elements that are not zero."""
    return nonzero(a.ravel())[0]


def argwhere(a):
    """Return the indices of the elements that are not zero, as rows."""
    count_nonzero(a)
    return wrap(np.argwhere(a._array))


ndarray.__getitem__, ndarray.take, ndarray.nonzero = _getitem, take, nonzero
