"""CIFAR-10 in its binary version. It needs no pickle, so reading a file never runs code from it."""

from __future__ import annotations

import io
import os
from itertools import islice

import numpy as np

from .download import File, fetch, find, list_folders, read_bounded
from .errors import DataError

__all__ = ["cifar10"]

ARCHIVE = File(
    dataset="cifar10",
    name="cifar-10-binary.tar",
    size=190_000_000,
    exact=False,  # the size of a tar file may vary with its padding
    # From the data set's page and torchvision's list.
    gzip_md5="c32a1d4ab5d03f1284b67883e8d87530",
    mirrors=(
        "https://www.cs.toronto.edu/~kriz/",
        "https://cave.cs.toronto.edu/kriz/",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
    ),
)
FOLDER = "cifar-10-batches-bin"
BATCHES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
# A label, then 1,024 bytes each of red, green and blue, row by row.
RECORD_BYTES = 1 + 3 * 32 * 32
RECORDS_PER_BATCH = 10_000
MAX_MEMBERS = 100  # files of an archive that are looked at; the published one has 9


def cifar10(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load CIFAR-10: colour photographs of ten classes of animals and vehicles (Krizhevsky, 2009).

    The archive is looked for as ``cifar10/cifar-10-binary.tar.gz``, or unpacked as
    ``cifar10/cifar-10-batches-bin/*.bin``, in the folders that `tinygen.data.download` lists.
    If it is in none of them, it is downloaded (162 MB).

    Parameters
    ----------
    split : {"train", "test"}
        50,000 or 10,000 images.

    Returns
    -------
    images : array (n, 3, 32, 32) of uint8
    labels : array (n,) of int64

    Raises
    ------
    ValueError
        For another split; a DataError for a damaged file.
    FileNotFoundError
        If there is no file and no mirror delivers it.
    """
    if split not in BATCHES:
        raise ValueError(f"cifar10: split must be 'train' or 'test', got {split!r}")
    batch_names = BATCHES[split]
    unpacked = _find_unpacked(batch_names)
    if unpacked and not find(ARCHIVE):
        max_size = RECORDS_PER_BATCH * RECORD_BYTES
        batches = [(read_bounded(path, max_size), path) for path in unpacked]
    else:
        batches = _read_archive(batch_names)
    images, labels = zip(*(_parse(content, where) for content, where in batches), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _find_unpacked(batch_names: tuple[str, ...]) -> list[str]:
    """Return the paths of the batch files of an unpacked archive, or an empty list."""
    for root in list_folders(ARCHIVE.dataset):
        for folder in (os.path.join(root, FOLDER), root):
            paths = [os.path.join(folder, name) for name in batch_names]
            if all(map(os.path.isfile, paths)):
                return paths
    return []


def _read_archive(batch_names: tuple[str, ...]) -> list[tuple[bytes, str]]:
    """Return each batch file's content, and where it came from (for error messages)."""
    import tarfile

    content, where = fetch(ARCHIVE)
    max_size = RECORDS_PER_BATCH * RECORD_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            # Only plain files: a link may lead to itself, and the member list may be endless.
            files = {file.name: file for file in islice(archive, MAX_MEMBERS) if file.isreg()}
            batches = []
            for name in batch_names:
                stream = archive.extractfile(files[f"{FOLDER}/{name}"])
                batches.append((stream.read(max_size + 1), f"{where}: {name}"))
    except (tarfile.TarError, KeyError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{where}: not the binary archive of CIFAR-10 ({error}); "
            "delete it, and download it again"
        ) from error
    return batches


def _parse(content: bytes, where: object) -> tuple[np.ndarray, np.ndarray]:
    """Split the bytes of one batch file into images (n, 3, 32, 32) and labels (n,)."""
    expected = RECORDS_PER_BATCH * RECORD_BYTES
    if len(content) != expected:
        raise DataError(
            f"{where}: {len(content):,} bytes, expected {expected:,} "
            f"({RECORDS_PER_BATCH:,} records of {RECORD_BYTES}); download it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(RECORDS_PER_BATCH, RECORD_BYTES)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise DataError(
            f"{where}: label {labels.max()}, expected 0 to 9: the file is damaged, "
            "download it again"
        )
    return records[:, 1:].reshape(RECORDS_PER_BATCH, 3, 32, 32), labels
