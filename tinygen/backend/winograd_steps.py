"""The steps of a convolution by Winograd's algorithm, which `winograd.py` explains.

**Blocks.** Winograd's algorithm has stride 1. Let the stride be s, and cut the padded x into blocks
of s x s pixels: along each axis, number v of block q is the pixel s q + v - p, 0 <= v < s. With
t = s u + v, a convolution becomes

    y[o] = sum_t w[t] x[s o + t - p] = sum_u sum_v w[s u + v] x[s (o + u) + v - p]

This is a convolution of blocks with stride 1: output o reads the blocks o + u. The s x s pixels of
a block count as channels, and r = k / s taps of blocks are left of the k taps of w. For example, a
4x4 kernel with stride 2 and C channels becomes a 2x2 kernel with stride 1 and 4 C channels.

**Layout.** Inside, arrays have the axes (row, column, image, channel), so that each transform is a
few matrix products with long rows. The work is done in pieces, which stay in the cache.

Letters in shapes: n images of a piece, C channels of x, O channels of y, (a, m, r) as in
`winograd.py`, K = s s C channels of a block, (th, tw) tiles of a piece along height and width. In
a product, I are the channels to sum over and J those of the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from .im2col import SHARED_BYTES, Chunk, scratch
from .threads import parallel
from .windows import Pair, taps

__all__ = [
    "divide_into_pieces",
    "evaluate",
    "evaluate_kernel",
    "evaluate_transposed",
    "from_tiles",
    "kernel_blocks",
    "sum_over_channels",
    "swap_channels",
    "to_blocks",
]

Array = np.ndarray

# Of evaluated tiles in a piece. With 1 MiB, two threads take up to 1.5 times as long, because they
# hand over Python's lock more often. Pieces of 6 MiB leave the cache.
PIECE_BYTES = 3 << 20
ROW = 128  # numbers in the rows of a matrix; products with shorter rows are slow


# ---------------------------------------------------------------------------------- the kernel


def kernel_blocks(w: Array, s: int, dtype: np.dtype) -> Array:
    """Sort the taps t = s u + v of w (O, C, k, k) into blocks: (r, r, O, K)."""
    o, c, r = *w.shape[:2], w.shape[2] // s
    blocks = w.astype(dtype, copy=False).reshape(o, c, r, s, r, s).transpose(2, 4, 0, 3, 5, 1)
    return blocks.reshape(r, r, o, s * s * c)


def swap_channels(blocks: Array) -> Array:
    """Copy (r, r, O, K) to (r, r, K, O)."""
    *r, o, k = blocks.shape
    # Rows whose distance is a power of two would share few places of the cache: 6 times slower.
    rows = np.empty((*r, o, k + 16), blocks.dtype)[..., :k]
    rows[...] = blocks
    return np.ascontiguousarray(rows.swapaxes(2, 3))


def evaluate_kernel(blocks: Array, g_matrix: Array) -> Array:
    """Compute G w G^T in this thread's buffer: (r, r, I, J) -> (a^2, I, J)."""
    (a, r), (_, _, i, j) = g_matrix.shape, blocks.shape
    blocks = blocks.reshape(r, r, i * j)
    result = scratch("kernel", (a, a, i * j), blocks.dtype)
    num_parts = 4 if result.nbytes >= SHARED_BYTES else 1

    def run(part: int) -> None:
        some = slice(part * i * j // num_parts, (part + 1) * i * j // num_parts)
        rows = np.matmul(g_matrix, blocks[:, :, some].swapaxes(0, 1))  # (r, a, some)
        np.matmul(g_matrix, rows.swapaxes(0, 1), out=result[:, :, some])

    parallel(run, num_parts)
    return result.reshape(a * a, i, j)


# ------------------------------------------------------------------------------------ the steps


def divide_into_pieces(n: int, rows: int, row_bytes: int, channels: int) -> list[Chunk]:
    """Divide n images with so many rows of tiles into pieces of about PIECE_BYTES.

    A piece contains whole images. Of large images, it contains some rows of tiles, from about
    ROW / channels images. Where possible, the number of pieces is even.
    """
    total = n * rows * row_bytes
    if total < SHARED_BYTES:
        return [Chunk(0, n, 0, rows)] if total else []
    count = 2 * max(1, round(total / (2 * PIECE_BYTES)))
    groups = min(count, -(-n // max(1, ROW // channels)))  # of images
    bands = min(rows, -(-count // groups))  # of rows
    images = [(i * n // groups, (i + 1) * n // groups) for i in range(groups)]
    return [
        Chunk(n0, n1, j * rows // bands, (j + 1) * rows // bands)
        for n0, n1 in images
        for j in range(bands)
    ]


def to_blocks(x: Array, s: int, p: int, rows: range, columns: range, dtype: np.dtype) -> Array:
    """Copy the pixels s q + v - p of x (n, H, W, C), zero outside it, into blocks q.

    **Shapes** Blocks in `rows` and `columns` -> (rows, columns, n s s C).
    """
    n, height, width, c = x.shape
    if x.dtype != dtype or x.strides[3] != x.itemsize:
        x = x.astype(dtype, order="C")
    blocks = scratch("blocks", (len(rows), len(columns), n, s, s, c), dtype)
    (q0, q1), (r0, r1) = _inside(rows, s, p, height), _inside(columns, s, p, width)
    for border in (blocks[:q0], blocks[q1:], blocks[q0:q1, :r0], blocks[q0:q1, r1:]):
        if border.size:
            border[...] = 0
    pixels, targets = _as_runs(x), _as_runs(blocks)
    # Block q is a window of s pixels, of which tap v reads the pixel s q + v - p.
    places = taps((s, s), (s, s), (p, p), (1, 1), (height, width), (rows, columns))
    for (i, j), (ys, xs), (qs, rs) in places:
        targets[qs, rs, :, i, j] = pixels[:, ys, xs].transpose(1, 2, 0)
    return blocks.reshape(len(rows), len(columns), n * s * s * c)


def _inside(blocks: range, s: int, p: int, size: int) -> tuple[int, int]:
    """Return the first and the end index, in `blocks`, of those that lie in the image entirely.

    Block q has the pixels s q - p to s q - p + s - 1.
    """
    first = min(max(-(-p // s) - blocks.start, 0), len(blocks))
    return first, min(max((size + p) // s - blocks.start, first), len(blocks))


def evaluate(blocks: Array, matrix: Array, m: int, name: str = "evaluated") -> Array:
    """Compute M z M^T for the windows z of k x k blocks that start m blocks apart.

    **Shapes** blocks (h, w, c), M (a, k) -> (a, a, th, tw, c).
    """
    (h, w, c), (a, k), number = blocks.shape, matrix.shape, blocks.itemsize
    th, tw, row = (h - k) // m + 1, (w - k) // m + 1, w * c * number
    windows = np.ndarray((th, k, w * c), blocks.dtype, blocks, 0, (m * row, row, number))
    rows = scratch("transform", (a, th, w * c), blocks.dtype)
    np.matmul(matrix, windows, out=rows.swapaxes(0, 1))
    steps = th * row, row, m * c * number, c * number, number
    windows = np.ndarray((a, th, tw, k, c), blocks.dtype, rows, 0, steps)
    result = scratch(name, (a, a, th, tw, c), blocks.dtype)
    np.matmul(matrix, windows, out=result.transpose(0, 2, 3, 1, 4))
    return result


def sum_over_channels(evaluated: Array, kernel: Array) -> Array:
    """Sum over channels, for each point: (a, a, th, tw, n I), (a^2, I, J) -> (a^2, th tw n, J)."""
    points, channels, j = kernel.shape
    evaluated = evaluated.reshape(points, -1, channels)
    out = scratch("products", (points, evaluated.shape[1], j), kernel.dtype)
    return np.matmul(evaluated, kernel, out=out)


def evaluate_transposed(products: Array, matrix: Array, tiles: Pair) -> Array:
    """Compute M^T z M: products (a^2, th tw n, J), M (a, k) -> (k, k, th, tw, n J)."""
    (a, k), transposed = matrix.shape, np.ascontiguousarray(matrix.T)
    rows = scratch("transform", (k, products.size // a), products.dtype)
    np.matmul(transposed, products.reshape(a, -1), out=rows)
    result = scratch("evaluated", (k, k, products.size // a**2), products.dtype)
    np.matmul(transposed, rows.reshape(k, a, -1), out=result)
    return result.reshape(k, k, *tiles, -1)


def from_tiles(tiles: Array, m: int, s: int, p: int, out: Array, bias: Array | None) -> None:
    """Add up tiles of blocks that start m blocks apart, and write the pixels s q + v - p to `out`.

    **Shapes** tiles (k, k, th, tw, n s s C), out (n, H, W, C), bias (C,) or None.
    """
    (k, _, th, tw, _), (n, height, width, c) = tiles.shape, out.shape
    if k > m:  # the last k - m rows of a tile overlap the first rows of the next one; so do columns
        tiles[: k - m, :, 1:] += tiles[m:, :, :-1]
        tiles[:, : k - m, :, 1:] += tiles[:, m:, :, :-1]
    # The last pixels, if the stride does not divide the size, may lie behind the last block.
    h = max(rows := th * m + k - m, -(-(p + height) // s))
    w = max(columns := tw * m + k - m, -(-(p + width) // s))
    is_whole = bias is None and (p, height, width) == (0, s * h, s * w)
    pixels = out if is_whole else scratch("transform", (n, s * h, s * w, c), out.dtype)
    if h > rows or w > columns:
        pixels[:, s * rows :] = pixels[:, :, s * columns :] = 0
    targets = _as_runs(pixels.reshape(n, h, s, w, s, c))
    sources = _as_runs(tiles.reshape(k, k, th, tw, n, s, s, c))
    for (i, t, q), (j, u, r) in itertools.product(_sections(th, m, k), _sections(tw, m, k)):
        source = sources[i, j, t, u].transpose(4, 2, 0, 5, 3, 1, 6)  # (n, t, i, s, u, j, s)
        targets[:, q, :, r].reshape(source.shape)[...] = source  # a view: it only divides axes
    if not is_whole:
        pixels = pixels[:, p : p + height, p : p + width]
        np.copyto(out, pixels) if bias is None else np.add(pixels, bias, out=out)


def _sections(tiles: int, m: int, k: int) -> Iterator[tuple[slice, slice, slice]]:
    """Yield places in a tile, tiles, and blocks: m of all tiles, then the rest of the last one."""
    yield slice(0, m), slice(0, tiles), slice(0, tiles * m)
    if k > m:
        yield slice(m, k), slice(tiles - 1, tiles), slice(tiles * m, tiles * m + k - m)


def _as_runs(array: Array) -> Array:
    """View the last axis as one opaque element: such copies are 4 times as fast."""
    return array.view(np.dtype((np.void, array.shape[-1] * array.itemsize)))[..., 0]
