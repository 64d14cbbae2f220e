"""CIFAR-10, from its archive and unpacked, and damaged."""

import gzip
import io
import tarfile
import time

import numpy as np
import pytest

from tinygen.data import cifar, cifar10

pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def batches(monkeypatch):
    """Return a CIFAR-10 with 3 images per batch: {file name: records (3, 3073)}."""
    monkeypatch.setattr(cifar, "RECORDS_PER_BATCH", 3)
    rng = np.random.default_rng(0)
    names = [name for split in cifar.BATCHES.values() for name in split]
    records = {name: rng.integers(0, 256, (3, 3073)).astype(np.uint8) for name in names}
    for record in records.values():
        record[:, 0] %= 10
    return records


def make_archive(batches, **changes):
    """Return the bytes of an archive; `changes` replaces the content of some files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, record in batches.items():
            data = changes.get(name, record.tobytes())
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize("packed", [True, False])
def test_images_and_labels_are_read(tmp_path, batches, packed):
    folder = tmp_path / "data" / "cifar10"
    unpacked = folder / "cifar-10-batches-bin"
    unpacked.mkdir(parents=True)
    if packed:
        (folder / "cifar-10-binary.tar.gz").write_bytes(make_archive(batches))
    else:
        for name, record in batches.items():
            (unpacked / name).write_bytes(record.tobytes())
    images, labels = cifar10("train")
    assert images.shape == (15, 3, 32, 32)
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    assert labels[:3].tolist() == batches["data_batch_1.bin"][:, 0].tolist()
    record = batches["data_batch_2.bin"][1]
    assert images[4, 2, 5, 7] == record[1 + 2 * 1024 + 5 * 32 + 7]
    assert cifar10("test")[0].shape == (3, 3, 32, 32)
    with pytest.raises(ValueError, match="split must be"):
        cifar10("valid")


def test_a_damaged_archive_is_an_error(tmp_path, batches):
    folder = tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    path = folder / "cifar-10-binary.tar.gz"
    path.write_bytes(make_archive(batches, **{"test_batch.bin": bytes(100)}))
    with pytest.raises(ValueError, match=r"test_batch.bin: 100 bytes, expected 9,219"):
        cifar10("test")
    path.write_bytes(make_archive(batches, **{"test_batch.bin": b"\x0b" * 9219}))
    with pytest.raises(ValueError, match="label 11, expected 0 to 9"):
        cifar10("test")
    path.write_bytes(make_archive({"readme.bin": batches["test_batch.bin"]}))
    with pytest.raises(ValueError, match="not the binary archive of CIFAR-10"):
        cifar10("test")
    path.write_bytes(make_archive(batches)[:-20])
    with pytest.raises(ValueError, match="cut short"):
        cifar10("test")


def test_a_hostile_archive_is_an_error_at_once(tmp_path, batches):
    """A link to itself, a file that claims to be huge, and many empty files."""
    path = tmp_path / "data" / "cifar10" / "cifar-10-binary.tar.gz"
    path.parent.mkdir(parents=True)
    link = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "test_batch.bin"
    huge = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
    huge.size = 2**40
    empty = tarfile.TarInfo("cifar-10-batches-bin/readme.txt")
    long_name = tarfile.TarInfo("x")
    long_name.type = tarfile.GNUTYPE_LONGNAME
    for content in (
        link.tobuf(),
        huge.tobuf(),
        100_000 * empty.tobuf(),
        100_000 * long_name.tobuf(format=tarfile.GNU_FORMAT),
    ):
        path.write_bytes(gzip.compress(content, 1))
        start = time.process_time()
        with pytest.raises(ValueError, match="not the binary archive of CIFAR-10|0 bytes"):
            cifar10("test")
        assert time.process_time() - start < 2
