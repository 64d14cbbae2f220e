"""Matrix products and sums: shared among threads, and without loss of digits in float32.

The functions take arrays of NumPy or CuPy. What is done for speed or precision concerns NumPy's.
Products of CuPy arrays are those of `products_gpu.py`; their sums are CuPy's own.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .arrays import array_module
from .pieces import equal_slices
from .products_gpu import batched_matmul
from .threads import parallel

__all__ = ["axis_sum", "broadcast_axes", "can_exponentiate", "channel_sum", "matmul"]

Array = Any  # np.ndarray or cupy.ndarray

# ------------------------------------------------------------------------------- matrix products

# Multiplications from which a product is shared. They take one thread 0.09 ms, and two 0.08 ms.
# With AVX2 alone it is 0.15 and 0.11 ms.
_LEAST = 1 << 23
# Multiplications in each of four or eight chunks. BLAS copies the operands of every chunk into a
# layout of its own, so chunks should be few.
_CHUNK = 1 << 24
# Multiplications that the calling thread makes until a helper is awake, in 10 to 20 microseconds.
_HEAD_START = 5 << 18


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Return np.matmul(a, b, out); large products of NumPy arrays are shared among the threads.

    Transposed views are read where they lie. With `out`, the product is written there.
    """
    xp = array_module(a, b)
    if a.ndim < 2 or b.ndim < 2:
        return np.matmul(a, b, out=out)
    rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.ndim == 2 and a.ndim > 2 and out is None and a.flags.c_contiguous and inner:
        # (..., rows, inner) @ (inner, columns) is one product of all the rows
        return matmul(a.reshape(a.size // inner, inner), b).reshape(*a.shape[:-1], columns)
    if xp is not np:
        return batched_matmul(a, b, out)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) if a.ndim > 2 or b.ndim > 2 else ()
    num_multiplications = math.prod(batch) * rows * inner * columns
    num_chunks = _num_chunks(num_multiplications)
    if num_chunks == 1 or inner != b.shape[-2]:
        return np.matmul(a, b, out=out)
    if out is None:
        out = np.empty((*batch, rows, columns), np.result_type(a, b))
    if batch and batch[0] >= num_chunks:
        a = np.broadcast_to(a, (*batch, *a.shape[-2:]))
        b = np.broadcast_to(b, (*batch, *b.shape[-2:]))
        slices = _shares(batch[0], num_chunks, num_multiplications)
        _products([(a[s], b[s], out[s]) for s in slices])
    elif rows >= columns and rows >= 8 * num_chunks:
        slices = _shares(rows, num_chunks, num_multiplications)
        _products([(a[..., s, :], b, out[..., s, :]) for s in slices])
    elif columns >= 8 * num_chunks:
        slices = _shares(columns, num_chunks, num_multiplications)
        _products([(a, b[..., s], out[..., s]) for s in slices])
    elif inner >= 64 * num_chunks:
        # Few results, each a long sum: share the sum, and add the partial sums in their order.
        partial = np.empty((num_chunks, *out.shape), out.dtype)
        slices = equal_slices(inner, num_chunks)
        _products([(a[..., s], b[..., s, :], partial[i]) for i, s in enumerate(slices)])
        np.add.reduce(partial, axis=0, out=out)
    else:
        np.matmul(a, b, out=out)
    return out


def _num_chunks(num_multiplications: int) -> int:
    """Return 1, 2, 4 or 8: powers of two give two and four threads equal shares."""
    if num_multiplications < _LEAST:
        return 1
    return 1 << min(max(num_multiplications // _CHUNK, 2).bit_length() - 1, 3)


def _shares(size: int, n: int, num_multiplications: int) -> list[slice]:
    """Cut range(size) into n slices; of two, the first is longer.

    The calling thread begins with the first at once, and a helper with the second when it is awake.
    With the head start both end together. Otherwise the caller would fall asleep, and waking it
    takes time again: 128 x 3136 times 3136 x 32 takes 168 us in equal shares, and 134 us in these.
    """
    if n != 2:
        return equal_slices(size, n)
    head_start = min(size * _HEAD_START // num_multiplications, size // 4)
    first = size // 2 + head_start
    if size >= 64:
        first -= first % 8  # BLAS computes blocks of 8 rows or columns
    return [slice(0, first), slice(first, size)]


def _products(parts: list[tuple[Array, Array, Array]]) -> None:
    """Compute left @ right into result for each (left, right, result)."""

    def run(i: int) -> None:
        left, right, result = parts[i]
        np.matmul(left, right, out=result)

    parallel(run, len(parts))


# ------------------------------------------------------------------------------------------- sums

_BLOCK_ROWS = 1024  # rows that one call of BLAS adds up
_SHORT_ROW = 128  # numbers, few enough to be added up without loss of digits
_SMALL = 1 << 14  # elements: below, NumPy's own sum is fast and precise enough


def broadcast_axes(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the axes of `large` along which broadcasting repeats an array of shape `small`.

    Broadcasting adds axes in front and stretches axes of length 1. Summing an array of shape
    `large` over these axes undoes it. None if `small` does not broadcast to `large`.
    """
    num_new = len(large) - len(small)
    if num_new < 0 or any(n not in (1, m) for n, m in zip(small, large[num_new:])):
        return None
    return (*range(num_new), *(num_new + i for i, n in enumerate(small) if n == 1))


def can_exponentiate(x: Array) -> bool:
    """Return whether exp neither overflows nor underflows on x, nor do sums of its results.

    Softmax and its relatives subtract the maximum of each row to be sure of this. Where all values
    of x lie within +-40, they need not. The maximum of all values takes 0.04 ms for a million
    numbers, those of rows of ten numbers 4 ms. The softmax and the logarithm of the sum are as
    precise then. Their difference from x, as in log_softmax, is not: it may be far smaller than x.
    """
    return type(x) is np.ndarray and x.size > 0 and -40 < x.min() and x.max() < 40


def channel_sum(x: np.ndarray) -> np.ndarray:
    """Return the sum of a contiguous float32 array (b, rows, c) over its rows: (b, c).

    NumPy adds one row after the other. That is slow where c is small, and with a million rows
    float32 loses 4 of its 7 digits; NumPy's pairwise summation is for the last axis alone. Here
    BLAS adds up blocks of rows as the product ones @ x, and the sums of the blocks are added in
    float64. The relative error is 1e-7.
    """
    b, rows, c = x.shape
    num_blocks = rows // _BLOCK_ROWS
    whole = num_blocks * _BLOCK_ROWS
    total = matmul(np.ones((1, rows - whole), x.dtype), x[:, whole:]).reshape(b, c)
    if num_blocks:
        if b == 1:
            blocks = x[:, :whole].reshape(num_blocks, _BLOCK_ROWS, c)
        else:
            blocks = x[:, :whole].reshape(b, num_blocks, _BLOCK_ROWS, c)
        sums = matmul(np.ones((1, _BLOCK_ROWS), x.dtype), blocks).reshape(b, num_blocks, c)
        total = (sums.sum(axis=1, dtype=np.float64) + total).astype(x.dtype)
    return total


def axis_sum(x: Array, axis, keepdims: bool) -> Array:
    """Return x.sum(axis, keepdims=keepdims), in float32 without loss of digits.

    For NumPy arrays in any memory order, the error at a million rows is 1e-6 of the sum of the
    magnitudes. A large array whose summed axes are not the last in memory, such as a channels-last
    image, is summed by `channel_sum`.
    """
    if type(x) is not np.ndarray or x.dtype.kind != "f":
        return x.sum(axis=axis, keepdims=keepdims)
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    repeated = [i for i in axes if x.strides[i] == 0 and x.shape[i] > 1]
    if repeated and x.size > 1:
        # A broadcast view, such as the cotangent of a mean: take one element times their number.
        n = math.prod(x.shape[i] for i in repeated)
        one = tuple(slice(0, 1) if i in repeated else slice(None) for i in range(x.ndim))
        return axis_sum(x[one], axis, keepdims) * n
    is_small = x.dtype != np.float32 or x.size < _SMALL
    if is_small or (axis is None and x.flags.c_contiguous):
        return x.sum(axis=axis, keepdims=keepdims)
    order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))  # as the axes lie in memory
    if len(axes) == 1 and order[-1] == axes[0] and x.shape[axes[0]] <= _SHORT_ROW:
        return _sum_short_rows(x, axes[0], keepdims)
    run = _run_to_sum(x, axes, order)
    if run is None:
        return x.sum(axis=axis, keepdims=keepdims)
    return axis_sum(_sum_run(x, order, run), axes, keepdims)  # over the summed axes that are left


def _sum_short_rows(x: np.ndarray, axis: int, keepdims: bool) -> np.ndarray:
    """Sum over an axis that is innermost in memory and short, as the product x @ ones.

    NumPy's sum spends some 10 ns on beginning each row: for 65536 rows of 10, 0.9 ms, not 0.1.
    """
    rows = np.moveaxis(x, axis, -1)
    order = sorted(range(rows.ndim - 1), key=lambda i: -abs(rows.strides[i]))
    memory = np.ascontiguousarray(rows.transpose(*order, -1))  # a copy if x has gaps
    sums = matmul(memory, np.ones((x.shape[axis], 1), x.dtype))[..., 0]
    y = sums.transpose(sorted(range(len(order)), key=order.__getitem__))
    return np.expand_dims(y, axis) if keepdims else y


def _run_to_sum(x: np.ndarray, axes: tuple[int, ...], order: list[int]) -> list[int] | None:
    """Return the summed axes that `channel_sum` should add up; None if np.sum is as good.

    Cut the axes, in their order in memory, into runs in which all axes are summed or none is. NumPy
    sums the innermost run pairwise, without loss of digits. So the others are the ones to look at,
    and the longest of them is taken.
    """
    long_axes = [i for i in order if x.shape[i] > 1]
    runs = [(list(run), summed) for summed, run in itertools.groupby(long_axes, axes.__contains__)]
    innermost, innermost_is_summed = runs[-1]
    has_no_gaps = all(
        x.strides[i] == x.strides[j] * x.shape[j] for i, j in itertools.pairwise(innermost)
    )
    others = [k for k, (_, summed) in enumerate(runs[:-1]) if summed]
    if not others and (has_no_gaps or not innermost_is_summed):
        return None
    sizes = [math.prod(x.shape[i] for i in run) for run, _ in runs]
    k = max(others, key=sizes.__getitem__, default=len(runs) - 1)
    rows, columns = sizes[k], math.prod(sizes[k + 1 :])
    if rows < 16 or (rows < _BLOCK_ROWS and columns > 256):  # few long rows
        return None
    return runs[k][0]


def _sum_run(x: np.ndarray, order: list[int], run: list[int]) -> np.ndarray:
    """Sum x by `channel_sum` over axes that are neighbours in memory; they stay, with length 1.

    `order` are all axes in the order of memory, from the outermost; `run` are those to sum over.
    """
    shape = [x.shape[i] for i in order]
    first = order.index(run[0])
    last = order.index(run[-1])
    rows = math.prod(x.shape[i] for i in run)
    memory = np.ascontiguousarray(x.transpose(order))  # a copy if x has gaps
    blocks = memory.reshape(math.prod(shape[:first]), rows, math.prod(shape[last + 1 :]))
    y = channel_sum(blocks).reshape([1 if i in run else x.shape[i] for i in order])
    return y.transpose(sorted(range(x.ndim), key=order.__getitem__))
