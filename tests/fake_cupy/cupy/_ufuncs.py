"""CuPy's element-wise functions, made from the table of their loops."""

from __future__ import annotations

import numpy as np

from ._surface import SURFACE, loops
from ._ufunc import ufunc

SCATTER = {
    "add": "add",
    "subtract": "sub",
    "maximum": "max",
    "minimum": "min",
    "bitwise_and": "and",
    "bitwise_or": "or",
    "bitwise_xor": "xor",
}


def _in_c_order(function):
    """Give one of NumPy's plain functions the parameter of its ufuncs."""
    return lambda *args, order: np.ascontiguousarray(function(*args)).reshape(np.shape(args[0]))


def _power(a, b, order):
    """Raise to a power; an integer to a negative one gives 0, 1 or -1, where NumPy raises."""
    if a.dtype.kind in "iu" and np.any(b < 0):
        result = np.where(b < 0, np.where(np.abs(a) == 1, a ** np.abs(b), 0), a ** np.maximum(b, 0))
        return np.asarray(result, a.dtype)
    return np.power(a, b, order=order)


SPECIAL = {
    "fix": np.trunc,
    "i0": _in_c_order(np.i0),
    "sinc": _in_c_order(np.sinc),
    "power": _power,
    "pow": _power,
}


def _make(name: str, entry: dict) -> ufunc:
    function = SPECIAL.get(name) or getattr(np, name)
    return ufunc(entry["name"], loops(entry["types"]), function, SCATTER.get(name))


UFUNCS = {name: _make(name, entry) for name, entry in SURFACE["ufuncs"].items()}
