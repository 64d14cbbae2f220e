"""Matrix products, and sums that keep their digits, shared among the threads of the pool."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .arrays import array_module
from .threads import parallel

__all__ = ["axis_sum", "broadcast_axes", "by_rows", "channel_sum", "matmul"]

Array = Any  # np.ndarray, cupy.ndarray, or a registered type
_BLOCK_ELEMENTS = 1 << 16  # 256 KiB of float32


def by_rows(f: Callable[..., Array], *arrays: Array) -> Array:
    """f(*arrays) for an f that treats each row (all that lies under one index of the first axis) by itself, and gives one number for it.

    NumPy arrays of many rows are handed to it in blocks small enough for the intermediate results to stay in cache, shared among the pool's threads.
    Raises ValueError unless all arrays have the same shape.
    """
    first = arrays[0]
    if any(a.shape != first.shape for a in arrays):
        raise ValueError(f"by_rows: needs arrays of one shape; got {', '.join(str(a.shape) for a in arrays)}")
    rows = len(first)
    blocks = first.size // _BLOCK_ELEMENTS
    if blocks < 2 or any(type(a) is not np.ndarray for a in arrays):
        return f(*arrays)
    parts = _slices(rows, min(blocks, rows))
    results: list = [None] * len(parts)

    def run(i: int) -> None:
        results[i] = f(*(a[parts[i]] for a in arrays))

    parallel(run, len(parts))
    return np.concatenate(results)


# --------------------------------------------------------------------------------------------------------------- matrix products

_CHUNK = 1 << 24  # multiply-adds worth a chunk, about 0.4 ms: each chunk lays its operands out anew, so they should be few


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """np.matmul(a, b, out) for arrays of any module; large products of NumPy arrays are shared among the pool's threads.

    Transposed views are read where they lie. With `out`, the product is written there.
    """
    xp = array_module(a, b)
    if xp is not np or type(a) is not np.ndarray or type(b) is not np.ndarray or a.ndim < 2 or b.ndim < 2:
        return xp.matmul(a, b) if out is None else xp.matmul(a, b, out=out)
    rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.ndim == 2 and a.ndim > 2 and out is None and a.flags.c_contiguous:
        # (..., rows, inner) @ (inner, columns) is one product of all the rows
        return matmul(a.reshape(a.size // inner if inner else 0, inner), b).reshape(*a.shape[:-1], columns) if inner else np.matmul(a, b)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) if a.ndim > 2 or b.ndim > 2 else ()
    work = rows * inner * columns
    for size in batch:
        work *= size
    chunks = 1 << min(max(work // _CHUNK, 1).bit_length() - 1, 3)  # 1, 2, 4 or 8, even shares for 2 and 4 threads
    if chunks == 1 or inner != b.shape[-2]:
        return np.matmul(a, b, out=out)
    if out is None:
        out = np.empty((*batch, rows, columns), np.result_type(a, b))
    sums = None
    if batch and batch[0] >= chunks:
        a, b = np.broadcast_to(a, (*batch, *a.shape[-2:])), np.broadcast_to(b, (*batch, *b.shape[-2:]))
        parts = [(a[s], b[s], out[s]) for s in _slices(batch[0], chunks)]
    elif rows >= columns and rows >= 8 * chunks:
        parts = [(a[..., s, :], b, out[..., s, :]) for s in _slices(rows, chunks)]
    elif columns >= 8 * chunks:
        parts = [(a, b[..., s], out[..., s]) for s in _slices(columns, chunks)]
    elif inner < 64 * chunks:
        return np.matmul(a, b, out=out)
    else:  # few outputs, each a long sum: share the sum, and add the parts in their order
        sums = np.empty((chunks, *out.shape), out.dtype)
        parts = [(a[..., s], b[..., s, :], sums[i]) for i, s in enumerate(_slices(inner, chunks))]

    def run(i: int) -> None:
        left, right, result = parts[i]
        np.matmul(left, right, out=result)

    parallel(run, chunks)
    if sums is not None:
        np.add.reduce(sums, axis=0, out=out)
    return out


def _slices(size: int, n: int) -> list[slice]:
    """range(size) cut into n slices whose sizes differ by one at most."""
    return [slice(i * size // n, (i + 1) * size // n) for i in range(n)]


# --------------------------------------------------------------------------------------------------------------- sums

def broadcast_axes(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the axes of `large` along which broadcasting repeats an array of shape `small`.

    Broadcasting adds axes in front and stretches axes of length 1. Summing an array of shape
    `large` over these axes undoes it. None if `small` does not broadcast to `large`.
    """
    num_new = len(large) - len(small)
    if num_new < 0 or any(n not in (1, m) for n, m in zip(small, large[num_new:])):
        return None
    return (*range(num_new), *(num_new + i for i, n in enumerate(small) if n == 1))


_BLOCK = 1024  # rows that one BLAS call adds up


def channel_sum(x):
    """The sum of a float32 NumPy array (b, rows, c), C-contiguous, over its rows: (b, c).

    NumPy adds up rows one after the other: slow where c is small, and in float32 a million rows lose 4 of 7 digits (its pairwise summation is for
    the last axis alone). Here BLAS adds up blocks of rows, ones @ x, and the block sums are added in float64: 1e-7.
    """
    b, rows, c = x.shape
    blocks = rows // _BLOCK
    whole = blocks * _BLOCK
    total = matmul(np.ones((1, rows - whole), x.dtype), x[:, whole:]).reshape(b, c)
    if blocks:
        parts = x[:, :whole].reshape(b * blocks, _BLOCK, c) if b == 1 else x[:, :whole].reshape(b, blocks, _BLOCK, c)
        sums = matmul(np.ones((1, _BLOCK), x.dtype), parts).reshape(b, blocks, c)
        total = (sums.sum(axis=1, dtype=np.float64) + total).astype(x.dtype)
    return total


def axis_sum(x, axis, keepdims):
    """np.sum, which keeps its digits for float32 NumPy arrays in any memory order: 1e-6, relative to the sum of magnitudes, at a million rows.

    Where a summed axis repeats one element (a broadcast view, as the cotangent of a mean is), that element is taken times the axis' length. A large
    array whose summed axes are not the last in memory (a channels-last picture, say) goes through `channel_sum`, after a copy if it has gaps.
    """
    if type(x) is not np.ndarray or x.dtype.kind != "f":
        return x.sum(axis=axis, keepdims=keepdims)
    if 0 in x.strides and x.size > 1:
        axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
        repeated = [i for i in axes if x.strides[i] == 0 and x.shape[i] > 1]
        if repeated:
            n = math.prod(x.shape[i] for i in repeated)
            return axis_sum(x[tuple(slice(0, 1) if i in repeated else slice(None) for i in range(x.ndim))], axis, keepdims) * n
    if x.dtype != np.float32 or x.size < 1 << 14 or (axis is None and x.flags.c_contiguous):
        return x.sum(axis=axis, keepdims=keepdims)
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))  # as the axes lie in memory
    inner = [i for i in order if x.shape[i] > 1]
    runs = []  # (axes kept or summed together, whether they are summed), from the outermost in memory to the innermost
    for summed, run in itertools.groupby(inner, key=axes.__contains__):
        runs.append((list(run), summed))
    memory = x.transpose(order)
    tail = runs[-1][0]
    joined = all(x.strides[i] == x.strides[j] * x.shape[j] for i, j in itertools.pairwise(tail))
    if not any(summed for _, summed in runs[:-1]) and (joined or not runs[-1][1]):
        return x.sum(axis=axis, keepdims=keepdims)  # sums along memory are pairwise in NumPy
    sizes = [math.prod(x.shape[i] for i in run) for run, _ in runs]
    k = max((k for k, (_, summed) in enumerate(runs[:-1]) if summed), key=sizes.__getitem__, default=len(runs) - 1)  # the longest run
    b, rows, c = math.prod(sizes[:k]), sizes[k], math.prod(sizes[k + 1 :])
    if rows < 16 or (rows < _BLOCK and c > 256):  # few long rows: np.sum is as good, and quicker
        return x.sum(axis=axis, keepdims=keepdims)
    done = runs[k][0]
    y = channel_sum(np.ascontiguousarray(memory).reshape(b, rows, c)).reshape([1 if i in done else x.shape[i] for i in order])
    y = y.transpose(sorted(range(x.ndim), key=order.__getitem__))
    return axis_sum(y, axes, keepdims)  # over the summed axes that are left, and those of length one
