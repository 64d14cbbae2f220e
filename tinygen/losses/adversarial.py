"""GAN losses: one network maximizes a number, which the other network minimizes.

**The minimax game** (Goodfellow et al., 2014, eq. 1). D(x) is the probability that x is real, and
G(z) is an example generated from noise:

    min_G max_D V(D, G),   V = E_{x ~ p_data}[log D(x)] + E_{z ~ p_z}[log(1 - D(G(z)))]

**Logits.** In formulas D, or D(x), is this probability. In code the discriminator network ends in a
linear layer and returns the logit l of the probability:

    l = log(D / (1 - D)),    so    D = sigmoid(l) = 1 / (1 + e^-l)

The functions of this file take such outputs of the network; the arguments `real` and `fake` are
those of real and of generated examples. If log(1 - D) were computed from D itself, it would be
log 0 as soon as D rounds to 1. In float32 this happens at l = 17.

**The best discriminator for a given generator.** Let p be the density of the data and q that of
G(z). Then V is an integral, and the best D can be found for each x separately:

    V             = integral of p log D + q log(1 - D) dx            definition of the means
    dV/dD at x    = p / D - q / (1 - D)                              differentiate the integrand
    0             = p (1 - D) - q D                                  set to zero, times D (1 - D)
    D*(x)         = p(x) / (p(x) + q(x))                             solve for D
    d^2V/dD^2     = -p / D^2 - q / (1 - D)^2 < 0                     so it is a maximum
    l*(x)         = log(D* / (1 - D*)) = log p(x) - log q(x)         its logit

So the logit of a trained discriminator *is* a log density ratio.

**What the generator then minimizes.** Let m = (p + q) / 2, so that D* = p / (2 m) and
1 - D* = q / (2 m). Put both into V:

    V(D*, G) = E_p[log(p / (2 m))] + E_q[log(q / (2 m))]             insert
             = E_p[log(p / m)] + E_q[log(q / m)] - 2 log 2           take out log 2 twice
             = KL(p || m) + KL(q || m) - log 4                       definition of KL
             = 2 JSD(p || q) - log 4                                 definition of JSD

The Jensen-Shannon divergence JSD is the mean of the two KLs. No KL is negative, and both are 0 only
if q = p. So the minimum is -log 4, at q = p, and there D* = 1/2 everywhere.

**The problem.** Where p and q do not overlap, m is p / 2 where there is data, and q / 2 where there
are generated examples. So both KLs are log 2, whatever the distance between p and q, and the
gradient of JSD is zero. In terms of the logit of a generated example:

    d log(1 - D)/dl = -D                                             `saturating`, as printed
    d(-log D)/dl    = -(1 - D)                                       `non_saturating`

The first vanishes where the discriminator recognizes every generated example, as it does at the
beginning of training. The second has its largest absolute value there. Both are negative, so both
losses push l upwards, and both games have the same fixed point: q = p and D = 1/2. Least squares,
hinge and Wasserstein losses are other answers to the same problem.

**Shapes** All functions work element by element. They take logits (N,), or (N, 1, h, w) from a
discriminator of patches, where each patch counts as a game of its own. The caller takes the mean.
All are losses, to be minimized, except `minimax_value`.

`elementwise` gives the kernel that computes a formula on a GPU (backend/kernels.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..autograd.primitive import primitive
from ..backend.kernels import elementwise
from ..ops import sigmoid, softplus
from ..ops.arguments import check_floating
from ..ops.masking import apply_mask

__all__ = [
    "GAMES",
    "Game",
    "hinge",
    "least_squares",
    "minimax_value",
    "non_saturating",
    "relativistic",
    "saturating",
]


@elementwise("T g, T x", "T dx", "dx = g / (1 + exp(-x))")
def _times_sigmoid(g, x):
    """Return g sigmoid(x): the rule of softplus, from which most losses here are made."""
    return g * sigmoid(x)


@primitive
def minimax_value(real, fake):
    """Return log D(x) + log(1 - D(G(z))), which the discriminator of Algorithm 1 *maximizes*.

    The arguments are the logits of a real and of a generated example. The mean over a batch is an
    estimate of V.

    **Derivation** With softplus(l) = log(1 + e^l):

        log D      = log(1 / (1 + e^-l)) = -softplus(-l)             D = sigmoid(l)
        1 - D      = e^-l / (1 + e^-l) = 1 / (1 + e^l)               subtract D from 1
        log(1 - D) = -softplus(l)                                    logarithm of 1 - D

    The derivative of softplus is sigmoid, so

        d(-softplus(-real))/dreal = sigmoid(-real) = 1 - D(x)
        d(-softplus(fake))/dfake  = -sigmoid(fake) = -D(G(z))

    Examples that are already classified with certainty have no gradient.

    **Math**

        y     = -softplus(-real) - softplus(fake)
        dreal = g sigmoid(-real)
        dfake = -g sigmoid(fake)

    **Shapes** real and fake the same, any; y the same.

    **Saved** both.

    **Numerics** Exact at logits of -1e4 and 1e4.

    **Source** Goodfellow et al., Generative Adversarial Nets, 2014, eq. 1 and Algorithm 1.
    """
    _check_pairs("minimax_value", real, fake)
    check_floating("minimax_value", real=real)
    check_floating("minimax_value", fake=fake)
    return -softplus(-real) - softplus(fake)


minimax_value.vjp(
    real=lambda g, real: _times_sigmoid(g, -real),
    fake=lambda g, fake: _times_sigmoid(-g, fake),
)


@primitive
def saturating(fake):
    """Return log(1 - D(G(z))), the generator's loss as Algorithm 1 prints it.

    **Derivation** log(1 - D) = -softplus(l), as in `minimax_value`. Its derivative in l is
    -sigmoid(l) = -D. At l = -10 the discriminator is almost certain that the example is generated,
    and the derivative is -0.00005. So the generator receives almost no gradient when it is worst.

    **Math**

        y     = -softplus(fake)
        dfake = -g sigmoid(fake)

    **Shapes** fake (logits), any; y the same.

    **Saved** fake.

    **Source** Goodfellow et al., Generative Adversarial Nets, 2014, Algorithm 1.
    """
    check_floating("saturating", fake=fake)
    return -softplus(fake)


saturating.vjp(fake=lambda g, fake: _times_sigmoid(-g, fake))


@primitive
def non_saturating(fake):
    """Return -log D(G(z)), the usual loss of the generator.

    The generator maximizes log D(G(z)): its examples should be classified as real. In `saturating`
    it minimizes log(1 - D(G(z))): its examples should not be classified as generated.

    **Derivation** -log D = softplus(-l), as in `minimax_value`. Its derivative in l is
    -sigmoid(-l) = -(1 - D). At l = -10 it is -0.99995. The derivative of `saturating` is -D. Both
    are negative for every l, so both losses push the logit upwards. They differ in the size of the
    derivative: that of `non_saturating` is large where D is near 0, and that of `saturating` where
    D is near 1.

    **What it minimizes.** The discriminator still maximizes V, but the generator no longer
    minimizes V. So the two networks no longer have the same objective. The module's docstring
    derives that the generator minimizes the Jensen-Shannon divergence JSD; this does not apply
    here. Let p be the density of the data and q_0 the generator's density now, with D* the best
    discriminator for q_0. Let q be the generator's density as a function of its parameters:

        -log D*      = log((p + q_0) / p)                            D* = p / (p + q_0)
                     = log(q_0 / p) - log(1 - D*)                    1 - D* = q_0 / (p + q_0)
        E_q[-log D*] = E_q[log(q_0 / p)] - E_q[log(1 - D*)]          mean over q

    Differentiate in the parameters of q, at q = q_0:

        grad E_q[log(q_0 / p)] = grad KL(q || p)                     as E_q[grad log q] = 0
        grad E_q[log(1 - D*)]  = grad V(D*, G)                       E_p[log D*] has no q in it
                               = grad (2 JSD(p || q) - log 4)        D* moves with q too, but at a
                                                                     maximum this changes nothing
        grad E_q[-log D*]      = grad (KL(q || p) - 2 JSD(p || q))   subtract

    KL(q || p) penalizes two faults. The penalty for samples where there is no data is larger than
    the penalty for data that no sample reaches.

    **Math**

        y     = softplus(-fake)
        dfake = -g sigmoid(-fake)

    **Shapes** fake (logits), any; y the same.

    **Saved** fake.

    **Source** Goodfellow et al., 2014, section 3. Arjovsky and Bottou, Towards Principled Methods
    for Training Generative Adversarial Networks, 2017, theorem 2.5.
    """
    check_floating("non_saturating", fake=fake)
    return softplus(-fake)


non_saturating.vjp(fake=lambda g, fake: _times_sigmoid(-g, -fake))


@primitive
def least_squares(output, *, target: float):
    """Return 1/2 (D - target)^2, where the output of the network is D itself and no logit.

    The discriminator aims at 1 for real and at 0 for generated examples. The generator aims at 1.

    **Derivation** The best D for a given generator, for each x separately:

        loss  = 1/2 p (D - 1)^2 + 1/2 q D^2                          integrand of the two means
        0     = p (D - 1) + q D                                      derivative in D, set to zero
        D*    = p / (p + q)                                          as in the minimax game

    The gradient is D - target, which vanishes only at the target. So a generated example far on
    the *real* side of the decision boundary is still pulled back to the target.

    **Math**

        y       = 1/2 (output - target)^2
        doutput = g (output - target)

    **Shapes** output any; y the same.

    **Saved** output.

    **Source** Mao et al., Least Squares Generative Adversarial Networks, 2017, eq. 9.
    """
    check_floating("least_squares", output=output)
    return 0.5 * (output - target) ** 2


least_squares.vjp(output=lambda g, output, target: g * (output - target))


@primitive
def hinge(scores):
    """Return max(0, 1 - l): the loss of a score l is zero once l is right by a margin of 1.

    The discriminator minimizes hinge(real) + hinge(-fake), the generator -fake.

    **Derivation** The best score for each x separately. For l between -1 and 1:

        loss = p (1 - l) + q (1 + l) = p + q - (p - q) l             integrand of the two means

    It is linear in l, and outside [-1, 1] it grows. So l* = 1 where p > q and l* = -1 where p < q:
    the best score shows only which density is larger. The derivative of the generator's loss -fake
    is -1 everywhere, so it never vanishes.

    **Math**

        y       = max(0, 1 - scores)
        dscores = -g where scores < 1 or NaN, else 0

    **Shapes** scores any; y the same.

    **Saved** y, which is never negative. A NaN in it passes to the gradient, as through relu.

    **Numerics** There is a kink at 1, where the gradient is taken as 0.

    **Source** Lim and Ye, Geometric GAN, 2017; Miyato et al., Spectral Normalization for Generative
    Adversarial Networks, 2018.
    """
    check_floating("hinge", scores=scores)
    return np.maximum(1 - scores, 0)


hinge.vjp(scores=lambda g, y: -apply_mask(g, y != 0))


@primitive
def relativistic(scores, other_scores):
    """Return -log sigmoid(scores - other_scores): the first example should look more real.

    The discriminator minimizes relativistic(real, fake), the generator relativistic(fake, real).

    With the other losses of this file, a discriminator may classify everything as fake. Here only
    differences count: each real example is compared with one generated example. With R1 and R2
    penalties (`penalties.py`) this game converges locally where others cycle.

    **Derivation** Let d = scores - other_scores.

        -log sigmoid(d) = log(1 + e^-d) = softplus(-d)               definition of sigmoid
        derivative in d = -sigmoid(-d)                               chain rule

    d grows with scores and falls with other_scores, hence the two signs under Math.

    **Math**

        y             = softplus(other_scores - scores)
        dscores       = -g sigmoid(other_scores - scores)
        dother_scores = g sigmoid(other_scores - scores)

    **Shapes** both the same, any; y the same.

    **Saved** both.

    **Source** Jolicoeur-Martineau, The relativistic discriminator, 2018; Huang et al., The GAN is
    dead; long live the GAN!, 2024, section 2.
    """
    _check_pairs("relativistic", scores, other_scores)
    check_floating("relativistic", scores=scores, other_scores=other_scores)
    return softplus(other_scores - scores)


relativistic.vjp(
    scores=lambda g, scores, other_scores: _times_sigmoid(-g, other_scores - scores),
    other_scores=lambda g, scores, other_scores: _times_sigmoid(g, other_scores - scores),
)


def _check_pairs(name: str, a, b) -> None:
    if a.shape != b.shape:
        raise ValueError(
            f"{name}: logits {a.shape} and {b.shape} differ in shape; "
            "generate as many examples as there are real ones"
        )


class Game(NamedTuple):
    """The losses of the two networks, functions of the logits (real, fake) of two batches."""

    discriminator_loss: Callable
    generator_loss: Callable


def _minimax_discriminator_loss(real, fake):
    return -minimax_value(real, fake)


# In the Wasserstein game, the critic's score is no logit, and its gradient must be bounded by other
# means: see penalties.py.
GAMES: dict[str, Game] = {
    "minimax": Game(
        discriminator_loss=_minimax_discriminator_loss,
        generator_loss=lambda real, fake: saturating(fake),
    ),
    "non-saturating": Game(
        discriminator_loss=_minimax_discriminator_loss,
        generator_loss=lambda real, fake: non_saturating(fake),
    ),
    "least squares": Game(
        discriminator_loss=lambda real, fake: (
            least_squares(real, target=1.0) + least_squares(fake, target=0.0)
        ),
        generator_loss=lambda real, fake: least_squares(fake, target=1.0),
    ),
    "hinge": Game(
        discriminator_loss=lambda real, fake: hinge(real) + hinge(-fake),
        generator_loss=lambda real, fake: -fake,
    ),
    "Wasserstein": Game(
        discriminator_loss=lambda real, fake: fake - real,
        generator_loss=lambda real, fake: -fake,
    ),
    "relativistic": Game(
        discriminator_loss=relativistic,
        generator_loss=lambda real, fake: relativistic(fake, real),
    ),
}
