"""Solution of exercise 2: reparametrization.

**The value.** By the two formulas of the theory, a = mu and b = sigma. So z = mu + sigma eps. The
argument is v = log_var = log(sigma^2):

    sigma = sqrt(sigma^2) = sqrt(e^v) = e^(v/2)
    z     = mu + e^(v/2) eps

**The derivatives.** eps depends on neither argument, so it is a constant.

    dz/dmu = 1
    dz/dv  = eps d/dv e^(v/2)
           = eps 1/2 e^(v/2)                         chain rule

Multiply each by g. To read e^v as sigma in place of sigma^2 is a common bug in the code of VAEs:
nothing stops, but z is drawn from another distribution than the one that the KL measures.
"""

from tinygen.ops import exp


def sample(mu, log_var, eps):
    """Return z = t(mu, log_var, eps), all of the shape (N, D)."""
    return mu + exp(0.5 * log_var) * eps


def rule_of_mu(g, mu, log_var, eps):
    """Return the cotangent of mu, (N, D), from g (N, D), the cotangent of z."""
    return g


def rule_of_log_var(g, mu, log_var, eps):
    """Return the cotangent of log_var, (N, D), from g (N, D), the cotangent of z."""
    return g * eps * 0.5 * exp(0.5 * log_var)
