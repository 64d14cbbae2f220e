"""Networks that guess what a noisy x is made of: a U-Net for pictures (Ho et al., 2020, after Ronneberger et al., 2015), a perceptron for points.

**Why a U.** To guess the noise of a pixel takes both its neighbours, sharp, and the whole picture, coarse. Going down, the picture is halved and its
channels grow; going up, it is doubled, and what was there at each size on the way down is put beside it: the *skips*, over which detail goes past the
bottleneck.

**One network for all levels.** How much noise there is in x could be seen in x, but it is better told: the level t is spread out over sines and cosines
of many wavelengths, goes through two layers, and is told to every block. So is the label, if there are any, from a table with a row
for each, and one for "none"; or whatever a network of one's own makes a vector of, a caption say (models/text.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...backend import RNG, array_module
from ...nn import (
    Conv2d,
    Embedding,
    GroupNorm,
    LayerNorm,
    Linear,
    Module,
    ModuleList,
    MultiHeadAttention,
    Sequential,
    SiLU,
    init,
)
from ...ops import (
    concatenate,
    cos,
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
    silu,
    sin,
    split,
)

__all__ = ["Perceptron", "UNet", "timestep_embedding"]


def timestep_embedding(t, size: int):
    """Levels t (N,) as (N, size): sin and cos of 1000 t / 10000^(i / (size / 2)), i = 0, 1, ...: wavelengths from 0.006 to 60, so that levels that are
    close differ somewhere, and those far apart everywhere. Source: Vaswani et al., 2017, section 3.5."""
    half = size // 2
    frequencies = array_module(t).asarray((1000 * np.exp(-math.log(10_000) / half * np.arange(half))).astype(np.float32))
    a = t.reshape((-1, 1)) * frequencies
    return concatenate(sin(a), cos(a), axis=1)


class _Condition(Module):
    """Levels (N,), and labels (N,) if there are classes, to what the blocks are told, (N, 4 size)."""

    def __init__(self, size: int, classes: int | Module, rng: RNG):
        self.size = size
        self.layers = Sequential(Linear(size, 4 * size, rng=rng), SiLU(), Linear(4 * size, 4 * size, rng=rng))
        self.labels = classes if isinstance(classes, Module) else Embedding(classes + 1, 4 * size, rng=rng) if classes else None

    def forward(self, t, labels=None):
        if (labels is None) != (self.labels is None):
            raise ValueError("the network has classes and needs labels (N,), of which `none` says none" if self.labels else "the network knows no labels")
        told = self.layers(timestep_embedding(t, self.size))
        return silu(told if labels is None else told + self.labels(labels))


class _Block(Module):
    """Two convolutions of 3x3, each after a group normalization and silu; beside them x itself, through a 1x1 if channels change.

    The condition is added to the channels between the two, or, with `film`, scales and shifts them after the second normalization, which then cannot take
    out any of it (FiLM: Perez et al., 2018; in diffusion models Dhariwal and Nichol, 2021). The second convolution begins at 0, so that at first signals and
    gradients go past the block and through any number of them unchanged; FiLM too begins by doing nothing.
    """

    def __init__(self, inputs: int, outputs: int, told: int, film: bool, rng: RNG):
        self.film = film
        self.norm1, self.conv1 = GroupNorm(8, inputs, device=rng.device), Conv2d(inputs, outputs, 3, 1, 1, rng=rng)
        self.told = Linear(told, 2 * outputs if film else outputs, rng=rng)
        self.norm2, self.conv2 = GroupNorm(8, outputs, device=rng.device), Conv2d(outputs, outputs, 3, 1, 1, rng=rng)
        self.past = Conv2d(inputs, outputs, 1, rng=rng) if inputs != outputs else None
        for p in [*self.conv2.parameters(), *(self.told.parameters() if film else ())]:
            p.data[...] = 0

    def forward(self, x, told):
        h = self.conv1(silu(self.norm1(x)))
        told = self.told(told).reshape((len(h), -1, 1, 1))
        if self.film:
            scale, shift = split(told, 2, axis=1)
            h = self.norm2(h) * (1 + scale) + shift
        else:
            h = self.norm2(h + told)
        h = self.conv2(silu(h))
        return h + (x if self.past is None else self.past(x))


class _Attention(Module):
    """Every pixel looks at every other, over group-normalized channels; added to x."""

    def __init__(self, channels: int, rng: RNG):
        self.norm, self.look = GroupNorm(8, channels, device=rng.device), MultiHeadAttention(channels, 1, rng=rng)

    def forward(self, x):
        n, c, h, w = x.shape
        rows = self.norm(x).transpose(0, 2, 3, 1).reshape((n, h * w, c))
        return x + self.look(rows).reshape((n, h, w, c)).transpose(0, 3, 1, 2)


class UNet(Module):
    """x (N, colours, height, width) and levels (N,), to (N, outputs, height, width).

    Parameters
    ----------
    colours : of a picture.
    widths : channels at each size, multiples of 8; each is half the height and width of the one before, the last the bottom of the U.
    patch : squares of so many pixels are taken as one with patch^2 times the colours, before all else: a picture of 28 pixels is one of 14, and all
        costs a quarter.
    attention : at the bottom. film : whether the condition scales channels, and is not only added to them (`_Block`).
    classes : with labels (N,) as the third argument, 0 to classes - 1, or `none`, the number after, which says none. Or a module that makes vectors
        (N, 4 widths[0]) of labels of its own, among which 0s say none.
    outputs : colours of the output; by default those of x, twice as many for a learned variance.
    generator : draws the initial weights; the network lies on its device. The last layer begins at 0: so the first answer is 0, the mean of noise.
    """

    def __init__(
        self, colours: int = 1, widths: Sequence[int] = (32, 64, 64), *, patch: int = 1, attention: bool = True, film: bool = False,
        classes: int | Module = 0, outputs: int | None = None, rng: RNG,
    ):  # fmt: skip
        if len(widths) < 2 or any(w % 8 for w in widths):
            raise ValueError(f"UNet: widths are two or more multiples of 8, one for each size; got {tuple(widths)}")
        told, first = 4 * widths[0], widths[0]
        self.patch, self.none = patch, 0 if isinstance(classes, Module) else classes
        self.halvings = len(widths) - 1
        self.condition = _Condition(first, classes, rng)
        self.enter = Conv2d(colours * patch**2, first, 3, 1, 1, rng=rng)
        self.down = ModuleList(_Block(a, b, told, film, rng) for a, b in pairwise([first, *widths[:-1]]))
        self.halve = ModuleList(Conv2d(w, w, 3, 2, 1, rng=rng) for w in widths[:-1])
        self.bottom1 = _Block(widths[-2], widths[-1], told, film, rng)
        self.look = _Attention(widths[-1], rng) if attention else None
        self.bottom2 = _Block(widths[-1], widths[-1], told, film, rng)
        self.double = ModuleList(Conv2d(b, a, 3, 1, 1, rng=rng) for a, b in pairwise(widths))
        self.up = ModuleList(_Block(2 * w, w, told, film, rng) for w in widths[:-1])
        self.norm, self.leave = GroupNorm(8, first, device=rng.device), Conv2d(first, (outputs or colours) * patch**2, 3, 1, 1, rng=rng)
        for p in self.leave.parameters():
            p.data[...] = 0

    def forward(self, x, t, labels=None):
        by = self.patch << self.halvings
        if x.ndim != 4 or x.shape[2] % by or x.shape[3] % by or t.shape != x.shape[:1]:
            raise ValueError(f"UNet: needs x (N, C, H, W), H and W multiples of {by}, and levels (N,); got {x.shape} and {t.shape}")
        told, skips = self.condition(t, labels), []
        h = self.enter(pixel_unshuffle(x, downscale_factor=self.patch))
        for block, halve in zip(self.down, self.halve, strict=True):
            skips.append(block(h, told))
            h = halve(skips[-1])
        h = self.bottom1(h, told)
        h = h if self.look is None else self.look(h)
        h = self.bottom2(h, told)
        for double, block, skip in [*zip(self.double, self.up, skips, strict=True)][::-1]:
            h = block(concatenate(double(interpolate(h, scale_factor=2)), skip, axis=1), told)
        return pixel_shuffle(self.leave(silu(self.norm(h))), upscale_factor=self.patch)


class Perceptron(Module):
    """Points x (N, D) and levels (N,), to (N, outputs), by default D: linear layers with silu between, the condition added to each.

    Beside each coordinate the first layer sees sin and cos of 2^k times it, k = 0 to octaves - 1. Layers of few units are slow to learn what changes
    quickly with x, and near the data the best guess does, where they are thin: with 4 octaves half of the samples that were off two crescents
    are back on them (Tancik et al., Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains, 2020).

    hidden : units of each hidden layer. classes, generator : as for `UNet`.
    film : each layer is normalized, then scaled and shifted by the condition, which begins by doing neither; where it is as wide as the one before, it is
        added to that.
    """

    def __init__(self, dimensions: int, hidden: Sequence[int] = (128, 128, 128), *, octaves: int = 4, film: bool = False,
                 classes: int | Module = 0, outputs: int | None = None, rng: RNG):  # fmt: skip
        self.none, self.octaves = 0 if isinstance(classes, Module) else classes, octaves
        self.condition = _Condition(32, classes, rng)
        self.layers = ModuleList(Linear(a, b, rng=rng) for a, b in pairwise([dimensions * (2 * octaves + 1), *hidden]))
        self.told = ModuleList(Linear(128, 2 * b if film else b, rng=rng) for b in hidden)
        self.norms = ModuleList(LayerNorm(b, device=rng.device) for b in hidden) if film else None
        self.leave = Linear(hidden[-1], outputs or dimensions, rng=rng)
        init.kaiming_normal_(self, rng)
        for p in self.told.parameters() if film else ():
            p.data[...] = 0

    def forward(self, x, t, labels=None):
        told = self.condition(t, labels)
        x = concatenate([x, *(f(float(2**k) * x) for k in range(self.octaves) for f in (sin, cos))], axis=1)
        for layer, norm, add in zip(self.layers, self.norms or [None] * len(self.layers), self.told, strict=True):
            if norm is None:
                x = silu(layer(x) + add(told))
                continue
            scale, shift = split(add(told), 2, axis=1)
            h = silu(norm(layer(x)) * (1 + scale) + shift)
            x = x + h if x.shape == h.shape else h
        return self.leave(x)
