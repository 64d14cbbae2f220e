"""Products of matrices, with the copies and kernels that CuPy needs around cuBLAS."""

from __future__ import annotations

import math

import numpy as np
from cupy_counts import launch

from ._core import ndarray, wrap
from ._ufuncs import UFUNCS

_FLOATS = "efdFD"


def _check(*arrays):
    for a in arrays:
        if not isinstance(a, ndarray):
            raise TypeError(f"Unsupported type {type(a)}")


def _matmul(a: ndarray, b: ndarray, out=None) -> ndarray:
    """Multiply as `cupy/_core/_routines_linalg.pyx` does.

    Two matrices are one product of cuBLAS, whatever their strides. With more axes both operands
    are first copied into C order; if a batch axis is broadcast, three arrays of pointers are made.
    """
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("Scalar operands are not allowed, use '*' instead")
    if max(a.ndim, b.ndim) <= 2:
        return _into(dot(a, b), out)
    dtype = np.promote_types(a.dtype, b.dtype)
    compute = np.dtype(np.float32) if dtype.char == "e" else dtype
    with np.errstate(all="ignore"):
        result = np.matmul(a._array, b._array)
    for operand in (a, b):
        if operand.dtype != compute or not operand.flags.c_contiguous:
            launch("cupy_copy")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if not a.size or not b.size:
        launch("memset", int(result.size > 0))
    elif compute.char in _FLOATS and any(
        n > 1 and m == 1
        for x in (a, b)
        for n, m in zip(batch, _leading(x, len(batch)), strict=True)
    ):
        launch("cupy_mat_ptrs", 3 * len(batch))
        launch("gemmBatched")
    else:
        launch("gemmStridedBatchedEx")
    if compute != dtype:
        launch("cupy_copy")
    return _into(wrap(np.asarray(result, dtype, order="C")), out)


def _leading(x: ndarray, number: int) -> tuple:
    """Return the lengths of the batch axes, with the 1s that broadcasting puts before them."""
    shape = x.shape[:-2]
    return (1,) * (number - len(shape)) + shape


def _into(result: ndarray, out):
    if out is None:
        return result
    if out.shape != result.shape:
        raise ValueError("Output array has an invalid size")
    if out.dtype != result.dtype or not out.flags.c_contiguous:
        launch("cupy_copy")
    np.copyto(out._array, result._array, casting="unsafe")
    return out


def matmul(
    *args,
    axes=None,
    axis=None,
    keepdims=False,
    casting="same_kind",
    dtype=None,
    signature=None,
    order="K",
    out=None,
):
    """Multiply matrices along the last two axes."""
    if axes is not None or axis is not None or signature is not None or dtype is not None:
        raise NotImplementedError("the stand-in's matmul has none of the options of gufuncs")
    _check(*args)
    if isinstance(out, tuple):
        (out,) = out
    return _matmul(*args, out=out)


def dot(a, b, out=None) -> ndarray:
    """Multiply two arrays over the last axis of one and the last but one of the other."""
    _check(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return UFUNCS["multiply"](a, b, out=out)
    axis = max(b.ndim - 2, 0)
    if a.shape[-1] != b.shape[axis]:
        raise ValueError("Axis dimension mismatch")
    shape = a.shape[:-1] + b.shape[:axis] + b.shape[axis + 1 :]
    return _into(_tensordot_core(_head(a, [a.ndim - 1]), _head(b, [axis]), 1, shape), out)


def _head(a: ndarray, axes: list) -> ndarray:
    """Return a view with some axes moved to the front."""
    return a.transpose(*axes, *(i for i in range(a.ndim) if i not in axes))


def _tensordot_core(a: ndarray, b: ndarray, num_axes: int, shape: tuple) -> ndarray:
    """Multiply over the leading axes: one product of two matrices, whose strides are free."""
    length = math.prod(a.shape[:num_axes])
    dtype = np.promote_types(a.dtype, b.dtype)
    if not a.size or not b.size:
        launch("memset", int(math.prod(shape) > 0))
        return wrap(np.zeros(shape, dtype))
    with np.errstate(all="ignore"):
        if a.size == b.size == length:  # an inner product
            return (a.ravel() * b.ravel()).sum().astype(dtype, copy=False).reshape(shape)
        a, b = (_matrix(x.astype(dtype, copy=False).reshape(length, -1)) for x in (a, b))
        launch("gemmEx" if dtype.char in _FLOATS else "cupy_tensordot_core")
        return wrap((a._array.T @ b._array).reshape(shape))


def _matrix(a: ndarray) -> ndarray:
    """Return a matrix that cuBLAS can read: in C or Fortran order, else a copy."""
    return a if a.flags.forc else a.copy()


def tensordot(a, b, axes=2) -> ndarray:
    """Multiply over any axes."""
    _check(a, b)
    if isinstance(axes, (int, np.integer)):
        axes = range(a.ndim - axes, a.ndim), range(axes)
    a_axes, b_axes = ([x] if np.isscalar(x) else list(x) for x in axes)
    if [a.shape[i] for i in a_axes] != [b.shape[i] for i in b_axes]:
        raise ValueError("Axis dimension mismatch")
    number = len(a_axes)
    a, b = _head(a, [i % a.ndim for i in a_axes]), _head(b, [i % b.ndim for i in b_axes])
    return _tensordot_core(a, b, number, a.shape[number:] + b.shape[number:])


def inner(a, b) -> ndarray:
    """Multiply over the last axes."""
    _check(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return UFUNCS["multiply"](a, b)
    return tensordot(a, b, (-1, -1))


def outer(a, b, out=None) -> ndarray:
    """Multiply all pairs."""
    _check(a, b)
    return UFUNCS["multiply"](a.reshape(-1, 1), b.reshape(1, -1), out=out)


def vdot(a, b) -> ndarray:
    """Multiply as one-dimensional vectors."""
    _check(a, b)
    return dot(a.ravel().conj(), b.ravel())


def kron(a, b) -> ndarray:
    """Return the Kronecker product."""
    _check(a, b)
    launch("cupy_multiply")
    launch("cupy_copy")
    return wrap(np.ascontiguousarray(np.kron(a._array, b._array)))


def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None) -> ndarray:
    """Return the sum of a diagonal."""
    return a.diagonal(offset, axis1, axis2).sum(-1, dtype, out, False)


def einsum(*operands, **kwargs) -> ndarray:
    """Contract: pairs of operands, one after the other, each a product of cuBLAS."""
    subscripts, *arrays = operands
    dtype = kwargs.pop("dtype", None)
    kwargs.pop("optimize", False)
    if kwargs:
        raise TypeError(f"Did not understand the following kwargs: {list(kwargs)}")
    _check(*arrays)
    if len(arrays) == 1:
        launch("cupy_sum")
    for _ in arrays[1:]:
        launch("cupy_copy", 2)
        launch("gemmStridedBatchedEx")
    result = np.einsum(subscripts, *(a._array for a in arrays), optimize=len(arrays) > 2)
    return wrap(np.array(result, dtype, order="C"))


ndarray.dot, ndarray.trace = dot, trace
