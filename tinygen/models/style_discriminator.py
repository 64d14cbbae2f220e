"""The discriminator of StyleGAN2: Karras et al., 2020.

The paper is "Analyzing and Improving the Image Quality of StyleGAN". The generator is in
stylegan.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..backend import RNG
from ..nn import Flatten, LeakyReLU, Module, ModuleList, Sequential
from ..ops import avg_pool2d
from .equalized_lr import SQRT2, equalized_conv, equalized_linear
from .gan import minibatch_std

__all__ = ["StyleDiscriminator"]


class StyleDiscriminator(Module):
    """The discriminator of 2020: residual blocks, pictures to logits.

    Each size has one block: two convolutions, and in parallel a 1x1 convolution as shortcut. Both
    downsample. Their sum is divided by sqrt(2), so that the mean square of the signal does not
    grow.

    Parameters
    ----------
    channels, image_channels, rng
        As for `StyleGenerator`.
    group_size : int
        The number of examples per group. For each group of successive examples, the last layers
        get their standard deviation as a further channel (`minibatch_std`). It has to divide the
        batch size.
    """

    def __init__(
        self, channels: Sequence[int], image_channels: int = 3, *, group_size: int = 4, rng: RNG
    ):
        self.group_size, self.size = group_size, 2 << len(channels)
        activation = LeakyReLU(0.2)
        from_rgb = equalized_conv(image_channels, channels[-1], 1, rng=rng)
        self.from_rgb = Sequential(from_rgb, activation)
        blocks = [*pairwise(channels[::-1])]  # input and output channels, the largest size first
        self.first_convs = ModuleList(
            [Sequential(equalized_conv(a, a, 3, rng=rng), activation) for a, _ in blocks]
        )
        self.second_convs = ModuleList(
            [Sequential(equalized_conv(a, b, 3, rng=rng), activation) for a, b in blocks]
        )
        self.shortcuts = ModuleList(
            [equalized_conv(a, b, 1, bias=False, gain=1, rng=rng) for a, b in blocks]
        )
        c = channels[0]
        self.output = Sequential(
            equalized_conv(c + 1, c, 3, rng=rng),
            activation,
            Flatten(),
            equalized_linear(16 * c, c, rng=rng),
            activation,
            equalized_linear(c, 1, gain=1, rng=rng),
        )

    def forward(self, x):
        """Map pictures x (N, image_channels, size, size) to logits (N,)."""
        if x.shape[2:] != (self.size, self.size):
            raise ValueError(
                f"StyleDiscriminator: pictures {x.shape}; this one was built for "
                f"(N, image_channels, {self.size}, {self.size})"
            )
        h = self.from_rgb(x)  # (N, channels[-1], size, size)
        blocks = zip(self.first_convs, self.second_convs, self.shortcuts, strict=True)
        for first_conv, second_conv, shortcut in blocks:
            residual = second_conv(avg_pool2d(first_conv(h), 2))  # (N, C, s/2, s/2)
            h = (residual + shortcut(avg_pool2d(h, 2))) / SQRT2  # (N, C, s/2, s/2)
        h = minibatch_std(h, self.group_size)  # (N, channels[0] + 1, 4, 4)
        return self.output(h).reshape((len(x),))  # (N,)
