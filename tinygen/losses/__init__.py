"""Loss functions, each derived by hand in its docstring and a primitive of its own.

    likelihood.py     binary pixels from logits; squared and absolute error
    cross_entropy.py  classes from logits
    divergence.py     KL divergence: a diagonal Gaussian to N(0, I), and between two
    reparametrize.py  two ways to differentiate an expectation: reparametrization, score function
    importance.py     the importance-weighted bound, from several samples
    adversarial.py    the minimax game and other GAN losses, from logits
    penalties.py      on the gradient of a network: WGAN-GP, R1, path length
    per_example.py    the sum over the axes of an example, which most losses share

**One reduction for all.** Arrays of shape (N, ...) go in, one number per example comes out, of
shape (N,): the *sum* over the other axes of an example. The losses are logarithms of probabilities.
For independent pixels, or independent dimensions of z, these logarithms add up.

A common bug is to take means instead. A mean over 784 pixels plus a sum over 20 latent dimensions
is a KL term with 784 times its weight, and the model ignores its input. The caller writes the mean
over the examples, `.mean()`, where the reader sees it. With one number per example one can also
weight, mask, or find outliers.

There are two exceptions. The GAN losses work on each logit and keep its shape. `cross_entropy` is
PyTorch's, whose default is the mean; with `reduction="none"` it gives one number per label.

**Signs.** All of these are losses, to be minimized: negative log-likelihoods in nats, divergences,
errors. A function whose name says bound or value is maximized.
"""

from ..missing_names import missing_name
from ..ops.pytorch_names import LOSS_CLASSES, LOSSES
from .adversarial import (
    hinge,
    least_squares,
    minimax_value,
    non_saturating,
    relativistic,
    saturating,
)
from .cross_entropy import cross_entropy
from .divergence import kl_between_normals, kl_to_standard_normal
from .importance import iwae_bound
from .likelihood import absolute_error, bernoulli_nll, squared_error
from .penalties import gradient_penalty, path_length, r1
from .reparametrize import reparametrize, score_function

__all__ = [
    "absolute_error",
    "bernoulli_nll",
    "cross_entropy",
    "gradient_penalty",
    "hinge",
    "iwae_bound",
    "kl_between_normals",
    "kl_to_standard_normal",
    "least_squares",
    "minimax_value",
    "non_saturating",
    "path_length",
    "r1",
    "relativistic",
    "reparametrize",
    "saturating",
    "score_function",
    "squared_error",
]

# What people who know PyTorch look for here, and what to type instead.
_ELSEWHERE = {
    **LOSSES,
    **LOSS_CLASSES,
    "kl_divergence": "kl_between_normals or kl_to_standard_normal, for Gaussians",
    "reparameterize": "reparametrize(mu, log_var, eps)",
}


def __getattr__(name: str):
    """Say what a loss of PyTorch is here."""
    raise missing_name(__name__, name, _ELSEWHERE)
