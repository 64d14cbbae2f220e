"""Exercise 1. The KL divergence of the VAE.

The slide: VAE - Optimisation.

**Theory.** The encoder of a VAE gives each example a Gaussian q = N(mu, diag sigma^2) of codes. The
loss pulls it to the prior p = N(0, I) by the Kullback-Leibler divergence

    KL(q || p) = E_q[log q(z) - log p(z)]            the mean over z drawn from q

Both densities are products over the dimensions of z, so the KL is a sum of one term per dimension.
In one dimension,

    log q(z) = -1/2 log(2 pi) - log sigma - (z - mu)^2 / (2 sigma^2)
    log p(z) = -1/2 log(2 pi) - z^2 / 2

Their means over q need only two moments of q:

    E_q[(z - mu)^2] = sigma^2                        definition of the variance
    E_q[z^2]        = mu^2 + sigma^2                 variance = E[z^2] - mu^2

The network returns log_var = log(sigma^2), since that can be any real number.

**Rules.** Let L be the final scalar. A rule is given g = dL/dy, the cotangent of the result y. It
returns dL/dx, the cotangent of an argument x: by the chain rule, g times the derivative. Here y is
`kl(mu, log_var)`, so g has the shape (N,), one number for each example. `g[:, None]` has the shape
(N, 1), and broadcasts against (N, D).

**Your task.** Derive the KL, then differentiate it. The slide prints

    KL((mu, sigma), (0, I)) = sum over i of sigma_i^2 + mu^2 - log(sigma_i) - 1

What is wrong with it? Try it at mu = 0, and look for the sigma at which it is least.

Fill in the three functions. Write them with operators, methods such as .sum, and `exp`. This exp
takes arrays and Tensors, and np.exp takes arrays only. The check differentiates your rules once
more, and then they are given Tensors.

    python demos/exercises/check.py 1
    python demos/exercises/check.py 1 --hint 1
"""

from tinygen.ops import exp


def kl(mu, log_var):
    """Return KL(N(mu, diag sigma^2) || N(0, I)) of each example: (N, D) and (N, D) to (N,)."""
    # Your lines here.


def rule_of_mu(g, mu, log_var):
    """Return the cotangent of mu, (N, D), from g (N,), the cotangent of the KL."""
    # Your lines here.


def rule_of_log_var(g, mu, log_var):
    """Return the cotangent of log_var, (N, D). Mind that the derivative is in log(sigma^2)."""
    # Your lines here.
