"""The windows of CuPy arrays as columns of a matrix (im2col), and back (col2im): a kernel for each.

The twins below are loops over the taps, the kh kw elements of a window (windows.py). On a GPU they
would launch a kernel for each tap. In im2col, a thread copies one window of one channel, tap by
tap. In col2im, a thread computes one pixel: it finds the windows that contain the pixel and sums
their elements. So no two threads write to the same place, and the order of every sum is fixed: each
run gives the same bits. (If each thread added the elements of one window to the pixels, several
threads would add to one pixel, in an order that changes from run to run.)

**Two orders** of the columns serve `conv_gpu.py`: images first, (N, C, kh, kw, Ho, Wo), and
channels first, (C, kh, kw, N, Ho, Wo).
"""

from __future__ import annotations

from typing import Any

from .arrays import array_module
from .kernels import elementwise
from .windows import ConvSettings, Pair, taps

__all__ = ["copy_windows", "sum_windows"]

Array = Any  # cupy.ndarray


def copy_windows(
    x: Array, kernel: Pair, settings: ConvSettings, windows: Pair, channels_first: bool
) -> Array:
    """Copy the windows of x (N, C, H, W) to a new array, in one of the two orders."""
    xp, (n, c) = array_module(x), x.shape[:2]
    shape = (c, *kernel, n, *windows) if channels_first else (n, c, *kernel, *windows)
    columns = xp.empty(shape, x.dtype)
    geometry = _geometry(x, kernel, settings, windows)
    x = xp.ascontiguousarray(x)  # in other orders, CuPy divides to find each element
    _im2col(x, *geometry, channels_first, columns)
    return columns


def sum_windows(
    columns: Array, bias: Array | None, settings: ConvSettings, channels_first: bool, x: Array
) -> None:
    """Set each pixel of x (N, C, H, W) to the bias plus the sum of its elements in the columns.

    **Shapes** columns as `copy_windows` returns them, bias (C,) or None.
    """
    kernel = columns.shape[1:3] if channels_first else columns.shape[2:4]
    geometry = _geometry(x, kernel, settings, columns.shape[4:])
    bias = 0 if bias is None else bias.reshape(-1, 1, 1)
    _col2im(columns, bias, *geometry, channels_first, x)


def _geometry(images: Array, kernel: Pair, settings: ConvSettings, windows: Pair) -> tuple:
    """Return the values of _GEOMETRY. Raises ValueError if a number of threads exceeds an int32."""
    (n, c, height, width), (ho, wo) = images.shape, windows
    if n * c * max(height * width, ho * wo) >= 1 << 31:
        raise ValueError(f"images {images.shape} with {windows} windows are too large for a GPU")
    return (*kernel, n, c, height, width, ho, wo, *(v for pair in settings[:3] for v in pair))


_GEOMETRY = (
    "int32 kh, int32 kw, int32 num_images, int32 num_channels, int32 height, int32 width, "
    "int32 ho, int32 wo, int32 sh, int32 sw, int32 ph, int32 pw, int32 dh, int32 dw"
)

# A plane is one channel of one image; planes are numbered in NCHW order. `plane_start` is the index
# of a plane's first element in the columns, `tap_step` the distance from one tap to the next there.
# (Indices have 64 bits, ptrdiff_t, but all divisions 32 bits, because a GPU divides numbers of 64
# bits several times more slowly.)
_ORDER = """
__device__ ptrdiff_t tap_step(int num_images, int windows, bool channels_first) {
    return channels_first ? ptrdiff_t(num_images) * windows : windows;
}
__device__ ptrdiff_t plane_start(
    int plane, int num_channels, ptrdiff_t taps, ptrdiff_t step, int windows, bool channels_first
) {
    if (!channels_first) return plane * taps * step;
    return plane % num_channels * taps * step + ptrdiff_t(plane / num_channels) * windows;
}
"""


@elementwise(
    f"raw T x, {_GEOMETRY}, bool channels_first",
    "raw T columns",
    """
    const int windows = ho * wo, window = int(i) % windows, plane = int(i) / windows;
    const int top = window / wo * sh - ph, left = window % wo * sw - pw;
    const ptrdiff_t image = ptrdiff_t(plane) * height * width;
    const ptrdiff_t step = tap_step(num_images, windows, channels_first);
    ptrdiff_t k = window + plane_start(plane, num_channels, kh * kw, step, windows, channels_first);
    for (int row = top; row < top + kh * dh; row += dh)
        for (int column = left; column < left + kw * dw; column += dw) {
            const bool is_inside = 0 <= row && row < height && 0 <= column && column < width;
            columns[k] = is_inside ? x[image + row * width + column] : T(0);
            k += step;
        }
    """,
    preamble=_ORDER,
    size=lambda x, kh, kw, *others: others[-1].size // (kh * kw),  # the others end with the columns
)
def _im2col(
    x, kh, kw, num_images, num_channels, height, width, ho, wo, sh, sw, ph, pw, dh, dw,
    channels_first, columns,
):  # fmt: skip
    """Copy the elements of all windows to the columns."""
    if channels_first:
        columns = columns.transpose(3, 0, 1, 2, 4, 5)  # (N, C, kh, kw, Ho, Wo)
    columns[...] = 0
    geometry = (kh, kw), (sh, sw), (ph, pw), (dh, dw), (height, width), (range(ho), range(wo))
    for (i, j), (rows, cols), (os, qs) in taps(*geometry):
        columns[:, :, i, j, os, qs] = x[:, :, rows, cols]


@elementwise(
    f"raw T columns, T bias, {_GEOMETRY}, bool channels_first",
    "T x",
    """
    const int pixels = height * width, pixel = int(i) % pixels, plane = int(i) / pixels;
    const int row = pixel / width + ph, column = pixel % width + pw, windows = ho * wo;
    const ptrdiff_t step = tap_step(num_images, windows, channels_first);
    const ptrdiff_t start =
        plane_start(plane, num_channels, kh * kw, step, windows, channels_first);
    // Window (o, q) can contain the pixel if 0 <= row - s o <= d (k - 1); likewise for columns.
    const int first_o = max(0, (row - dh * (kh - 1) + sh - 1) / sh), end_o = min(ho, row / sh + 1);
    const int first_q = max(0, (column - dw * (kw - 1) + sw - 1) / sw);
    const int end_q = min(wo, column / sw + 1);
    T sum = bias;
    // Tap (i, j) of the window is the pixel, where d i = row - s o and d j = column - s q.
    for (int o = first_o, di = row - sh * o; o < end_o; ++o, di -= sh) {
        if (di % dh) continue;
        for (int q = first_q, dj = column - sw * q; q < end_q; ++q, dj -= sw) {
            if (dj % dw) continue;
            sum += columns[start + (di / dh * kw + dj / dw) * step + o * wo + q];
        }
    }
    x = sum;
    """,
    preamble=_ORDER,
)
def _col2im(
    columns, bias, kh, kw, num_images, num_channels, height, width, ho, wo, sh, sw, ph, pw, dh, dw,
    channels_first, x,
):  # fmt: skip
    """Set x to the bias, and add the columns to the pixels they were copied from."""
    if channels_first:
        columns = columns.transpose(3, 0, 1, 2, 4, 5)  # (N, C, kh, kw, Ho, Wo)
    x[...] = bias
    geometry = (kh, kw), (sh, sw), (ph, pw), (dh, dw), (height, width), (range(ho), range(wo))
    for (i, j), (rows, cols), (os, qs) in taps(*geometry):
        x[:, :, rows, cols] += columns[:, :, i, j, os, qs]
