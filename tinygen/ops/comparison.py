"""Comparisons and logic. The results are booleans, and constants: no gradient flows through."""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import Primitive, primitive
from .arguments import as_axes, as_flag

__all__ = [
    "all",
    "any",
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
]


def constant(name: str, doc: str, forward) -> Primitive:
    """Make a primitive of two arrays, through which no gradient flows."""
    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    function = primitive(forward)
    function.vjp(a=None, b=None)
    return function


def comparison(name: str, ufunc) -> Primitive:
    """Make the primitive of an element-wise comparison of two arrays."""

    def forward(a, b):
        return ufunc(a, b)

    return constant(name, f"Element-wise {name}, as np.{name}: booleans, a constant.", forward)


equal = comparison("equal", np.equal)
not_equal = comparison("not_equal", np.not_equal)
less = comparison("less", np.less)
less_equal = comparison("less_equal", np.less_equal)
greater = comparison("greater", np.greater)
greater_equal = comparison("greater_equal", np.greater_equal)
logical_and = comparison("logical_and", np.logical_and)
logical_or = comparison("logical_or", np.logical_or)
logical_xor = comparison("logical_xor", np.logical_xor)


def bitwise(name: str, symbol: str, ufunc) -> Primitive:
    """Make the primitive of an operator on bits, which is logic if the arguments are booleans."""

    def forward(a, b):
        kinds = [getattr(v, "dtype", np.dtype(type(v))).kind for v in (a, b)]
        if not {*kinds} <= {*"biu"}:
            raise TypeError(
                f"a {symbol} b takes booleans or integers; compare floating point first: "
                f"(a > 0) {symbol} (b > 0)"
            )
        return ufunc(a, b)

    doc = f"Element-wise a {symbol} b of booleans or integers: a constant."
    return constant(name, doc, forward)


bitwise_and = bitwise("bitwise_and", "&", np.bitwise_and)
bitwise_or = bitwise("bitwise_or", "|", np.bitwise_or)
bitwise_xor = bitwise("bitwise_xor", "^", np.bitwise_xor)


@primitive
def invert(x):
    """Not x for booleans, the complement of all bits for integers: a constant."""
    if x.dtype.kind not in "biu":
        raise TypeError("~x takes booleans or integers; compare floating point first: ~(x > 0)")
    return np.invert(x)


@primitive
def logical_not(x):
    """Where x is False or 0."""
    return np.logical_not(x)


@primitive
def isnan(x):
    """Where x is NaN."""
    return np.isnan(x)


@primitive
def isinf(x):
    """Where x is infinite, of either sign."""
    return np.isinf(x)


@primitive
def isfinite(x):
    """Where x is neither infinite nor NaN."""
    return np.isfinite(x)


@primitive
def any(x, *, axis=None, keepdims=False):
    """Whether any element along the axes is true (not 0)."""
    keepdims = as_flag("any", "keepdims", keepdims)
    return x.any(axis=as_axes("any", axis, x.ndim), keepdims=keepdims)


@primitive
def all(x, *, axis=None, keepdims=False):
    """Whether all elements along the axes are true (not 0)."""
    keepdims = as_flag("all", "keepdims", keepdims)
    return x.all(axis=as_axes("all", axis, x.ndim), keepdims=keepdims)


for test in (invert, logical_not, isnan, isinf, isfinite, any, all):
    test.vjp(x=None)
