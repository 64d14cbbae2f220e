"""Elementary functions of a Python float or of an array.

The rest of the package accepts both: one time for all examples, or an array of times.
"""

from __future__ import annotations

import math

import numpy as np

from ...backend import array_module

__all__ = ["elementary_functions", "is_float"]


class _FloatFunctions:
    """Functions that return a Python float, which takes the dtype of the arrays it meets.

    NumPy's functions would return a float64, and float32 arrays that meet it become float64.
    """

    cos = math.cos
    sin = math.sin
    exp = math.exp
    expm1 = math.expm1
    atan = math.atan
    atan2 = math.atan2

    @staticmethod
    def sqrt(x: float) -> float:
        """Square root, in which a negative rounding error counts as 0."""
        return math.sqrt(max(x, 0.0))


class _ArrayFunctions:
    """The same functions of NumPy and CuPy arrays."""

    cos = np.cos
    sin = np.sin
    exp = np.exp
    expm1 = np.expm1
    atan = np.arctan
    atan2 = np.arctan2

    @staticmethod
    def sqrt(x):
        """Square root, in which a negative rounding error counts as 0."""
        return np.sqrt(np.maximum(x, 0))


def is_float(t) -> bool:
    """Tell whether t is one number and not an array. NumPy's float64 counts as a number."""
    return isinstance(t, (int, float))


def elementary_functions(t):
    """Return cos, sin, exp, expm1, atan, atan2 and sqrt for t, as attributes of one object.

    Raises
    ------
    TypeError
        If t is neither a number nor an array.
    """
    if is_float(t):
        return _FloatFunctions
    array_module(t)  # raises the TypeError
    return _ArrayFunctions
