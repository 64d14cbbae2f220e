"""CIFAR-10 in its binary version: no pickle, so that reading a file never runs it."""

from __future__ import annotations

import io
import os

import numpy as np

from .download import File, fetch, find, folders, read_bounded

__all__ = ["cifar10"]

# The digest is the one on the data set's page (and in torchvision's list); a tar file's size may vary with its padding.
ARCHIVE = File(
    dataset="cifar10",
    name="cifar-10-binary.tar",
    size=190_000_000,
    exact=False,
    gzip_md5="c32a1d4ab5d03f1284b67883e8d87530",
    mirrors=(
        "https://www.cs.toronto.edu/~kriz/",
        "https://cave.cs.toronto.edu/kriz/",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
    ),
)
FOLDER = "cifar-10-batches-bin"
BATCHES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
RECORD = 1 + 3 * 32 * 32  # a label, then 1024 bytes each of red, green and blue, row by row
BATCH = 10_000  # records to a file


def cifar10(split: str) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10, ten kinds of animals and vehicles (Krizhevsky 2009): images uint8 (n, 3, 32, 32), labels int64 (n,).

    ``split`` is "train" (n = 50,000) or "test" (10,000). Sought as ``cifar10/cifar-10-binary.tar.gz`` or unpacked as
    ``cifar10/cifar-10-batches-bin/*.bin`` where ``tinygen.data.download`` says, else downloaded (162 MB).
    Raises ValueError for another split or a damaged file, FileNotFoundError where there is none.
    """
    if split not in BATCHES:
        raise ValueError(f"cifar10: split must be 'train' or 'test', got {split!r}")
    unpacked = _unpacked(BATCHES[split])
    if unpacked and not find(ARCHIVE):
        batches = [(read_bounded(path, BATCH * RECORD), path) for path in unpacked]
    else:
        batches = _from_archive(BATCHES[split])
    images, labels = zip(*(_parse(content, where) for content, where in batches), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _unpacked(names: tuple[str, ...]) -> list[str]:
    """The batches' paths where an unpacked archive lies on this machine, else none."""
    for root in folders(ARCHIVE.dataset):
        for folder in (os.path.join(root, FOLDER), root):
            paths = [os.path.join(folder, name) for name in names]
            if all(map(os.path.isfile, paths)):
                return paths
    return []


def _from_archive(names: tuple[str, ...]) -> list[tuple[bytes, str]]:
    import tarfile

    content, where = fetch(ARCHIVE)
    batches = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for name in names:
                member = archive.extractfile(f"{FOLDER}/{name}")
                if member is None:
                    raise KeyError(f"{name} is not a plain file")
                batches.append((member.read(BATCH * RECORD + 1), f"{where}: {name}"))
    except (tarfile.TarError, KeyError) as error:
        raise ValueError(f"{where}: not CIFAR-10's binary archive ({error}); delete it, and fetch it again") from error
    return batches


def _parse(content: bytes, where: object) -> tuple[np.ndarray, np.ndarray]:
    if len(content) != BATCH * RECORD:
        raise ValueError(
            f"{where}: {len(content):,} bytes, expected {BATCH * RECORD:,} ({BATCH:,} records of {RECORD}); fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(BATCH, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise ValueError(f"{where}: label {labels.max()}, expected 0 to 9: the file is damaged, fetch it again")
    return records[:, 1:].reshape(BATCH, 3, 32, 32), labels
