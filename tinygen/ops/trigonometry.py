"""Trigonometric and hyperbolic functions, each with its derivative next to it.

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..backend.kernels import elementwise
from .elementwise import sqrt

__all__ = [
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "cos",
    "cosh",
    "sin",
    "sinh",
    "tan",
    "tanh",
]

# ----------------------------------------------------------------------------------- trigonometric


@primitive
def sin(x):
    """The sine.

    **Math** dx = g cos x.
    **Saved** x.
    """
    return np.sin(x)


sin.vjp(x=lambda g, x: g * cos(x))


@primitive
def cos(x):
    """The cosine.

    **Math** dx = -g sin x.
    **Saved** x.
    """
    return np.cos(x)


cos.vjp(x=lambda g, x: -(g * sin(x)))


@primitive
def tan(x):
    """The tangent.

    **Math** y = sin x / cos x. By the quotient rule, its derivative is
    (cos^2 x + sin^2 x) / cos^2 x = 1 + y^2; dx = g (1 + y^2).
    **Saved** y.
    """
    return np.tan(x)


tan.vjp(x=lambda g, y: g * (1 + y * y))


@primitive
def arcsin(x):
    """The inverse sine, from -pi/2 to pi/2.

    **Math** sin y = x, so cos y dy/dx = 1 with cos y = sqrt(1 - x^2); dx = g / sqrt(1 - x^2).
    **Saved** x.
    **Numerics** Domain |x| < 1: the derivative at 1 and -1 is infinite.
    """
    return np.arcsin(x)


arcsin.vjp(x=lambda g, x: g / sqrt(1 - x * x))


@primitive
def arccos(x):
    """The inverse cosine, from 0 to pi.

    **Math** cos y = x, so -sin y dy/dx = 1 with sin y = sqrt(1 - x^2); dx = -g / sqrt(1 - x^2).
    **Saved** x.
    **Numerics** Domain |x| < 1: the derivative at 1 and -1 is infinite.
    """
    return np.arccos(x)


arccos.vjp(x=lambda g, x: -g / sqrt(1 - x * x))


@primitive
def arctan(x):
    """The inverse tangent, from -pi/2 to pi/2.

    **Math** tan y = x, so (1 + tan^2 y) dy/dx = 1 (see `tan`); dx = g / (1 + x^2).
    **Saved** x.
    """
    return np.arctan(x)


arctan.vjp(x=lambda g, x: g / (1 + x * x))


@primitive
def arctan2(a, b):
    """The angle of the point with height a and abscissa b, from -pi to pi.

    **Math** Where b > 0, y = arctan(a / b), elsewhere it differs by a constant. By the chain rule
    dy/da = (1 / b) / (1 + (a / b)^2) = b / (a^2 + b^2) and
    dy/db = -(a / b^2) / (1 + (a / b)^2) = -a / (a^2 + b^2);
    da = g b / (a^2 + b^2), db = -g a / (a^2 + b^2).
    **Saved** a and b.
    **Numerics** At the origin there is no angle, and the gradient is NaN.
    """
    return np.arctan2(a, b)


arctan2.vjp(
    a=lambda g, a, b: g * (b / (a * a + b * b)),
    b=lambda g, a, b: -g * (a / (a * a + b * b)),
)

# -------------------------------------------------------------------------------------- hyperbolic


@primitive
def sinh(x):
    """The hyperbolic sine (e^x - e^-x) / 2.

    **Math** dx = g (e^x + e^-x) / 2 = g cosh x.
    **Saved** x.
    """
    return np.sinh(x)


sinh.vjp(x=lambda g, x: g * cosh(x))


@primitive
def cosh(x):
    """The hyperbolic cosine (e^x + e^-x) / 2.

    **Math** dx = g (e^x - e^-x) / 2 = g sinh x.
    **Saved** x.
    """
    return np.cosh(x)


cosh.vjp(x=lambda g, x: g * sinh(x))


@primitive
def tanh(x):
    """The hyperbolic tangent.

    **Math** dx = g (1 - tanh(x)^2) = g (1 - y^2).
    **Saved** y and not x: the derivative needs tanh(x), which y is already.
    """
    return np.tanh(x)


@elementwise("T g, T y", "T dx", "dx = g * (1 - y * y)")
def _tanh_rule(g, y):
    return g * (1 - y * y)


tanh.vjp(x=_tanh_rule)
