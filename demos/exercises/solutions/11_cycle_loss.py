"""Solution of exercise 11: the cycle consistency loss of a CycleGAN.

**The mean absolute error** of M numbers is m = 1/M sum_i |x_hat_i - x_i|.

    dm/dx_hat_i = 1/M d/dx_hat_i |x_hat_i - x_i|                the other terms do not contain it
                = 1/M sign(x_hat_i - x_i)                       chain rule, inner derivative 1

Multiply by g. Each element is pulled towards its target with the same force, however far it is.
That makes the result sharper than a squared error, which prefers the mean of all possibilities.

**The loss.** In the forward cycle F is given G(x), and the result is compared with x.
"""

from tinygen.ops import sign


def mean_absolute_error(x, x_hat):
    """Return the mean of |x_hat - x| over all elements, one number."""
    return abs(x_hat - x).mean()


def rule_of_x_hat(g, x, x_hat):
    """Return the cotangent of x_hat, of its shape, from g, the cotangent of the mean."""
    return g * sign(x_hat - x) / x_hat.size


def cycle_loss(G, F, x, y):
    """Return L_cyc of the functions G: X -> Y and F: Y -> X, and of batches x and y."""
    return mean_absolute_error(x, F(G(x))) + mean_absolute_error(y, G(F(y)))
