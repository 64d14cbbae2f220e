"""Deep convolutional GAN: Radford, Metz and Chintala, 2015.

The paper is "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks".

**What makes it train**, where earlier convolutional GANs failed:

- strided convolutions instead of pooling;
- batch normalization in both networks, but neither at the generator's output nor at the
  discriminator's input;
- no hidden fully connected layers;
- ReLU in the generator and tanh at its output; leaky ReLU in the discriminator;
- initial weights from N(0, 0.02^2).

**Shapes** Noise is treated as a 1x1 picture with many channels. The generator maps it to 4x4. Each
following layer doubles the size and halves the channels, up to the size of the picture. The
discriminator does the reverse, down to one logit. Pictures are from -1 to 1, the range of tanh.

**Batch normalization couples the examples of a batch.** This has three consequences:

- The discriminator has to see real and fake pictures in separate batches. In a mixed batch, the
  statistics of the batch would distinguish them.
- In training, a fake picture depends on the other pictures of its batch. Use `eval()` to generate
  pictures for viewing.
- A penalty on the gradient norm of the discriminator (losses/penalties.py) needs a logit that
  depends on its own example alone. Then use `batch_norm=False`, and draw the weights with
  `nn.init.kaiming_normal_`, which preserves the scale of the signal without normalization.
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
    """A generator of transposed convolutions: noise to pictures from -1 to 1.

    Parameters
    ----------
    latent_dim : int
        The dimensions of z.
    image_channels, size : int
        The channels of a picture, and its height and width: 8, 16, 32, 64, ...
    width : int
        The channels of the last hidden layer, at half the size of the picture. Each smaller size
        has twice as many.
    rng : RNG
        Draws the initial weights. The model is on its device.

    Raises
    ------
    ValueError
        If `size` is not a power of two of at least 8.
    """

    def __init__(
        self,
        latent_dim: int = 100,
        image_channels: int = 3,
        size: int = 32,
        width: int = 64,
        *,
        rng: RNG,
    ):
        channels = _hidden_channels("DCGenerator", size, width)
        self.latent_dim = latent_dim
        layers = [
            ConvTranspose2d(latent_dim, channels[0], 4, 1, 0, bias=False, rng=rng),  # 1x1 to 4x4
            BatchNorm2d(channels[0], device=rng.device),
            ReLU(),
        ]
        for a, b in pairwise(channels):
            layers += [
                ConvTranspose2d(a, b, 4, 2, 1, bias=False, rng=rng),  # doubles the size
                BatchNorm2d(b, device=rng.device),
                ReLU(),
            ]
        output = ConvTranspose2d(channels[-1], image_channels, 4, 2, 1, rng=rng)
        self.layers = Sequential(*layers, output, Tanh())
        _draw_weights(self, rng)

    def forward(self, z):
        """Map noise z (N, latent_dim) to pictures (N, image_channels, size, size)."""
        z = z.reshape((*z.shape, 1, 1))  # (N, latent_dim, 1, 1)
        return self.layers(z)


class DCDiscriminator(Module):
    """A discriminator of strided convolutions: pictures to logits.

    Parameters
    ----------
    image_channels, size, width, rng
        As for `DCGenerator`.
    batch_norm : bool
        Whether hidden layers but the first have batch normalization, as in the paper.
    """

    def __init__(
        self,
        image_channels: int = 3,
        size: int = 32,
        width: int = 64,
        *,
        batch_norm: bool = True,
        rng: RNG,
    ):
        channels = _hidden_channels("DCDiscriminator", size, width)[::-1]
        layers = [Conv2d(image_channels, channels[0], 4, 2, 1, rng=rng), LeakyReLU(0.2)]
        for a, b in pairwise(channels):
            layers.append(Conv2d(a, b, 4, 2, 1, bias=not batch_norm, rng=rng))  # halves the size
            if batch_norm:
                layers.append(BatchNorm2d(b, device=rng.device))
            layers.append(LeakyReLU(0.2))
        self.layers = Sequential(*layers, Conv2d(channels[-1], 1, 4, 1, 0, rng=rng))  # 4x4 to 1x1
        _draw_weights(self, rng)

    def forward(self, x):
        """Map pictures x (N, image_channels, size, size) to logits (N,)."""
        logits = self.layers(x)  # (N, 1, 1, 1)
        return logits.reshape((len(x),))


def _hidden_channels(name: str, size: int, width: int) -> list[int]:
    """Return the channels at 4x4, 8x8, ..., size/2."""
    num_sizes = int(size).bit_length() - 3
    if num_sizes < 1 or size != 4 << num_sizes:
        raise ValueError(
            f"{name}: size is a power of two of at least 8, because it is halved down to 4; "
            f"got {size}"
        )
    return [width << k for k in reversed(range(num_sizes))]


def _draw_weights(model: Module, rng: RNG) -> None:
    """Draw weights from N(0, 0.02^2), those of batch normalization from N(1, 0.02^2)."""
    for layer in model.layers:
        if isinstance(layer, (Conv2d, ConvTranspose2d)):
            layer.weight.data = init.normal(layer.weight.shape, rng, std=0.02)
        elif isinstance(layer, BatchNorm2d):
            layer.weight.data = init.normal(layer.weight.shape, rng, mean=1.0, std=0.02)
