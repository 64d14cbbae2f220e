"""Generative adversarial networks: Goodfellow et al., Generative Adversarial Nets, 2014.

**Two networks.** The generator G makes a picture out of noise, x = G(z) with z ~ N(0, I); the discriminator D says how likely a picture is real. Nobody
writes down a density: what G can make is a distribution q that we can only sample, and D is how it is compared with the data's p. The game that they play, its best
D and its value are derived in `losses/adversarial.py`; here are the networks. Algorithm 1 itself, k steps of D for one of G, stands in the demos,
where two things are easily got wrong:

- a step of D must not move G, and need not differentiate it: make the fakes under `no_grad()`;
- a step of G needs the gradient *through* D, not D's own: `grad(loss, [*G.parameters()])` computes nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ..backend import Generator
from ..nn import Flatten, LeakyReLU, Linear, Module, Sequential, Unflatten

__all__ = ["MLPDiscriminator", "MLPGenerator"]


class MLPGenerator(Module):
    """Noise z (N, latent) through hidden layers to x (N, *shape), any real numbers.

    Parameters
    ----------
    latent : dimensions of z.
    hidden : units of each hidden layer.
    shape : of one x.
    activation : the layer class between, without arguments.
    generator : draws the initial weights; the model lies on its device.
    """

    def __init__(self, latent: int, hidden: Sequence[int], shape: Sequence[int], activation: type[Module] = LeakyReLU, *, generator: Generator):
        size = math.prod(shape)
        self.latent = latent
        self.layers = Sequential(*_layers([latent, *hidden], activation, generator), Linear(hidden[-1], size, generator=generator), Unflatten(1, tuple(shape)))

    def forward(self, z):
        return self.layers(z)


class MLPDiscriminator(Module):
    """x (N, *shape) through hidden layers to one logit each, (N,): D(x) is its sigmoid. Parameters as for `MLPGenerator`."""

    def __init__(self, hidden: Sequence[int], shape: Sequence[int], activation: type[Module] = LeakyReLU, *, generator: Generator):
        size = math.prod(shape)
        self.layers = Sequential(Flatten(), *_layers([size, *hidden], activation, generator), Linear(hidden[-1], 1, generator=generator))

    def forward(self, x):
        return self.layers(x).reshape((len(x),))


def _layers(sizes: Sequence[int], activation: type[Module], generator: Generator) -> list[Module]:
    return [layer for a, b in pairwise(sizes) for layer in (Linear(a, b, generator=generator), activation())]
