"""Linear systems and the Cholesky decomposition. linalg.py explains how such rules are derived."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module, linear_algebra, reductions
from .arguments import as_flag, check_arrays, raw
from .linalg import check_square, matmul, transposed, tril, triu
from .shape import expand_dims, squeeze

__all__ = ["cholesky", "solve", "solve_triangular"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


def solve(a: Array, b: Array) -> Array:
    """The solution x of the linear system a x = b.

    **Math** Let a', b' and x' be small changes of a, b and x, and let g be the cotangent of x:

        a' x + a x' = b'                        product rule
        x' = a^-1 (b' - a' x)                   solve for x'
        <g, x'> = <h, b'> - <h, a' x>           with h = a^-T g
                = <h, b'> - <h x^T, a'>         move x to the other side

    The cotangents are the factors of b' and a': db = h, da = -h x^T.

    **Shapes** a (..., n, n), b (..., n, k), or (n,) for one vector; batches broadcast.
    **Saved** a and x.
    **Numerics** A singular matrix raises `np.linalg.LinAlgError`. On a GPU, the check waits for it.
    """
    _check_system("solve", a, b)
    if b.ndim == 1:
        return squeeze(_solve(a, expand_dims(b, -1)), -1)
    return _solve(a, b)


def solve_triangular(
    a: Array, b: Array, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Array:
    """The solution x of T x = b with a triangle T of a; the rest of a is not read.

    **Math** as `solve`; da = -h x^T on the triangle and 0 elsewhere. With left=False, x solves
    x T = b, the transpose of T^T x^T = b^T.
    **Shapes** a (..., n, n), b (..., n, k), or (n,) for one vector; batches broadcast.
    **Saved** a and x.
    **Numerics** Substitution by halves: solve for the first half of x, subtract its contribution,
    solve for the second half. All but blocks of 32 are matrix products, so the cost is about n^2 k
    multiply-adds, and 700 n for the blocks. A diagonal with a 0 raises `np.linalg.LinAlgError`. On
    a GPU, the check waits for it, once for each block.

    Parameters
    ----------
    upper : bool
        Whether T is the upper triangle of a, else the lower one.
    left : bool
        Whether T stands to the left of x. T^T x = b is `solve_triangular(transposed a, b)` with the
        other `upper`.
    unitriangular : bool
        Whether the diagonal of T consists of ones; that of a is not read then.
    """
    check_square("solve_triangular", a)
    upper = as_flag("solve_triangular", "upper", upper)
    unitriangular = as_flag("solve_triangular", "unitriangular", unitriangular)
    if not as_flag("solve_triangular", "left", left):
        is_vector = b.ndim == 1  # its transpose is itself
        b = b if is_vector else transposed(b)
        x = solve_triangular(transposed(a), b, upper=not upper, unitriangular=unitriangular)
        return x if is_vector else transposed(x)
    _check_system("solve_triangular", a, b)
    if unitriangular:
        a = triu(a, k=1) if upper else tril(a, k=-1)
        a = a + array_module(raw(a)).eye(a.shape[-1], dtype=a.dtype)
    if b.ndim == 1:
        return squeeze(_solve_triangular(a, expand_dims(b, -1), lower=not upper), -1)
    return _solve_triangular(a, b, lower=not upper)


def _check_system(function: str, a, b) -> None:
    check_square(function, a)
    check_arrays(function, b=b)
    n = a.shape[-1]
    if b.ndim == 0 or b.shape[max(b.ndim - 2, 0)] != n:
        raise ValueError(
            f"{function}: a {a.shape} times x cannot be b {b.shape}; b is (..., {n}, k), "
            f"or ({n},) for one vector"
        )


@primitive
def _solve(a, b):
    """The solution of a x = b for matrices b."""
    # The batch axes are written out, because array modules differ in how they read vectors.
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    return linear_algebra.solve(a, b)


@_solve.vjp_joint("a", "b")
def _solve_rule(g, needs, a, y):
    h = _solve(transposed(a), g)
    return -matmul(h, transposed(y)) if needs[0] else None, h


@primitive
def _solve_triangular(a, b, *, lower):
    """The solution of L x = b for matrices b, L a triangle of a."""
    return _substitute(a, b, lower)


def _substitute(a, b, lower):
    """Solve for one half of the unknowns, then for the other."""
    n = a.shape[-1]
    if n <= 32:
        return _solve.forward(np.tril(a) if lower else np.triu(a), b)
    half = n // 2
    first, second = (slice(half), slice(half, n)) if lower else (slice(half, n), slice(half))
    x = _substitute(a[..., first, first], b[..., first, :], lower)
    rest = b[..., second, :] - reductions.matmul(a[..., second, first], x)
    y = _substitute(a[..., second, second], rest, lower)
    return np.concatenate([x, y] if lower else [y, x], axis=-2)


@_solve_triangular.vjp_joint("a", "b")
def _solve_triangular_rule(g, needs, a, y, lower):
    h = _solve_triangular(transposed(a), g, lower=not lower)
    if not needs[0]:
        return None, h
    triangle = tril if lower else triu
    return -triangle(matmul(h, transposed(y))), h


def cholesky(a: Array, *, upper: bool = False) -> Array:
    """The lower triangular y with y y^T = (a + a^T) / 2, which must be positive definite.

    With upper=True the result is y^T.

    Only the symmetric part of a is read. So the function is defined for a matrix whose two halves
    differ, and its gradient is symmetric.

    **Math** Let phi(M) be the lower triangle of M with its diagonal halved.

        da = dy y^T + y dy^T                          product rule
        y^-1 da y^-T = P + P^T with P = y^-1 dy       multiply by y^-1 and by y^-T
        P = phi(y^-1 da y^-T)                         P is lower triangular
        dy = y phi(y^-1 da y^-T)                      multiply by y
        <g, dy> = <phi(y^T g), y^-1 da y^-T>          move y; phi is its own adjoint
                = <y^-T phi(y^T g) y^-1, da>          move y^-1 and y^-T

    So the cotangent of a is s = y^-T phi(y^T g) y^-1, made symmetric: (s + s^T) / 2. Only the lower
    triangle of g counts, because y has no other.
    **Shapes** (..., n, n) -> (..., n, n).
    **Saved** y.
    **Numerics** A matrix that is not positive definite raises `np.linalg.LinAlgError`; on a GPU,
    the check waits for it.
    **Source** Murray 2016, Differentiation of the Cholesky decomposition, arXiv:1602.07527, eq. 10.
    """
    check_square("cholesky", a)
    y = _cholesky(a)
    return transposed(y) if as_flag("cholesky", "upper", upper) else y


@primitive
def _cholesky(a):
    """The lower triangular factor of the symmetric part of a."""
    return linear_algebra.cholesky((a + a.swapaxes(-1, -2)) * 0.5)


def _cholesky_rule(g, y):
    p = matmul(transposed(y), tril(g))
    p = (tril(p) + tril(p, k=-1)) * 0.5  # phi
    y = transposed(y)
    s = solve_triangular(y, p, upper=True)  # y^-T p
    s = solve_triangular(y, transposed(s), upper=True)  # y^-T s^T = (s y^-1)^T
    return (s + transposed(s)) * 0.5


_cholesky.vjp(a=_cholesky_rule)
