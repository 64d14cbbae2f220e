"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..autograd.tensor import Tensor, mode
from ..backend import RNG
from ..ops.arguments import raw
from ..ops.attention import attention, check_mask
from . import init
from .checks import check_sizes
from .linear import Linear
from .module import Module, parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in `num_heads` subspaces at once.

    **Math** with D = embed_dim / num_heads dimensions in each head h,

        q_h = W^q_h query,    k_h = W^k_h key,    v_h = W^v_h value,
        p_h = softmax(q_h k_h^T / sqrt(D)),
        y = W^o concatenate(p_1 v_1, ..., p_num_heads v_num_heads).

    **Shapes** query (L, N, embed_dim), key and value (S, N, embed_dim) to y (L, N, embed_dim); or
    with `batch_first`, (N, L, embed_dim), (N, S, embed_dim) and (N, L, embed_dim). One example has
    no axis N, in the masks neither.

    **Parameters' names**: in_proj_weight (3 embed_dim, embed_dim) has the projections of query, key
    and value one above the other, initialized by xavier_uniform; in_proj_bias is zero; out_proj is
    a Linear with a bias of zero.

    **Source** Vaswani et al., Attention Is All You Need, 2017, section 3.2.

    Parameters
    ----------
    embed_dim : size of the vectors. `num_heads` divides it.
    num_heads : number of heads.
    dropout : probability that a weight p is set to 0, in training.
    bias : False leaves out the biases of all projections.
    batch_first : whether the examples are the first axis, not the second.
    rng : source of the initial values, and of dropout.
    dtype : of the parameters.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
        rng: RNG,
        dtype: Any = np.float32,
    ):
        check_sizes("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads={num_heads} must divide embed_dim={embed_dim}"
            )
        if isinstance(dropout, bool) or not 0 <= dropout < 1:
            raise ValueError(
                f"MultiheadAttention: dropout={dropout} is the probability that a weight is "
                "dropped, in [0, 1); bias comes after it"
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.dropout, self.batch_first, self.rng = dropout, batch_first, rng
        self.in_proj_weight = parameter(
            init.xavier_uniform((3 * embed_dim, embed_dim), rng, dtype=dtype)
        )
        self.in_proj_bias = None
        if bias:
            self.in_proj_bias = parameter(init.zeros((3 * embed_dim,), rng.device, dtype))
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng, dtype=dtype)
        if bias:
            self.out_proj.bias.data[...] = 0

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights: bool = True,
        attn_mask=None,
        average_attn_weights: bool = True,
    ):
        """Attend from each query to all keys.

        In both masks, **True means that the query does not attend to the key**, as in PyTorch's
        layer; in `ops.scaled_dot_product_attention` it is the other way round, there, too. Floating
        point is added to the scores q k^T / sqrt(D). On a GPU, a mask is checked with one wait.

        Parameters
        ----------
        query, key, value : as in the class. The same three times is self-attention.
        key_padding_mask : (N, S), or None.
        need_weights : False returns None for the weights.
        attn_mask : (L, S) or (N num_heads, L, S), or None.
        average_attn_weights : False returns the weights of each head.

        Returns
        -------
        y : of the shape of the query.
        weights : (N, L, S), the mean of p over the heads; or (N, num_heads, L, S); or None.
        """
        if query.ndim == key.ndim == value.ndim == 2:
            return self._forward_one(
                query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights
            )
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.ndim != 3 or x.shape[2] != self.embed_dim:
                axes = "(N, length, {})" if self.batch_first else "(length, N, {})"
                raise ValueError(
                    f"MultiheadAttention: {name} must be {axes.format(self.embed_dim)} with "
                    f"batch_first={self.batch_first}, not {x.shape}"
                )
        projections = self._project(query, key, value)
        q, k, v = (self._split_heads(x) for x in projections)  # (N, heads, L or S, D)
        mask = self._mask(key_padding_mask, attn_mask, q.shape[0])
        y, p = attention(q, k, v, mask, scale=1 / math.sqrt(q.shape[-1]))  # (N, heads, L, D)
        if self.training and self.dropout:
            p = ops.dropout(p, self.dropout, rng=self.rng)
            y = ops.matmul(p, v)
        y = y.transpose(*((0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3)))
        y = self.out_proj(y.reshape(query.shape))
        if not need_weights:
            return y, None
        return y, p.mean(axis=1) if average_attn_weights else p

    def _forward_one(self, query, key, value, key_padding_mask, need_weights, *others):
        """Attend in one example, as in a batch of one."""
        axis = 0 if self.batch_first else 1
        inputs = [ops.expand_dims(x, axis=axis) for x in (query, key, value)]
        if query is key is value:
            inputs = [inputs[0]] * 3
        mask = None if key_padding_mask is None else key_padding_mask[None]
        y, weights = self.forward(*inputs, mask, need_weights, *others)
        return ops.squeeze(y, axis=axis), weights[0] if need_weights else None

    def _project(self, query, key, value):
        """Return the projections of query, key and value, each of all heads."""
        w, b = self.in_proj_weight, self.in_proj_bias
        if query is key is value:  # one product instead of three
            return ops.split(ops.linear(query, w, b), 3, axis=2)
        weights = ops.split(w, 3)
        biases = (None, None, None) if b is None else ops.split(b, 3)
        inputs = (query, key, value)
        return [ops.linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def _split_heads(self, x):
        """Return the heads' parts of x, as (N, num_heads, length, D)."""
        x = x.reshape((*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads))
        return x.transpose(*((0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3)))

    def _mask(self, key_padding_mask, attn_mask, n: int):
        """Return both masks as one: booleans that are True where a query attends, or numbers."""
        masks = []
        if key_padding_mask is not None:
            masks.append(_constant(key_padding_mask)[:, None, None, :])  # (N, 1, 1, S)
        if attn_mask is not None:
            attn_mask = _constant(attn_mask)
            if attn_mask.ndim == 3:
                attn_mask = attn_mask.reshape((n, self.num_heads, *attn_mask.shape[1:]))
            masks.append(attn_mask)
        if not masks:
            return None
        if all(mask.dtype.kind == "b" for mask in masks):
            mask = ~(masks[0] if len(masks) == 1 else masks[0] | masks[1])
        else:
            dtype = self.in_proj_weight.dtype
            zero, minus_infinity = dtype.type(0), dtype.type(-math.inf)
            masks = [np.where(m, minus_infinity, zero) if m.dtype.kind == "b" else m for m in masks]
            mask = sum(masks[1:], masks[0])
        check_mask("MultiheadAttention", mask)
        return mask

    def extra_repr(self) -> str:
        """Return the sizes and the settings that are not the defaults."""
        settings = [f"{self.embed_dim}, {self.num_heads}"]
        settings += [f"dropout={self.dropout}"] if self.dropout else []
        settings += ["bias=False"] if self.in_proj_bias is None else []
        settings += ["batch_first=True"] if self.batch_first else []
        return ", ".join(settings)


def _constant(mask):
    """Return the array of a mask; raise an error unless it is a constant of the right kind."""
    if isinstance(mask, Tensor) and mask.requires_grad and mode.grad:
        raise ValueError(
            "MultiheadAttention: a mask is a constant, and would get no gradient; detach() it"
        )
    mask = raw(mask)
    if mask.dtype.kind not in "bf":
        raise TypeError(
            "MultiheadAttention: a mask is boolean, True where a query does not attend to a key, "
            f"or floating point, not {mask.dtype}"
        )
    return mask
