"""Cut long matrix products into pieces for which BLAS need not copy its factors.

BLAS first copies the factors of a product into blocks of its own order ("packing"), because each
number is used many times. A convolution of few channels uses each number only a few times, and
packing takes longer than it saves. OpenBLAS reads the factors of a product where they are if
AVX-512 instructions are available and the product has at most 100^3 multiplications. So a long
product is cut into such pieces. Measured on one core, in ms; for each size, the first line is
`multiply`, (m, k) times (k, n), and the second `add_product`, (n, m) times (m, k):

    m, k, n             AVX-512: whole, pieces     AVX2: whole, pieces
    8192, 48, 64        0.24, 0.20                 0.45, 0.45
                        0.29, 0.22                 0.46, 0.46
    50176, 9, 32        0.24, 0.13                 0.36, 0.36
                        0.62, 0.17                 0.55, 0.55
    3136, 288, 32       0.28, 0.23                 0.50, 0.52
                        0.35, 0.25                 0.52, 0.56
    2048, 512, 128      1.13, 1.80 (15 rows)       2.16, 4.38
                        1.25, 3.07                 2.26, 4.19

In the last case a piece would have 15 rows, and the right factor would be read too often. Such a
product stays whole: a piece needs about a hundred rows.

How a product is cut depends on shapes alone, so it is cut with AVX2 too. There the pieces gain
nothing and lose 8 % at most.

In the shapes below, G is the number of groups of the convolution.
"""

from __future__ import annotations

import numpy as np

from .im2col import scratch

__all__ = ["add_product", "multiply", "right_factor"]

Array = np.ndarray

SMALL_PRODUCT = 1_000_000  # multiplications: OpenBLAS packs the factors of larger products
FEWEST_ROWS = 100


def right_factor(b: Array) -> Array:
    """Return b (G, k, n) as it is fastest for `multiply`: in C order, unless it will be packed."""
    return np.ascontiguousarray(b) if b[0].size * FEWEST_ROWS <= SMALL_PRODUCT else b


def multiply(a: Array, b: Array, out: Array) -> None:
    """Write the product a b to `out`; `right_factor` prepares b.

    **Shapes** a (G, m, k), b (G, k, n), out (G, m, n).
    """
    m, rows = a.shape[1], _rows_of_piece(a.shape[1], *b.shape[1:])
    whole = m - m % rows
    np.matmul(_split(a[:, :whole], rows), b[:, None], out=_split(out[:, :whole], rows))
    if whole < m:
        np.matmul(a[:, whole:], b, out=out[:, whole:])


def add_product(total: Array, a: Array, b: Array) -> None:
    """Add the product a^T b, a sum over the m rows, to `total`.

    **Shapes** total (G, n, k), a (G, m, n), b (G, m, k).
    """
    m, rows = a.shape[1], _rows_of_piece(a.shape[1], *total.shape[1:])
    whole = m - m % rows
    left, right = _split(a[:, :whole], rows), _split(b[:, :whole], rows)  # (G, m / rows, rows, .)
    products = scratch("product", (*left.shape[:2], *total.shape[1:]), total.dtype)
    total += np.matmul(left.transpose(0, 1, 3, 2), right, out=products).sum(axis=1)
    if whole < m:
        total += np.matmul(a[:, whole:].transpose(0, 2, 1), b[:, whole:])


def _rows_of_piece(m: int, k: int, n: int) -> int:
    """Return how many of the m rows belong to one piece; m, if the product is best left whole."""
    rows = SMALL_PRODUCT // max(1, k * n)
    return rows if FEWEST_ROWS <= rows < m else m


def _split(a: Array, rows: int) -> Array:
    """Return a (G, m, k) as a view (G, m / rows, rows, k)."""
    return a.reshape(a.shape[0], a.shape[1] // rows, rows, a.shape[2])
