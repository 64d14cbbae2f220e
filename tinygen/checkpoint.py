"""Save and resume: the state of any number of objects in one file.

    save_checkpoint("run/last.npz", model=model, optimizer=optimizer, loader=loader, rng=rng,
                    step=step, losses=losses)
    ...
    rest = load_checkpoint("run/last.npz", model=model, optimizer=optimizer, loader=loader, rng=rng)
    step, losses = rest["step"], rest["losses"]

**When.** A resumed run ends with the same bits only if it was saved between two steps. Ctrl-C comes
at any moment, even between drawing a batch and the optimizer's step. So let the signal set a
variable, and look at it after each step:

    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    ...
    if interrupted.is_set():  # at the end of each step
        save_checkpoint("run/last.npz", ...)
        break

**The file** is an .npz: a zip of .npy arrays. It is read without pickle, so a file from a stranger
can run no code. Its entry "checkpoint.json" holds format, version and a tree of all that was saved.
In the tree an array is {"array": its entry, "dtype": ..., "shape": ...}, and a dict is
{"dict": {...}}. Every entry has the zip's CRC-32 checksum, which is verified before anything is
used. Entries are stored, never compressed, so reading a file takes no more memory than a small
multiple of its size: a file with compressed entries, which could expand to gigabytes, is refused.

**The file is complete or does not exist**: `atomic_write.py` moves it into its place in one step.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from .atomic_write import replace_file
from .autograd.tensor import Tensor
from .backend import to_numpy
from .interop import load_safetensors, save_safetensors

__all__ = ["load_checkpoint", "load_safetensors", "save_checkpoint", "save_safetensors"]

FORMAT, VERSION = "tinygen checkpoint", 1
META_ENTRY = "checkpoint.json"
STORED_KINDS = "fiub"  # NumPy's letters for floats, signed and unsigned integers, bools
LOCAL_HEADER = 30  # bytes that a zip has before the name and the content of each entry, at least

# What `load_state_dict` raises for a state that does not fit.
LOAD_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
)


# ---------------------------------------------------------------------------------- saving


def save_checkpoint(path: str | os.PathLike, /, **objects: Any) -> None:
    """Write the state of objects to a file, and replace an older file in one step.

    Temporary files that killed runs have left next to `path` are removed.

    Parameters
    ----------
    path : the file. Missing folders are created.
    **objects : by name, objects with `state_dict()` and `load_state_dict()` (a Module, Optimizer,
        ExponentialMovingAverage, RNG or Loader); or plain values: numbers, strings, bools, None,
        arrays, and nested dicts (with string keys), lists and tuples of these. Lists and tuples are
        loaded as lists, arrays as NumPy arrays.

    Raises
    ------
    TypeError
        For a value that cannot be stored. An older file has not been changed.
    OSError
        If the file cannot be written, for example on a full disk. An older file has not been
        changed.
    """
    arrays: dict[str, Any] = {}
    tree = {}
    for name, value in objects.items():
        state = value.state_dict() if hasattr(value, "state_dict") else value
        tree[name] = _encode(state, name, arrays)
    meta = json.dumps({"format": FORMAT, "version": VERSION, "objects": tree})
    try:
        replace_file(path, lambda file: _write_archive(file, meta, arrays))
    except OSError as error:
        message = (
            f"save_checkpoint: cannot write the checkpoint ({error.strerror or error}); what was "
            "saved there before is unharmed. Make room or choose another place"
        )
        raise OSError(error.errno, message, os.fspath(path)) from error


def _encode(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Return the JSON tree of a value; add its arrays to `arrays`, under their paths."""
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        if bad := [key for key in value if not isinstance(key, str)]:
            raise TypeError(
                f"save_checkpoint: {name} has the key {bad[0]!r}; the keys of what is saved are "
                "strings"
            )
        return {"dict": {key: _encode(v, f"{name}/{key}", arrays) for key, v in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_encode(v, f"{name}/{i}", arrays) for i, v in enumerate(value)]
    return _encode_array(value, name, arrays)


def _encode_array(value: Any, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    is_array = hasattr(value, "__array_function__")
    if not is_array or value.dtype.kind not in STORED_KINDS:
        has_dtype = hasattr(value, "dtype")
        kind = f"an array of dtype {value.dtype}" if has_dtype else f"a {type(value).__name__}"
        raise TypeError(
            f"save_checkpoint: {name} is {kind}, which cannot be stored; give an object with "
            "state_dict(), numbers, strings, arrays, or dicts and lists of them; a learning-rate "
            "schedule needs none, save the number of the step"
        )
    # The number keeps two equal paths apart: {"a/b": x, "a": {"b": y}}.
    entry = f"{len(arrays)}/{name}"
    arrays[entry] = value
    return {"array": entry, "dtype": value.dtype.str, "shape": list(value.shape)}


def _write_archive(file: BinaryIO, meta: str, arrays: dict[str, Any]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(META_ENTRY, meta)
        for entry, array in arrays.items():
            buffer = io.BytesIO()  # a single array is in memory twice at a time
            # With order="C" a transposed array is not stored, and loaded, as Fortran-ordered.
            array = np.asarray(to_numpy(array), order="C")
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            archive.writestr(f"{entry}.npy", buffer.getbuffer())


# ---------------------------------------------------------------------------------- loading


def load_checkpoint(path: str | os.PathLike, /, **objects: Any) -> dict[str, Any]:
    """Load a checkpoint into objects.

    Parameters
    ----------
    path : the file.
    **objects : the objects to load into, by the names under which they were saved.

    Returns
    -------
    rest : all else that the file holds, as plain values by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, is no checkpoint, or does not fit the objects. The message names
        what differs. Every object has the state that it had before.
    TypeError
        If an object has no `load_state_dict`, such as a plain value.
    """
    saved = _read_checkpoint(os.fspath(path))
    for name, value in objects.items():
        if not hasattr(value, "load_state_dict"):
            raise TypeError(
                f"load_checkpoint: {name} is a {type(value).__name__} and cannot be loaded into; "
                "plain values are in the dict that load_checkpoint returns"
            )
    if missing := [name for name in objects if name not in saved]:
        raise ValueError(
            f"load_checkpoint: {path} holds {', '.join(saved) or 'nothing'}, but no "
            f"{', '.join(missing)}"
        )
    # Some objects can check a state only by loading it. The states of before undo that.
    before = {name: value.state_dict() for name, value in objects.items()}
    try:
        if problems := _load_states(objects, saved):
            raise ValueError(
                f"load_checkpoint: {path} does not fit; nothing was loaded\n" + "\n".join(problems)
            )
    except BaseException:  # Ctrl-C, too
        for name, value in objects.items():
            value.load_state_dict(before[name])
        raise
    return {name: value for name, value in saved.items() if name not in objects}


def _load_states(objects: Mapping[str, Any], saved: Mapping[str, Any]) -> list[str]:
    """Load all states, and return a message for each that does not fit."""
    problems = []
    for name, value in objects.items():
        try:
            value.load_state_dict(saved[name])
        except LOAD_ERRORS as error:
            is_key = isinstance(error, KeyError)
            problems.append(f"{name}: " + (f"its state has no {error}" if is_key else f"{error}"))
    return problems


def _read_checkpoint(path: str) -> dict[str, Any]:
    """Return all values that the file holds, after checking it."""
    entries = _read_archive(path)
    try:
        meta = json.loads(entries.pop(META_ENTRY).decode())
        if meta["format"] != FORMAT:
            raise KeyError("format")
        version = meta["version"]
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"load_checkpoint: {path} was not written by save_checkpoint: it has no valid "
            f"{META_ENTRY}"
        ) from error
    if version != VERSION:
        raise ValueError(
            f"load_checkpoint: {path} has version {version} of the format, and this tinygen reads "
            f"version {VERSION}; load it with the tinygen that wrote it"
        )
    try:
        # `pop` frees the bytes of each entry as soon as its array exists.
        arrays = {
            entry.removesuffix(".npy"): _parse_array(entry, entries.pop(entry))
            for entry in list(entries)
        }
        return {name: _decode(node, arrays) for name, node in meta["objects"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"load_checkpoint: {path} is damaged ({error}); take an older one"
        ) from error


def _read_archive(path: str) -> dict[str, bytes]:
    """Return the entries of a zip file, by name."""
    try:
        file = open(path, "rb")
    except FileNotFoundError:
        message = "load_checkpoint: there is no such file; start without it, or correct the name"
        raise FileNotFoundError(errno.ENOENT, message, path) from None
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_entries(archive)
                # read() verifies the CRC of the whole entry. np.load alone would stop after as many
                # bytes as the array's header says.
                return {name: archive.read(name) for name in archive.namelist()}
        except MemoryError:  # the entries fit into the file, so this is no fault of the file
            raise
        except Exception as error:  # zipfile and its decompressors raise a dozen kinds
            raise ValueError(
                f"load_checkpoint: {path} is damaged or no checkpoint ({error}); take an older one"
            ) from error


def _check_entries(archive: zipfile.ZipFile) -> None:
    """Refuse what `save_checkpoint` never writes, before any entry is read.

    A compressed entry can expand to a thousand times its size, and entries that overlap can repeat
    the same bytes many times. Stored entries that lie one after another cannot: together they are
    no larger than the file.
    """
    end = archive.start_dir  # the table of all entries comes after the last one
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset, reverse=True)
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(
                f"its entry {entry.filename} is compressed, and save_checkpoint stores all entries "
                "as they are"
            )
        size, room = entry.file_size, end - entry.header_offset - LOCAL_HEADER
        if size != entry.compress_size or size > room:
            raise ValueError(
                f"its entry {entry.filename} announces {size:,} bytes, where the file has room "
                f"for {max(room, 0):,}"
            )
        end = entry.header_offset
    if len(set(archive.namelist())) < len(entries):
        raise ValueError("two of its entries have the same name")


def _parse_array(name: str, content: bytes) -> np.ndarray:
    """Return the array of an .npy file, once its header agrees with the number of bytes."""
    file = io.BytesIO(content)
    try:
        if (version := np.lib.format.read_magic(file)) != (1, 0):
            raise ValueError(f"version {version} of the .npy format, expected (1, 0)")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception as error:  # the header is a Python literal, whose parser raises several kinds
        raise ValueError(f"{name} has no valid header: {error}") from error
    size = len(content) - file.tell()
    if dtype.kind not in STORED_KINDS or size != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"the header of {name} announces {dtype} {shape}, which {size:,} bytes cannot be"
        )
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _decode(node: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return the value of a JSON tree."""
    if isinstance(node, list):
        return [_decode(element, arrays) for element in node]
    if not isinstance(node, dict):
        return node
    if "dict" in node:
        return {key: _decode(value, arrays) for key, value in node["dict"].items()}
    array = arrays[node["array"]]
    if [array.dtype.str, list(array.shape)] != [node["dtype"], node["shape"]]:
        raise ValueError(
            f"{node['array']} is {array.dtype.str} {array.shape}, but the file says "
            f"{node['dtype']} {node['shape']}"
        )
    return array
