"""Scaled dot-product attention and dropout."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor, mode
from .elementwise import multiply
from .linalg import matmul

__all__ = ["dropout", "scaled_dot_product_attention"]


def _t(a):
    """The last two axes exchanged."""
    return a.transpose((*range(a.ndim - 2), a.ndim - 1, a.ndim - 2))


@primitive(outputs=("y", "p"))
def attention(q, k, v, mask=None):
    """y = p v with p = softmax(q k^T / sqrt(D)), by row. **Math** below, by the joint rule. **Saved** q, k, v, p. **Numerics** each row's maximum is taken off.

    With g the cotangent of y and h that of p: dv = p^T g; the cotangent of p is P = g v^T + h; that of the scores, through the softmax's Jacobian
    diag(p) - p p^T, is S = p (P - sum(P p)); so dq = S k / sqrt(D) and dk = S^T q / sqrt(D).
    """
    scores = matmul(q * (1 / math.sqrt(q.shape[-1])), _t(k))
    if mask is not None:
        scores = np.where(mask, scores, -math.inf) if mask.dtype.kind == "b" else scores + mask
    scores -= scores.max(axis=-1, keepdims=True)
    p = np.exp(scores, out=scores)
    p /= p.sum(axis=-1, keepdims=True)
    return matmul(p, v), p


@attention.vjp_joint("q", "k", "v")
def _attention_rule(g, needs, q, k, v, p):
    g_y, g_p = g
    total = matmul(g_y, _t(v)) + g_p
    scores = p * (total - (total * p).sum(axis=-1, keepdims=True)) * (1 / math.sqrt(q.shape[-1]))
    return matmul(scores, k), matmul(_t(scores), q), matmul(_t(p), g_y)


attention.vjp(mask=None)


def scaled_dot_product_attention(q, k, v, mask=None):
    """softmax(q k^T / sqrt(D)) v: each query takes the mean of the values, weighted by how well their keys match it.

    Takes q (..., L, D), k (..., S, D), v (..., S, E) with the same leading axes; mask, broadcast to (..., L, S), is a constant: boolean (True where a
    query may look) or floating point (added to the scores). Returns (..., L, E). Raises ValueError for shapes that do not match and for a
    boolean mask that leaves a query nothing to look at. Source: Vaswani et al. 2017, equation 1.
    """
    if q.ndim < 2 or q.shape[:-2] != k.shape[:-2] or k.shape[:-1] != v.shape[:-1] or q.shape[-1] != k.shape[-1] or q.ndim != k.ndim or k.ndim != v.ndim:
        raise ValueError(f"scaled_dot_product_attention: q {q.shape}, k {k.shape}, v {v.shape} must be (..., L, D), (..., S, D), (..., S, E), leading axes alike")
    if k.shape[-2] == 0:
        raise ValueError("scaled_dot_product_attention: there are no keys to look at (S = 0)")
    if isinstance(mask, Tensor) and mask.requires_grad and mode.grad:
        raise ValueError("scaled_dot_product_attention: the mask requires a gradient, but it is a constant here and would get none; detach() it")
    mask = mask.data if isinstance(mask, Tensor) else mask
    if mask is not None and mask.dtype.kind not in "bf":
        raise TypeError(f"scaled_dot_product_attention: the mask is {mask.dtype}; give booleans (where to look) or floating point (added to the scores)")
    if mask is not None and mask.dtype.kind == "b" and not mask.any(axis=-1).all():
        raise ValueError("scaled_dot_product_attention: the mask leaves some query no key at all: its weights would be 0/0")
    return attention(q, k, v, mask)[0]


def dropout(x, p: float = 0.5, *, rng):
    """Set each element to 0 with probability p and scale the others by 1 / (1 - p), so that the mean stays. The noise is drawn from `rng`.

    Only for training: evaluation leaves x as it is. Raises ValueError unless 0 <= p < 1. Source: Srivastava et al. 2014 (there, scaled at test time).
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p must be in [0, 1), the share that is dropped, not {p}")
    return multiply(x, rng.bernoulli(1 - p, x.shape, x.dtype) * (1 / (1 - p)))
