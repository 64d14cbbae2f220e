"""im2col for NumPy arrays: copy windows into the rows of a matrix, one chunk at a time.

**What.** A convolution is a matrix product once each window of the input is a row of a matrix. The
matrix is called the columns (im2col: image to columns). In one dimension, with three taps, stride 1
and no padding, the input (a, b, c, d, e) gives

    | a b c |     | w0 |     | a w0 + b w1 + c w2 |
    | b c d |  x  | w1 |  =  | b w0 + c w1 + d w2 |
    | c d e |     | w2 |     | c w0 + d w1 + e w2 |
     columns      kernel            output

With C input channels a row has k C numbers. With O output channels the kernel is a (k C, O) matrix.

**Why channels last (NHWC).** With the channels last in memory, a window of kh x kw pixels is kh
runs of kw C neighbouring numbers. In NCHW it is C kh runs of kw numbers, and copying such short
runs takes longer than multiplying them.

**Why chunks.** The columns are kh kw times as large as the input. So they are made a few images at
a time, in one buffer that fits into the processor's cache, and never travel to main memory. The
chunks of a large input are shared among the threads of the pool. How an input is divided depends on
its shape alone, so the bits of a result do not depend on the number of threads.

Letters: N images, C channels, G groups, (kh, kw) kernel, (Ho, Wo) windows, m rows of the columns.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .windows import ConvSettings, Pair

__all__ = [
    "Chunk",
    "make_columns",
    "crop",
    "divide_into_chunks",
    "flatten_kernel",
    "scratch",
]

Array = np.ndarray

CHUNK_BYTES = 1 << 22  # of columns in a chunk: they should stay in the cache
# With fewer bytes, waking a second thread and passing Python's lock cost more time than it saves.
# A 4x4 convolution of 3 to 64 channels makes 3 MB of columns: 0.58 ms shared, 0.87 ms alone.
SHARED_BYTES = 1 << 20
KEPT_BYTES = 1 << 23  # the largest buffer that is kept for the next call


class Chunk(NamedTuple):
    """A part of a batch: images n0 to n1 (exclusive), and of each the window rows y0 to y1."""

    n0: int
    n1: int
    y0: int
    y1: int


def divide_into_chunks(images: int, rows: int, row_bytes: int) -> list[Chunk]:
    """Divide the windows of a batch into chunks whose columns have at most about CHUNK_BYTES bytes.

    A chunk is several whole images, or some rows of windows of one image. The number of chunks is
    even where possible, so that two threads get equal shares. The list is empty if there is nothing
    to compute.

    Parameters
    ----------
    images : int
        The number of images.
    rows : int
        The number of rows of windows in an image.
    row_bytes : int
        The size of the columns of one such row.
    """
    total = images * rows * row_bytes
    if not total:
        return []
    count = 1 if total < SHARED_BYTES else 2 * -(-total // (2 * CHUNK_BYTES))
    if count <= images:
        return [
            Chunk(i * images // count, (i + 1) * images // count, 0, rows) for i in range(count)
        ]
    parts = min(rows, -(-count // images))
    bounds = [(j * rows // parts, (j + 1) * rows // parts) for j in range(parts)]
    return [Chunk(i, i + 1, y0, y1) for i in range(images) for y0, y1 in bounds]


def flatten_kernel(w: Array, groups: int) -> Array:
    """Return w (O, C/G, kh, kw) as (G, O/G, kh kw C/G).

    No copy is made if w is channels-last in memory.
    """
    o, c, kh, kw = w.shape
    return w.transpose(0, 2, 3, 1).reshape(groups, o // groups, kh * kw * c)


def make_columns(
    x: Array, chunk: Chunk, width: int, kernel: Pair, settings: ConvSettings, dtype: np.dtype
) -> Array:
    """Return the windows of one chunk as the rows of a matrix.

    This thread's next call may overwrite the result. Its memory may be in transposed order.

    **Shapes** x (N, H, W, C), `width` windows in a row -> (G, m, kh kw C/G).
    """
    n0, n1, y0, y1 = chunk
    (sh, sw), padding, (dh, dw), groups = settings
    (kh, kw), c = kernel, x.shape[3]
    top, left = y0 * sh - padding[0], -padding[1]
    bottom = top + (y1 - y0 - 1) * sh + dh * (kh - 1) + 1
    right = left + (width - 1) * sw + dw * (kw - 1) + 1
    x = crop(x, (n0, n1), (top, bottom), (left, right), dtype, "padded")
    image, row = x.strides[:2]  # distances in bytes; `crop` makes a pixel c neighbouring numbers
    number = dtype.itemsize
    pixel = c * number
    counts, steps = (n1 - n0, y1 - y0, width, kh), (image, sh * row, sw * pixel, dh * row)
    m = (n1 - n0) * (y1 - y0) * width
    if c == sw == 1:
        # With one channel, a row of a window is kw numbers only. What one tap reads for a row of
        # windows is a run of `width` numbers, so the transposed matrix is copied: 3x3, 28 windows
        # in a row: 0.03 instead of 0.10 ms.
        shape, strides = (kh, kw, *counts[:3]), (dh * row, dw * pixel, *steps[:3])
        columns = scratch("columns", shape, dtype)
        columns[...] = as_strided(x, shape, strides)
        return columns.reshape(1, kh * kw, m).transpose(0, 2, 1)
    if groups == 1 and dw == 1:  # each row of a window is one run of kw C numbers
        shape, strides = (1, *counts, 1, kw * c), (0, *steps, 0, number)
    else:
        shape = (groups, *counts, kw, c // groups)
        strides = (c // groups * number, *steps, dw * pixel, number)
    windows = as_strided(x, shape, strides)
    matrix = groups, m, kh * kw * c // groups
    # For a 1x1 kernel, or one as large as the image, the memory is the matrix already.
    if windows.flags.c_contiguous:
        return windows.reshape(matrix)
    columns = scratch("columns", windows.shape, dtype)
    # As opaque blocks, short runs are copied 4 times as fast as number by number.
    run = np.dtype((np.void, windows.shape[-1] * number))
    columns.view(run)[...] = windows.view(run)
    return columns.reshape(matrix)


def crop(x: Array, images: Pair, rows: Pair, columns: Pair, dtype: np.dtype, name: str) -> Array:
    """Return a part of x (N, H, W, C), with zeros outside its bounds: a view if possible.

    Each pair is (start, stop). A result that is no view lies in this thread's scratch buffer
    `name`.
    """
    (n0, n1), (y0, y1), (x0, x1) = images, rows, columns
    _, height, width, c = x.shape
    inside = 0 <= y0 and y1 <= height and 0 <= x0 and x1 <= width
    pixels_are_runs = c == 1 or x.strides[3] == x.itemsize
    rows_are_runs = width == 1 or x.strides[2] == c * x.itemsize
    if inside and x.dtype == dtype and pixels_are_runs and rows_are_runs:
        return x[n0:n1, y0:y1, x0:x1]
    out = scratch(name, (n1 - n0, y1 - y0, x1 - x0, c), dtype)
    a0, a1, b0, b1 = max(y0, 0), min(y1, height), max(x0, 0), min(x1, width)  # the part inside x
    if a0 >= a1 or b0 >= b1:
        out[...] = 0
        return out
    out[:, : a0 - y0] = out[:, a1 - y0 :] = 0
    out[:, a0 - y0 : a1 - y0, : b0 - x0] = out[:, a0 - y0 : a1 - y0, b1 - x0 :] = 0
    out[:, a0 - y0 : a1 - y0, b0 - x0 : b1 - x0] = x[n0:n1, a0:a1, b0:b1]
    return out


buffers = threading.local()  # of each thread: name -> bytes


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Return an uninitialised array in this thread's buffer `name`, which the next use overwrites.

    Reusing memory saves time: the first access to each page of new memory is slow (a page fault).
    """
    size = dtype.itemsize
    for side in shape:
        size *= side
    if size > KEPT_BYTES:
        return np.empty(shape, dtype)
    buffer = getattr(buffers, name, None)
    if buffer is None or buffer.nbytes < size:
        buffer = np.empty(size, np.uint8)
        setattr(buffers, name, buffer)
    return buffer[:size].view(dtype).reshape(shape)
