"""A multilayer perceptron that predicts what a noisy point consists of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...backend import RNG
from ...nn import LayerNorm, Linear, Module, ModuleList, init
from ...ops import concatenate, cos, silu, sin, split
from .conditioning import ConditionEmbedding, zero_parameters_

__all__ = ["MLPDenoiser"]

TIME_DIM = 32  # of the timestep embedding; the conditioning has four times as many numbers


class MLPDenoiser(Module):
    """Noisy points and their times, to a prediction of eps, x_0 or v.

        h = silu(linear(x) + shift)                           without film
        h = silu(norm(linear(x)) (1 + scale) + shift)         with film, plus x if the sizes agree

    These are the hidden layers; scale and shift are linear functions of the conditioning. With
    film both are used, and they start at 0. FiLM is feature-wise linear modulation (`ResidualBlock`
    in `unet.py`).

    **Fourier features.** The first layer also receives sin and cos of 2^k times each coordinate,
    for k = 0 to num_frequencies - 1. A small network learns functions slowly that change quickly
    with x. The best prediction does so near data that form thin curves. With 4 frequencies, half
    of the samples that were off the two moons lie on them (Tancik et al., Fourier Features Let
    Networks Learn High Frequency Functions in Low Dimensional Domains, 2020).

    **Shapes** x (N, dim) and t (N,) to (N, out_dim).

    Parameters
    ----------
    dim : int
        The dimensions of a point.
    hidden : sequence of int
        The units of each hidden layer.
    num_frequencies : int
        The number of Fourier features of each coordinate; 0 for none.
    film : bool
        Whether layers are normalized, and scaled by the conditioning.
    num_classes, label_encoder, rng
        As in `UNet`; a label_encoder returns vectors (N, 128).
    out_dim : int, optional
        By default dim.
    """

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int] = (128, 128, 128),
        *,
        num_frequencies: int = 4,
        film: bool = False,
        num_classes: int = 0,
        label_encoder: Module | None = None,
        out_dim: int | None = None,
        rng: RNG,
    ):
        self.num_frequencies = num_frequencies
        self.condition_embedding = ConditionEmbedding(TIME_DIM, num_classes, label_encoder, rng)
        self.null_label = self.condition_embedding.null_label
        sizes = [dim * (2 * num_frequencies + 1), *hidden]
        self.layers = ModuleList(Linear(a, b, rng=rng) for a, b in pairwise(sizes))
        self.condition_projs = ModuleList(
            Linear(4 * TIME_DIM, 2 * b if film else b, rng=rng) for b in hidden
        )
        self.norms = ModuleList(LayerNorm(b, device=rng.device) for b in hidden) if film else None
        self.output = Linear(hidden[-1], out_dim or dim, rng=rng)
        init.kaiming_normal_(self, rng)
        if film:
            zero_parameters_(self.condition_projs)

    def forward(self, x, t, labels=None):
        """Return the prediction (N, out_dim) for points x (N, dim), times t (N,) and labels."""
        conditioning = self.condition_embedding(t, labels)  # (N, 128)
        h = self._add_fourier_features(x)  # (N, dim (2 num_frequencies + 1))
        for i, (layer, proj) in enumerate(zip(self.layers, self.condition_projs, strict=True)):
            modulation = proj(conditioning)  # (N, hidden[i]), with film twice as many
            if self.norms is None:
                h = silu(layer(h) + modulation)  # (N, hidden[i]); it is the shift alone
                continue
            scale, shift = split(modulation, 2, axis=1)  # (N, hidden[i]) each
            new = silu(self.norms[i](layer(h)) * (1 + scale) + shift)  # (N, hidden[i])
            h = h + new if h.shape == new.shape else new
        return self.output(h)  # (N, out_dim)

    def _add_fourier_features(self, x):
        """Append sin and cos of 2^k x to x (N, dim)."""
        features = [x]
        for k in range(self.num_frequencies):
            frequency = float(2**k)
            features += [sin(frequency * x), cos(frequency * x)]
        return concatenate(features, axis=1)
