"""Solution of exercise 4: the gradient of batch normalization.

One column, with c_n = x_n - m, so that y_n = c_n r. The three paths to x_k:

**Directly.** y_k contains x_k with the factor r:

    g_k r

**Through m.** Each y_n contains m with the factor -r, and dm/dx_k = 1/N:

    sum_n g_n (-r) 1/N = -r mean(g)

**Through v.** dv/dx_k has two parts. The part through m is

    dv/dm dm/dx_k = [1/N sum_n 2 c_n (-1)] 1/N = 0   the deviations from the mean sum to 0

so dv/dx_k = 2/N c_k. Each y_n contains r with the factor c_n:

    [sum_n g_n c_n] dr/dv dv/dx_k
        = [sum_n g_n c_n] (-r^3 / 2) (2/N c_k)       insert
        = -r^3 c_k mean(g c)                         1/N sum_n is the mean
        = -r (c_k r) mean(g c r)                     move two of the three factors r
        = -r y_k mean(g y)                           y = c r

**Sum of the three paths.**

    dx_k = r [g_k - mean(g) - y_k mean(g y)]

So g loses its mean and, up to eps, its component along y. Without eps this had to be: y does not
change if x is shifted or scaled, so dx is orthogonal to both of these directions.
"""

from tinygen.ops import sqrt

EPS = 0.1


def rule_of_x(g, x):
    """Return the cotangent of x, (N, C), from g (N, C), the cotangent of y."""
    r = 1 / sqrt(x.var(axis=0) + EPS)
    y = (x - x.mean(axis=0)) * r
    return r * (g - g.mean(axis=0) - y * (g * y).mean(axis=0))
