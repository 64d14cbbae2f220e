"""Joining, splitting and repeating arrays."""

from __future__ import annotations

import functools
import operator

import numpy as np
from cupy_counts import copy as count_copy
from cupy_counts import launch, wait

from ._core import ndarray, view_of, wrap
from ._ufunc import SCALARS

SINGLE_KERNEL_BYTES = 2 * 1024 * 1024


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """Join along an axis: one kernel for each array, or one for more than 8 small ones."""
    if axis is None:
        tup, axis = [a.ravel() for a in tup], 0
    arrays = list(tup)
    _check_arrays(arrays)
    if out is None:
        dtype = dtype or functools.reduce(np.promote_types, {a.dtype for a in arrays})
    elif dtype is not None:
        raise TypeError(
            "concatenate() only takes `out` or `dtype` as an argument, but both were provided."
        )
    joined = np.concatenate([a._array for a in arrays], axis, dtype=dtype, casting=casting)
    same_dtype = all(a.dtype == joined.dtype for a in arrays)
    if len(arrays) > 8 and same_dtype and joined.nbytes < SINGLE_KERNEL_BYTES * len(arrays):
        length = joined.shape[axis] // len(arrays)
        is_even = all(a.flags.c_contiguous and a.shape[axis] == length for a in arrays)
        for _ in range(1 if is_even else 3):  # pointers, and lengths and strides
            count_copy("host to device")
        launch("cupy_concatenate")
    else:
        launch("cupy_copy", sum(a.size > 0 for a in arrays))
    if out is None:
        return wrap(np.ascontiguousarray(joined))
    if out.shape != joined.shape:
        raise ValueError("Output array is the wrong shape")
    out._array[...] = joined
    return out


def _check_arrays(arrays: list) -> None:
    if not arrays:
        raise ValueError("Cannot concatenate from empty tuple")
    for a in arrays:
        if not isinstance(a, ndarray):
            if isinstance(a, SCALARS):
                raise TypeError("Only cupy arrays can be concatenated")
            raise TypeError(f"Unsupported type {type(a)}")
        if a.ndim == 0:
            raise TypeError("zero-dimensional arrays cannot be concatenated")
    if len({a.ndim for a in arrays}) > 1:
        raise ValueError("All arrays to concatenate must have the same ndim")


def stack(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """Join along a new axis."""
    from ._shape import expand_dims

    return concatenate([expand_dims(x, axis) for x in tup], axis, out, dtype=dtype, casting=casting)


def vstack(tup, *, dtype=None, casting="same_kind"):
    """Join as rows."""
    from ._shape import atleast_2d

    arrays = [atleast_2d(a) for a in tup]
    return concatenate(arrays, 0, dtype=dtype, casting=casting)


def hstack(tup, *, dtype=None, casting="same_kind"):
    """Join as columns."""
    from ._shape import atleast_1d

    arrays = [atleast_1d(a) for a in tup]
    axis = 0 if arrays[0].ndim == 1 else 1
    return concatenate(arrays, axis, dtype=dtype, casting=casting)


def append(arr, values, axis=None):
    """Join two arrays."""
    from ._creation import asarray

    arr, values = asarray(arr), asarray(values)
    if axis is None:
        return concatenate([arr.ravel(), values.ravel()])
    return concatenate([arr, values], axis)


def array_split(ary, indices_or_sections, axis=0):
    """Cut into views."""
    parts = np.array_split(ary._array, indices_or_sections, axis)
    return [view_of(ary, part) for part in parts]


def split(ary, indices_or_sections, axis=0):
    """Cut into views of one size."""
    if np.isscalar(indices_or_sections) and ary.shape[axis] % indices_or_sections:
        raise ValueError(
            "indices_or_sections must divide the size along the axes.\n"
            f"ary.shape[axis] = {ary.shape[axis]}\n"
            f"indices_or_sections = {indices_or_sections}"
        )
    return array_split(ary, indices_or_sections, axis)


def repeat(a, repeats, axis=None):
    """Repeat elements: one number of repeats is one kernel, several need a wait."""
    if isinstance(repeats, np.ndarray):
        raise TypeError("'repeats' does not accept numpy.ndarray; convert with cupy.array() first")
    if isinstance(repeats, ndarray):
        counts = repeats.get() if repeats.size == 1 else repeats._array
    else:
        try:
            counts = operator.index(repeats)
        except TypeError:
            count_copy("host to device")
            counts = np.asarray(repeats)
    if np.size(counts) == 1:
        launch("cupy_copy")
    else:
        launch("cupy_repeat", 6)  # min, cumsum, arange, searchsorted, take
        wait("repeat")
        wait("repeat")
    return wrap(np.repeat(a._array, counts, axis))


def tile(A, reps):
    """Repeat the array: one copy."""
    if np.all(np.asarray(reps) == 1):
        return A.copy("K").reshape((1,) * (np.size(reps) - A.ndim) + A.shape)
    launch("cupy_copy")
    return wrap(np.ascontiguousarray(np.tile(A._array, reps)))


ndarray.repeat = repeat
