"""Negative log-likelihoods: how badly the output of a decoder explains the data.

    bernoulli_nll     binary pixels, from the logits of their probabilities
    squared_error     a Gaussian density, without its constants
    absolute_error    a Laplace density, without its constants

Each returns one number per example. Below each loss stand its summand, that is, its value for one
pixel, and the derivative of the summand. `elementwise` gives the kernel that computes them on a GPU
(backend/kernels.py). Read the NumPy formula below it.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..backend.kernels import elementwise
from ..backend.pieces import by_rows
from ..ops import sigmoid
from ..ops.arguments import check_floating
from ..ops.elementwise import sign
from .per_example import check_examples, expand_per_example, sum_per_example

__all__ = ["absolute_error", "bernoulli_nll", "squared_error"]


@primitive
def bernoulli_nll(logits, x):
    """Return -log p(x) of independent binary pixels, from the logits of their probabilities.

    PyTorch's binary_cross_entropy_with_logits(logits, x, reduction="none"), summed over each
    example.

    **Definition.** Pixel i is 1 with probability p_i and 0 with probability 1 - p_i. One formula
    covers both cases:

        p(x_i) = p_i^x_i (1 - p_i)^(1 - x_i)                                   x_i is 0 or 1
        -log p(x) = -sum_i [x_i log p_i + (1 - x_i) log(1 - p_i)]              independence

    **Derivation** A decoder ends in a linear layer. Its output l can be any real number and is
    read as a logit. Write softplus(l) for log(1 + e^l). For one pixel:

        l            = log(p / (1 - p))                                        the logit of p
        p            = 1 / (1 + e^-l) = sigmoid(l)                             solve for p
        log p        = -log(1 + e^-l) = -softplus(-l)                          logarithm of p
        1 - p        = e^-l / (1 + e^-l)                                       subtract p from 1
                     = 1 / (1 + e^l)                                           multiply by e^l / e^l
        log(1 - p)   = -log(1 + e^l) = -softplus(l)                            logarithm of 1 - p
        softplus(-l) = log(e^-l (e^l + 1)) = softplus(l) - l                   factor out e^-l

    Put the two logarithms into the definition:

        -x log p - (1 - x) log(1 - p)
            = x softplus(-l) + (1 - x) softplus(l)                             insert
            = x (softplus(l) - l) + (1 - x) softplus(l)                        the last line above
            = softplus(l) - x l                                                collect terms

    The derivative of softplus(l) = log(1 + e^l) is e^l / (1 + e^l) = sigmoid(l), by the chain rule.

    **Grey pixels.** The sum is linear in x. So for x between 0 and 1 it is the mean of -log p over
    black-and-white images drawn with x as the probability of a 1. It is smallest at p = x, where
    it equals the entropy of the pixels and not zero. It is not a log-density of grey levels, since
    p^x (1 - p)^(1 - x) does not integrate to 1 over x.

    **Math**

        y       = sum_i [softplus(l_i) - x_i l_i]
        dlogits = g (sigmoid(l) - x)       expected minus observed pixel, always between -1 and 1
        dx      = -g l

    **Shapes** logits and x (N, ...), the same; y (N,), in nats, summed over all axes but the first.
    x must be floating point and lie in [0, 1].

    **Saved** logits and x.

    **Numerics** In float32, e^l overflows at l = 89. For l > 0, factor out e^l:

        softplus(l) = log(e^l (e^-l + 1)) = l + log(1 + e^-l)
        softplus(l) = max(l, 0) + log(1 + e^-|l|)                              both signs of l

    The exponential is now at most 1, so the result is exact at l = -1e4 and at 1e4. Rounding p
    to 1 first and then taking log(1 - p) is the usual way to get an infinite loss. The other term,
    max(l, 0) - x l, is computed as ([l > 0] - x) l, where [l > 0] is 1 or 0. It is exactly 0 for a
    confident and correct pixel.

    **Source** Kingma and Welling, Auto-Encoding Variational Bayes, 2013, appendix C.1.
    """
    check_examples("bernoulli_nll", logits=logits, x=x)
    check_floating("bernoulli_nll", logits=logits)
    if x.dtype.kind != "f":
        raise TypeError(
            f"bernoulli_nll: x is {x.dtype}; give floats from 0 to 1, "
            "for bytes (x / 255).astype('float32')"
        )
    return by_rows(_bernoulli_nll, logits, x)


def _bernoulli_nll(logits, x):
    """Compute `bernoulli_nll` for a block of examples."""
    return sum_per_example(_pixel_nll(logits, x))


@elementwise("T logits, T x", "T y", "y = ((logits > 0) - x) * logits + log1p(exp(-fabs(logits)))")
def _pixel_nll(logits, x):
    """Compute the stable form of the summands."""
    dtype = np.result_type(logits, x)  # of the two, x may be the narrower
    linear_term = np.subtract(logits > 0, x, dtype=dtype) * logits  # max(l, 0) - x l
    return linear_term + np.log1p(np.exp(-np.abs(logits)))


@elementwise("T g, T logits, T x", "T dlogits", "dlogits = g * (1 / (1 + exp(-logits)) - x)")
def _pixel_nll_rule(g, logits, x):
    return g * (sigmoid(logits) - x)


bernoulli_nll.vjp(
    logits=lambda g, logits, x: _pixel_nll_rule(expand_per_example(g, x), logits, x),
    x=lambda g, logits: -expand_per_example(g, logits) * logits,
)


@primitive
def squared_error(x, x_hat):
    """Return |x - x_hat|^2, summed over each example: the slides' MSE without the mean.

    PyTorch's mse_loss(x, x_hat, reduction="none"), summed over each example.

    **Derivation** It is a Gaussian log-likelihood. Let x have D numbers, and let each be its
    prediction plus noise of standard deviation s: x ~ N(x_hat, s^2 I). Then

        p(x)      = prod_i exp(-(x_i - x_hat_i)^2 / (2 s^2)) / sqrt(2 pi s^2)  independence
        -log p(x) = |x - x_hat|^2 / (2 s^2) + D/2 log(2 pi s^2)                logarithm

    For a fixed s, all but the first term is constant. The slides train a VAE with
    |x - x_hat|^2 + lambda KL. A negative ELBO is -log p(x) + KL. Multiply it by 2 s^2:

        2 s^2 (-log p(x) + KL) = |x - x_hat|^2 + 2 s^2 KL + constant

    Compare the factors of KL: **lambda = 2 s^2**. Tuning lambda is choosing the noise of the
    pixels.

    **Math**

        y      = sum_i (x_i - x_hat_i)^2
        dx     = 2 g (x - x_hat)
        dx_hat = 2 g (x_hat - x)

    **Shapes** x and x_hat (N, ...), the same; y (N,), summed over all axes but the first. The mean
    squared error is `squared_error(x, x_hat).mean() / D`.

    **Saved** x and x_hat.
    """
    check_examples("squared_error", x=x, x_hat=x_hat)
    return sum_per_example(_squared_difference(x, x_hat))


@elementwise("T x, T x_hat", "T y", "y = (x - x_hat) * (x - x_hat)")
def _squared_difference(x, x_hat):
    difference = x - x_hat
    return difference * difference


@elementwise("T g, T x, T x_hat", "T dx", "dx = g * (2 * (x - x_hat))")
def _squared_difference_rule(g, x, x_hat):
    return g * (2 * (x - x_hat))


squared_error.vjp(
    x=lambda g, x, x_hat: _squared_difference_rule(expand_per_example(g, x), x, x_hat),
    x_hat=lambda g, x, x_hat: _squared_difference_rule(expand_per_example(g, x), x_hat, x),
)


@primitive
def absolute_error(x, x_hat):
    """Return |x - x_hat|_1, summed over each example: the L1 loss of the slides without the mean.

    PyTorch's l1_loss(x, x_hat, reduction="none"), summed over each example.

    **Derivation** It is a Laplace log-likelihood with scale b:

        p(x_i)      = exp(-|x_i - x_hat_i| / b) / (2 b)
        -log p(x_i) = |x_i - x_hat_i| / b + log(2 b)                           logarithm

    The best constant prediction under squared error is the mean of x. Under absolute error it is
    the *median*: its derivative, a sum of signs, is zero where as many x lie above as below. So
    squared error averages the possible images, and absolute error gives sharper edges.

    **Math**

        y      = sum_i |x_i - x_hat_i|
        dx     = g sign(x - x_hat)
        dx_hat = g sign(x_hat - x)

    **Shapes** x and x_hat (N, ...), the same; y (N,), summed over all axes but the first.

    **Saved** x and x_hat.

    **Numerics** There is a kink at x = x_hat. There sign gives 0, which is one of the subgradients.
    Everywhere else the second derivative is zero.
    """
    check_examples("absolute_error", x=x, x_hat=x_hat)
    return sum_per_example(_absolute_difference(x, x_hat))


@elementwise("T x, T x_hat", "T y", "y = fabs(x - x_hat)")
def _absolute_difference(x, x_hat):
    return np.abs(x - x_hat)


@elementwise(
    "T g, T x, T x_hat", "T dx", "T d = x - x_hat; dx = g * (d > 0 ? T(1) : d < 0 ? T(-1) : d)"
)
def _absolute_difference_rule(g, x, x_hat):
    return g * sign(x - x_hat)


absolute_error.vjp(
    x=lambda g, x, x_hat: _absolute_difference_rule(expand_per_example(g, x), x, x_hat),
    x_hat=lambda g, x, x_hat: _absolute_difference_rule(expand_per_example(g, x), x_hat, x),
)
