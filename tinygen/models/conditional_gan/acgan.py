"""AC-GAN: Odena, Olah and Shlens, 2017.

The paper is "Conditional Image Synthesis with Auxiliary Classifier GANs".
"""

from __future__ import annotations

from ...losses import cross_entropy, minimax_value, non_saturating
from .base import ClassConditionalGAN

__all__ = ["ACGAN"]


class ACGAN(ClassConditionalGAN):
    """D predicts the label: o_0 is the logit of "real", softmax(o_1 ... o_K) the class.

    Both networks minimize the cross-entropy of the predicted class, in addition to the adversarial
    loss.

    **The drawback.** The cross-entropy rewards G for pictures that are *easy to classify*. Of two
    sevens, it prefers the one that nobody could mistake for a one. So G generates pictures between
    two classes less often than the data contain them. The projection GAN has no such bias, because
    its D estimates a ratio of densities.

    The parameters are those of `ClassConditionalGAN`.
    """

    def discriminator_loss(self, x, y, fake, code):
        """Return the adversarial loss plus the cross-entropies of real and fake pictures, (N,)."""
        real_out, fake_out = self.D(x), self.D(fake)  # (N, 1 + K)
        adversarial = -minimax_value(real_out[:, 0], fake_out[:, 0])
        for out in (real_out, fake_out):
            adversarial = adversarial + cross_entropy(out[:, 1:], y, reduction="none")
        return adversarial

    def generator_loss(self, x, y, fake, code):
        """Return the adversarial loss plus the cross-entropy of the requested class, (N,)."""
        fake_out = self.D(fake)  # (N, 1 + K)
        classification = cross_entropy(fake_out[:, 1:], y, reduction="none")
        return non_saturating(fake_out[:, 0]) + classification
