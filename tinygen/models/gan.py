"""Generative adversarial networks: Goodfellow et al., Generative Adversarial Nets, 2014.

**Two networks.** The generator G maps noise to a picture, x = G(z) with z ~ N(0, I). The
discriminator D estimates the probability that a picture is real. Nobody writes down a density: the
pictures of G have a distribution q that can be sampled but not evaluated, and D compares q with the
distribution p of the data. `losses/adversarial.py` derives the minimax game, its optimal D and its
value. This file has the networks.

**Notation.** In formulas D(x) is this probability. In code the network D returns its logit l, and
D(x) = sigmoid(l): `D(x)` is l.

**Algorithm 1** alternates k steps of D with one step of G. It stands in the demos. Two points are
easy to get wrong:

- A step of D must not change G and does not need its gradient. So the fake pictures are generated
  under `no_grad()`, or detached from the graph.
- A step of G needs the gradient *through* D, but not the gradients of D's own weights.
  `loss_g.backward(inputs=G.parameters())` computes the gradients of G's weights alone.

**A discriminator that sees one example at a time** cannot notice that all examples are the same.
`pack` and `minibatch_std` let it see several examples at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ..backend import RNG
from ..nn import Flatten, LeakyReLU, Linear, Module, Sequential, Unflatten
from ..ops import broadcast_to, concatenate, sqrt, var

__all__ = ["MLPDiscriminator", "MLPGenerator", "minibatch_std", "pack"]


class MLPGenerator(Module):
    """A fully connected generator: noise z to examples x, which can take any real values.

    Parameters
    ----------
    latent_dim : int
        The dimensions of z.
    hidden_sizes : sequence of int
        The units of each hidden layer; () for no hidden layer.
    output_shape : sequence of int
        The shape of one x.
    activation : subclass of Module
        The layer after each hidden linear layer, constructed without arguments.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_sizes: Sequence[int],
        output_shape: Sequence[int],
        activation: type[Module] = LeakyReLU,
        *,
        rng: RNG,
    ):
        sizes = [latent_dim, *hidden_sizes]
        self.latent_dim = latent_dim
        self.layers = Sequential(
            *_hidden_layers(sizes, activation, rng),
            Linear(sizes[-1], math.prod(output_shape), rng=rng),
            Unflatten(1, tuple(output_shape)),
        )

    def forward(self, z):
        """Map noise z (N, latent_dim) to x (N, *output_shape)."""
        return self.layers(z)


class MLPDiscriminator(Module):
    """A fully connected discriminator: examples x to logits l, with D(x) = sigmoid(l).

    Parameters
    ----------
    hidden_sizes : sequence of int
        The units of each hidden layer; () for no hidden layer.
    input_shape : sequence of int
        The shape of one x.
    activation, rng
        As for `MLPGenerator`.
    """

    def __init__(
        self,
        hidden_sizes: Sequence[int],
        input_shape: Sequence[int],
        activation: type[Module] = LeakyReLU,
        *,
        rng: RNG,
    ):
        sizes = [math.prod(input_shape), *hidden_sizes]
        self.layers = Sequential(
            Flatten(),
            *_hidden_layers(sizes, activation, rng),
            Linear(sizes[-1], 1, rng=rng),
        )

    def forward(self, x):
        """Map x (N, *input_shape) to logits (N,)."""
        logits = self.layers(x)  # (N, 1)
        return logits.reshape((len(x),))  # (N,)


def _hidden_layers(sizes: Sequence[int], activation: type[Module], rng: RNG) -> list[Module]:
    """Return a linear layer and an activation for each pair of successive sizes."""
    layers = []
    for in_features, out_features in pairwise(sizes):
        layers += [Linear(in_features, out_features, rng=rng), activation()]
    return layers


def pack(x, pack_size: int):
    """Concatenate each `pack_size` successive examples into one, for a packed discriminator.

    **Why.** All examples of a pack are real, or all are fake. Take a generator that covers half of
    the modes. Its m examples all lie in this half with certainty; m real examples do so with
    probability 2^-m. So missing modes become easier to detect as m grows. (If each example of a
    pack were real or fake independently of the others, the pack would give no new information.)

    **Shapes** x (N, C, ...) -> (N / m, m C, ...), m = `pack_size`.

    **Source** Lin et al., PacGAN: The power of two samples in generative adversarial networks,
    2018, section 2.

    Parameters
    ----------
    x : array or Tensor
        Examples (N, C, ...).
    pack_size : int
        The number of examples per pack. It has to divide N.

    Raises
    ------
    ValueError
        If x has fewer than two axes, or `pack_size` does not divide N.
    """
    if x.ndim < 2 or pack_size < 1 or len(x) % pack_size:
        raise ValueError(
            "pack: x is (N, C, ...), in packs of at least 1, which divides N; "
            f"got {x.shape} and {pack_size}"
        )
    return x.reshape((len(x) // pack_size, pack_size * x.shape[1], *x.shape[2:]))


def minibatch_std(x, group_size: int):
    """Append a channel that holds the standard deviation within groups of successive examples.

    The standard deviation over the group is computed for each feature at each position and
    averaged over both. All examples of a group get this one number. If fake examples are too
    similar, the discriminator sees it here.

    **Shapes** x (N, C, ...) -> (N, C + 1, ...).

    **Numerics** sqrt(variance + 1e-8), because the square root has no derivative at 0.

    **Source** Karras et al., Progressive Growing of GANs, 2018, section 3.

    Parameters
    ----------
    x : array or Tensor
        Examples (N, C, ...).
    group_size : int
        The number of examples per group. It has to divide N.

    Raises
    ------
    ValueError
        If x has fewer than two axes, or `group_size` does not divide N.
    """
    if x.ndim < 2 or group_size < 1 or len(x) % group_size:
        raise ValueError(
            "minibatch_std: x is (N, C, ...), in groups of at least 1, which divides N; "
            f"got {x.shape} and {group_size}"
        )
    num_groups, positions = len(x) // group_size, x.shape[2:]
    groups = x.reshape((num_groups, group_size, *x.shape[1:]))
    std = sqrt(var(groups, axis=1) + 1e-8)  # (num_groups, C, ...)
    std = std.mean(axis=tuple(range(1, x.ndim)))  # (num_groups,)
    std = std.reshape((num_groups, 1, 1, *[1] * len(positions)))
    std = broadcast_to(std, shape=(num_groups, group_size, 1, *positions))
    return concatenate(x, std.reshape((len(x), 1, *positions)), axis=1)
