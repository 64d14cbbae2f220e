"""Kullback-Leibler divergences of diagonal Gaussians: what it costs, in nats, to take one distribution for another."""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..ops import exp, expm1
from .likelihood import _all_but_first, _same_shape, _spread

__all__ = ["kl_to_standard_normal", "kl_between_normals"]


@primitive
def kl_to_standard_normal(mu, log_var):
    """KL(q || p) from q = N(mu, diag sigma^2), sigma^2 = exp(log_var), to p = N(0, I): the VAE's regularizer.

    **Definition.** KL(q || p) = E_q[log q(z) - log p(z)], at least 0 (by Jensen's inequality), and 0 only for q = p.

    **Derivation.** Both are products over dimensions, so logarithms and hence divergences add; take one dimension. With z = mu + sigma eps, eps ~ N(0, 1),

        log q(z) = -1/2 log 2 pi - log sigma - (z - mu)^2 / 2 sigma^2      E_q: -1/2 log 2 pi - log sigma - 1/2
        log p(z) = -1/2 log 2 pi - z^2 / 2                                 E_q: -1/2 log 2 pi - (mu^2 + sigma^2) / 2

    since E (z - mu)^2 = sigma^2 and E z^2 = mu^2 + sigma^2. Subtract, and write log sigma = 1/2 log sigma^2:

        **KL = 1/2 sum_j (sigma_j^2 + mu_j^2 - log sigma_j^2 - 1).**

    **The lecture's slide** prints sum(sigma^2 + mu^2 - log(sigma) - 1). Its derivative in sigma, 2 sigma - 1/sigma, vanishes at sigma^2 = 1/2: taken at
    its word it would train q towards N(0, I/2), and be negative there (-0.15 a dimension), which no divergence is. Put log(sigma^2) for log(sigma), and
    the factor 1/2, which only rescales lambda.

    **Why log_var.** A network's output is any real number, and exp(log_var) is positive whatever it says; log_var = 0 is the prior. The commonest
    bug of all VAE code: exp(log_var) read as the variance here and used as the standard deviation in sampling. `reparametrize` halves it.

    **Stable form.** Near the prior sigma^2 - 1 - log_var is a difference of near-equal numbers. expm1(log_var) - log_var rounds log_var's size, not 1's:
    its absolute error is u |log_var| instead of u, u the machine's rounding. The difference itself, about log_var^2 / 2, still cancels: its relative
    error is 2 u / |log_var|.
    The gradient, expm1(log_var) / 2, keeps all its digits.

    **Gradient.** d/dmu = mu: a spring to the origin. d/dlog_var = (sigma^2 - 1) / 2: negative for a spike, positive for a blur.

    **Shapes**: mu and log_var (N, ...), the same; -> (N,), nats, summed over all axes but the first. **Saved**: mu and log_var.
    **Source**: Kingma and Welling, Auto-Encoding Variational Bayes, 2013, appendix B.
    """
    _same_shape("kl_to_standard_normal", mu=mu, log_var=log_var)
    return 0.5 * (np.expm1(log_var) - log_var + mu * mu).sum(axis=_all_but_first(mu))


kl_to_standard_normal.vjp(
    mu=lambda g, mu: _spread(g, mu) * mu,
    log_var=lambda g, log_var: _spread(0.5 * g, log_var) * expm1(log_var),
)


@primitive
def kl_between_normals(mu1, log_var1, mu2, log_var2):
    """KL(q || p) from q = N(mu1, diag exp(log_var1)) to p = N(mu2, diag exp(log_var2)): a learned prior, or two steps of a diffusion.

    **Derivation.** As in `kl_to_standard_normal`, in one dimension, with E_q (z - mu2)^2 = sigma1^2 + (mu1 - mu2)^2:

        E_q log q = -1/2 log 2 pi - log sigma1 - 1/2
        E_q log p = -1/2 log 2 pi - log sigma2 - (sigma1^2 + (mu1 - mu2)^2) / 2 sigma2^2

        **KL = 1/2 sum_j [sigma1^2 / sigma2^2 - 1 - log(sigma1^2 / sigma2^2) + (mu1 - mu2)^2 / sigma2^2].**

    It is not symmetric: a q wider than p pays by the ratio of variances, a narrower one only by its logarithm.

    **Stable form.** With r = log_var1 - log_var2 the first three terms are expm1(r) - r: no quotient, and near q = p an error of the size of r's
    rounding, not 1's (see `kl_to_standard_normal`).

    **Gradient.** With d = mu1 - mu2 and w = exp(-log_var2): d/dmu1 = w d = -d/dmu2; d/dlog_var1 = expm1(r) / 2; d/dlog_var2 = -(expm1(r) + w d^2) / 2.
    One rule for all four, since they share r, d and w.

    **Shapes**: all four (N, ...), the same; -> (N,), nats, summed over all axes but the first. **Saved**: all four.
    """
    _same_shape("kl_between_normals", mu1=mu1, log_var1=log_var1, mu2=mu2, log_var2=log_var2)
    r, d = log_var1 - log_var2, mu1 - mu2
    return 0.5 * (np.expm1(r) - r + d * d * np.exp(-log_var2)).sum(axis=_all_but_first(d))


@kl_between_normals.vjp_joint("mu1", "log_var1", "mu2", "log_var2")
def _(g, needs, mu1, log_var1, mu2, log_var2):
    g, d = _spread(g, mu1), mu1 - mu2
    wd = exp(-log_var2) * d
    ratio = expm1(log_var1 - log_var2)
    return g * wd, 0.5 * g * ratio, -g * wd, -0.5 * g * (ratio + wd * d)
