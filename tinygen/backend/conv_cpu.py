"""Convolution of NumPy arrays, made fast: NHWC in memory, windows laid out a few images at a time, chunks shared among threads.

Why NHWC. A convolution is a matrix product once every window of the input is laid out as a row ("columns", or im2col). With the
channels last in memory, a window is kh runs of kw*C neighbouring numbers; in NCHW it is C*kh runs of kw, and copying such crumbs
takes longer than multiplying. So every 4-D array that leaves here is a logical NCHW view of NHWC memory, weights included. Inputs may
have any layout, and are faster in this one.

Why a few images at a time. The columns are kh*kw times larger than the input. Made piece by piece in one buffer that fits in the
processor's cache, they never travel to main memory. Large inputs share their pieces among the pool's threads. Pieces depend on
shapes alone, and where pieces are summed (the weight gradient) they are in order, so the bits do not depend on the number of threads.

Letters: N images, C channels in, O channels out, G groups, (kh, kw) kernel, (Ho, Wo) positions of the window, m rows of a piece.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .threads import parallel

Array = np.ndarray
Pair = tuple[int, int]
Piece = tuple[int, int, int, int]  # images n0 to n1, rows of windows y0 to y1

_PIECE = 1 << 21  # bytes of columns in a piece: they should stay in cache
_SMALL = 1 << 17  # bytes of columns that are not worth cutting
_SHARED = 1 << 22  # bytes of columns worth a second thread: below, waking it and taking turns with Python's lock costs more than it does
_KEEP = 1 << 23  # bytes of the largest buffer kept for the next call


def conv(x: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, size: Pair) -> Array:
    """See `conv.conv`."""
    (n, c), (o, _, kh, kw) = x.shape[:2], w.shape
    dtype = np.result_type(x, w)
    x = x.transpose(0, 2, 3, 1)
    if stride == (1, 1) and _scatter_pays(x.shape[1:3], c, o, (kh, kw), stride, groups, size):  # few channels out
        padding = _turned_padding(padding, (kh, kw), dilation)
        return _scatter(x, _turned(w, groups), bias, stride, padding, dilation, groups, size)
    kernel = _rows_of(w, groups).transpose(0, 2, 1)  # (G, kh kw C/G, O/G)
    row_bytes = size[1] * kh * kw * c * dtype.itemsize
    pieces = _pieces(n, size[0], row_bytes)
    y = np.empty((n, *size, o), dtype)
    if not pieces:  # no window, or no channel to sum over
        y[...] = 0 if bias is None else bias

    def run(piece: Piece) -> None:
        n0, n1, y0, y1 = piece
        columns = _columns(x, piece, size[1], (kh, kw), stride, padding, dilation, groups, dtype)  # (G, m, kh kw C/G)
        out = y[n0:n1, y0:y1].reshape(columns.shape[1], groups, o // groups)  # a view: a piece is whole images, or rows of one
        np.matmul(columns, kernel, out=out.transpose(1, 0, 2))
        if bias is not None:
            out += bias.reshape(groups, o // groups)

    _share(lambda i: run(pieces[i]), len(pieces), n * size[0] * row_bytes)
    return y.transpose(0, 3, 1, 2)


def conv_weight(x: Array, g: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """See `conv.conv_weight`."""
    (n, c), (_, o, ho, wo) = x.shape[:2], g.shape
    if stride == (1, 1) and o < c:  # then x meets windows of g as g meets windows of x, and g's columns are smaller
        turned = conv_weight(g, x, kernel, stride, _turned_padding(padding, kernel, dilation), dilation, groups)
        return _turned(turned, groups)
    dtype = np.result_type(x, g)
    x, g = x.transpose(0, 2, 3, 1), g.transpose(0, 2, 3, 1)
    row_bytes = wo * kernel[0] * kernel[1] * c * dtype.itemsize
    pieces = _pieces(n, ho, row_bytes)
    chunks = min(4, len(pieces))  # each chunk sums its pieces, then the chunks' sums are added in order
    sums = np.zeros((max(chunks, 1), groups, o // groups, kernel[0] * kernel[1] * c // groups), dtype)

    def run(chunk: int) -> None:
        for n0, n1, y0, y1 in pieces[chunk * len(pieces) // chunks : (chunk + 1) * len(pieces) // chunks]:
            columns = _columns(x, (n0, n1, y0, y1), wo, kernel, stride, padding, dilation, groups, dtype)  # (G, m, kh kw C/G)
            rows = _crop(g, n0, n1, y0, y1, 0, wo, dtype, "rows").reshape(columns.shape[1], groups, o // groups)
            sums[chunk] += np.matmul(rows.transpose(1, 2, 0), columns, out=_scratch("product", sums.shape[1:], dtype))

    _share(run, chunks, n * ho * row_bytes)
    for more in sums[1:]:
        sums[0] += more
    return sums[0].reshape(o, *kernel, c // groups).transpose(0, 3, 1, 2)


def conv_transpose(
    g: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, size: Pair
) -> Array:
    """See `conv.conv_transpose`. There are two ways, and the cheaper one is taken."""
    o, c = w.shape[0], w.shape[1] * groups
    undilated = all(stride[a] == 1 or dilation[a] == 1 for a in (0, 1))
    way = _scatter if not undilated or _scatter_pays(g.shape[2:], o, c, w.shape[2:], stride, groups, size) else _gather
    return way(g.transpose(0, 2, 3, 1), w, bias, stride, padding, dilation, groups, size)


def _scatter_pays(windows: Pair, o: int, c: int, kernel: Pair, stride: Pair, groups: int, size: Pair) -> bool:
    """Whether `_scatter` should take less time than `_gather` for a transposed convolution of o channels to c.

    `_gather` copies windows of the o channels, `_scatter` adds up windows of the c channels. Measured, a number copied costs as much time
    as 10 multiplications in a matrix product, and a number added as much as 50.
    """
    taps = -(-kernel[0] // stride[0]) * -(-kernel[1] // stride[1])  # elements of g that meet in one place of the result
    blocks = (-(-size[0] // stride[0]) + (stride[0] > 1)) * (-(-size[1] // stride[1]) + (stride[1] > 1))
    gather = blocks * taps * o * (10 + stride[0] * stride[1] * c // groups)
    return windows[0] * windows[1] * kernel[0] * kernel[1] * c * (50 + o // groups) < gather


def _gather(g: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, size: Pair) -> Array:
    """The transposed convolution as a convolution of g, followed by a pixel shuffle.

    In one dimension, place i = s q + r - p (block q, phase r < s) receives w[t] g[o] wherever s o + t = s q + r: t = s u + r and
    o = q - u for u = 0, 1, ... So all s phases of a block see the same window of g, g[q - u], each through its own part of the kernel,
    w[s u + r]: together a convolution with s times as many channels. With stride 1 that is the kernel flipped.
    """
    n, o, c = len(g), w.shape[0], w.shape[1] * groups
    dtype = np.result_type(g, w)
    (sh, sw), (uh, uw) = stride, [-(-w.shape[2 + a] // stride[a]) for a in (0, 1)]
    padded = np.zeros((groups, o // groups, c // groups, uh * sh, uw * sw), dtype)  # kernel sides rounded up to multiples of s
    padded[..., : w.shape[2], : w.shape[3]] = w.reshape(groups, o // groups, *w.shape[1:])
    kernel = padded.reshape(groups, o // groups, c // groups, uh, sh, uw, sw)[:, :, :, ::-1, :, ::-1]
    kernel = kernel.transpose(0, 3, 5, 1, 4, 6, 2).reshape(groups, uh * uw * o // groups, sh * sw * c // groups)
    first = [padding[a] // stride[a] for a in (0, 1)]  # the blocks that reach into the result: first to first + count
    count = [-(-(padding[a] + size[a]) // stride[a]) - first[a] for a in (0, 1)]
    before = [dilation[a] * (u - 1) - first[a] for a, u in ((0, uh), (1, uw))]  # the first window begins this far before g
    row_bytes = count[1] * uh * uw * o * dtype.itemsize
    pieces = _pieces(n, count[0], row_bytes)
    x = np.empty((n, *size, groups, c // groups), dtype)
    shift = 0 if bias is None else bias.reshape(groups, c // groups)
    if not pieces:
        x[...] = shift

    def run(piece: Piece) -> None:
        n0, n1, q0, q1 = piece
        columns = _columns(g, piece, count[1], (uh, uw), (1, 1), before, dilation, groups, dtype)  # (G, m, uh uw O/G)
        m = columns.shape[1]
        if stride == (1, 1):  # one phase: the product is the result
            out = x[n0:n1, q0:q1].reshape(m, groups, c // groups)
            np.matmul(columns, kernel, out=out.transpose(1, 0, 2))
            if bias is not None:
                out += shift
            return
        product = _scratch("product", (n1 - n0, q1 - q0, count[1], groups, sh, sw, c // groups), dtype)
        np.matmul(columns, kernel, out=product.reshape(m, groups, sh * sw * c // groups).transpose(1, 0, 2))
        for r in range(sh):
            ys, qs = _phase(r, first[0] + q0, first[0] + q1, size[0], sh, padding[0])
            for t in range(sw):
                xs, ps = _phase(t, first[1], first[1] + count[1], size[1], sw, padding[1])
                np.add(product[:, qs, ps, :, r, t], shift, out=x[n0:n1, ys, xs])

    _share(lambda i: run(pieces[i]), len(pieces), n * count[0] * row_bytes)
    return x.reshape(n, *size, c).transpose(0, 3, 1, 2)


def _phase(r: int, q0: int, q1: int, size: int, stride: int, padding: int) -> tuple[slice, slice]:
    """Of the blocks q0 to q1: the places s q + r - p in bounds, and the blocks they belong to, counted from q0."""
    low = max(q0, -((r - padding) // stride))
    high = max(low, min(q1, -(-(size + padding - r) // stride)))
    start = low * stride + r - padding
    return slice(start, start + (high - low) * stride, stride), slice(low - q0, high - q0)


def _scatter(g: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, size: Pair) -> Array:
    """The transposed convolution as its definition has it: each element of g adds a multiple of the kernel to its window."""
    (n, ho, wo, o), (kh, kw), c = g.shape, w.shape[2:], w.shape[1] * groups
    dtype = np.result_type(g, w)
    kernel = _rows_of(w, groups)  # (G, O/G, kh kw C/G)
    row_bytes = wo * kh * kw * c * dtype.itemsize
    pieces = _pieces(n, ho, row_bytes)
    images = sorted({piece[:2] for piece in pieces})  # a chunk has whole images: windows of neighbouring rows overlap
    x = np.empty((n, *size, groups, c // groups), dtype)
    shift = 0 if bias is None else bias.reshape(groups, c // groups)
    if not pieces:
        x[...] = shift

    def run(chunk: int) -> None:
        n0, n1 = images[chunk]
        x[n0:n1] = shift
        for y0, y1 in (piece[2:] for piece in pieces if piece[:2] == images[chunk]):
            m = (n1 - n0) * (y1 - y0) * wo
            rows = _crop(g, n0, n1, y0, y1, 0, wo, dtype, "rows").reshape(m, groups, o // groups).transpose(1, 0, 2)
            product = _scratch("product", (n1 - n0, y1 - y0, wo, groups, kh, kw, c // groups), dtype)
            np.matmul(rows, kernel, out=product.reshape(m, groups, kernel.shape[2]).transpose(1, 0, 2))
            for i in range(kh):
                ys, os = _tap(i, y0, y1, size[0], stride[0], padding[0], dilation[0])
                for j in range(kw):
                    xs, ps = _tap(j, 0, wo, size[1], stride[1], padding[1], dilation[1])
                    x[n0:n1, ys, xs] += product[:, os, ps, :, i, j]

    _share(run, len(images), n * ho * row_bytes)
    return x.reshape(n, *size, c).transpose(0, 3, 1, 2)


def _tap(t: int, o0: int, o1: int, size: int, stride: int, padding: int, dilation: int) -> tuple[slice, slice]:
    """Of the windows o0 to o1: the places s o + d t - p in bounds that their tap t touches, and the windows, counted from o0."""
    return _phase(dilation * t, o0, o1, size, stride, padding)


# ------------------------------------------------------------------------------------------------------------------ the parts


def _rows_of(w: Array, groups: int) -> Array:
    """w (O, C/G, kh, kw) as (G, O/G, kh kw C/G): a view if w is NHWC in memory."""
    o, c, kh, kw = w.shape
    return w.transpose(0, 2, 3, 1).reshape(groups, o // groups, kh * kw * c)


def _turned(w: Array, groups: int) -> Array:
    """w (O, C/G, kh, kw) with its channels exchanged and its taps reversed: (C, O/G, kh, kw).

    With stride 1, a convolution with w is the transposed convolution with this, under `_turned_padding`, and the other way round.
    """
    o, c, kh, kw = w.shape
    rows = w.reshape(groups, o // groups, c, kh, kw)[..., ::-1, ::-1].transpose(0, 2, 3, 4, 1)  # (G, C/G, kh, kw, O/G)
    return rows.reshape(groups * c, kh, kw, o // groups).transpose(0, 3, 1, 2)


def _turned_padding(padding: Pair, kernel: Pair, dilation: Pair) -> Pair:
    """The padding that goes with `_turned`. Negative where the padding exceeds the kernel: then it crops."""
    return dilation[0] * (kernel[0] - 1) - padding[0], dilation[1] * (kernel[1] - 1) - padding[1]


def _pieces(images: int, rows: int, row_bytes: int) -> list[Piece]:
    """Cut the windows of a batch into pieces of at most about _PIECE bytes of columns: several images each, or rows of one.

    The count is a multiple of four, so that two or four threads have equal shares. None if there is nothing to do.
    """
    total = images * rows * row_bytes
    if not total:
        return []
    count = 1 if total <= _SMALL else 4 * -(-total // (4 * _PIECE))
    if count <= images:
        return [(i * images // count, (i + 1) * images // count, 0, rows) for i in range(count)]
    parts = min(rows, -(-count // images))
    return [(i, i + 1, j * rows // parts, (j + 1) * rows // parts) for i in range(images) for j in range(parts)]


def _share(run: Callable[[int], None], chunks: int, column_bytes: int) -> None:
    """run(0), ..., run(chunks - 1): in the pool if together they lay out columns enough, else one after the other here."""
    if column_bytes >= _SHARED:
        parallel(run, chunks)
    else:
        for i in range(chunks):
            run(i)


def _columns(
    x: Array, piece: Piece, wo: int, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int, dtype: np.dtype
) -> Array:
    """The windows of one piece of x (N, H, W, C) as rows: (G, m, kh kw C/G). Valid until this thread's next call."""
    n0, n1, y0, y1 = piece
    (kh, kw), (sh, sw), (dh, dw), c = kernel, stride, dilation, x.shape[3]
    top, left = y0 * sh - padding[0], -padding[1]
    height, width = (y1 - y0 - 1) * sh + dh * (kh - 1) + 1, (wo - 1) * sw + dw * (kw - 1) + 1
    x = _crop(x, n0, n1, top, top + height, left, left + width, dtype, "padded")
    sn, sy, sc = *x.strides[:2], dtype.itemsize  # a pixel is c neighbouring numbers, and a row its pixels
    sx = c * sc
    counts, steps = (n1 - n0, y1 - y0, wo, kh), (sn, sh * sy, sw * sx, dh * sy)
    if groups == 1 and dw == 1:  # a row of a window is one run of kw C numbers
        windows = as_strided(x, (1, *counts, 1, kw * c), (0, *steps, 0, sc))
    else:
        windows = as_strided(x, (groups, *counts, kw, c // groups), (c // groups * sc, *steps, dw * sx, sc))
    shape = groups, (n1 - n0) * (y1 - y0) * wo, kh * kw * c // groups
    if windows.flags.c_contiguous:  # a 1x1 kernel, or one as large as the image: they are laid out already
        return windows.reshape(shape)
    columns = _scratch("columns", windows.shape, dtype)
    run = np.dtype((np.void, windows.shape[-1] * dtype.itemsize))  # copy whole runs: 4 times faster where they are short
    columns.view(run)[...] = windows.view(run)
    return columns.reshape(shape)


def _crop(x: Array, n0: int, n1: int, y0: int, y1: int, x0: int, x1: int, dtype: np.dtype, name: str) -> Array:
    """x[n0:n1, y0:y1, x0:x1] of x (N, H, W, C), zero where that leaves its bounds: a view if it can be, else a buffer in NHWC."""
    _, height, width, c = x.shape
    inside = 0 <= y0 and y1 <= height and 0 <= x0 and x1 <= width
    if inside and x.dtype == dtype and (c == 1 or x.strides[3] == x.itemsize) and (width == 1 or x.strides[2] == c * x.itemsize):
        return x[n0:n1, y0:y1, x0:x1]
    out = _scratch(name, (n1 - n0, y1 - y0, x1 - x0, c), dtype)
    a0, a1, b0, b1 = max(y0, 0), min(y1, height), max(x0, 0), min(x1, width)
    if a0 >= a1 or b0 >= b1:
        out[...] = 0
        return out
    out[:, : a0 - y0] = out[:, a1 - y0 :] = 0
    out[:, a0 - y0 : a1 - y0, : b0 - x0] = out[:, a0 - y0 : a1 - y0, b1 - x0 :] = 0
    out[:, a0 - y0 : a1 - y0, b0 - x0 : b1 - x0] = x[n0:n1, a0:a1, b0:b1]
    return out


_buffers = threading.local()


def _scratch(name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """An uninitialised array on this thread's buffer of that name, which its next use overwrites. Fresh memory costs page faults."""
    size = dtype.itemsize
    for side in shape:
        size *= side
    if size > _KEEP:
        return np.empty(shape, dtype)
    buffer = getattr(_buffers, name, None)
    if buffer is None or buffer.nbytes < size:
        buffer = np.empty(size, np.uint8)
        setattr(_buffers, name, buffer)
    return buffer[:size].view(dtype).reshape(shape)
