"""Cases of attention and dropout."""

import functools

import numpy as np

from tests.cases import case
from tinygen import ops


class FixedMask:
    """A source of random numbers that draws the same mask at every call.

    So dropout is a function, which finite differences can differentiate.
    """

    def __init__(self, uniform, constant):
        self.uniform, self.constant = uniform, constant

    def bernoulli(self, p, shape, dtype):
        """Return 1 with probability p, else 0."""
        return self.constant((self.uniform < p).astype(dtype))


def naive_attention(q, k, v, scale, added):
    """Weigh the values by the softmax of the scaled products plus `added`."""
    p = np.exp(np.einsum("...ld,...sd->...ls", q, k) * scale + added)
    return np.einsum("...ls,...se->...le", p / p.sum(-1, keepdims=True), v)


def draw_queries_keys_values(draw, leading):
    """Draw arrays whose leading axes broadcast to `leading`."""
    num_queries, num_keys = draw.integer(0, 3), draw.integer(1, 3)
    key_dim, value_dim = draw.integer(1, 3), draw.integer(1, 2)
    shapes = (num_queries, key_dim), (num_keys, key_dim), (num_keys, value_dim)
    return [draw.array((*draw.broadcastable_shape(leading), *shape)) for shape in shapes]


@case("scaled_dot_product_attention")
def draw_scaled_dot_product_attention(draw):
    leading = draw.shape(max_dims=2, max_side=2)
    q, k, v = draw_queries_keys_values(draw, leading)
    mask = np.ones((q.shape[-2], k.shape[-2]), bool)
    kind = draw.choice("none", "boolean", "causal")
    if kind == "boolean":
        mask = draw.rng.uniform(size=mask.shape) < 0.6
        mask[:, :1] = True  # no query without a key
    elif kind == "causal":
        mask = np.tril(mask)
    attn_mask = draw.constant(mask) if kind == "boolean" else None
    scale = draw.choice(None, 0.3)
    factor = q.shape[-1] ** -0.5 if scale is None else scale

    def f(q, k, v):
        is_causal = kind == "causal"
        return ops.scaled_dot_product_attention(q, k, v, attn_mask, 0.0, is_causal, scale)

    added = np.where(mask, 0, -np.inf)
    return f, [q, k, v], lambda q, k, v: naive_attention(q, k, v, factor, added)


@case("scaled_dot_product_attention")
def draw_attention_with_an_additive_mask(draw):
    leading = draw.shape(max_dims=2, max_side=2)
    q, k, v = draw_queries_keys_values(draw, leading)
    mask = draw.array(draw.broadcastable_shape((*leading, q.shape[-2], k.shape[-2])))
    return (
        ops.scaled_dot_product_attention,
        [q, k, v, mask],
        lambda q, k, v, mask: naive_attention(q, k, v, q.shape[-1] ** -0.5, mask),
    )


@case("scaled_dot_product_attention")
def draw_grouped_query_attention(draw):
    n, num_heads, num_repeats = draw.integer(0, 2), draw.integer(1, 2), draw.integer(1, 2)
    q = draw.array((n, num_heads * num_repeats, 2, 3))
    k, v = draw.array((n, num_heads, 3, 3)), draw.array((n, num_heads, 3, 2))

    def naive(q, k, v):
        heads = [h // num_repeats for h in range(num_heads * num_repeats)]
        return naive_attention(q, k[:, heads], v[:, heads], 3**-0.5, 0)

    f = functools.partial(ops.scaled_dot_product_attention, enable_gqa=True)
    return f, [q, k, v], naive


@case("scaled_dot_product_attention")
def draw_attention_with_dropout(draw):
    q, k, v = (draw.array(shape) for shape in ((2, 3), (4, 3), (4, 2)))
    uniform = draw.rng.uniform(size=(2, 4))

    def naive(q, k, v):
        p = np.exp(q @ k.T * 3**-0.5)
        p /= p.sum(-1, keepdims=True)
        return np.where(uniform < 0.7, p, 0) / 0.7 @ v

    def f(q, k, v):
        rng = FixedMask(uniform, draw.constant)
        return ops.scaled_dot_product_attention(q, k, v, dropout_p=0.3, rng=rng)

    return f, [q, k, v], naive


@case("dropout")
def draw_dropout(draw):
    x, p = draw.array(draw.shape()), draw.choice(0.0, 0.3, 0.5)
    uniform = draw.rng.uniform(size=x.shape)
    return (
        lambda x: ops.dropout(x, p, rng=FixedMask(uniform, draw.constant)),
        [x],
        lambda x: np.where(uniform < 1 - p, x, 0) / (1 - p),
    )
