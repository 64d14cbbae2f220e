"""Cases of arithmetic, element-wise functions, powers and activation functions."""

from __future__ import annotations

import functools
import math

import numpy as np

from tests.cases import case
from tinygen import ops


def broadcasting_arrays(draw, low=-2.0, high=2.0):
    """Draw two arrays that broadcast with each other; either may be the smaller one."""
    shape = draw.shape()
    args = [draw.array(shape, low, high), draw.array(draw.broadcastable_shape(shape), low, high)]
    return args if draw.choice(True, False) else args[::-1]


def elementwise(f):
    """Make a function of arrays from a function of Python floats."""
    return lambda *xs: np.vectorize(f, otypes=[np.float64])(*xs)


def smooth(draw, op, naive, low, high):
    """Draw the case of an op that is smooth on [low, high]; `naive` takes a float."""
    return op, [draw.array(draw.shape(), low, high)], elementwise(naive)


def kinked(draw, op, naive, kinks, low=-2.0, high=2.0):
    """Draw the case of an op with kinks, away from them; `naive` takes a float."""
    return op, [draw.array_away_from(kinks, draw.shape(), low, high)], elementwise(naive)


@case("add")
def draw_add(draw):
    return ops.add, broadcasting_arrays(draw), elementwise(lambda a, b: a + b)


@case("add", "subtract", "multiply", "divide", "negative", "power")
def draw_arithmetic_operators(draw):
    """Draw an expression of operators with numbers and arrays on either side."""
    x = draw.array(draw.shape(), 0.6, 2)
    a = draw.rng.uniform(1, 2, x.shape)
    n, c = draw.choice(2, -1.5, np.sqrt(2.0)), draw.constant(a)
    f, naive = draw.choice(
        (lambda x: n + x * n - n * x / 2.0, lambda x: 0.5 * n * x + n),
        (lambda x: (n - x) / (n / x) - -x, lambda x: 2 * x - x * x / n),
        (lambda x: x / n + (x + n) - (x - n), lambda x: x / n + 2 * n),
        (lambda x: c * x + x * c + (c - x) + (x - c), lambda x: 2 * x * a),
        (
            lambda x: (c / x) * (x / c) + x**n + 2.0**x,
            lambda x: 1 + np.exp(n * np.log(x)) + np.exp(x * np.log(2)),
        ),
        (
            lambda x: (x + c) + (c + x) + x**c + c**x,
            lambda x: 2 * x + 2 * a + np.exp(a * np.log(x)) + np.exp(x * np.log(a)),
        ),
    )
    return f, [x], naive


@case("subtract")
def draw_subtract(draw):
    return ops.subtract, broadcasting_arrays(draw), elementwise(lambda a, b: a - b)


@case("multiply")
def draw_multiply(draw):
    return ops.multiply, broadcasting_arrays(draw), elementwise(lambda a, b: a * b)


@case("divide")
def draw_divide(draw):
    shape = draw.shape()
    a = draw.array(draw.broadcastable_shape(shape), -2, 2)
    b = draw.array_away_from([0.0], shape, margin=0.5)
    return ops.divide, [a, b], elementwise(lambda a, b: a / b)


@case("negative")
def draw_negative(draw):
    return smooth(draw, ops.negative, lambda x: -x, -1, 1)


@case("power")
def draw_power_of_arrays(draw):
    """Draw a positive base and an exponent of either sign."""
    a, b = broadcasting_arrays(draw, 0.5, 2)
    return ops.power, [a, 4 * b - 5], elementwise(lambda a, b: math.exp(b * math.log(a)))


@case("power")
def draw_power_with_integer_exponent(draw):
    """Draw a base of either sign, and zero too unless the exponent is negative."""
    n = draw.choice(0, 1, 2, 3, 4, 5, 7, -1, -2)
    exponent = draw.choice(int, float, np.float64)(n)
    if n < 0:
        x = draw.array_away_from([0.0], draw.shape(), margin=0.5)
    else:
        x = draw.array(draw.shape(), -2, 2)
        if x.size:
            x[(0,) * x.ndim] = 0.0

    def naive(x):
        y = np.ones(x.shape)
        for _ in range(abs(n)):
            y = y * x if n > 0 else y / x
        return y

    return (lambda x: ops.power(x, exponent)), [x], naive


@case("power")
def draw_power_with_fractional_exponent(draw):
    n = draw.choice(0.5, 1.5, -0.5, 2.5)
    return smooth(draw, lambda x: ops.power(x, n), lambda x: math.exp(n * math.log(x)), 0.5, 2)


@case("power")
def draw_power_of_a_number(draw):
    """Draw a number to the power of an array."""
    base = draw.choice(2, 0.5, np.float64(3.0))
    return smooth(draw, lambda x: ops.power(base, x), lambda x: math.exp(x * math.log(base)), -2, 2)


@case("square")
def draw_square(draw):
    return smooth(draw, ops.square, lambda x: x * x, -2, 2)


@case("sqrt")
def draw_sqrt(draw):
    return smooth(draw, ops.sqrt, math.sqrt, 0.2, 3)


@case("abs")
def draw_abs(draw):
    return kinked(draw, ops.abs, math.fabs, [0.0])


@case("exp")
def draw_exp(draw):
    return smooth(draw, ops.exp, math.exp, -2, 2)


@case("expm1")
def draw_expm1(draw):
    return smooth(draw, ops.expm1, math.expm1, -2, 2)


@case("log")
def draw_log(draw):
    return smooth(draw, ops.log, math.log, 0.2, 3)


@case("log1p")
def draw_log1p(draw):
    return smooth(draw, ops.log1p, math.log1p, -0.6, 3)


@case("tanh")
def draw_tanh(draw):
    return smooth(draw, ops.tanh, math.tanh, -3, 3)


@case("sin")
def draw_sin(draw):
    return smooth(draw, ops.sin, math.sin, -4, 4)


@case("cos")
def draw_cos(draw):
    return smooth(draw, ops.cos, math.cos, -4, 4)


@case("tan")
def draw_tan(draw):
    return smooth(draw, ops.tan, math.tan, -1.2, 1.2)


@case("arcsin")
def draw_arcsin(draw):
    return smooth(draw, ops.arcsin, math.asin, -0.8, 0.8)


@case("arccos")
def draw_arccos(draw):
    return smooth(draw, ops.arccos, math.acos, -0.8, 0.8)


@case("arctan")
def draw_arctan(draw):
    return smooth(draw, ops.arctan, math.atan, -3, 3)


@case("sinh")
def draw_sinh(draw):
    return smooth(draw, ops.sinh, math.sinh, -2, 2)


@case("cosh")
def draw_cosh(draw):
    return smooth(draw, ops.cosh, math.cosh, -2, 2)


@case("exp2")
def draw_exp2(draw):
    return smooth(draw, ops.exp2, lambda x: 2**x, -2, 2)


@case("log2")
def draw_log2(draw):
    return smooth(draw, ops.log2, math.log2, 0.2, 3)


@case("log10")
def draw_log10(draw):
    return smooth(draw, ops.log10, math.log10, 0.2, 3)


@case("arctan2")
def draw_arctan2(draw):
    """Draw points away from the origin, and from the jump at a = 0, b < 0."""
    shape = draw.shape()
    a = draw.array_away_from([0.0], shape, margin=0.3)
    b = draw.array(draw.broadcastable_shape(shape), -2, 2)
    return ops.arctan2, [a, b], elementwise(math.atan2)


@case("reciprocal")
def draw_reciprocal(draw):
    x = draw.array_away_from([0.0], draw.shape(), margin=0.5)
    return ops.reciprocal, [x], lambda x: x**-1.0


@case("mod")
def draw_mod(draw):
    """Draw a = b (n + r) with a remainder r away from 0 and 1, where the quotient jumps."""
    shape = draw.shape()
    b = draw.array_away_from([0.0], shape, margin=0.5)
    n = draw.rng.integers(-3, 3, shape)
    a = draw.in_random_layout(np.asarray(b * (n + draw.rng.uniform(0.2, 0.8, shape))))
    return ops.mod, [a, b], elementwise(lambda a, b: a - b * math.floor(a / b))


@case("erf")
def draw_erf(draw):
    return smooth(draw, ops.erf, math.erf, -4, 4)


@case("where")
def draw_where(draw):
    shape = draw.shape()
    condition = draw.rng.random(draw.broadcastable_shape(shape)) < 0.5
    if draw.choice(True, False):
        a, b = broadcasting_arrays(draw)
    else:
        a, b = draw.array(shape), draw.array(shape)
    if np.broadcast_shapes(a.shape, b.shape) != shape:
        condition = draw.rng.random(np.broadcast_shapes(a.shape, b.shape)) < 0.5
    mask = draw.constant(condition)
    return (
        (lambda a, b: ops.where(mask, a, b)),
        [a, b],
        lambda a, b: elementwise(lambda c, a, b: a if c else b)(condition, a, b),
    )


@case("where")
def draw_where_with_a_number(draw):
    """Draw a choice with a number in either branch."""
    x = draw.array(draw.shape())
    condition = draw.rng.random(x.shape) < 0.5
    mask = draw.constant(condition)
    naive = elementwise(lambda c, x: x + 2 if c else 3 * x)
    return (
        (lambda x: ops.where(mask, x, 0.0) + ops.where(mask, 2.0, 3 * x)),
        [x],
        lambda x: naive(condition, x),
    )


def arrays_without_ties(draw):
    """Draw two arrays that broadcast and differ by 0.1 at least."""
    shape = draw.shape()
    small = draw.broadcastable_shape(shape)
    a = draw.array(small)
    b = a + draw.array_away_from([0.0], shape, margin=0.1)
    return [a, b] if draw.choice(True, False) else [b, a]


@case("maximum")
def draw_maximum(draw):
    return ops.maximum, arrays_without_ties(draw), elementwise(max)


@case("minimum")
def draw_minimum(draw):
    return ops.minimum, arrays_without_ties(draw), elementwise(min)


@case("maximum", "minimum")
def draw_maximum_and_minimum_with_a_number(draw):
    """Draw a comparison with a number."""
    x = draw.array_away_from([0.5, -0.5], draw.shape())
    f = elementwise(lambda x: max(x, -0.5) * min(x, 0.5))
    return (lambda x: ops.maximum(x, -0.5) * ops.minimum(0.5, x)), [x], f


@case("clip")
def draw_clip(draw):
    low, high = draw.choice(-1.0, None), draw.choice(0.5, None)

    def naive(x):
        if high is not None and x > high:
            return high
        return low if low is not None and x < low else x

    return kinked(draw, lambda x: ops.clip(x, low, high), naive, [-1.0, 0.5])


@case("clip")
def draw_clip_to_arrays(draw):
    """Draw limits of which some are in the wrong order: there the upper one counts."""
    shape = draw.shape()
    low = draw.array(draw.broadcastable_shape(shape), -1.5, 0.2)
    high = low + draw.array_away_from([0.0], shape, -0.3, 1.5, margin=0.1)
    x = np.asarray(low + draw.choice(-0.05, 0.05) + (high - low) * draw.rng.integers(-1, 2, shape))
    kind = draw.choice("both", "low", "high")
    if kind == "low":
        return (lambda x, low: ops.clip(x, low)), [x, low], elementwise(max)
    if kind == "high":
        return (lambda x, high: ops.clip(x, None, high)), [x, high], elementwise(min)
    return ops.clip, [x, low, high], elementwise(lambda x, low, high: min(max(x, low), high))


@case("sigmoid")
def draw_sigmoid(draw):
    return smooth(draw, ops.sigmoid, lambda x: 1 / (1 + math.exp(-x)), -6, 6)


@case("softplus")
def draw_softplus(draw):
    return kinked(draw, ops.softplus, lambda x: math.log(1 + math.exp(x)), [0.0], -6, 6)


@case("softplus")
def draw_softplus_with_beta_and_threshold(draw):
    beta, threshold = draw.choice(1.0, 0.5, 2.0), draw.choice(20.0, 1.0, -3.0)
    f = functools.partial(ops.softplus, beta=beta, threshold=threshold)

    def naive(x):
        return x if beta * x > threshold else math.log(1 + math.exp(beta * x)) / beta

    return kinked(draw, f, naive, [0.0, threshold / beta], -6, 6)


@case("log_sigmoid")
def draw_log_sigmoid(draw):
    return kinked(draw, ops.log_sigmoid, lambda x: math.log(1 / (1 + math.exp(-x))), [0.0], -6, 6)


@case("relu")
def draw_relu(draw):
    return kinked(draw, ops.relu, lambda x: x if x > 0 else 0.0, [0.0])


@case("leaky_relu")
def draw_leaky_relu(draw):
    negative_slope = draw.choice(0.01, 0.2, 0.0, 1.0)
    f = ops.leaky_relu
    if negative_slope != 0.01:  # the default
        f = functools.partial(ops.leaky_relu, negative_slope=negative_slope)
    return kinked(draw, f, lambda x: x if x > 0 else negative_slope * x, [0.0])


@case("elu")
def draw_elu(draw):
    alpha = draw.choice(1.0, 0.5, 2.0)
    f = ops.elu if alpha == 1 else functools.partial(ops.elu, alpha=alpha)
    return kinked(draw, f, lambda x: x if x > 0 else alpha * (math.exp(x) - 1), [0.0])


@case("silu")
def draw_silu(draw):
    return smooth(draw, ops.silu, lambda x: x / (1 + math.exp(-x)), -6, 6)


@case("gelu")
def draw_gelu(draw):
    return smooth(draw, ops.gelu, lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2, -4, 4)


@case("gelu")
def draw_gelu_tanh(draw):
    def naive(x):
        return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    return smooth(draw, functools.partial(ops.gelu, approximate="tanh"), naive, -4, 4)


# Declared gradients, in the cases where they are the derivative; see test_custom_gradient.py.


@case("straight_through")
def draw_straight_through(draw):
    return smooth(draw, lambda x: ops.straight_through(x, x) * x, lambda x: x * x, -1, 1)


@case("reverse_gradient")
def draw_reverse_gradient(draw):
    return smooth(draw, lambda x: ops.reverse_gradient(x, scale=-1.0) * x, lambda x: x * x, -1, 1)
