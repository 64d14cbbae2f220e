"""Scaled dot-product attention, and dropout."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor, mode
from .arguments import raw
from .elementwise import multiply
from .linalg import matmul, transposed

__all__ = ["dropout", "scaled_dot_product_attention"]


@primitive(outputs=("y", "p"))
def attention(q, k, v, mask=None):
    """The values weighted by p = softmax(q k^T / sqrt(D)), and p.

    **Math** Let g be the cotangent of y and h that of p. From the output backwards:

        dv = p^T g                  y = p v
        dp = g v^T + h              y = p v, and p is an output itself
        ds = p (dp - sum(dp p))     p is the softmax of the scores s, row by row (see below)
        dq = ds k / sqrt(D)         s = q k^T / sqrt(D)
        dk = ds^T q / sqrt(D)

    For one row, the Jacobian of the softmax is dp/ds = diag(p) - p p^T, which is symmetric. Applied
    to dp, it gives p dp - p sum(p dp).
    The mask has no gradient.
    **Saved** q, k, v and p.
    **Numerics** The maximum of each row of the scores is subtracted first.
    """
    scores = matmul(q * (1 / math.sqrt(q.shape[-1])), transposed(k))  # (..., L, S)
    if mask is not None:
        is_boolean = mask.dtype.kind == "b"
        scores = np.where(mask, scores, -math.inf) if is_boolean else scores + mask
    scores -= scores.max(axis=-1, keepdims=True)
    p = np.exp(scores, out=scores)
    p /= p.sum(axis=-1, keepdims=True)
    return matmul(p, v), p


@attention.vjp_joint("q", "k", "v")
def _attention_rule(g, needs, q, k, v, p):
    g_y, g_p = g
    dp = matmul(g_y, transposed(v)) + g_p
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) * (1 / math.sqrt(q.shape[-1]))
    return matmul(ds, k), matmul(transposed(ds), q), matmul(transposed(p), g_y)


attention.vjp(mask=None)


def scaled_dot_product_attention(q, k, v, mask=None):
    """Compute softmax(q k^T / sqrt(D)) v: each query's weighted mean of the values.

    A value weighs more the better its key matches the query.

    **Source** Vaswani et al. 2017, equation 1.

    Parameters
    ----------
    q : (..., L, D)
        The queries.
    k : (..., S, D)
        The keys, with the same leading axes.
    v : (..., S, E)
        The values, with the same leading axes.
    mask : None, or an array that broadcasts to (..., L, S)
        A constant. Booleans say where a query may attend; floating-point numbers are added to the
        scores.

    Returns
    -------
    (..., L, E)

    Raises
    ------
    ValueError
        For shapes that do not match, a mask that requires a gradient, and a boolean mask that
        leaves some query no key.
    TypeError
        For a mask that is neither boolean nor floating-point.
    """
    _check_attention_shapes(q, k, v)
    if isinstance(mask, Tensor) and mask.requires_grad and mode.grad:
        raise ValueError(
            "scaled_dot_product_attention: the mask requires a gradient, but it is a constant "
            "here and would get none; detach() it"
        )
    mask = raw(mask)
    if mask is not None and mask.dtype.kind not in "bf":
        raise TypeError(
            f"scaled_dot_product_attention: the mask is {mask.dtype}; give booleans (where to "
            "attend) or floating point (added to the scores)"
        )
    if mask is not None and mask.dtype.kind == "b" and not mask.any(axis=-1).all():
        raise ValueError(
            "scaled_dot_product_attention: the mask leaves some query no key at all: "
            "its weights would be 0/0"
        )
    return attention(q, k, v, mask)[0]


def _check_attention_shapes(q, k, v) -> None:
    are_matrices = q.ndim >= 2 and q.ndim == k.ndim == v.ndim
    if (
        not are_matrices
        or q.shape[:-2] != k.shape[:-2]
        or k.shape[:-1] != v.shape[:-1]
        or q.shape[-1] != k.shape[-1]
    ):
        raise ValueError(
            f"scaled_dot_product_attention: q {q.shape}, k {k.shape}, v {v.shape} must be "
            "(..., L, D), (..., S, D), (..., S, E), with the same leading axes"
        )
    if k.shape[-2] == 0:
        raise ValueError("scaled_dot_product_attention: there are no keys to attend to (S = 0)")


def dropout(x, p: float = 0.5, *, rng):
    """Set each element to 0 with probability p, and divide the others by 1 - p: the mean stays.

    It is for training only; evaluation leaves x as it is.

    **Math** y = x m / (1 - p) with m drawn from Bernoulli(1 - p); dx = g m / (1 - p).
    **Source** Srivastava et al. 2014 (there, the scaling is done at test time).

    Parameters
    ----------
    p : float
        The probability of an element to be set to 0, in [0, 1).
    rng : RNG
        The source of the mask.
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p must be in [0, 1), the probability to be dropped, not {p}")
    return multiply(x, rng.bernoulli(1 - p, x.shape, x.dtype) * (1 / (1 - p)))
