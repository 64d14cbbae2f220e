"""Two ways to differentiate an expectation over a distribution that itself depends on the parameters.

Wanted: d/dtheta E_{z ~ q_theta}[f(z)]. A program that draws z and computes f(z) has no derivative in theta: *no gradient goes through a drawn
number*. Both ways write the gradient as an expectation, to be estimated from samples without bias.

1. **Reparametrize**: z = t(theta, eps) with noise eps that does not depend on theta. Then E_q f(z) = E_eps f(t(theta, eps)), and the derivative moves
   inside: E_eps[f'(z) dz/dtheta]. It uses f's slope, and needs z continuous and f differentiable.
2. **Score function** (REINFORCE): d/dtheta of the integral of q f is the integral of f dq/dtheta, and dq/dtheta = q d log q/dtheta, so it is
   E_q[f(z) d log q(z)/dtheta]. It uses f's values only, so z may be discrete and f a black box, and it pays in variance.

How much? Take f(z) = z^2, q = N(mu, sigma^2), at mu = sigma = 1; the gradient in mu of E z^2 = mu^2 + sigma^2 is 2. With z = 1 + eps, one sample of
each estimator:

    reparametrized   2 z = 2 (1 + eps)                          mean 2    variance 4
    score function   z^2 (z - mu) / sigma^2 = (1 + eps)^2 eps   mean 2    variance E[eps^2 (1 + eps)^4] - 4 = 1 + 18 + 15 - 4 = 30

(the moments of eps are 1, 0, 1, 0, 3, 0, 15): 7.5 times the samples for the same error in one dimension, and worse in more, for the score function
cannot tell which dimension of z earned the value of f.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..ops import exp

__all__ = ["reparametrize", "score_function"]


@primitive
def reparametrize(mu, log_var, eps):
    """z = mu + sigma eps, sigma = exp(log_var / 2): a draw from N(mu, diag sigma^2), if eps is one from N(0, I), through which gradients flow.

    **The half** is what makes exp(log_var) the *variance*, as `kl_to_standard_normal` reads it. Without it nothing crashes: the KL then holds a q that is
    never sampled, and the ELBO is no bound. tests/test_losses.py holds the two together.

    **Math**: z = mu + exp(log_var / 2) eps; mu: g; log_var: g eps exp(log_var / 2) / 2; eps: g exp(log_var / 2).
    **Shapes**: mu and log_var the same; eps of that shape, or with leading axes (K, *mu.shape) for K draws; -> the shape of eps.
    **Saved**: log_var and eps. (z holds sigma eps = z - mu, but that difference loses its digits where sigma is small.)
    **Source**: Kingma and Welling, Auto-Encoding Variational Bayes, 2013, section 2.4.
    """
    if mu.shape != log_var.shape or eps.ndim < mu.ndim or eps.shape[eps.ndim - mu.ndim :] != mu.shape:
        raise ValueError(f"reparametrize: mu {mu.shape} and log_var {log_var.shape} must have one shape, and eps {eps.shape} that shape "
                         "or it behind axes of further draws, such as (K, *mu.shape)")
    return mu + np.exp(0.5 * log_var) * eps


reparametrize.vjp(
    mu=lambda g: g,
    log_var=lambda g, log_var, eps: g * eps * (0.5 * exp(0.5 * log_var)),
    eps=lambda g, log_var: g * exp(0.5 * log_var),
)


@primitive
def score_function(f, log_q):
    """f log_q, with f held constant: a surrogate whose *gradient* is f d log q, an unbiased estimate of d E_q[f]. Its value means nothing.

    Draw z ~ q without recording, compute f(z) and log q(z; theta), and differentiate `score_function(f, log_q).mean()`.

    **Baseline.** Since E_q[d log q] = d (integral of q) = 0, any constant may be taken from f without bias: pass f - b. At mu = sigma = 1 and f = z^2
    above, b = 4 makes the variance 14 instead of 30.

    **Math**: y = f log_q; f: no gradient, by declaration: if f depends on theta itself, add `f.mean()` to what is differentiated; log_q: g f.
    **Shapes**: f and log_q the same, one number a sample. **Saved**: f.
    **Source**: Williams, Simple statistical gradient-following algorithms for connectionist reinforcement learning, 1992.
    """
    if f.shape != log_q.shape:
        raise ValueError(f"score_function: f {f.shape} and log_q {log_q.shape} must have one shape: a value and a log-density for each sample")
    return f * log_q


score_function.vjp(f=None, log_q=lambda g, f: g * f)
