"""Solution of exercise 10: adaptive instance normalization.

**The value** is the formula of the theory. The axes are what matters: 2 and 3, the pixels. Batch
normalization would use 0, 2 and 3, and give all pictures of a batch the same statistics.

**The derivatives.** y[n, c, i, j] = scale[n, c] x_norm[n, c, i, j] + shift[n, c], and x_norm
depends on neither scale nor shift:

    dy[n, c, i, j]/dscale[n, c] = x_norm[n, c, i, j]
    dy[n, c, i, j]/dshift[n, c] = 1

    dL/dscale[n, c] = sum over i, j of g[n, c, i, j] x_norm[n, c, i, j]
    dL/dshift[n, c] = sum over i, j of g[n, c, i, j]
"""

from tinygen.ops import sqrt

EPS = 0.1


def adain(x, scale, shift):
    """Return y (N, C, H, W), from x (N, C, H, W), scale (N, C) and shift (N, C)."""
    mean, variance = x.mean(axis=(2, 3), keepdims=True), x.var(axis=(2, 3), keepdims=True)
    x_norm = (x - mean) / sqrt(variance + EPS)
    return scale[:, :, None, None] * x_norm + shift[:, :, None, None]


def rule_of_scale(g, x):
    """Return the cotangent of scale, (N, C), from g (N, C, H, W), the cotangent of y."""
    mean, variance = x.mean(axis=(2, 3), keepdims=True), x.var(axis=(2, 3), keepdims=True)
    x_norm = (x - mean) / sqrt(variance + EPS)
    return (g * x_norm).sum(axis=(2, 3))


def rule_of_shift(g):
    """Return the cotangent of shift, (N, C), from g (N, C, H, W), the cotangent of y."""
    return g.sum(axis=(2, 3))
