"""Data set files: the IDX format, where files are sought, mirrors that misbehave, and damage of every kind."""

import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import tinygen
from tinygen.data import cifar, cifar10, download, fashion_mnist, idx, mnist, read_idx
from tinygen.data.download import File, fetch

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Every test has its own, empty $TINYGEN_DATA and cache, and no network but what it sets up itself."""
    real = os.environ.get("TINYGEN_DATA")
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "TIMEOUT", 5)
    monkeypatch.setenv("no_proxy", "*")
    return real


# The format


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


# Files on this machine

CONTENT = idx_bytes(np.arange(100, dtype=np.uint8))
PACKED = gzip.compress(CONTENT, mtime=0)


def a_file(*mirrors, **changes):
    settings = dict(dataset="toy", name="toy-idx1-ubyte", size=len(CONTENT), gzip_md5=md5(PACKED), md5=md5(CONTENT))
    return File(**{**settings, "mirrors": mirrors, "aliases": ("toy.idx1-ubyte",), **changes})


@pytest.mark.parametrize("root", ["data", "cache/tinygen"])
@pytest.mark.parametrize("name", ["toy-idx1-ubyte", "toy-idx1-ubyte.gz", "toy.idx1-ubyte", "toy.idx1-ubyte.gz"])
def test_found_under_each_spelling(tmp_path, root, name):
    path = tmp_path / root / "toy" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(PACKED if name.endswith(".gz") else CONTENT)
    assert fetch(a_file()) == (CONTENT, str(path))


def test_compressed_anew_is_as_good(tmp_path):
    again = gzip.compress(CONTENT, compresslevel=1, mtime=7)
    (tmp_path / "data" / "toy").mkdir(parents=True)
    (tmp_path / "data" / "toy" / "toy-idx1-ubyte.gz").write_bytes(again)
    assert again != PACKED
    assert fetch(a_file())[0] == CONTENT
    assert fetch(a_file(md5=None))[0] == CONTENT  # no digest of the content is published: its CRC holds


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("toy-idx1-ubyte", CONTENT[:-1], "107 bytes of content where toy-idx1-ubyte has 108: cut short; delete it"),
        ("toy-idx1-ubyte", CONTENT + b"x", "too long"),
        ("toy-idx1-ubyte", CONTENT[:50] + b"x" + CONTENT[51:], "has MD5 .* but toy's toy-idx1-ubyte has .*damaged"),
        ("toy-idx1-ubyte", b"", "0 bytes of content"),
        ("toy-idx1-ubyte", bytes(2**21), "2,097,152 bytes, where at most"),
        ("toy-idx1-ubyte.gz", PACKED[:-5], "cut short"),
        ("toy-idx1-ubyte.gz", PACKED[:-8] + bytes(4) + PACKED[-4:], "damaged gzip data"),
        ("toy-idx1-ubyte.gz", gzip.compress(bytes(2**24)), "unfolds to more than the expected 108 bytes"),
    ],
)
def test_a_damaged_file_is_an_error_and_not_a_reason_to_download(tmp_path, name, content, message):
    path = tmp_path / "data" / "toy" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        fetch(a_file("http://127.0.0.1:9/"))
    assert str(path) in str(caught.value)


# Mirrors


@pytest.fixture
def server():
    """A mirror with a temper: the first part of the path says how it misbehaves."""
    answers = {
        "good": (200, "application/gzip", PACKED, len(PACKED)),
        "other": (200, "application/gzip", gzip.compress(idx_bytes(np.zeros(100, np.uint8))), None),
        "page": (200, "text/html", b"<!doctype html><p>Sorry, we moved", None),
        "short": (200, "application/gzip", PACKED[:40], len(PACKED)),
        "silently-short": (200, "application/gzip", PACKED[:40], None),
        "long": (200, "application/gzip", PACKED + bytes(2**21), None),
        "empty": (200, "application/gzip", b"", None),
        "broken": (500, "text/plain", b"oh no", None),
    }

    class Mirror(BaseHTTPRequestHandler):
        def do_GET(self):
            status, kind, body, declared = answers.get(self.path.split("/")[1], (404, "text/plain", b"", None))
            self.server.asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if declared:
                self.send_header("Content-Length", str(declared))
            self.end_headers()
            try:
                self.wfile.write(body)
            except ConnectionError:
                pass  # the client has had enough

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as httpd:
        httpd.asked = []
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        httpd.url = f"http://127.0.0.1:{httpd.server_port}"
        yield httpd
        httpd.shutdown()
        thread.join()


BAD = ["page", "short", "silently-short", "long", "empty", "other", "broken", "missing"]


def test_the_first_good_mirror_serves_and_the_cache_keeps(tmp_path, server):
    urls = [f"{server.url}/{kind}/" for kind in [*BAD, "good", "never-asked"]]
    assert fetch(a_file(*urls)) == (CONTENT, f"{server.url}/good/toy-idx1-ubyte.gz")
    assert len(server.asked) == len(BAD) + 1
    folder = tmp_path / "cache" / "tinygen" / "toy"
    assert os.listdir(folder) == ["toy-idx1-ubyte.gz"]
    assert (folder / "toy-idx1-ubyte.gz").read_bytes() == PACKED
    assert fetch(a_file())[1] == str(folder / "toy-idx1-ubyte.gz")


def test_when_all_fail_each_reason_is_told_and_nothing_is_kept(tmp_path, server):
    urls = [*(f"{server.url}/{kind}/" for kind in BAD), "http://127.0.0.1:9/"]
    with pytest.raises(FileNotFoundError) as caught:
        fetch(a_file(*urls))
    message = str(caught.value)
    for url in urls:
        assert f"{url}toy-idx1-ubyte.gz\n" in message
    for reason in (
        "not gzip data but 33 bytes of text/html that begin b'<!doctype html>",
        f"cut short: 40 of {len(PACKED)} bytes",
        "gzip data cut short after 40 bytes",
        "the answer is longer than",
        "not gzip data but 0 bytes",
        "has MD5",
        "HTTP Error 500",
        "HTTP Error 404",
        "refused",
    ):
        assert reason in message
    assert str(tmp_path / "data" / "toy") in message and "--data digits" in message and "TINYGEN_DATA" in message
    assert not (tmp_path / "cache").exists()


def test_without_a_digest_of_the_content_only_the_published_file_will_do(server):
    with pytest.raises(FileNotFoundError, match=f"expected {md5(PACKED)}"):
        fetch(a_file(f"{server.url}/other/", md5=None))
    assert fetch(a_file(f"{server.url}/good/", md5=None))[0] == CONTENT


def test_interrupted_before_the_file_is_in_place(tmp_path, server, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(a_file(f"{server.url}/good/"))
    assert os.listdir(tmp_path / "cache" / "tinygen" / "toy") == []


def test_killed_before_the_file_is_in_place(tmp_path):
    folder = tmp_path / "cache" / "tinygen" / "toy"
    script = (
        "import os, sys; from tinygen.data import download; os.replace = lambda *_: os._exit(9);"
        "download._keep(b'half', sys.argv[1], 'toy-idx1-ubyte.gz')"
    )
    root = os.path.dirname(os.path.dirname(tinygen.__file__))
    killed = subprocess.run([sys.executable, "-c", script, str(folder)], env={**os.environ, "PYTHONPATH": root})
    assert killed.returncode == 9
    (left,) = os.listdir(folder)
    assert left.endswith(".part") and download.find(a_file()) is None


def test_a_full_disk_costs_the_cache_and_not_the_data(tmp_path, server, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="cannot be kept in the cache: .*No space left"):
        assert fetch(a_file(f"{server.url}/good/"))[0] == CONTENT
    assert os.listdir(tmp_path / "cache" / "tinygen" / "toy") == []


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


def test_import_touches_no_network_and_no_plotting():
    script = (
        "import sys, tinygen.data;"
        "print([m for m in ('http', 'urllib.request', 'ssl', 'socket', 'matplotlib', 'PIL', 'torch') if m in sys.modules])"
    )
    root = os.path.dirname(os.path.dirname(tinygen.__file__))
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr
