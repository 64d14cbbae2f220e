"""Exercise 6. The best discriminator D*, and what the generator then minimizes.

The slide: GANs - Optimisation.

**Theory.** Let p be the density of the data and q that of the generated examples. The discriminator
D(x), between 0 and 1, maximizes

    V(D) = E_{x ~ p}[log D(x)] + E_{x ~ q}[log(1 - D(x))]
         = integral of p(x) log D(x) + q(x) log(1 - D(x)) dx          definition of the means

If D can be any function, each x can be treated on its own. So look for the number D between 0 and 1
that maximizes, for two positive numbers p and q, the integrand

    v(D) = p log D + q log(1 - D)

**Your task.** Differentiate v in D, find the D* at which the derivative is 0, and compute V(D*) for
densities on a grid. This is what the generator then minimizes. Try to see what it is for p = q,
before you run the check.

A rule is given g = dL/dv, the cotangent of the result v, where L is the final scalar. It returns
dL/dD: g times the derivative of v. The check differentiates it once more. What is the sign of the
second derivative? So is D* a maximum?

    python demos/exercises/check.py 6
    python demos/exercises/check.py 6 --hint 1
"""

import numpy as np


def integrand(D, p, q):
    """Return v(D) = p log D + q log(1 - D), of arrays of one shape."""
    return p * np.log(D) + q * np.log(1 - D)


def rule_of_discriminator(g, D, p, q):
    """Return the cotangent of D from g, the cotangent of v(D). Use operators only."""
    # Your lines here.


def optimal_discriminator(p, q):
    """Return D*, the D at which the derivative of v is 0, of the shape of p and q."""
    # Your lines here.


def optimal_value(p, q, dx):
    """Return V(D*), one number, for densities p and q on a grid with the spacing dx.

    An integral over x is then a sum over the grid times dx.
    """
    # Your lines here.
