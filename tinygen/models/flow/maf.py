"""Masked autoregressive flow (MAF): Papamakarios, Pavlakou and Murray, 2017.

The equation numbers are those of "Masked Autoregressive Flow for Density Estimation".

**Autoregression.** By the product rule, every density is a product of conditional densities, in
any order of the coordinates:

    p(x) = prod_i p(x_i | x_1 ... x_{i-1}) = prod_i p(x_i | x_<i).

Let each be a Gaussian whose mean and width are computed from the coordinates before it (eq. 3):

    p(x_i | x_<i) = N(x_i; mu_i, e^(2 alpha_i)),    mu_i = mu_i(x_<i),    alpha_i = alpha_i(x_<i).

**As a layer of a flow.** A sample of this model is a function of noise (eq. 4), and the inverse of
this function is a map from data to noise (eq. 5):

    x_i = z_i e^(alpha_i) + mu_i,    z_i ~ N(0, 1)
    z_i = (x_i - mu_i) e^(-alpha_i).

z_i depends only on x_1 ... x_i, so the Jacobian is triangular. Its determinant is the product of
its diagonal:

    dz_i/dx_j = 0    for j > i
    dz_i/dx_i = e^(-alpha_i)
    log |det dz/dx| = -sum_i alpha_i.

**Stacking.** One such model can be stacked on another. Where its z are not exactly N(0, I), the
next layer models *them*. The order of the coordinates is reversed between two layers. A dependence
that is hard to express in one order can be easy in the other.

**Two speeds.** z from x takes one pass of the network, because all x_i are known. x from z takes D
passes, because x_1 has to be known before mu_2 can be computed, and so on. A coupling layer is the
special case in which the first half depends on nothing and the second half on the first half. It
is fast in both directions, but less expressive. The inverse autoregressive flow (Kingma et al.,
2016) computes mu_i from z_<i instead: sampling is fast, and evaluating the density is slow.

**One network for all i: MADE** (Germain, Gregor, Murray and Larochelle, MADE: Masked Autoencoder
for Distribution Estimation, 2015). Every unit has a degree, and weights are multiplied by a mask:

    input i          degree i
    hidden unit      a degree m from 1 to D - 1: the unit may depend on x_1 ... x_m
    output i         degree i

    a hidden unit of degree m reads inputs and hidden units of degree <= m;
    output i reads hidden units of degree < i.

Along every path from an input to an output the degrees never decrease, and they increase in the
last layer. So output i depends only on x_<i.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...backend import RNG, to_device
from ...nn import Linear, Module, Sequential, Tanh, init
from ...ops import exp, linear, split
from .base import ActNorm, Flow, Permutation
from .realnvp import initial_permutation, soft_clamp, zero_parameters

__all__ = ["MADENetwork", "MAF", "AffineAutoregressive", "MaskedLinear"]


class MaskedLinear(Linear):
    """A linear layer in which some weights are zero: y = x (mask * W)^T + b.

    Parameters
    ----------
    mask : array of bool (out_features, in_features)
        mask[k, i] says whether output k reads input i. It becomes the buffer `mask`.
    rng : RNG
        Draws the initial weights. The layer is on its device.
    """

    def __init__(self, mask: np.ndarray, *, rng: RNG):
        out_features, in_features = mask.shape
        super().__init__(in_features, out_features, rng=rng)
        self.register_buffer("mask", to_device(mask.astype(np.float32), rng.device))

    @property
    def fan_in(self) -> float:
        """The mean number of inputs that an output reads."""
        return float(self.mask.data.sum()) / self.out_features

    def forward_with(self, weight, x):
        """Apply the layer with `weight` in place of W: x (N, in_features) to (N, out_features)."""
        return linear(x, weight * self.mask, self.bias)


class MADENetwork(Sequential):
    """Map x (N, D) to mu and alpha, concatenated, (N, 2 D); mu_i and alpha_i depend on x_<i.

    The last layer is zero, so mu = alpha = 0 at the start.

    Parameters
    ----------
    features : int
        D.
    hidden : sequence of int
        Units of the hidden layers.
    rng : RNG
        Draws the initial weights. The network is on its device.
    """

    def __init__(self, features: int, hidden: Sequence[int], *, rng: RNG):
        degrees = np.arange(1, features + 1)
        output_degrees = np.tile(degrees, 2)  # of mu and of alpha
        layers: list[Module] = []
        for units in hidden:
            # Degrees 1 to D - 1, equally often and in ascending order. If there are fewer units
            # than inputs, some degrees are left out at regular distances.
            unit_degrees = 1 + np.arange(units) * max(features - 1, 1) // units
            layers += [MaskedLinear(unit_degrees[:, None] >= degrees, rng=rng), Tanh()]
            degrees = unit_degrees
        init.kaiming_normal_(Sequential(*layers), rng)
        last = zero_parameters(MaskedLinear(output_degrees[:, None] > degrees, rng=rng))
        super().__init__(*layers, last)


class AffineAutoregressive(Module):
    """z_i = (x_i - mu_i(x_<i)) e^(-alpha_i(x_<i)): one pass from x to z, D passes back.

    Parameters
    ----------
    net : Module
        Maps x (N, D) to mu and alpha, concatenated, (N, 2 D), such as `MADENetwork`.
    """

    def __init__(self, net: Module):
        self.net = net

    def forward(self, x):
        """Map x (N, D) to z (N, D) and the log-determinant (N,)."""
        mu, alpha = self._mean_and_log_scale(x)  # both (N, D)
        return (x - mu) * exp(-alpha), -alpha.sum(axis=1)

    def inverse(self, z):
        """Map z (N, D) to x (N, D) in D passes.

        After pass i, x_1 ... x_i are correct and stay so: x_i depends on z_i and on x_<i, which
        were correct before.
        """
        x = z * 0
        for _ in range(z.shape[1]):
            mu, alpha = self._mean_and_log_scale(x)
            x = z * exp(alpha) + mu
        return x

    def _mean_and_log_scale(self, x):
        """Return mu and alpha; alpha is bounded."""
        mu, alpha = split(self.net(x), 2, axis=1)
        return mu, soft_clamp(alpha)


class MAF(Flow):
    """A flow of vectors (N, features): autoregressive layers, each in the reversed order.

    There is an ActNorm before each autoregressive layer.

    Parameters
    ----------
    features : int
        Numbers in one x.
    num_layers : int
        Autoregressive layers.
    hidden : sequence of int
        Units of the hidden layers of each network.
    order : sequence of int, optional
        A permutation of the features before the first layer. For pictures, pass
        `checkerboard(height, width)`. Row by row, pixel i depends mostly on its left neighbour,
        pixel i - 1. A hidden unit that reads it has at least degree i - 1, and output i reads units
        up to degree i - 1. So only units of exactly this degree can pass it on: one or none. In a
        checkerboard order, half of the pixels come after all their neighbours.
    rng : RNG
        Draws the initial weights. The model is on its device.

    Raises
    ------
    ValueError
        If `order` has another length than `features`.
    """

    def __init__(
        self,
        features: int,
        num_layers: int = 5,
        hidden: Sequence[int] = (64, 64),
        order: Sequence[int] | None = None,
        *,
        rng: RNG,
    ):
        layers: list[Module] = []
        if order is not None:
            layers.append(initial_permutation("MAF", order, features, rng.device))
        for i in range(num_layers):
            if i > 0:
                layers.append(Permutation(np.arange(features)[::-1], device=rng.device))
            layers.append(ActNorm(features, device=rng.device))
            layers.append(AffineAutoregressive(MADENetwork(features, hidden, rng=rng)))
        super().__init__(layers, (features,))
