"""Arithmetic and functions applied element by element, each with its derivative beside it.

Two arguments broadcast as in NumPy. A rule may return the cotangent in the broadcast shape: the engine sums it back. Rules are written with
operators and with the functions of this file, so that they run on arrays (first order) and on Tensors (higher orders) alike. A comparison such
as `a > b` is a constant mask, and a cotangent is gated by it with `apply_mask`: 0 where it is shut, whatever the cotangent was, infinite or NaN.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor
from .masking import apply_mask

__all__ = [
    "abs", "add", "clip", "cos", "divide", "exp", "expm1", "log", "log1p", "maximum", "minimum", "multiply", "negative", "power",
    "reverse_gradient", "sin", "sqrt", "square", "stop_gradient", "straight_through", "subtract", "tanh", "where",
]

# ---------------------------------------------------------------------------------------------------------------- arithmetic


@primitive
def add(a, b):
    """a + b. **Math** ga = g, gb = g. **Saved** nothing."""
    return a + b


add.vjp(a=lambda g: g, b=lambda g: g)


@primitive
def subtract(a, b):
    """a - b. **Math** ga = g, gb = -g. **Saved** nothing."""
    return a - b


subtract.vjp(a=lambda g: g, b=lambda g: -g)


@primitive
def multiply(a, b):
    """a b. **Math** ga = g b, gb = g a. **Saved** for each argument's rule the other argument."""
    return a * b


multiply.vjp(a=lambda g, b: g * b, b=lambda g, a: g * a)


@primitive
def divide(a, b):
    """a / b. **Math** ga = g / b, gb = -g a / b^2 = -(g y) / b. **Saved** b, and y for b's rule."""
    return a / b


divide.vjp(a=lambda g, b: g / b, b=lambda g, b, y: -(g * y) / b)


@primitive
def negative(a):
    """-a. **Math** ga = -g. **Saved** nothing."""
    return -a


negative.vjp(a=lambda g: -g)


def power(a, b):
    """a ** b, elementwise.

    **Math** ga = g b a^(b-1), gb = g y log a.

    **Numerics** A number b is a setting, no argument: integer powers are products (np.power takes 100 times as long), and right at a = 0 in every
    derivative, for negative a too. For an array b, the derivative in b is NaN where a < 0, for log a is none, and 0 at a = 0.
    """
    if isinstance(b, (int, float, np.generic)):
        return _power_number(a, exponent=b.item() if isinstance(b, np.generic) else b)
    if isinstance(a, (int, float, np.generic)):
        return _number_power(b, base=a.item() if isinstance(a, np.generic) else a)
    return _power(a, b)


@primitive
def _power(a, b):
    return np.power(a, b)


_power.vjp(
    a=lambda g, a, b: g * b * power(a, where((a == 0) * (b == 0), 1.0, b - 1)),  # at a = b = 0 the factor b decides, not 0^-1
    b=lambda g, a, y: g * y * log(where(a == 0, 1.0, a)),
)


@primitive
def _power_number(a, *, exponent):
    if not 2 <= exponent <= 64 or exponent != int(exponent):
        return a**exponent
    n, y = int(exponent), None  # the product of a^(2^k) over the bits k of n
    while n:
        if n & 1:
            y = a if y is None else y * a
        n >>= 1
        a = a * a if n else a
    return y


def _power_number_rule(g, a, exponent):
    if exponent == 0:
        return g * 0.0
    return g if exponent == 1 else g * (exponent * power(a, exponent - 1))


_power_number.vjp(a=_power_number_rule)


@primitive
def _number_power(b, *, base):
    return base**b


_number_power.vjp(b=lambda g, y, base: g * (y * (math.log(base) if base > 0 else 0.0 if base == 0 else math.nan)))


@primitive
def square(x):
    """x^2. **Math** gx = 2 g x. **Saved** x."""
    return x * x


square.vjp(x=lambda g, x: g * (2 * x))


@primitive
def sqrt(x):
    """The square root. **Math** gx = g / (2 y). **Saved** y. **Numerics** Domain x > 0: the derivative at 0 is infinite."""
    return np.sqrt(x)


sqrt.vjp(x=lambda g, y: g / (2 * y))


@primitive
def abs(x):
    """|x|. **Math** gx = g sign(x). **Saved** x. **Numerics** At the kink x = 0 the derivative is taken as 0, the middle of [-1, 1]."""
    return np.abs(x)


abs.vjp(x=lambda g, x: g * sign(x))


@primitive
def sign(x):
    """-1, 0 or 1. A constant: its derivative is zero wherever there is one."""
    return np.sign(x)


sign.vjp(x=None)

# ---------------------------------------------------------------------------------------------------------------- functions


@primitive
def exp(x):
    """e^x. **Math** gx = g y. **Saved** y."""
    return np.exp(x)


exp.vjp(x=lambda g, y: g * y)


@primitive
def expm1(x):
    """e^x - 1 without cancellation at small x. **Math** gx = g e^x. **Saved** x: y + 1 has lost e^x where that is far below 1."""
    return np.expm1(x)


expm1.vjp(x=lambda g, x: g * exp(x))


@primitive
def log(x):
    """The natural logarithm. **Math** gx = g / x. **Saved** x. **Numerics** Domain x > 0."""
    return np.log(x)


log.vjp(x=lambda g, x: g / x)


@primitive
def log1p(x):
    """log(1 + x) without cancellation at small x. **Math** gx = g / (1 + x). **Saved** x. **Numerics** Domain x > -1."""
    return np.log1p(x)


log1p.vjp(x=lambda g, x: g / (x + 1))


@primitive
def tanh(x):
    """The hyperbolic tangent. **Math** gx = g (1 - y^2). **Saved** y."""
    return np.tanh(x)


tanh.vjp(x=lambda g, y: g * (1 - y * y))


@primitive
def sin(x):
    """The sine. **Math** gx = g cos x. **Saved** x."""
    return np.sin(x)


sin.vjp(x=lambda g, x: g * cos(x))


@primitive
def cos(x):
    """The cosine. **Math** gx = -g sin x. **Saved** x."""
    return np.cos(x)


cos.vjp(x=lambda g, x: -(g * sin(x)))

# ---------------------------------------------------------------------------------------------------------------- choices


@primitive
def where(condition, a, b):
    """a where the condition holds, else b. **Math** ga = g [condition], gb = g [not condition]. **Saved** the condition, which has no gradient."""
    return np.where(condition, a, b)


where.vjp(condition=None, a=lambda g, condition: apply_mask(g, condition != 0), b=lambda g, condition: apply_mask(g, condition == 0))


@primitive
def maximum(a, b):
    """The greater of a and b. **Math** ga = g [a > b], gb = g [b > a]. **Numerics** At a tie each gets g / 2, at a NaN each g."""
    return np.maximum(a, b)


def _unless_less(g, a, b):
    """0 where a < b, g / 2 where a = b, else g: where one is NaN too, so that the NaN in the result is not hidden from the gradient."""
    return (apply_mask(g, ~(a < b)) + apply_mask(g, ~(a <= b))) * 0.5


maximum.vjp(a=lambda g, a, b: _unless_less(g, a, b), b=lambda g, a, b: _unless_less(g, b, a))


@primitive
def minimum(a, b):
    """The lesser of a and b. **Math** ga = g [a < b], gb = g [b < a]. **Numerics** At a tie each gets g / 2, at a NaN each g."""
    return np.minimum(a, b)


minimum.vjp(a=lambda g, a, b: _unless_less(g, b, a), b=lambda g, a, b: _unless_less(g, a, b))


def clip(x, minimum: float | None = None, maximum: float | None = None):
    """x held within the numbers [minimum, maximum]; None is no bound.

    **Math** gx = g [minimum <= x <= maximum]. **Saved** x. **Numerics** At the bounds themselves the gradient passes, and at NaN.
    """
    if minimum is not None and maximum is not None and minimum > maximum:
        raise ValueError(f"clip: no number is at least {minimum} and at most {maximum}; give the minimum first")
    return _clip(x, low=-np.inf if minimum is None else float(minimum), high=np.inf if maximum is None else float(maximum))


@primitive
def _clip(x, *, low, high):
    return np.minimum(np.maximum(x, low), high)


_clip.vjp(x=lambda g, x, low, high: apply_mask(g, ~((x < low) | (x > high))))

# ---------------------------------------------------------------------------------------------------------------- gradients by declaration


def stop_gradient(x):
    """x as a constant: **Math** gx = 0, by declaration (x.detach())."""
    return x.detach() if isinstance(x, Tensor) else x


def straight_through(x, y):
    """The values of y with the gradient of x: **Math** gx = g, by declaration, and nothing flows to y.

    For a y that has no useful derivative in x, such as x rounded or replaced by its nearest code (VQ-VAE): backward pretends that y = x.
    **Shapes** x and y alike. **Saved** nothing.
    """
    if np.shape(x) != np.shape(y):
        raise ValueError(f"straight_through: x {np.shape(x)} and y {np.shape(y)} must have one shape, for y's cotangent is handed to x")
    if y.dtype.kind != "f":
        raise TypeError(f"straight_through: y is {y.dtype}, and a result that is no floating point has no gradient; convert it with astype")
    return _straight_through(x, y)


@primitive
def _straight_through(x, value):
    return value[...]  # a view, so that a write to either is seen by both


_straight_through.vjp(x=lambda g: g, value=None)


@primitive
def reverse_gradient(x, *, scale=1.0):
    """x itself. **Math** gx = -scale g, by declaration: what is above minimises, what is below maximises, in one backward pass. **Saved** nothing."""
    return x[...]


reverse_gradient.vjp(x=lambda g, scale: -scale * g)
