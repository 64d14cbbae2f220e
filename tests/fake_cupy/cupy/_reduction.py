"""Sums, means and extremes, in the order of memory that CuPy gives them."""

from __future__ import annotations

import math
import warnings

import numpy as np
from cupy_counts import launch

from ._core import ndarray, wrap
from ._surface import check_dtype, loops
from ._ufuncs import UFUNCS

SINGLE_TILE = 4096  # CUB reduces so many elements in one kernel, more in two
BLOCK_REDUCTION = 128  # CuPy's own kernels hand over to CUB from so many elements a result
INTEGERS = "bBhHiIlLqQ"
CUB_SUM_TYPES = "lLqQefdFD"  # CUB does not change the dtype, so small integers are left out
CUB_TYPES = INTEGERS + "efdFD"


def normalize_axes(axis, ndim: int) -> tuple[int, ...]:
    """Return the axes in ascending order. An array without axes has not even axis -1."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(np.lib.array_utils.normalize_axis_index(a, ndim) for a in axes))
    if len(set(axes)) < len(axes):
        raise ValueError("duplicate value in 'axis'")
    return axes


def _order(a: np.ndarray, axes: tuple) -> str | None:
    """Return the order "C" or "F" in which the axes are adjacent in memory and fastest, or None.

    CUB reduces only those (`_cub_device_segmented_reduce_axis_compatible`).
    """
    if not axes or axes != tuple(range(axes[0], axes[-1] + 1)):
        return None
    if a.flags.c_contiguous:
        return "C" if axes[-1] == a.ndim - 1 else None
    if a.flags.f_contiguous:
        return "F" if axes[0] == 0 else None
    return None


def _count(name: str, a: np.ndarray, axes: tuple, has_cub: bool) -> str:
    """Count one reduction, and return the order of its result."""
    order = _order(a, axes)
    is_full = len(axes) == a.ndim
    if has_cub and is_full and a.flags.forc:
        if not a.flags.c_contiguous:
            launch("cupy_copy")
        launch(name, 2 if a.size > SINGLE_TILE else 1)
        return "C"
    if has_cub and order:
        launch(name)
        return order
    length = math.prod(a.shape[i] for i in axes)
    is_block = order is not None and length >= BLOCK_REDUCTION
    launch(name, 2 if is_block and is_full else 1)
    return order if is_block else "C"


def check_arrays(a, out=None) -> np.ndarray:
    """Return the NumPy array to reduce. Raises TypeError for anything but arrays."""
    if not isinstance(a, ndarray):
        raise AttributeError(f"{type(a).__name__!r} object is not a cupy.ndarray")
    if out is not None and not isinstance(out, ndarray):
        raise TypeError("Output arguments type must be cupy.ndarray")
    return a._array


def _deliver(result, order: str, out, dtype=None, is_copied=False):
    """Return a result in an order of memory, or write it into `out`."""
    result = np.asarray(result, dtype, order=order)
    if out is None:
        return wrap(result)
    if out.shape != result.shape:
        raise ValueError("output parameter for reduction operation has the wrong shape")
    if is_copied:
        launch("cupy_copy")
    np.copyto(out._array, result, casting="unsafe")
    return out


_AUTO = loops("?->l b->l B->L h->l H->L i->l I->L l->l L->L e->e f->f d->d F->F D->D".split())
AUTO_DTYPES = {inputs[0]: outputs[0] for inputs, outputs in _AUTO}


def _sum_like(function, kernel):
    def reduce(a, axis=None, dtype=None, out=None, keepdims=False):
        own = check_arrays(a, out)
        axes = normalize_axes(axis, own.ndim)
        keeps_dtype = dtype is None or check_dtype(dtype) == own.dtype
        types = CUB_SUM_TYPES if dtype is None else CUB_TYPES
        has_cub = keeps_dtype and own.dtype.char in types
        order = _count(kernel, own, axes, has_cub)
        target = AUTO_DTYPES[own.dtype] if dtype is None else check_dtype(dtype)
        compute = np.dtype(np.float32) if target.char == "e" else target
        with np.errstate(all="ignore"):
            result = function(own, axis=axes, dtype=compute, keepdims=bool(keepdims))
            return _deliver(result, order, out, target, has_cub)

    return reduce


sum = _sum_like(np.sum, "cupy_sum")  # noqa: A001 (CuPy's name)
prod = _sum_like(np.prod, "cupy_prod")  # noqa: A001
nansum, nanprod = _sum_like(np.nansum, "cupy_nansum"), _sum_like(np.nanprod, "cupy_nanprod")


def _extreme(function, kernel, has_cub, types):
    def reduce(a, axis=None, out=None, keepdims=False):
        own = check_arrays(a, out)
        if own.dtype.char not in types:
            raise TypeError(f"Wrong type ({own.dtype}) of arguments for {kernel}")
        axes = normalize_axes(axis, own.ndim)
        is_cub = has_cub and own.dtype.char in CUB_TYPES
        order = _count(kernel, own, axes, is_cub)
        with np.errstate(all="ignore"):
            result = function(own, axis=axes, keepdims=bool(keepdims))
        return _deliver(result, order, out, is_copied=is_cub)

    return reduce


_ALL_TYPES = "?" + INTEGERS + "efdFD"
max = amax = _extreme(np.max, "cupy_max", True, _ALL_TYPES)  # noqa: A001
min = amin = _extreme(np.min, "cupy_min", True, _ALL_TYPES)  # noqa: A001
all = _extreme(np.all, "cupy_all", False, _ALL_TYPES)  # noqa: A001
any = _extreme(np.any, "cupy_any", False, _ALL_TYPES)  # noqa: A001
nanmax = _extreme(np.nanmax, "cupy_nanmax", False, _ALL_TYPES)
nanmin = _extreme(np.nanmin, "cupy_nanmin", False, _ALL_TYPES)


def mean(a, axis=None, dtype=None, out=None, keepdims=False):
    """Return the mean: CUB's sum and a division, or one kernel; then a conversion if asked for."""
    own = check_arrays(a, out)
    axes = normalize_axes(axis, own.ndim)
    sum_dtype = target = None if dtype is None else check_dtype(dtype)
    if dtype is None and own.dtype.kind in "iub":
        sum_dtype = target = np.dtype(np.float64)
    elif dtype is None and own.dtype.char == "e":
        sum_dtype, target = np.dtype(np.float32), own.dtype
    elif dtype is not None and target.kind in "iub":
        sum_dtype = np.dtype(np.float64)
    types = CUB_SUM_TYPES if sum_dtype is None else CUB_TYPES
    has_cub = own.dtype.char in types and (sum_dtype is None or sum_dtype == own.dtype)
    has_cub = has_cub and own.size > 0 and (len(axes) == own.ndim or _order(own, axes) is not None)
    order = _count("cupy_sum" if has_cub else "cupy_mean", own, axes, has_cub)
    if has_cub:
        launch("cupy_true_divide")
    if target is not None and out is None:
        launch("cupy_copy")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = np.mean(own, axis=axes, dtype=sum_dtype, keepdims=bool(keepdims))
        return _deliver(result, order, out, target if out is None else None, has_cub)


def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """Return the variance: the mean, converted, and one more reduction."""
    own = check_arrays(a, out)
    axes = normalize_axes(axis, own.ndim)
    mean(a, axes, np.float64 if own.dtype.kind in "iub" else own.dtype, None, True)
    launch("cupy_var_core")
    if dtype is None:
        dtype = np.float64 if own.dtype.kind in "iub" else own.real.dtype
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = np.var(own, axis=axes, ddof=ddof, keepdims=bool(keepdims))
        return _deliver(result, "C", out, check_dtype(dtype))


def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """Return the standard deviation: the variance and its root."""
    return UFUNCS["sqrt"](var(a, axis, dtype, None, ddof, keepdims), dtype=dtype, out=out)


def _arg(function, kernel):
    def reduce(a, axis=None, dtype=None, out=None, keepdims=False):
        own = check_arrays(a, out)
        axes = normalize_axes(axis, own.ndim)
        if len(axes) not in (1, own.ndim):
            raise NotImplementedError("the stand-in's argmax takes one axis or none")
        is_cub = dtype is None and own.dtype.char in CUB_TYPES and len(axes) == own.ndim
        if is_cub:
            launch("cupy_copy")  # the index is read out of CUB's pair of key and value
        order = _count(kernel, own, axes, is_cub)
        result = function(own, axis=None if axis is None else axes[0], keepdims=bool(keepdims))
        return _deliver(result, order, out, dtype)

    return reduce


argmax, argmin = _arg(np.argmax, "cupy_argmax"), _arg(np.argmin, "cupy_argmin")


def ptp(a, axis=None, out=None, keepdims=False):
    """Return maximum - minimum."""
    result = max(a, axis, out, keepdims)
    result -= min(a, axis, None, keepdims)
    return result


def count_nonzero(a, axis=None):
    """Return the number of elements that are not zero: an array, even without axes."""
    own = check_arrays(a)
    axes = normalize_axes(axis, own.ndim)
    order = _count("cupy_count_nonzero", own, axes, False)
    return _deliver(np.count_nonzero(own, axes), order, None)


for _name in ("sum", "prod", "max", "min", "all", "any", "mean", "var", "std", "ptp"):
    setattr(ndarray, _name, globals()[_name])


def _arg_method(function):
    def reduce(self, axis=None, out=None, dtype=None, keepdims=False):
        return function(self, axis, dtype, out, keepdims)

    return reduce


ndarray.argmax, ndarray.argmin = _arg_method(argmax), _arg_method(argmin)
