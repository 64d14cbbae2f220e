"""Winograd's minimal filtering: convolutions with fewer multiplications than the definition has.

**An example.** Two neighbouring outputs of a kernel with three taps,

    y0 = w0 x0 + w1 x1 + w2 x2
    y1 = w0 x1 + w1 x2 + w2 x3

take six multiplications. Four products are enough:

    P0 = (x2 - x0) (-w0)
    P1 = (x1 + x2) (w0 + w1 + w2) / 2             y0 = P0 + P1 + P2
    P2 = (x2 - x1) (w0 - w1 + w2) / 2             y1 =      P1 - P2 + P3
    P3 = (x3 - x1) w2

The second factor of each product depends on the kernel alone. So it is computed once, and used for
all positions.

**Where the products come from.** Take one dimension, stride 1 and no padding. Let a tile of m
outputs read a kernel of r taps. The tile then reads a = m + r - 1 inputs. As in `ops/conv.py`,
start from the trilinear form T, of which all three convolutions are derivatives. In T, y is any
vector of m numbers; the outputs of the convolution are dT/dy.

    T(x, w, y) = sum_{o,t} y[o] w[t] x[o + t]              0 <= o < m, 0 <= t < r
               = sum_k f[k] x[k]                           f[k] = sum of y[o] w[t] over o + t = k

Read y and w as coefficients of polynomials, Y(z) = sum_o y[o] z^o and W(z) = sum_t w[t] z^t. Then
the f[k] are the coefficients of their product F(z) = Y(z) W(z). The degree of F is at most a - 1,
so its values at any a distinct points determine it. Toom and Cook compute F from its values,
because each value F(v) = Y(v) W(v) takes only one multiplication:

    1. Evaluate Y and W at a - 1 distinct points v_i. In place of one more point, take their highest
       coefficients, y[m - 1] and w[r - 1]. This is called the point at infinity.
    2. Multiply:    F(v_i) = Y(v_i) W(v_i)        and    f[a - 1] = y[m - 1] w[r - 1].
    3. Interpolate. Let L_i(z) be the product of (z - v_j) over all j but i, and M(z) the product of
       (z - v_j) over all j:

           F(z) = sum_i F(v_i) L_i(z) / L_i(v_i) + f[a - 1] M(z)

Why step 3 holds: at the point v_j, M and all L_i but L_j are 0, so both sides are F(v_j). M is
z^(a-1) plus lower powers, and the L_i have lower powers alone, so both sides have the coefficient
f[a - 1] of z^(a-1). The difference of the two sides therefore has a degree of at most a - 2, and
a - 1 zeros. So it is 0.

Replacing each power z^k by x[k] is a linear map of polynomials, and it maps F to T. Apply it to the
right-hand side of step 3:

    T = sum_i (A y)_i (G w)_i (B x)_i                      i runs over the points and infinity

                row of the point v                         last row, of infinity
    A (a, m)    1, v, v^2, ..., v^(m-1)                    0, ..., 0, 1
    G (a, r)    (1, v, ..., v^(r-1)) / L(v)                0, ..., 0, 1
    B (a, a)    coefficients of 1, z, z^2, ... in L, 0     coefficients of 1, z, z^2, ... in M

The example has m = 2 and the points 0, 1 and -1. For v = 1, L(z) = (z - 0) (z + 1) = z + z^2 and
L(1) = 2. So the entry of B x is x1 + x2, and the entry of G w is divided by 2.

**The three convolutions** are the derivatives of T by y, x and w. With * for the product of
elements,

    dT/dy = A^T [(G w) * (B x)]                            conv
    dT/dx = B^T [(G w) * (A y)]                            conv_transpose
    dT/dw = G^T [(A y) * (B x)]                            conv_weight

So the gradients need no further idea: they use the same three matrices.

**Two dimensions.** Apply the identity along the rows, and then along the columns:

    dT/dy = A^T [(G w G^T) * (B x B^T)] A                  and the others in the same way

The outputs are cut into tiles of m x m, whose inputs overlap by r - 1. A tile takes a^2 products in
place of m^2 r^2: 36 in place of 144 for m = 4, r = 3. With channels, each of the a^2 products
becomes a matrix product, (tiles, C) times (C, O), which sums over the C input channels.

**What it costs.** The transforms are additional work on each number of x, w and y. This pays if
each transformed number is used often: those of x and y for many channels, those of w for many
tiles. And it costs digits, because interpolation subtracts large numbers. In float32 the error of a
result is about 1e-6 of its norm, and at most 3e-6, where plain sums have 3e-7. It grows quickly
with the number of points, so tiles are small. The transforms mix all numbers of a tile. So a small
output next to a large one has the error of the large one, and a NaN or an infinity makes all
outputs NaN in every tile that reads it, at most four.

**Sources** Winograd, Arithmetic complexity of computations, 1980. Blahut, Fast algorithms for
signal processing, 2010 (Toom-Cook). Lavin and Gray, Fast algorithms for convolutional neural
networks, arXiv:1509.09308. Their A, G and B^T have the places of A, G and B here; rows may differ
by a factor.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["matrices"]

# The points for each number of products (4 is the example); infinity is one more. They are small
# binary fractions, which float32 holds exactly. Beyond 0, 1 and -1, the usual points are 2 and -2.
# With the points below, the error in float32 is 39 and 44 % smaller than with those, for 5 and 6
# products. The second point is always 1.
_POINTS = {
    3: (0, 1),
    4: (0, 1, -1),
    5: (0, 1, -1 / 2, -2),
    6: (0, 1, -1 / 2, 2, -5 / 4),
}


@lru_cache
def matrices(m: int, r: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A (a, m), G (a, r) and B (a, a) of the module's docstring, a = m + r - 1.

    A[1] is all ones: it belongs to the point 1.
    """
    points = np.array(_POINTS[m + r - 1], np.float64)
    others = [np.delete(points, i) for i in range(len(points))]  # the zeros of L_i
    scale = [np.prod(v - zeros) for v, zeros in zip(points, others)]  # L_i(v_i)
    infinity = np.eye(m + r - 1)[-1]
    a = [*np.vander(points, m, increasing=True), infinity[-m:]]
    g = [*np.vander(points, r, increasing=True) / np.array(scale)[:, None], infinity[-r:]]
    b = [[*np.poly(zeros)[::-1], 0] for zeros in others] + [np.poly(points)[::-1]]
    result = tuple(np.array(matrix, dtype) for matrix in (a, g, b))
    for matrix in result:
        matrix.setflags(write=False)  # later calls return the same arrays
    return result
