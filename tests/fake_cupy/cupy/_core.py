"""The array: a NumPy array that only CuPy's functions may touch."""

from __future__ import annotations

import os
import warnings

import numpy as np
from cupy_counts import copy as count_copy
from cupy_counts import launch, wait

from ._surface import check_dtype

_IMPLICIT = (
    "Implicit conversion to a NumPy array is not allowed. "
    "Please use `.get()` to construct a NumPy array explicitly."
)


class MemoryPointer:
    """An address; here, in the memory of the CPU."""

    def __init__(self, array: np.ndarray):
        self.ptr = array.__array_interface__["data"][0] if array.size else 0
        self.device_id = 0

    @property
    def device(self):
        """The device that the memory belongs to."""
        from .cuda import Device

        return Device(self.device_id)


class Flags:
    """The layout of an array, as `cupy/_core/flags.pyx` tells it."""

    def __init__(self, c_contiguous: bool, f_contiguous: bool, owndata: bool):
        self.c_contiguous, self.f_contiguous, self.owndata = c_contiguous, f_contiguous, owndata

    @property
    def fnc(self) -> bool:
        """Whether the array is in Fortran order and not in C order."""
        return self.f_contiguous and not self.c_contiguous

    @property
    def forc(self) -> bool:
        """Whether the array is in one of the two orders."""
        return self.f_contiguous or self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        return getattr(self, name.lower())


class ndarray:  # noqa: N801 (CuPy's name)
    """An array "on the GPU"."""

    __slots__ = ("__weakref__", "_array", "_base")
    __module__ = "cupy"
    __array_priority__ = 100

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError("the stand-in makes no array of memory that exists")
        self._array = np.empty(shape, check_dtype(dtype), order or "C")
        self._base = None

    # ------------------------------------------------------------------------------- description

    shape = property(lambda self: self._array.shape)
    strides = property(lambda self: self._array.strides)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    itemsize = property(lambda self: self._array.itemsize)
    nbytes = property(lambda self: self._array.nbytes)
    base = property(lambda self: self._base)
    data = property(lambda self: MemoryPointer(self._array))

    @shape.setter
    def shape(self, shape):
        view = self._array.view()
        view.shape = shape
        self._array = view

    @property
    def flags(self) -> Flags:
        """The layout."""
        flags = self._array.flags
        return Flags(flags.c_contiguous, flags.f_contiguous, self._base is None)

    @property
    def device(self):
        """The device that the array lies on."""
        return self.data.device

    @property
    def __cuda_array_interface__(self):
        array = self._array
        strides = None if array.flags.c_contiguous else array.strides
        pointer = (self.data.ptr, False)
        return {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "descr": array.dtype.descr,
            "stream": 1,
            "version": 3,
            "strides": strides,
            "data": pointer,
        }

    def __len__(self) -> int:
        if not self._array.ndim:
            raise TypeError("len() of unsized object")
        return self._array.shape[0]

    def __iter__(self):
        if not self._array.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self._array.shape[0]))

    # -------------------------------------------------------------------------- back to the CPU

    def __array__(self, dtype=None):
        raise TypeError(_IMPLICIT)

    def get(self, stream=None, order="C", out=None, blocking=True) -> np.ndarray:
        """Copy to the CPU, and wait for the copy."""
        array = self._array
        if out is not None:
            if not isinstance(out, np.ndarray):
                raise TypeError("Only numpy.ndarray can be obtained fromcupy.ndarray")
            if out.dtype != array.dtype:
                raise TypeError(f"{out.dtype} array cannot be obtained from {array.dtype} array")
            if out.shape != array.shape:
                raise ValueError(
                    f"Shape mismatch. Expected shape: {array.shape}, actual shape: {out.shape}"
                )
        elif not array.size:
            return np.ndarray(array.shape, array.dtype)
        else:
            order = order.upper()
            if order == "A":
                order = "F" if array.flags.f_contiguous else "C"
        if not array.flags["F_CONTIGUOUS" if order == "F" else "C_CONTIGUOUS"]:
            launch("cupy_copy")
        count_copy("device to host")
        if blocking:
            wait("get")
        if out is not None:
            out[...] = array
            return out
        return np.array(array, order=order)

    def set(self, arr, stream=None) -> None:
        """Copy a NumPy array here."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if self.shape != arr.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        count_copy("host to device")
        self._array[...] = arr

    def item(self):
        """Return the value of an array of one element."""
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self):
        """Return the values as nested lists."""
        return self.get().tolist()

    def tobytes(self, order="C") -> bytes:
        """Return the values as bytes."""
        return self.get().tobytes(order)

    def tofile(self, fid, sep="", format="%s"):
        """Write the values to a file."""
        self.get().tofile(fid, sep, format)

    def __bool__(self) -> bool:
        if self.size == 0:
            warnings.warn(
                "The truth value of an empty array is ambiguous. Returning False, but in future "
                "this will result in an error. Use `array.size > 0` to check that an array is not "
                "empty.",
                DeprecationWarning,
                stacklevel=2,
            )
            return False
        if self.size > 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use a.any() "
                "or a.all()"
            )
        return bool(self.get())

    def __int__(self):
        return int(self.get())

    def __float__(self):
        return float(self.get())

    def __complex__(self):
        return complex(self.get())

    def __bytes__(self):
        return bytes(self.get())

    def __repr__(self):
        return repr(self.get())

    def __str__(self):
        return str(self.get())

    def __format__(self, format_spec):
        return format(self.get(), format_spec)

    def __reduce__(self):
        from cupy import array

        return array, (self.get(order="A"),)

    # ----------------------------------------------------------------------------------- copying

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True) -> ndarray:
        """Convert to another dtype: always a copy, unless `copy` is false and nothing changes."""
        if casting is not None:
            raise TypeError("casting is not supported yet")
        if subok is not None:
            raise TypeError("subok is not supported yet")
        dtype, array = check_dtype(dtype), self._array
        order = order or "K"
        if not copy and dtype == array.dtype and _has_order(array, order):
            return self
        if array.size:
            launch("cupy_copy")
        with np.errstate(all="ignore"), warnings.catch_warnings():
            if array.dtype.kind == "c" and dtype.kind not in "bc":
                warnings.simplefilter("default")
            return wrap(array.astype(dtype, order=order))

    def copy(self, order="C") -> ndarray:
        """Copy, by default in C order."""
        return self.astype(self.dtype, order=order)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def view(self, dtype=None, type=None) -> ndarray:
        """Return a view of the same memory, perhaps read as another dtype."""
        array = self._array
        return view_of(self, array.view() if dtype is None else array.view(dtype))

    def fill(self, value) -> None:
        """Set every element to one value."""
        if isinstance(value, ndarray):
            if value.shape != ():
                raise ValueError("non-scalar cupy.ndarray cannot be used for fill")
            value = value.astype(self.dtype, copy=False)._array[()]
            launch("cupy_fill")
        else:
            value = np.asarray(value, self.dtype)
            if value.shape != ():
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            is_memset = self.dtype.kind != "V" and value == 0 and self._array.flags.c_contiguous
            launch("memset" if is_memset else "cupy_fill")
        self._array[...] = value


def _has_order(array: np.ndarray, order: str) -> bool:
    flags = array.flags
    known = {"K": True, "A": flags.forc, "C": flags.c_contiguous, "F": flags.f_contiguous}
    return known[order.upper()]


_new = object.__new__


def wrap(array) -> ndarray:
    """Return a NumPy array as an array of its own memory; a scalar as one without axes."""
    result = _new(ndarray)
    result._array = array if type(array) is np.ndarray else np.asarray(array)
    result._base = None
    return result


def view_of(owner: ndarray, array: np.ndarray) -> ndarray:
    """Return a view of an array's memory."""
    result = _new(ndarray)
    result._array = array
    result._base = owner if owner._base is None else owner._base
    return result


def raw(value) -> np.ndarray:
    """Return the NumPy array of an array. Raises TypeError for anything else."""
    if isinstance(value, ndarray):
        return value._array
    raise TypeError(f"Argument has incorrect type (expected cupy.ndarray, got {type(value)})")


def copy_between(source: ndarray, target: ndarray) -> None:
    """Copy the elements, with broadcasting and conversion: one kernel."""
    if target.size:
        launch("cupy_copy")
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.copyto(target._array, source._array, casting="unsafe")


def contiguous(array: ndarray) -> ndarray:
    """Return the array in C order: itself, or a copy."""
    return array if array._array.flags.c_contiguous else array.copy()


def get_compute_type(dtype):
    """Return how cuBLAS computes: 7 (TF32) for float32 if CUPY_TF32 is set, else 1."""
    is_single = np.dtype(dtype).char in "fF"
    return 7 if is_single and int(os.getenv("CUPY_TF32", "0")) > 0 else 1
