"""The adversarial game: two networks, one number, which one of them raises and the other lowers.

**The game** (Goodfellow et al., 2014, eq. 1). D(x) is the probability that x is real, G(z) a picture made of noise:

    min_G max_D V(D, G),    V = E_{x ~ p_data}[log D(x)] + E_{z ~ p_z}[log(1 - D(G(z)))].

A discriminator here ends in a linear layer and gives the *logit* l = log D / (1 - D), so D = sigmoid(l) = 1 / (1 + e^-l); all functions of this
file take logits. Taking D itself, log(1 - D) is log 0 as soon as D rounds to 1, which float32 does at l = 17.

**The best D for a given G.** Let q be the density of G(z). V is an integral over x of p log D + q log(1 - D), and each x can be treated by itself. The
derivative p / D - q / (1 - D) is zero at

    D*(x) = p(x) / (p(x) + q(x)),    that is    l*(x) = log p(x) - log q(x) :

a trained discriminator's logit *is* a log density ratio. It is a maximum, both terms being concave in D.

**What G then lowers.** Put D* in, with m = (p + q) / 2:

    V(D*, G) = E_p[log p / 2m] + E_q[log q / 2m] = KL(p || m) + KL(q || m) - log 4 = 2 JSD(p || q) - log 4,

least, at -log 4, where q = p and D* = 1/2 everywhere.

**The catch.** Where p and q hardly overlap, JSD is log 2 whatever the distance between them: its slope is zero. Seen from the logit: the printed descent of
log(1 - D) has the derivative -D (`saturating`), which vanishes exactly where the discriminator recognises every fake, at the beginning. Raising
log D instead (`non_saturating`) has 1 - D there: the same fixed point, and a gradient that is largest where it is needed. Least squares, hinge and Wasserstein
are other answers to the same difficulty.

**Shapes.** A logit is one verdict, and each is a game of its own: these functions work element by element, on (N,) or on the (N, 1, h, w) of a
discriminator that judges patches, and the caller takes the `.mean()`. All are costs, to be lowered, but for `minimax_value`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..autograd.primitive import primitive
from ..ops import sigmoid, softplus
from ..ops.masking import apply_mask

__all__ = ["GAMES", "Game", "hinge", "least_squares", "minimax_value", "non_saturating", "relativistic", "saturating"]


@primitive
def minimax_value(real, fake):
    """log D(x) + log(1 - D(G(z))), from the logits: what Algorithm 1's discriminator *ascends*.

    **From logits.** log D = -log(1 + e^-l) = -softplus(-l), and 1 - D = sigmoid(-l), so log(1 - D) = -softplus(l).
    **Gradient.** In `real` sigmoid(-real) = 1 - D(x), in `fake` -sigmoid(fake) = -D(G(z)): verdicts that are already right pull no more.
    **Shapes**: both the same, any; -> the same. The mean over a batch estimates V. **Saved**: both. **Numerics**: exact at +-1e4.
    **Source**: Goodfellow et al., Generative Adversarial Nets, 2014, eq. 1 and Algorithm 1.
    """
    _same_shape("minimax_value", real, fake)
    return -softplus(-real) - softplus(fake)


minimax_value.vjp(real=lambda g, real: g * sigmoid(-real), fake=lambda g, fake: -g * sigmoid(fake))


@primitive
def saturating(fake):
    """log(1 - D(G(z))) = -softplus(l): what Algorithm 1's generator *descends*, as printed.

    **Gradient** -sigmoid(l) = -D: at l = -10, a fake surely recognised, -0.00005. The generator is told nothing when it is worst. **Saved**: fake.
    """
    return -softplus(fake)


saturating.vjp(fake=lambda g, fake: -g * sigmoid(fake))


@primitive
def non_saturating(fake):
    """-log D(G(z)) = softplus(-l): the generator raises the chance to be taken for real, instead of lowering that to be found out.

    **Gradient** -sigmoid(-l) = -(1 - D): at l = -10, -0.99995. It is the saturating one divided by D / (1 - D), so with the same sign and the same
    zeros; but no longer the descent of V, and no distance that both networks would agree upon: in the mean over z it is the gradient of
    KL(q || p) - 2 JSD (Arjovsky and Bottou, 2017, theorem 2.5), which minds fakes where no data is more than data that no fake reaches.
    **Saved**: fake. **Source**: Goodfellow et al., 2014, section 3.
    """
    return softplus(-fake)


non_saturating.vjp(fake=lambda g, fake: -g * sigmoid(-fake))


@primitive
def least_squares(logit, *, target: float):
    """1/2 (l - target)^2: the discriminator aims at 1 for real and 0 for fake, the generator at 1 for its own.

    A fake far on the *right* side of the border still pays for its distance: the gradient l - target vanishes at the target alone. l is no logit here but
    D itself, and its best value is again p / (p + q): p (D - 1) + q D = 0.
    **Saved**: logit. **Source**: Mao et al., Least Squares Generative Adversarial Networks, 2017, eq. 9.
    """
    return 0.5 * (logit - target) ** 2


least_squares.vjp(logit=lambda g, logit, target: g * (logit - target))


@primitive
def hinge(logit):
    """max(0, 1 - l): a verdict counts until it is right by a margin of 1. The discriminator lowers hinge(real) + hinge(-fake); the generator lowers -fake.

    **Gradient** -1 for l < 1 or NaN, else 0; a kink at 1, where it is 0. The generator's is -1 everywhere, and never vanishes.
    **Saved**: the result. **Source**: Lim and Ye, Geometric GAN, 2017; Miyato et al., 2018.
    """
    return np.maximum(1 - logit, 0)


hinge.vjp(logit=lambda g, y: -apply_mask(g, y != 0))  # never negative; and a NaN passes, as through relu


@primitive
def relativistic(better, worse):
    """softplus(worse - better) = -log sigmoid(better - worse): is one more real than the *other*? Discriminator (real, fake), generator (fake, real).

    With single verdicts a discriminator may call everything fake; here only differences count, and each real example has its own opponent. With R1 and R2
    penalties it converges locally where others cycle. **Gradient** -s in `better`, s in `worse`, s = sigmoid(worse - better). **Saved**: both.
    **Source**: Jolicoeur-Martineau, 2018; Huang et al., The GAN is dead; long live the GAN!, 2024, section 2.
    """
    _same_shape("relativistic", better, worse)
    return softplus(worse - better)


relativistic.vjp(
    better=lambda g, better, worse: -g * sigmoid(worse - better),
    worse=lambda g, better, worse: g * sigmoid(worse - better),
)


class Game(NamedTuple):
    """Two costs, of the logits of a real and of a fake batch: what each network descends."""

    discriminator_loss: Callable
    generator_loss: Callable


GAMES: dict[str, Game] = {
    "minimax": Game(lambda real, fake: -minimax_value(real, fake), lambda real, fake: saturating(fake)),
    "non-saturating": Game(lambda real, fake: -minimax_value(real, fake), lambda real, fake: non_saturating(fake)),
    "least squares": Game(
        lambda real, fake: least_squares(real, target=1.0) + least_squares(fake, target=0.0), lambda real, fake: least_squares(fake, target=1.0)
    ),
    "hinge": Game(lambda real, fake: hinge(real) + hinge(-fake), lambda real, fake: -fake),
    "Wasserstein": Game(lambda real, fake: fake - real, lambda real, fake: -fake),
    "relativistic": Game(relativistic, lambda real, fake: relativistic(fake, real)),
}
"""The games by name. Wasserstein's critic has no verdict but a height, and must be kept from growing steep: see penalties.py."""


def _same_shape(name: str, a, b) -> None:
    if a.shape != b.shape:
        raise ValueError(f"{name}: logits {a.shape} and {b.shape} differ in shape; draw as many fakes as real examples")
