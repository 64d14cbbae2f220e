"""Bidirectional GANs: Donahue, Krahenbuhl and Darrell, 2017; Dumoulin et al., 2017.

The papers are "Adversarial Feature Learning" and "Adversarially Learned Inference".
"""

from __future__ import annotations

from ...autograd.tensor import no_grad
from ...backend import RNG
from ...losses import minimax_value, non_saturating
from .base import UnconditionalGAN
from .networks import ConvDiscriminator, Shape

__all__ = ["BiGAN"]


class BiGAN(UnconditionalGAN):
    """The code is an input of D, and an encoder E computes the code of each real picture.

    D has to distinguish the pairs (x, E(x)) from the pairs (G(z), z). Both are pairs of a picture
    and a code. If D cannot distinguish them, the two joint distributions are equal. Then E inverts
    G, that is G(E(x)) = x (theorem 2 of Donahue et al.).

    No pixel is ever compared with another. So where the networks do not reach this optimum, G(E(x))
    is another picture of the same kind.

    Parameters
    ----------
    latent_dim, channels, image_shape, rng
        As for `UnconditionalGAN`.
    """

    def __init__(
        self,
        latent_dim: int = 32,
        channels: int = 64,
        image_shape: Shape = (1, 28, 28),
        *,
        rng: RNG,
    ):
        super().__init__(latent_dim, channels, image_shape, code_dim=latent_dim, rng=rng)
        self.E = ConvDiscriminator(latent_dim, channels=channels, image_shape=image_shape, rng=rng)

    def generator_parameters(self) -> list:
        """Return the parameters of G and E."""
        return [*self.G.parameters(), *self.E.parameters()]

    def discriminate(self, x, y):
        """Map pictures x, with their codes E(x), to the logits of "real", (N,)."""
        with no_grad():
            code = self.E(x)  # (N, latent_dim)
        return self.D(x, code)[:, 0]

    def discriminator_loss(self, x, y, fake, code):
        """Return -log D(x, E(x)) - log(1 - D(G(z), z)), (N,)."""
        return -minimax_value(self.discriminate(x, y), self.D(fake, code)[:, 0])

    def generator_loss(self, x, y, fake, code):
        """Return -log D(G(z), z) - log(1 - D(x, E(x))), (N,).

        G wants its pairs to be classified as real, and E wants its pairs to be classified as fake.
        """
        fake_loss = non_saturating(self.D(fake, code)[:, 0])
        return fake_loss + non_saturating(-self.D(x, self.E(x))[:, 0])
