"""Sums, means, extremes and running sums."""

from __future__ import annotations

import warnings

import numpy as np
from cupy_counts import launch

from ._core import ndarray, wrap
from ._surface import check_dtype

SINGLE_TILE = 4096  # elements that CUB reduces in one kernel; more take two


def scan_launches(size: int) -> int:
    """Return the kernels of a running sum: one block of 512 elements, or sums of blocks."""
    return 1 if size <= 512 else 3


def _axes(a: np.ndarray, axis):
    if axis is None:
        return tuple(range(a.ndim))
    axis = axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted(np.lib.array_utils.normalize_axis_tuple(axis, a.ndim)))
    return axes


def _finish(a: ndarray, result, axes: tuple, out, name: str, dtype=None):
    """Count a reduction, and return its result in the order that CuPy gives it."""
    own = a._array
    is_full = len(axes) == own.ndim
    launch(name, 2 if is_full and own.size > SINGLE_TILE else 1)
    result = np.asarray(result) if dtype is None else np.asarray(result, dtype)
    flags = own.flags
    if flags.f_contiguous and not flags.c_contiguous and axes == tuple(range(len(axes))):
        result = np.asfortranarray(result) if result.ndim else result
    else:
        result = np.ascontiguousarray(result) if result.ndim else result
    if out is None:
        return wrap(result)
    if out.shape != result.shape:
        raise ValueError("output parameter for reduction operation has the wrong shape")
    np.copyto(out._array, result, casting="unsafe")
    return out


def _checked(a, out=None):
    if not isinstance(a, ndarray):
        raise TypeError(f"Only cupy arrays can be reduced, not {type(a)}")
    if out is not None and not isinstance(out, ndarray):
        raise TypeError("Output arguments type must be cupy.ndarray")
    return a._array


def _make(name, function, has_dtype, kernel):
    """Make one reduction from NumPy's function."""

    def run(a, axis, dtype, out, keepdims):
        own = _checked(a, out)
        if dtype is not None:
            dtype = check_dtype(dtype)
        axes = _axes(own, axis)
        wide = np.float32 if own.dtype == np.float16 and has_dtype else None
        with np.errstate(all="ignore"):
            given = {"dtype": dtype or wide} if has_dtype else {}
            result = function(own, axis=axes, keepdims=bool(keepdims), **given)
        if wide and dtype is None:
            dtype = np.float16
        return _finish(a, result, axes, out, kernel, dtype)

    if has_dtype:
        return lambda a, axis=None, dtype=None, out=None, keepdims=False: run(
            a, axis, dtype, out, keepdims
        )
    return lambda a, axis=None, out=None, keepdims=False: run(a, axis, None, out, keepdims)


sum = _make("sum", np.sum, True, "cupy_sum")  # noqa: A001
prod = _make("prod", np.prod, True, "cupy_prod")
max = amax = _make("max", np.max, False, "cupy_max")  # noqa: A001
min = amin = _make("min", np.min, False, "cupy_min")  # noqa: A001
all = _make("all", np.all, False, "cupy_all")  # noqa: A001
any = _make("any", np.any, False, "cupy_any")  # noqa: A001
nansum = _make("nansum", np.nansum, True, "cupy_nansum")


def mean(a, axis=None, dtype=None, out=None, keepdims=False):
    """Return the mean: a sum and a division, and a conversion if the dtype changes."""
    own = _checked(a, out)
    axes = _axes(own, axis)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = np.mean(own, axis=axes, dtype=dtype, keepdims=bool(keepdims))
    launch("cupy_true_divide")
    if out is None and (dtype is not None or own.dtype.kind in "iub" or own.dtype.char == "e"):
        launch("cupy_copy")
    return _finish(a, result, axes, out, "cupy_sum", dtype)


def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """Return the variance: one reduction for the mean, one for the squares."""
    return _spread(np.var, "cupy_var", a, axis, dtype, out, ddof, keepdims)


def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """Return the standard deviation."""
    return _spread(np.std, "cupy_std", a, axis, dtype, out, ddof, keepdims)


def _spread(function, name, a, axis, dtype, out, ddof, keepdims):
    own = _checked(a, out)
    axes = _axes(own, axis)
    with np.errstate(all="ignore"):
        result = function(own, axis=axes, dtype=dtype, ddof=ddof, keepdims=bool(keepdims))
    return _finish(a, result, axes, out, name, dtype)


def _arg(function, name):
    def reduce(a, axis=None, dtype=None, out=None, keepdims=False):
        own = _checked(a, out)
        result = function(own, axis=axis, keepdims=bool(keepdims))
        return _finish(a, result, _axes(own, axis), out, name, dtype)

    return reduce


argmax, argmin = _arg(np.argmax, "cupy_argmax"), _arg(np.argmin, "cupy_argmin")


def ptp(a, axis=None, out=None, keepdims=False):
    """Return maximum - minimum."""
    result = max(a, axis, out, keepdims)
    result -= min(a, axis, None, keepdims)
    return result


def _scan(function, name):
    def scan(a, axis=None, dtype=None, out=None):
        own = _checked(a, out)
        launch(name, scan_launches(own.size) + 1)  # a copy, then the scan in place
        result = function(own, axis=axis, dtype=dtype)
        if out is None:
            return wrap(np.ascontiguousarray(result))
        np.copyto(out._array, result, casting="unsafe")
        return out

    return scan


cumsum, cumprod = _scan(np.cumsum, "cupy_scan"), _scan(np.cumprod, "cupy_scan")


def count_nonzero(a, axis=None):
    """Return the number of elements that are not zero: an array, even without axes."""
    own = _checked(a)
    axes = _axes(own, axis)
    return _finish(a, np.count_nonzero(own, axes), axes, None, "cupy_count_nonzero")


for _name in ("sum", "prod", "max", "min", "all", "any", "mean", "var", "std", "ptp"):
    setattr(ndarray, _name, globals()[_name])
for _name in ("cumsum", "cumprod"):
    setattr(ndarray, _name, globals()[_name])


def _arg_method(function):
    def reduce(self, axis=None, out=None, dtype=None, keepdims=False):
        return function(self, axis, dtype, out, keepdims)

    return reduce


ndarray.argmax, ndarray.argmin = _arg_method(argmax), _arg_method(argmin)
