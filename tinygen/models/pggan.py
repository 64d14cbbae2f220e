"""Progressive growing: Karras, Aila, Laine and Lehtinen, Progressive Growing of GANs for Improved Quality, Stability, and Variation, 2018.

**The idea.** Where a face is and how light it is shows in 4x4 pixels; its hair takes a thousand. So learn it in this order: both networks begin with pictures
of 4x4, and whenever they are good at it each gets a block for twice the size, the generator at its end, the discriminator at its beginning. What was learned
stays, most steps are made with small pictures, and no network ever has to learn everything at once.

**Fade-in.** A new block knows nothing and would spoil what is behind it. So for a while a picture is made of two, the new block's and the old network's made
twice as large, and so is what the discriminator makes of it:

    G:  (1 - alpha) up(old picture) + alpha new picture           D:  (1 - alpha) old layer(down(x)) + alpha new block(new layer(x)),

alpha going from 0 to 1. At 0 both are the old networks exactly, at 1 the new ones. Real pictures are faded likewise (`faded`): else D would know them by
details that G cannot have yet.

**What else is new in the paper**, each a layer or a function: equalized learning rate (`nn.EqualizedLR`); in G the vector at each pixel divided by its root
mean square (`nn.PixelNorm`), so that two networks in a race cannot shout each other down; the minibatch standard deviation (models/gan.py) before D's last
layers. It is the one place where D sees several examples; the paper takes its gradient penalty through it all the same. And samples are drawn from G's average
weights (optim).

One thing differs from it: a block of D halves the picture between its two convolutions, and not behind both, which spares half of the work.

**A size more is a number more**: `channels` has one for each size from 4 on. The paper's, `PAPER`, end at 1024 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..backend import RNG
from ..nn import (
    AvgPool2d,
    Conv2d,
    EqualizedLR,
    Flatten,
    LeakyReLU,
    Linear,
    Module,
    ModuleList,
    PixelNorm,
    Sequential,
    Unflatten,
)
from ..ops import avg_pool2d, interpolate, pixel_norm
from .gan import minibatch_std

__all__ = ["PAPER", "PGDiscriminator", "PGGenerator", "faded", "stage"]

PAPER = (512, 512, 512, 512, 256, 128, 64, 32, 16)
"""Channels at 4, 8, 16, ..., 1024 pixels."""


class PGGenerator(Module):
    """z (N, latent_dim) to pictures (N, colours, size, size), at any of its sizes.

    Parameters
    ----------
    latent_dim : dimensions of z, whose length does not matter: it is normalized.
    channels : at 4x4, 8x8, ...: as many sizes as there are numbers.
    colours : of a picture.
    generator : draws the initial weights; the model lies on its device.
    """

    def __init__(self, latent_dim: int, channels: Sequence[int], colours: int = 3, *, rng: RNG):
        self.latent_dim, self.sizes = latent_dim, _sizes(channels)
        c, end = channels[0], [LeakyReLU(0.2), PixelNorm()]  # of each layer; they have no parameters, and one will do for all
        self.blocks = ModuleList([Sequential(_linear(latent_dim, 16 * c, rng), Unflatten(1, (c, 4, 4)), *end, _conv(c, c, 3, rng), *end)])
        for a, b in pairwise(channels):
            self.blocks.append(Sequential(_conv(a, b, 3, rng), *end, _conv(b, b, 3, rng), *end))
        self.pictures = ModuleList([_conv(c, colours, 1, rng, gain=1) for c in channels])

    def forward(self, z, size: int, alpha: float = 1.0):
        """`size` : of the pictures; `alpha` : how far its block is faded in, from 0 to 1."""
        last = _level(self, size)
        h = self.blocks[0](pixel_norm(z))
        for block in self.blocks[1 : last + 1]:
            before, h = h, block(_twice(h))
        picture = self.pictures[last](h)
        return picture if alpha == 1 or last == 0 else (1 - alpha) * _twice(self.pictures[last - 1](before)) + alpha * picture


class PGDiscriminator(Module):
    """Pictures (N, colours, size, size), of any of its sizes, to one number each, (N,). Parameters as for `PGGenerator`.

    `group` : examples one after the other whose spread is measured; it must divide N.
    """

    def __init__(self, channels: Sequence[int], colours: int = 3, *, group: int = 4, rng: RNG):
        self.group, self.sizes = group, _sizes(channels)
        c, end = channels[0], LeakyReLU(0.2)
        self.pictures = ModuleList([Sequential(_conv(colours, b, 1, rng), end) for b in channels])
        verdict = [Flatten(), _linear(16 * c, c, rng), end, _linear(c, 1, rng, gain=1)]
        self.blocks = ModuleList([Sequential(_conv(c + 1, c, 3, rng), end, *verdict)])
        for a, b in pairwise(channels):
            self.blocks.append(Sequential(_conv(b, b, 3, rng), end, AvgPool2d(2), _conv(b, a, 3, rng), end))

    def forward(self, x, alpha: float = 1.0):
        """`alpha` : how far the block for pictures of x's size is faded in, from 0 to 1."""
        last = _level(self, x.shape[-1])
        h = self.pictures[last](x)
        for k in range(last, 0, -1):
            h = self.blocks[k](h)
            if k == last and alpha != 1:
                h = (1 - alpha) * self.pictures[k - 1](avg_pool2d(x, 2)) + alpha * h
        return self.blocks[0](minibatch_std(h, self.group)).reshape((len(x),))


def faded(x, alpha: float):
    """Real pictures (N, C, H, W) as sharp as a generator's whose last block is faded in by alpha: (1 - alpha) of what is left in half the size."""
    return x if alpha == 1 else (1 - alpha) * _twice(avg_pool2d(x, 2)) + alpha * x


def stage(step: int, lengths: Sequence[int]) -> tuple[int, float]:
    """(size, alpha) at a step: `lengths` are the steps to spend at 4, 8, 16 ... pixels; in the first half of each, but the first that has any, the block is faded in."""
    first = next((k for k, length in enumerate(lengths) if length), 0)
    for k, length in enumerate(lengths):
        if step < length or k == len(lengths) - 1:
            return 4 << k, min(2 * (step + 1) / max(length, 1), 1.0) if k > first else 1.0
        step -= length
    raise ValueError("stage: lengths is empty; give the steps to spend at each size, from 4 pixels on")


def _linear(a: int, b: int, rng: RNG, gain: float = 2**0.5) -> EqualizedLR:
    return EqualizedLR(Linear(a, b, rng=rng), gain, rng=rng)


def _conv(a: int, b: int, kernel: int, rng: RNG, gain: float = 2**0.5) -> EqualizedLR:
    return EqualizedLR(Conv2d(a, b, kernel, padding=kernel // 2, rng=rng), gain, rng=rng)


def _twice(x):
    """Twice as large, each pixel four times."""
    return interpolate(x, scale_factor=2)


def _sizes(channels: Sequence[int]) -> list[int]:
    return [4 << k for k in range(len(channels))]


def _level(model: PGGenerator | PGDiscriminator, size: int) -> int:
    if size not in model.sizes:
        raise ValueError(f"{type(model).__name__}: pictures of {size} pixels; this one was built for {', '.join(map(str, model.sizes))}")
    return model.sizes.index(size)
