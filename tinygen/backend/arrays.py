"""NumPy or CuPy: the library that an array belongs to, and the devices.

This is the only file that imports CuPy. It does so when a CuPy array or the device "cuda" is first
used.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

__all__ = [
    "all_on_gpu",
    "array_module",
    "device_of",
    "from_dlpack",
    "synchronize",
    "to_device",
    "to_device_of",
    "to_numpy",
    "type_name",
    "zeros_like",
]

Array = Any  # np.ndarray or cupy.ndarray

# ----------------------------------------------------------------------------------- array modules

_SCALARS = (bool, int, float, complex, np.generic, type(None))  # they combine with any array


def array_module(*arrays: Array) -> Any:
    """Return the module, numpy or cupy, that the arrays belong to; numpy if there are none.

    Scalars and None combine with any array.

    Raises
    ------
    TypeError
        If the arrays lie on two devices, or one of them is not NumPy's or CuPy's.
    """
    found = np
    first: Array = None
    for array in arrays:
        if type(array) is np.ndarray:
            module = np
        elif isinstance(array, _SCALARS):
            continue
        else:
            module = _module_of(array)
            if module is None:
                raise TypeError(
                    f"expected NumPy or CuPy arrays, got {type_name(array)}; make an array of it "
                    "first, for example with np.asarray"
                )
        if first is None:
            found, first = module, array
        elif module is not found:
            raise TypeError(
                f"arrays on two devices: {_describe(first)} and {_describe(array)}; move one to "
                'the other\'s with .to(device), for example x.to("cuda") or model.to("cpu")'
            )
    return found


def all_on_gpu(*arrays: Array) -> bool:
    """Return whether all arrays are CuPy's; scalars and None combine with any.

    Raises TypeError if the arrays lie on two devices. A Tensor, or anything else that is no array,
    makes the answer False.
    """
    if any(_module_of(a) is None and not isinstance(a, _SCALARS) for a in arrays):
        return False
    return array_module(*arrays) is not np


def _module_of(array: Array) -> Any:
    """Return the module of one array, or None if it is not an array of NumPy or CuPy.

    Raises TypeError for a masked array: the functions here would use the elements that it masks.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError("a masked array would lose its mask; give array.filled(value)")
    return _module_of_type(type(array))


@functools.cache
def _module_of_type(array_type: type) -> Any:
    for cls in array_type.__mro__:
        if cls is np.ndarray:
            return np
        # Recognized by its name, so that CuPy is imported only by those who use it.
        if (cls.__module__, cls.__name__) == ("cupy", "ndarray"):
            return import_cupy()
    return None


def type_name(value: Any) -> str:
    """Return the name of a value's type as users know it: "list", "torch.Tensor"."""
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def _describe(array: Array) -> str:
    return f"{type_name(array)} of shape {array.shape} on {device_of(array)!r}"


def zeros_like(x: Array, shape: tuple[int, ...], dtype: Any = None) -> Array:
    """Return zeros of a shape of their own, on the device and with the memory order of x."""
    if shape:
        return np.zeros_like(x, shape=shape, dtype=dtype)
    return array_module(x).zeros((), x.dtype if dtype is None else dtype)  # CuPy ignores shape=()


# ----------------------------------------------------------------------------------------- devices


def import_cupy() -> Any:
    """Return CuPy, imported now. Raises ImportError that says what to install."""
    try:
        import cupy
    except ImportError as error:
        raise ImportError(
            'the device "cuda" needs CuPy, which could not be imported; install it with '
            'python -m pip install "cupy-cuda13x[ctk]" (or cupy-cuda12x, to match the driver), or '
            'use the device "cpu"'
        ) from error
    return cupy


def import_cupyx() -> Any:
    """Return CuPy's package of what NumPy does not have, imported now."""
    import_cupy()
    import cupyx

    return cupyx


def cupy_with_gpu() -> Any:
    """Return CuPy on a machine with a GPU. Raises RuntimeError if CuPy finds none."""
    cupy = import_cupy()
    if not cupy.cuda.is_available():
        raise RuntimeError(
            'the device "cuda" needs an NVIDIA GPU with its driver, and CuPy finds none; check '
            'nvidia-smi, or use the device "cpu"'
        )
    return cupy


def import_nccl() -> Any:
    """Return CuPy's interface to NCCL, which combines arrays of several GPUs, imported now.

    Raises ImportError that says what to install.
    """
    import_cupy()
    from cupy.cuda import nccl

    if not nccl.available:
        raise ImportError(
            "several GPUs work together through NVIDIA's NCCL, which CuPy could not load; install "
            "it with python -m pip install nvidia-nccl-cu13 (or nvidia-nccl-cu12, to match CuPy)"
        )
    return nccl


def check_device(device: str) -> str:
    """Return the name of a device. Raises ValueError unless it is "cpu" or "cuda"."""
    if device not in ("cpu", "cuda"):
        raise ValueError(f'unknown device {device!r}; the devices are "cpu" and "cuda"')
    return device


def device_of(array: Array) -> str:
    """Return the device of an array: "cuda" for CuPy arrays, "cpu" for all others."""
    return "cpu" if _module_of(array) in (np, None) else "cuda"


def synchronize(device: str) -> None:
    """Wait until the device has computed all that it was given. The CPU always has."""
    if check_device(device) == "cuda":
        import_cupy().cuda.Device().synchronize()


def to_device(array: Array, device: str) -> Array:
    """Return the array on "cpu" or "cuda": itself if it lies there already, else a copy."""
    check_device(device)
    if device == device_of(array):
        return array
    return cupy_with_gpu().asarray(array) if device == "cuda" else to_numpy(array)


def to_device_of(array: Array, target: Array) -> Array:
    """Return the array on the device of `target`: itself if it lies there already, else a copy."""
    return array_module(target).asarray(to_device(array, device_of(target)))


def to_numpy(array: Array) -> np.ndarray:
    """Return the array as a NumPy array: itself if it is one, a copy if it lies on a GPU."""
    return np.asarray(array) if _module_of(array) in (np, None) else array.get()


def from_dlpack(array: Any) -> Array:
    """Return a copy of another library's array, which it hands over by `__dlpack__`.

    It lies where that array does: DLPack's device 1 is the CPU, all others are GPUs. Raises
    TypeError for a dtype that NumPy does not have.
    """
    if "bfloat16" in str(getattr(array, "dtype", "")):
        raise TypeError("NumPy has no bfloat16: give tensor.float()")
    if hasattr(array, "is_neg") and array.is_neg():
        array = array.resolve_neg()  # a view of PyTorch whose signs are not in the memory
    is_on_cpu = array.__dlpack_device__()[0] == 1
    module = np if is_on_cpu else cupy_with_gpu()
    return module.from_dlpack(array).copy()
