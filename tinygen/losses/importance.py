"""The importance-weighted bound: a tighter ELBO from several samples of z."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..ops import softmax, where
from ..ops.arguments import check_floating, check_sums

__all__ = ["iwae_bound"]

# Weights below e^-46 = 1e-20 times the largest count as 0 in the gradient of `iwae_bound`.
_LOG_NEGLIGIBLE = 46


@primitive
def iwae_bound(log_w):
    """Return L_k = log(1/k sum_i w_i), a lower bound of log p(x), from k log-weights.

    The weights belong to k samples of z for one x:

        log w_i = log p(x, z_i) - log q(z_i|x),    z_i ~ q(z|x)

    **It is a bound.** One weight is an unbiased estimate of the evidence p(x):

        E_q[w] = integral of q(z|x) p(x, z) / q(z|x) dz              definition of the mean
               = integral of p(x, z) dz = p(x)                       q cancels

    So the mean of k weights is also an unbiased estimate. Then

        E[L_k] = E[log(1/k sum_i w_i)]                               definition
              <= log E[1/k sum_i w_i]                                Jensen, log is concave
               = log p(x)                                            unbiased

    **k = 1 is the ELBO**: E[L_1] = E_q[log p(x, z) - log q(z|x)].

    **It grows with k.** Choose m < k of the samples at random, the set I, each subset equally
    likely. The mean over I, for given weights, restores the mean of all:

        1/k sum_i w_i = E_I[1/m sum_{i in I} w_i]                    each i is in I equally often
        E[L_k] = E[log E_I[1/m sum_{i in I} w_i]]                    insert
              >= E[E_I[log(1/m sum_{i in I} w_i)]]                   Jensen, for the mean over I
               = E[L_m]                                              m independent samples

    As k grows, the mean of the weights tends to p(x), and the bound to log p(x).

    **Derivation of the gradient.** Let l_i = log w_i, so that w_i = e^l_i and dw_i/dl_i = w_i.

        L_k       = log(sum_j w_j) - log k                           logarithm of a quotient
        dL_k/dl_i = w_i / sum_j w_j = m_i                            chain rule
        grad L_k  = sum_i m_i grad log w_i                           chain rule, over all samples

    The m_i are the *normalized weights*, a softmax of the log-weights. grad log w_i
    is the ELBO gradient of sample i alone. Its weight m_i tells how well this sample explains x,
    compared with the others. In the mean of k ELBOs, every weight would be 1/k. So here q is not
    penalized for samples that do not explain x, as long as other samples do. It may be wider.

    **Math**

        y      = M + log(1/k sum_i exp(log_w_i - M)),  M = max_i log_w_i
        dlog_w = g m,  m = softmax(log_w) over the samples

    **Shapes** log_w (k, N), samples first; y (N,). It is a bound, so unlike the losses of this
    package it is *maximized*.

    **Saved** log_w.

    **Numerics** log w is near -100 for an image of a digit, and e^-100 is 0 in float32. So the
    largest is factored out, as written under Math. In the gradient, a weight below e^-46 = 1e-20
    times the largest counts as 0. The normalized weights sum to 1, so such a weight is smaller than
    the last digit of their sum, even in float64. Most samples of an untrained encoder have
    such weights. They would fill the backward pass with *denormal* numbers (below 1e-38 in
    float32), which processors multiply 10 to 80 times slower.

    **Source** Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, 2015,
    equations 8, 9, 13 and 14.
    """
    check_floating("iwae_bound", log_w=log_w)
    check_sums("iwae_bound", log_w=log_w)
    if log_w.ndim != 2 or not log_w.shape[0]:
        raise ValueError(
            f"iwae_bound: log_w {log_w.shape} must be (k, N), k >= 1 samples for each of N examples"
        )
    largest = log_w.max(axis=0)
    # If no sample explains x at all, the bound is -inf. Then -inf - -inf would be NaN.
    largest = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):
        return largest + np.log(np.exp(log_w - largest).sum(axis=0)) - math.log(log_w.shape[0])


def _normalized_weights(log_w):
    """Return w_i / sum_j w_j over the first axis, with 0 for negligible weights."""
    is_negligible = log_w < log_w.max(axis=0) - _LOG_NEGLIGIBLE
    return softmax(where(is_negligible, -np.inf, log_w), axis=0)


iwae_bound.vjp(log_w=lambda g, log_w: g * _normalized_weights(log_w))
