"""Arithmetic and functions applied element by element, each with its derivative next to it.

Two arguments broadcast as in NumPy. A rule may return the cotangent in the broadcast shape: the
engine sums it to the shape of the argument. Rules are written with operators and with primitives,
so they run on arrays (first order) and on Tensors (higher orders).

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive

__all__ = [
    "abs",
    "add",
    "divide",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "multiply",
    "negative",
    "reciprocal",
    "sign",
    "sqrt",
    "square",
    "subtract",
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
