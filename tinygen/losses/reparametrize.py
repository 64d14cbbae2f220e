"""How does a gradient pass through a random draw? Two ways to differentiate an expectation.

We want d/dtheta E_{z ~ q_theta}[f(z)], where the distribution q_theta itself depends on theta. A
program that draws z and computes f(z) has no derivative in theta: **no gradient passes through a
drawn number**. Both ways below rewrite the gradient as an expectation. An expectation can be
estimated from samples without bias.

**1. Reparametrization** (`reparametrize`). Write z as a function of theta and of noise eps, whose
distribution does not depend on theta: z = t(theta, eps).

    E_q[f(z)] = E_eps[f(t(theta, eps))]                              z has the distribution q
    d/dtheta E_eps[f(t(theta, eps))]
        = E_eps[d/dtheta f(t(theta, eps))]                           eps does not depend on theta
        = E_eps[f'(z) dz/dtheta]                                     chain rule

It uses the derivative of f. So z must be continuous and f differentiable. For a Gaussian q,
t(mu, sigma, eps) = mu + sigma eps with eps ~ N(0, 1).

**2. The score function** (`score_function`, also called REINFORCE). The score is the derivative of
log q_theta(z) in theta.

    d/dtheta E_q[f(z)]
        = d/dtheta integral of q_theta(z) f(z) dz                    definition of the mean
        = integral of dq_theta(z)/dtheta f(z) dz                     f does not depend on theta
        = integral of q_theta(z) dlog q_theta(z)/dtheta f(z) dz      as dlog q = dq / q
        = E_q[f(z) dlog q_theta(z)/dtheta]                           definition of the mean

It uses only the values of f. So z may be discrete and f a black box. The price is variance.

**How much variance?** Take f(z) = z^2 and q = N(mu, sigma^2) at mu = sigma = 1. The gradient in mu
of E[z^2] = mu^2 + sigma^2 is 2 mu = 2. With z = 1 + eps, one sample of each estimator is

    reparametrization    f'(z) dz/dmu    = 2 z = 2 + 2 eps
    score function       f(z) dlog q/dmu = z^2 (z - mu) / sigma^2
                                         = (1 + eps)^2 eps = eps + 2 eps^2 + eps^3

The moments E[eps], E[eps^2], ..., E[eps^6] of N(0, 1) are 0, 1, 0, 3, 0, 15. So

    reparametrization    mean        2 + 0                     = 2
                         variance    E[(2 eps)^2]              = 4
    score function       mean        0 + 2 + 0                 = 2
                         mean square E[eps^2 (1 + eps)^4]
                                     = E[eps^2 + 4 eps^3 + 6 eps^4 + 4 eps^5 + eps^6]
                                     = 1 + 0 + 18 + 0 + 15     = 34
                         variance    34 - 2^2                  = 30

Both are unbiased. For the same error the score function needs 30 / 4 = 7.5 times the samples in one
dimension. It needs more in many dimensions, because it cannot tell which dimension of z caused
the value of f. `demos/reparametrization.py` measures both.

`elementwise` gives the kernel that computes a formula on a GPU (backend/kernels.py). Read the NumPy
formula below it.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..backend.kernels import elementwise
from ..ops import exp
from ..ops.arguments import check_floating

__all__ = ["reparametrize", "score_function"]


@primitive
def reparametrize(mu, log_var, eps):
    """Return z = mu + sigma eps, sigma = exp(log_var / 2), through which gradients pass.

    If eps is drawn from N(0, I), then z is a draw from N(mu, diag sigma^2):

        E[z]   = mu + sigma E[eps] = mu                              E[eps] = 0
        var(z) = sigma^2 var(eps)  = sigma^2                         var(eps) = 1

    **Derivation** eps does not depend on mu or log_var, so it is a constant. With v = log_var:

        dz/dmu    = 1
        dsigma/dv = d/dv e^(v/2) = 1/2 e^(v/2) = sigma / 2           chain rule
        dz/dv     = eps dsigma/dv = sigma eps / 2                    chain rule
        dz/deps   = sigma

    Multiply each by g, the cotangent of z. In a VAE, g is what the decoder's backward pass sends
    to z. This is how the encoder learns from the reconstruction.

    **The factor 1/2** makes exp(log_var) the *variance*, as `kl_to_standard_normal` reads it.
    Without it nothing crashes. But z is then sampled from one distribution and the KL is computed
    for another, so the ELBO is no longer a bound. `tests/losses/test_reparametrize.py` checks the
    two together.

    **Math**

        z        = mu + exp(log_var / 2) eps
        dmu      = g
        dlog_var = g eps exp(log_var / 2) / 2
        deps     = g exp(log_var / 2)

    **Shapes** mu and log_var the same. eps has that shape, or further axes in front, such as
    (K, *mu.shape) for K draws; z has the shape of eps. For K draws, the engine sums dmu and
    dlog_var over K.

    **Saved** log_var and eps.

    **Numerics** sigma eps could be recovered as z - mu, so that eps need not be saved. But where
    sigma is small, rounding destroys that difference.

    **Source** Kingma and Welling, Auto-Encoding Variational Bayes, 2013, section 2.4.
    """
    check_floating("reparametrize", mu=mu, log_var=log_var, eps=eps)
    if (
        mu.shape != log_var.shape
        or eps.ndim < mu.ndim
        or eps.shape[eps.ndim - mu.ndim :] != mu.shape
    ):
        raise ValueError(
            f"reparametrize: mu {mu.shape} and log_var {log_var.shape} must have one shape, and "
            f"eps {eps.shape} that shape, or further axes in front of it, such as (K, *mu.shape)"
        )
    return _reparametrize(mu, log_var, eps)


@elementwise("T mu, T log_var, T eps", "T z", "z = mu + exp(T(0.5) * log_var) * eps")
def _reparametrize(mu, log_var, eps):
    return mu + np.exp(0.5 * log_var) * eps


@elementwise(
    "T g, T log_var, T eps", "T dlog_var", "dlog_var = g * eps * (T(0.5) * exp(T(0.5) * log_var))"
)
def _log_var_rule(g, log_var, eps):
    return g * eps * (0.5 * exp(0.5 * log_var))


@elementwise("T g, T log_var", "T deps", "deps = g * exp(T(0.5) * log_var)")
def _eps_rule(g, log_var):
    return g * exp(0.5 * log_var)


reparametrize.vjp(mu=lambda g: g, log_var=_log_var_rule, eps=_eps_rule)


@primitive
def score_function(f, log_q):
    """Return f log_q, whose *gradient* is an unbiased estimate of d E_q[f]; f is held constant.

    The value itself means nothing. To use it, draw z ~ q with `no_grad`, compute f(z) and
    log q(z; theta), and differentiate `score_function(f, log_q).mean()`. The gradient is the mean
    of f(z) dlog q(z)/dtheta, as derived at the top of this file.

    **Baseline.** A constant b may be subtracted from f without bias:

        E_q[b dlog q/dtheta] = b integral of dq/dtheta dz            as dlog q = dq / q
                             = b d/dtheta integral of q dz
                             = b d/dtheta 1 = 0                      q integrates to 1

    So pass f - b. The best b has the smallest mean square. With the score s = dlog q/dtheta:

        0 = d/db E[(f - b)^2 s^2] = -2 E[(f - b) s^2]                differentiate in b
        b = E[f s^2] / E[s^2]                                        solve for b

    In the example above (mu = sigma = 1, f = z^2), s = eps and E[s^2] = 1, so

        b = E[(1 + eps)^2 eps^2] = E[eps^2 + 2 eps^3 + eps^4] = 1 + 0 + 3 = 4

    and one sample is

        ((1 + eps)^2 - 4) eps = -3 eps + 2 eps^2 + eps^3
        mean square: E[9 eps^2 - 12 eps^3 - 2 eps^4 + 4 eps^5 + eps^6] = 9 - 0 - 6 + 0 + 15 = 18
        variance: 18 - 2^2 = 14, where it was 30

    **Math**

        y      = f log_q
        df     = none: f counts as a constant
        dlog_q = g f

    If f itself depends on theta, E_q[df/dtheta] is missing. Then differentiate
    `score_function(f, log_q).mean() + f.mean()`.

    **Shapes** f and log_q the same, one number per sample.

    **Saved** f.

    **Source** Williams, Simple statistical gradient-following algorithms for connectionist
    reinforcement learning, 1992.
    """
    check_floating("score_function", f=f, log_q=log_q)
    if f.shape != log_q.shape:
        raise ValueError(
            f"score_function: f {f.shape} and log_q {log_q.shape} must have one shape: "
            "a value and a log-density for each sample"
        )
    return f * log_q


score_function.vjp(f=None, log_q=lambda g, f: g * f)
