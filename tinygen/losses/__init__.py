"""The hand-derived objectives: each a primitive of its own, with its derivation in its docstring.

    likelihood.py     Bernoulli from logits; squared and absolute error
    divergence.py     Kullback-Leibler: a diagonal Gaussian to N(0, I), and between two
    reparametrize.py  two ways to differentiate an expectation: reparametrization, and the score function
    importance.py     the importance-weighted bound, from several draws

**One reduction for all**: arrays of shape (N, ...) in, one number an example out, shape (N,): the *sum* over an example's other axes.
These are logarithms of probabilities, and for independent pixels, or dimensions of z, logarithms add. Taking means instead is a common bug: a mean
over 784 pixels beside a sum over 20 latent dimensions is a KL term weighted 784 times too much, and the model forgets its input. What is left
to do, `.mean()` over the examples, is written by the caller, in sight; with per-example values one can also weight, mask, or find outliers.

**Signs.** All of these are costs, to be made small: negative log-likelihoods in nats, divergences, errors. A function called a bound is raised.
"""

from .divergence import kl_normal, kl_normals
from .importance import importance_bound
from .likelihood import absolute_error, bernoulli_nll, squared_error
from .reparametrize import reparametrize, score_function

__all__ = [
    "absolute_error", "bernoulli_nll", "importance_bound", "kl_normal", "kl_normals", "reparametrize", "score_function", "squared_error",
]
