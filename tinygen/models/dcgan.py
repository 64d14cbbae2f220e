"""Deep convolutional GAN: Radford, Metz and Chintala, Unsupervised Representation Learning with Deep Convolutional GANs, 2015.

**What made it work**, where convolutional GANs had not: no pooling, strides instead; batch normalization in both networks, but not at the generator's output
nor the discriminator's input; no hidden dense layers; relu in the generator, tanh at its end, leaky relu in the discriminator; weights from N(0, 0.02^2).

**Shapes.** Noise is a picture of 1x1 with many channels. The generator makes it 4x4, then doubles the size and halves the channels until the picture's; the
discriminator goes the same way back to one logit. Pictures are from -1 to 1, tanh's range.

**Batch normalization sees a batch.** The discriminator must see real and fake pictures in separate batches: in a mixed one, the means themselves would tell them
apart. And a fake depends on the other fakes of its batch; for pictures to look at use `eval()`. A penalty on the discriminator's slope (losses/penalties.py)
asks for each example by itself: then leave its normalization out, and let `nn.init.kaiming_normal_` draw weights that keep the signal without it.
"""

from __future__ import annotations

from itertools import pairwise

from ..backend import RNG
from ..nn import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    LeakyReLU,
    Module,
    ReLU,
    Sequential,
    Tanh,
    init,
)

__all__ = ["DCDiscriminator", "DCGenerator"]


class DCGenerator(Module):
    """z (N, latent_dim) to pictures (N, colours, size, size) from -1 to 1.

    Parameters
    ----------
    latent_dim : dimensions of z.
    colours, size : of a picture; size 8, 16, 32, 64 ...
    width : channels at the last hidden size, half the picture's; each smaller one has twice as many.
    generator : draws the initial weights; the model lies on its device.
    """

    def __init__(self, latent_dim: int = 100, colours: int = 3, size: int = 32, width: int = 64, *, rng: RNG):
        channels = _channels("DCGenerator", size, width)
        self.latent_dim = latent_dim
        layers = [ConvTranspose2d(latent_dim, channels[0], 4, 1, 0, bias=False, rng=rng), BatchNorm2d(channels[0]), ReLU()]  # 4x4
        for a, b in pairwise(channels):
            layers += [ConvTranspose2d(a, b, 4, 2, 1, bias=False, rng=rng), BatchNorm2d(b), ReLU()]
        self.layers = Sequential(*layers, ConvTranspose2d(channels[-1], colours, 4, 2, 1, rng=rng), Tanh())
        _small_weights(self, rng)

    def forward(self, z):
        return self.layers(z.reshape((*z.shape, 1, 1)))


class DCDiscriminator(Module):
    """Pictures (N, colours, size, size) to one logit each, (N,). Parameters as for `DCGenerator`; `normalized=False` leaves batch normalization out."""

    def __init__(self, colours: int = 3, size: int = 32, width: int = 64, *, normalized: bool = True, rng: RNG):
        channels = _channels("DCDiscriminator", size, width)[::-1]
        layers = [Conv2d(colours, channels[0], 4, 2, 1, rng=rng), LeakyReLU(0.2)]
        for a, b in pairwise(channels):
            layers += [Conv2d(a, b, 4, 2, 1, bias=not normalized, rng=rng), *[BatchNorm2d(b)] * normalized, LeakyReLU(0.2)]
        self.layers = Sequential(*layers, Conv2d(channels[-1], 1, 4, 1, 0, rng=rng))  # 4x4 to 1x1
        _small_weights(self, rng)

    def forward(self, x):
        return self.layers(x).reshape((len(x),))


def _channels(name: str, size: int, width: int) -> list[int]:
    """Channels at 4x4, 8x8, ..., size/2."""
    levels = int(size).bit_length() - 3
    if levels < 1 or size != 4 << levels:
        raise ValueError(f"{name}: size is a power of two from 8 on, the picture being halved down to 4x4; got {size}")
    return [width << k for k in reversed(range(levels))]


def _small_weights(model: Module, rng: RNG) -> None:
    for layer in model.layers:
        if isinstance(layer, (Conv2d, ConvTranspose2d)):
            layer.weight.data = init.normal(layer.weight.shape, rng, std=0.02)
        elif isinstance(layer, BatchNorm2d):
            layer.weight.data = init.normal(layer.weight.shape, rng, mean=1.0, std=0.02)
