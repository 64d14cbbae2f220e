"""Exercise 4. The gradient of batch normalization.

The slide: Convolutional GAN. Both of its networks use batch norm in Radford, Metz and Chintala,
Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks, 2015.
Batch norm itself is from Ioffe and Szegedy, Batch Normalization, 2015.

**Theory.** Batch normalization gives each feature (each column of x) mean 0 and variance 1 over the
batch:

    m = 1/N sum over n of x_n                        the mean of the column
    v = 1/N sum over n of (x_n - m)^2                its variance
    y_n = (x_n - m) / sqrt(v + eps)                  eps, a small constant

Every y_n depends on *every* x_k of its column, since m and v do. So there are three paths from x_k
to the outputs: directly, through m, and through v. The chain rule adds what comes back along them.
Let r = 1 / sqrt(v + eps). These derivatives help:

    dm/dx_k = 1/N
    dv/dx_k = 2/N (x_k - m)                          the part through m is 0: can you see why?
    dr/dv   = -1/2 (v + eps)^(-3/2) = -r^3 / 2

**Rules.** Let L be the final scalar. The cotangent of a value is the derivative of L with respect
to it. A rule is given g = dL/dy, the cotangent of the result y, and returns dL/dx.

**Your task.** Derive the cotangent of x from g, the cotangent of y. Both have the shape (N, C).
Simplify until only g, y, r and means over the batch are left. Use operators, methods such as
.mean(axis=0), and `sqrt`, which takes arrays and Tensors.

Nothing crashes if a path is forgotten: the gradient is merely wrong. And a rule can return the
right numbers, and still have a wrong derivative of its own. A gradient penalty (exercise 5) needs
that derivative, too, so the check differentiates twice.

    python demos/exercises/check.py 4
    python demos/exercises/check.py 4 --hint 1
"""

from tinygen.ops import sqrt

EPS = 0.1  # large, so that a forgotten one shows


def batch_norm(x):
    """Return y of the shape of x, (N, C)."""
    return (x - x.mean(axis=0)) / sqrt(x.var(axis=0) + EPS)


def rule_of_x(g, x):
    """Return the cotangent of x, (N, C), from g (N, C), the cotangent of y."""
    # Your lines here.
