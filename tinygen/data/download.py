"""Files of well-known data sets: found on this machine or downloaded, and always checked.

A file is looked for in this order:

1. ``$TINYGEN_DATA/NAME/``,
2. the cache: ``$XDG_CACHE_HOME/tinygen/NAME/``, or else ``~/.cache/tinygen/NAME/``,
3. each mirror in turn.

A download must have a published digest. It enters the cache whole or not at all
(`atomic_write.py`).

Modules that only checking and downloading need are imported inside the functions that use them.
So ``import tinygen`` stays quick and touches no network.
"""

from __future__ import annotations

import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ..atomic_write import replace_file
from .errors import DataError

__all__ = ["File", "fetch", "find", "gunzip", "list_folders", "read_bounded"]

TIMEOUT = 30  # seconds without any data after which a mirror is given up
GZIP_MAGIC = b"\x1f\x8b"  # the first two bytes of every gzip file
GZIP_MARGIN = 2**20  # a gzip file may be this much longer than its content
OFFLINE = (
    "Offline? Put the file into $TINYGEN_DATA/{name}/ (TINYGEN_DATA is a folder of your choice), "
    "or use the procedural digits, which need no files: --data digits"
)


@dataclass(frozen=True)
class File:
    """One file of a data set, published as a gzip file.

    Parameters
    ----------
    dataset : str
        The data set; also the folder in which its files lie.
    name : str
        The file's name without ".gz".
    size : int
        The exact size of the content in bytes, or with ``exact=False`` its upper limit.
    gzip_md5 : str
        Digest of the published gzip file.
    mirrors : tuple of str
        URLs to which the file's name is appended.
    md5 : str, optional
        Digest of the content, if one is published. A file that was compressed anew has another
        gzip digest but the same content.
    aliases : tuple of str
        Other spellings of the name.
    exact : bool
        Whether `size` is exact.
    """

    dataset: str
    name: str
    size: int
    gzip_md5: str
    mirrors: tuple[str, ...]
    md5: str | None = None
    aliases: tuple[str, ...] = ()
    exact: bool = True


def fetch(file: File) -> tuple[bytes, str]:
    """Return the file's content, checked, and where it came from (for messages).

    Raises
    ------
    DataError
        If the copy on this machine is damaged or is another file.
    FileNotFoundError
        If there is no copy and no mirror delivers one. Each mirror's reason is listed.
    """
    path = find(file)
    if path is None:
        return _download(file)
    data = read_bounded(path, file.size + GZIP_MARGIN)
    return _check(file, data, path, from_mirror=False), path


def find(file: File) -> str | None:
    """Return the path of the file on this machine, plain or .gz, or None."""
    for folder in list_folders(file.dataset):
        for name in (file.name, *file.aliases):
            for path in (os.path.join(folder, name), os.path.join(folder, f"{name}.gz")):
                if os.path.isfile(path):
                    return path
    return None


def list_folders(dataset: str) -> Iterator[str]:
    """Yield the folders in which a data set is looked for: the user's folder, then the cache."""
    if root := os.environ.get("TINYGEN_DATA"):
        yield os.path.join(os.path.expanduser(root), dataset)
    yield os.path.join(_cache_folder(), dataset)


def _cache_folder() -> str:
    """Return the folder for downloads of all data sets."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(root, "tinygen")


def read_bounded(path: str | os.PathLike[str], max_size: int) -> bytes:
    """Return a file's bytes. Raises DataError, before reading, if it is larger than `max_size`."""
    size = os.path.getsize(path)
    if size > max_size:
        raise DataError(
            f"{path}: {size:,} bytes, where at most {max_size:,} make sense; "
            "it is not the expected file"
        )
    with open(path, "rb") as file:
        return file.read(size)  # no more, even if path is a device or a file that grows


def gunzip(data: bytes, max_size: int, where: object) -> bytes:
    """Decompress one gzip stream, which must be whole, intact and at most `max_size` bytes long.

    A gzip stream ends with a CRC-32 of its content, so a flipped bit or a missing end is noticed.
    At most `max_size` + 1 bytes are decompressed, however much a hostile file would expand to.

    Parameters
    ----------
    data : bytes
        The gzip stream.
    max_size : int
        Upper limit for the size of the content.
    where : object
        Where the data came from, for error messages.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    DataError
        If the stream is damaged, cut short, too long, or followed by other bytes.
    """
    stream = zlib.decompressobj(wbits=31)  # 31: expect a gzip header and trailer, check the CRC
    try:
        content = stream.decompress(data, max_size + 1)
    except zlib.error as error:
        raise DataError(f"{where}: damaged gzip data ({error}); download it again") from error
    problem = None
    if len(content) > max_size:
        problem = f"expands to more than the expected {max_size:,} bytes"
    elif not stream.eof:
        problem = f"gzip data cut short after {len(data):,} bytes"
    elif stream.unused_data:
        problem = f"{len(stream.unused_data):,} bytes follow the end of the gzip data"
    if problem:
        raise DataError(f"{where}: {problem}; download it again")
    return content


def _md5(data: bytes) -> str:
    import hashlib

    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _check(file: File, data: bytes, where: object, from_mirror: bool) -> bytes:
    """Return the content of the data found at `where`, or raise DataError.

    From a mirror, only data with a published digest are accepted.
    """
    compressed = data[:2] == GZIP_MAGIC
    content = gunzip(data, file.size, where) if compressed else data
    if file.exact and len(content) != file.size:
        fault = "cut short" if len(content) < file.size else "too long"
        raise DataError(
            f"{where}: {len(content):,} bytes of content where {file.name} has {file.size:,}: "
            f"{fault}; delete it, and it will be downloaded again"
        )
    if compressed and _md5(data) == file.gzip_md5:
        return content
    if file.md5 is None:
        # No digest of the content is published. A local .gz file is protected by its CRC, a local
        # plain file only by its exact size.
        if not from_mirror:
            return content
        raise DataError(f"{where}: MD5 {_md5(data)}, expected {file.gzip_md5}")
    if _md5(content) != file.md5:
        raise DataError(
            f"{where}: the content has MD5 {_md5(content)}, but {file.name} of {file.dataset} has "
            f"{file.md5}: it is damaged or another file; delete it, and it will be downloaded again"
        )
    return content


def _download(file: File) -> tuple[bytes, str]:
    """Try each mirror; store the first answer with the right digest in the cache."""
    reasons = []
    for mirror in file.mirrors:
        url = f"{mirror}{file.name}.gz"
        print(f"tinygen: downloading {url}", file=sys.stderr)
        try:
            data = _get(url, file.size + GZIP_MARGIN)
            content = _check(file, data, f"{len(data):,} bytes received", from_mirror=True)
        except (OSError, ValueError) as error:
            reasons.append(f"  {url}\n    {error}")
            continue
        try:
            path = os.path.join(_cache_folder(), file.dataset, f"{file.name}.gz")
            replace_file(path, lambda stream: stream.write(data))
        except OSError as error:
            message = (
                f"{file.name} was downloaded but cannot be stored in the cache: {error}; "
                "set XDG_CACHE_HOME to a folder that can be written"
            )
            warnings.warn(message, stacklevel=2)
        return content, url
    folders = [f"  {folder}" for folder in list_folders(file.dataset)]
    lines = [
        f"{file.dataset}: {file.name} is not in",
        *folders,
        "and no mirror delivered it:",
        *reasons,
        OFFLINE.format(name=file.dataset),
    ]
    raise FileNotFoundError("\n".join(lines))


def _get(url: str, max_size: int) -> bytes:
    """Return the body of the answer to a GET request.

    Raises OSError if there is no answer, if it is too long or cut short, or if it is not gzip data.
    """
    import http.client
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": "tinygen"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            body = answer.read(max_size + 1)
            declared_size = answer.headers.get("Content-Length")
            content_type = answer.headers.get("Content-Type", "")
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise
    except http.client.HTTPException as error:
        raise OSError(f"broken answer: {error!r}") from error
    if len(body) > max_size:
        raise OSError(f"the answer is longer than {max_size:,} bytes")
    if declared_size and declared_size.isdigit() and len(body) < int(declared_size):
        raise OSError(f"cut short: {len(body):,} of {int(declared_size):,} bytes")
    if body[:2] != GZIP_MAGIC:
        raise OSError(
            f"not gzip data but {len(body):,} bytes of {content_type or 'unknown type'} "
            f"that begin {body[:40]!r}"
        )
    return body
