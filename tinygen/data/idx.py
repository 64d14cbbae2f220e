"""The IDX format, and the data sets that come in it: MNIST, Fashion-MNIST, Kuzushiji-MNIST.

An IDX file is a header and an array: two zero bytes, a byte for the element's type, a byte for the number of dimensions n,
n sizes as big-endian 32-bit integers, then the elements, big-endian, last index fastest, and nothing more.
Source of the format: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import math
import os
import zlib

import numpy as np

from .download import File, fetch, gunzip, read_bounded

__all__ = ["fashion_mnist", "kmnist", "mnist", "read_idx"]

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST = 2**31  # bytes of array that a header may announce


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an IDX file, plain or gzip-compressed.

    Returns the array in native byte order, writable, with the shape and type its header announces.
    Raises ValueError, naming the file, if the header is not IDX, announces more than 2 GiB, or does not agree with the number
    of bytes that follow; or if the gzip data is damaged. FileNotFoundError if there is no such file.
    """
    content = read_bounded(path, MOST)
    if content[:2] == b"\x1f\x8b":
        # Unfold the header alone first: what it announces bounds how much the rest may unfold to.
        try:
            head = zlib.decompressobj(wbits=31).decompress(content, 4 + 4 * 255)
        except zlib.error as error:
            raise ValueError(f"{path}: damaged gzip data ({error}); fetch the file again") from error
        dtype, shape = _header(head, path)
        content = gunzip(content, 4 + 4 * len(shape) + math.prod(shape) * dtype.itemsize, path)
    return _parse(content, path)


def _header(content: bytes, where: object) -> tuple[np.dtype, tuple[int, ...]]:
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES or content[3] == 0:
        codes = ", ".join(f"{code:02x}" for code in TYPES)
        raise ValueError(
            f"{where}: begins {content[:4].hex(' ') or 'with nothing'}, which is not IDX: expected 00 00, a type "
            f"({codes}) and a number of dimensions from 1; fetch the file again"
        )
    n = content[3]
    if len(content) < 4 + 4 * n:
        raise ValueError(f"{where}: ends inside the header: {len(content)} bytes, {4 + 4 * n} for {n} dimensions")
    shape = tuple(int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(n))
    dtype = np.dtype(TYPES[content[2]])
    if math.prod(shape) * dtype.itemsize > MOST:
        raise ValueError(f"{where}: announces an array of shape {shape}, over {MOST:,} bytes; not a file to trust")
    return dtype, shape


def _parse(content: bytes, where: object) -> np.ndarray:
    dtype, shape = _header(content, where)
    start = 4 + 4 * len(shape)
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - start != expected:
        raise ValueError(
            f"{where}: {len(content) - start:,} bytes of data, where the header's shape {shape} of {dtype.name} needs "
            f"{expected:,}; the file is {'cut short' if len(content) - start < expected else 'too long'}: fetch it again"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def mnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """MNIST, handwritten digits (LeCun, Cortes, Burges 1998): images uint8 (n, 1, 28, 28), labels int64 (n,).

    ``split`` is "train" (n = 60,000) or "test" (10,000). The files are sought on this machine, then downloaded: see
    ``tinygen.data.download``. Raises ValueError for another split or a damaged file, FileNotFoundError where there is none.
    """
    return _load("mnist", split)


def fashion_mnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST, ten kinds of clothing (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747): as ``mnist``."""
    return _load("fashion_mnist", split)


def kmnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Kuzushiji-MNIST, ten cursive Japanese characters (Clanuwat et al. 2018, arXiv:1812.01718): as ``mnist``."""
    return _load("kmnist", split)


MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    "fashion_mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "kmnist": (
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://web.archive.org/web/2020id_/http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
}

# MD5 of the published gzip files (as torchvision lists them), in the order of PARTS; for MNIST also of their content.
PARTS = (("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels"))
GZIP_MD5 = {
    "mnist": (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "fashion_mnist": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    "kmnist": (
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
}
CONTENT_MD5 = {
    "mnist": (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
}
COUNT = {"train": 60_000, "test": 10_000}


def _file(name: str, split: str, part: str) -> File:
    prefix = "train" if split == "train" else "t10k"
    rank = 3 if part == "images" else 1
    i = PARTS.index((split, part))
    return File(
        dataset=name,
        name=f"{prefix}-{part}-idx{rank}-ubyte",
        aliases=(f"{prefix}-{part}.idx{rank}-ubyte",),
        size=COUNT[split] * 784 + 16 if part == "images" else COUNT[split] + 8,
        gzip_md5=GZIP_MD5[name][i],
        md5=CONTENT_MD5[name][i] if name in CONTENT_MD5 else None,
        mirrors=MIRRORS[name],
    )


def _load(name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    if split not in COUNT:
        raise ValueError(f"{name}: split must be 'train' or 'test', got {split!r}")
    arrays = []
    for part, shape in (("images", (COUNT[split], 28, 28)), ("labels", (COUNT[split],))):
        content, where = fetch(_file(name, split, part))
        array = _parse(content, where)
        if array.shape != shape or array.dtype != np.uint8:
            raise ValueError(f"{where}: {array.dtype} of shape {array.shape}, expected uint8 of {shape}: not {name}'s file")
        arrays.append(array)
    images, labels = arrays
    if labels.max() > 9:  # a damaged plain file of a set without a published digest of its content
        raise ValueError(f"{where}: label {labels.max()}, expected 0 to 9: the file is damaged, fetch it again")
    return images[:, None], labels.astype(np.int64)
