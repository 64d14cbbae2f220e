"""Cases of attention and dropout."""

import numpy as np

from tests.cases import case
from tinygen import ops


@case("scaled_dot_product_attention")
def draw_scaled_dot_product_attention(draw):
    leading = draw.shape(max_dims=2, max_side=2)
    num_queries, num_keys = draw.integer(0, 3), draw.integer(1, 3)
    key_dim, value_dim = draw.integer(1, 3), draw.integer(1, 2)
    q = draw.array((*leading, num_queries, key_dim))
    k = draw.array((*leading, num_keys, key_dim))
    v = draw.array((*leading, num_keys, value_dim))
    mask = draw.choice(None, "boolean", "additive")
    if mask == "boolean":
        mask = draw.rng.uniform(size=(num_queries, num_keys)) < 0.6
        mask[:, :1] = True  # no query without a key
    elif mask == "additive":
        mask = draw.rng.normal(size=(num_queries, num_keys))

    def naive(q, k, v):
        scores = np.einsum("...ld,...sd->...ls", q, k) / key_dim**0.5
        if mask is not None:
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        p = np.exp(scores)
        return np.einsum("...ls,...se->...le", p / p.sum(-1, keepdims=True), v)

    def f(q, k, v):
        on_device = None if mask is None else draw.constant(mask)
        return ops.scaled_dot_product_attention(q, k, v, on_device)

    return f, [q, k, v], naive


class FixedMask:
    """A source of random numbers that draws the same mask at every call.

    So dropout is a function, which finite differences can differentiate.
    """

    def __init__(self, uniform, constant):
        self.uniform, self.constant = uniform, constant

    def bernoulli(self, p, shape, dtype):
        """Return 1 with probability p, else 0."""
        return self.constant((self.uniform < p).astype(dtype))


@case("dropout")
def draw_dropout(draw):
    x, p = draw.array(draw.shape()), draw.choice(0.0, 0.3, 0.5)
    uniform = draw.rng.uniform(size=x.shape)
    return (
        lambda x: ops.dropout(x, p, rng=FixedMask(uniform, draw.constant)),
        [x],
        lambda x: np.where(uniform < 1 - p, x, 0) / (1 - p),
    )
