"""Exercise 12. The objective of the VAE: the evidence lower bound (ELBO).

The slide: VAE - Optimisation. The paper: Kingma and Welling, Auto-Encoding Variational Bayes, 2013.

**Theory.** The decoder gives p(x|z), and the prior is p(z) = N(0, I). The log-likelihood log p(x)
of an image needs an integral over all z, which cannot be computed. But for any q(z|x),

    log p(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)) + KL(q(z|x) || p(z|x))
               `--------------- ELBO -------------'   `------ gap -------'

No KL is negative, so the ELBO is a lower bound of log p(x). Training maximizes it. The mean over q
is estimated with one draw of z.

*The likelihood.* For black-and-white pixels the decoder returns a logit l for each pixel. The
probability of x_i = 1 is s = sigmoid(l) = 1 / (1 + e^-l), and

    log p(x|z) = sum over the pixels of x log s + (1 - x) log(1 - s)

With softplus(l) = log(1 + e^l), the two logarithms are

    log s       = l - softplus(l)                    s = e^l / (1 + e^l)
    log(1 - s)  = -softplus(l)                       1 - s = 1 / (1 + e^l)

The derivative of softplus(l) is e^l / (1 + e^l) = sigmoid(l).

*The KL* of q = N(mu, diag sigma^2) with log_var = log(sigma^2) is that of exercise 1,

    KL = 1/2 sum over the dimensions of sigma^2 + mu^2 - log(sigma^2) - 1

**Your task.** Compute log p(x|z) so that no logarithm of 0 can occur, and its derivative; then the
ELBO. All are per example: sums over pixels or dimensions, no mean. A rule is given g = dL/dy, (N,),
where y is the result and L the final scalar. It returns the cotangent of an argument: the
derivative of L with respect to it. Use operators, methods such as .sum, and the functions below,
which take arrays and Tensors.

    python demos/exercises/check.py 12
    python demos/exercises/check.py 12 --hint 1
"""

from tinygen.ops import exp, sigmoid, softplus


def log_likelihood(x, logits):
    """Return log p(x|z) of each example, (N,), from x and logits, both (N, P) for P pixels."""
    # Your lines here.


def rule_of_logits(g, x, logits):
    """Return the cotangent of logits, (N, P), from g (N,), the cotangent of log p(x|z)."""
    # Your lines here.


def elbo(x, logits, mu, log_var):
    """Return the ELBO of each example, (N,), with logits of one z; mu, log_var are (N, D)."""
    # Your lines here.
