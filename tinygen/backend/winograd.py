"""Winograd's minimal filtering: convolutions with fewer multiplications than the definition has.

**An example.** Two neighbouring outputs of a kernel with three taps,

    y0 = w0 x0 + w1 x1 + w2 x2
    y1 = w0 x1 + w1 x2 + w2 x3

take six multiplications. Four products are enough:

    P0 = (x2 - x0) (-w0)
    P1 = (x1 + x2) (w0 + w1 + w2) / 2             y0 = P0 + P1 + P2
    P2 = (x2 - x1) (w0 - w1 + w2) / 2             y1 =      P1 - P2 + P3
    P3 = (x3 - x1) w2

The factors on the right depend on the kernel alone, so they are computed once for all positions.

**Where the products come from.** Let m outputs read a kernel of r taps, so they read a = m + r - 1
inputs. As in `ops/conv.py`, start from the trilinear form, of which all three convolutions are
derivatives:

    T(x, w, y) = sum_{o,t} y[o] w[t] x[o + t]
               = sum_k s[k] x[k]                  with s[k] = sum of y[o] w[t] over o + t = k

Read y and w as polynomials, Y(z) = sum_o y[o] z^o and W(z) = sum_t w[t] z^t. Then the s[k] are the
coefficients of their product S(z) = Y(z) W(z). Its degree is a - 1, so a values determine it. The
algorithm of Toom and Cook computes it from values, because a value S(p) = Y(p) W(p) takes one
multiplication:

    1. Evaluate Y and W at a - 1 points p_i, and "at infinity": take the highest coefficient.
    2. Multiply:    S(p_i) = Y(p_i) W(p_i)        and    s[a - 1] = y[m - 1] w[r - 1].
    3. Interpolate, with L_i(z) = product of (z - p_j) over j != i, and M(z) = product of all:

           S(z) = sum_i S(p_i) L_i(z) / L_i(p_i) + s[a - 1] M(z)

The third line holds because both sides agree at the a - 1 points and in the coefficient of z^(a-1):
their difference has degree a - 2 and a - 1 zeros, so it is 0.

T is linear in the coefficients s[k]: it is S(z) with each power z^k replaced by x[k]. Do that on
the right-hand side of step 3:

    T = sum_i (A y)_i (G w)_i (B x)_i             i runs over the points and infinity

              row i, for the point p              last row, for infinity
    A (a, m)  1, p, p^2, ..., p^(m-1)             0, ..., 0, 1
    G (a, r)  1, p, ..., p^(r-1), / L_i(p)        0, ..., 0, 1
    B (a, a)  the coefficients of L_i, 0          the coefficients of M

The example has the points 0, 1 and -1. For p = 1, L_i(z) = (z - 0) (z + 1) = z + z^2, so that row
of B x is x1 + x2, and L_i(1) = 2 divides the row of G w.

**The three convolutions** are the derivatives of T by y, x and w. With * for products of elements,

    y = A^T [(G w) * (B x)]                       conv
    x = B^T [(G w) * (A y)]                       conv_transpose
    w = G^T [(A y) * (B x)]                       conv_weight

So the gradients need no further idea: they use the same three matrices.

**Two dimensions.** T has one such sum for the rows and one inside it for the columns. So apply the
matrices to both axes:

    y = A^T [(G w G^T) * (B x B^T)] A             and the others in the same way

A tile of m x m outputs takes a^2 products in place of m^2 r^2: 36 in place of 144 for m = 4, r = 3.
Summed over the channels, these are a^2 matrix products, (tiles, C) times (C, O).

**What it costs.** The transforms are additional work on each number of x and y, which pays if each
is used for many channels. And it costs digits: interpolation subtracts large numbers. In float32
the error of a result is 1e-6 to 2e-6 of the norm, where plain sums have 3e-7. It grows quickly with
the number of points, so tiles are small. Of a tile all numbers are mixed: a NaN or an infinity
spreads over it, and a small output next to a large one has the error of the large one.

**Sources** Winograd, Arithmetic complexity of computations, 1980. Lavin and Gray, Fast algorithms
for convolutional neural networks, arXiv:1509.09308 (their A and G are ours, their B is B^T here).
Blahut, Fast algorithms for signal processing, 2010 (Toom-Cook).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["matrices"]

# The points for each number of products; infinity is one more. They are small binary fractions,
# which float32 holds exactly. Beyond 0, 1 and -1, the usual points are 2, -2 and 1/2. With those
# below, the error in float32 is 39, 44 and 21 % smaller for 5, 6 and 7 products. The second point
# is always 1.
_POINTS = {
    3: (0, 1),
    4: (0, 1, -1),
    5: (0, 1, -1 / 2, -2),
    6: (0, 1, -1 / 2, 2, -5 / 4),
    7: (0, 1, 1 / 2, 2, -3 / 4, -5 / 4),
}


@lru_cache
def matrices(m: int, r: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A (a, m), G (a, r) and B (a, a) of the module's docstring, a = m + r - 1.

    Row 1 of A is all ones: it belongs to the point 1.
    """
    points = np.array(_POINTS[m + r - 1], np.float64)
    others = [np.delete(points, i) for i in range(len(points))]  # the zeros of L_i
    scale = [np.prod(p - zeros) for p, zeros in zip(points, others)]  # L_i(p_i)
    infinity = np.eye(m + r - 1)[-1]
    a = [*np.vander(points, m, increasing=True), infinity[-m:]]
    g = [*np.vander(points, r, increasing=True) / np.array(scale)[:, None], infinity[-r:]]
    b = [[*np.poly(zeros)[::-1], 0] for zeros in others] + [np.poly(points)[::-1]]
    return tuple(np.array(matrix, dtype) for matrix in (a, g, b))
