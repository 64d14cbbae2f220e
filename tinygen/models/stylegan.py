"""StyleGAN: Karras, Laine and Aila, 2019, and Karras et al., Analyzing and Improving the Image Quality of StyleGAN, 2020.

**A picture is not made *from* z, but under its influence.** The generator begins with the same constant of 4x4 pixels for every picture. z goes through a network
of its own, the *mapping* f, to w; and every convolution is told by an affine function of w, its *style*, how strongly to use each of its channels. z must be
spread like a Gaussian, in which what the data lacks (bearded children) has to be squeezed out; w may be spread as the data are, its axes nearer to what varies.

**A style for each layer.** The same w at all layers, usually; but each may have another one (`mix`): those at 4 and 8 pixels say who looks where, those in the
middle features, the last ones colours. Trained on mixtures, layers learn not to rely on one another.

**Noise.** How each hair lies is nobody's style: after each convolution comes one random number a pixel, times a learned strength.

**How a style acts**, and what keeps one channel from drowning the others. Let s be the style, a number for each channel:

- `adain=True`, as in 2019: the result of a convolution is brought to mean 0 and deviation 1 in each channel of each picture (instance norm), then
  multiplied by one style and shifted by another: adaptive instance normalization. What it divides by is *measured on the picture*. So a generator can hide a channel's
  strength: a spike in one place makes all the rest small. One saw it, drops as of water in every picture.
- the default, as in 2020: the style multiplies the convolution's *input*, and its result is divided by the deviation that it would have for independent inputs
  of deviation 1, *computed from weights*: `modulated_conv`. No picture is looked at, so nothing can be hidden.

Pictures: each size adds its own to the one before, made twice as large (skip connections), so that no growing is needed; the discriminator is a residual network.

**Truncation**: w is drawn towards its mean, mean + psi (w - mean): fewer kinds of picture, and better ones. A line of the demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..backend import RNG
from ..nn import (
    Conv2d,
    EqualizedLR,
    Flatten,
    LeakyReLU,
    Module,
    ModuleList,
    Sequential,
    init,
)
from ..nn.module import parameter
from ..ops import (
    avg_pool2d,
    broadcast_to,
    conv2d,
    instance_norm,
    interpolate,
    leaky_relu,
    matmul,
    pixel_norm,
    sqrt,
    where,
)
from .gan import minibatch_std
from .pggan import _conv, _linear

__all__ = ["StyleDiscriminator", "StyleGenerator", "mix", "modulated_conv"]


def modulated_conv(x, weight, style, demodulate: bool = True):
    """A convolution whose weight is another one for each picture: w'[n, o, c] = s[n, c] w[o, c], and demodulated w'' = w' / |w'[n, o]|, of unit norm for each output.

    **Why unit norm.** Of independent inputs with deviation 1 the result has the deviation |w'[n, o]|, the root of the sum of squares over c and the kernel. Divided
    by it, it is 1 again, whatever the style.

    **Without a weight for each picture**, since a convolution is linear: s[n, c] may as well multiply its input, and 1 / |w'[n, o]| its result, where

        |w'[n, o]|^2 = sum_c s[n, c]^2 sum_k w[o, c, k]^2,    a product of two matrices.

    Parameters: x (N, C, H, W), weight (O, C, k, k), k odd, style (N, C). Returns (N, O, H, W).
    **Source**: Karras et al., 2020, eq. 1 to 3.
    """
    if style.shape != x.shape[:2] or weight.shape[-1] % 2 == 0:
        raise ValueError(f"modulated_conv: x {x.shape} takes a style {x.shape[:2]} and a weight (O, C, k, k), k odd; got {style.shape} and {weight.shape}")
    y = conv2d(x * _at_pixels(style), weight, padding=weight.shape[-1] // 2)
    if demodulate:
        y = y / _at_pixels(sqrt(matmul(style * style, (weight * weight).sum(axis=(2, 3)).T) + 1e-8))
    return y


def mix(w1, w2, crossover):
    """Styles w1 and w2 (N, latent_dim) to (N, layers, latent_dim): w1 in the layers before `crossover`, w2 from there on.

    crossover : (N, layers), true where w2 takes over; of a whole number c for each picture, `np.arange(layers) >= c[:, None]`.
    """
    if w1.ndim != 2 or w1.shape != w2.shape or crossover.ndim != 2 or len(crossover) != len(w1):
        raise ValueError(f"mix: needs styles (N, latent_dim), twice, and crossover (N, layers); got {w1.shape}, {w2.shape} and {crossover.shape}")
    n, layers = crossover.shape
    first, second = (broadcast_to(w.reshape((n, 1, w.shape[1])), shape=(n, layers, w.shape[1])) for w in (w1, w2))
    return where(crossover[:, :, None], second, first)


class StyleGenerator(Module):
    """z (N, latent_dim) to pictures (N, colours, size, size): `synthesis(styles(z))`.

    Parameters
    ----------
    latent_dim : dimensions of z and of w.
    channels : at 4x4, 8x8, ... : as many sizes as there are numbers. `layers` is how many take a style: one at 4x4, two at each size after it.
    colours : of a picture.
    depth : layers of the mapping network; it is to be trained more slowly than the rest, being deep and without normalization.
    adain : styles act as in 2019.
    generator : draws the initial weights; the model lies on its device.
    """

    def __init__(self, latent_dim: int, channels: Sequence[int], colours: int = 3, *, depth: int = 4, adain: bool = False, rng: RNG):
        self.latent_dim, self.layers = latent_dim, 2 * len(channels) - 1
        relu = LeakyReLU(0.2)
        self.mapping = Sequential(*(layer for _ in range(depth) for layer in (_linear(latent_dim, latent_dim, rng), relu)))
        self.constant = parameter(init.normal((1, channels[0], 4, 4), rng))
        sizes = [(channels[0], channels[0]), *(pair for a, b in pairwise(channels) for pair in ((a, b), (b, b)))]
        self.convolutions = ModuleList([_StyledConv(a, b, latent_dim, adain, rng) for a, b in sizes])
        self.pictures = ModuleList([_ToPicture(c, colours, latent_dim, len(channels), adain, rng) for c in channels])

    def forward(self, z, noise=None):
        return self.synthesis(self.styles(z), noise)

    def styles(self, z):
        """w = f(z / root mean square of z), (N, latent_dim)."""
        return self.mapping(pixel_norm(z))

    def noise(self, n: int, rng: RNG) -> list:
        """Noise for n pictures: (n, 1, h, w) for each layer."""
        sizes = (4 << (i + 1) // 2 for i in range(self.layers))
        return [rng.normal((n, 1, size, size)) for size in sizes]

    def synthesis(self, w, noise=None):
        """Styles (N, latent_dim), or (N, layers, latent_dim) for one each, and `noise()`, or None for no noise, to pictures."""
        if w.ndim == 2:
            w = broadcast_to(w.reshape((len(w), 1, w.shape[1])), shape=(len(w), self.layers, w.shape[1]))
        if w.shape[1] != self.layers:
            raise ValueError(f"StyleGenerator: styles {w.shape} for {w.shape[1]} layers; there are {self.layers}")
        if noise is not None and len(noise) != self.layers:
            raise ValueError(f"StyleGenerator: noise for {len(noise)} layers; there are {self.layers}: noise(n, generator) draws it")
        h = broadcast_to(self.constant, shape=(len(w), *self.constant.shape[1:]))
        picture = None
        for i, convolution in enumerate(self.convolutions):
            if i % 2:  # the first of a size: i = 1, 3, 5 ...
                h, picture = _twice(h), _twice(picture)
            h = convolution(h, w[:, i], None if noise is None else noise[i])
            if i % 2 == 0:  # the last of a size
                drawn = self.pictures[i // 2](h, w[:, i])
                picture = drawn if picture is None else picture + drawn
        return picture


class _StyledConv(Module):
    """x (N, a, H, W), w (N, latent_dim) and noise (N, 1, H, W) or None to (N, b, H, W): convolution, noise, bias, relu, under a style."""

    def __init__(self, a: int, b: int, latent_dim: int, adain: bool, rng: RNG):
        self.adain = adain
        self.conv = EqualizedLR(Conv2d(a, b, 3, bias=False, rng=rng), gain=1, rng=rng)
        self.scale = _style(latent_dim, b if adain else a, 1, rng)
        self.shift = _style(latent_dim, b, 0, rng) if adain else None
        self.strength = parameter(init.zeros((1,), rng.device))
        self.bias = parameter(init.zeros((b,), rng.device))

    def forward(self, x, w, noise):
        y = conv2d(x, self.conv.scaled_weight(), padding=1) if self.adain else modulated_conv(x, self.conv.scaled_weight(), self.scale(w))
        if noise is not None:
            y = y + self.strength.reshape((1, 1, 1, 1)) * noise
        y = leaky_relu(y + self.bias.reshape((1, -1, 1, 1)), negative_slope=0.2) * 2**0.5  # a relu takes half of the power
        return instance_norm(y) * _at_pixels(self.scale(w)) + _at_pixels(self.shift(w)) if self.adain else y


class _ToPicture(Module):
    """x (N, a, H, W) and w (N, latent_dim) to colours (N, colours, H, W), weighted by a style; with `adain` as they are, for x has its style already.
    One of `sizes` that are added: smaller by the root of their number."""

    def __init__(self, a: int, colours: int, latent_dim: int, sizes: int, adain: bool, rng: RNG):
        self.conv = EqualizedLR(Conv2d(a, colours, 1, bias=False, rng=rng), gain=sizes**-0.5, rng=rng)
        self.scale = None if adain else _style(latent_dim, a, 1, rng)
        self.bias = parameter(init.zeros((colours,), rng.device))

    def forward(self, x, w):
        weight = self.conv.scaled_weight()
        y = conv2d(x, weight) if self.scale is None else modulated_conv(x, weight, self.scale(w), demodulate=False)
        return y + self.bias.reshape((1, -1, 1, 1))


class StyleDiscriminator(Module):
    """Pictures (N, colours, size, size) to one logit each, (N,). Parameters as for `StyleGenerator`.

    At each size a residual block: two convolutions and beside them one of 1x1, both to half the size, added and divided by sqrt 2, so that powers do not add up.
    `group` : examples one after the other whose spread is measured (`minibatch_std`); it must divide N.
    """

    def __init__(self, channels: Sequence[int], colours: int = 3, *, group: int = 4, rng: RNG):
        self.group, self.size, relu = group, 2 << len(channels), LeakyReLU(0.2)
        self.picture = Sequential(_conv(colours, channels[-1], 1, rng), relu)
        downwards = [*pairwise(channels[::-1])]
        self.first = ModuleList([Sequential(_conv(a, a, 3, rng), relu) for a, _ in downwards])
        self.second = ModuleList([Sequential(_conv(a, b, 3, rng), relu) for a, b in downwards])
        self.beside = ModuleList([EqualizedLR(Conv2d(a, b, 1, bias=False, rng=rng), gain=1, rng=rng) for a, b in downwards])
        c = channels[0]
        self.verdict = Sequential(_conv(c + 1, c, 3, rng), relu, Flatten(), _linear(16 * c, c, rng), relu, _linear(c, 1, rng, gain=1))

    def forward(self, x):
        if x.shape[2:] != (self.size, self.size):
            raise ValueError(f"StyleDiscriminator: pictures {x.shape}; this one was built for (N, colours, {self.size}, {self.size})")
        h = self.picture(x)
        for first, second, beside in zip(self.first, self.second, self.beside, strict=True):
            h = (second(avg_pool2d(first(h), 2)) + beside(avg_pool2d(h, 2))) / 2**0.5
        return self.verdict(minibatch_std(h, self.group)).reshape((len(x),))


def _style(latent_dim: int, channels: int, start: float, rng: RNG) -> EqualizedLR:
    """w to a number for each channel, all about `start` at first."""
    layer = _linear(latent_dim, channels, rng, gain=1)
    layer.layer.bias.data = layer.layer.bias.data + start
    return layer


def _at_pixels(channels):
    """(N, C) as (N, C, 1, 1)."""
    return channels.reshape((*channels.shape, 1, 1))


def _twice(x):
    """Twice as large by bilinear interpolation: what is added to the finer picture has no steps of two pixels."""
    return interpolate(x, scale_factor=2, mode="bilinear")
