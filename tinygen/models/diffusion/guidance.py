"""Which digit? A network that is told the label, and guidance: away from what it would draw without.

**Told.** The network gets the label beside x_t, and guesses E[x_0 | x_t, y]. All else stays. In training the label of one example in ten is replaced by
"none", so that the same network also knows E[x_0 | x_t]. A label can be a caption: the numbers of its words, which are all 0 where it is "none".

**Guided.** By Bayes' rule p(y | x) is proportional to p(x | y) / p(x). Sample from p(x | y) p(y | x)^(w - 1) instead of p(x | y): pictures, w > 1, of
which the label can be told with ease. The score, which is what the network knows but for a factor (exact.py), is

    grad log p(x | y) + (w - 1) (grad log p(x | y) - grad log p(x)) = (1 - w) grad log p(x) + w grad log p(x | y) :

the same mixture of the network's two answers, and no classifier is needed (Ho and Salimans, Classifier-Free Diffusion Guidance, 2022, whose own w is
this one less 1). w = 0 forgets the label, w = 1 is the conditional model, w > 1 exaggerates. Since at fixed x_t the guesses of x_0, eps and v are
affine functions of each other, and the weights add to 1, it is the same for all three kinds of network. The price is variety: what is most typical of a
class is not all of it. (The mixture is right at each level by itself; the levels of a tilted density are not the tilted levels, and so
the samples are near that distribution, not of it.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...backend import RNG
from ...ops import concatenate

__all__ = ["classifier_free_guidance", "drop_labels"]


def drop_labels(labels, none: int, share: float = 0.1, *, rng: RNG):
    """Labels (N,), each replaced by `none` with probability `share`; where a label is several numbers, (N, ...), all of them are."""
    drop = rng.uniform((len(labels),) + (1,) * (labels.ndim - 1)) < share
    return np.where(drop, np.full_like(labels, none), labels)


def classifier_free_guidance(network: Callable, labels, none: int | None = None, weight: float = 1.0) -> Callable:
    """The network, of x, levels and labels, with these labels and this weight w: a function of x and levels, as `objectives.denoiser` takes.

    labels : integers (N,) or (N, ...), beside the x of the sampler. none : the label that says none, for which each step costs two evaluations, in one batch; not
        needed for weight 1.
    """
    if weight == 1:
        return lambda x, t: network(x, t, labels)
    if none is None:
        raise ValueError(f"guided: weight {weight} mixes two answers; say which label means none")

    def answer(x, t):
        both, n = network(concatenate(x, x), concatenate(t, t), concatenate(labels, np.full_like(labels, none))), len(x)
        return weight * both[:n] + (1 - weight) * both[n:]

    return answer
