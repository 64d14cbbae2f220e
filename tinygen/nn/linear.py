"""Linear layer and embedding.

Names, argument order, defaults, shapes of parameters and initial distributions are PyTorch's. A
layer whose initial values are random takes an `rng`, and lies on its device.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import RNG
from . import init
from .checks import check_sizes
from .module import Module, parameter
from .weighted import WeightedLayer

__all__ = ["Embedding", "Linear"]


class Linear(WeightedLayer):
    """Linear layer y = x W^T + b along the last axis.

    **Shapes** x (..., in_features) to y (..., out_features). Weight (out_features, in_features)
    and bias (out_features,), both initialized from U(-b, b) with b = 1 / sqrt(in_features).

    Parameters
    ----------
    in_features, out_features : sizes of the last axis of x and y.
    bias : False leaves b out.
    rng : source of the initial values.
    dtype : of the parameters.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: RNG,
        dtype: Any = np.float32,
    ):
        check_sizes("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        shape = (out_features, in_features)
        self.weight, self.bias = init.default_parameters(shape, out_features, bias, rng, dtype)

    def forward_with(self, weight, x):
        """Compute x W^T + b with `weight` for W."""
        return ops.linear(x, weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        no_bias = "" if self.bias is not None else ", bias=False"
        return f"{self.in_features}, {self.out_features}{no_bias}"


class Embedding(Module):
    """A table of vectors, one for each index.

    **Shapes** indices (any shape, integers from 0 to num_embeddings - 1) to
    (*shape, embedding_dim). Weight (num_embeddings, embedding_dim), initialized from N(0, 1).

    On a GPU, indices that lie there are checked, which waits for it once; see `ops.embedding`.

    Parameters
    ----------
    num_embeddings : number of vectors.
    embedding_dim : size of each vector.
    padding_idx : index of a vector that is 0 at first and has no gradient, for padding.
    rng : source of the initial values.
    dtype : of the weight.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rng: RNG,
        dtype: Any = np.float32,
    ):
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx
        weight = init.normal((num_embeddings, embedding_dim), rng, dtype=dtype)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx={padding_idx} is none of the {num_embeddings} vectors"
                )
            weight[padding_idx] = 0
        self.weight = parameter(weight)

    def forward(self, indices):
        """Look up the vectors of the indices."""
        return ops.embedding(indices, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Return the sizes, and the index of the padding."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
