"""The matrix products of cuBLAS that tinygen calls by themselves, on addresses in the CPU's memory.

As in cuBLAS, matrices are written column by column: element (i, j) lies ld j + i elements after the
first one, where ld is the "leading dimension". Arguments that cuBLAS refuses are refused.
"""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C = 0, 1, 2
CUBLAS_GEMM_DEFAULT, CUBLAS_GEMM_DEFAULT_TENSOR_OP = -1, 99
CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_64F = 68, 77, 70

_TYPES = {0: np.float32, 1: np.float64, 2: np.float16}  # cudaDataType: CUDA_R_32F, _64F, _16F
# For each compute type: the dtype of alpha and beta, and the codes of matrices that it takes.
_COMPUTE_TYPES = {
    CUBLAS_COMPUTE_32F: (np.float32, (0, 2)),
    CUBLAS_COMPUTE_32F_FAST_TF32: (np.float32, (0,)),
    CUBLAS_COMPUTE_64F: (np.float64, (1,)),
}


class CUBLASError(RuntimeError):
    """What CuPy raises if cuBLAS returns an error."""


def gemmEx(  # noqa: N802 (CuPy's name)
    handle, transa, transb, m, n, k, alpha, A, Atype, lda, B, Btype, ldb, beta, C, Ctype, ldc,
    computeType, algo,
):  # fmt: skip
    """Compute C = alpha op(A) op(B) + beta C; op may transpose."""
    launch("cublasGemmEx")
    _multiply(
        handle, transa, transb, m, n, k, alpha, A, Atype, lda, 0, B, Btype, ldb, 0,
        beta, C, Ctype, ldc, 0, 1, computeType, algo,
    )  # fmt: skip


def gemmStridedBatchedEx(  # noqa: N802 (CuPy's name)
    handle, transa, transb, m, n, k, alpha, A, Atype, lda, strideA, B, Btype, ldb, strideB,
    beta, C, Ctype, ldc, strideC, batchCount, computeType, algo,
):  # fmt: skip
    """Compute C = alpha op(A) op(B) + beta C for each matrix of a batch; op may transpose."""
    launch("cublasGemmStridedBatchedEx")
    _multiply(**locals())


def _multiply(
    handle, transa, transb, m, n, k, alpha, A, Atype, lda, strideA, B, Btype, ldb, strideB,
    beta, C, Ctype, ldc, strideC, batchCount, computeType, algo,
):  # fmt: skip
    for name, value in {**locals()}.items():
        if not isinstance(value, int) or isinstance(value, np.generic):
            raise TypeError(f"an integer is required for {name}, got {type(value).__name__}")
    is_supported = Atype == Btype == Ctype and Atype in _COMPUTE_TYPES.get(computeType, ((), ()))[1]
    if not is_supported or algo not in (CUBLAS_GEMM_DEFAULT, CUBLAS_GEMM_DEFAULT_TENSOR_OP):
        raise CUBLASError("CUBLAS_STATUS_NOT_SUPPORTED")
    shape_a, shape_b = (k, m) if transa else (m, k), (n, k) if transb else (k, n)
    least = [max(1, rows) for rows in (shape_a[0], shape_b[0], m)]
    if any(ld < rows for ld, rows in zip((lda, ldb, ldc), least)) or min(m, n, k, batchCount) < 0:
        raise CUBLASError("CUBLAS_STATUS_INVALID_VALUE")
    if batchCount > 1 and strideC < ldc * (n - 1) + m:
        raise AssertionError("two matrices of C overlap; cuBLAS would write to both at once")
    factor_type, dtype = _COMPUTE_TYPES[computeType][0], _TYPES[Atype]
    a = _matrices(A, dtype, shape_a, lda, strideA, batchCount)
    b = _matrices(B, dtype, shape_b, ldb, strideB, batchCount)
    c = _matrices(C, dtype, (m, n), ldc, strideC, batchCount)
    a, b = (x.astype(factor_type) for x in (a, b))
    if computeType == CUBLAS_COMPUTE_32F_FAST_TF32:
        a, b = _to_tf32(a), _to_tf32(b)
    a, b = a.swapaxes(1, 2) if transa else a, b.swapaxes(1, 2) if transb else b
    (factor,), (old_factor,) = (_memory(address, factor_type, 1) for address in (alpha, beta))
    with np.errstate(all="ignore"):  # a GPU says nothing of NaN and infinity
        result = factor * (a @ b)
    if old_factor:  # with 0, what C holds is not read: it may be NaN
        result += old_factor * c
    c[...] = result


def _memory(address: int, dtype: type, size: int) -> np.ndarray:
    """Return the numbers that lie at an address."""
    if not size:
        return np.empty(0, dtype)
    return np.asarray(_Memory(address, dtype, size))


class _Memory:
    """What NumPy asks of an array of another library: where it lies."""

    def __init__(self, address: int, dtype: type, size: int):
        layout = {"shape": (size,), "typestr": np.dtype(dtype).str, "version": 3}
        self.__array_interface__ = {"data": (address, False), **layout}


def _matrices(address, dtype, shape, ld, stride, count) -> np.ndarray:
    """Return a view (count, rows, columns) of matrices that are written column by column."""
    rows, columns = shape
    is_empty = 0 in (rows, columns, count)
    size = 0 if is_empty else stride * (count - 1) + ld * (columns - 1) + rows
    strides = tuple(np.dtype(dtype).itemsize * s for s in (stride, 1, ld))
    memory = _memory(address, dtype, size)
    return np.lib.stride_tricks.as_strided(memory, (count, rows, columns), strides)


def _to_tf32(a: np.ndarray) -> np.ndarray:
    """Round float32 to 10 bits after the binary point, as tensor cores do."""
    bits = a.view(np.uint32)
    return ((bits + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)
