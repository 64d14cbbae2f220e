"""Exercise 5. The gradient penalty of a Wasserstein GAN.

The slide: Intuition GANs ("transport optimal" = Wasserstein GAN).

**Theory.** The Wasserstein distance between the data and the generated examples is a maximum over
functions f whose gradient nowhere has a norm above 1:

    W = max over f of  E_real[f(x)] - E_fake[f(x)]

The critic f of a WGAN is a network, and something must bound its gradient. WGAN-GP (Gulrajani et
al., Improved Training of Wasserstein GANs, 2017) draws a point on the line between a real and a
generated example, and penalizes the gradient there if its norm is not 1:

    x_hat   = t real + (1 - t) fake                  t from U(0, 1), one for each example
    penalty = (|grad f(x_hat)| - 1)^2                the norm of the gradient in x_hat

|v| is the square root of the sum of the squares of v. The penalty is a part of the critic's loss.
So training differentiates it in the weights of the critic: a derivative of a derivative.

**Tools.** `grad` returns a tuple, with the gradient of a *number* with respect to each input:

    x = tensor(array, requires_grad=True)
    (dx,) = grad(y, x)                      a constant, for which no graph is recorded
    (dx,) = grad(y, x, create_graph=True)   recorded, so that it can be differentiated again

The critic returns one score per example, and it treats each example on its own. So the gradient of
the *sum* of the scores has, in each row, the gradient of that row's score.

**Your task.** Fill in the penalty of each example.

    python demos/exercises/check.py 5
    python demos/exercises/check.py 5 --hint 1
"""

from tinygen import grad, tensor
from tinygen.ops import sqrt


def gradient_penalty(critic, real, fake, t):
    """Return (|grad critic(x_hat)| - 1)^2 of each example, a Tensor (N,).

    critic is a function from (N, D) to (N,); real and fake are arrays (N, D), and t is (N,).
    """
    # Your lines here.
