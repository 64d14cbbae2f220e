"""States in files of safetensors, which PyTorch and other libraries read and write.

    from tinygen.checkpoint import load_safetensors, save_safetensors

    save_safetensors("model.safetensors", model.state_dict())
    model.load_state_dict(load_safetensors("model.safetensors"))

**The file** has the names, dtypes, shapes and places of all arrays as JSON, then their bytes. There
is no code in it, so a file from a stranger can run none. The library checks that the arrays fill
the rest of the file exactly, without gaps or overlaps, before it reads any.

It holds arrays alone. What else a run needs to go on, `save_checkpoint` saves.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .atomic_write import replace_file
from .autograd.tensor import Tensor
from .backend import from_dlpack, to_numpy

__all__ = ["load_safetensors", "save_safetensors"]

# NumPy's dtype of each of the format's. BF16 is not among them: NumPy has no such dtype.
DTYPES = {
    "BOOL": "bool",
    "U8": "u1",
    "U16": "<u2",
    "U32": "<u4",
    "U64": "<u8",
    "I8": "i1",
    "I16": "<i2",
    "I32": "<i4",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}


def save_safetensors(path: str | os.PathLike, state: Mapping[str, Any]) -> None:
    """Write a `state_dict()` to a file of safetensors, and replace an older file in one step.

    Parameters
    ----------
    path : the file. Missing folders are created.
    state : dict from names to arrays: of NumPy or CuPy, Tensors, or those of another library.

    Raises
    ------
    TypeError
        For a state that is no dict of arrays. An older file has not been changed.
    OSError
        If the file cannot be written. An older file has not been changed.
    ImportError
        If the library safetensors is not installed.
    """
    library = _import_library()
    if not isinstance(state, Mapping):
        advice = "; give its state_dict()" if hasattr(state, "state_dict") else ""
        raise TypeError(
            f"save_safetensors: the state is a dict from names to arrays, not a "
            f"{type(state).__name__}{advice}"
        )
    content = library.numpy.save({name: _read(name, value) for name, value in state.items()})
    try:
        replace_file(path, lambda file: file.write(content))
    except OSError as error:
        message = (
            f"save_safetensors: cannot write the file ({error.strerror or error}); what was there "
            "before is unharmed. Make room or choose another place"
        )
        raise OSError(error.errno, message, os.fspath(path)) from error


def _read(name: str, value: Any) -> np.ndarray:
    """Return a value of a state as an array of NumPy, in the order of C."""
    if not isinstance(name, str):
        raise TypeError(f"save_safetensors: the names are strings, not {name!r}")
    if name == "__metadata__":
        raise TypeError("save_safetensors: the format keeps the name __metadata__ for itself")
    if isinstance(value, Tensor):
        value = value.data
    elif hasattr(value, "__dlpack__") and not hasattr(value, "__array_function__"):
        value = from_dlpack(value)
    dtypes = {np.dtype(dtype) for dtype in DTYPES.values()}
    dtype = getattr(value, "dtype", None)
    if not isinstance(dtype, np.dtype) or dtype.newbyteorder("<") not in dtypes:
        kind = type(value).__name__ if dtype is None else f"array of {dtype}"
        raise TypeError(
            f"save_safetensors: cannot save {name} ({kind}); the file holds arrays of floating "
            "point, integers or booleans alone, and save_checkpoint saves other values"
        )
    return np.asarray(to_numpy(value), order="C")


def load_safetensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Return the arrays of a file of safetensors, by name.

    **Numerics** Each array has the dtype of the file, except for bfloat16, which NumPy does not
    have: its numbers become float32, which holds them exactly. `load_state_dict` then converts
    float16 to the dtype of the module, if that has more digits.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or of another format, or has a dtype that NumPy cannot hold.
    ImportError
        If the library safetensors is not installed.
    """
    library = _import_library()
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        message = "load_safetensors: there is no such file; correct the name"
        raise FileNotFoundError(errno.ENOENT, message, path) from None
    try:
        entries = library.deserialize(content)
    except library.SafetensorError as error:
        raise ValueError(
            f"load_safetensors: {path} is damaged or no file of safetensors ({error})"
        ) from error
    return {name: _parse(path, name, entry) for name, entry in entries}


def _parse(path: str, name: str, entry: Mapping[str, Any]) -> np.ndarray:
    """Return the array of an entry of the file, in memory of its own."""
    dtype, shape, content = entry["dtype"], entry["shape"], entry["data"]
    if dtype == "BF16":  # the upper half of the bits of a float32
        bits = np.frombuffer(content, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(shape)
    if dtype not in DTYPES:
        raise ValueError(
            f"load_safetensors: {path}: {name} is of {dtype}, which NumPy cannot hold; convert it "
            "to F32 with the library that wrote it"
        )
    return np.frombuffer(content, DTYPES[dtype]).reshape(shape).astype(np.dtype(DTYPES[dtype]).type)


def _import_library():
    """Return the module `safetensors`."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "files of safetensors need the library of this name: python -m pip install safetensors"
        ) from error
    return safetensors
