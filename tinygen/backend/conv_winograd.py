"""Convolution of NumPy arrays by Winograd's minimal filtering, which `winograd.py` explains.

The steps of `conv` are functions of `winograd_steps.py`:

    evaluate_kernel         G w G^T
    to_blocks               copy the pixels into blocks, so that the stride becomes 1
    evaluate                B x B^T of all tiles
    sum_over_channels       a^2 matrix products
    evaluate_transposed     A^T [...] A of all tiles
    from_tiles              copy the blocks of all tiles into pixels

`conv_transpose` exchanges A and B, and `conv_weight` ends with G^T [...] G. The letters in shapes
are those of `winograd_steps.py`.
"""

from __future__ import annotations

import numpy as np

from .im2col import Chunk, scratch
from .threads import parallel
from .windows import ConvSettings, Pair
from .winograd import matrices
from .winograd_steps import (
    divide_into_pieces,
    evaluate,
    evaluate_kernel,
    evaluate_transposed,
    from_tiles,
    kernel_blocks,
    sum_over_channels,
    swap_channels,
    to_blocks,
)

__all__ = ["choose_tile", "conv", "conv_transpose", "conv_weight", "supports"]

Array = np.ndarray

# The sizes m to choose from, for r taps. m >= r - 1, so that only neighbouring tiles overlap.
# Larger tiles are less precise: with m = 5, r = 3 and a constant cotangent, the error reaches 1e-5.
TILES = {2: (2, 4), 3: (4,), 4: (3,)}


# ----------------------------------------------------------------------------------- the choice


def supports(kernel: Pair, settings: ConvSettings) -> bool:
    """Return whether the functions here can compute a convolution with these settings."""
    (k, kw), (s, sw), (p, pw), dilation, groups = kernel, *settings
    is_square = (k, s, p) == (kw, sw, pw)
    return is_square and dilation == (1, 1) and groups == 1 and k % s == 0 and k // s in TILES


def choose_tile(
    dtype: np.dtype, n: int, c: int, o: int, kernel: Pair, settings: ConvSettings, size: Pair
) -> int:
    """Return the size m of the tiles that take the least time; 0 if columns (im2col) take less.

    The time is estimated in multiplications of a matrix product. A transformed number of a tile
    counts as 20 of them, and one of the kernel as 60; copying to columns is not counted. This fits
    measurements on two cores, with AVX2 and with AVX-512, of 44 shapes with 16 to 256 channels and
    1 to 64 images, in all three directions. The choice is on average 3 % slower than the best one.

    Columns win with few channels, because a transformed number is then used for few products. They
    win with few tiles and many channels, because the transformed kernel is then used for few tiles.
    All dtypes but float32 use columns: who computes in float64 wants its digits.

    Parameters
    ----------
    dtype : the dtype of the result.
    n, c, o : numbers of images, of channels of x and of channels of y.
    kernel, settings : of the convolution from x to y.
    size : height and width of y.
    """
    if dtype != np.float32 or not supports(kernel, settings):
        return 0
    s = settings.stride[0]
    r, k = kernel[0] // s, s * s * c

    def time(m: int) -> int:
        tiles = n * -(-size[0] // m) * -(-size[1] // m)
        return (m + r - 1) ** 2 * (tiles * (k * o + 20 * (k + o)) + 60 * k * o)

    m = min(TILES[r], key=time)
    time_of_columns = n * size[0] * size[1] * kernel[0] * kernel[1] * c * o
    return m if time(m) < time_of_columns else 0


# ---------------------------------------------------------------------------- the three functions
# The arguments are those of conv_cpu.py, and m is the size of the tiles. x is (N, C, H, W), w is
# (O, C, k, k), y is (N, O, Ho, Wo), and `size` is that of the result.


def conv(
    x: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair, m: int
) -> Array:
    """Compute y = A^T [(G w G^T) * (B x B^T)] A for each tile."""
    (s, _), (p, _), dtype = settings.stride, settings.padding, np.result_type(x, w)
    tap_blocks = kernel_blocks(w, s, dtype)  # (r, r, O, K)
    r, _, o, k = tap_blocks.shape
    a_matrix, g_matrix, b_matrix = matrices(m, r, dtype)
    kernel = evaluate_kernel(swap_channels(tap_blocks), g_matrix)  # (a^2, K, O)
    x = x.transpose(0, 2, 3, 1)
    y = np.empty((len(x), *size, o), dtype)
    th, tw = -(-size[0] // m), -(-size[1] // m)
    row_bytes = len(g_matrix) ** 2 * tw * (k + o) * dtype.itemsize
    pieces = divide_into_pieces(len(x), th, row_bytes, min(k, o))

    def run(i: int) -> None:
        n0, n1, t0, t1 = pieces[i]
        rows, columns = range(t0 * m, t1 * m + r - 1), range(tw * m + r - 1)
        evaluated = evaluate(to_blocks(x[n0:n1], s, p, rows, columns, dtype), b_matrix, m)
        products = sum_over_channels(evaluated, kernel)  # (a^2, tiles n, O)
        if bias is not None:
            # Entry (1, 1). Row 1 of A is all ones, so A^T [...] A copies it to all m x m outputs.
            products[len(g_matrix) + 1] += bias
        tiles = evaluate_transposed(products, a_matrix, (t1 - t0, tw))
        from_tiles(tiles, m, 1, 0, y[n0:n1, t0 * m : t1 * m], None)

    parallel(run, len(pieces))
    return y.transpose(0, 3, 1, 2)


def conv_transpose(
    y: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair, m: int
) -> Array:
    """Compute x = B^T [(G w G^T) * (A y A^T)] B for each tile; where tiles overlap, add.

    The bias is added at the end, because an overlap would count it twice. With stride 1,
    `conv_cpu.py` calls `conv` with the flipped kernel instead, which is faster.
    """
    (s, _), (p, _), dtype = settings.stride, settings.padding, np.result_type(y, w)
    tap_blocks = kernel_blocks(w, s, dtype)  # (r, r, O, K)
    r, _, o, k = tap_blocks.shape
    a_matrix, g_matrix, b_matrix = matrices(m, r, dtype)
    kernel = evaluate_kernel(tap_blocks, g_matrix)  # (a^2, O, K)
    y = y.transpose(0, 2, 3, 1)
    x = np.empty((len(y), *size, w.shape[1]), dtype)
    th, tw = -(-y.shape[1] // m), -(-y.shape[2] // m)
    image_bytes = len(g_matrix) ** 2 * th * tw * (k + o) * dtype.itemsize
    pieces = divide_into_pieces(
        len(y), 1, image_bytes, min(k, o)
    )  # whole images, because tiles overlap

    def run(i: int) -> None:
        n0, n1 = pieces[i][:2]
        blocks = to_blocks(y[n0:n1], 1, 0, range(th * m), range(tw * m), dtype)
        products = sum_over_channels(evaluate(blocks, a_matrix, m), kernel)  # (a^2, tiles n, K)
        tiles = evaluate_transposed(products, b_matrix, (th, tw))
        from_tiles(tiles, m, s, p, x[n0:n1], bias)

    parallel(run, len(pieces))
    return x.transpose(0, 3, 1, 2)


def conv_weight(x: Array, y: Array, kernel: Pair, settings: ConvSettings, m: int) -> Array:
    """Compute w = G^T [(A y A^T) * (B x B^T)] G, where the bracket is summed over all tiles."""
    (s, _), (p, _), dtype = settings.stride, settings.padding, np.result_type(x, y)
    x, y = x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)
    (n, ho, wo, o), c, r = y.shape, x.shape[3], kernel[0] // s
    a_matrix, g_matrix, b_matrix = matrices(m, r, dtype)
    a, k, th, tw = len(g_matrix), s * s * c, -(-ho // m), -(-wo // m)
    row_bytes = a * a * tw * (k + o) * dtype.itemsize
    pieces = divide_into_pieces(n, th, row_bytes, min(k, o))
    # Each sum adds up some of the pieces. The sums are large, so there are few. Their number and
    # order do not depend on the threads.
    num_sums = min(4 if a * a * o * k < 1 << 18 else 2, len(pieces))
    sums = np.empty((num_sums, a * a, o, k), dtype) if pieces else np.zeros((1, a * a, o, k), dtype)

    def multiply(piece: Chunk, out: Array) -> Array:
        n0, n1, t0, t1 = piece
        rows, columns = range(t0 * m, t1 * m + r - 1), range(tw * m + r - 1)
        of_x = evaluate(to_blocks(x[n0:n1], s, p, rows, columns, dtype), b_matrix, m)
        blocks = to_blocks(y[n0:n1], 1, 0, range(t0 * m, t1 * m), range(tw * m), dtype)
        of_y = evaluate(blocks, a_matrix, m, "products").reshape(a * a, -1, o)
        return np.matmul(of_y.swapaxes(1, 2), of_x.reshape(a * a, -1, k), out=out)

    def run(i: int) -> None:
        first, *others = pieces[i * len(pieces) // num_sums : (i + 1) * len(pieces) // num_sums]
        multiply(first, sums[i])
        for piece in others:
            sums[i] += multiply(piece, scratch("transform", (a * a, o, k), dtype))

    parallel(run, num_sums)
    for more in sums[1:]:
        sums[0] += more
    half = np.matmul(g_matrix.T, sums[0].reshape(a, -1))  # (r, a O K)
    tap_blocks = np.matmul(g_matrix.T, half.reshape(r, a, -1)).reshape(r, r, o, s, s, c)
    # (u, u', O, v, v', C) to the taps t = s u + v
    w = tap_blocks.transpose(2, 0, 3, 1, 4, 5).reshape(o, *kernel, c)
    return np.ascontiguousarray(w).transpose(0, 3, 1, 2)
