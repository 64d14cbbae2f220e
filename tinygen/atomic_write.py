"""Write a file in one step: it is complete, or it is the old one.

The new content goes to a temporary file in the same folder and is forced to the disk. Only then is
the file moved over the old one, which the system does in one step. So at any moment, also after
kill -9 or a power cut, the name leads to a complete file: the old one or the new one.
"""

from __future__ import annotations

import errno
import glob
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed: this serves the same purpose
    fcntl = None

__all__ = ["replace_file"]


def replace_file(path: str | os.PathLike, write: Callable[[BinaryIO], None]) -> None:
    """Write a temporary file, and move it over `path` when it is complete and on the disk.

    Temporary files that killed runs have left next to `path` are removed.

    Parameters
    ----------
    path : the file. Missing folders are created.
    write : function that is given the open file, and writes the content.

    Raises
    ------
    OSError
        If the file cannot be written, for example on a full disk. An older file has not been
        changed.
    """
    path = os.path.realpath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "it is a folder; give the name of a file")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _remove_leftovers(path)
    temporary = f"{path}.{secrets.token_hex(8)}.tmp"
    file = open(temporary, "xb")
    try:
        _lock(file)
        write(file)
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C, too
        with suppress(OSError):  # closing may try to write the rest, and fail again
            file.close()
        with suppress(OSError):
            os.remove(temporary)
        raise
    _sync_folder(os.path.dirname(path))


def _sync_folder(folder: str) -> None:
    """Force the folder to the disk: only then is a move in it on the disk."""
    if os.name != "posix":
        return
    # Some network file systems cannot do this. The new file is in its place all the same.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lock(file: BinaryIO) -> bool:
    """Mark a file as in use while this process lives. Return False if another one has marked it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_leftovers(path: str) -> None:
    """Remove the temporary files of killed runs. Those of runs that still write are locked."""
    for name in glob.glob(f"{glob.escape(path)}.{'[0-9a-f]' * 16}.tmp"):
        with suppress(OSError):
            with open(name, "rb") as file:
                is_leftover = _lock(file)
            if is_leftover:
                os.remove(name)
