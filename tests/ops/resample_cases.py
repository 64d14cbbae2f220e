"""Cases of pooling and resampling. The naive implementations compute pixel by pixel."""

from __future__ import annotations

import functools
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
    """Return a number twice, and a pair as it is."""
    return value if isinstance(value, tuple) else (value, value)


# ----------------------------------------------------------------------------------------- pooling


def positions(o, kernel, stride, padding, size):
    """Return the positions that window o reads along one axis, without padding."""
    start = o * stride - padding
    return [i for i in range(start, start + kernel) if 0 <= i < size]


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


def pooling(draw, op, values, combine):
    """Draw the case of a pooling.

    combine(pixels, number of taps) is the result of one window.
    """
    shape = image_shape(draw, 2)
    kernel_size, stride, padding = draw_pooling_settings(draw, shape[2:])
    kernel, p = as_pair(kernel_size), as_pair(padding)
    s = kernel if stride is None else as_pair(stride)
    out = [(shape[2 + a] + 2 * p[a] - kernel[a]) // s[a] + 1 for a in (0, 1)]

    def naive(x):
        def pixel(n, c, i, j):
            rows = positions(i, kernel[0], s[0], p[0], shape[2])
            columns = positions(j, kernel[1], s[1], p[1], shape[3])
            inside = [x[n, c, row, column] for row in rows for column in columns]
            return combine(inside, kernel[0] * kernel[1])

        return images((*shape[:2], *out), pixel)

    return lambda x: op(x, kernel_size, stride, padding), [values(shape)], naive


@case("avg_pool2d")
def draw_avg_pool2d(draw):
    def mean(pixels, num_taps):
        return math.fsum(pixels) / num_taps

    return pooling(draw, ops.avg_pool2d, draw.array, mean)


@case("max_pool2d")
def draw_max_pool2d(draw):
    return pooling(draw, ops.max_pool2d, draw.distinct_array, lambda pixels, _: max(pixels))


@case("max_pool2d")
def draw_gradient_of_max_pool2d(draw):
    """Draw the gradient as a function of the cotangent: so the checks reach one order further."""
    values = draw.distinct_array((2, 2, 5, 4))
    x = draw.constant(values)
    kernel, stride, padding = draw.choice((2, 2, 0), (3, 1, 1), (2, 1, 0))
    out = [(n + 2 * padding - kernel) // stride + 1 for n in values.shape[2:]]

    def f(g):
        leaf = tensor(x, requires_grad=True)
        return grad(ops.max_pool2d(leaf, kernel, stride, padding), leaf, g, create_graph=True)

    def naive(g):
        dx = np.zeros(values.shape)
        for n, c, i, j in np.ndindex(2, 2, *out):
            rows = positions(i, kernel, stride, padding, 5)
            columns = positions(j, kernel, stride, padding, 4)
            greatest = max(itertools.product(rows, columns), key=lambda p: values[(n, c, *p)])
            dx[(n, c, *greatest)] += g[n, c, i, j]
        return dx

    return f, [draw.array((2, 2, *out))], naive


@case("adaptive_avg_pool2d")
def draw_adaptive_avg_pool2d(draw):
    shape = image_shape(draw)
    output_size = draw.choice(1, 2, (3, 1), (4, 7))
    size = as_pair(output_size)

    def block(o, n, m):
        return range(math.floor(o * n / m), math.ceil((o + 1) * n / m))

    def naive(x):
        def mean(n, c, i, j):
            rows, columns = block(i, shape[2], size[0]), block(j, shape[3], size[1])
            total = math.fsum(x[n, c, row, column] for row in rows for column in columns)
            return total / (len(rows) * len(columns))

        return images((*shape[:2], *size), mean)

    return lambda x: ops.adaptive_avg_pool2d(x, output_size), [draw.array(shape)], naive


# ----------------------------------------------------------------------------------- interpolation


def draw_target_size(draw, old, factors):
    """Draw the size of an interpolation, given directly or by one of `factors`.

    Returns the settings of `ops.interpolate`, the new size, and the scales along both axes.
    """
    if draw.choice(True, False):
        given = draw.choice((draw.integer(1, 9), draw.integer(1, 9)), 5)
        size = as_pair(given)
        return {"size": given}, size, (size[0] / old[0], size[1] / old[1])
    given = draw.choice(*factors)
    scale = as_pair(given)
    size = math.floor(old[0] * scale[0]), math.floor(old[1] * scale[1])
    return {"scale_factor": given}, size, scale


WHOLE_FACTORS = (2, 3.0, (1, 2))
OTHER_FACTORS = (2, 1.5, (2.5, 1.0), (0.5, 0.75))


def nearest(draw, shape, factors):
    """Draw the case of nearest interpolation."""
    settings, size, scale = draw_target_size(draw, shape[2:], factors)

    def source(o, scale, n):
        return min(math.floor(o / scale), n - 1)

    def naive(x):
        def pixel(n, c, i, j):
            return x[n, c, source(i, scale[0], shape[2]), source(j, scale[1], shape[3])]

        return images((*shape[:2], *size), pixel)

    return functools.partial(ops.interpolate, **settings), [draw.array(shape)], naive


@case("interpolate")
def draw_interpolate_nearest_by_whole_factors(draw):
    return nearest(draw, image_shape(draw), WHOLE_FACTORS)


@case("interpolate")
def draw_interpolate_nearest_by_any_factor(draw):
    return nearest(draw, image_shape(draw, 2), OTHER_FACTORS)


@case("interpolate")
def draw_interpolate_bilinear(draw):
    shape = image_shape(draw, 2)
    factors = draw.choice(WHOLE_FACTORS, OTHER_FACTORS)
    settings, size, scale = draw_target_size(draw, shape[2:], factors)
    align_corners = draw.choice(True, False)

    def neighbours(o, n, m, scale):
        """Return [(pixel, weight), ...] of output o of m, from n pixels."""
        if align_corners:
            position = o * (n - 1) / (m - 1) if m > 1 else 0.0
        else:
            position = max((o + 0.5) / scale - 0.5, 0.0)
        low = min(int(position), n - 1)
        return [(low, 1 - (position - low)), (min(low + 1, n - 1), position - low)]

    def naive(x):
        def pixel(n, c, i, j):
            rows = neighbours(i, shape[2], size[0], scale[0])
            columns = neighbours(j, shape[3], size[1], scale[1])
            return math.fsum(a * b * x[n, c, r, q] for r, a in rows for q, b in columns)

        return images((*shape[:2], *size), pixel)

    settings |= {"mode": "bilinear", "align_corners": align_corners}
    return functools.partial(ops.interpolate, **settings), [draw.array(shape)], naive


# -------------------------------------------------------------------------- blur and pixel shuffle


def naive_blur(x, kernel, mode):
    """Sum the weighted pixels around each pixel."""
    half = len(kernel) // 2

    def source(i, n):
        """Return the pixel that position i reads, or None for 0."""
        if 0 <= i < n:
            return i
        if mode == "zero":
            return None
        return -i if i < 0 else 2 * (n - 1) - i

    def pixel(n, c, i, j):
        total = 0.0
        for (s, a), (t, b) in itertools.product(enumerate(kernel), enumerate(kernel)):
            row, column = source(i + s - half, x.shape[2]), source(j + t - half, x.shape[3])
            if row is not None and column is not None:
                total += a * b * x[n, c, row, column]
        return total / sum(kernel) ** 2

    return images(x.shape, pixel)


@case("blur")
def draw_blur(draw):
    kernel = draw.choice((1, 2, 1), (1, 4, 6, 4, 1), (0.5, 1, 2.5), (3,))
    settings = {"kernel": kernel, "mode": draw.choice("zero", "reflect")}
    x = draw.array(image_shape(draw, 1 + len(kernel) // 2))
    naive = functools.partial(naive_blur, **settings)
    return functools.partial(ops.blur, **settings), [x], naive


@case("blur")
def draw_blur_in_bands(draw):
    """Draw an image so wide that the matrix is applied in bands."""
    x = draw.array((1, draw.choice(1, 8), 2, draw.integer(60, 70)))
    return ops.blur, [x], functools.partial(naive_blur, kernel=(1, 2, 1), mode="zero")


@case("pixel_shuffle")
def draw_pixel_shuffle(draw):
    n, c, h, w = image_shape(draw, 0, 3)
    r = draw.integer(1, 3)

    def naive(x):
        def pixel(n, c, i, j):
            return x[n, c * r * r + (i % r) * r + j % r, i // r, j // r]

        return images((n, c, h * r, w * r), pixel)

    x = draw.array((n, c * r * r, h, w))
    return functools.partial(ops.pixel_shuffle, upscale_factor=r), [x], naive


@case("pixel_unshuffle")
def draw_pixel_unshuffle(draw):
    n, c, h, w = image_shape(draw, 0, 3)
    r = draw.integer(1, 3)

    def naive(x):
        def pixel(n, c, i, j):
            return x[n, c // (r * r), i * r + c % (r * r) // r, j * r + c % r]

        return images((n, c * r * r, h, w), pixel)

    x = draw.array((n, c, h * r, w * r))
    return functools.partial(ops.pixel_unshuffle, downscale_factor=r), [x], naive
