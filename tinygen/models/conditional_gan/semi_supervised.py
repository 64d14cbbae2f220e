"""A semi-supervised GAN: Salimans et al., Improved Techniques for Training GANs, 2016."""

from __future__ import annotations

import numpy as np

from ...autograd.tensor import no_grad
from ...backend import RNG
from ...losses import cross_entropy, minimax_value, squared_error
from ...ops import logsumexp
from .base import UnconditionalGAN
from .networks import Shape

__all__ = ["SemiSupervisedGAN"]


class SemiSupervisedGAN(UnconditionalGAN):
    """D is a classifier with K classes; a fake picture belongs to none of them.

    Few labels are known. The others are -1 in y.

    **K logits are enough** (section 5 of the paper). Take a classifier with K + 1 classes, the last
    one for fake pictures. Adding one number to all logits does not change a softmax, so let the
    last logit be 0. With

        Z = e^(o_1) + ... + e^(o_K),

    the probability of all K real classes together is

        p(real | x) = Z / (Z + 1),

    and its logit is log p(real | x) / (1 - p(real | x)) = log Z. So the logit of "real" and the
    classes come from the same K numbers. What D learns from all pictures by telling real from fake
    is also useful for the classes.

    **Feature matching** (section 3.1 of the paper). G does not maximize the logit of "real".
    Instead it minimizes the squared distance between the mean features of its batch and those of
    real pictures. Its samples become worse, and the classifier becomes better.

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
        super().__init__(latent_dim, channels, image_shape, num_outputs=num_classes, rng=rng)

    def discriminate(self, x, y):
        """Map pictures x to the logits of "real", log Z, (N,)."""
        return logsumexp(self.D(x), axis=1)

    def discriminator_loss(self, x, y, fake, code):
        """Return the adversarial loss plus the cross-entropy of the known labels, (N,)."""
        logits = self.D(x)  # (N, K)
        # The weight makes the mean over all examples a mean over the known labels.
        weight = np.float32(len(y) / max(int((y >= 0).sum()), 1))
        classification = weight * cross_entropy(logits, y, ignore_index=-1, reduction="none")
        return classification - minimax_value(logsumexp(logits, axis=1), self.discriminate(fake, y))

    def generator_loss(self, x, y, fake, code):
        """Return |mean features of fake - mean features of x|^2, one number for the batch, (1,)."""
        with no_grad():
            target = self.D.extract_features(x).mean(axis=0, keepdims=True)  # (1, hidden)
        return squared_error(self.D.extract_features(fake).mean(axis=0, keepdims=True), target)
