"""Cases of tinygen.ops.elementwise and tinygen.ops.activation."""

from __future__ import annotations

import math

import numpy as np

from tests.cases import case
from tinygen import ops


def pair(d, low=-2.0, high=2.0):
    """Two arrays that broadcast with each other, either one the smaller."""
    shape = d.shape()
    args = [d.array(shape, low, high), d.array(d.broadcastable(shape), low, high)]
    return args if d.sampled(True, False) else args[::-1]


def slowly(f):
    """An elementwise function of Python floats as a function of arrays."""
    return lambda *xs: np.vectorize(f, otypes=[np.float64])(*xs)


@case("add")
def _(d):
    return ops.add, pair(d), slowly(lambda a, b: a + b)


@case("add", "subtract", "multiply", "divide", "negative", "power")
def _(d):
    """The operators, with numbers and arrays on either side."""
    x = d.array(d.shape(), 0.6, 2)
    a = d.rng.uniform(1, 2, x.shape)
    n, c = d.sampled(2, -1.5, np.sqrt(2.0)), d.constant(a)
    f, naive = d.sampled(
        (lambda x: n + x * n - n * x / 2.0, lambda x: 0.5 * n * x + n),
        (lambda x: (n - x) / (n / x) - -x, lambda x: 2 * x - x * x / n),
        (lambda x: x / n + (x + n) - (x - n), lambda x: x / n + 2 * n),
        (lambda x: c * x + x * c + (c - x) + (x - c), lambda x: 2 * x * a),
        (lambda x: (c / x) * (x / c) + x**n + 2.0**x, lambda x: 1 + np.exp(n * np.log(x)) + np.exp(x * np.log(2))),
        (lambda x: (x + c) + (c + x) + x**c + c**x, lambda x: 2 * x + 2 * a + np.exp(a * np.log(x)) + np.exp(x * np.log(a))),
    )
    return f, [x], naive


@case("subtract")
def _(d):
    return ops.subtract, pair(d), slowly(lambda a, b: a - b)


@case("multiply")
def _(d):
    return ops.multiply, pair(d), slowly(lambda a, b: a * b)


@case("divide")
def _(d):
    shape = d.shape()
    a, b = d.array(d.broadcastable(shape), -2, 2), d.away_from([0.0], shape, margin=0.5)
    return ops.divide, [a, b], slowly(lambda a, b: a / b)


@case("negative")
def _(d):
    return ops.negative, [d.array(d.shape())], slowly(lambda x: -x)


@case("power")
def _(d):
    """Both arguments arrays: the base positive."""
    a, b = pair(d, 0.5, 2)
    return ops.power, [a, 4 * b - 5], slowly(lambda a, b: math.exp(b * math.log(a)))


@case("power")
def _(d):
    """Whole exponents: any base, zero included when none is negative."""
    n = d.sampled(0, 1, 2, 3, 4, 5, 7, -1, -2)
    exponent = d.sampled(int, float, np.float64)(n)
    x = d.away_from([0.0], d.shape(), margin=0.5) if n < 0 else d.array(d.shape(), -2, 2)
    if x.size and n >= 0:
        x[(0,) * x.ndim] = 0.0

    def naive(x):
        y = np.ones(x.shape)
        for _ in range(abs(n)):
            y = y * x if n > 0 else y / x
        return y

    return (lambda x: ops.power(x, exponent)), [x], naive


@case("power")
def _(d):
    n = d.sampled(0.5, 1.5, -0.5, 2.5)
    return (lambda x: ops.power(x, n)), [d.array(d.shape(), 0.5, 2)], slowly(lambda x: math.exp(n * math.log(x)))


@case("power")
def _(d):
    """A number to the power of an array."""
    base = d.sampled(2, 0.5, np.float64(3.0))
    return (lambda x: ops.power(base, x)), [d.array(d.shape(), -2, 2)], slowly(lambda x: math.exp(x * math.log(base)))


@case("square")
def _(d):
    return ops.square, [d.array(d.shape(), -2, 2)], slowly(lambda x: x * x)


@case("sqrt")
def _(d):
    return ops.sqrt, [d.array(d.shape(), 0.2, 3)], slowly(math.sqrt)


@case("abs")
def _(d):
    return ops.abs, [d.away_from([0.0], d.shape())], slowly(math.fabs)


@case("exp")
def _(d):
    return ops.exp, [d.array(d.shape(), -2, 2)], slowly(math.exp)


@case("expm1")
def _(d):
    return ops.expm1, [d.array(d.shape(), -2, 2)], slowly(math.expm1)


@case("log")
def _(d):
    return ops.log, [d.array(d.shape(), 0.2, 3)], slowly(math.log)


@case("log1p")
def _(d):
    return ops.log1p, [d.array(d.shape(), -0.6, 3)], slowly(math.log1p)


@case("tanh")
def _(d):
    return ops.tanh, [d.array(d.shape(), -3, 3)], slowly(math.tanh)


@case("sin")
def _(d):
    return ops.sin, [d.array(d.shape(), -4, 4)], slowly(math.sin)


@case("cos")
def _(d):
    return ops.cos, [d.array(d.shape(), -4, 4)], slowly(math.cos)


@case("erf")
def _(d):
    return ops.erf, [d.array(d.shape(), -4, 4)], slowly(math.erf)


@case("where")
def _(d):
    shape = d.shape()
    condition = d.rng.random(d.broadcastable(shape)) < 0.5
    a, b = pair(d) if d.sampled(True, False) else (d.array(shape), d.array(shape))
    if np.broadcast_shapes(a.shape, b.shape) != shape:
        condition = d.rng.random(np.broadcast_shapes(a.shape, b.shape)) < 0.5
    given = d.constant(condition)
    return (lambda a, b: ops.where(given, a, b)), [a, b], lambda a, b: slowly(lambda c, a, b: a if c else b)(condition, a, b)


@case("where")
def _(d):
    """With a number for either branch."""
    x = d.array(d.shape())
    condition = d.rng.random(x.shape) < 0.5
    given = d.constant(condition)
    naive = slowly(lambda c, x: x + 2 if c else 3 * x)
    return (lambda x: ops.where(given, x, 0.0) + ops.where(given, 2.0, 3 * x)), [x], lambda x: naive(condition, x)


def apart(d):
    """Two arrays that broadcast and never come near a tie."""
    shape = d.shape()
    small = d.broadcastable(shape)
    a = d.array(small)
    b = a + d.away_from([0.0], shape, margin=0.1)
    return [a, b] if d.sampled(True, False) else [b, a]


@case("maximum")
def _(d):
    return ops.maximum, apart(d), slowly(max)


@case("minimum")
def _(d):
    return ops.minimum, apart(d), slowly(min)


@case("maximum", "minimum")
def _(d):
    """Against a number."""
    x = d.away_from([0.5, -0.5], d.shape())
    return (lambda x: ops.maximum(x, -0.5) * ops.minimum(0.5, x)), [x], slowly(lambda x: max(x, -0.5) * min(x, 0.5))


@case("clip")
def _(d):
    low, high = d.sampled(-1.0, None), d.sampled(0.5, None)
    x = d.away_from([-1.0, 0.5], d.shape())

    def naive(x):
        return high if high is not None and x > high else low if low is not None and x < low else x

    return (lambda x: ops.clip(x, low, high)), [x], slowly(naive)


@case("sigmoid")
def _(d):
    return ops.sigmoid, [d.array(d.shape(), -6, 6)], slowly(lambda x: 1 / (1 + math.exp(-x)))


@case("softplus")
def _(d):
    return ops.softplus, [d.away_from([0.0], d.shape(), -6, 6)], slowly(lambda x: math.log(1 + math.exp(x)))


@case("log_sigmoid")
def _(d):
    return ops.log_sigmoid, [d.away_from([0.0], d.shape(), -6, 6)], slowly(lambda x: math.log(1 / (1 + math.exp(-x))))


@case("relu")
def _(d):
    return ops.relu, [d.away_from([0.0], d.shape())], slowly(lambda x: x if x > 0 else 0.0)


@case("leaky_relu")
def _(d):
    slope = d.sampled(0.01, 0.2, 0.0, 1.0)
    f = ops.leaky_relu if slope == 0.01 else lambda x: ops.leaky_relu(x, negative_slope=slope)
    return f, [d.away_from([0.0], d.shape())], slowly(lambda x: x if x > 0 else slope * x)


@case("elu")
def _(d):
    alpha = d.sampled(1.0, 0.5, 2.0)
    f = ops.elu if alpha == 1 else lambda x: ops.elu(x, alpha=alpha)
    return f, [d.away_from([0.0], d.shape())], slowly(lambda x: x if x > 0 else alpha * (math.exp(x) - 1))


@case("silu")
def _(d):
    return ops.silu, [d.array(d.shape(), -6, 6)], slowly(lambda x: x / (1 + math.exp(-x)))


@case("gelu")
def _(d):
    return ops.gelu, [d.array(d.shape(), -4, 4)], slowly(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)


@case("gelu")
def _(d):
    def naive(x):
        return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    return (lambda x: ops.gelu(x, approximate="tanh")), [d.array(d.shape(), -4, 4)], slowly(naive)


# The declared exceptions, where what they declare happens to be the derivative (else: tests/test_elementwise.py).


@case("straight_through")
def _(d):
    return (lambda x: ops.straight_through(x, x) * x), [d.array(d.shape())], slowly(lambda x: x * x)


@case("reverse_gradient")
def _(d):
    return (lambda x: ops.reverse_gradient(x, scale=-1.0) * x), [d.array(d.shape())], slowly(lambda x: x * x)
