"""Exercise 2. The gradient through a random draw: reparametrization.

The slide: VAE - Reparamétrisation de la couche d'échantillonnage.

**Theory.** The decoder of a VAE is given a code z that is drawn from q = N(mu, sigma^2). A program
that draws z has no derivative in mu and sigma: the draw is a number like any other. So write z as a
function of mu, of log_var = log(sigma^2), and of noise eps that depends on neither:

    eps ~ N(0, 1),    z = t(mu, log_var, eps)

such that z has the mean mu and the variance sigma^2. The random number is now an input like any
other, and z has a derivative in mu and in log_var. Recall that for numbers a and b

    E[a + b eps] = a,    Var(a + b eps) = b^2

**Rules.** Let L be the final scalar. A rule is given g = dL/dz, the cotangent of z, which has the
shape of z. It returns the cotangent of an argument: g times the derivative of z with respect to it
(the chain rule). Here every operation is element by element.

**Your task.** Find t, then differentiate it. Write the functions with operators and `exp`, which
takes arrays and Tensors. The check differentiates your rules once more, and then they are given
Tensors.

    python demos/exercises/check.py 2
    python demos/exercises/check.py 2 --hint 1
"""

from tinygen.ops import exp


def sample(mu, log_var, eps):
    """Return z = t(mu, log_var, eps), all of the shape (N, D)."""
    # Your lines here.


def rule_of_mu(g, mu, log_var, eps):
    """Return the cotangent of mu, (N, D), from g (N, D), the cotangent of z."""
    # Your lines here.


def rule_of_log_var(g, mu, log_var, eps):
    """Return the cotangent of log_var, (N, D), from g (N, D), the cotangent of z."""
    # Your lines here.
