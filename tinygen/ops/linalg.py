"""Matrix products, triangles, and what comes from a determinant or an inverse.

Every rule here follows from the product rule and from moving a matrix to the other side of an inner
product <U, V> = trace(U^T V):

    Y = A B gives dY = dA B + A dB
    <G, A X> = <A^T G, X>
    <G, X B> = <G B^T, X>

For a function Y of A with the cotangent G of Y: write dY in terms of dA, then move all other
matrices to the other side of <G, dY>. What dA is paired with is the cotangent of A. For the inverse
Y of A:

    Y A = I                              definition
    dY A + Y dA = 0                      product rule
    dY = -Y dA A^-1 = -Y dA Y            multiply by A^-1 from the right
    <G, dY> = <-Y^T G Y^T, dA>           move both Y to the other side

So the cotangent of A is -Y^T G Y^T.

All functions but `linear` work on the last two axes; the axes before are a batch. Solving and
factorising are in linear_systems.py. In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module, linear_algebra, reductions
from .arguments import as_integer, check_arrays, check_dtypes, normalize_axes, raw
from .indexing import read_at
from .pytorch_names import explain_names
from .reduce import sum
from .shape import expand_dims, moveaxis, reshape, squeeze, sum_to, swapaxes

__all__ = [
    "diagonal",
    "dot",
    "inv",
    "linear",
    "logdet",
    "matmul",
    "outer",
    "slogdet",
    "trace",
    "tril",
    "triu",
]

Array = Any  # np.ndarray, cupy.ndarray or Tensor

# ----------------------------------------------------------------------------------------- products


@primitive
def matmul(a, b):
    """The matrix product, as np.matmul: 1-D arguments are vectors, leading axes a batch.

    **Math** y = a b; da = g b^T, db = a^T g, summed over broadcast batch axes.
    **Shapes** (..., m, k) and (..., k, n) -> (..., m, n); a vector (k,) has no axis m or n.
    **Saved** b for da, a for db.
    """
    if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        raise ValueError(
            f"matmul: {a.shape} times {b.shape}: the last side of the first must equal the last "
            "but one (of a vector, the only) of the second"
        )
    return reductions.matmul(a, b)


def _matmul_da(g, a_shape, b):
    if b.ndim == 1:
        return expand_dims(g, -1) * b  # (..., m, 1) (k,)
    if len(a_shape) == 1:
        return squeeze(matmul(b, expand_dims(g, -1)), -1)  # (..., k, n) (..., n, 1)
    return matmul(g, swapaxes(b, -1, -2))


def _matmul_db(g, a, b_shape):
    if a.ndim == 1 and len(b_shape) == 1:
        return a * g
    if a.ndim == 1:
        return expand_dims(a, -1) * expand_dims(g, -2)  # (k, 1) (..., 1, n)
    if len(b_shape) == 1:
        return matmul(reshape(g, shape=(math.prod(g.shape),)), _as_matrix(a))
    if len(b_shape) == 2:  # the whole batch in one product, whose inner sum runs over it too
        a, g = _as_matrix(a), _as_matrix(g)
    return matmul(swapaxes(a, -1, -2), g)


def _as_matrix(x):
    """Reshape (..., n) to (rows, n), with the rows in numbers: an empty array cannot take -1."""
    if x.ndim == 2:
        return x
    return reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


matmul.vjp(a=_matmul_da, b=_matmul_db)


@primitive
def linear(x, weight, bias=None):
    """Affine map x W^T + bias along the last axis, with PyTorch's shape of the weight W.

    **Math** y = x W^T + b; dx = g W; dW = g^T x and db = g, both summed over all leading axes.
    **Shapes** x (..., I), weight (O, I), bias (O,) or None -> (..., O).
    **Saved** W for dx, x for dW.
    """
    check_dtypes("linear", x=x, weight=weight, bias=bias)
    if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: weight {weight.shape} is (outputs, inputs), and x {x.shape} must end in "
            "its inputs"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias {bias.shape} must be ({weight.shape[0]},), one for each row of weight "
            f"{weight.shape}"
        )
    rows = x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    y = reductions.matmul(rows, weight.T)
    if bias is not None:
        y += bias
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], len(weight))


linear.vjp(
    x=lambda g, weight: matmul(g, weight),
    weight=lambda g, x: matmul(swapaxes(_as_matrix(g), 0, 1), _as_matrix(x)),
    bias=lambda g, bias_shape: sum_to(g, shape=bias_shape),
)


def outer(a: Array, b: Array) -> Array:
    """All products of an element of a and one of b, as np.outer; both are read in one axis.

    **Math** y[i, j] = a_i b_j; da_i = sum_j g[i, j] b_j, db_j = sum_i g[i, j] a_i.
    """
    check_arrays("outer", a=a, b=b)
    return reshape(a, shape=(a.size, 1)) * reshape(b, shape=(1, b.size))


def dot(a: Array, b: Array) -> Array:
    """The inner product of two vectors, as np.dot: `matmul` of up to two axes.

    Matrices are multiplied as by `matmul`; a number, or an array without axes, scales the other.

    **Math** y = sum_i a_i b_i; da = g b, db = g a.
    """
    if np.ndim(a) > 2 or np.ndim(b) > 2:
        raise ValueError(
            f"dot: a {a.shape} and b {b.shape} are more than vectors and matrices; matmul "
            "multiplies batches of matrices, and einsum sums over any pair of axes"
        )
    return matmul(a, b) if np.ndim(a) and np.ndim(b) else a * b


# ---------------------------------------------------------------------------- diagonals, triangles


@explain_names
def diagonal(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonal of matrices whose rows are axis1 and whose columns are axis2, as np.diagonal.

    **Math** y[..., i] = x[..., i, i + offset], with the rows and columns last; dx = g at these
    places, 0 elsewhere.
    """
    offset = as_integer("diagonal", "offset", offset)
    first, second = normalize_axes("diagonal", (axis1, axis2), x.ndim)
    x = moveaxis(x, (first, second), (-2, -1))
    rows, columns = x.shape[-2:]
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    i = array_module(raw(x)).arange(length)
    return read_at(x, (..., i - min(offset, 0), i + max(offset, 0)))


@explain_names
def trace(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The sum of a diagonal, see `diagonal`."""
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@primitive
def tril(x, *, k=0):
    """Set the elements above the k-th diagonal to 0.

    **Math** dx = tril(g, k).
    **Saved** nothing.
    """
    return np.tril(x, as_integer("tril", "k", k))


@primitive
def triu(x, *, k=0):
    """Set the elements below the k-th diagonal to 0.

    **Math** dx = triu(g, k).
    **Saved** nothing.
    """
    return np.triu(x, as_integer("triu", "k", k))


tril.vjp(x=lambda g, k: tril(g, k=k))
triu.vjp(x=lambda g, k: triu(g, k=k))

# --------------------------------------------------------------------------- inverse, determinant


def transposed(x: Array) -> Array:
    """Return x with its last two axes exchanged."""
    return swapaxes(x, -1, -2)


def check_square(function: str, a: Array) -> None:
    """Raise ValueError unless the last two axes of a are square matrices."""
    check_arrays(function, a=a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(
            f"{function}: a has shape {a.shape}; it must be (..., n, n), square in its last two "
            "axes"
        )


@primitive
def inv(a):
    """The inverse of square matrices. To apply it once, `solve` is faster and more accurate.

    **Math** y = a^-1; dy = -y da y (see the module), so da = -y^T g y^T.
    **Shapes** (..., n, n) -> (..., n, n).
    **Saved** y.
    **Numerics** A singular matrix raises `np.linalg.LinAlgError`. On a GPU, the check waits for it.
    """
    check_square("inv", a)
    return linear_algebra.inv(a)


inv.vjp(a=lambda g, y: -matmul(matmul(transposed(y), g), transposed(y)))


@primitive(outputs=("sign", "logabsdet"))
def slogdet(a):
    """The sign and the logarithm of the absolute value of the determinant: (sign, logabsdet).

    **Math** d log|det a| = trace(a^-1 da) (Jacobi's formula), so with g the cotangent of logabsdet,
    da = g a^-T. The sign is constant wherever the determinant is not 0.
    **Shapes** (..., n, n) -> (...) each.
    **Saved** a.
    **Numerics** By the LU decomposition; the determinant, which overflows, is never computed.
    """
    check_square("slogdet", a)
    return tuple(np.linalg.slogdet(a))


def _slogdet_rule(g, a):
    return expand_dims(expand_dims(g[1], -1), -1) * transposed(inv(a))


slogdet.vjp(a=_slogdet_rule)


def logdet(a: Array) -> Array:
    """Logarithm of |det a| for square matrices (..., n, n): see `slogdet`.

    This is what a linear layer of a flow adds to the log-density.
    """
    return slogdet(a)[1]
