"""Check indices, as NumPy does: CuPy wraps an index that is out of range.

In CuPy, `x[cupy.array([5])]` of three elements reads x[2]. So arrays of indices are checked before
they are used. Those on the CPU cost no wait; those on the GPU cost one for all arrays of an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .arrays import array_module, to_device_of, to_numpy

__all__ = ["as_indices", "as_integers", "checked_index", "indices_for", "lowest_and_highest"]

Array = Any  # np.ndarray or cupy.ndarray


def checked_index(x: Array, index: tuple) -> tuple:
    """Return an index into x, with its arrays on the device of x.

    Where x is NumPy's, it is `index` itself, because NumPy checks what it is given. Elsewhere all
    arrays of integers are checked. If some of them lie on the GPU, that waits for it, once.

    Raises
    ------
    IndexError
        If an array of integers has an element that is out of range.
    """
    if type(x) is np.ndarray:
        return index
    index = tuple(as_indices(i) if isinstance(i, (list, range)) else i for i in index)
    picked = [(i, axis) for i, axis in _integer_arrays(index, x.ndim) if i.size]
    if picked:
        extremes = lowest_and_highest(*(i for i, _ in picked))
        for (_, axis), bounds in zip(picked, extremes):
            _check_bounds(bounds, axis, x.shape[axis])
    return tuple(indices_for(x, i) if isinstance(i, np.ndarray) else i for i in index)


def indices_for(x: Array, indices: Array) -> Array:
    """Return an array of indices on the device of x: NumPy's are moved to the GPU.

    Raises TypeError if the indices lie on the GPU and x does not.
    """
    if type(indices) is np.ndarray:
        return to_device_of(indices, x)
    array_module(x, indices)
    return indices


def lowest_and_highest(*arrays: Array) -> list[list[int]]:
    """Return [minimum, maximum] of each array of integers. For those on the GPU, wait once."""
    values = as_integers([m for i in arrays for m in (i.min(), i.max())])
    return [values[k : k + 2] for k in range(0, len(values), 2)]


def as_integers(numbers: list) -> list[int]:
    """Return NumPy's scalars, and CuPy's arrays without axes, as Python's integers.

    If some of them lie on the GPU, that waits for it, once.
    """
    on_gpu = [m.astype(np.int64) for m in numbers if not isinstance(m, np.generic)]
    fetched = iter(to_numpy(np.stack(on_gpu)).tolist() if on_gpu else [])
    return [int(m) if isinstance(m, np.generic) else next(fetched) for m in numbers]


def as_indices(values: list | range) -> np.ndarray:
    """Return a list of indices as an array; an empty one names no element, whatever its dtype."""
    return np.asarray(values, dtype=None if len(values) else np.intp)


def _integer_arrays(index: tuple, ndim: int) -> Iterator[tuple[Array, int]]:
    """Yield each array of integers in the index, with the axis of x along which it picks."""
    num_axes = [_num_axes(i) for i in index]
    if sum(num_axes) > ndim:
        return  # too many, which the library refuses
    axis = 0
    for i, n in zip(index, num_axes):
        if hasattr(i, "dtype") and i.dtype.kind in "iu" and not isinstance(i, np.generic):
            yield i, axis
        axis += ndim - sum(num_axes) if i is Ellipsis else n


def _num_axes(entry: Any) -> int:
    """Return how many axes of x an entry of an index takes."""
    if entry is None or entry is Ellipsis or isinstance(entry, (bool, np.bool_)):
        return 0
    is_mask = hasattr(entry, "dtype") and entry.dtype.kind == "b"
    return entry.ndim if is_mask else 1


def _check_bounds(bounds: list[int], axis: int, n: int) -> None:
    for i in bounds:
        if not -n <= i < n:
            raise IndexError(f"index {i} is out of bounds for axis {axis} with size {n}")
