"""Solution of exercise 12: the objective of the VAE.

**The likelihood.** For one pixel, with p = softplus(l):

    x log s + (1 - x) log(1 - s) = x (l - p) + (1 - x) (-p)      insert the two logarithms
                                 = x l - x p - p + x p           expand
                                 = x l - p                       x p cancels

log s itself is -infinity as soon as s is rounded to 0. x l - softplus(l) is finite for every l.

**Its derivative.**

    d/dl [x l - softplus(l)] = x - sigmoid(l)

the observed pixel minus the expected one. Multiply by the g of the example.

**The ELBO** is the likelihood minus the KL. The KL is a penalty: it is *subtracted* from what is
maximized, and added to the loss, which is -ELBO. Both are sums, the one over pixels, the other over
dimensions. A mean over the pixels in place of the sum weights the KL P times too heavily, and
q(z|x) tends to collapse to the prior.
"""

from tinygen.ops import exp, sigmoid, softplus


def log_likelihood(x, logits):
    """Return log p(x|z) of each example, (N,), from x and logits, both (N, P) for P pixels."""
    return (x * logits - softplus(logits)).sum(axis=1)


def rule_of_logits(g, x, logits):
    """Return the cotangent of logits, (N, P), from g (N,), the cotangent of log p(x|z)."""
    return g[:, None] * (x - sigmoid(logits))


def elbo(x, logits, mu, log_var):
    """Return the ELBO of each example, (N,), with logits of one z; mu, log_var are (N, D)."""
    kl = 0.5 * (exp(log_var) + mu * mu - log_var - 1).sum(axis=1)
    return log_likelihood(x, logits) - kl
