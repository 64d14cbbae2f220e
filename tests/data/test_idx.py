"""The IDX format, damaged in every way, and the data sets that use it."""

import gzip
import os
import tracemalloc

import numpy as np
import pytest

from tests.data.conftest import CODES, idx_bytes
from tinygen.data import DataError, fashion_mnist, idx, mnist, read_idx

pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 5)])
def test_arrays_are_read_as_they_were_written(tmp_path, dtype, shape, packed):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    content = idx_bytes(array)
    (tmp_path / "x").write_bytes(gzip.compress(content) if packed else content)
    result = read_idx(tmp_path / "x")
    assert np.array_equal(result, array)
    assert result.dtype == np.dtype(dtype) and result.dtype.isnative
    assert result.flags.writeable


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
        (
            GOOD[:-1],
            r"23 bytes of data, where the header's shape \(2, 3, 4\) of uint8 needs 24; "
            "the file is cut short",
        ),
        (GOOD + b"\0", "25 bytes of data.*too long"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "announces an array of shape"),
        (b"\0\0\x08\xff" + b"\xff" * 1020, "announces an array of shape"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, content, message, packed):
    path = tmp_path / "some-idx"
    path.write_bytes(gzip.compress(content) if packed else content)
    if packed and content == GOOD + b"\0":
        message = "expands to more than the expected 40 bytes"
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_no_flipped_bit_of_a_gzip_file_changes_what_is_read(tmp_path):
    packed = gzip.compress(GOOD, mtime=0)
    path = tmp_path / "x.gz"
    num_harmless = 0
    for i in range(8 * len(packed)):
        flipped = bytearray(packed)
        flipped[i // 8] ^= 1 << i % 8
        path.write_bytes(flipped)
        try:
            assert np.array_equal(read_idx(path).ravel(), np.arange(24))
            num_harmless += 1
        except ValueError as error:
            assert str(path) in str(error)
    # Harmless are six bytes of the header (such as the time) and the padding before the CRC.
    assert num_harmless < 8 * 8


def test_a_gzip_file_that_is_too_short_or_too_long_is_an_error(tmp_path):
    packed = gzip.compress(GOOD)
    path = tmp_path / "x.gz"
    for n in (10, 20, len(packed) - 9, len(packed) - 1):
        path.write_bytes(packed[:n])
        with pytest.raises(ValueError, match="x.gz: (gzip data cut short|begins|ends inside)"):
            read_idx(path)
    path.write_bytes(packed + b"more")
    with pytest.raises(ValueError, match="4 bytes follow the end of the gzip data"):
        read_idx(path)


def test_a_gzip_bomb_is_not_decompressed(tmp_path, monkeypatch):
    limits = []
    real_gunzip = idx.gunzip

    def gunzip(data, max_size, where):
        limits.append(max_size)
        return real_gunzip(data, max_size, where)

    monkeypatch.setattr(idx, "gunzip", gunzip)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(GOOD[:16] + bytes(2**26)))
    with pytest.raises(ValueError, match="expands to more than the expected 40 bytes"):
        read_idx(path)
    assert limits == [40]


def test_a_gzip_file_that_expands_too_far_is_not_decompressed(tmp_path, monkeypatch):
    """Its header tells the truth: the array is all zeros."""
    num_zeros = idx.SMALL + 1
    header = b"\0\0\x08\1" + num_zeros.to_bytes(4, "big")
    path = tmp_path / "zeros.gz"
    path.write_bytes(gzip.compress(header + bytes(num_zeros), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="zeros.gz: .* 67,108,873 bytes, over 100 times .* gunzip"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    monkeypatch.setattr(idx, "SMALL", idx.SMALL + 9)
    assert read_idx(path).shape == (num_zeros,)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(ValueError, match="at most 1,073,741,824 make sense"):
        read_idx(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")


# ------------------------------------------------------------------------------------- data sets


def test_the_real_mnist_is_read(own_folders, monkeypatch):
    if not own_folders or not os.path.isdir(os.path.join(own_folders, "mnist")):
        pytest.skip("TINYGEN_DATA with mnist/ is not set")
    monkeypatch.setenv("TINYGEN_DATA", own_folders)
    images, labels = mnist("test")
    assert images.shape == (10_000, 1, 28, 28)
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(labels).tolist() == counts
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist("train")[0].shape == (60_000, 1, 28, 28)


@pytest.fixture
def small_dataset(tmp_path, monkeypatch):
    """Write a Fashion-MNIST with 6 training and 4 test images; return its folder."""
    monkeypatch.setattr(idx, "NUM_EXAMPLES", {"train": 6, "test": 4})
    folder = tmp_path / "data" / "fashion_mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for prefix, n in (("train", 6), ("t10k", 4)):
        images = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
        labels = np.arange(n, dtype=np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        packed = gzip.compress(idx_bytes(labels))
        (folder / f"{prefix}-labels.idx1-ubyte.gz").write_bytes(packed)
    return folder


@pytest.mark.parametrize(("split", "n"), [("train", 6), ("test", 4)])
def test_images_come_with_labels(small_dataset, split, n):
    images, labels = fashion_mnist(split)
    assert images.shape == (n, 1, 28, 28)
    assert labels.tolist() == list(range(n)) and labels.dtype == np.int64
    images[:] = 0  # writable


def test_another_split_is_an_error(small_dataset):
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'valid'"):
        fashion_mnist("valid")


def test_files_of_the_right_size_but_wrong_content_are_errors(small_dataset):
    path = small_dataset / "t10k-images-idx3-ubyte"
    path.write_bytes(idx_bytes(np.zeros((4, 14, 56), np.uint8)))
    message = r"uint8 of shape \(4, 14, 56\), expected uint8 of \(4, 28, 28\)"
    with pytest.raises(ValueError, match=message):
        fashion_mnist("test")
    path.write_bytes(idx_bytes(np.zeros((4, 28, 28), np.uint8)))
    labels = idx_bytes(np.array([1, 2, 3, 77], np.uint8))
    (small_dataset / "t10k-labels.idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    with pytest.raises(ValueError, match="label 77, expected 0 to 9"):
        fashion_mnist("test")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
def test_every_file_has_several_mirrors_and_a_digest(name):
    files = [idx.mnist_file(name, split, part) for split, part in idx.PARTS]
    assert len({file.gzip_md5 for file in files}) == len({file.name for file in files}) == 4
    assert all(len(file.mirrors) >= 3 and len(file.gzip_md5) == 32 for file in files)
    assert [file.size for file in files] == [47_040_016, 60_008, 7_840_016, 10_008]
