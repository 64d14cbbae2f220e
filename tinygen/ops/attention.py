"""Scaled dot-product attention, and dropout."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module, softmax_gpu
from ..backend.kernels import on_gpu
from ..backend.reductions import axis_sum, can_exponentiate
from .arguments import as_flag, as_number, check_arrays, check_dtypes, raw
from .elementwise import multiply
from .linalg import matmul, transposed
from .reduce import softmax_gradient
from .shape import broadcast_to, expand_dims, reshape, sum_to

__all__ = ["dropout", "scaled_dot_product_attention"]


@primitive(outputs=("y", "p"))
def attention(query, key, value, mask=None, *, scale):
    """The values v weighted by p = softmax(c q k^T + mask) with a scale c, and p.

    **Math** Let g be the cotangent of y and h that of p. From the output backwards:

        dv = p^T g                  y = p v
        dp = g v^T + h              y = p v, and p is an output itself; summed to the shape of p
        ds = p (dp - sum(dp p))     p is the softmax of the scores s, row by row (see below)
        dmask = ds                  s = c q k^T + mask
        dq = c ds k                 s = c q k^T + mask
        dk = c ds^T q               s = c q k^T + mask

    For one row, the Jacobian of the softmax is dp/ds = diag(p) - p p^T, which is symmetric. Applied
    to dp, it gives p dp - p sum(p dp).
    **Shapes** of `scaled_dot_product_attention`. A boolean mask is a constant: scores where it is
    False become -inf.
    **Saved** q, k, v and p.
    **Numerics** The maximum of each row of the scores is subtracted first, if any score is large.
    """
    scores = matmul(query * scale, transposed(key))  # (..., L, S)
    if mask is not None:
        is_boolean = mask.dtype.kind == "b"
        scores = np.where(mask, scores, -math.inf) if is_boolean else scores + mask
    p = _softmax_in_place(scores, -1)
    return matmul(p, value), p


@on_gpu(softmax_gpu.softmax)
def _softmax_in_place(scores, axis):
    """Return the softmax along the axis, in the memory of the scores."""
    if not can_exponentiate(scores):
        scores -= scores.max(axis=axis, keepdims=True)
    p = np.exp(scores, out=scores)
    p /= axis_sum(p, axis, True)
    return p


@attention.vjp_joint("query", "key", "value", "mask")
def _attention_rule(g, needs, query, key, value, p, scale):
    g_y, g_p = g
    dp = sum_to(matmul(g_y, transposed(value)), shape=p.shape) + g_p
    ds = softmax_gradient(dp, p, -1)
    dz = ds * scale
    return matmul(dz, key), matmul(transposed(dz), query), matmul(transposed(p), g_y), ds


def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    rng=None,
):
    """Compute softmax(scale query key^T) value: each query's weighted mean of the values.

    A value weighs more the better its key matches the query.

    **Source** Vaswani et al. 2017, equation 1.

    Parameters
    ----------
    query : (..., L, D)
    key : (..., S, D)
    value : (..., S, E)
        The leading axes of the three broadcast.
    attn_mask : None, or an array that broadcasts to (..., L, S)
        Booleans say where a query may attend; floating-point numbers are added to the scores, and
        are differentiable. On a GPU, the check that each query has a key waits for it once.
    dropout_p : float
        The probability that a weight is set to 0, see `dropout`. It is for training only.
    is_causal : bool
        Query i attends to the keys 0 to i. It takes the place of a mask.
    scale : float, optional
        1 / sqrt(D) by default: then scores of independent q and k of variance 1 have variance 1.
    enable_gqa : bool
        Grouped-query attention: the heads, axis -3, of key and value are fewer than those of the
        query, and each serves the same number of neighbouring heads of the query.
    rng : RNG
        The source of random numbers for dropout.

    Returns
    -------
    (..., L, E)

    Raises
    ------
    ValueError
        For shapes that do not match, and a mask that leaves some query no key.
    TypeError
        For a mask that is neither boolean nor floating-point, and for mixed dtypes.
    """
    name = "scaled_dot_product_attention"
    check_arrays(name, query=query, key=key, value=value, attn_mask=attn_mask)
    if as_flag(name, "enable_gqa", enable_gqa):
        key, value = _repeat_heads(key, query), _repeat_heads(value, query)
    _check_attention_shapes(query, key, value)
    is_boolean = attn_mask is not None and attn_mask.dtype.kind == "b"
    added = {} if attn_mask is None or is_boolean else {"attn_mask": attn_mask}
    check_dtypes(name, query=query, key=key, value=value, **added)
    if attn_mask is not None:
        check_mask(name, raw(attn_mask))
    if as_flag(name, "is_causal", is_causal):
        if attn_mask is not None:
            raise ValueError(
                "scaled_dot_product_attention: is_causal is a mask of its own; give either it or "
                "attn_mask"
            )
        attn_mask = array_module(raw(query)).tri(query.shape[-2], key.shape[-2], dtype=bool)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    y, p = attention(query, key, value, attn_mask, scale=scale)
    return matmul(dropout(p, dropout_p, rng=rng), value) if dropout_p else y


def check_mask(function: str, mask) -> None:
    """Raise ValueError if a mask, False or -inf for what is excluded, leaves some query no key."""
    is_allowed = mask if mask.dtype.kind == "b" else mask != -math.inf
    if not np.atleast_1d(is_allowed).any(axis=-1).all():  # CuPy has no axis -1 of no axes
        raise ValueError(
            f"{function}: the mask leaves some query no key to attend to; its weights would be 0/0"
        )


def _repeat_heads(x, query):
    """Repeat each head of x (..., H, S, D), so that there are as many as of the query."""
    num_heads = x.shape[-3] if x.ndim >= 3 else 0
    if not num_heads or query.ndim < 3 or query.shape[-3] % num_heads:
        raise ValueError(
            f"scaled_dot_product_attention: with enable_gqa the heads (axis -3) of key and value, "
            f"here {x.shape}, divide those of the query {query.shape}"
        )
    *leading, _, length, size = x.shape
    num_repeats = query.shape[-3] // num_heads
    x = broadcast_to(expand_dims(x, -3), shape=(*leading, num_heads, num_repeats, length, size))
    return reshape(x, shape=(*leading, query.shape[-3], length, size))


def _check_attention_shapes(query, key, value) -> None:
    shapes = [query.shape, key.shape, value.shape]
    are_matrices = all(len(s) >= 2 for s in shapes)
    if (
        not are_matrices
        or key.shape[-2] != value.shape[-2]
        or query.shape[-1] != key.shape[-1]
        or not _can_broadcast(*[s[:-2] for s in shapes])
    ):
        raise ValueError(
            f"scaled_dot_product_attention: query {query.shape}, key {key.shape}, value "
            f"{value.shape} must be (..., L, D), (..., S, D), (..., S, E), with leading axes that "
            "broadcast"
        )
    if key.shape[-2] == 0:
        raise ValueError("scaled_dot_product_attention: there are no keys to attend to (S = 0)")


def _can_broadcast(*shapes) -> bool:
    """Return whether arrays of these shapes broadcast."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def dropout(x, p: float = 0.5, training: bool = True, *, rng=None):
    """Set each element to 0 with probability p, and divide the others by 1 - p: the mean stays.

    It is for training only: with training=False the result is x.

    **Math** y = x m / (1 - p) with m drawn from Bernoulli(1 - p); dx = g m / (1 - p).
    **Source** Srivastava et al. 2014 (there, the scaling is done at test time).

    Parameters
    ----------
    p : float
        The probability of an element to be set to 0, in [0, 1].
    training : bool
        False returns x itself.
    rng : RNG
        The source of the mask, `tinygen.default_rng(seed)`: there is no hidden global one.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be in [0, 1], the probability to be dropped, not {p}")
    if not as_flag("dropout", "training", training):
        return x
    if rng is None:
        raise TypeError(
            "dropout: give the source of the random mask by name, "
            "rng=tinygen.default_rng(seed), or training=False"
        )
    p = as_number(p)
    scale = 1 / (1 - p) if p < 1 else 0.0
    return multiply(x, rng.bernoulli(1 - p, x.shape, x.dtype) * scale)
