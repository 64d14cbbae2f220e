"""Many small networks at once: linear layers side by side, whose products are one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..backend import RNG
from . import init
from .layers import _check_sizes
from .module import Module, parameter

__all__ = ["EnsembleLinear"]


class EnsembleLinear(Module):
    """Linear layers side by side, one for each of `count` generators: x (count, N, in_features), or (N, in_features) for all, to (count, N, out_features).

    With 64 units and a hundred examples nearly all of a step's time goes into finding out what to do. Layers that do the same to different numbers may share
    that: a step of ten networks then takes little more than one of one. They stay strangers: a sum of their losses has for each its own gradient.

    Parameters: weight (count, out_features, in_features) and bias (count, out_features), drawn as `Linear` draws them, each by its own generator. Generators of
    the same seed draw the *same* values: what differs in the end is then due to what else differs between the networks.
    `spectral_norm` divides each weight by its own largest singular value, as `SpectralNorm` does one layer's. Buffers: u and v, a row for each.
    """

    def __init__(self, in_features: int, out_features: int, *, spectral_norm: bool = False, rngs: Sequence[RNG], dtype: Any = np.float32):
        if isinstance(rngs, RNG):
            raise TypeError("EnsembleLinear: give the generators as a list, one for each network")
        _check_sizes("EnsembleLinear", count=len(rngs), in_features=in_features, out_features=out_features)
        bound = 1 / math.sqrt(in_features)
        drawn = [
            (init.kaiming_uniform((out_features, in_features), g, a=math.sqrt(5), dtype=dtype), init.uniform((out_features,), g, -bound, bound, dtype))
            for g in rngs
        ]
        self.weight, self.bias = (parameter(np.stack(arrays)) for arrays in zip(*drawn, strict=True))
        self.spectral_norm = spectral_norm
        if spectral_norm:
            u = np.stack([g.normal((out_features,), dtype) for g in rngs])
            for _ in range(15):  # so that the first sigma is right to a few per cent
                u, v = self._iterate(u)
            self.register_buffer("u", u)
            self.register_buffer("v", v)

    def _iterate(self, u):
        """v <- W^T u / |W^T u|, u <- W v / |W v|, for each network."""
        w = self.weight.data
        v = _units((w.swapaxes(1, 2) @ u[..., None])[..., 0])
        return _units((w @ v[..., None])[..., 0]), v

    def forward(self, x):
        w = self.weight
        count, _, in_features = w.shape
        if x.ndim < 2 or x.shape[-1] != in_features or x.shape[:-2] not in ((), (count,)):
            raise ValueError(f"EnsembleLinear: x is (N, {in_features}) for all networks or ({count}, N, {in_features}), one for each; got {x.shape}")
        if self.spectral_norm:
            u, v = self.u.data.copy(), self.v.data.copy()
            if self.training:
                u, v = self._iterate(u)
                self.u[...], self.v[...] = u, v
            w = w / ops.matmul(ops.matmul(u[:, None], w), v[..., None])  # sigma = u^T W v, u and v constants
        return ops.matmul(x, ops.swapaxes(w, 1, 2)) + self.bias.reshape((len(w), 1, -1))

    def extra_repr(self) -> str:
        count, out_features, in_features = self.weight.shape
        return f"{count}, {in_features}, {out_features}" + (", spectral_norm=True" if self.spectral_norm else "")


def _units(rows):
    return rows / np.maximum(np.sqrt((rows * rows).sum(axis=1, keepdims=True)), 1e-12)
