"""Cases of interpolation, blur and pixel shuffle, pixel by pixel."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

from tests.cases import case
from tests.ops.pooling_cases import as_pair, block_means, image_shape, images
from tinygen import ops

# ----------------------------------------------------------------------------------- interpolation

WHOLE_FACTORS = (2, 3.0, (1, 2))
OTHER_FACTORS = (2, 1.5, (2.5, 1.0), (0.5, 0.75))


def draw_target_size(draw, old, factors):
    """Draw the size of an interpolation of images, given directly or by one of `factors`.

    Returns the settings of `ops.interpolate`, the new size, and the scales along both axes.
    """
    if draw.choice(True, False):
        given = draw.choice((draw.integer(1, 9), draw.integer(1, 9)), 5)
        size = as_pair(given)
        return {"size": given}, size, tuple(map(Fraction, size, old))
    given = draw.choice(*factors)
    scale = as_pair(given)
    size = math.floor(old[0] * scale[0]), math.floor(old[1] * scale[1])
    if draw.choice(False, True):
        settings = {"scale_factor": given, "recompute_scale_factor": True}
        return settings, size, tuple(map(Fraction, size, old))
    return {"scale_factor": given}, size, scale


def draw_target_length(draw, old):
    """Draw the size of an interpolation of sequences: the settings, the length and the scale."""
    if draw.choice(True, False):
        length = draw.integer(1, 9)
        return {"size": draw.choice(length, [length])}, length, Fraction(length, old)
    scale = draw.choice(0.5, 1, 1.5, 2, 2.75)
    return {"scale_factor": draw.choice(scale, (scale,))}, math.floor(old * scale), scale


def nearest(draw, shape, factors, mode="nearest"):
    """Draw the case of nearest interpolation of images."""
    settings, size, scale = draw_target_size(draw, shape[2:], factors)
    half = Fraction(1, 2) if mode == "nearest-exact" else 0

    def source(o, scale, n):
        return min(math.floor((o + half) / scale), n - 1)

    def naive(x):
        def pixel(n, c, i, j):
            return x[n, c, source(i, scale[0], shape[2]), source(j, scale[1], shape[3])]

        return images((*shape[:2], *size), pixel)

    return functools.partial(ops.interpolate, **settings, mode=mode), [draw.array(shape)], naive


@case("interpolate")
def draw_interpolate_nearest_by_whole_factors(draw):
    return nearest(draw, image_shape(draw), WHOLE_FACTORS)


@case("interpolate")
def draw_interpolate_nearest_by_any_factor(draw):
    return nearest(draw, image_shape(draw, 2), OTHER_FACTORS)


@case("interpolate")
def draw_interpolate_nearest_exact(draw):
    factors = (2, 3.0, (1, 0.5), (2.5, 1.0), (0.5, 0.75))
    return nearest(draw, image_shape(draw, 2), factors, "nearest-exact")


def linear_terms(o, n, m, scale, align_corners):
    """Return [(element, weight), ...] of output o of m, linearly from n elements."""
    if align_corners:
        position = o * (n - 1) / (m - 1) if m > 1 else 0.0
    else:
        position = max((o + 0.5) / scale - 0.5, 0.0)
    low = min(int(position), n - 1)
    return [(low, 1 - (position - low)), (min(low + 1, n - 1), position - low)]


def cubic_terms(o, n, m, scale, align_corners):
    """Return [(element, weight), ...] of output o of m, by cubic convolution with a = -3/4.

    The weights are written as polynomials of the fraction t, as Keys has them.
    """
    a = -0.75
    if align_corners:
        position = o * (n - 1) / (m - 1) if m > 1 else 0.0
    else:
        position = (o + 0.5) / scale - 0.5
    low = math.floor(position)
    t = position - low
    weights = (
        a * (t**3 - 2 * t**2 + t),
        (a + 2) * t**3 - (a + 3) * t**2 + 1,
        -(a + 2) * t**3 + (2 * a + 3) * t**2 - a * t,
        a * (t**2 - t**3),
    )
    return [(min(max(low + k - 1, 0), n - 1), weight) for k, weight in enumerate(weights)]


def interpolated(draw, mode, terms):
    """Draw the case of an interpolation of images by weighted sums."""
    shape = image_shape(draw, 2)
    factors = draw.choice(WHOLE_FACTORS, OTHER_FACTORS)
    settings, size, scale = draw_target_size(draw, shape[2:], factors)
    align_corners = draw.choice(True, False, None)

    def naive(x):
        def pixel(n, c, i, j):
            rows = terms(i, shape[2], size[0], scale[0], align_corners)
            columns = terms(j, shape[3], size[1], scale[1], align_corners)
            return math.fsum(a * b * x[n, c, r, q] for r, a in rows for q, b in columns)

        return images((*shape[:2], *size), pixel)

    settings |= {"mode": mode, "align_corners": align_corners}
    return functools.partial(ops.interpolate, **settings), [draw.array(shape)], naive


@case("interpolate")
def draw_interpolate_bilinear(draw):
    return interpolated(draw, "bilinear", linear_terms)


@case("interpolate")
def draw_interpolate_bicubic(draw):
    return interpolated(draw, "bicubic", cubic_terms)


@case("interpolate")
def draw_interpolate_linear(draw):
    shape = (draw.choice(2, 0), draw.choice(1, 3, 9), draw.integer(2, 6))
    settings, length, scale = draw_target_length(draw, shape[2])
    align_corners = draw.choice(True, False, None)

    def naive(x):
        def element(n, c, i):
            terms = linear_terms(i, shape[2], length, scale, align_corners)
            return math.fsum(a * x[n, c, j] for j, a in terms)

        return images((*shape[:2], length), element)

    settings |= {"mode": "linear", "align_corners": align_corners}
    return functools.partial(ops.interpolate, **settings), [draw.array(shape)], naive


@case("interpolate")
def draw_interpolate_nearest_sequences(draw):
    shape = (draw.choice(2, 0), draw.choice(1, 3), draw.integer(2, 6))
    settings, length, scale = draw_target_length(draw, shape[2])
    mode, half = draw.choice(("nearest", 0), ("nearest-exact", Fraction(1, 2)))

    def naive(x):
        def element(n, c, i):
            return x[n, c, min(math.floor((i + half) / scale), shape[2] - 1)]

        return images((*shape[:2], length), element)

    return functools.partial(ops.interpolate, **settings, mode=mode), [draw.array(shape)], naive


@case("interpolate")
def draw_interpolate_area(draw):
    shape = image_shape(draw, 2)
    settings, size, _ = draw_target_size(draw, shape[2:], OTHER_FACTORS)
    naive = functools.partial(block_means, size=size)
    return functools.partial(ops.interpolate, **settings, mode="area"), [draw.array(shape)], naive


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


def draw_leading_axes(draw):
    """Draw the axes before the channels."""
    return draw.choice((2,), (0,), (), (2, 1))


@case("pixel_shuffle")
def draw_pixel_shuffle(draw):
    batch, c, h, w = draw_leading_axes(draw), *(draw.integer(0, 3) for _ in range(3))
    r = draw.integer(1, 3)

    def naive(x):
        def pixel(*index):
            *n, c, i, j = index
            return x[(*n, c * r * r + (i % r) * r + j % r, i // r, j // r)]

        return images((*batch, c, h * r, w * r), pixel)

    x = draw.array((*batch, c * r * r, h, w))
    return functools.partial(ops.pixel_shuffle, upscale_factor=r), [x], naive


@case("pixel_unshuffle")
def draw_pixel_unshuffle(draw):
    batch, c, h, w = draw_leading_axes(draw), *(draw.integer(0, 3) for _ in range(3))
    r = draw.integer(1, 3)

    def naive(x):
        def pixel(*index):
            *n, c, i, j = index
            return x[(*n, c // (r * r), i * r + c % (r * r) // r, j * r + c % r)]

        return images((*batch, c * r * r, h, w), pixel)

    x = draw.array((*batch, c, h * r, w * r))
    return functools.partial(ops.pixel_unshuffle, downscale_factor=r), [x], naive
