"""Solution of exercise 8: the affine coupling layer of a normalizing flow.

**The determinant.** Differentiate both lines with respect to both halves:

    dy_1/dx_1 = I                  dy_1/dx_2 = 0
    dy_2/dx_1 = (any matrix)       dy_2/dx_2 = diag(exp(s))           y_2j contains only x_2j

The upper right block is 0, so the matrix is triangular, with k ones and exp(s_1), ..., exp(s_k) on
its diagonal:

    det dy/dx = exp(s_1) ... exp(s_k)                                 product of the diagonal
    log |det| = s_1 + ... + s_k                                       logarithm of a product

The derivatives of the network are in the lower left block, which does not matter.

**The inverse.** x_1 = y_1 is known, so s and t can be computed from it again. Then solve for x_2:

    y_2     = x_2 exp(s) + t
    y_2 - t = x_2 exp(s)                                              subtract t
    x_2     = (y_2 - t) exp(-s)                                       divide by exp(s)
"""

import numpy as np


def forward(x, net):
    """Return y (N, 2 k) and log |det dy/dx| (N,)."""
    x_1, x_2 = np.split(x, 2, axis=1)
    s, t = net(x_1)
    return np.concatenate([x_1, x_2 * np.exp(s) + t], axis=1), s.sum(axis=1)


def inverse(y, net):
    """Return the x (N, 2 k) with forward(x, net) = y."""
    y_1, y_2 = np.split(y, 2, axis=1)
    s, t = net(y_1)
    return np.concatenate([y_1, (y_2 - t) * np.exp(-s)], axis=1)
