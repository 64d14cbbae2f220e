"""Multi-head attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import RNG
from . import init
from .checks import check_sizes
from .linear import Linear
from .module import Module, parameter

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Module):
    """Attention in `num_heads` subspaces at once.

    **Math** with D = embed_dim / num_heads dimensions in each head h,

        q_h = W^q_h query,    k_h = W^k_h key,    v_h = W^v_h value,
        head_h = softmax(q_h k_h^T / sqrt(D)) v_h,
        y = W^o concatenate(head_1, ..., head_num_heads).

    **Shapes** query (N, L, embed_dim), key and value (N, S, embed_dim) to y (N, L, embed_dim).
    `mask` broadcasts to (N, num_heads, L, S).

    **Parameters' names** are PyTorch's: in_proj_weight (3 embed_dim, embed_dim) has the projections
    of query, key and value one above the other, initialized by xavier_uniform; in_proj_bias is
    zero; out_proj is a Linear with a bias of zero.

    **Differences to PyTorch's default**: the batch comes first; only y is returned; True in a mask
    means that the query attends to the key, as in PyTorch's own scaled_dot_product_attention.

    **Source** Vaswani et al., Attention Is All You Need, 2017, section 3.2.

    Parameters
    ----------
    embed_dim : size of the vectors. `num_heads` divides it.
    num_heads : number of heads.
    bias : False leaves out the biases of all projections.
    rng : source of the initial values.
    dtype : of the parameters.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        bias: bool = True,
        *,
        rng: RNG,
        dtype: Any = np.float32,
    ):
        check_sizes("MultiHeadAttention", embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiHeadAttention: num_heads={num_heads} must divide embed_dim={embed_dim}"
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.in_proj_weight = parameter(
            init.xavier_uniform((3 * embed_dim, embed_dim), rng, dtype=dtype)
        )
        self.in_proj_bias = None
        if bias:
            self.in_proj_bias = parameter(init.zeros((3 * embed_dim,), rng.device, dtype))
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng, dtype=dtype)
        if bias:
            self.out_proj.bias.data[...] = 0

    def forward(self, query, key=None, value=None, mask=None):
        """Attend from each query to all keys.

        Parameters
        ----------
        query : (N, L, embed_dim).
        key, value : (N, S, embed_dim). By default the key is the query (self-attention), and the
            value is the key.
        mask : boolean, True where the query attends to the key; or floating point, added to the
            scores q k^T / sqrt(D).

        Returns
        -------
        y : (N, L, embed_dim).
        """
        key = query if key is None else key
        value = key if value is None else value
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.ndim != 3 or x.shape[2] != self.embed_dim:
                raise ValueError(
                    f"MultiHeadAttention: {name} must be (N, length, {self.embed_dim}), "
                    f"not {x.shape}"
                )
        projections = self._project(query, key, value)
        q, k, v = (self._split_heads(x) for x in projections)  # (N, heads, L or S, D)
        y = ops.scaled_dot_product_attention(q, k, v, mask)  # (N, heads, L, D)
        y = y.transpose(0, 2, 1, 3).reshape(query.shape)  # (N, L, embed_dim)
        return self.out_proj(y)

    def _project(self, query, key, value):
        """Return the projections of query, key and value, each of all heads: (N, length, E)."""
        w, b = self.in_proj_weight, self.in_proj_bias
        if query is key is value:  # one product instead of three
            return ops.split(ops.linear(query, w, b), 3, axis=2)
        weights = ops.split(w, 3)
        biases = (None, None, None) if b is None else ops.split(b, 3)
        inputs = (query, key, value)
        return [ops.linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def _split_heads(self, x):
        """(N, L, embed_dim) to (N, num_heads, L, D)."""
        n, length, _ = x.shape
        x = x.reshape(n, length, self.num_heads, self.embed_dim // self.num_heads)
        return x.transpose(0, 2, 1, 3)

    def extra_repr(self) -> str:
        """Return the sizes."""
        no_bias = "" if self.in_proj_bias is not None else ", bias=False"
        return f"{self.embed_dim}, {self.num_heads}{no_bias}"
