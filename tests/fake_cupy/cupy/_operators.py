"""The operators of arrays, and what they answer to NumPy's functions: `core.pyx`, line by line.

An array meets a NumPy array, a list or any other object through NumPy's own functions, which hand
over to `__array_ufunc__`. So another type, such as a Tensor, gets its turn.
"""

from __future__ import annotations

import functools
import warnings

import numpy as np

from ._core import ndarray
from ._products import matmul
from ._ufunc import ufunc
from ._ufuncs import UFUNCS

_ABSENT = object()


def _should_use_rop(x, y) -> bool:
    """Tell whether Python should ask the other operand instead."""
    y_ufunc = getattr(y, "__array_ufunc__", _ABSENT)
    if y_ufunc is not _ABSENT:
        return y_ufunc is None
    return getattr(x, "__array_priority__", 0) < getattr(y, "__array_priority__", 0)


def _binary(own, numpy_function):
    """Make an operator and its reflected form."""

    def forward(x, y):
        if isinstance(y, ndarray):
            return own(x, y)
        if _should_use_rop(x, y):
            return NotImplemented
        return numpy_function(x, y)

    def reflected(y, x):
        return own(x, y)  # y is an array, so CuPy's function is asked at once

    return forward, reflected


def _in_place(own):
    return lambda self, other: own(self, other, self)


BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "lshift": "left_shift",
    "rshift": "right_shift",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}

for _operator, _name in BINARY.items():
    _forward, _reflected = _binary(UFUNCS[_name], getattr(np, _name))
    setattr(ndarray, f"__{_operator}__", _forward)
    setattr(ndarray, f"__r{_operator}__", _reflected)
    setattr(ndarray, f"__i{_operator}__", _in_place(UFUNCS[_name]))

ndarray.__ipow__ = _in_place(UFUNCS["power"])
ndarray.__divmod__, ndarray.__rdivmod__ = _binary(UFUNCS["divmod"], np.divmod)
ndarray.__matmul__, ndarray.__rmatmul__ = _binary(matmul, np.matmul)
ndarray.__neg__ = lambda self: UFUNCS["negative"](self)
ndarray.__abs__ = lambda self: UFUNCS["absolute"](self)
ndarray.__invert__ = lambda self: UFUNCS["invert"](self)


def _pos(self):
    if self.dtype == np.bool_:
        warnings.warn(
            "Applying '+' to a non-numerical array is ill-defined. Returning a copy, but in the "
            "future this will error.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.copy()
    return UFUNCS["positive"](self)


ndarray.__pos__ = _pos


def _pow(x, y):
    """Square, take the root or invert where the power says so, with the dtypes of `core.pyx`."""
    function = None
    if type(y) is int and y == 2:
        function, plain_kinds = "square", "ifc"
    elif type(y) is float and y in (0.5, 2.0, -1.0):
        function = {0.5: "sqrt", 2.0: "square", -1.0: "reciprocal"}[y]
        plain_kinds = "fc"
    if function is not None:
        dtype = None if x.dtype.kind in plain_kinds else np.result_type(x.dtype, y)
        return UFUNCS[function](x, dtype=dtype)
    return _power(x, y)


_power, ndarray.__rpow__ = _binary(UFUNCS["power"], np.power)
ndarray.__pow__ = _pow

COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
    "gt": "greater",
    "ge": "greater_equal",
}


def _comparison(operator, name):
    own, numpy_function = UFUNCS[name], getattr(np, name)

    def compare(self, other):
        if isinstance(other, ndarray):
            return own(self, other)
        if _should_use_rop(self, other):
            return NotImplemented
        if isinstance(other, np.ndarray) and other.ndim == 0:
            other = other.item()
        if operator in ("eq", "ne"):
            never_equal = other is None or type(other).__eq__ is object.__eq__
            if operator == "ne" and other is not None:
                never_equal = never_equal and type(other).__ne__ is object.__ne__
            if never_equal:
                from ._creation import full

                return full(self.shape, operator == "ne", np.bool_)
        return numpy_function(self, other)

    return compare


for _operator, _name in COMPARISONS.items():
    setattr(ndarray, f"__{_operator}__", _comparison(_operator, _name))
ndarray.__hash__ = None


# ------------------------------------------------------------------------------ NumPy's protocols


def _array_ufunc(self, function, method, *inputs, **kwargs):
    """Run CuPy's function of the same name, if all operands are arrays or scalars."""
    import cupy

    operands = inputs
    if "out" in kwargs:
        if len(kwargs["out"]) != 1:
            raise ValueError("The 'out' parameter must have exactly one array value")
        operands += kwargs["out"]
        kwargs["out"] = kwargs["out"][0]
    if method not in ("__call__", "outer", "at", "reduce", "accumulate", "reduceat"):
        return NotImplemented
    name = function.__name__
    own = getattr(cupy, name, None)
    if own is None or (method != "__call__" and not isinstance(own, ufunc)):
        return NotImplemented
    if method != "__call__":
        own = getattr(own, method)
    for x in operands:
        known = type(x) in (bool, int, float, complex) or isinstance(x, (np.generic, np.ndarray))
        if not known and not hasattr(x, "__cuda_array_interface__"):
            return NotImplemented
    if name in COMPARISONS.values():
        inputs = [x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
    return own(*inputs, **kwargs)


def _array_function(self, function, types, args, kwargs):
    """Run CuPy's function of the same name, if all arrays are CuPy's or NumPy's."""
    import cupy

    try:
        module = functools.reduce(getattr, function.__module__.split(".")[1:], cupy)
        own = getattr(module, function.__name__)
    except AttributeError:
        return NotImplemented
    if own is function:
        return NotImplemented
    if not all(issubclass(t, (ndarray, np.ndarray)) for t in types):
        return NotImplemented
    return own(*args, **kwargs)


ndarray.__array_ufunc__ = _array_ufunc
ndarray.__array_function__ = _array_function
