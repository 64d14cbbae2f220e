"""Linear algebra: products, solving, factorising.

The differential of a product is a sum of products, so everything follows from dY = dA B + A dB and <A, B> = trace(A^T B): write dY in terms of
dA, then move all else to the other side of <G, dY>. For the inverse, say, dY = -Y dA Y gives <G, dY> = <-Y^T G Y^T, dA>.
All but `linear` work on the last two axes; the axes before are a batch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend import reductions
from .shape import expand_dims, reshape, squeeze, sum_to, swapaxes

__all__ = ["cholesky", "inv", "linear", "logdet", "matmul", "slogdet", "solve", "solve_triangular", "tril", "triu"]

Array = Any  # an array of any module, or a Tensor

# --------------------------------------------------------------------------------------------------------- products


@primitive
def matmul(a, b):
    """The matrix product, as np.matmul: 1-D arguments are vectors, leading axes are a batch and broadcast.

    **Math.** y = a b; cotangent of a: g b^T; cotangent of b: a^T g.
    **Shapes.** (..., m, k) and (..., k, n) to (..., m, n); a vector (k,) drops its axis from the result.
    """
    if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        raise ValueError(f"matmul: {a.shape} times {b.shape}: the last side of the first must equal the last but one (of a vector, the only) of the second")
    return reductions.matmul(a, b)


def _matmul_a(g, a_shape, b):
    if b.ndim == 1:
        return expand_dims(g, -1) * b  # (..., m, 1) (k,)
    if len(a_shape) == 1:
        return squeeze(matmul(b, expand_dims(g, -1)), -1)  # (..., k, n) (..., n, 1)
    return matmul(g, swapaxes(b, -1, -2))


def _matmul_b(g, a, b_shape):
    if a.ndim == 1:
        return expand_dims(a, -1) * expand_dims(g, -2) if len(b_shape) > 1 else a * g  # (k, 1) (..., 1, n)
    if len(b_shape) == 1:
        a, g = _rows(a), reshape(g, shape=(math.prod(g.shape),))
        return matmul(g, a)
    if len(b_shape) == 2:  # all the batch at once: the sum over it is part of the product
        a, g = _rows(a), _rows(g)
    return matmul(swapaxes(a, -1, -2), g)


def _rows(x):
    """(..., n) as (rows, n); never -1, which an empty array does not know."""
    return x if x.ndim == 2 else reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


matmul.vjp(a=_matmul_a, b=_matmul_b)


def check_dtypes(name: str, **arrays) -> None:
    """All given must share one floating-point dtype: mixed, the result and every layer above would silently be of the wider one."""
    dtypes = {what: a.dtype for what, a in arrays.items() if a is not None}
    first = dtypes["x"]
    if first.kind != "f" or any(dtype != first for dtype in dtypes.values()):
        came = ", ".join(f"{what}{' is' if what == 'x' else ''} {dtype}" for what, dtype in dtypes.items())
        raise TypeError(f"{name}: {came}; all must share one floating-point dtype: convert with astype")


@primitive
def linear(x, weight, bias=None):
    """x weight^T + bias along the last axis, in PyTorch's layout.

    **Math.** y = x W^T + b; cotangent of x: g W; of W: g^T x, summed over all leading axes; of b: g, summed likewise.
    **Shapes.** x (..., I), weight (O, I), bias (O,) or None; y (..., O).
    """
    if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"linear: weight {weight.shape} is (outputs, inputs), and x {x.shape} must end in its inputs")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias {bias.shape} must be ({weight.shape[0]},), one for each row of weight {weight.shape}")
    check_dtypes("linear", x=x, weight=weight, bias=bias)
    y = reductions.matmul(x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weight.T)
    if bias is not None:
        y += bias
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], len(weight))


linear.vjp(
    x=lambda g, weight: matmul(g, weight),
    weight=lambda g, x: matmul(swapaxes(_rows(g), 0, 1), _rows(x)),
    bias=lambda g, bias_shape: sum_to(g, shape=bias_shape),
)

# --------------------------------------------------------------------------------------------------------- triangles, solving, factorising


@primitive
def tril(x, *, k=0):
    """x with zeros above the k-th diagonal. Cotangent of x: tril(g, k)."""
    return np.tril(x, k)


@primitive
def triu(x, *, k=0):
    """x with zeros below the k-th diagonal. Cotangent of x: triu(g, k)."""
    return np.triu(x, k)


tril.vjp(x=lambda g, k: tril(g, k=k))
triu.vjp(x=lambda g, k: triu(g, k=k))


def _t(x):
    return swapaxes(x, -1, -2)


def _square(name, a) -> None:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"{name}: a has shape {a.shape}; it must be (..., n, n), square in its last two axes")


@primitive
def inv(a):
    """The inverse of square matrices. To apply it once, `solve` is quicker and more accurate.

    **Math.** y = a^-1; dy = -y da y, so the cotangent of a is -y^T g y^T. **Saved** y.
    """
    _square("inv", a)
    return np.linalg.inv(a)


inv.vjp(a=lambda g, y: -matmul(matmul(_t(y), g), _t(y)))


@primitive(outputs=("sign", "logabs"))
def slogdet(a):
    """The sign and the logarithm of the absolute value of the determinant, (sign, logabs).

    **Math.** d log|det a| = trace(a^-1 da), so the cotangent of a is g a^-T; the sign is constant wherever the determinant is not 0.
    **Shapes.** (..., n, n) to (...) each. **Numerics.** By LU: the determinant itself, which overflows, is never formed.
    """
    _square("slogdet", a)
    return tuple(np.linalg.slogdet(a))


slogdet.vjp(a=lambda g, a: expand_dims(expand_dims(g[1], -1), -1) * _t(inv(a)))


def logdet(a: Array) -> Array:
    """log |det a| for square matrices (..., n, n): what a linear layer of a flow adds to the log-density. See `slogdet`."""
    return slogdet(a)[1]


def solve(a: Array, b: Array) -> Array:
    """x with a x = b.

    **Math.** x = a^-1 b; dx = a^-1 (db - da x), so with h = a^-T g the cotangent of b is h and that of a is -h x^T. **Saved** a and x.
    **Shapes.** a (..., n, n), b (..., n, k), or (n,) for one vector; batches broadcast.
    """
    _check_system("solve", a, b)
    return squeeze(_solve(a, expand_dims(b, -1)), -1) if b.ndim == 1 else _solve(a, b)


def solve_triangular(a: Array, b: Array, *, lower: bool = True, transpose: bool = False) -> Array:
    """x with L x = b, L the lower triangle of a (the upper one where lower is False), or with L^T x = b where `transpose`. The rest of a is not read.

    **Math.** As `solve`; the cotangent of a is -h x^T on the triangle and 0 elsewhere. **Saved** a and x.
    **Shapes.** a (..., n, n), b (..., n, k), or (n,) for one vector; batches broadcast.
    **Numerics.** Substitution by halves: solve for the first half of x, subtract what it contributes, solve for the second. All but blocks of 32 are
    matrix products, so it costs about n^2 k multiply-adds and 700 n for the blocks.
    """
    _check_system("solve_triangular", a, b)
    if transpose:
        a, lower = _t(a), not lower
    return squeeze(_solve_triangular(a, expand_dims(b, -1), lower=lower), -1) if b.ndim == 1 else _solve_triangular(a, b, lower=lower)


def _check_system(name, a, b) -> None:
    _square(name, a)
    if b.ndim == 0 or b.shape[max(b.ndim - 2, 0)] != a.shape[-1]:
        raise ValueError(f"{name}: a {a.shape} times x cannot be b {b.shape}; b is (..., {a.shape[-1]}, k), or ({a.shape[-1]},) for one vector")


@primitive
def _solve(a, b):
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])  # said in full, since array modules differ in how they read a batch of vectors
    return np.linalg.solve(np.broadcast_to(a, batch + a.shape[-2:]), np.broadcast_to(b, batch + b.shape[-2:]))


@_solve.vjp_joint("a", "b")
def _(g, needs, a, y):
    h = _solve(_t(a), g)
    return -matmul(h, _t(y)) if needs[0] else None, h


@primitive
def _solve_triangular(a, b, *, lower):
    return _substitute(a, b, lower)


def _substitute(a, b, lower):
    n = a.shape[-1]
    if n <= 32:
        return _solve.forward(np.tril(a) if lower else np.triu(a), b)
    half = n // 2
    first, second = (slice(half), slice(half, n)) if lower else (slice(half, n), slice(half))
    x = _substitute(a[..., first, first], b[..., first, :], lower)
    y = _substitute(a[..., second, second], b[..., second, :] - reductions.matmul(a[..., second, first], x), lower)
    return np.concatenate([x, y] if lower else [y, x], axis=-2)


@_solve_triangular.vjp_joint("a", "b")
def _(g, needs, a, y, lower):
    h = _solve_triangular(_t(a), g, lower=not lower)
    return -(tril if lower else triu)(matmul(h, _t(y))) if needs[0] else None, h


@primitive
def cholesky(a):
    """The lower triangular y with y y^T = (a + a^T) / 2, positive definite.

    Only the symmetric part of a is read, so that the function and its gradient, which is symmetric, are defined for a matrix whose two halves differ.

    **Math.** From da = dy y^T + y dy^T follows y^-1 da y^-T = P + P^T with P = y^-1 dy lower triangular, so dy = y phi(y^-1 da y^-T), where phi keeps
    the lower triangle and halves the diagonal. Its adjoint: s = y^-T phi(y^T g) y^-1, made symmetric, with g's lower triangle alone. **Saved** y.
    **Source.** I. Murray, Differentiation of the Cholesky decomposition, 2016, arXiv:1602.07527, eq. 10.
    """
    _square("cholesky", a)
    return np.linalg.cholesky((a + a.swapaxes(-1, -2)) * 0.5)


def _cholesky_rule(g, y):
    p = matmul(_t(y), tril(g))
    p = (tril(p) + tril(p, k=-1)) * 0.5  # phi
    s = solve_triangular(y, p, transpose=True)  # y^-T p
    s = solve_triangular(y, _t(s), transpose=True)  # y^-T s^T = (s y^-1)^T
    return (s + _t(s)) * 0.5


cholesky.vjp(a=_cholesky_rule)
