"""Rounding, and division with a remainder.

Rounding is constant between its jumps, so its derivative is 0 wherever it exists. Its results are
therefore constants: no gradient flows through them. `straight_through(x, round(x))` passes one.

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from .arguments import as_integer

__all__ = ["ceil", "floor", "floor_divide", "mod", "round"]


@primitive
def floor(x):
    """The greatest integer that is at most x: a constant."""
    return np.floor(x)


@primitive
def ceil(x):
    """The least integer that is at least x: a constant."""
    return np.ceil(x)


@primitive
def round(x, *, decimals=0):
    """The nearest number of so many decimals, halves to the even one: a constant."""
    return np.round(x, as_integer("round", "decimals", decimals))


@primitive
def floor_divide(a, b):
    """The quotient a / b rounded down, a // b: a constant."""
    return np.floor_divide(a, b)


floor.vjp(x=None)
ceil.vjp(x=None)
round.vjp(x=None)
floor_divide.vjp(a=None, b=None)


@primitive
def mod(a, b):
    """The remainder a % b, with the sign of b, as np.mod and as PyTorch's remainder.

    **Math** y = a - b floor(a / b), and the floor is constant between its jumps;
    da = g, db = -g floor(a / b).
    **Saved** a and b for db.
    """
    return np.mod(a, b)


mod.vjp(a=lambda g: g, b=lambda g, a, b: -g * floor_divide(a, b))
