"""New arrays."""

from __future__ import annotations

import numpy as np
from cupy_counts import copy as count_copy
from cupy_counts import launch, wait

from ._core import contiguous, ndarray, view_of, wrap
from ._surface import check_dtype


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """Return an array of NumPy's arrays, numbers, lists of them, or lists of CuPy's arrays."""
    if subok:
        raise NotImplementedError
    order = order or "K"
    if isinstance(obj, ndarray):
        dtype = obj.dtype if dtype is None else dtype
        if copy is False and check_dtype(dtype) != obj.dtype:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        result = obj.astype(dtype, order=order, copy=bool(copy))
        return _at_least(result, ndmin)
    if (parts := _device_arrays(obj)) is not None:
        return _at_least(_nested(obj, parts, dtype, order), ndmin)
    host = np.array(obj, dtype=dtype, copy=None, order=order, ndmin=ndmin)
    check_dtype(host.dtype)
    result = wrap(np.array(host, order="F" if host.flags.fnc and order in "KAF" else "C"))
    if not host.ndim:
        launch("memset" if host == 0 else "cupy_fill")
    elif host.size:
        count_copy("host to device")
    if blocking:
        wait("array")
    return result


def _at_least(a, ndmin):
    return a if a.ndim >= ndmin else a.reshape((1,) * (ndmin - a.ndim) + a.shape)


def _device_arrays(obj):
    """Return the arrays of nested lists, if all are CuPy's and of one shape; else None."""
    if not isinstance(obj, (list, tuple)) or not obj:
        return None
    found = []
    for part in obj:
        if isinstance(part, ndarray):
            found.append(part)
        elif (inner := _device_arrays(part)) is not None:
            found += inner
        else:
            return None
    return found if len({a.shape for a in found}) == 1 else None


def _nested(obj, parts, dtype, order):
    from ._joining import concatenate

    shape = []
    while isinstance(obj, (list, tuple)):
        shape.append(len(obj))
        obj = obj[0]
    joined = concatenate([a.reshape(1) if a.ndim == 0 else a for a in parts])
    joined = joined.reshape(*shape, *obj.shape)
    return joined.astype(dtype or joined.dtype, order=order, copy=False)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """Return an array: the argument itself if it is one, in the right dtype and order."""
    return array(a, dtype=dtype, copy=copy, order=order, blocking=blocking)


def asanyarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """Return `asarray`."""
    return array(a, dtype=dtype, copy=copy, order=order, blocking=blocking)


def ascontiguousarray(a, dtype=None):
    """Return the array in C order, with at least one axis."""
    if not isinstance(a, ndarray):
        a = array(a)
    dtype = a.dtype if dtype is None else check_dtype(dtype)
    result = contiguous(a) if dtype == a.dtype else a.astype(dtype, order="C")
    return result.reshape(1) if result.ndim == 0 else result


def asfortranarray(a, dtype=None):
    """Return the array in Fortran order, with at least one axis."""
    if not isinstance(a, ndarray):
        a = array(a)
    result = a.astype(a.dtype if dtype is None else dtype, order="F", copy=False)
    return result.reshape(1) if result.ndim == 0 else result


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """Return a NumPy array."""
    if isinstance(a, ndarray):
        return a.get(stream=stream, order=order, out=out, blocking=blocking)
    return np.asarray(a, order=order)


def copy(a, order="K"):
    """Return a copy, here in the order of the original."""
    if not isinstance(a, ndarray):
        a = array(a)
    return a.copy(order=order)


def _poison(host: np.ndarray) -> np.ndarray:
    """Fill memory that was not written yet, so that whoever reads it notices."""
    if host.dtype.kind in "fc":
        host.fill(np.nan)
    elif host.dtype.kind in "iu":
        host.fill(-77 if host.dtype.kind == "i" else 177)
    return host


def empty(shape, dtype=float, order="C"):
    """Return an array that is not filled."""
    return wrap(_poison(np.empty(shape, check_dtype(dtype), order or "C")))


def zeros(shape, dtype=float, order="C"):
    """Return an array of zeros: a memset."""
    result = wrap(np.zeros(shape, check_dtype(dtype), order or "C"))
    if result.size:
        launch("memset")
    return result


def ones(shape, dtype=float, order="C"):
    """Return an array of ones."""
    return full(shape, 1, dtype, order)


def full(shape, fill_value, dtype=None, order="C"):
    """Return an array of one value."""
    if dtype is None:
        dtype = fill_value.dtype if isinstance(fill_value, ndarray) else np.array(fill_value).dtype
    result = wrap(np.empty(shape, check_dtype(dtype), order or "C"))
    result.fill(fill_value)
    return result


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    """Return an unfilled array like another.

    `shape=()` is taken for no shape at all (`if shape:` in cupy/_creation/basic.py).
    """
    if subok is not None:
        raise TypeError("subok is not supported yet")
    dtype = prototype.dtype if dtype is None else dtype
    if shape:
        order = "F" if order == "F" or (order in "KA" and prototype.flags.fnc) else "C"
        return empty(shape, dtype, order)
    if not isinstance(prototype, ndarray):
        raise AttributeError(f"{type(prototype)} is not a cupy.ndarray")
    return wrap(_poison(np.empty_like(prototype._array, check_dtype(dtype), order)))


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    """Return zeros like another array."""
    result = empty_like(a, dtype, order, subok, shape)
    if result.size:
        launch("memset")
    result._array.fill(0)
    return result


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    """Return ones like another array."""
    return full_like(a, 1, dtype, order, subok, shape)


def full_like(a, fill_value, dtype=None, order="K", subok=None, shape=None):
    """Return an array of one value like another array."""
    result = empty_like(a, dtype, order, subok, shape)
    result.fill(fill_value)
    return result


def eye(N, M=None, k=0, dtype=float, order="C"):
    """Return ones on a diagonal: zeros, then a fill."""
    launch("memset")
    launch("cupy_fill")
    return wrap(np.eye(N, M, k, check_dtype(dtype), order))


def identity(n, dtype=float):
    """Return the identity matrix."""
    return eye(n, dtype=dtype)


def arange(start, stop=None, step=1, dtype=None):
    """Return evenly spaced numbers: one kernel."""
    if dtype is None:
        kinds = [np.dtype(type(value)).kind for value in (start, stop, step)]
        dtype = float if "f" in kinds else int
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    size = int(np.ceil((stop - start) / step))
    if size <= 0:
        return empty((0,), dtype)
    launch("cupy_arange")
    cast = check_dtype(dtype).type
    return wrap((cast(start) + np.arange(size) * cast(step)).astype(dtype))


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Return `num` evenly spaced numbers."""
    if isinstance(start, ndarray) or isinstance(stop, ndarray):
        raise NotImplementedError("the stand-in's linspace takes numbers")
    launch("cupy_linspace")
    values, step = np.linspace(start, stop, num, endpoint, True, dtype, axis)
    return (wrap(values), step) if retstep else wrap(values)


def meshgrid(*xi, **kwargs):
    """Return coordinate matrices."""
    for x in xi:
        if not isinstance(x, ndarray):
            raise ValueError("Argument has incorrect type")
    if kwargs.get("copy", True):
        launch("cupy_copy", len(xi))
    grids = np.meshgrid(*(x._array for x in xi), **kwargs)
    return [wrap(np.ascontiguousarray(g)) for g in grids]


def from_dlpack(array, *, device=None, copy=None):
    """Return a view of another library's array on the GPU."""
    if array.__dlpack_device__()[0] != 2:
        raise BufferError("CPU arrays cannot be directly imported to CuPy")
    if isinstance(array, ndarray):
        return view_of(array, array._array.view())
    inner = getattr(array, "_data", None) or getattr(array, "data", None)
    if isinstance(inner, ndarray):
        return view_of(inner, inner._array.view())
    raise NotImplementedError("the stand-in takes no other library's GPU arrays")


def _dlpack(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    return self._array.__dlpack__()


ndarray.__dlpack__ = _dlpack
ndarray.__dlpack_device__ = lambda self: (2, 0)
