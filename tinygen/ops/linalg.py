"""Linear algebra: products, contractions, solving, factorising."""

from __future__ import annotations

import math
from typing import Any

from .. import backend
from ..primitive import primitive
from .shape import expand_dims, reshape, squeeze, sum_to, swapaxes

__all__ = ["linear", "matmul"]

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
    return backend.matmul(a, b)


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
    y = backend.matmul(x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weight.T)
    if bias is not None:
        y += bias
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], len(weight))


linear.vjp(
    x=lambda g, weight: matmul(g, weight),
    weight=lambda g, x: matmul(swapaxes(_rows(g), 0, 1), _rows(x)),
    bias=lambda g, bias_shape: sum_to(g, shape=bias_shape),
)
