"""How badly a decoder's output explains the data: negative log-likelihoods, one number an example."""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..backend.reductions import by_rows
from ..ops import sigmoid
from ..ops.elementwise import sign

__all__ = ["absolute_error", "bernoulli_nll", "squared_error"]


@primitive
def bernoulli_nll(logits, x):
    """-log p(x | logits) of pixels that are independent coins, from their logits: how a VAE scores black-and-white pictures.

    **Definition.** Pixel i is 1 with probability p_i. For x_i in {0, 1}, both cases in one formula,

        -log p(x) = -sum_i [x_i log p_i + (1 - x_i) log(1 - p_i)].

    **From logits.** A decoder ends in a linear layer, so it gives l_i = log(p_i / (1 - p_i)), any real number. Then p = sigmoid(l) = 1 / (1 + e^-l),
    log p = -softplus(-l) and log(1 - p) = -softplus(l), with softplus(l) = log(1 + e^l) = l + softplus(-l). Put in,

        -log p(x) = sum_i [x_i (softplus(l_i) - l_i) + (1 - x_i) softplus(l_i)] = sum_i [softplus(l_i) - x_i l_i].

    **Stable form.** e^l overflows float32 at l = 89. Draw out the larger term: softplus(l) = max(l, 0) + log(1 + e^-|l|), whose exponential is at
    most 1: exact from l = -1e4 to 1e4 and beyond. (p rounded to 1 first, then log(1 - p), is the usual way to get infinity.) What is added to
    that logarithm, max(l, 0) - x l, is computed as ([l > 0] - x) l: in a sure and right pixel exactly 0.

    **Gradient.** d softplus(l)/dl = sigmoid(l), so d/dl_i = sigmoid(l_i) - x_i: *expected minus observed*, within (-1, 1) however wrong the model is.
    d/dx_i = -l_i.

    **Grey x.** The sum is linear in x, so for 0 < x < 1 it is the mean of -log p over the black-and-white pictures drawn with x as the probability of
    ink: least at p = x, and there the pixels' entropy, not zero. It is no log-density of grey levels: p^x (1 - p)^(1 - x) does not integrate to 1.

    **Shapes**: logits and x (N, ...), the same; -> (N,), nats, summed over all axes but the first. x must be floating point, in [0, 1].
    **Saved**: logits and x. **Source**: Kingma and Welling, Auto-Encoding Variational Bayes, 2013, appendix C.1.
    """
    _same_shape("bernoulli_nll", logits=logits, x=x)
    if x.dtype.kind != "f":
        raise TypeError(f"bernoulli_nll: x is {x.dtype}; give floats from 0 to 1, for bytes (x / 255).astype('float32')")
    return by_rows(_bernoulli_nll, logits, x)


def _bernoulli_nll(logits, x):
    small = np.abs(logits)
    for f in (np.negative, np.exp, np.log1p):
        f(small, out=small)
    y = np.subtract(logits > 0, x, dtype=np.result_type(logits, x))
    y *= logits
    y += small
    return y.sum(axis=_all_but_first(y))


bernoulli_nll.vjp(
    logits=lambda g, logits, x: _spread(g, x) * (sigmoid(logits) - x),
    x=lambda g, logits: -_spread(g, logits) * logits,
)


@primitive
def squared_error(x, x_hat):
    """|x - x_hat|^2, summed over each example: the MSE of the slides, without their mean.

    **Where it comes from.** It is the negative log-likelihood of x under N(x_hat, s^2 I): with D numbers an example,

        -log p(x) = |x - x_hat|^2 / (2 s^2) + D log s + D/2 log 2 pi.

    For fixed s all but the first term is constant, so the slides' objective |x - x_hat|^2 + lambda KL is, divided by 2 s^2, an ELBO whose s is in
    lambda: **lambda = 2 s^2**. Few know that they choose the pixels' noise when they tune lambda.

    **Gradient**: d/dx = 2 (x - x_hat), d/dx_hat = -2 (x - x_hat).
    **Shapes**: x and x_hat (N, ...), the same; -> (N,), summed over all axes but the first. The mean square error is `squared_error(x, x_hat).mean() / D`.
    **Saved**: x and x_hat.
    """
    _same_shape("squared_error", x=x, x_hat=x_hat)
    d = x - x_hat
    return (d * d).sum(axis=_all_but_first(d))


squared_error.vjp(
    x=lambda g, x, x_hat: _spread(g, x) * (2 * (x - x_hat)),
    x_hat=lambda g, x, x_hat: _spread(g, x) * (2 * (x_hat - x)),
)


@primitive
def absolute_error(x, x_hat):
    """|x - x_hat|_1, summed over each example: the L1 loss of the slides' autoencoder, without their mean.

    **Where it comes from.** It is the negative log-likelihood under a Laplace density: p(x) = exp(-|x - x_hat| / b) / 2b gives |x - x_hat| / b + log 2b.
    The best constant answer to squared error is the mean, to this one the *median*: hence sharper edges, where squared error averages.

    **Gradient**: sign(x - x_hat) in x, its opposite in x_hat. **Numerics**: a kink at x = x_hat, where sign gives 0, one of the subgradients; the second
    derivative is zero elsewhere.
    **Shapes**: x and x_hat (N, ...), the same; -> (N,), summed over all axes but the first. **Saved**: x and x_hat.
    """
    _same_shape("absolute_error", x=x, x_hat=x_hat)
    return np.abs(x - x_hat).sum(axis=_all_but_first(x))


absolute_error.vjp(
    x=lambda g, x, x_hat: _spread(g, x) * sign(x - x_hat),
    x_hat=lambda g, x, x_hat: _spread(g, x) * sign(x_hat - x),
)


def _spread(g, like):
    """The cotangent (N,) as (N, 1, ...), to multiply what has an example's axes."""
    return g.reshape(g.shape + (1,) * (like.ndim - 1))


def _all_but_first(a) -> tuple[int, ...]:
    return tuple(range(1, a.ndim))


def _same_shape(name, **arrays) -> None:
    shapes = {key: getattr(a, "shape", ()) for key, a in arrays.items()}
    first = next(iter(shapes.values()))
    if not first or any(shape != first for shape in shapes.values()):
        came = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise ValueError(f"{name}: got {came}; these must have the same shape (N, ...), N examples first: nothing is broadcast, "
                         "since (N,) against (N, 1) would silently make (N, N)")
