"""Running sums and products."""

from __future__ import annotations

import math

import numpy as np
from cupy_counts import launch

from ._core import ndarray, wrap
from ._reduction import check_arrays
from ._surface import check_dtype

BLOCK = 512


def scan_launches(size: int) -> int:
    """Return the kernels of a running sum over a whole array (`scan` in _routines_math.pyx).

    Blocks are summed, the sums are scanned, and each block is scanned with the sum before it.
    """
    return 1 if size <= BLOCK else 2 + scan_launches(math.ceil(size / BLOCK))


def _batch_launches(length: int) -> int:
    """Return the kernels of running sums along rows (`_batch_scan_op`)."""
    return 1 if length <= BLOCK else 2 + _batch_launches(length // BLOCK)


def _scan(function):
    def scan(a, axis=None, dtype=None, out=None):
        own = check_arrays(a, out)
        target = None
        if dtype is not None:
            target = check_dtype(dtype)
        elif out is not None:
            target = out.dtype
        launch("cupy_copy")  # the scan is in place
        with np.errstate(all="ignore"):
            result = np.ascontiguousarray(function(own, axis=axis, dtype=target))
        if axis is None:
            launch("cub_scan", 2)
        elif result.size:
            axis = np.lib.array_utils.normalize_axis_index(axis, own.ndim)
            rows = np.moveaxis(result, axis, -1)
            as_matrix = rows.reshape(-1, rows.shape[-1])
            if not np.shares_memory(as_matrix, result):
                launch("cupy_copy")
                result = np.moveaxis(np.ascontiguousarray(rows), -1, axis)
            launch("cupy_batch_scan", _batch_launches(rows.shape[-1]))
        if out is None:
            return wrap(result)
        np.copyto(out._array, result, casting="unsafe")
        return out

    return scan


cumsum, cumprod = _scan(np.cumsum), _scan(np.cumprod)
ndarray.cumsum, ndarray.cumprod = cumsum, cumprod
