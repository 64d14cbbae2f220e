"""Cases of attention and dropout."""

import numpy as np

from tests.cases import case
from tinygen import ops


@case("scaled_dot_product_attention")
def _(d):
    lead = d.shape(max_dims=2, max_side=2)
    length, source, dim, out = d.integers(0, 3), d.integers(1, 3), d.integers(1, 3), d.integers(1, 2)
    q, k, v = d.array((*lead, length, dim)), d.array((*lead, source, dim)), d.array((*lead, source, out))
    mask = d.sampled(None, "boolean", "additive")
    if mask == "boolean":
        mask = d.rng.uniform(size=(length, source)) < 0.6
        mask[:, :1] = True
    elif mask == "additive":
        mask = d.rng.normal(size=(length, source))

    def naive(q, k, v):
        scores = np.einsum("...ld,...sd->...ls", q, k) / dim**0.5
        if mask is not None:
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        p = np.exp(scores)
        return np.einsum("...ls,...se->...le", p / p.sum(-1, keepdims=True), v)

    return lambda *a: ops.scaled_dot_product_attention(*a, None if mask is None else d.constant(mask)), [q, k, v], naive


class _FixedNoise:
    """A generator that draws the same mask at every call, so that dropout is a function."""

    def __init__(self, uniform, constant):
        self.uniform, self.constant = uniform, constant

    def bernoulli(self, p, shape, dtype):
        return self.constant((self.uniform < p).astype(dtype))


@case("dropout")
def _(d):
    x, p = d.array(d.shape()), d.sampled(0.0, 0.3, 0.5)
    uniform = d.rng.uniform(size=x.shape)
    return lambda x: ops.dropout(x, p, rng=_FixedNoise(uniform, d.constant)), [x], lambda x: np.where(uniform < 1 - p, x, 0) / (1 - p)
