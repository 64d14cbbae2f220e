"""Cases of tinygen.ops.pooling and tinygen.ops.resample. The naive forwards fill one pixel after the other."""

from __future__ import annotations

import itertools
import math

import numpy as np

from tests.cases import case
from tinygen import grad, ops, tensor


def pixels(shape, f):
    """The pictures whose pixel (h, w) of channel c of picture n is f(n, c, h, w)."""
    y = np.empty(shape)
    for index in itertools.product(*map(range, shape)):
        y[index] = f(*index)
    return y


def pictures(d, least=1, most=6):
    """A shape (N, C, H, W), also with no pictures or no channels; more than 7 channels now and then, which take another path."""
    return d.sampled(1, 2, 0), d.sampled(1, 2, 3, 9, 0), d.integers(least, most), d.integers(least, most)


def windowed(d, op, values, combine):
    """The case of a pooling: combine takes the window's pixels and how many positions the window has."""
    shape = pictures(d, 2)
    pair = d.sampled(True, False)
    kernel = [d.integers(1, min(3, n)) for n in shape[2:]] if pair else [d.integers(1, min(3, *shape[2:]))] * 2
    stride = [d.integers(1, 3) for _ in kernel] if pair else [d.integers(1, 3)] * 2
    padding = [d.integers(0, k // 2) for k in kernel] if pair else [d.integers(0, kernel[0] // 2)] * 2
    plain = d.sampled(True, False)  # stride left out
    stride = kernel if plain else stride
    settings = [tuple(v) if pair else v[0] for v in (kernel, stride, padding)]
    settings[1] = None if plain else settings[1]
    out = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(shape[2:], kernel, stride, padding)]

    def naive(x):
        def at(n, c, i, j):
            rows = [i * stride[0] - padding[0] + t for t in range(kernel[0])]
            columns = [j * stride[1] - padding[1] + t for t in range(kernel[1])]
            inside = [x[n, c, r, q] for r in rows for q in columns if 0 <= r < shape[2] and 0 <= q < shape[3]]
            return combine(inside, len(rows) * len(columns))

        return pixels((*shape[:2], *out), at)

    return lambda x: op(x, *settings), [values(shape)], naive


@case("avg_pool2d")
def _(d):
    return windowed(d, ops.avg_pool2d, d.array, lambda inside, positions: math.fsum(inside) / positions)


@case("max_pool2d")
def _(d):
    return windowed(d, ops.max_pool2d, d.distinct, lambda inside, _: max(inside))


@case("max_pool2d")
def _(d):
    """The gradient itself as the function of the cotangent: so the checks reach one order further."""
    values = d.distinct((2, 2, 5, 4))
    x = d.constant(values)
    kernel, stride, padding = d.sampled((2, 2, 0), (3, 1, 1), (2, 1, 0))
    out = [(n + 2 * padding - kernel) // stride + 1 for n in values.shape[2:]]

    def f(u):
        leaf = tensor(x, requires_grad=True)
        return grad(ops.max_pool2d(leaf, kernel, stride, padding), leaf, u, create_graph=True)

    def naive(u):
        g = np.zeros(values.shape)
        for n, c, i, j in itertools.product(range(2), range(2), *map(range, out)):
            starts = [i * stride - padding, j * stride - padding]
            inside = [(r, q) for r in range(starts[0], starts[0] + kernel) for q in range(starts[1], starts[1] + kernel) if 0 <= r < 5 and 0 <= q < 4]
            g[(n, c, *max(inside, key=lambda at: values[(n, c, *at)]))] += u[n, c, i, j]
        return g

    return f, [d.array((2, 2, *out))], naive


@case("adaptive_avg_pool2d")
def _(d):
    shape = pictures(d)
    size = d.sampled(1, 2, (3, 1), (4, 7))
    h, w = size if isinstance(size, tuple) else (size, size)

    def naive(x):
        def at(n, c, i, j):
            rows = range(math.floor(i * shape[2] / h), math.ceil((i + 1) * shape[2] / h))
            columns = range(math.floor(j * shape[3] / w), math.ceil((j + 1) * shape[3] / w))
            return math.fsum(x[n, c, r, q] for r in rows for q in columns) / (len(rows) * len(columns))

        return pixels((*shape[:2], h, w), at)

    return lambda x: ops.adaptive_avg_pool2d(x, size), [d.array(shape)], naive


def resized(d, shape, whole):
    """(settings of interpolate, its output size, its scales)."""
    if d.sampled(True, False):
        size = d.sampled((d.integers(1, 9), d.integers(1, 9)), 5)
        h, w = size if isinstance(size, tuple) else (size, size)
        return {"size": size}, (h, w), (h / shape[2], w / shape[3])
    scale = d.sampled(2, 3.0, (1, 2)) if whole else d.sampled(2, 1.5, (2.5, 1.0), (0.5, 0.75))
    s, t = scale if isinstance(scale, tuple) else (scale, scale)
    return {"scale_factor": scale}, (math.floor(shape[2] * s), math.floor(shape[3] * t)), (s, t)


@case("interpolate")
def _(d):
    """Nearest, up by whole factors and to given sizes."""
    shape = pictures(d)
    return nearest(d, shape, *resized(d, shape, True))


@case("interpolate")
def _(d):
    """Nearest by any factor, and down by two."""
    shape = pictures(d, 2)
    return nearest(d, shape, *resized(d, shape, False))


def nearest(d, shape, settings, size, scale):
    def at(x):
        return pixels((*shape[:2], *size), lambda n, c, i, j: x[n, c, min(math.floor(i / scale[0]), shape[2] - 1), min(math.floor(j / scale[1]), shape[3] - 1)])

    return lambda x: ops.interpolate(x, **settings), [d.array(shape)], at


@case("interpolate")
def _(d):
    shape = pictures(d, 2)
    settings, size, scale = resized(d, shape, d.sampled(True, False))
    align = d.sampled(True, False)

    def neighbours(o, n, m, s):
        """[(pixel, weight), ...] of output o of m, from n pixels."""
        p = (o * (n - 1) / (m - 1) if m > 1 else 0.0) if align else max((o + 0.5) / s - 0.5, 0.0)
        low = min(int(p), n - 1)
        return [(low, 1 - (p - low)), (min(low + 1, n - 1), p - low)]

    def naive(x):
        def at(n, c, i, j):
            rows, columns = neighbours(i, shape[2], size[0], scale[0]), neighbours(j, shape[3], size[1], scale[1])
            return math.fsum(a * b * x[n, c, r, q] for r, a in rows for q, b in columns)

        return pixels((*shape[:2], *size), at)

    return lambda x: ops.interpolate(x, mode="bilinear", align_corners=align, **settings), [d.array(shape)], naive


@case("blur")
def _(d):
    kernel = d.sampled((1, 2, 1), (1, 4, 6, 4, 1), (0.5, 1, 2.5), (3,))
    mode = d.sampled("zero", "reflect")
    shape = pictures(d, 1 + len(kernel) // 2)

    def read(i, n):
        return (-i if i < 0 else 2 * (n - 1) - i if i >= n else i) if mode == "reflect" else i if 0 <= i < n else None

    def naive(x):
        def at(n, c, i, j):
            total = 0.0
            for (s, a), (t, b) in itertools.product(enumerate(kernel), enumerate(kernel)):
                r, q = read(i + s - len(kernel) // 2, shape[2]), read(j + t - len(kernel) // 2, shape[3])
                total += 0.0 if r is None or q is None else a * b * x[n, c, r, q]
            return total / sum(kernel) ** 2

        return pixels(shape, at)

    return lambda x: ops.blur(x, kernel, mode), [d.array(shape)], naive


@case("blur")
def _(d):
    """Wide enough that the matrix is cut into bands."""
    shape = (1, d.sampled(1, 8), 2, d.integers(60, 70))
    padded = (0.25, 0.5, 0.25)

    def naive(x):
        def at(n, c, i, j):
            around = [(r, q) for r in (-1, 0, 1) for q in (-1, 0, 1) if 0 <= i + r < shape[2] and 0 <= j + q < shape[3]]
            return math.fsum(padded[r + 1] * padded[q + 1] * x[n, c, i + r, j + q] for r, q in around)

        return pixels(shape, at)

    return ops.blur, [d.array(shape)], naive


@case("pixel_shuffle")
def _(d):
    n, c, h, w = pictures(d, 0, 3)
    r = d.integers(1, 3)
    x = d.array((n, c * r * r, h, w))
    return (lambda x: ops.pixel_shuffle(x, upscale_factor=r)), [x], lambda x: pixels(
        (n, c, h * r, w * r), lambda n, c, i, j: x[n, c * r * r + (i % r) * r + j % r, i // r, j // r]
    )


@case("pixel_unshuffle")
def _(d):
    n, c, h, w = pictures(d, 0, 3)
    r = d.integers(1, 3)
    x = d.array((n, c, h * r, w * r))
    return (lambda x: ops.pixel_unshuffle(x, downscale_factor=r)), [x], lambda x: pixels(
        (n, c * r * r, h, w), lambda n, c, i, j: x[n, c // (r * r), i * r + c % (r * r) // r, j * r + c % r]
    )
