"""A stand-in for CuPy on machines without a GPU: an array type that refuses silent conversions.

`StrictArray` wraps a NumPy array. Like `cupy.ndarray` it refuses `np.asarray`, refuses to meet a
NumPy array in an operation, and answers NumPy's functions only through the array protocols. Code
that runs on it runs on any array type that follows these protocols.
"""

from __future__ import annotations

import types

import numpy as np

from tinygen import Tensor
from tinygen.backend import RNG, register


def _unwrap(value):
    """Return the NumPy arrays of device arrays, also inside tuples, lists and slices."""
    if isinstance(value, np.ndarray):
        raise TypeError(
            "Unsupported type <class 'numpy.ndarray'>: a NumPy array met a device array"
        )
    if isinstance(value, StrictArray):
        return value._a
    if isinstance(value, (tuple, list)):
        return type(value)(_unwrap(v) for v in value)
    if isinstance(value, slice):
        return slice(_unwrap(value.start), _unwrap(value.stop), _unwrap(value.step))
    return value


def _wrap(value):
    """Return NumPy's results as device arrays.

    Device functions return arrays even without axes, never NumPy scalars.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return StrictArray(value)
    if type(value) in (tuple, list):
        return type(value)(_wrap(v) for v in value)
    if isinstance(value, tuple):  # a named tuple, of np.linalg.slogdet
        return tuple(_wrap(v) for v in value)
    return value


def _wrapped(function):
    """Make a function of device arrays from one of NumPy arrays."""

    def call(*args, **kwargs):
        out = kwargs.get("out")
        result = function(*_unwrap(args), **{k: _unwrap(v) for k, v in kwargs.items()})
        if out is None:
            return _wrap(result)
        return out[0] if isinstance(out, tuple) else out

    return call


def _reduction(method):
    """Make a reduction without the options `initial` and `where`, which CuPy's lack."""

    def call(axis=None, dtype=None, out=None, keepdims=False):
        given = {"axis": axis, "dtype": dtype, "out": out, "keepdims": keepdims}
        kwargs = {k: v for k, v in given.items() if v is not None and v is not False}
        return _wrapped(method)(**kwargs)

    return call


class StrictArray(np.lib.mixins.NDArrayOperatorsMixin):
    """A NumPy array that behaves like one on a device."""

    def __init__(self, a):
        self._a = np.asarray(a)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(isinstance(x, Tensor) for x in inputs):
            return NotImplemented  # as CuPy: NumPy asks the Tensor next
        return _wrapped(getattr(ufunc, method))(*inputs, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return _wrapped(function)(*args, **kwargs)

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._a, name)
        if name in ("max", "min", "sum", "mean", "prod", "any", "all"):
            return _reduction(value)
        is_method = isinstance(value, (types.BuiltinMethodType, types.MethodType))
        return _wrapped(value) if is_method else _wrap(value)

    @property
    def base(self):
        """The array whose memory this one views, or None."""
        return None if self._a.base is None else StrictArray(self._a.base)

    @property
    def shape(self):
        """The shape, a tuple of integers."""
        return self._a.shape

    def get(self) -> np.ndarray:
        """Return a NumPy copy, as `cupy.ndarray.get` does."""
        return np.array(self._a)

    def item(self):
        """Return the value of an array of one element."""
        return self._a.item()

    def tolist(self):
        """Return the values as nested lists."""
        return self._a.tolist()

    def __getitem__(self, index):
        return StrictArray(self._a[_unwrap(index)])

    def __setitem__(self, index, value):
        self._a[_unwrap(index)] = _unwrap(value)

    def __len__(self):
        return len(self._a)

    def __bool__(self):
        return bool(self._a)

    def __float__(self):
        return float(self._a)

    def __int__(self):
        return int(self._a)

    def __index__(self):
        return self._a.__index__()

    def __repr__(self):
        return f"StrictArray({self._a!r})"


class _Module:
    """What `array_module` returns for a StrictArray: NumPy's functions on StrictArrays."""

    ndarray = StrictArray

    def __getattr__(self, name):
        value = getattr(np, name)
        if isinstance(value, types.ModuleType):
            return _Submodule(value)
        return value if isinstance(value, type) or not callable(value) else _wrapped(value)

    @staticmethod
    def asarray(a, dtype=None):
        """Return a as a StrictArray: itself if it is one of that dtype."""
        if isinstance(a, StrictArray):
            return a if dtype in (None, a.dtype) else StrictArray(np.asarray(a._a, dtype))
        return StrictArray(np.asarray(a, dtype))

    @staticmethod
    def array(a, dtype=None):
        """Return a copy of an array or a list as a StrictArray."""
        return StrictArray(np.array(a._a if isinstance(a, StrictArray) else a, dtype))


class _Submodule:
    """A part of that module, such as `linalg`."""

    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        value = getattr(self.module, name)
        return _wrapped(value) if callable(value) else value


register(StrictArray, _Module())


class StrictRNG(RNG):
    """A source of the numbers that NumPy's would draw, as StrictArrays."""

    def _floats(self, *args):
        return StrictArray(super()._floats(*args))

    def integers(self, *args):
        """Draw integers."""
        return StrictArray(super().integers(*args))
