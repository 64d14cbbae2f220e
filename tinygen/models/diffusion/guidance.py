"""Conditional generation: labels for the network, and classifier-free guidance.

**Conditioning.** The network receives a label y and x_t, and predicts E[x_0 | x_t, y]. All else
stays as it is. In training, the label of one example in ten is replaced by a *null label*. So the
same network also learns E[x_0 | x_t]. A label can be a caption: the numbers of its words. Its null
label is 0 for every word.

**Guidance.** By Bayes' rule, a classifier is p(y | x) = p(x | y) p(y) / p(x). Guidance with scale w
samples from a density that favours images whose label is easy to recognize. With w > 1:

    p_w(x) = p(x | y) p(y | x)^(w - 1) / constant
           = p(x | y)^w p(x)^(1 - w) / constant                  Bayes' rule

    grad log p_w(x) = w grad log p(x | y) + (1 - w) grad log p(x)

These gradients are scores, and a prediction of eps is a score up to a factor (`exact.py`). So no
classifier is needed: mix the network's conditional and unconditional outputs with weights w and
1 - w (Ho and Salimans, Classifier-Free Diffusion Guidance, 2022; their w is this w minus 1).

    w = 0    ignores the label
    w = 1    the conditional model
    w > 1    exaggerates the label

For a fixed x_t, the predictions of x_0, eps and v are affine functions of each other, and the
weights sum to 1. So the mixture is the same for all three parametrizations.

**What it costs.** Variety: the images that are most typical of a class are not the whole class. The
formula also holds for each noise level alone. Adding noise to p_w does not give the mixture of the
noisy densities, so the samples only approximately follow p_w.

**Composition.** A condition can have two parts, such as "old" and "with a hat". Suppose that no
training image shows both. Other combinations with their opposites n_1 and n_2, such as "young" and
"without a hat", were seen. Suppose also that each part depends on the image alone:

    p(y_1, y_2 | x) = p(y_1 | x) p(y_2 | x)                                  independence

    log p(x | y_1, y_2) = log p(x) + log p(y_1 | x) + log p(y_2 | x) + const         Bayes' rule
    log p(x | y_1, n_2) = log p(x) + log p(y_1 | x) + log p(n_2 | x) + const
    log p(x | n_1, y_2) = log p(x) + log p(n_1 | x) + log p(y_2 | x) + const
    log p(x | n_1, n_2) = log p(x) + log p(n_1 | x) + log p(n_2 | x) + const

The right side of the first line is that of the second plus the third minus the fourth. Their
gradients are scores, so the prediction for the new combination is

    s(y_1, y_2) = s(n_1, n_2) + [s(y_1, n_2) - s(n_1, n_2)] + [s(n_1, y_2) - s(n_1, n_2)],

and likewise with more parts. Liu et al. (Compositional Visual Generation with Composable Diffusion
Models, 2022, eq. 11) have the unconditional score s in place of s(n_1, n_2), and s(y_1) in place of
s(y_1, n_2). If old people never had hats, s(old) - s also says "without a hat", and the two parts
work against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...backend import RNG
from ...ops import concatenate

__all__ = ["classifier_free_guidance", "compose", "drop_labels"]


def drop_labels(labels, null_label: int, p: float = 0.1, *, rng: RNG):
    """Replace each label by the null label with probability p.

    **Shapes** labels (N,), or (N, ...) where one label consists of several numbers. These are all
    replaced together.
    """
    is_dropped = rng.uniform((len(labels),) + (1,) * (labels.ndim - 1)) < p  # (N, 1, ...)
    return np.where(is_dropped, np.full_like(labels, null_label), labels)


def classifier_free_guidance(
    network: Callable, labels, null_label: int | None = None, guidance_scale: float = 1.0
) -> Callable:
    """Return a network of x and times alone, with these labels and this guidance scale w.

        output = w network(x, t, y) + (1 - w) network(x, t, null)

    `objectives.denoiser` takes it. Each evaluation computes both outputs in one batch, so it costs
    twice as much as without guidance.

    Parameters
    ----------
    network : function
        Of x (N, ...), times (N,) and labels.
    labels : integer array (N,) or (N, ...)
        One label for each x of the sampler.
    null_label : int, optional
        The label that means "no label". Not needed for a scale of 1.
    guidance_scale : float

    Raises
    ------
    ValueError
        If the scale is not 1 and null_label is missing.
    """
    if guidance_scale == 1:
        return lambda x, t: network(x, t, labels)
    if null_label is None:
        raise ValueError(
            f"classifier_free_guidance: a guidance scale of {guidance_scale} mixes the outputs "
            "with and without the label; give null_label, the label that means none"
        )

    def guided_network(x, t):
        n = len(x)
        both_labels = concatenate(labels, np.full_like(labels, null_label))  # (2 N, ...)
        output = network(concatenate(x, x), concatenate(t, t), both_labels)  # (2 N, ...)
        conditional, unconditional = output[:n], output[n:]
        return guidance_scale * conditional + (1 - guidance_scale) * unconditional

    return guided_network


def compose(network: Callable, opposite, singles: Sequence) -> Callable:
    """Return a network of x and times alone, for the combination of several parts.

        output = network(x, t, opposite) + sum_i [network(x, t, single_i) - network(x, t, opposite)]

    Parameters
    ----------
    network : function
        Of x (N, ...), times (N,) and labels.
    opposite : integer array (N,) or (N, ...)
        Labels that deny all parts.
    singles : sequence of integer arrays like opposite
        The i-th array has labels with part i, which deny the others.
    """

    def composed_network(x, t):
        base = network(x, t, opposite)
        return sum((network(x, t, labels) - base for labels in singles), base)

    return composed_network
