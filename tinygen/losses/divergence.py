"""Kullback-Leibler divergences of diagonal Gaussians, in nats.

    kl_to_standard_normal    from N(mu, diag sigma^2) to N(0, I): the regularizer of a VAE
    kl_between_normals       from one diagonal Gaussian to another

KL(q || p) = E_q[log q(z) - log p(z)] says how far q is from p: how many nats longer a code for
samples of q becomes, on average, if it was made for p.

`elementwise` gives the kernel that computes a formula on a GPU (backend/kernels.py). Read the NumPy
formula below it.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..backend.kernels import elementwise
from ..ops import exp, expm1
from ..ops.arguments import check_floating, check_sums
from .per_example import check_examples, expand_per_example, sum_per_example

__all__ = ["kl_between_normals", "kl_to_standard_normal"]


@primitive
def kl_to_standard_normal(mu, log_var):
    """Return KL(q || p) from q = N(mu, diag sigma^2) to p = N(0, I), sigma^2 = exp(log_var).

    PyTorch's distributions.kl_divergence of two Normal, summed over each example; its kl_div is for
    tables of probabilities.

    **Definition.** KL(q || p) = E_q[log q(z) - log p(z)]. It is not negative:

        -KL(q || p) = E_q[log(p(z) / q(z))]                          the sign swaps the fraction
                   <= log E_q[p(z) / q(z)]                           Jensen, log is concave
                    = log(integral of p(z) dz) = log 1 = 0           q cancels

    It is 0 only for q = p, where p / q is constant and Jensen's inequality is an equality.

    **Derivation** Both densities are products over the dimensions of z. So their logarithms are
    sums, and the KL is a sum of one term per dimension. For one dimension:

    1. Write down the two log-densities.

        log q(z) = -1/2 log(2 pi) - log sigma - (z - mu)^2 / (2 sigma^2)
        log p(z) = -1/2 log(2 pi) - z^2 / 2

    2. Take their means over q. They need two moments of q:

        E_q[(z - mu)^2] = sigma^2                                    definition of the variance
        E_q[z^2]        = mu^2 + sigma^2                             variance = E[z^2] - mu^2

        E_q[log q(z)] = -1/2 log(2 pi) - log sigma - 1/2             sigma^2 / (2 sigma^2) = 1/2
        E_q[log p(z)] = -1/2 log(2 pi) - (mu^2 + sigma^2) / 2        E_q[z^2] / 2

    3. Subtract the second from the first.

        KL = (mu^2 + sigma^2) / 2 - log sigma - 1/2

    4. Replace log sigma by 1/2 log(sigma^2), factor out 1/2, and sum over the dimensions.

        **KL = 1/2 sum_j [sigma_j^2 + mu_j^2 - log(sigma_j^2) - 1]**

    5. Differentiate. With v = log_var, sigma^2 = e^v and log(sigma^2) = v:

        dKL/dmu = mu                                                 pulls mu to the origin
        dKL/dv  = (e^v - 1) / 2 = (sigma^2 - 1) / 2                  negative if q is too narrow,
                                                                     positive if q is too wide

    **The lecture's slide is wrong here.** It prints sum(sigma^2 + mu^2 - log(sigma) - 1). At
    mu = 0, look at one dimension:

        f(sigma)  = sigma^2 - log(sigma) - 1                         as printed
        f'(sigma) = 2 sigma - 1 / sigma                              zero at sigma^2 = 1/2
        f         = 1/2 + 1/2 log 2 - 1 = -0.15                      at that minimum

    So the printed formula would train q towards N(0, I/2). It is also negative there, but a
    divergence is never negative. The correction is log(sigma^2) in place of log(sigma). The factor
    1/2 is missing too; that only changes the weight lambda of the KL in the slide's loss.

    **Why log_var.** The output of a network can be any real number, and exp(log_var) is positive
    for all of them. log_var = 0 is the variance of the prior. The most common bug of VAE code is
    to read exp(log_var) as the variance here, and as the standard deviation in sampling. That is
    why `reparametrize` halves log_var.

    **Math**

        y        = 1/2 sum_j [exp(log_var_j) - 1 - log_var_j + mu_j^2]
        dmu      = g mu
        dlog_var = g (exp(log_var) - 1) / 2

    **Shapes** mu and log_var (N, ...), the same; y (N,), in nats, summed over all axes but the
    first.

    **Saved** mu and log_var.

    **Numerics** Near the prior, sigma^2 - 1 - log_var is a difference of nearly equal numbers. Let
    u be the machine's rounding error. Computed as expm1(log_var) - log_var, the terms have the size
    of log_var and not of 1, so the absolute error is u |log_var| and not u. The difference itself
    is about log_var^2 / 2, so its relative error is still 2 u / |log_var|. The gradient,
    expm1(log_var) / 2, keeps all its digits.

    **Source** Kingma and Welling, Auto-Encoding Variational Bayes, 2013, appendix B.
    """
    _check_normals("kl_to_standard_normal", mu=mu, log_var=log_var)
    return sum_per_example(_kl_summand(mu, log_var))


@elementwise("T mu, T log_var", "T y", "y = T(0.5) * (expm1(log_var) - log_var + mu * mu)")
def _kl_summand(mu, log_var):
    return 0.5 * (np.expm1(log_var) - log_var + mu * mu)


@elementwise("T g, T log_var", "T dlog_var", "dlog_var = T(0.5) * g * expm1(log_var)")
def _kl_log_var_rule(g, log_var):
    return 0.5 * g * expm1(log_var)


kl_to_standard_normal.vjp(
    mu=lambda g, mu: expand_per_example(g, mu) * mu,
    log_var=lambda g, log_var: _kl_log_var_rule(expand_per_example(g, log_var), log_var),
)


@primitive
def kl_between_normals(mu1, log_var1, mu2, log_var2):
    """Return KL(q || p) from q = N(mu1, diag sigma1^2) to p = N(mu2, diag sigma2^2).

    PyTorch's distributions.kl_divergence of two Normal, summed over each example.

    sigma1^2 = exp(log_var1) and sigma2^2 = exp(log_var2). A learned prior needs it, and so do the
    steps of a diffusion model.

    **Derivation** As in `kl_to_standard_normal`, for one dimension:

    1. Write down the two log-densities.

        log q(z) = -1/2 log(2 pi) - log sigma1 - (z - mu1)^2 / (2 sigma1^2)
        log p(z) = -1/2 log(2 pi) - log sigma2 - (z - mu2)^2 / (2 sigma2^2)

    2. Take their means over q. Write z - mu2 = (z - mu1) + (mu1 - mu2) and expand the square:

        E_q[(z - mu1)^2] = sigma1^2                                  definition of the variance
        E_q[(z - mu2)^2] = sigma1^2 + (mu1 - mu2)^2                  as E_q[z - mu1] = 0

        E_q[log q(z)] = -1/2 log(2 pi) - log sigma1 - 1/2
        E_q[log p(z)] = -1/2 log(2 pi) - log sigma2 - (sigma1^2 + (mu1 - mu2)^2) / (2 sigma2^2)

    3. Subtract the second from the first.

        KL = log sigma2 - log sigma1 - 1/2 + (sigma1^2 + (mu1 - mu2)^2) / (2 sigma2^2)

    4. Replace log sigma by 1/2 log(sigma^2), factor out 1/2, and sum over the dimensions.

        **KL = 1/2 sum_j [sigma1^2 / sigma2^2 - 1 - log(sigma1^2 / sigma2^2)
                          + (mu1 - mu2)^2 / sigma2^2]**

    5. Abbreviate, so that the derivatives can be read off:

        r = log_var1 - log_var2 = log(sigma1^2 / sigma2^2),  d = mu1 - mu2,  w = exp(-log_var2)
        KL = 1/2 sum_j [e^r - 1 - r + w d^2]

    The KL is not symmetric. If q is much wider than p, it grows like the ratio of the variances.
    If q is much narrower, it grows only like the logarithm of that ratio.

    **Math**

        y         = 1/2 sum_j [e^r - 1 - r + w d^2]
        dmu1      = g w d
        dlog_var1 = g (e^r - 1) / 2
        dmu2      = -g w d
        dlog_var2 = -g (e^r - 1 + w d^2) / 2                         as dw/dlog_var2 = -w

    **Shapes** all four (N, ...), the same; y (N,), in nats, summed over all axes but the first.

    **Saved** all four. One joint rule serves them, since they share r, d and w.

    **Numerics** The first three terms are expm1(r) - r. There is no quotient, and near q = p the
    error has the size of the rounding of r and not of 1 (see `kl_to_standard_normal`).
    """
    _check_normals("kl_between_normals", mu1=mu1, log_var1=log_var1, mu2=mu2, log_var2=log_var2)
    return sum_per_example(_kl_between_summand(mu1, log_var1, mu2, log_var2))


@elementwise(
    "T mu1, T log_var1, T mu2, T log_var2",
    "T y",
    """
    T r = log_var1 - log_var2, d = mu1 - mu2;
    y = T(0.5) * (expm1(r) - r + d * d * exp(-log_var2));
    """,
)
def _kl_between_summand(mu1, log_var1, mu2, log_var2):
    r, d = log_var1 - log_var2, mu1 - mu2
    return 0.5 * (np.expm1(r) - r + d * d * np.exp(-log_var2))


@kl_between_normals.vjp_joint("mu1", "log_var1", "mu2", "log_var2")
def _(g, needs, mu1, log_var1, mu2, log_var2):
    return _kl_between_rule(expand_per_example(g, mu1), mu1, log_var1, mu2, log_var2)


@elementwise(
    "T g, T mu1, T log_var1, T mu2, T log_var2",
    "T dmu1, T dlog_var1, T dmu2, T dlog_var2",
    """
    T d = mu1 - mu2, wd = exp(-log_var2) * d, ratio = expm1(log_var1 - log_var2);
    dmu1 = g * wd;
    dlog_var1 = T(0.5) * g * ratio;
    dmu2 = -g * wd;
    dlog_var2 = T(-0.5) * g * (ratio + wd * d);
    """,
)
def _kl_between_rule(g, mu1, log_var1, mu2, log_var2):
    d = mu1 - mu2
    wd = exp(-log_var2) * d
    ratio = expm1(log_var1 - log_var2)  # e^r - 1
    return g * wd, 0.5 * g * ratio, -g * wd, -0.5 * g * (ratio + wd * d)


def _check_normals(name: str, **arrays) -> None:
    """Refuse arrays that do not fit, and each that is not float32 or float64: all are squared."""
    check_examples(name, **arrays)
    for key, a in arrays.items():
        check_floating(name, **{key: a})
        check_sums(name, **{key: a})
