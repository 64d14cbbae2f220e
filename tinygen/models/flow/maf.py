"""Masked autoregressive flow: Papamakarios, Pavlakou and Murray, Masked Autoregressive Flow for Density Estimation, 2017 (equations are that paper's).

**Autoregression.** Every density is a product of conditionals, p(x) = prod_i p(x_i | x_1 ... x_{i-1}), in whatever order the numbers come. Let each be a
Gaussian whose mean and width are computed from those before (eq. 3):

    p(x_i | x_<i) = N(x_i; mu_i, e^(2 a_i)),        mu_i = mu_i(x_<i),    a_i = a_i(x_<i).

A draw is x_i = z_i e^(a_i) + mu_i with z_i ~ N(0, 1): a function of noise. Read backwards it is a layer of a flow (eq. 5),

    z_i = (x_i - mu_i) e^(-a_i),        dz_i/dx_j = 0 for j > i,        log |det dz/dx| = -sum_i a_i,

for its Jacobian is triangular, with e^(-a_i) on the diagonal. So one such model can be stacked on another: where its z are not quite N(0, I), the next
models *them*, and as the order is reversed between, each form of dependence finds a layer that has it the easy way round.

**Two speeds.** z from x takes one pass of the network, all x_i being known. x from z takes D: x_1 must be there before mu_2 can be computed. A coupling
layer is the special case in which the first half depends on nothing and the second on the first half alone: it is as quick both ways, and says less. (The
inverse autoregressive flow of Kingma et al., 2016, lets mu_i read z_<i: quick to sample, slow to judge.)

**One network for all i**: MADE (Germain, Gregor, Murray and Larochelle, Masked Autoencoder for Distribution Estimation, 2015). Input i gets the degree
i, each hidden unit one from 1 to D - 1: "I have seen x_1 ... x_m at most". A unit of degree m may read one of degree at most m, and output i, whose degree is
i, hidden units of degree *less* than i. All other weights are multiplied by 0. Along every path degrees do not fall, and at the end they rise: output i
depends on x_<i alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...backend import RNG, to_device
from ...nn import Linear, Module, Sequential, Tanh, init
from ...ops import exp, linear, split
from .base import ActNorm, Flow, Permutation
from .realnvp import bounded, permuted, zeroed

__all__ = ["MAF", "Autoregressive", "MaskedLinear", "made"]


class MaskedLinear(Linear):
    """A linear layer whose unit k reads only the inputs i with reads[k, i]: y = x (mask W)^T + b.

    reads : booleans (out_features, in_features); the buffer `mask`.
    """

    def __init__(self, reads: np.ndarray, *, rng: RNG):
        super().__init__(reads.shape[1], reads.shape[0], rng=rng)
        self.register_buffer("mask", to_device(reads.astype(np.float32), rng.device))

    @property
    def fan_in(self) -> float:
        return float(self.mask.data.sum()) / self.out_features

    def forward_with(self, weight, x):
        return linear(x, weight * self.mask, self.bias)


def made(features: int, hidden: Sequence[int], *, rng: RNG) -> Sequential:
    """The network of `Autoregressive`, x (N, D) to mu and a side by side (N, 2 D), number i of each a function of x_<i. It begins as mu = a = 0."""
    degrees, parts = np.arange(1, features + 1), []
    for units in hidden:
        # all degrees, equally often, in the order of the inputs: with fewer units than inputs every so many
        of_units = 1 + np.arange(units) * max(features - 1, 1) // units
        parts += [MaskedLinear(of_units[:, None] >= degrees, rng=rng), Tanh()]
        degrees = of_units
    net = Sequential(*parts)
    init.kaiming_normal_(net, rng)
    outputs = np.tile(np.arange(1, features + 1), 2)
    return Sequential(*net, zeroed(MaskedLinear(outputs[:, None] > degrees, rng=rng)))


class Autoregressive(Module):
    """z_i = (x_i - mu_i(x_<i)) e^(-a_i(x_<i)): x (N, D) to z (N, D) in one pass, and back in D.

    net : x to mu and a side by side, (N, 2 D), as `made` makes it.
    """

    def __init__(self, net: Module):
        self.net = net

    def forward(self, x):
        mu, a = self._mean_and_width(x)
        return (x - mu) * exp(-a), -a.sum(axis=1)

    def inverse(self, z):
        """After pass i the first i numbers are right, and stay so: what they are computed from is right."""
        x = z * 0
        for _ in range(z.shape[1]):
            mu, a = self._mean_and_width(x)
            x = z * exp(a) + mu
        return x

    def _mean_and_width(self, x):
        mu, a = split(self.net(x), 2, axis=1)
        return mu, bounded(a)


class MAF(Flow):
    """Vectors (N, features) through `layers` autoregressive layers, an ActNorm before each, the order of the features reversed between.

    hidden : units. order : of the features in the first layer, as they are if None. Of pictures `checkerboard(28, 28)`: read row by row, number i needs its left
    neighbour most, and only hidden units of degree i - 1 may tell it of that, one or none; in this order half of the pixels come after all their neighbours.
    """

    def __init__(self, features: int, layers: int = 5, hidden: Sequence[int] = (64, 64), order: Sequence[int] | None = None, *, rng: RNG):
        parts: list[Module] = [] if order is None else [permuted("MAF", order, features)]
        for i in range(layers):
            parts += [Permutation(np.arange(features)[::-1])] * (i > 0)
            parts += [ActNorm(features, device=rng.device), Autoregressive(made(features, hidden, rng=rng))]
        super().__init__(parts, (features,))
