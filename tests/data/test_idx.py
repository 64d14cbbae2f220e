"""The IDX format, damaged in every way, and the data sets that are read: MNIST's family and CIFAR-10."""

import gzip
import io
import os
import tarfile

import numpy as np
import pytest

from tests.data.conftest import CODES, idx_bytes
from tinygen.data import cifar, cifar10, fashion_mnist, idx, mnist, read_idx

pytestmark = pytest.mark.usefixtures("places")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 5)])
def test_round_trip(tmp_path, dtype, shape, packed):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    (tmp_path / "x").write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
    read = read_idx(tmp_path / "x")
    assert np.array_equal(read, array) and read.dtype == np.dtype(dtype) and read.dtype.isnative
    assert read.flags.writeable


GOOD = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "with nothing"),
        (b"\0\0\x08", "00 00 08, which is not IDX"),
        (b"<html><body>Not found</body></html>", "3c 68 74 6d, which is not IDX"),
        (b"\0\0\x07\x01" + b"\0\0\0\x01a", "not IDX"),
        (b"\0\0\x08\0", "not IDX"),
        (GOOD[:10], "ends inside the header: 10 bytes, 16 for 3 dimensions"),
        (GOOD[:-1], r"23 bytes of data, where the header's shape \(2, 3, 4\) of uint8 needs 24; the file is cut short"),
        (GOOD + b"\0", "25 bytes of data.*too long"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "announces an array of shape"),
        (b"\0\0\x08\xff" + b"\xff" * 1020, "announces an array of shape"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_idx(tmp_path, content, message, packed):
    path = tmp_path / "some-idx"
    path.write_bytes(gzip.compress(content) if packed else content)
    if packed and content == GOOD + b"\0":
        message = "unfolds to more than the expected 40 bytes"
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_no_flipped_bit_of_a_gzip_file_changes_what_is_read(tmp_path):
    packed = gzip.compress(GOOD, mtime=0)
    path = tmp_path / "x.gz"
    harmless = 0
    for i in range(8 * len(packed)):
        path.write_bytes(bytes(byte ^ (1 << i % 8) * (k == i // 8) for k, byte in enumerate(packed)))
        try:
            assert np.array_equal(read_idx(path).ravel(), np.arange(24))
            harmless += 1
        except ValueError as error:
            assert str(path) in str(error)
    assert harmless < 8 * 8  # the time stamp and its like, six bytes, and the padding before the CRC


def test_truncated_and_trailed_gzip(tmp_path):
    packed = gzip.compress(GOOD)
    path = tmp_path / "x.gz"
    for n in (10, 20, len(packed) - 9, len(packed) - 1):
        path.write_bytes(packed[:n])
        with pytest.raises(ValueError, match="x.gz: (gzip data cut short|begins|ends inside)"):
            read_idx(path)
    path.write_bytes(packed + b"more")
    with pytest.raises(ValueError, match="4 bytes follow the gzip data's end"):
        read_idx(path)


def test_a_gzip_bomb_is_not_unfolded(tmp_path, monkeypatch):
    made = []
    real = idx.gunzip
    monkeypatch.setattr(idx, "gunzip", lambda packed, most, where: made.append(most) or real(packed, most, where))
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(GOOD[:16] + bytes(2**26)))
    with pytest.raises(ValueError, match="unfolds to more than the expected 40 bytes"):
        read_idx(path)
    assert made == [40]


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**31 + 1)
    with pytest.raises(ValueError, match="at most 2,147,483,648 make sense"):
        read_idx(path)


def test_missing_idx(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")


# The data sets


def test_real_mnist(places, monkeypatch):
    if not places or not os.path.isdir(os.path.join(places, "mnist")):
        pytest.skip("TINYGEN_DATA with mnist/ is not set")
    monkeypatch.setenv("TINYGEN_DATA", places)
    images, labels = mnist("test")
    assert images.shape == (10_000, 1, 28, 28) and images.dtype == np.uint8 and labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist("train")[0].shape == (60_000, 1, 28, 28)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Fashion-MNIST with 6 and 4 pictures instead, on this machine."""
    monkeypatch.setattr(idx, "COUNT", {"train": 6, "test": 4})
    folder = tmp_path / "data" / "fashion_mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for prefix, n in (("train", 6), ("t10k", 4)):
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)))
        (folder / f"{prefix}-labels.idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.arange(n, dtype=np.uint8))))
    return folder


def test_pairs_of_images_and_labels(small):
    for split, n in (("train", 6), ("test", 4)):
        images, labels = fashion_mnist(split)
        assert images.shape == (n, 1, 28, 28) and labels.tolist() == list(range(n)) and labels.dtype == np.int64
        images[:] = 0  # the caller's own
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'valid'"):
        fashion_mnist("valid")


def test_files_of_the_right_size_and_the_wrong_kind(small):
    path = small / "t10k-images-idx3-ubyte"
    path.write_bytes(idx_bytes(np.zeros((4, 14, 56), np.uint8)))
    with pytest.raises(ValueError, match=r"uint8 of shape \(4, 14, 56\), expected uint8 of \(4, 28, 28\)"):
        fashion_mnist("test")
    path.write_bytes(idx_bytes(np.zeros((4, 28, 28), np.uint8)))
    (small / "t10k-labels.idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.array([1, 2, 3, 77], np.uint8))))
    with pytest.raises(ValueError, match="label 77, expected 0 to 9"):
        fashion_mnist("test")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
def test_every_file_has_several_mirrors_and_a_digest(name):
    files = [idx._file(name, split, part) for split, part in idx.PARTS]
    assert len({file.gzip_md5 for file in files}) == len({file.name for file in files}) == 4
    assert all(len(file.mirrors) >= 3 and len(file.gzip_md5) == 32 for file in files)
    assert [file.size for file in files] == [47_040_016, 60_008, 7_840_016, 10_008]


@pytest.fixture
def batches(monkeypatch):
    """CIFAR-10 with 3 pictures a batch."""
    monkeypatch.setattr(cifar, "BATCH", 3)
    rng = np.random.default_rng(0)
    names = [name for split in cifar.BATCHES.values() for name in split]
    records = {name: rng.integers(0, 256, (3, 3073)).astype(np.uint8) for name in names}
    for record in records.values():
        record[:, 0] %= 10
    return records


def archive(batches, **changes):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, record in batches.items():
            data = changes.get(name, record.tobytes())
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize("packed", [True, False])
def test_cifar10(tmp_path, batches, packed):
    folder = tmp_path / "data" / "cifar10"
    (folder / "cifar-10-batches-bin").mkdir(parents=True)
    if packed:
        (folder / "cifar-10-binary.tar.gz").write_bytes(archive(batches))
    else:
        for name, record in batches.items():
            (folder / "cifar-10-batches-bin" / name).write_bytes(record.tobytes())
    images, labels = cifar10("train")
    assert images.shape == (15, 3, 32, 32) and images.dtype == np.uint8 and labels.dtype == np.int64
    assert labels[:3].tolist() == batches["data_batch_1.bin"][:, 0].tolist()
    record = batches["data_batch_2.bin"][1]
    assert images[4, 2, 5, 7] == record[1 + 2 * 1024 + 5 * 32 + 7]
    assert cifar10("test")[0].shape == (3, 3, 32, 32)
    with pytest.raises(ValueError, match="split must be"):
        cifar10("valid")


def test_damaged_cifar10(tmp_path, batches):
    folder = tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    path = folder / "cifar-10-binary.tar.gz"
    path.write_bytes(archive(batches, **{"test_batch.bin": bytes(100)}))
    with pytest.raises(ValueError, match=r"test_batch.bin: 100 bytes, expected 9,219"):
        cifar10("test")
    path.write_bytes(archive(batches, **{"test_batch.bin": b"\x0b" * 9219}))
    with pytest.raises(ValueError, match="label 11, expected 0 to 9"):
        cifar10("test")
    path.write_bytes(archive({"readme.bin": batches["test_batch.bin"]}))
    with pytest.raises(ValueError, match="not CIFAR-10's binary archive"):
        cifar10("test")
    path.write_bytes(archive(batches)[:-20])
    with pytest.raises(ValueError, match="cut short"):
        cifar10("test")
