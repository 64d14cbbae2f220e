"""Projection: Miyato and Koyama, cGANs with Projection Discriminator, 2018."""

from __future__ import annotations

from ...ops import one_hot
from .base import ClassConditionalGAN

__all__ = ["ProjectionGAN"]


class ProjectionGAN(ClassConditionalGAN):
    """The label y is an input of D: its logit is o_0(x) + o_y(x).

    o_0 says whether x is real; o_y says whether x is a picture of class y.

    **Why a sum** (section 3 of the paper). The optimal logit is a log density ratio, p of the data
    over q of the generator. The product rule p(x, y) = p(x) p(y|x) splits it into two terms:

        log p(x, y) / q(x, y) = log p(x) / q(x) + log p(y|x) / q(y|x).

    Let f(x) be the features of the last hidden layer, and let both conditionals be softmaxes of
    linear maps of f:

        log p(y|x) = <a_y, f(x)> - A(x),
        log q(y|x) = <b_y, f(x)> - B(x),

    with the logarithms of the normalizers, A and B, which do not depend on y. Subtract:

        log p(y|x) / q(y|x) = <a_y - b_y, f(x)> - A(x) + B(x).

    The first term is the *projection* of the features on a vector v_y = a_y - b_y of the class. All
    other terms depend on x alone and join log p(x) / q(x). So the output layer has 1 + K outputs,
    o_0 for the terms without y and o_k = <v_k, f(x)> (plus a bias) for each class, and the label
    selects one of the K. There is no classifier, and so no classification loss.

    The parameters are those of `ClassConditionalGAN`.
    """

    def discriminate(self, x, y):
        """Map pictures x and labels y to the logits of "x is a real picture of class y", (N,)."""
        out = self.D(x)  # (N, 1 + K)
        class_logits = (out[:, 1:] * one_hot(y, self.num_classes)).sum(axis=1)  # (N,)
        return out[:, 0] + class_logits
