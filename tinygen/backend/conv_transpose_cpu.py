"""The transposed convolution of NumPy arrays, in two ways: scatter and gather.

In one dimension, the transposed convolution of y with the kernel w is

    x[i] = sum of w[t] y[o] over all (o, t) with s o + d t - p = i

A worked example: stride s = 2, padding p = 1, four taps, so tap t of y[o] lands on i = 2 o + t - 1.

**Scatter** goes through the elements of y. Each adds its multiple of the kernel to its window of x:

    position i        -1        0        1        2        3        4
    y[0] adds        w0 y0    w1 y0    w2 y0    w3 y0
    y[1] adds                          w0 y1    w1 y1    w2 y1    w3 y1
    y[2] adds                                            w0 y2    w1 y2    ...

**Gather** goes through the elements of x. Each collects what lands on it, a column of this table:

    x[0] = w1 y0 + w3 y[-1]        block 0, phase 1        (y[-1] = 0 is padding)
    x[1] = w0 y1 + w2 y0           block 1, phase 0
    x[2] = w1 y1 + w3 y0           block 1, phase 1
    x[3] = w0 y2 + w2 y1           block 2, phase 0

x[1] and x[2] read the same two elements (y1, y0). One reads them through the taps (w0, w2), the
other through the taps (w1, w3). So gathering is an ordinary convolution of y, with two taps and two
outputs per block. The two outputs are the two phases; interleaving them gives x ("pixel shuffle").

In general, write i + p = s q + r with block q and phase r < s, and t = s u + v with v < s. For
d = 1 the condition s o + t - p = i becomes

    s o + s u + v = s q + r                     insert both
    v = r and o = q - u                         because v and r are less than s
    x[s q + r - p] = sum_u w[s u + r] y[q - u]

The window y[q - u] depends on the block alone, and the taps w[s u + r] on the phase alone. So this
is a convolution of y with s times as many output channels, one for each phase. With s = 1 there is
one phase, and any dilation is possible:

    x[q - p] = sum_u w[u] y[q - d u]            the convolution with the flipped kernel

Which is faster depends on the shapes: `is_scatter_faster` estimates it.
"""

from __future__ import annotations

import numpy as np

from .im2col import (
    Chunk,
    crop,
    divide_into_chunks,
    flatten_kernel,
    make_columns,
    scratch,
)
from .products import multiply, right_factor
from .threads import parallel
from .windows import ConvSettings, Pair, taps

__all__ = ["by_gather", "by_scatter", "is_scatter_faster"]

Array = np.ndarray

FEW_CHANNELS = 16  # with fewer, scattering adds planes of one channel


def is_scatter_faster(
    windows: Pair,
    o: int,
    c: int,
    kernel: Pair,
    settings: ConvSettings,
    size: Pair,
    images: int | None = None,
) -> bool:
    """Estimate whether scattering o channels to c channels takes less time than gathering.

    Gathering copies windows of the o channels, unless each is one pixel. Scattering adds up windows
    of the c channels. The times are estimated in multiplications of a matrix product: 10 for a
    number that is copied, 60 for one that is added, and 60 for one of a kernel that is reordered.
    Measured with AVX2 and with AVX-512, for 230 shapes of 1 to 256 channels, the choice is on
    average 1.7 % slower than the better way.

    Parameters
    ----------
    windows : (height, width)
        The size of y.
    o, c : int
        The number of channels of y and of x.
    kernel : (height, width)
    settings : ConvSettings
    size : (height, width)
        The size of x.
    images : int, optional
        The number of images for which gathering reorders the kernel once.
    """
    (sh, sw), groups = settings.stride, settings.groups
    overlap = -(-kernel[0] // sh) * -(-kernel[1] // sw)  # elements of y that meet in one pixel of x
    blocks = (-(-size[0] // sh) + (sh > 1)) * (-(-size[1] // sw) + (sw > 1))
    copying = 0 if kernel == (1, 1) else 10
    gather = blocks * overlap * o * (copying + sh * sw * c // groups)
    if images:
        gather += 60 * kernel[0] * kernel[1] * o * c // (groups * images)
    return windows[0] * windows[1] * kernel[0] * kernel[1] * c * (60 + o // groups) < gather


def by_gather(y: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair) -> Array:
    """Compute the transposed convolution as an ordinary convolution of y, then a pixel shuffle.

    The module's docstring derives it. Along each axis the stride or the dilation must be 1.

    **Shapes** y (N, Ho, Wo, O), w (O, C/G, kh, kw), bias (C,) or None -> (N, C, *size).
    """
    (sh, sw), padding, dilation, groups = settings
    n, o, c = len(y), w.shape[0], w.shape[1] * groups
    dtype = np.result_type(y, w)
    kernel, (uh, uw) = _phase_kernels(w, settings, dtype)  # (G, uh uw O/G, sh sw C/G)
    # Blocks first to first + count - 1 reach into the result; y[q - u] starts `before` before y[q].
    first = [padding[a] // settings.stride[a] for a in (0, 1)]
    count = [-(-(padding[a] + size[a]) // settings.stride[a]) - first[a] for a in (0, 1)]
    before = tuple(dilation[a] * (u - 1) - first[a] for a, u in ((0, uh), (1, uw)))
    window_settings = ConvSettings((1, 1), before, dilation, groups)
    row_bytes = count[1] * uh * uw * o * dtype.itemsize
    chunks = divide_into_chunks(n, count[0], row_bytes)
    x = np.empty((n, *size, groups, c // groups), dtype)
    shift = 0 if bias is None else bias.reshape(groups, c // groups)
    if not chunks:
        x[...] = shift

    def run(i: int) -> None:
        n0, n1, q0, q1 = chunks[i]
        columns = make_columns(y, chunks[i], count[1], (uh, uw), window_settings, dtype)
        m = columns.shape[1]  # of (G, m, uh uw O/G)
        if (sh, sw) == (1, 1):  # one phase: the product is the result
            out = x[n0:n1, q0:q1].reshape(m, groups, c // groups)
            multiply(columns, kernel, out=out.transpose(1, 0, 2))
            if bias is not None:
                out += shift
            return
        shape = (n1 - n0, q1 - q0, count[1], groups, sh, sw, c // groups)
        product = scratch("product", shape, dtype)
        out = product.reshape(m, groups, sh * sw * c // groups)
        multiply(columns, kernel, out=out.transpose(1, 0, 2))
        # Interleave: phase r of block q is position s q + r - p, as if r were the tap of window q.
        blocks = range(first[0] + q0, first[0] + q1), range(first[1], first[1] + count[1])
        phases = taps((sh, sw), (sh, sw), padding, (1, 1), size, blocks)
        for (r, t), (rows, columns), (qs, ps) in phases:
            np.add(product[:, qs, ps, :, r, t], shift, out=x[n0:n1, rows, columns])

    parallel(run, len(chunks))
    return x.reshape(n, *size, c).transpose(0, 3, 1, 2)


def _phase_kernels(w: Array, settings: ConvSettings, dtype: np.dtype) -> tuple[Array, Pair]:
    """Sort the taps of w (O, C/G, kh, kw) by phase: (G, uh uw O/G, sh sw C/G), and (uh, uw).

    uh = ceil(kh / sh) and uw = ceil(kw / sw) are the numbers of taps of one phase.
    """
    (sh, sw), groups = settings.stride, settings.groups
    o, c, kh, kw = w.shape
    uh, uw = -(-kh // sh), -(-kw // sw)
    padded = np.zeros((groups, o // groups, c, uh * sh, uw * sw), dtype)
    padded[..., :kh, :kw] = w.reshape(groups, o // groups, c, kh, kw)
    # Tap t = s u + r becomes (u, r). u is reversed, because y[q - u] runs backwards.
    kernel = padded.reshape(groups, o // groups, c, uh, sh, uw, sw)[:, :, :, ::-1, :, ::-1]
    kernel = kernel.transpose(0, 3, 5, 1, 4, 6, 2)  # (G, uh, uw, O/G, sh, sw, C/G)
    return kernel.reshape(groups, uh * uw * o // groups, sh * sw * c), (uh, uw)


def by_scatter(y: Array, w: Array, bias: Array | None, settings: ConvSettings, size: Pair) -> Array:
    """Compute the transposed convolution: each element of y adds its multiple of w to its window.

    This is the scatter of the module's docstring. NumPy adds long runs of numbers fastest. With
    many channels these are the channels of a pixel. With few, memory is ordered by planes: the
    multiples of one tap and one channel are an image of the size of y.

    **Shapes** y (N, Ho, Wo, O), w (O, C/G, kh, kw), bias (C,) or None -> (N, C, *size).
    """
    (n, ho, wo, o), (kh, kw), groups = y.shape, w.shape[2:], settings.groups
    c = w.shape[1] * groups
    dtype = np.result_type(y, w)
    kernel = right_factor(flatten_kernel(w, groups))  # (G, O/G, kh kw C/G)
    row_bytes = wo * kh * kw * c * dtype.itemsize
    chunks = divide_into_chunks(n, ho, row_bytes)
    in_planes = c // groups < FEW_CHANNELS
    # One thread takes whole images, because windows of neighbouring rows overlap.
    images = sorted({chunk[:2] for chunk in chunks})
    x = np.empty((n, *size, groups, c // groups), dtype)
    shift = np.zeros(c, dtype) if bias is None else bias
    if not chunks:
        x[...] = shift.reshape(groups, c // groups)

    def add_windows(target: Array, chunk: Chunk) -> None:
        n0, n1, y0, y1 = chunk
        m = (n1 - n0) * (y1 - y0) * wo
        rows = crop(y, (n0, n1), (y0, y1), (0, wo), dtype, "rows")
        rows = rows.reshape(m, groups, o // groups).transpose(1, 0, 2)  # (G, m, O/G)
        product = _product_in_planes(rows, kernel) if in_planes else _product(rows, kernel)
        product = product.reshape(groups, kh, kw, c // groups, n1 - n0, y1 - y0, wo)
        windows = range(y0, y1), range(wo)
        for (i, j), (ys, xs), (os, ps) in taps((kh, kw), *settings[:3], size, windows):
            target[..., ys, xs] += product[:, i, j, ..., os, ps]

    def run(i: int) -> None:
        n0, n1 = images[i]
        result = target = x[n0:n1].transpose(3, 4, 0, 1, 2)  # (G, C/G, n, H, W)
        if in_planes:
            target = scratch("planes", result.shape, dtype)
        target[...] = shift.reshape(groups, c // groups, 1, 1, 1)
        for chunk in chunks:
            if chunk[:2] == images[i]:
                add_windows(target, chunk)
        if in_planes:
            for channel in range(c // groups):  # NumPy would copy c numbers at a time
                result[:, channel] = target[:, channel]

    parallel(run, len(images))
    return x.reshape(n, *size, c).transpose(0, 3, 1, 2)


def _product(rows: Array, kernel: Array) -> Array:
    """Return rows (G, m, O/G) times kernel (G, O/G, K) as (G, K, m), in memory (m, G, K)."""
    groups, m, k = len(rows), rows.shape[1], kernel.shape[2]
    product = scratch("product", (m, groups, k), rows.dtype)
    multiply(rows, kernel, out=product.transpose(1, 0, 2))
    return product.transpose(1, 2, 0)


def _product_in_planes(rows: Array, kernel: Array) -> Array:
    """Return the same product, in memory (G, K, m)."""
    groups, m, k = len(rows), rows.shape[1], kernel.shape[2]
    # If the planes were a power of two apart, they would share few places of the cache.
    product = scratch("product", (groups, k, m + 16), rows.dtype)[..., :m]
    multiply(rows, kernel, out=product.transpose(0, 2, 1))
    return product
