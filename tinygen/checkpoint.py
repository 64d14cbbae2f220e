"""Save and resume: the state of any number of objects in one file that is whole or not there.

    save_checkpoint("run/last.npz", model=model, optimizer=optimizer, loader=loader, noise=generator, step=step, losses=losses)
    ...
    rest = load_checkpoint("run/last.npz", model=model, optimizer=optimizer, loader=loader, noise=generator)
    step, losses = rest["step"], rest["losses"]

**The file** is an .npz: a zip of .npy arrays, read without pickle, so that a file from a stranger can do nothing but be wrong. Its entry
"checkpoint.json" holds format, version and a tree of all that was saved, in which an array stands as {"array": its entry, "dtype", "shape"}
and a dict as {"dict": {...}}. Every entry carries the zip's CRC-32, which is checked over all of it before anything is believed.

**Whole or not there.** A checkpoint is written to a file of another name in the same folder, forced to the disk, and only then moved over the old
one, which the system does in one step. So at every moment, kill -9 and power cuts included, the name leads to a whole checkpoint: the old or the new.
"""

from __future__ import annotations

import errno
import glob
import io
import json
import os
import secrets
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from .autograd.tensor import Tensor
from .backend import to_numpy

try:
    import fcntl
except ImportError:  # Windows: an open file cannot be removed there, which serves the same end
    fcntl = None

__all__ = ["load_checkpoint", "save_checkpoint"]

FORMAT, VERSION = "tinygen checkpoint", 1
_META = "checkpoint.json"


def save_checkpoint(path: str | os.PathLike, /, **objects: Any) -> None:
    """Write the state of `objects` to `path`, replacing what is there in one step.

    An object is anything with `state_dict()` and `load_state_dict()` (a Module, Optimizer, ExponentialMovingAverage, RNG, Loader), or
    plain: a number, string, bool, None or array, or nested dicts (with string keys), lists and tuples of such. Lists and tuples both come
    back as lists, arrays as NumPy arrays. Missing folders are made.

    Raises TypeError for what cannot be stored, and OSError if the file cannot be written (a full disk, say); the checkpoint that was there is then
    as it was. What a killed run left half written beside `path` is removed.
    """
    arrays: dict[str, Any] = {}
    tree = {name: _encode(o.state_dict() if hasattr(o, "state_dict") else o, name, arrays) for name, o in objects.items()}
    text = json.dumps({"format": FORMAT, "version": VERSION, "objects": tree})
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    file = None
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "it is a folder; give the name of a file")
        os.makedirs(folder, exist_ok=True)
        _remove_leftovers(path)
        aside = f"{path}.{secrets.token_hex(8)}.tmp"
        file = open(aside, "xb")  # noqa: SIM115 (closed below, before it is moved)
        _lock(file)
        _write(file, text, arrays)
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(aside, path)
    except BaseException as error:  # Ctrl-C too
        if file is not None:
            with suppress(OSError):
                file.close()  # may try to write what is left, and fail again
            with suppress(OSError):
                os.remove(aside)
        if isinstance(error, OSError):
            what = (
                f"save_checkpoint: cannot write the checkpoint ({error.strerror or error}); what was saved there before is "
                "unharmed. Make room or choose another place"
            )
            raise OSError(error.errno, what, path) from error
        raise
    if os.name == "posix":  # a move is on the disk when its folder is
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems cannot; the new checkpoint is in its place all the same
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def load_checkpoint(path: str | os.PathLike, /, **objects: Any) -> dict[str, Any]:
    """Load the checkpoint at `path` into `objects`, by the names they were saved under; return all that is in it besides, as plain values, by name.

    Raises FileNotFoundError, or ValueError if the file is damaged, is no checkpoint, or does not fit the objects (another model's, say), naming
    what differs. Then every object has the state it had.
    """
    saved = _read(os.fspath(path))
    for name, o in objects.items():
        if not hasattr(o, "load_state_dict"):
            raise TypeError(
                f"load_checkpoint: {name} is a {type(o).__name__} and cannot be loaded into; plain values are in the dict that "
                "load_checkpoint returns"
            )
    if missing := [name for name in objects if name not in saved]:
        raise ValueError(f"load_checkpoint: {path} holds {', '.join(saved) or 'nothing'}, but no {', '.join(missing)}")
    before = {name: o.state_dict() for name, o in objects.items()}  # some objects can only judge a state by loading it: this takes it back
    wrong = []
    try:
        for name, o in objects.items():
            try:
                o.load_state_dict(saved[name])
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
                wrong.append(f"{name}: {error if not isinstance(error, KeyError) else f'its state has no {error}'}")
        if wrong:
            raise ValueError(f"load_checkpoint: {path} does not fit; nothing was loaded\n" + "\n".join(wrong))
    except BaseException:
        for name, o in objects.items():
            o.load_state_dict(before[name])
        raise
    return {name: value for name, value in saved.items() if name not in objects}


# -------------------------------------------------------------------------------------------------------------- trees


def _encode(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """What stands for `value` in the JSON tree; its arrays go into `arrays`, under the path to them."""
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        if bad := [k for k in value if not isinstance(k, str)]:
            raise TypeError(f"save_checkpoint: {name} has the key {bad[0]!r}; the keys of what is saved are strings")
        return {"dict": {k: _encode(v, f"{name}/{k}", arrays) for k, v in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_encode(v, f"{name}/{i}", arrays) for i, v in enumerate(value)]
    if not hasattr(value, "__array_function__") or value.dtype.kind not in "fiub":
        what = f"an array of dtype {value.dtype}" if hasattr(value, "dtype") else f"a {type(value).__name__}"
        raise TypeError(
            f"save_checkpoint: {name} is {what}, which cannot be stored; give an object with state_dict(), numbers, strings, "
            "arrays, or dicts and lists of them"
        )
    arrays[f"{len(arrays)}/{name}"] = value  # numbered, for two paths may read alike: {"a/b": x, "a": {"b": y}}
    return {"array": f"{len(arrays) - 1}/{name}", "dtype": value.dtype.str, "shape": list(value.shape)}


def _decode(node: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(node, list):
        return [_decode(v, arrays) for v in node]
    if not isinstance(node, dict):
        return node
    if "dict" in node:
        return {k: _decode(v, arrays) for k, v in node["dict"].items()}
    array = arrays[node["array"]]
    if [array.dtype.str, list(array.shape)] != [node["dtype"], node["shape"]]:
        raise ValueError(f"{node['array']} is {array.dtype.str} {array.shape}, but the file says {node['dtype']} {node['shape']}")
    return array


# -------------------------------------------------------------------------------------------------------------- the file


def _write(file: Any, text: str, arrays: dict[str, Any]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_META, text)
        for name, array in arrays.items():
            buffer = io.BytesIO()  # one array at a time
            # order="C", because a transposed array would be stored as it lies, marked Fortran's, and come back so
            np.lib.format.write_array(buffer, np.asarray(to_numpy(array), order="C"), allow_pickle=False)
            archive.writestr(f"{name}.npy", buffer.getbuffer())


def _read(path: str) -> dict[str, Any]:
    """All that is in the file, checked."""
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "load_checkpoint: there is no such file; start without it, or correct the name", path) from None
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                # read() checks the CRC of the whole entry; np.load alone stops after as many bytes as the array's header says
                entries = {name: archive.read(name) for name in archive.namelist()}
        except Exception as error:  # on damaged files zipfile and the decompressors raise a dozen kinds
            raise ValueError(f"load_checkpoint: {path} is damaged or no checkpoint ({error}); take an older one") from error
    try:
        meta = json.loads(entries.pop(_META).decode())
        if meta["format"] != FORMAT:
            raise KeyError("format")
        version = meta["version"]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"load_checkpoint: {path} was not written by save_checkpoint: it has no valid {_META}") from error
    if version != VERSION:
        raise ValueError(
            f"load_checkpoint: {path} has version {version} of the format, and this tinygen reads version {VERSION}; load it with "
            "the tinygen that wrote it"
        )
    try:
        arrays = {name.removesuffix(".npy"): np.load(io.BytesIO(data), allow_pickle=False) for name, data in entries.items()}
        return {name: _decode(node, arrays) for name, node in meta["objects"].items()}
    except (ValueError, KeyError, EOFError, TypeError, AttributeError) as error:
        raise ValueError(f"load_checkpoint: {path} is damaged ({error}); take an older one") from error


def _lock(file: Any) -> bool:
    """Mark the file as being written, for as long as this process lives. False if another holds it."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _remove_leftovers(path: str) -> None:
    """Remove the temporary files of runs that were killed while they wrote; those of runs still writing are locked, and stay."""
    for name in glob.glob(f"{glob.escape(path)}.{'[0-9a-f]' * 16}.tmp"):
        with suppress(OSError):
            with open(name, "rb") as file:
                stale = _lock(file)
            if stale:
                os.remove(name)
