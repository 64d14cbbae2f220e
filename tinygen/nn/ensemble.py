"""An ensemble of small networks: one linear layer of each, computed as one batched product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..backend import RNG
from . import init
from .checks import check_sizes
from .module import Module, parameter
from .power_iteration import power_iteration

__all__ = ["EnsembleLinear"]


class EnsembleLinear(Module):
    """M independent linear layers, computed together.

    **Why.** With 64 units and a batch of 100, a training step spends nearly all its time in
    Python's overhead, not in arithmetic. A step of an ensemble of ten networks therefore takes
    little more time than a step of one.

    **The networks share no parameters.** The gradient of the sum of their losses contains the
    gradient of each loss with respect to its own network.

    **Shapes** x (M, N, in_features), or (N, in_features) for all networks, to
    (M, N, out_features). Weight (M, out_features, in_features) and bias (M, out_features).

    **Initial values** of each network are drawn as `Linear` draws them, from its own RNG. RNGs of
    the same seed draw the *same* values. Then a difference between the trained networks is due to
    something else that differs between them.

    Parameters
    ----------
    in_features, out_features : sizes of the last axis of x and y.
    spectral_norm : divide each weight by its largest singular value, as `SpectralNorm` does. The
        buffers u (M, out_features) and v (M, in_features) hold the singular vectors.
    rngs : sources of the initial values, one for each network.
    dtype : of the parameters.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        spectral_norm: bool = False,
        rngs: Sequence[RNG],
        dtype: Any = np.float32,
    ):
        if isinstance(rngs, RNG):
            raise TypeError("EnsembleLinear: give the rngs as a list, one for each network")
        check_sizes(
            "EnsembleLinear",
            num_networks=len(rngs),
            in_features=in_features,
            out_features=out_features,
        )
        bound = 1 / math.sqrt(in_features)
        weights, biases = [], []
        for rng in rngs:
            shape = (out_features, in_features)
            weights.append(init.kaiming_uniform(shape, rng, a=math.sqrt(5), dtype=dtype))
            biases.append(init.uniform((out_features,), rng, -bound, bound, dtype))
        self.weight, self.bias = (
            parameter(np.stack(weights)),
            parameter(np.stack(biases)),
        )
        self.spectral_norm = spectral_norm
        if spectral_norm:
            u = np.stack([rng.normal((out_features,), dtype) for rng in rngs])
            u, v = power_iteration(self.weight.data, u, num_steps=15)
            self.register_buffer("u", u)
            self.register_buffer("v", v)

    def forward(self, x):
        """Compute x W^T + b for each network."""
        num_networks, out_features, in_features = self.weight.shape
        has_batch = x.ndim >= 2 and x.shape[-1] == in_features
        if not has_batch or x.shape[:-2] not in ((), (num_networks,)):
            raise ValueError(
                f"EnsembleLinear: x is (N, {in_features}) for all networks or "
                f"({num_networks}, N, {in_features}), one for each; got {x.shape}"
            )
        w = self._normalized_weight() if self.spectral_norm else self.weight
        bias = self.bias.reshape((num_networks, 1, out_features))
        return ops.matmul(x, ops.swapaxes(w, 1, 2)) + bias  # (M, N, out_features)

    def _normalized_weight(self):
        """Return the weight divided by sigma = u^T W v, in which u and v count as constants."""
        u, v = (
            self.u.data.copy(),
            self.v.data.copy(),
        )  # graphs of earlier calls keep their arrays
        if self.training:
            u, v = power_iteration(self.weight.data, u)
            self.u[...], self.v[...] = u, v
        sigma = ops.matmul(ops.matmul(u[:, None], self.weight), v[..., None])  # (M, 1, 1)
        return self.weight / sigma

    def extra_repr(self) -> str:
        """Return the number of networks, the sizes and whether the weights are normalized."""
        num_networks, out_features, in_features = self.weight.shape
        spectral_norm = ", spectral_norm=True" if self.spectral_norm else ""
        return f"{num_networks}, {in_features}, {out_features}{spectral_norm}"
