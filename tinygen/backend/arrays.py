"""NumPy or CuPy: the array module of an array, and the devices.

This is the only file that imports CuPy, and only once a CuPy array or the device "cuda" is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["array_module", "device_of", "register", "to_device", "to_numpy"]

Array = Any  # np.ndarray, cupy.ndarray, or a registered type

# ---------------------------------------------------------------------------------------------------------------- array modules

_modules: dict[type, Any] = {np.ndarray: np}  # array type -> the module whose functions take it
_IGNORED = (bool, int, float, complex, np.generic, type(None))  # scalars go with any array


def register(array_type: type, module: Any) -> None:
    """Let `array_module` answer `module` for arrays of type `array_type`."""
    _modules[array_type] = module


def _module_of(array: Array) -> Any:
    """The module of one array, or None if it is no array type known."""
    for cls in type(array).__mro__:
        if cls in _modules:
            return _modules[cls]
        if cls.__module__.partition(".")[0] == "cupy":  # told by its name, so that CuPy is imported only by those who use it
            register(cls, import_cupy())
            return _modules[cls]
    return None


def array_module(*arrays: Array) -> Any:
    """The module, numpy or cupy, that the arrays belong to; numpy if there are none. Scalars and None go with any array.

    Raises TypeError if the arrays lie on two devices, or if one is of no known array type.
    """
    found = np
    first: Array = None
    for array in arrays:
        if type(array) is np.ndarray:
            module = np
        elif isinstance(array, _IGNORED):
            continue
        else:
            module = _module_of(array)
            if module is None:
                raise TypeError(f"expected NumPy or CuPy arrays, got {_type_name(array)}; make an array of it first, for example with np.asarray")
        if first is None:
            found, first = module, array
        elif type(array) is not type(first) and _family(array) is not _family(first):
            raise TypeError(
                f"arrays on two devices: {_describe(first)} and {_describe(array)}; "
                'move one beside the other with .to(device), for example x.to("cuda") or model.to("cpu")'
            )
    return found


def _family(array: Array) -> type:
    """The registered type an array belongs to: arrays may meet if it is the same."""
    return next(cls for cls in type(array).__mro__ if cls in _modules)


def _type_name(array: Array) -> str:
    return f"{type(array).__module__}.{type(array).__qualname__}"


def _describe(array: Array) -> str:
    return f"{_type_name(array)} of shape {array.shape} on {device_of(array)!r}"


# ---------------------------------------------------------------------------------------------------------------------- devices


def import_cupy() -> Any:
    """CuPy, imported now; an error that says what to install if it cannot be."""
    try:
        import cupy
    except ImportError as error:
        raise ImportError(
            'the device "cuda" needs CuPy, which could not be imported; install it with pip install "cupy-cuda13x[ctk]" '
            '(or cupy-cuda12x, to match the driver), or use the device "cpu"'
        ) from error
    register(cupy.ndarray, cupy)
    return cupy


def cupy_with_gpu() -> Any:
    """CuPy on a machine with a GPU."""
    cupy = import_cupy()
    if not cupy.cuda.is_available():
        raise RuntimeError('the device "cuda" needs an NVIDIA GPU with its driver, and CuPy finds none; check nvidia-smi, or use the device "cpu"')
    return cupy


def check_device(device: str) -> str:
    if device not in ("cpu", "cuda"):
        raise ValueError(f'unknown device {device!r}; the devices are "cpu" and "cuda"')
    return device


def device_of(array: Array) -> str:
    """The device an array lies on: "cuda" for CuPy arrays, "cpu" for all others."""
    module = _module_of(array)
    return "cuda" if module is not None and module.__name__ == "cupy" else "cpu"


def to_device(array: Array, device: str) -> Array:
    """The array on `device`, "cpu" or "cuda": itself if it is there already, else a copy."""
    if check_device(device) == "cuda":
        return array if device_of(array) == "cuda" else cupy_with_gpu().asarray(array)
    return to_numpy(array) if device_of(array) == "cuda" else array


def to_numpy(array: Array) -> np.ndarray:
    """The array as a NumPy array: itself if it is one, a copy if it lies on a GPU."""
    return np.asarray(array) if _module_of(array) in (np, None) else array.get()
