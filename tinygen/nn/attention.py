"""Multi-head attention (Vaswani et al. 2017, section 3.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import RNG
from . import init
from .layers import Linear, _check_sizes
from .module import Module, parameter

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Module):
    """Attention in `num_heads` subspaces of D = embed_dim / num_heads dimensions at once:

        head_h = softmax(q_h k_h^T / sqrt(D)) v_h,   q_h = W^q_h query, k_h = W^k_h key, v_h = W^v_h value,   y = W^o concatenate(heads).

    query (N, L, embed_dim), key and value (N, S, embed_dim) to (N, L, embed_dim); without key and value, self-attention. `mask`, which broadcasts to
    (N, num_heads, L, S), is boolean, True where a query may look, or floating point, added to the scores.

    Parameters, by PyTorch's names: in_proj_weight (3 embed_dim, embed_dim), the projections of query, key and value one above the other, from
    xavier_uniform; in_proj_bias, zeros; out_proj, a Linear whose bias begins at zero. Unlike PyTorch's default the batch comes first, only y is
    returned, and True in a mask means "may look", as in PyTorch's own scaled_dot_product_attention.
    """

    def __init__(self, embed_dim: int, num_heads: int, bias: bool = True, *, rng: RNG, dtype: Any = np.float32):
        _check_sizes("MultiHeadAttention", embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ValueError(f"MultiHeadAttention: num_heads={num_heads} must divide embed_dim={embed_dim}")
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.in_proj_weight = parameter(init.xavier_uniform((3 * embed_dim, embed_dim), rng, dtype=dtype))
        self.in_proj_bias = parameter(init.zeros((3 * embed_dim,), rng.device, dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng, dtype=dtype)
        if bias:
            self.out_proj.bias.data[...] = 0

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.ndim != 3 or x.shape[2] != self.embed_dim:
                raise ValueError(f"MultiHeadAttention: {name} must be (N, length, {self.embed_dim}), not {x.shape}")
        q, k, v = map(self._heads, self._project(query, key, value))
        y = ops.scaled_dot_product_attention(q, k, v, mask)  # (N, heads, L, D)
        return self.out_proj(y.transpose(0, 2, 1, 3).reshape(query.shape))

    def _project(self, query, key, value):
        w, b = self.in_proj_weight, self.in_proj_bias
        if query is key is value:  # one product instead of three
            return ops.split(ops.linear(query, w, b), 3, axis=2)
        ws, bs = ops.split(w, 3), (None, None, None) if b is None else ops.split(b, 3)
        return (ops.linear(x, w, b) for x, w, b in zip((query, key, value), ws, bs))

    def _heads(self, x):
        """(N, L, E) to (N, heads, L, D)."""
        return x.reshape(*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads).transpose(0, 2, 1, 3)

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}" + ("" if self.in_proj_bias is not None else ", bias=False")
