"""Progressive growing of GANs: Karras, Aila, Laine and Lehtinen, 2018.

The paper is "Progressive Growing of GANs for Improved Quality, Stability, and Variation".

**The idea.** 4x4 pixels are enough to show where a face is and how bright it is; its hair needs a
thousand pixels. So learn in this order. Both networks start with pictures of 4x4 pixels. When they
are trained at this size, each network gets a block for twice the size: the generator at its end,
the discriminator at its beginning. What was learned is kept, the first steps use small pictures,
and no network has to learn everything at once.

**Fade-in.** A new block is untrained and would damage what the trained blocks do. So for a while
the picture is a mixture of two: the picture of the new block, and the picture of the old network,
upsampled to twice its size. The discriminator mixes in the same way:

    G:  (1 - alpha) up(old picture) + alpha (new picture)
    D:  (1 - alpha) old layer(down(x)) + alpha new block(new layer(x)),

where alpha goes from 0 to 1. At alpha = 0 both are exactly the old networks, at alpha = 1 the new
ones. Real pictures are faded in the same way (`fade_in`). Otherwise D would recognize them by
details that G cannot produce yet.

**What else is new in the paper**, each as a layer or a function here:

- The equalized learning rate (`nn.EqualizedLR`).
- Pixel norm (`nn.PixelNorm`): G divides the feature vector at each pixel by its root mean square.
  So the signals cannot grow without limit while the two networks compete.
- The minibatch standard deviation (`minibatch_std` in gan.py), before the last layers of D. It is
  the one place where D sees several examples. The paper takes its gradient penalty through it
  nevertheless.
- Samples are generated with an average of G's weights (`optim.ExponentialMovingAverage`).

**One difference from the paper:** a block of D is one convolution of 4x4 that halves the picture,
as in DCGAN, in place of two of 3x3 and an average. The first one reads the colours themselves. For
the same number of channels its step costs a fraction, and within hours it decides the quality: what
was compared is in demos/RESULTS.md.

**Sizes.** `channels` of G has one number for each size from 4 on. `PAPER_CHANNELS`, those of the
paper, end at 1024 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..backend import RNG
from ..nn import (
    Conv2d,
    EqualizedLR,
    LeakyReLU,
    Module,
    ModuleList,
    PixelNorm,
    Sequential,
    Unflatten,
)
from ..ops import avg_pool2d, interpolate, pixel_norm
from .equalized_lr import equalized_conv, equalized_linear
from .gan import minibatch_std

__all__ = ["PAPER_CHANNELS", "PGDiscriminator", "PGGenerator", "fade_in", "growth_stage"]

PAPER_CHANNELS = (512, 512, 512, 512, 256, 128, 64, 32, 16)
"""Channels at 4, 8, 16, ..., 1024 pixels."""


class PGGenerator(Module):
    """A generator that grows: noise z to pictures of any of its sizes.

    Parameters
    ----------
    latent_dim : int
        The dimensions of z. z is normalized, so its length does not matter.
    channels : sequence of int
        The channels at 4x4, 8x8, 16x16, ..., one number for each size.
    image_channels : int
        The channels of a picture.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(
        self, latent_dim: int, channels: Sequence[int], image_channels: int = 3, *, rng: RNG
    ):
        self.latent_dim, self.sizes = latent_dim, _sizes(len(channels))
        c = channels[0]
        # These follow each layer. They have no parameters, so all layers can share them.
        activation = [LeakyReLU(0.2), PixelNorm()]
        first_block = Sequential(
            equalized_linear(latent_dim, 16 * c, rng=rng),
            Unflatten(1, (c, 4, 4)),
            *activation,
            equalized_conv(c, c, 3, rng=rng),
            *activation,
        )
        self.blocks = ModuleList([first_block])
        for a, b in pairwise(channels):
            block = Sequential(
                equalized_conv(a, b, 3, rng=rng),
                *activation,
                equalized_conv(b, b, 3, rng=rng),
                *activation,
            )
            self.blocks.append(block)
        self.to_rgb = ModuleList(
            [equalized_conv(c, image_channels, 1, gain=1, rng=rng) for c in channels]
        )

    def forward(self, z, size: int, alpha: float = 1.0):
        """Map noise z (N, latent_dim) to pictures (N, image_channels, size, size).

        Parameters
        ----------
        z : array or Tensor
            Noise (N, latent_dim).
        size : int
            Height and width of the pictures, one of `sizes`.
        alpha : float
            How far the last block is faded in, from 0 to 1.

        Raises
        ------
        ValueError
            If `size` is not one of `sizes`.
        """
        last = _size_index(self, size)
        h = self.blocks[0](pixel_norm(z))  # (N, channels[0], 4, 4)
        for block in self.blocks[1 : last + 1]:
            h_old = h  # (N, C, s/2, s/2)
            h = block(upsample(h_old))  # (N, C', s, s)
        picture = self.to_rgb[last](h)  # (N, image_channels, size, size)
        if alpha == 1 or last == 0:
            return picture
        old_picture = self.to_rgb[last - 1](h_old)  # (N, image_channels, size/2, size/2)
        return (1 - alpha) * upsample(old_picture) + alpha * picture


class PGDiscriminator(Module):
    """A discriminator that grows: pictures of any of its sizes to logits, or to a critic's scores.

    Its layers are those of DCGAN: convolutions of 4x4 that downsample, from the colours on. So one
    layer alone sees the picture in its full size, and the largest feature maps have half of it.

    Parameters
    ----------
    channels : sequence of int
        The channels of the features at 4x4, 8x8, ..., up to half the size of the largest pictures.
        With three numbers, pictures have 4, 8, 16 or 32 pixels.
    image_channels, rng
        As for `PGGenerator`.
    group_size : int
        The number of examples per group. For each group of successive examples, the last layer
        gets their standard deviation as a further channel (`minibatch_std`). It has to divide the
        batch size.
    """

    def __init__(
        self, channels: Sequence[int], image_channels: int = 3, *, group_size: int = 4, rng: RNG
    ):
        self.group_size, self.sizes = group_size, _sizes(len(channels) + 1)
        # Pictures of 4x4 pixels keep their size, all others are downsampled at once.
        smallest = Sequential(
            equalized_conv(image_channels, channels[0], 1, rng=rng), LeakyReLU(0.2)
        )
        self.inputs = ModuleList([smallest])
        for c in channels:
            self.inputs.append(_downsampling_conv(image_channels, c, rng))
        self.blocks = ModuleList([_downsampling_conv(b, a, rng) for a, b in pairwise(channels)])
        output = Conv2d(channels[0] + 1, 1, 4, rng=rng)  # 4x4 to 1x1
        self.output = EqualizedLR(output, gain=1, rng=rng)

    def forward(self, x, alpha: float = 1.0):
        """Map pictures x (N, image_channels, size, size) to logits or scores (N,).

        Parameters
        ----------
        x : array or Tensor
            Pictures of one of `sizes`.
        alpha : float
            How far the layers for this size are faded in, from 0 to 1.

        Raises
        ------
        ValueError
            If the size of x is not one of `sizes`.
        """
        last = _size_index(self, x.shape[-1])
        h = self.inputs[last](x)  # (N, C, s/2, s/2)
        if last > 1:
            h = self.blocks[last - 2](h)  # (N, C', s/4, s/4)
        if last > 0 and alpha != 1:
            old_h = self.inputs[last - 1](avg_pool2d(x, 2))  # the same shape
            h = (1 - alpha) * old_h + alpha * h
        for block in reversed(self.blocks[: max(last - 2, 0)]):
            h = block(h)
        h = minibatch_std(h, self.group_size)  # (N, channels[0] + 1, 4, 4)
        return self.output(h).reshape((len(x),))  # (N,)


def fade_in(x, alpha: float):
    """Mix real pictures with coarse copies of themselves, as `PGGenerator` mixes its pictures.

    While a block is faded in, the generator's picture is a mixture of an upsampled picture, made of
    blocks of 2x2 equal pixels, and a fine one, with weights 1 - alpha and alpha. Real pictures have
    to be mixed in the same way. Otherwise the discriminator would recognize them by their details.

    **Math** (1 - alpha) up(down(x)) + alpha x.

    **Shapes** x (N, C, H, W) -> the same, H and W even.
    """
    if alpha == 1:
        return x
    return (1 - alpha) * upsample(avg_pool2d(x, 2)) + alpha * x


def growth_stage(step: int, stage_lengths: Sequence[int]) -> tuple[int, float]:
    """Return (size, alpha) at a training step.

    In the first half of each stage its block is faded in. The first stage that has any steps has
    nothing to fade in from, so there alpha is 1.

    Parameters
    ----------
    step : int
        The number of the step. Steps after the end belong to the last stage.
    stage_lengths : sequence of int
        The steps to spend at 4, 8, 16, ... pixels. Any of them may be 0.

    Raises
    ------
    ValueError
        If `stage_lengths` is empty.
    """
    if not stage_lengths:
        raise ValueError(
            "growth_stage: stage_lengths is empty; give the steps to spend at each size, "
            "from 4 pixels on"
        )
    first = next((k for k, length in enumerate(stage_lengths) if length), 0)
    last = len(stage_lengths) - 1
    k = 0
    while k < last and step >= stage_lengths[k]:
        step -= stage_lengths[k]
        k += 1
    alpha = min(2 * (step + 1) / max(stage_lengths[k], 1), 1.0) if k > first else 1.0
    return 4 << k, alpha


def upsample(x):
    """Repeat each pixel twice in both directions: x (N, C, H, W) -> (N, C, 2H, 2W)."""
    return interpolate(x, scale_factor=2)


def _downsampling_conv(in_channels: int, out_channels: int, rng: RNG) -> Sequential:
    """Build a convolution of 4x4 that halves height and width, and its activation."""
    conv = Conv2d(in_channels, out_channels, 4, stride=2, padding=1, rng=rng)
    return Sequential(EqualizedLR(conv, rng=rng), LeakyReLU(0.2))


def _sizes(n: int) -> list[int]:
    """Return the first n of the sizes 4, 8, 16, ..."""
    return [4 << k for k in range(n)]


def _size_index(model: PGGenerator | PGDiscriminator, size: int) -> int:
    """Return the index of a size among those of a model, or raise if it is not one of them."""
    if size not in model.sizes:
        raise ValueError(
            f"{type(model).__name__}: pictures of {size} pixels; this one was built for "
            f"{', '.join(map(str, model.sizes))}"
        )
    return model.sizes.index(size)
