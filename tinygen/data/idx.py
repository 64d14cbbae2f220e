"""The IDX file format, and the data sets that come in it: MNIST, Fashion-MNIST, Kuzushiji-MNIST.

An IDX file consists of a header and one array:

    2 bytes       zero
    1 byte        the type of the elements
    1 byte        the number of dimensions n
    n x 4 bytes   the sizes, big-endian
    the rest      the elements, big-endian, last index fastest

**Source** of the format: LeCun, Cortes and Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

import math
import os
import zlib

import numpy as np

from .download import GZIP_MAGIC, File, fetch, gunzip, read_bounded
from .errors import DataError

__all__ = ["fashion_mnist", "kmnist", "mnist", "mnist_file", "read_idx"]

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# The largest array that a header may announce. The largest published one, EMNIST's images for
# training, has about half as many bytes.
MAX_BYTES = 2**30
MAX_HEADER = 4 + 4 * 255  # bytes
# How far a gzip file may expand. The published images become about 5 times smaller when they are
# compressed, zeros 1,000 times. Below SMALL bytes, the factor is not looked at.
MAX_EXPANSION = 100
SMALL = 2**26


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an IDX file, plain or gzip-compressed.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    array
        In native byte order and writable, with the shape and type that its header announces.

    Raises
    ------
    DataError
        If the header is not IDX, announces more than 1 GiB, or does not agree with the number of
        bytes that follow; or if the gzip data are damaged, or announce over 64 MiB that are also
        over 100 times their own size. The message names the file.
    FileNotFoundError
        If there is no such file.
    """
    content = read_bounded(path, MAX_BYTES)
    if content[:2] == GZIP_MAGIC:
        # Decompress only the header first: it says how long the rest may be.
        try:
            header = zlib.decompressobj(wbits=31).decompress(content, MAX_HEADER)
        except zlib.error as error:
            raise DataError(f"{path}: damaged gzip data ({error}); download it again") from error
        dtype, shape = _parse_header(header, path)
        size = 4 + 4 * len(shape) + math.prod(shape) * dtype.itemsize
        if size > max(SMALL, MAX_EXPANSION * len(content)):
            raise DataError(
                f"{path}: {len(content):,} bytes of gzip data announce an array of {size:,} bytes, "
                f"over {MAX_EXPANSION} times as many; not a file to trust. If it is your own, "
                "decompress it with gunzip"
            )
        content = gunzip(content, size, path)
    return _parse(content, path)


def _parse_header(content: bytes, where: object) -> tuple[np.dtype, tuple[int, ...]]:
    """Return the type and the shape that a header announces."""
    is_idx = len(content) >= 4 and content[:2] == b"\0\0" and content[2] in TYPES and content[3] > 0
    if not is_idx:
        codes = ", ".join(f"{code:02x}" for code in TYPES)
        raise DataError(
            f"{where}: begins {content[:4].hex(' ') or 'with nothing'}, which is not IDX: expected "
            f"00 00, a type ({codes}) and a number of dimensions from 1; download it again"
        )
    n = content[3]
    if len(content) < 4 + 4 * n:
        raise DataError(
            f"{where}: ends inside the header: {len(content)} bytes, {4 + 4 * n} for {n} dimensions"
        )
    shape = tuple(int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(n))
    dtype = np.dtype(TYPES[content[2]])
    if math.prod(shape) * dtype.itemsize > MAX_BYTES:
        raise DataError(
            f"{where}: announces an array of shape {shape}, over {MAX_BYTES:,} bytes; "
            "not a file to trust"
        )
    return dtype, shape


def _parse(content: bytes, where: object) -> np.ndarray:
    """Return the array of a whole, uncompressed IDX file."""
    dtype, shape = _parse_header(content, where)
    start = 4 + 4 * len(shape)
    size, expected = len(content) - start, math.prod(shape) * dtype.itemsize
    if size != expected:
        fault = "cut short" if size < expected else "too long"
        raise DataError(
            f"{where}: {size:,} bytes of data, where the header's shape {shape} of {dtype.name} "
            f"needs {expected:,}; the file is {fault}: download it again"
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def mnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load MNIST, handwritten digits (LeCun, Cortes and Burges, 1998).

    The files are looked for on this machine, then downloaded: see `tinygen.data.download`.

    Parameters
    ----------
    split : {"train", "test"}
        60,000 or 10,000 images.

    Returns
    -------
    images : array (n, 1, 28, 28) of uint8
        0 is paper, 255 is ink.
    labels : array (n,) of int64

    Raises
    ------
    ValueError
        For another split; a DataError for a damaged file.
    FileNotFoundError
        If there is no file and no mirror delivers it.
    """
    return _load("mnist", split)


def fashion_mnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load Fashion-MNIST, ten kinds of clothing, as `mnist` (Xiao, Rasul and Vollgraf, 2017).

    **Source** arXiv:1708.07747.
    """
    return _load("fashion_mnist", split)


def kmnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load Kuzushiji-MNIST, ten cursive Japanese characters, as `mnist` (Clanuwat et al., 2018).

    **Source** arXiv:1812.01718.
    """
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

# MD5 of the published gzip files (as torchvision lists them), in the order of PARTS; for MNIST
# also of their content.
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
NUM_EXAMPLES = {"train": 60_000, "test": 10_000}


def mnist_file(dataset: str, split: str, part: str) -> File:
    """Describe one of the four files of MNIST or one of its relatives.

    Parameters
    ----------
    dataset : {"mnist", "fashion_mnist", "kmnist"}
    split : {"train", "test"}
    part : {"images", "labels"}

    Returns
    -------
    File
    """
    prefix = "train" if split == "train" else "t10k"
    num_dimensions = 3 if part == "images" else 1
    header, bytes_per_example = (16, 28 * 28) if part == "images" else (8, 1)
    i = PARTS.index((split, part))
    return File(
        dataset=dataset,
        name=f"{prefix}-{part}-idx{num_dimensions}-ubyte",
        aliases=(f"{prefix}-{part}.idx{num_dimensions}-ubyte",),
        size=header + NUM_EXAMPLES[split] * bytes_per_example,
        gzip_md5=GZIP_MD5[dataset][i],
        md5=CONTENT_MD5[dataset][i] if dataset in CONTENT_MD5 else None,
        mirrors=MIRRORS[dataset],
    )


def _load(dataset: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load a split of MNIST or one of its relatives."""
    if split not in NUM_EXAMPLES:
        raise ValueError(f"{dataset}: split must be 'train' or 'test', got {split!r}")
    n = NUM_EXAMPLES[split]
    images, _ = _load_part(dataset, split, "images", (n, 28, 28))
    labels, where = _load_part(dataset, split, "labels", (n,))
    if labels.max() > 9:  # a damaged plain file of a set without a published digest of its content
        raise DataError(
            f"{where}: label {labels.max()}, expected 0 to 9: the file is damaged, "
            "download it again"
        )
    return images[:, None], labels.astype(np.int64)


def _load_part(
    dataset: str, split: str, part: str, shape: tuple[int, ...]
) -> tuple[np.ndarray, str]:
    """Load the images or the labels; also return where they came from."""
    content, where = fetch(mnist_file(dataset, split, part))
    array = _parse(content, where)
    if array.shape != shape or array.dtype != np.uint8:
        raise DataError(
            f"{where}: {array.dtype} of shape {array.shape}, expected uint8 of {shape}: "
            f"not a file of {dataset}"
        )
    return array, where
