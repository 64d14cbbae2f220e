"""What the conditional GANs have in common: two networks and the non-saturating loss.

    sample_code(y, rng)                      what G generates a batch of pictures from
    discriminate(x, y)                       the logits of "x is real", (N,), which R1 regularizes
    discriminator_loss(x, y, fake, code)     the loss of D per example, (N,)
    generator_loss(x, y, fake, code)         the loss of G per example, and of E if there is one
    generator_parameters()                   the parameters that minimize `generator_loss`

x are real pictures and fake = G(code) are generated ones, both (N, *image_shape) from -1 to 1. y
are integer labels (N,). For `discriminator_loss`, `fake` is detached from its graph.

On a GPU, `one_hot` and `cross_entropy` each wait once to check the labels.
"""

from __future__ import annotations

import numpy as np

from ...backend import RNG
from ...losses import minimax_value, non_saturating
from ...nn import Module
from ...ops import concatenate, one_hot
from .networks import ConvDiscriminator, ConvGenerator, Shape

__all__ = ["ClassConditionalGAN", "UnconditionalGAN", "scaled_one_hot"]


class UnconditionalGAN(Module):
    """A GAN without labels: the base class, whose methods the five GANs override.

    The first output of D is the logit of "real".

    Parameters
    ----------
    latent_dim : int
        The dimensions of the noise.
    channels, image_shape
        As for `ConvGenerator` and `ConvDiscriminator`.
    condition_dim : int
        The numbers in a code in addition to the noise.
    num_outputs, code_dim : int
        As for `ConvDiscriminator`.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(
        self,
        latent_dim: int = 32,
        channels: int = 64,
        image_shape: Shape = (1, 28, 28),
        *,
        condition_dim: int = 0,
        num_outputs: int = 1,
        code_dim: int = 0,
        rng: RNG,
    ):
        self.latent_dim = latent_dim
        self.G = ConvGenerator(latent_dim + condition_dim, channels, image_shape, rng=rng)
        self.D = ConvDiscriminator(num_outputs, code_dim, channels, image_shape, rng=rng)

    def generator_parameters(self) -> list:
        """Return the parameters that minimize `generator_loss`."""
        return [*self.G.parameters()]

    def sample_code(self, y, rng: RNG):
        """Sample noise (N, latent_dim), N = len(y)."""
        return rng.normal((len(y), self.latent_dim))

    def discriminate(self, x, y):
        """Map pictures x and labels y to the logits of "real", (N,)."""
        return self.D(x)[:, 0]

    def discriminator_loss(self, x, y, fake, code):
        """Return -log D(x) - log(1 - D(fake)), (N,)."""
        return -minimax_value(self.discriminate(x, y), self.discriminate(fake, y))

    def generator_loss(self, x, y, fake, code):
        """Return -log D(fake), (N,)."""
        return non_saturating(self.discriminate(fake, y))


class ClassConditionalGAN(UnconditionalGAN):
    """The base class of the GANs whose generator gets the label: it is part of the code.

    D has 1 + K outputs, o_0 ... o_K.

    Parameters
    ----------
    num_classes : int
        K, the number of classes.
    latent_dim, channels, image_shape, rng
        As for `UnconditionalGAN`.
    """

    def __init__(
        self,
        latent_dim: int = 32,
        num_classes: int = 10,
        channels: int = 64,
        image_shape: Shape = (1, 28, 28),
        *,
        rng: RNG,
    ):
        super().__init__(
            latent_dim,
            channels,
            image_shape,
            condition_dim=num_classes,
            num_outputs=1 + num_classes,
            rng=rng,
        )
        self.num_classes = num_classes

    def sample_code(self, y, rng: RNG):
        """Sample noise and append the label y: (N, latent_dim + K)."""
        z = super().sample_code(y, rng)  # (N, latent_dim)
        return concatenate(z, scaled_one_hot(y, self.num_classes), axis=1)


def scaled_one_hot(y, num_classes: int):
    """Return labels y (N,) as one-hot vectors times sqrt(K), (N, K), K = `num_classes`.

    Their mean square is 1, as that of the noise. So the noise does not dominate the
    label in the generator's first layer.
    """
    return one_hot(y, num_classes) * np.float32(num_classes**0.5)
