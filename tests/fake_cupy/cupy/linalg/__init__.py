"""Linear algebra. It is silent: a singular system gives infinities, an indefinite matrix garbage.

Within `cupyx.errstate(linalg="raise")` both raise LinAlgError, and every call waits for the GPU.
"""

from __future__ import annotations

import numpy as np
from cupy_counts import launch, wait
from numpy.linalg import LinAlgError

from .._core import ndarray, wrap
from .._products import matmul  # noqa: F401 (part of the surface)
from .._surface import missing


def _check(*arrays, square=False):
    for a in arrays:
        if not isinstance(a, ndarray):
            raise LinAlgError("cupy.linalg only supports cupy.ndarray")
    a = arrays[0]
    if a.ndim < 2:
        raise LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if square and a.shape[-1] != a.shape[-2]:
        raise LinAlgError("Last 2 dimensions of the array must be square")


def _dtypes(*arrays):
    """Return the dtype of the computation. Raises TypeError for float16."""
    dtypes = [a.dtype for a in arrays]
    if np.dtype(np.float16) in dtypes:
        raise TypeError("float16 is unsupported in linalg")
    return np.result_type(*(t if t.kind in "fc" else np.float64 for t in dtypes))


def _report(routine: str, failed: bool) -> None:
    """Do as CuPy after each call of cuSOLVER: look at its status only if asked to raise."""
    import cupyx

    if cupyx.geterr()["linalg"] == "ignore":
        return
    launch("cupy_not_equal")
    launch("cupy_any")
    wait("devInfo")
    if failed:
        raise LinAlgError(f"Error reported by {routine} in cuSOLVER.")


def _each(function, fallback, dtype, *arrays):
    """Apply one of NumPy's functions to every matrix; return the results, and if one failed."""
    failed = False
    hosts = [np.asarray(a._array, dtype) for a in arrays]
    batch = hosts[0].shape[:-2]
    results = []
    for index in np.ndindex(batch):
        parts = [h[index] for h in hosts]
        try:
            results.append(function(*parts))
        except LinAlgError:
            failed = True
            results.append(fallback(*parts))
    return results, batch, failed


def cholesky(a):
    """Factor a positive definite matrix: from an indefinite one, garbage that is finite."""
    _check(a, square=True)
    dtype = _dtypes(a)
    if not a.size:
        return wrap(np.empty(a.shape, dtype))
    launch("cupy_copy")
    if a.ndim > 2:
        launch("cupy_mat_ptrs", a.ndim - 2)
    launch("potrf")
    results, batch, failed = _each(np.linalg.cholesky, np.tril, dtype, a)
    _report("potrf", failed)
    launch("cupy_tril_kernel")
    return wrap(np.stack(results).reshape(a.shape))


def solve(a, b):
    """Solve a x = b. A batch of systems without columns divides by zero, as in CuPy."""
    _check(a, b, square=True)
    if b.ndim == 0:
        raise ValueError("b must have at least one dimension")
    is_vector = b.ndim == 1
    if is_vector:
        if a.shape[-1] != b.size:
            raise ValueError(
                "a must have (..., M, M) shape and b must have (M,) for one-dimensional b"
            )
        b = wrap(np.broadcast_to(b._array, a.shape[:-1]))
    elif a.shape[:-1] != b.shape[:-1]:
        raise ValueError(
            "a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b"
        )
    dtype = _dtypes(a, b)
    if a.ndim > 2:  # batched_gesv in cupy/cublas.py
        columns = b.shape[-1] if b.ndim == a.ndim else 1
        if not columns:
            raise ZeroDivisionError("division by zero")  # a step of 0 in cupy.arange
        launch("cupy_copy", 2)
        launch("cupy_arange", 2)
    else:
        launch("cupy_copy", 2)
    launch("getrf")
    launch("getrs")
    if not a.size:
        return wrap(np.empty(b.shape, dtype))
    columns = b if b.ndim == a.ndim else wrap(b._array[..., None])
    results, _, failed = _each(
        np.linalg.solve, lambda m, v: np.full_like(v, np.inf), dtype, a, columns
    )
    _report("gesv", failed)
    return wrap(np.stack(results).reshape(b.shape))


def inv(a):
    """Invert matrices. A singular one gives infinities."""
    _check(a, square=True)
    dtype = _dtypes(a)
    if not a.size:
        return wrap(np.empty(a.shape, dtype))
    launch("cupy_copy")
    launch("memset")
    launch("cupy_fill")
    launch("getrf")
    launch("getrs")
    results, _, failed = _each(np.linalg.inv, lambda m: np.full_like(m, np.inf), dtype, a)
    _report("gesv", failed)
    return wrap(np.stack(results).reshape(a.shape))


def slogdet(a):
    """Return the sign and the logarithm of the determinant, as a tuple."""
    _check(a, square=True)
    dtype = _dtypes(a)
    for name in ("cupy_copy", "cupy_arange", "getrfBatched", "cupy_slogdet"):
        launch(name)
    with np.errstate(all="ignore"):
        sign, logarithm = np.linalg.slogdet(np.asarray(a._array, dtype))
    return wrap(sign), wrap(logarithm)


def det(a):
    """Return the determinant."""
    sign, logarithm = slogdet(a)
    return sign * np.exp(logarithm)


def _parts(function, routine, a, dtype, *args):
    """Call a NumPy function with several results; if it does not converge, give NaN."""
    launch("cupy_copy")
    launch(routine)
    results = function(np.asarray(a._array, dtype), *args)
    _report(routine, False)
    if isinstance(results, tuple):
        return tuple(wrap(np.ascontiguousarray(r)) for r in results)
    return wrap(np.ascontiguousarray(results))


def eigh(a, UPLO="L"):
    """Return eigenvalues and eigenvectors of a symmetric matrix, as a tuple."""
    _check(a, square=True)
    return _parts(np.linalg.eigh, "syevd", a, _dtypes(a), UPLO)


def eigvalsh(a, UPLO="L"):
    """Return the eigenvalues of a symmetric matrix."""
    _check(a, square=True)
    return _parts(np.linalg.eigvalsh, "syevd", a, _dtypes(a), UPLO)


def svd(a, full_matrices=True, compute_uv=True):
    """Return the singular value decomposition, as a tuple."""
    _check(a)
    return _parts(np.linalg.svd, "gesvd", a, _dtypes(a), full_matrices, compute_uv)


def qr(a, mode="reduced"):
    """Return the QR decomposition, as a tuple."""
    _check(a)
    return _parts(np.linalg.qr, "geqrf", a, _dtypes(a), mode)


def pinv(a, rcond=1e-15):
    """Return the pseudo-inverse."""
    _check(a)
    launch("gesvd")
    launch("cupy_copy", 6)
    return wrap(np.ascontiguousarray(np.linalg.pinv(np.asarray(a._array, _dtypes(a)), rcond)))


def norm(x, ord=None, axis=None, keepdims=False):
    """Return a norm: `abs`, a power and a sum."""
    if not isinstance(x, ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    for name in ("cupy_absolute", "cupy_square", "cupy_sum", "cupy_sqrt"):
        launch(name)
    host = x._array if x.dtype.kind in "fc" else x._array.astype(np.float64)
    with np.errstate(all="ignore"):
        return wrap(np.asarray(np.linalg.norm(host, ord, axis, keepdims)))


def matrix_power(M, n):
    """Multiply a matrix with itself."""
    _check(M, square=True)
    launch("gemmEx", max(abs(n).bit_length(), 1))
    return wrap(np.linalg.matrix_power(M._array, n))


def __getattr__(name):
    return missing("linalg", name)
