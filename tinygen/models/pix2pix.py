"""Pix2pix: Isola, Zhu, Zhou and Efros, Image-to-Image Translation with Conditional Adversarial Networks, 2017.

**The task.** Pairs (x, y) of pictures that belong together: a drawing and the face it was drawn from, a map and the photograph of the place. Given x, make y.

**Why L1 alone is not enough.** A drawing does not say what colour the wall is. The best answer to the absolute error is, in each pixel, the *median* of all y
that x allows (to the squared error, their mean): of red, green and blue walls a black one (a dark grey one), of a strand of hair that may fall here or there
none, for most y have none in this pixel. No y looks like that. A discriminator that sees many y learns so, and its verdict is a loss that nobody wrote down
(their eq. 4):

    G* = arg min_G max_D  E[log D(x, y)] + E[log(1 - D(x, G(x, z)))] + lambda E|y - G(x, z)|_1,    lambda = 100, the last a mean over numbers from -1 to 1.

(G, as usual, does not lower log(1 - D) but raises log D: `losses.non_saturating`; their section 3.3.)

**D sees the pair** (eq. 1): not whether y is a face, but whether it is a face that this may be the drawing of. It judges *patches*, each by itself, and their
verdicts are averaged: L1 has low frequencies right already, what is left to a patch is texture and sharpness, and fewer weights do (section 3.2.2).

**G is a U-Net** (section 3.2.1): an encoder that halves the picture and a decoder that doubles it; each level of the decoder also sees what the encoder knew at this
size, by a *skip*. Where x and y share their outlines, these need not go through the bottleneck.

**Noise.** Given z as an input, their G learned to ignore it; so noise is dropout alone, when G is used too (section 3.1): keep it in `train()` to draw, and another
y comes out each time, though not very different ones. In `eval()` it gives one answer.
"""

from __future__ import annotations

from itertools import pairwise

from ..backend import RNG
from ..losses import absolute_error
from ..nn import (
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Identity,
    LeakyReLU,
    Module,
    ModuleList,
    ReLU,
    Sequential,
    Tanh,
    init,
)
from ..ops import concatenate

__all__ = ["PatchDiscriminator", "UNet", "mean_error"]


class UNet(Module):
    """Pictures x (N, in_channels, size, size) to pictures (N, out_channels, size, size) from -1 to 1.

        x -> w x size/2 -> 2w x size/4 -> ... -> 4x4, and back; at each size on the way back the encoder's channels are put beside the decoder's,
        and at last x itself, before a convolution of kernel 3 to the colours

    Parameters
    ----------
    in_channels, out_channels : channels of x and of y.
    size : height and width, 16, 32, 64 ...; the encoder halves it down to 4.
    width : channels at half the size; each smaller size has twice as many, to 8 times.
    dropout : what part of the decoder's numbers at 8x8, its smallest level, is dropped.
    generator : draws the initial weights and the dropout; the model lies on its device.

    Differs from the paper's, whose encoder ends at 1x1, whose outermost skip is that at half the size (in 32 pixels a line is one pixel wide, and half of it is lost
    there), which drops at three levels, and which normalizes each batch (of one picture): there is no normalization here; weights drawn for it (`nn.init.kaiming_normal_`) keep
    the signal, and what a wall's colour is may pass.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int = 32, width: int = 32, dropout: float = 0.5, *, rng: RNG):
        levels = size.bit_length() - 3
        if levels < 2 or size != 4 << levels:
            raise ValueError(f"UNet: size is a power of two from 16 on, the picture being halved down to 4x4; got {size}")
        self.size = size
        channels = [width << min(k, 3) for k in range(levels)]  # at size/2, size/4, ..., 4
        self.down_blocks, self.up_blocks = ModuleList(), ModuleList()
        for a, b in pairwise([in_channels, *channels]):
            self.down_blocks.append(Sequential(Conv2d(a, b, 4, 2, 1, rng=rng), LeakyReLU(0.2)))
        skipped = 0  # the encoder's channels of this size; at the full one, x itself
        for k, (a, b) in enumerate(pairwise([*channels[::-1], width])):
            drop = Identity() if k else Dropout(dropout, rng=rng)
            self.up_blocks.append(Sequential(ConvTranspose2d(a + skipped, b, 4, 2, 1, rng=rng), drop, ReLU()))
            skipped = b
        self.output = Sequential(Conv2d(width + in_channels, out_channels, 3, 1, 1, rng=rng), Tanh())
        init.kaiming_normal_(self, rng)
        weight = self.output[0].weight
        weight.data = 0.1 * weight.data  # begin near grey, not with noise that must be unlearned first

    def forward(self, x):
        if x.shape[2:] != (self.size, self.size):
            raise ValueError(f"UNet: pictures {x.shape}; this one was built for (N, channels, {self.size}, {self.size})")
        kept = [x]
        for down in self.down_blocks:
            kept.append(down(kept[-1]))
        x = kept.pop()
        for up in self.up_blocks:
            x = concatenate(up(x), kept.pop(), axis=1)
        return self.output(x)


class PatchDiscriminator(Module):
    """Pictures, one or several that belong together, to a map of logits, each of which judges a patch of the picture: (N, 1, size/2^halvings, size/2^halvings).

        D = PatchDiscriminator(1 + 3, generator=g);  D(x, y)          a drawing and a face
        D = PatchDiscriminator(3, generator=g);      D(y)             a face

    Convolutions of kernel 4, each of which halves the picture, and one of kernel 3 to the logits. No normalization, so that penalties on its slope can be taken.

    Parameters
    ----------
    colours : channels of all pictures together.
    width : channels at half the size; each smaller size has twice as many.
    halvings : 2 for patches of 18 pixels, 3 for 38, and with each more twice as many and 2. (The paper's are of 70, in pictures of 256.)
    """

    def __init__(self, colours: int, width: int = 32, halvings: int = 2, *, rng: RNG):
        channels = [colours, *(width << k for k in range(halvings))]
        halved = [layer for a, b in pairwise(channels) for layer in (Conv2d(a, b, 4, 2, 1, rng=rng), LeakyReLU(0.2))]
        self.layers = Sequential(*halved, Conv2d(channels[-1], 1, 3, 1, 1, rng=rng))
        init.kaiming_normal_(self, rng)

    def forward(self, *pictures):
        return self.layers(concatenate(*pictures, axis=1) if len(pictures) > 1 else pictures[0])


def mean_error(x, x_hat):
    """E|x - x_hat|_1, a mean over pictures and numbers: what lambda stands before, here and in cyclegan.py."""
    return absolute_error(x, x_hat).mean() * (len(x) / x.size)
