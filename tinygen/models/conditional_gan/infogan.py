"""InfoGAN: Chen et al., 2016.

The paper is "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative
Adversarial Nets".
"""

from __future__ import annotations

from ...backend import RNG
from ...losses import cross_entropy, minimax_value, non_saturating, squared_error
from ...ops import concatenate
from .base import UnconditionalGAN, scaled_one_hot
from .networks import Shape

__all__ = ["InfoGAN"]


class InfoGAN(UnconditionalGAN):
    """D predicts the code of G, so no label is needed.

    The code consists of noise z, a categorical code c with K equally likely classes, and continuous
    codes u from U(-1, 1).

    **Why predict the code.** G could ignore c and u. To prevent this, InfoGAN maximizes their
    mutual information with the picture x = G(z, c, u). For c (and likewise for u):

        I(c; x) = H(c) - H(c | x) = H(c) + E[log p(c|x)].

    The posterior p(c|x) is unknown. Put any distribution q(c|x) in its place (section 5 of the
    paper). First split the logarithm:

        E[log p(c|x)] = E[log q(c|x)] + E[log p(c|x) / q(c|x)].

    The last term is KL(p(c|x) || q(c|x)), averaged over x. It is not negative. Leave it out:

        I(c; x) >= H(c) + E[log q(c|x)].

    H(c) is constant, so maximizing the bound means minimizing -log q(c, u | x). q is a second
    output of D: softmax(o_1 ... o_K) for c, and N(o, 1) for each number of u, whose -log q is half
    a squared error plus a constant. This is AC-GAN's loss, with labels that are sampled.

    Parameters
    ----------
    num_classes : int
        K, the number of classes of c.
    num_continuous : int
        The dimensions of u.
    info_weight : float
        The weight of -log q in both losses, lambda in the paper.
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
        num_continuous: int = 2,
        info_weight: float = 1.0,
        rng: RNG,
    ):
        super().__init__(
            latent_dim,
            channels,
            image_shape,
            condition_dim=num_classes + num_continuous,
            num_outputs=1 + num_classes + num_continuous,
            rng=rng,
        )
        self.num_classes, self.num_continuous = num_classes, num_continuous
        self.info_weight = info_weight

    def sample_code(self, y, rng: RNG):
        """Sample z, c and u: (N, latent_dim + K + num_continuous). Of y only the length is used."""
        n = len(y)
        c = scaled_one_hot(rng.integers(0, self.num_classes, (n,)), self.num_classes)
        z = super().sample_code(y, rng)
        u = 2 * rng.uniform((n, self.num_continuous)) - 1
        return concatenate(z, c, u, axis=1)

    def code_nll(self, out, code):
        """Return -log q(c, u | x) from D's outputs `out`, up to a constant.

        **Shapes** out (N, 1 + K + num_continuous), code (N, latent_dim + K + num_continuous)
        -> (N,).
        """
        u_start, last_class = self.latent_dim + self.num_classes, 1 + self.num_classes
        c = code[:, self.latent_dim : u_start].argmax(axis=1)  # (N,)
        u = code[:, u_start:]  # (N, num_continuous)
        class_nll = cross_entropy(out[:, 1:last_class], c, reduction="none")
        return class_nll + squared_error(out[:, last_class:], u) / 2

    def discriminator_loss(self, x, y, fake, code):
        """Return the adversarial loss plus the weighted -log q of the code, (N,)."""
        fake_out = self.D(fake)
        adversarial = -minimax_value(self.discriminate(x, y), fake_out[:, 0])
        return adversarial + self.info_weight * self.code_nll(fake_out, code)

    def generator_loss(self, x, y, fake, code):
        """Return the adversarial loss plus the weighted -log q of the code, (N,)."""
        fake_out = self.D(fake)
        return non_saturating(fake_out[:, 0]) + self.info_weight * self.code_nll(fake_out, code)
