"""Solution of exercise 6: the best discriminator, and what the generator then minimizes.

**The derivative.** (log u)' = u' / u, and the inner derivative of 1 - D is -1:

    dv/dD = p / D - q / (1 - D)

**Its zero.**

    p / D = q / (1 - D)                              dv/dD = 0
    p (1 - D) = q D                                  multiply by D (1 - D)
    p = (p + q) D                                    add p D
    D* = p / (p + q)                                 divide by p + q

The second derivative, -p / D^2 - q / (1 - D)^2, is negative. So D* is the maximum.

**The value.** With 1 - D* = q / (p + q),

    V(D*) = integral of p log(p / (p + q)) + q log(q / (p + q)) dx

Let m = (p + q) / 2, so p + q = 2 m. Each logarithm gives a term log(1 / 2), and p and q integrate
to 1:

    V(D*) = integral of p log(p / m) + q log(q / m) dx - 2 log 2
          = KL(p || m) + KL(q || m) - log 4                           definition of the KL
          = 2 JSD(p || q) - log 4                                     definition of the JSD

At p = q it is -log 4: nothing can be said about any x, and D* = 1/2. If p and q do not overlap, it
is 0, however far apart they are: the generator then gets no gradient.
"""

import numpy as np


def rule_of_discriminator(g, D, p, q):
    """Return the cotangent of D from g, the cotangent of v(D). Use operators only."""
    return g * (p / D - q / (1 - D))


def optimal_discriminator(p, q):
    """Return D*, the D at which the derivative of v is 0, of the shape of p and q."""
    return p / (p + q)


def optimal_value(p, q, dx):
    """Return V(D*), one number, for densities p and q on a grid with the spacing dx."""
    return (p * np.log(p / (p + q)) + q * np.log(q / (p + q))).sum() * dx
