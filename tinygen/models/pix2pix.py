"""Pix2pix: Isola, Zhu, Zhou and Efros, 2017.

The paper is "Image-to-Image Translation with Conditional Adversarial Networks".

**The task.** The data are pairs (x, y) of pictures that belong together: a drawing and the face it
was drawn from, or a map and a photograph of the place. Given x, generate y.

**Why the L1 loss alone is not enough.** A drawing does not say which colour the wall has. The best
answer to the absolute error is, in each pixel, the *median* of all y that are possible for x. (For
the squared error it is the mean.) Two examples:

- A wall may be red, green or blue. The median is black. (The mean is dark grey.)
- A strand of hair may be at many positions. Each pixel has no hair in most y, so the median has no
  strand at all.

No real y looks like such a median. A discriminator that sees many y learns to recognize this. So
its logits provide a loss that nobody has to write down (eq. 4 of the paper):

    G* = arg min_G max_D  E[log D(x, y)] + E[log(1 - D(x, G(x, z)))] + lambda E|y - G(x, z)|_1,

with lambda = 100 and |.|_1 as a mean over numbers from -1 to 1. As usual, G does not minimize
log(1 - D) but maximizes log D (section 3.3; `losses.non_saturating`).

**D sees the pair** (eq. 1). It does not decide whether y is a face, but whether y is a face that
belongs to this drawing.

**D classifies patches** (section 3.2.2). It has one logit per patch of the picture, and the loss is
the mean over all patches. The L1 loss already gets low frequencies right. What is left, texture and
sharpness, can be seen in a patch, and a network that sees patches needs fewer weights.

**G is a U-Net** (section 3.2.1). An encoder halves the picture several times, and a decoder doubles
it again. A *skip connection* gives each level of the decoder the features of the encoder at the
same size. If x and y have the same outlines, these need not pass through the bottleneck.

**Noise.** The authors gave G noise z as an input, and G learned to ignore it. So dropout is the
only noise, and it stays active when G is used (section 3.1). In `train()` mode G generates another
y at each call, though the differences are small. In `eval()` mode it always gives the same y.
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

__all__ = ["PatchDiscriminator", "UNet", "mean_absolute_error"]


class UNet(Module):
    """An encoder and a decoder with skip connections: pictures to pictures from -1 to 1.

    **Shapes** With w = `width` and s = `size`, written as channels x height and width:

        encoder   x -> w x s/2 -> 2w x s/4 -> ... -> at most 8w x 4
        decoder   ... -> 2w x s/4 -> w x s/2 -> w x s, where each level gets the output of the
                  previous level concatenated with the encoder's features of the same size
        output    the last level, concatenated with x, -> out_channels x s by a 3x3 convolution

    **Differences from the paper:**

    - The paper's encoder ends at 1x1, this one at 4x4.
    - The paper's outermost skip connection is at half the size. Here x itself is concatenated too,
      because in a picture of 32 pixels a line is one pixel wide and is damaged at half the size.
    - The paper uses dropout at three levels of the decoder, here only the smallest level has it.
    - The paper normalizes over each batch, which is one picture. There is no normalization here, so
      information such as the colour of a wall can pass. The initial weights preserve the scale of
      the signal instead (`nn.init.kaiming_normal_`).

    Parameters
    ----------
    in_channels, out_channels : int
        The channels of x and of y.
    size : int
        Height and width of a picture: 16, 32, 64, ... The encoder halves it down to 4.
    width : int
        The channels at half the size. Each smaller size has twice as many, up to 8 times `width`.
    dropout : float
        The probability of dropping a number at 8x8, the decoder's smallest level.
    rng : RNG
        Draws the initial weights and the dropout. The model is on its device.

    Raises
    ------
    ValueError
        If `size` is not a power of two of at least 16.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int = 32,
        width: int = 32,
        dropout: float = 0.5,
        *,
        rng: RNG,
    ):
        num_levels = size.bit_length() - 3
        if num_levels < 2 or size != 4 << num_levels:
            raise ValueError(
                "UNet: size is a power of two from 16 on, because it is halved down to 4; "
                f"got {size}"
            )
        self.size = size
        channels = [width << min(k, 3) for k in range(num_levels)]  # at size/2, size/4, ..., 4
        self.down_blocks, self.up_blocks = ModuleList(), ModuleList()
        for a, b in pairwise([in_channels, *channels]):
            block = Sequential(Conv2d(a, b, 4, 2, 1, rng=rng), LeakyReLU(0.2))
            self.down_blocks.append(block)
        skip_channels = 0  # the smallest level has no skip connection
        for k, (a, b) in enumerate(pairwise([*channels[::-1], width])):
            noise = Dropout(dropout, rng=rng) if k == 0 else Identity()
            conv = ConvTranspose2d(a + skip_channels, b, 4, 2, 1, rng=rng)
            self.up_blocks.append(Sequential(conv, noise, ReLU()))
            skip_channels = b
        self.output = Sequential(
            Conv2d(width + in_channels, out_channels, 3, 1, 1, rng=rng), Tanh()
        )
        init.kaiming_normal_(self, rng)
        # Start near grey. The network would first have to unlearn a random picture.
        weight = self.output[0].weight
        weight.data = 0.1 * weight.data

    def forward(self, x):
        """Map x (N, in_channels, size, size) to y (N, out_channels, size, size)."""
        if x.shape[2:] != (self.size, self.size):
            raise ValueError(
                f"UNet: pictures {x.shape}; this one was built for "
                f"(N, channels, {self.size}, {self.size})"
            )
        skips = [x]  # (N, in_channels, s, s)
        for block in self.down_blocks:
            skips.append(block(skips[-1]))  # (N, w, s/2, s/2), (N, 2w, s/4, s/4), ...
        h = skips.pop()  # (N, c, 4, 4)
        for block in self.up_blocks:
            h = block(h)  # doubles the size
            h = concatenate(h, skips.pop(), axis=1)  # appends the channels of the encoder
        return self.output(h)  # (N, out_channels, s, s)


class PatchDiscriminator(Module):
    """A discriminator with one logit per patch, of one picture or of several that belong together.

        D = PatchDiscriminator(1 + 3, rng=rng);  D(x, y)    a drawing and a face
        D = PatchDiscriminator(3, rng=rng);      D(y)       a face

    It consists of convolutions with kernel size 4, each of which halves the size, and one with
    kernel size 3 for the logits. It has no normalization, so that its gradient norm can be
    penalized (losses/penalties.py).

    Parameters
    ----------
    in_channels : int
        The channels of all pictures together.
    width : int
        The channels at half the size. Each smaller size has twice as many.
    num_downsamplings : int
        2 for patches of 18 pixels, 3 for patches of 38: each one more doubles the patch and adds 2.
        The paper's patches have 70 pixels, in pictures of 256.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(self, in_channels: int, width: int = 32, num_downsamplings: int = 2, *, rng: RNG):
        channels = [in_channels, *(width << k for k in range(num_downsamplings))]
        layers = []
        for a, b in pairwise(channels):
            layers += [Conv2d(a, b, 4, 2, 1, rng=rng), LeakyReLU(0.2)]
        self.layers = Sequential(*layers, Conv2d(channels[-1], 1, 3, 1, 1, rng=rng))
        init.kaiming_normal_(self, rng)

    def forward(self, *pictures):
        """Map pictures (N, C_i, s, s) to logits (N, 1, s / 2^k, s / 2^k), k downsamplings."""
        x = concatenate(*pictures, axis=1) if len(pictures) > 1 else pictures[0]
        return self.layers(x)


def mean_absolute_error(x, x_hat):
    """Return |x - x_hat| as a mean over all numbers: what lambda multiplies in the paper."""
    return absolute_error(x, x_hat).mean() * (len(x) / x.size)
