"""Generative adversarial networks: Goodfellow et al., Generative Adversarial Nets, 2014.

**Two networks.** The generator G makes a picture out of noise, x = G(z) with z ~ N(0, I); the discriminator D says how likely a picture is real. Nobody
writes down a density: what G can make is a distribution q that we can only sample, and D is how it is compared with the data's p. The game that they play, its best
D and its value are derived in `losses/adversarial.py`; here are the networks. Algorithm 1 itself, k steps of D for one of G, stands in the demos,
where two things are easily got wrong:

- a step of D must not move G, and need not differentiate it: make the fakes under `no_grad()`;
- a step of G needs the gradient *through* D, not D's own: `grad(loss, [*G.parameters()])` computes nothing else.

**One verdict an example** does not see that all examples are the same. `pack` and `minibatch_std` let the discriminator see several at once.
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
    """Noise z (N, latent_dim) through hidden layers to x (N, *shape), any real numbers.

    Parameters
    ----------
    latent_dim : dimensions of z.
    hidden : units of each hidden layer; () for none.
    shape : of one x.
    activation : the layer class between, without arguments.
    generator : draws the initial weights; the model lies on its device.
    """

    def __init__(self, latent_dim: int, hidden: Sequence[int], shape: Sequence[int], activation: type[Module] = LeakyReLU, *, rng: RNG):
        sizes = [latent_dim, *hidden]
        self.latent_dim = latent_dim
        self.layers = Sequential(
            *_layers(sizes, activation, rng), Linear(sizes[-1], math.prod(shape), rng=rng), Unflatten(1, tuple(shape))
        )

    def forward(self, z):
        return self.layers(z)


class MLPDiscriminator(Module):
    """x (N, *shape) through hidden layers to one logit each, (N,): D(x) is its sigmoid. Parameters as for `MLPGenerator`."""

    def __init__(self, hidden: Sequence[int], shape: Sequence[int], activation: type[Module] = LeakyReLU, *, rng: RNG):
        sizes = [math.prod(shape), *hidden]
        self.layers = Sequential(Flatten(), *_layers(sizes, activation, rng), Linear(sizes[-1], 1, rng=rng))

    def forward(self, x):
        return self.layers(x).reshape((len(x),))


def _layers(sizes: Sequence[int], activation: type[Module], rng: RNG) -> list[Module]:
    return [layer for a, b in pairwise(sizes) for layer in (Linear(a, b, rng=rng), activation())]


def pack(x, m: int):
    """x (N, C, ...) to (N / m, m C, ...): m examples one after the other are one, for a discriminator that judges them together.

    If each were real or fake by itself, nothing would be new. But all m are real or all fake: of a generator that makes half of the modes, m examples lie all
    in that half for certain, of the data with chance 2^-m. What is missing shows the more, the larger m.

    Source: Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2018, section 2.
    """
    if x.ndim < 2 or m < 1 or len(x) % m:
        raise ValueError(f"pack: x is (N, C, ...), in packs of at least 1, which divides N; got {x.shape} and {m}")
    return x.reshape((len(x) // m, m * x.shape[1], *x.shape[2:]))


def minibatch_std(x, group: int):
    """x (N, C, ...) with one channel more, (N, C + 1, ...): how far `group` examples one after the other spread, the same number in each of them.

    The standard deviation over the group of each feature in each place, averaged over these. Fakes that are all alike give themselves away by it.
    **Numerics.** sqrt(variance + 1e-8): at 0 the square root has no derivative.

    Source: Karras et al., Progressive Growing of GANs, 2018, section 3.
    """
    if x.ndim < 2 or group < 1 or len(x) % group:
        raise ValueError(f"minibatch_std: x is (N, C, ...), in groups of at least 1, which divides N; got {x.shape} and {group}")
    groups = x.reshape((len(x) // group, group, *x.shape[1:]))
    spread = sqrt(var(groups, axis=1) + 1e-8).mean(axis=tuple(range(1, x.ndim)))  # (N / group,)
    spread = broadcast_to(spread.reshape((len(groups), 1, 1, *[1] * (x.ndim - 2))), shape=(len(groups), group, 1, *x.shape[2:]))
    return concatenate(x, spread.reshape((len(x), 1, *x.shape[2:])), axis=1)
