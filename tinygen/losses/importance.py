"""The importance-weighted bound: a tighter ELBO from several draws of z."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..ops import softmax, where

__all__ = ["iwae_bound"]


@primitive
def iwae_bound(log_w):
    """L_k = log 1/k sum_i w_i, a lower bound of log p(x), from the log-weights log w_i = log p(x, z_i) - log q(z_i|x) of k draws z_i ~ q(z|x).

    **A bound.** Each weight is an unbiased estimate of the evidence, E_q[w] = integral of q p(x, z)/q = p(x), and so is their mean. The logarithm is
    concave, so by Jensen's inequality E[log 1/k sum w_i] <= log E[1/k sum w_i] = log p(x).

    **k = 1** is E_q[log p(x, z) - log q(z|x)]: the ELBO.

    **Monotone in k.** Take a random subset I of m < k of the draws: 1/k sum w_i = E_I[1/m sum_{i in I} w_i], and Jensen again, this time for the
    mean over I: E L_k = E log E_I[...] >= E E_I log[...] = E L_m. In the limit the mean of the weights is p(x), and the bound log p(x).

    **Gradient.** With m_i = w_i / sum_j w_j, the *normalised weights*,

        dL_k/dlog w_i = w_i / sum_j w_j = m_i,    so    grad L_k = sum_i m_i grad log w_i:

    a softmax over the draws. Each draw's own ELBO gradient counts by how well that draw explains x, where the mean of k ELBOs would give each 1/k:
    q is not punished for draws that explain nothing, as long as some do, and so may spread wider.

    **Shares of less than 1e-20** are taken as 0 in the gradient: e^-46 beside a sum that is 1 is below the digits of float64. Most draws of an untrained
    encoder have such shares, and left alone they would make the whole backward pass a product of *denormal* numbers (below 1e-38 in float32), which
    processors multiply 10 to 80 times slower than others.

    **Stable form.** log w is near -100 for a digit, and e^-100 is no float32: with M = max_i log w_i, L_k = M + log 1/k sum e^(log w_i - M).

    **Shapes**: log_w (k, N), draws first; -> (N,). A whole mean over draws, so unlike the other objectives it is *raised*. **Saved**: log_w.
    **Source**: Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, 2015, equations 8, 9, 13 and 14.
    """
    if log_w.ndim != 2 or not log_w.shape[0]:
        raise ValueError(f"iwae_bound: log_w {log_w.shape} must be (k, N), k >= 1 draws for each of N examples")
    top = log_w.max(axis=0)
    top = np.where(np.isfinite(top), top, 0)  # no draw explains x at all: -inf, and not -inf + inf
    with np.errstate(divide="ignore"):
        return top + np.log(np.exp(log_w - top).sum(axis=0)) - math.log(log_w.shape[0])


def _shares(log_w):
    """w_i / sum_j w_j over the first axis, and 0 for a draw that has less than 1e-20 of the largest weight."""
    return softmax(where(log_w < log_w.max(axis=0) - 46, -np.inf, log_w), axis=0)


iwae_bound.vjp(log_w=lambda g, log_w: g * _shares(log_w))
