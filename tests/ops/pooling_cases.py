"""Cases of pooling. The naive implementations compute pixel by pixel."""

from __future__ import annotations

import itertools
import math

import numpy as np

from tests.cases import case
from tinygen import grad, ops, tensor


def images(shape, f):
    """Return the images whose pixel (h, w) of channel c of image n is f(n, c, h, w)."""
    y = np.empty(shape)
    for index in itertools.product(*map(range, shape)):
        y[index] = f(*index)
    return y


def image_shape(draw, least=1, most=6):
    """Draw a shape (N, C, H, W); there may be no images or no channels.

    9 channels take another path in the code than up to 7.
    """
    n, c = draw.choice(1, 2, 0), draw.choice(1, 2, 3, 9, 0)
    return n, c, draw.integer(least, most), draw.integer(least, most)


def as_pair(value):
    """Return a number twice, and a pair as a tuple."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def block_means(x, size):
    """Average x (N, C, H, W) over a grid of `size` blocks."""

    def block(o, n, m):
        return range(math.floor(o * n / m), math.ceil((o + 1) * n / m))

    def mean(n, c, i, j):
        rows, columns = block(i, x.shape[2], size[0]), block(j, x.shape[3], size[1])
        total = math.fsum(x[n, c, row, column] for row in rows for column in columns)
        return total / (len(rows) * len(columns))

    return images((*x.shape[:2], *size), mean)


@case("adaptive_avg_pool2d")
def draw_adaptive_avg_pool2d(draw):
    shape = image_shape(draw)
    output_size = draw.choice(1, 2, (3, 1), (4, 7), (None, 2), [3, None])
    size = [n if m is None else m for n, m in zip(shape[2:], as_pair(output_size))]
    return (
        lambda x: ops.adaptive_avg_pool2d(x, output_size),
        [draw.array(shape)],
        lambda x: block_means(x, size),
    )


@case("adaptive_avg_pool1d")
def draw_adaptive_avg_pool1d(draw):
    shape = (draw.choice(2, 0), draw.choice(1, 3, 9), draw.integer(1, 6))
    output_size = draw.integer(1, 8)
    given = draw.choice(output_size, (output_size,))
    return (
        lambda x: ops.adaptive_avg_pool1d(x, given),
        [draw.array(shape)],
        lambda x: block_means(x[:, :, None], (1, output_size))[:, :, 0],
    )


# ------------------------------------------------------------------------------ sliding windows


def starts_of_windows(n, kernel, stride, padding, dilation, ceil_mode):
    """Return where the windows begin along an axis of n elements, counted from the first one."""
    reach = dilation * (kernel - 1)
    starts = [-padding]
    while starts[-1] + stride + reach <= n - 1 + padding:
        starts.append(starts[-1] + stride)
    has_rest = starts[-1] + reach < n - 1 + padding
    if ceil_mode and has_rest and starts[-1] + stride < n:
        starts.append(starts[-1] + stride)
    return starts


def draw_pooling_settings(draw, size):
    """Draw kernel_size, stride and padding: numbers or pairs."""
    if draw.choice(True, False):
        kernel = tuple(draw.integer(1, min(3, n)) for n in size)
        stride = (draw.integer(1, 3), draw.integer(1, 3))
        padding = tuple(draw.integer(0, k // 2) for k in kernel)
    else:
        kernel = draw.integer(1, min(3, *size))
        stride, padding = draw.integer(1, 3), draw.integer(0, kernel // 2)
    return kernel, draw.choice(stride, None), padding


def naive_pooling(x, kernel_size, stride, padding, dilation, ceil_mode, combine):
    """Apply combine(pixels, number of elements) to each window of x (N, C, H, W).

    The number of elements counts pixels and padding, but nothing behind the padding.
    """
    kernel, p, d = as_pair(kernel_size), as_pair(padding), as_pair(dilation)
    s = kernel if stride is None else as_pair(stride)
    starts = [
        starts_of_windows(n, kernel[a], s[a], p[a], d[a], ceil_mode)
        for a, n in enumerate(x.shape[2:])
    ]

    def pixel(n, c, i, j):
        rows = [starts[0][i] + d[0] * t for t in range(kernel[0])]
        columns = [starts[1][j] + d[1] * t for t in range(kernel[1])]
        inside = [
            x[n, c, row, column]
            for row in rows
            for column in columns
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
        ]
        counted = [
            sum(position < size + padding for position in positions)
            for positions, size, padding in ((rows, x.shape[2], p[0]), (columns, x.shape[3], p[1]))
        ]
        return combine(inside, counted[0] * counted[1])

    return images((*x.shape[:2], len(starts[0]), len(starts[1])), pixel)


def mean_of_pixels(pixels, num_elements):
    return math.fsum(pixels) / len(pixels)


def mean_of_elements(pixels, num_elements):
    return math.fsum(pixels) / num_elements


def greatest(pixels, num_elements):
    return max(pixels)


@case("avg_pool2d")
def draw_avg_pool2d(draw):
    shape = image_shape(draw, 2)
    settings = draw_pooling_settings(draw, shape[2:])
    return (
        lambda x: ops.avg_pool2d(x, *settings),
        [draw.array(shape)],
        lambda x: naive_pooling(x, *settings, 1, False, mean_of_elements),
    )


@case("avg_pool2d")
def draw_avg_pool2d_with_another_divisor(draw):
    shape = image_shape(draw, 2)
    settings = draw_pooling_settings(draw, shape[2:])
    ceil_mode, count_include_pad = draw.choice(True, False), draw.choice(True, False)
    divisor = draw.choice(None, None, 3, -2)

    def mean(pixels, num_elements):
        count = num_elements if count_include_pad else len(pixels)
        return math.fsum(pixels) / (divisor or count)

    return (
        lambda x: ops.avg_pool2d(x, *settings, ceil_mode, count_include_pad, divisor),
        [draw.array(shape)],
        lambda x: naive_pooling(x, *settings, 1, ceil_mode, mean),
    )


@case("max_pool2d")
def draw_max_pool2d(draw):
    shape = image_shape(draw, 2)
    settings = draw_pooling_settings(draw, shape[2:])
    return (
        lambda x: ops.max_pool2d(x, *settings),
        [draw.distinct_array(shape)],
        lambda x: naive_pooling(x, *settings, 1, False, greatest),
    )


@case("max_pool2d")
def draw_dilated_max_pool2d_with_indices(draw):
    shape = image_shape(draw, 5, 7)
    settings = (*draw_pooling_settings(draw, (3, 2)), draw.choice(2, (1, 2), [2, 1]))
    ceil_mode = draw.choice(True, False)

    def naive(x):
        y = naive_pooling(x, *settings, ceil_mode, greatest)

        def index(n, c, i, j):
            return np.flatnonzero(x[n, c].flatten() == y[n, c, i, j])[0]

        return y, images(y.shape, index)

    return (
        lambda x: ops.max_pool2d(x, *settings, ceil_mode, return_indices=True),
        [draw.distinct_array(shape)],
        naive,
    )


def with_height(value):
    """Return the setting of images of height one for a setting of sequences."""
    return None if value is None else (1, value)


def pool_sequences(x, kernel, stride, padding, dilation, ceil_mode, combine):
    """Apply `naive_pooling` to sequences (N, C, L)."""
    settings = ((1, kernel), with_height(stride), (0, padding), (1, dilation), ceil_mode)
    return naive_pooling(x[:, :, None], *settings, combine)[:, :, 0]


def draw_sequence_settings(draw):
    """Draw a shape (N, C, L), kernel_size, stride and padding."""
    shape = (draw.choice(2, 0), draw.choice(1, 3, 9), draw.integer(5, 8))
    kernel = draw.integer(1, 3)
    return shape, (kernel, draw.choice(None, 1, 2, 3), draw.integer(0, kernel // 2))


@case("avg_pool1d")
def draw_avg_pool1d(draw):
    shape, settings = draw_sequence_settings(draw)
    ceil_mode = draw.choice(False, True)
    count_include_pad, combine = draw.choice((True, mean_of_elements), (False, mean_of_pixels))
    return (
        lambda x: ops.avg_pool1d(x, *settings, ceil_mode, count_include_pad),
        [draw.array(shape)],
        lambda x: pool_sequences(x, *settings, 1, ceil_mode, combine),
    )


@case("max_pool1d")
def draw_max_pool1d(draw):
    shape, (kernel, *settings) = draw_sequence_settings(draw)
    settings += [draw.choice(1, 2), draw.choice(False, True)]
    given = draw.choice(kernel, (kernel,))
    return (
        lambda x: ops.max_pool1d(x, given, *settings),
        [draw.distinct_array(shape)],
        lambda x: pool_sequences(x, kernel, *settings, greatest),
    )


@case("avg_pool2d", "max_pool2d", "adaptive_avg_pool2d")
def draw_pooling_of_one_image(draw):
    op, combine = draw.choice((ops.avg_pool2d, mean_of_elements), (ops.max_pool2d, greatest))
    return (
        lambda x: op(ops.adaptive_avg_pool2d(x, (4, 6)), 2, 1),
        [draw.distinct_array((draw.choice(1, 3), 4, 6))],
        lambda x: naive_pooling(x[None], 2, 1, 0, 1, False, combine)[0],
    )


@case("max_pool2d")
def draw_gradient_of_max_pool2d(draw):
    """Draw the gradient as a function of the cotangent: so the checks reach one order further."""
    values = draw.distinct_array((2, 2, 5, 4))
    x = draw.constant(values)
    settings = draw.choice(
        (2, 2, 0, 1, False),
        (3, 1, 1, 1, False),
        (2, 1, 0, 1, False),
        (2, 1, 1, (1, 2), False),
        (2, 2, 0, 1, True),
    )
    kernel, stride, padding, dilation, ceil_mode = settings
    d = as_pair(dilation)
    starts = [
        starts_of_windows(n, kernel, stride, padding, d[a], ceil_mode) for a, n in enumerate((5, 4))
    ]
    out = len(starts[0]), len(starts[1])

    def f(g):
        leaf = tensor(x, requires_grad=True)
        return grad(ops.max_pool2d(leaf, *settings), leaf, g, create_graph=True)[0]

    def naive(g):
        dx = np.zeros(values.shape)
        for n, c, i, j in np.ndindex(2, 2, *out):
            rows = [starts[0][i] + d[0] * t for t in range(kernel)]
            columns = [starts[1][j] + d[1] * t for t in range(kernel)]
            inside = [
                (row, column)
                for row, column in itertools.product(rows, columns)
                if 0 <= row < 5 and 0 <= column < 4
            ]
            place = max(inside, key=lambda p: values[(n, c, *p)])
            dx[(n, c, *place)] += g[n, c, i, j]
        return dx

    return f, [draw.array((2, 2, *out))], naive
