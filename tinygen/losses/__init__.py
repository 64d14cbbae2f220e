"""The hand-derived objectives: each a primitive of its own, with its derivation in its docstring.

    likelihood.py     Bernoulli from logits; squared and absolute error
    divergence.py     Kullback-Leibler: a diagonal Gaussian to N(0, I), and between two
    reparametrize.py  two ways to differentiate an expectation: reparametrization, and the score function
    importance.py     the importance-weighted bound, from several draws
    adversarial.py    the minimax game and its relatives, from logits
    penalties.py      on a network's slope: WGAN-GP, R1, path length

**One reduction for all**: arrays of shape (N, ...) in, one number an example out, shape (N,): the *sum* over an example's other axes.
These are logarithms of probabilities, and for independent pixels, or dimensions of z, logarithms add. Taking means instead is a common bug: a mean
over 784 pixels beside a sum over 20 latent dimensions is a KL term weighted 784 times too much, and the model forgets its input. What is left
to do, `.mean()` over the examples, is written by the caller, in sight; with per-example values one can also weight, mask, or find outliers.

The adversarial games are played by each verdict, and keep its shape.

**Signs.** All of these are costs, to be made small: negative log-likelihoods in nats, divergences, errors. A function called a bound or a value is raised.
"""

from .adversarial import (
    hinge,
    least_squares,
    minimax_value,
    non_saturating,
    relativistic,
    saturating,
)
from .divergence import kl_to_standard_normal, kl_between_normals
from .importance import iwae_bound
from .likelihood import absolute_error, bernoulli_nll, squared_error
from .penalties import gradient_penalty, path_length, r1
from .reparametrize import reparametrize, score_function

__all__ = [
    "absolute_error", "bernoulli_nll", "gradient_penalty", "hinge", "iwae_bound", "kl_to_standard_normal", "kl_between_normals", "least_squares", "minimax_value",
    "non_saturating", "path_length", "r1", "relativistic", "reparametrize", "saturating", "score_function", "squared_error",
]
