"""Matrix products of CuPy arrays: one call of cuBLAS for a whole batch, and no copies.

cuBLAS is NVIDIA's BLAS. `cupy.matmul` calls it too, but copies transposed and sliced operands of a
batch first. If one of them is broadcast, such as the weights of a convolution, it also makes three
arrays of pointers, an address for each matrix; that takes six more launches. And it ignores
CUPY_TF32 for batches. Here cuBLAS gets the address of the first matrix, and the stride from each
matrix to the next. A broadcast operand has stride 0.

**Row-major products.** cuBLAS reads memory column by column, but CuPy's arrays lie row by row.

1. A matrix written row by row is its transpose, read column by column. So where CuPy stores A
   (m, k), B (k, n) and C (m, n), cuBLAS finds A^T, B^T and C^T.
2. It has to write C^T = (A B)^T = B^T A^T.
3. So it is called with B first and A second, to multiply B^T (n, k) by A^T (k, m).
4. A transposed view, B = M^T, lies in memory as M. There cuBLAS finds M^T = B, but step 3 needs
   B^T. So it transposes this factor as it reads it (`is_transposed`).
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from .arrays import import_cupy

__all__ = ["batched_matmul"]

Array = Any  # cupy.ndarray

_CUDA_TYPES = {"float32": 0, "float64": 1, "float16": 2}  # the codes CUDA_R_32F, ...
_TF32 = 7  # the compute type that CuPy takes for float32 if CUPY_TF32=1


def batched_matmul(a: Array, b: Array, out: Array | None = None, add: bool = False) -> Array:
    """Return the matrix products a b, in one launch. With `out` they are written or added there.

    An operand is read where it lies if the rows, or the columns, of its matrices have no gaps, and
    if the stride from each matrix to the next is the same. Otherwise it is copied first, for
    example the heads of attention. `cupy.matmul` is called instead

    - if an operand is broadcast along some axes of the batch, but not along all,
    - if the dtypes differ, or are not float16, float32 or float64,
    - if `out` is not C-contiguous, or an array is empty.

    In float16, the sums are in float32. With the environment variable CUPY_TF32=1, the GPU rounds
    the factors of float32 products to 10 bits after the binary point.

    **Shapes** a (..., m, k), b (..., k, n) -> (..., m, n); the axes of the batch are broadcast.

    Parameters
    ----------
    out : an array of the result's shape that shares no memory with a and b.
    add : add the products to `out`.
    """
    cupy = import_cupy()
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*batch, a.shape[-2], b.shape[-1])
    if a.shape[-1] != b.shape[-2] or (out is not None and out.shape != shape):
        target = "" if out is None else f", out {out.shape}"
        raise ValueError(f"matmul: the shapes do not match: a {a.shape}, b {b.shape}{target}")
    operands = None
    if _are_plain(a, b, out):
        operands = _operand(a, batch), _operand(b, batch)
    if operands is None or None in operands:
        if add:
            out += cupy.matmul(a, b)
            return out
        return cupy.matmul(a, b, out=out)
    out = cupy.empty(shape, a.dtype) if out is None else out
    _call_cublas(*operands, out, add)
    return out


def _are_plain(a: Array, b: Array, out: Array | None) -> bool:
    """Return whether they have one known dtype, no array is empty, and `out` is C-contiguous."""
    dtypes = {array.dtype.name for array in (a, b, out) if array is not None}
    is_known = len(dtypes) == 1 and dtypes <= _CUDA_TYPES.keys()
    return bool(is_known and a.size and b.size and (out is None or out.flags.c_contiguous))


class _Operand(NamedTuple):
    """Matrices as cuBLAS reads them."""

    array: Array  # keeps the memory alive
    is_transposed: bool  # the columns, not the rows, have no gaps in memory
    leading: int  # elements from one row (or column) to the next: cuBLAS's "leading dimension"
    stride: int  # elements from one matrix to the next


def _operand(array: Array, batch: tuple[int, ...]) -> _Operand | None:
    """Describe the matrices to cuBLAS, of a copy if necessary; None if their strides differ."""
    layout, stride = _matrix_layout(array), _batch_stride(array, batch)
    if layout is None or stride is None:
        array = import_cupy().ascontiguousarray(array)
        layout, stride = _matrix_layout(array), _batch_stride(array, batch)
    return None if layout is None or stride is None else _Operand(array, *layout, stride)


def _matrix_layout(array: Array) -> tuple[bool, int] | None:
    """Return (is_transposed, leading); None if neither rows nor columns are without gaps.

    The stride of an axis of length 1 is not used, so it may be anything.
    """
    rows, columns = array.shape[-2:]
    row_step, column_step = (stride // array.itemsize for stride in array.strides[-2:])
    if (columns == 1 or column_step == 1) and (rows == 1 or row_step >= columns):
        return False, row_step if rows > 1 else columns
    if (rows == 1 or row_step == 1) and (columns == 1 or column_step >= rows):
        return True, column_step if columns > 1 else rows
    return None


def _batch_stride(array: Array, batch: tuple[int, ...]) -> int | None:
    """Return the stride between consecutive matrices of the broadcast batch; None if it varies."""
    added_axes = len(batch) + 2 - array.ndim
    shape = (1,) * added_axes + array.shape[:-2]
    strides = (0,) * added_axes + array.strides[:-2]
    steps = [
        (length, step if size > 1 else 0)
        for length, size, step in zip(batch, shape, strides, strict=True)
        if length > 1
    ]
    if not steps:
        return 0
    for (_, outer), (length, inner) in itertools.pairwise(steps):
        if outer != length * inner:
            return None
    return steps[-1][1] // array.itemsize if steps[-1][1] >= 0 else None


def _call_cublas(left: _Operand, right: _Operand, out: Array, add: bool) -> None:
    """Compute out = left right + (out if add else 0), for every matrix of the batch."""
    from cupy_backends.cuda.libs import cublas

    cupy, dtype = import_cupy(), out.dtype
    compute_type = cublas.CUBLAS_COMPUTE_64F if dtype == np.float64 else cublas.CUBLAS_COMPUTE_32F
    if cupy._core.get_compute_type(dtype) == _TF32:
        compute_type = cublas.CUBLAS_COMPUTE_32F_FAST_TF32
    cuda_type, (m, n) = _CUDA_TYPES[dtype.name], out.shape[-2:]
    factor_type = np.float64 if dtype == np.float64 else np.float32
    factors = np.array([1, add], factor_type)  # out = factors[0] left right + factors[1] out
    one, beta = factors.ctypes.data, factors[1:].ctypes.data
    transposed = int(right.is_transposed), int(left.is_transposed)
    start = cupy.cuda.get_cublas_handle(), *transposed, n, m, left.array.shape[-1], one
    b = right.array.data.ptr, cuda_type, right.leading
    a = left.array.data.ptr, cuda_type, left.leading
    c, end = (out.data.ptr, cuda_type, n), (compute_type, cublas.CUBLAS_GEMM_DEFAULT)
    num_matrices = out.size // (m * n)
    if num_matrices == 1:
        cublas.gemmEx(*start, *b, *a, beta, *c, *end)
    else:
        cublas.gemmStridedBatchedEx(
            *start, *b, right.stride, *a, left.stride, beta, *c, m * n, num_matrices, *end
        )
