"""Exercise 8. The affine coupling layer of a normalizing flow.

The slide: Vue d'ensemble des principaux modèles génératifs (normalizing flows are one of the
families). The paper: Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP, 2016.

**Theory.** A flow maps data x to noise y by an invertible f. The density of x follows from the
change of variables:

    log p(x) = log p_noise(f(x)) + log |det df/dx|

So f needs an inverse, for sampling, and a determinant that is cheap to compute. The affine coupling
layer has both. It splits the columns of x into two halves, and a network computes a scale and a
shift for the second half from the first:

    y_1 = x_1
    y_2 = x_2 exp(s) + t           element by element, with s, t = net(x_1)

Its Jacobian, with the two halves as blocks, is

    dy/dx = [ dy_1/dx_1   dy_1/dx_2 ]
            [ dy_2/dx_1   dy_2/dx_2 ]

The determinant of a triangular matrix is the product of its diagonal. The network may be anything:
it is never inverted.

**Your task.** Compute y and log |det dy/dx|, and the inverse. `net` maps (N, k) to s and t, each
(N, k), where x is (N, 2 k). Each row of x is one example, with a Jacobian of its own, so there is
one log-determinant for each row.

    python demos/exercises/check.py 8
    python demos/exercises/check.py 8 --hint 1
"""

import numpy as np


def forward(x, net):
    """Return y (N, 2 k) and log |det dy/dx| (N,)."""
    x_1, x_2 = np.split(x, 2, axis=1)
    # Your lines here. np.concatenate([a, b], axis=1) puts two halves together.


def inverse(y, net):
    """Return the x (N, 2 k) with forward(x, net) = y."""
    y_1, y_2 = np.split(y, 2, axis=1)
    # Your lines here.
