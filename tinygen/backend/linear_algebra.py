"""Linear algebra that fails alike on both devices: a matrix that cannot be used raises LinAlgError.

NumPy raises where a matrix is singular, or not positive definite. CuPy returns wrong numbers there,
because it would have to wait for the GPU to see it. Within `cupyx.errstate(linalg="raise")` it does
wait, once or twice for each call, and raises `np.linalg.LinAlgError` too. Do so here.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from .arrays import device_of, import_cupyx

__all__ = ["cholesky", "eigh", "inv", "solve"]

Array = Any  # np.ndarray or cupy.ndarray


def _raising(a: Array) -> contextlib.AbstractContextManager:
    """Return the context in which the library of a raises LinAlgError."""
    if device_of(a) == "cpu":
        return contextlib.nullcontext()
    return import_cupyx().errstate(linalg="raise")


def solve(a: Array, b: Array) -> Array:
    """Return x with a x = b, for matrices a (..., n, n) and b (..., n, k) of the same batch.

    Raises LinAlgError if a matrix is singular.
    """
    if b.size == 0:  # CuPy divides by the number of columns
        return np.empty_like(b, dtype=np.result_type(a, b))
    with _raising(a):
        return np.linalg.solve(a, b)


def inv(a: Array) -> Array:
    """Return the inverses of matrices (..., n, n). Raises LinAlgError if one is singular."""
    with _raising(a):
        return np.linalg.inv(a)


def cholesky(a: Array) -> Array:
    """Return the lower factors of symmetric matrices (..., n, n).

    Raises LinAlgError if a matrix is not positive definite.
    """
    with _raising(a):
        return np.linalg.cholesky(a)


def eigh(a: Array) -> tuple[Array, Array]:
    """Return eigenvalues, in ascending order, and eigenvectors of symmetric matrices (..., n, n).

    Raises LinAlgError if they do not converge.
    """
    with _raising(a):
        return np.linalg.eigh(a)
