"""Solution of exercise 5: the gradient penalty of a Wasserstein GAN.

Let s_n be the score of row n, and x_m the row m of x_hat. The critic treats each example on its
own, so s_n does not depend on x_m for m other than n:

    d/dx_m sum_n s_n = sum_n ds_n/dx_m               a derivative of a sum
                     = ds_m/dx_m                     all other terms are 0

So the gradient of the sum has the shape (N, D), and holds the gradient of each example in its row.
The norm is taken over the row, axis 1. create_graph=True records this first backward pass. Without
it the penalty is a constant for the weights, and it changes nothing in training.
"""

from tinygen import grad, tensor
from tinygen.ops import sqrt


def gradient_penalty(critic, real, fake, t):
    """Return (|grad critic(x_hat)| - 1)^2 of each example, a Tensor (N,)."""
    t = t[:, None]  # (N, 1)
    x = tensor(t * real + (1 - t) * fake, requires_grad=True)
    (g,) = grad(critic(x).sum(), x, create_graph=True)  # (N, D)
    norm = sqrt((g * g).sum(axis=1))  # (N,)
    return (norm - 1) ** 2
