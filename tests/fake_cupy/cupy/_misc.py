"""Types, memory, padding: what is left."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

from ._core import ndarray, raw, wrap
from .cuda.memory import get_default_memory_pool, get_default_pinned_memory_pool  # noqa: F401


def _dtype_of(value):
    return value.dtype if isinstance(value, ndarray) else value


def result_type(*arrays_and_dtypes):
    """Return the dtype of an operation."""
    return np.result_type(*map(_dtype_of, arrays_and_dtypes))


def can_cast(from_, to, casting="safe"):
    """Tell whether a conversion is allowed."""
    return np.can_cast(_dtype_of(from_), to, casting)


def min_scalar_type(a):
    """Return the smallest dtype that holds a scalar."""
    return np.min_scalar_type(_dtype_of(a))


def isscalar(element):
    """Tell whether it is a scalar: arrays never are."""
    return not isinstance(element, ndarray) and np.isscalar(element)


def iscomplexobj(x):
    """Tell whether the dtype is complex."""
    return x.dtype.kind == "c" if isinstance(x, ndarray) else np.iscomplexobj(x)


def isrealobj(x):
    """Tell whether the dtype is real."""
    return not iscomplexobj(x)


def get_array_module(*args):
    """Return CuPy if one of the arguments is on the GPU, else NumPy."""
    import cupy

    return cupy if any(isinstance(a, ndarray) for a in args) else np


def shares_memory(a, b, max_work=None):
    """Tell whether two arrays have memory in common."""
    return np.shares_memory(raw(a), raw(b))


def may_share_memory(a, b, max_work=None):
    """Tell whether the bounds of two arrays overlap."""
    return np.may_share_memory(raw(a), raw(b))


def astype(x, dtype, /, *, copy=True):
    """Convert to another dtype."""
    return x.astype(dtype, copy=copy)


def real(val):
    """Return the real part."""
    return val.real


def imag(val):
    """Return the imaginary part."""
    return val.imag


def permute_dims(a, axes=None):
    """Return the axes in another order."""
    return a.transpose(axes)


def matrix_transpose(x, /):
    """Exchange the last two axes."""
    return x.mT


def is_available() -> bool:
    """Say that there is a GPU."""
    return True


def pad(array, pad_width, mode="constant", **kwargs):
    """Pad: a new array, a copy into it, and a write for each side of each axis.

    With zeros it is two launches: the new array is filled before the copy.
    """
    host = raw(array)
    if isinstance(pad_width, ndarray):
        raise TypeError("`pad_width` must be of integral type.")
    sides = int((np.broadcast_to(pad_width, (host.ndim, 2)) > 0).sum())
    constant = kwargs.get("constant_values", 0)
    is_zero = mode == "constant" and np.isscalar(constant) and constant == 0
    launch("cupy_copy")
    launch("memset" if is_zero else "cupy_copy", 1 if is_zero else sides)
    kwargs = {k: v.get() if isinstance(v, ndarray) else v for k, v in kwargs.items()}
    result = np.pad(host, pad_width, mode, **kwargs)
    return wrap(np.asarray(result, order="F" if array.flags.fnc else "C"))


def save(file, arr, allow_pickle=None):
    """Write an array to a file."""
    np.save(file, arr.get())


def load(file, mmap_mode=None, allow_pickle=None):
    """Read an array from a file."""
    from ._creation import array

    return array(np.load(file, mmap_mode, bool(allow_pickle)))
