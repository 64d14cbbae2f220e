"""Solution of exercise 1: the KL divergence of the VAE.

**The value.** The means over q of the two log-densities, in one dimension:

    E_q[log q(z)] = -1/2 log(2 pi) - log sigma - sigma^2 / (2 sigma^2)    E_q[(z - mu)^2] = sigma^2
                  = -1/2 log(2 pi) - log sigma - 1/2                      cancel sigma^2
    E_q[log p(z)] = -1/2 log(2 pi) - (mu^2 + sigma^2) / 2                 E_q[z^2]

Subtract, and the terms with pi cancel:

    KL = -log sigma - 1/2 + (mu^2 + sigma^2) / 2
       = 1/2 [sigma^2 + mu^2 - 2 log sigma - 1]                           factor out 1/2
       = 1/2 [sigma^2 + mu^2 - log(sigma^2) - 1]                          2 log sigma = log(sigma^2)

The slide prints log(sigma) in place of log(sigma^2), and has no 1/2. As printed, at mu = 0 it is
least at sigma^2 = 1/2 and not at the prior: its derivative in sigma is 2 sigma - 1 / sigma.

**The derivatives.** With v = log_var, sigma^2 = e^v and log(sigma^2) = v:

    KL     = 1/2 [e^v + mu^2 - v - 1]                                     insert
    dKL/dmu = 1/2 2 mu = mu                                               power rule
    dKL/dv  = 1/2 (e^v - 1)                                               derivative of e^v is e^v

The KL of an example is the sum over its dimensions. So each of its mu_j and v_j has the derivative
above, times the one g of the example.
"""

from tinygen.ops import exp


def kl(mu, log_var):
    """Return KL(N(mu, diag sigma^2) || N(0, I)) of each example: (N, D) and (N, D) to (N,)."""
    return 0.5 * (exp(log_var) + mu * mu - log_var - 1).sum(axis=1)


def rule_of_mu(g, mu, log_var):
    """Return the cotangent of mu, (N, D), from g (N,), the cotangent of the KL."""
    return g[:, None] * mu


def rule_of_log_var(g, mu, log_var):
    """Return the cotangent of log_var, (N, D). Mind that the derivative is in log(sigma^2)."""
    return g[:, None] * 0.5 * (exp(log_var) - 1)
