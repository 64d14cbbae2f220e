"""Arithmetic and functions applied element by element, each with its derivative next to it.

Two arguments broadcast as in NumPy. A rule may return the cotangent in the broadcast shape: the
engine sums it to the shape of the argument. Rules are written with operators and with primitives,
so they run on arrays (first order) and on Tensors (higher orders).

A comparison such as `a > b` is a constant mask. Rules apply it to the cotangent with `apply_mask`,
which gives 0 where the mask is False, even if the cotangent is infinite or NaN there.

In the docstrings g is the cotangent of the output y, and [a > b] is 1 where a > b and 0 elsewhere.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from .masking import apply_mask

__all__ = [
    "abs",
    "add",
    "clip",
    "divide",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "reciprocal",
    "sign",
    "sqrt",
    "square",
    "subtract",
    "where",
]

# --------------------------------------------------------------------------------------- arithmetic


@primitive
def add(a, b):
    """The sum a + b.

    **Math** da = g, db = g.
    **Saved** nothing.
    """
    return a + b


add.vjp(a=lambda g: g, b=lambda g: g)


@primitive
def subtract(a, b):
    """The difference a - b.

    **Math** da = g, db = -g.
    **Saved** nothing.
    """
    return a - b


subtract.vjp(a=lambda g: g, b=lambda g: -g)


@primitive
def multiply(a, b):
    """The product a b.

    **Math** da = g b, db = g a.
    **Saved** b for da, a for db.
    """
    return a * b


multiply.vjp(a=lambda g, b: g * b, b=lambda g, a: g * a)


@primitive
def divide(a, b):
    """The quotient a / b.

    **Math** da = g / b, db = -g a / b^2 = -(g y) / b.
    **Saved** b, and y for db.
    """
    return a / b


divide.vjp(a=lambda g, b: g / b, b=lambda g, b, y: -(g * y) / b)


@primitive
def negative(a):
    """The negative -a.

    **Math** da = -g.
    **Saved** nothing.
    """
    return -a


negative.vjp(a=lambda g: -g)


@primitive
def reciprocal(x):
    """The reciprocal 1 / x.

    **Math** dx = -g / x^2 = -g y^2.
    **Saved** y.
    """
    return 1 / x


reciprocal.vjp(x=lambda g, y: -(g * (y * y)))


@primitive
def square(x):
    """The square x^2.

    **Math** dx = 2 g x.
    **Saved** x.
    """
    return x * x


square.vjp(x=lambda g, x: g * (2 * x))


@primitive
def sqrt(x):
    """The square root.

    **Math** dx = g / (2 y).
    **Saved** y.
    **Numerics** Domain x > 0: the derivative at 0 is infinite.
    """
    return np.sqrt(x)


sqrt.vjp(x=lambda g, y: g / (2 * y))


@primitive
def abs(x):
    """The absolute value |x|.

    **Math** dx = g sign(x).
    **Saved** x.
    **Numerics** At the kink x = 0 the derivative is taken as 0, the middle of [-1, 1].
    """
    return np.abs(x)


abs.vjp(x=lambda g, x: g * sign(x))


@primitive
def sign(x):
    """The sign -1, 0 or 1: a constant, because its derivative is zero wherever it has one."""
    return np.sign(x)


sign.vjp(x=None)

# ---------------------------------------------------------------------------------------- functions


@primitive
def exp(x):
    """The exponential e^x.

    **Math** dx = g y.
    **Saved** y.
    """
    return np.exp(x)


exp.vjp(x=lambda g, y: g * y)


@primitive
def expm1(x):
    """The exponential minus one, e^x - 1, without cancellation at small x.

    **Math** dx = g e^x.
    **Saved** x. (y + 1 would have lost the digits of e^x where that is far below 1.)
    """
    return np.expm1(x)


expm1.vjp(x=lambda g, x: g * exp(x))


@primitive
def log(x):
    """The natural logarithm.

    **Math** dx = g / x.
    **Saved** x.
    **Numerics** Domain x > 0.
    """
    return np.log(x)


log.vjp(x=lambda g, x: g / x)


@primitive
def log1p(x):
    """The logarithm log(1 + x), without cancellation at small x.

    **Math** dx = g / (1 + x).
    **Saved** x.
    **Numerics** Domain x > -1.
    """
    return np.log1p(x)


log1p.vjp(x=lambda g, x: g / (x + 1))


@primitive
def exp2(x):
    """The power 2^x.

    **Math** 2^x = e^(x log 2), so dx = g y log 2.
    **Saved** y.
    """
    return np.exp2(x)


exp2.vjp(x=lambda g, y: g * (y * math.log(2)))


@primitive
def log2(x):
    """The logarithm to base 2.

    **Math** y = log(x) / log(2); dx = g / (x log 2).
    **Saved** x.
    **Numerics** Domain x > 0.
    """
    return np.log2(x)


log2.vjp(x=lambda g, x: g / (x * math.log(2)))


@primitive
def log10(x):
    """The logarithm to base 10.

    **Math** y = log(x) / log(10); dx = g / (x log 10).
    **Saved** x.
    **Numerics** Domain x > 0.
    """
    return np.log10(x)


log10.vjp(x=lambda g, x: g / (x * math.log(10)))

# ---------------------------------------------------------------------------------------- selection


@primitive
def where(condition, a, b):
    """Select a where the condition holds, else b.

    **Math** da = g [condition], db = g [not condition]. The condition has no gradient.
    **Saved** the condition.
    """
    return np.where(condition, a, b)


where.vjp(
    condition=None,
    a=lambda g, condition: apply_mask(g, condition != 0),
    b=lambda g, condition: apply_mask(g, condition == 0),
)


@primitive
def maximum(a, b):
    """The greater of a and b.

    **Math** da = g [a > b], db = g [b > a].
    **Saved** a and b.
    **Numerics** At a tie each receives g / 2. Where one is NaN, so is y, and each receives g.
    """
    return np.maximum(a, b)


def _greater_gradient(g, a, b):
    """Return g where a > b, g / 2 where a = b, 0 where a < b; g where one is NaN.

    A gradient of 0 where a or b is NaN would hide the NaN.
    """
    return (apply_mask(g, ~(a < b)) + apply_mask(g, ~(a <= b))) * 0.5


maximum.vjp(
    a=lambda g, a, b: _greater_gradient(g, a, b), b=lambda g, a, b: _greater_gradient(g, b, a)
)


@primitive
def minimum(a, b):
    """The lesser of a and b.

    **Math** da = g [a < b], db = g [b < a].
    **Saved** a and b.
    **Numerics** At a tie each receives g / 2. Where one is NaN, so is y, and each receives g.
    """
    return np.minimum(a, b)


minimum.vjp(
    a=lambda g, a, b: _greater_gradient(g, b, a), b=lambda g, a, b: _greater_gradient(g, a, b)
)


@primitive
def clip(x, min=None, max=None):
    """Limit x to the interval [min, max]: numbers or arrays; None is no limit.

    **Math** y = min where x < min, max where x > max, else x.
    dx = g [min <= x <= max], dmin = g [x < min and min < max], dmax = g [x > max or min > max].
    **Saved** x, min and max.
    **Numerics** The gradient of x passes at the limits themselves, and at NaN. Where min > max,
    y = max, as in NumPy and PyTorch; for two numbers this is an error.
    """
    if isinstance(min, (int, float)) and isinstance(max, (int, float)) and min > max:
        raise ValueError(
            f"clip: no number is at least {min} and at most {max}; give the minimum first"
        )
    y = x if min is None else np.maximum(x, min)
    if max is not None:
        y = np.minimum(y, max)
    return y[...] if y is x else y


def _is_outside(x, min, max):
    """Return where x < min or x > max."""
    if max is None:
        return x < min
    return x > max if min is None else (x < min) | (x > max)


def _clip_dx(g, x, min, max):
    return g if min is max is None else apply_mask(g, ~_is_outside(x, min, max))


def _clip_dmin(g, x, min, max):
    return apply_mask(g, x < min if max is None else (x < min) & (min < max))


def _clip_dmax(g, x, min, max):
    return apply_mask(g, x > max if min is None else (x > max) | (min > max))


clip.vjp(x=_clip_dx, min=_clip_dmin, max=_clip_dmax)
