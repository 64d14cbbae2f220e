"""Files of well-known data sets: looked for on this machine, else downloaded, and never believed unchecked.

Looked for in this order: ``$TINYGEN_DATA/NAME/``, then the cache (``$XDG_CACHE_HOME/tinygen/NAME/`` or
``~/.cache/tinygen/NAME/``), then each mirror in turn. What comes from a mirror must have a published digest, and enters the
cache whole or not at all: it is written beside its place, flushed to the disk, and renamed.

Modules that only checking and downloading need are imported there: ``import tinygen`` stays quick and touches no network.
"""

from __future__ import annotations

import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["File", "fetch", "find", "gunzip", "read_bounded"]

TIMEOUT = 30  # seconds a mirror may stay silent
OFFLINE = (
    "Offline? Put the file into $TINYGEN_DATA/{name}/ (TINYGEN_DATA is a folder of your choice), "
    "or use the procedural digits, which need no files: --data digits"
)


@dataclass(frozen=True)
class File:
    """One file of a data set, as published: gzip-compressed.

    ``dataset`` names the folder; ``name`` the file without its ".gz"; ``aliases`` are other spellings of it; ``size`` is its
    exact uncompressed size in bytes, or with ``exact=False`` the most it may be. ``gzip_md5`` is the digest of the published
    gzip file, ``md5`` that of its content where one is published (a file compressed anew has the same content only).
    ``mirrors`` are URLs that end where the file's name begins.
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
    """The file's uncompressed content, checked, and where it came from (for messages).

    Raises ValueError if the copy on this machine is damaged or not what it should be, FileNotFoundError if there is none and
    no mirror gave it (each mirror's reason is listed).
    """
    path = find(file)
    if path is None:
        return _download(file)
    packed = read_bounded(path, file.size + 2**20)
    return _check(file, packed, path, published=False), path


def find(file: File) -> str | None:
    """The path of the file on this machine, plain or .gz, or None."""
    for folder in folders(file.dataset):
        for name in (file.name, *file.aliases):
            for path in (os.path.join(folder, name), os.path.join(folder, f"{name}.gz")):
                if os.path.isfile(path):
                    return path
    return None


def folders(dataset: str) -> Iterator[str]:
    """Where files of a data set may lie, best first: the user's folder, then the cache."""
    if root := os.environ.get("TINYGEN_DATA"):
        yield os.path.join(os.path.expanduser(root), dataset)
    yield os.path.join(_cache(), dataset)


def _cache() -> str:
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tinygen")


def read_bounded(path: str | os.PathLike[str], most: int) -> bytes:
    """A file's bytes; ValueError if it is larger than ``most``, before any of it is read."""
    size = os.path.getsize(path)
    if size > most:
        raise ValueError(f"{path}: {size:,} bytes, where at most {most:,} make sense; it is not the file it is taken for")
    with open(path, "rb") as file:
        return file.read()


def gunzip(packed: bytes, most: int, where: object) -> bytes:
    """Decompress one gzip stream that must be whole, intact and at most ``most`` bytes.

    A gzip stream ends with a CRC-32 of its content, so a flipped bit or a missing end cannot pass; and no more than ``most``
    bytes are ever made, whatever a hostile file would unfold to.
    """
    stream = zlib.decompressobj(wbits=31)  # 31: a gzip header and trailer, the CRC checked
    try:
        content = stream.decompress(packed, most + 1)
    except zlib.error as error:
        raise ValueError(f"{where}: damaged gzip data ({error}); fetch the file again") from error
    if len(content) > most:
        raise ValueError(f"{where}: unfolds to more than the expected {most:,} bytes; fetch the file again")
    if not stream.eof:
        raise ValueError(f"{where}: gzip data cut short after {len(packed):,} bytes; fetch the file again")
    if stream.unused_data:
        raise ValueError(f"{where}: {len(stream.unused_data):,} bytes follow the gzip data's end; fetch the file again")
    return content


def _md5(data: bytes) -> str:
    import hashlib

    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _check(file: File, packed: bytes, where: object, published: bool) -> bytes:
    """The content of what was found at ``where``, or ValueError. ``published``: nothing but a published digest will do."""
    compressed = packed[:2] == b"\x1f\x8b"
    content = gunzip(packed, file.size, where) if compressed else packed
    if file.exact and len(content) != file.size:
        raise ValueError(
            f"{where}: {len(content):,} bytes of content where {file.name} has {file.size:,}: "
            f"{'cut short' if len(content) < file.size else 'too long'}; delete it, and it will be downloaded again"
        )
    if compressed and _md5(packed) == file.gzip_md5:
        return content
    if file.md5 is None:
        # No digest of the content is published. A local .gz still has its CRC, a plain file only its exact size.
        if not published:
            return content
        raise ValueError(f"{where}: MD5 {_md5(packed)}, expected {file.gzip_md5}")
    if _md5(content) != file.md5:
        raise ValueError(
            f"{where}: the content has MD5 {_md5(content)}, but {file.dataset}'s {file.name} has {file.md5}: "
            "it is damaged or another file; delete it, and it will be downloaded again"
        )
    return content


def _download(file: File) -> tuple[bytes, str]:
    """Try each mirror; keep the first answer with the right digest in the cache."""
    reasons = []
    for mirror in file.mirrors:
        url = f"{mirror}{file.name}.gz"
        print(f"tinygen: downloading {url}", file=sys.stderr)
        try:
            packed = _get(url, file.size + 2**20)
            content = _check(file, packed, f"{len(packed):,} bytes received", published=True)
        except (OSError, ValueError) as error:
            reasons.append(f"  {url}\n    {error}")
            continue
        try:
            _keep(packed, os.path.join(_cache(), file.dataset), f"{file.name}.gz")
        except OSError as error:
            warnings.warn(f"{file.name} was downloaded but cannot be kept in the cache: {error}", stacklevel=2)
        return content, url
    places = "\n".join(f"  {folder}" for folder in folders(file.dataset))
    raise FileNotFoundError(
        f"{file.dataset}: {file.name} is not in\n{places}\nand no mirror gave it:\n"
        + "\n".join(reasons)
        + "\n"
        + OFFLINE.format(name=file.dataset)
    )


def _get(url: str, most: int) -> bytes:
    """The body of the answer to a GET; OSError if there is none, if it is not binary, or if it stops early."""
    import http.client
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": "tinygen"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            body = answer.read(most + 1)
            declared, kind = answer.headers.get("Content-Length"), answer.headers.get("Content-Type", "")
    except http.client.HTTPException as error:
        raise OSError(f"broken answer: {error!r}") from error
    if len(body) > most:
        raise OSError(f"the answer is longer than {most:,} bytes")
    if declared and declared.isdigit() and len(body) < int(declared):
        raise OSError(f"cut short: {len(body):,} of {int(declared):,} bytes")
    if body[:2] != b"\x1f\x8b":
        raise OSError(f"not gzip data but {len(body):,} bytes of {kind or 'unknown type'} that begin {body[:40]!r}")
    return body


def _keep(data: bytes, folder: str, name: str) -> None:
    """Write ``folder/name`` so that at every moment it is either whole or absent, whatever is killed or full."""
    import tempfile

    os.makedirs(folder, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(aside, os.path.join(folder, name))
    except BaseException:
        os.unlink(aside)
        raise
