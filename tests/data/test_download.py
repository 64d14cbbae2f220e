"""Where files are looked for, failing mirrors, and damaged files: nothing unchecked is accepted."""

import gzip
import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import tinygen
from tests.data.conftest import idx_bytes
from tinygen.data import download
from tinygen.data.download import File, fetch

pytestmark = pytest.mark.usefixtures("own_folders")

ROOT = os.path.dirname(os.path.dirname(tinygen.__file__))


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def run_python(script, *arguments, **options):
    """Run a script in a new process that can import tinygen."""
    environment = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=environment, check=False, **options)


# ------------------------------------------------------------------------- files on this machine

CONTENT = idx_bytes(np.arange(100, dtype=np.uint8))
PACKED = gzip.compress(CONTENT, mtime=0)


def toy_file(*mirrors, **changes):
    """Describe a small file whose content and gzip file have published digests."""
    settings = dict(
        dataset="toy",
        name="toy-idx1-ubyte",
        size=len(CONTENT),
        gzip_md5=md5(PACKED),
        md5=md5(CONTENT),
        mirrors=mirrors,
        aliases=("toy.idx1-ubyte",),
    )
    return File(**{**settings, **changes})


@pytest.mark.parametrize("root", ["data", "cache/tinygen"])
@pytest.mark.parametrize(
    "name", ["toy-idx1-ubyte", "toy-idx1-ubyte.gz", "toy.idx1-ubyte", "toy.idx1-ubyte.gz"]
)
def test_a_file_is_found_under_each_spelling(tmp_path, root, name):
    path = tmp_path / root / "toy" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(PACKED if name.endswith(".gz") else CONTENT)
    assert fetch(toy_file()) == (CONTENT, str(path))


def test_a_file_that_was_compressed_anew_is_accepted(tmp_path):
    compressed_anew = gzip.compress(CONTENT, compresslevel=1, mtime=7)
    (tmp_path / "data" / "toy").mkdir(parents=True)
    (tmp_path / "data" / "toy" / "toy-idx1-ubyte.gz").write_bytes(compressed_anew)
    assert compressed_anew != PACKED
    assert fetch(toy_file())[0] == CONTENT
    # Without a published digest of the content, the CRC of the gzip file is trusted.
    assert fetch(toy_file(md5=None))[0] == CONTENT


DAMAGED_CONTENT = CONTENT[:50] + b"x" + CONTENT[51:]
DAMAGED_CRC = PACKED[:-8] + bytes(4) + PACKED[-4:]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "toy-idx1-ubyte",
            CONTENT[:-1],
            "107 bytes of content where toy-idx1-ubyte has 108: cut short; delete it",
        ),
        ("toy-idx1-ubyte", CONTENT + b"x", "too long"),
        (
            "toy-idx1-ubyte",
            DAMAGED_CONTENT,
            "has MD5 .* but toy-idx1-ubyte of toy has .*damaged",
        ),
        ("toy-idx1-ubyte", b"", "0 bytes of content"),
        ("toy-idx1-ubyte", bytes(2**21), "2,097,152 bytes, where at most"),
        ("toy-idx1-ubyte.gz", PACKED[:-5], "cut short"),
        ("toy-idx1-ubyte.gz", DAMAGED_CRC, "damaged gzip data"),
        (
            "toy-idx1-ubyte.gz",
            gzip.compress(bytes(2**24)),
            "expands to more than the expected 108 bytes",
        ),
    ],
)
def test_a_damaged_file_is_an_error_and_is_not_downloaded_again(tmp_path, name, content, message):
    path = tmp_path / "data" / "toy" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        fetch(toy_file("http://127.0.0.1:9/"))
    assert str(path) in str(caught.value)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no endless file")
def test_an_endless_file_is_not_read():
    assert download.read_bounded("/dev/zero", 100) == b""


# --------------------------------------------------------------------------------------- mirrors

OTHER = gzip.compress(idx_bytes(np.zeros(100, np.uint8)))
ANSWERS = {  # by the first part of the path: status, type, body, declared length
    "good": (200, "application/gzip", PACKED, len(PACKED)),
    "other": (200, "application/gzip", OTHER, None),
    "page": (200, "text/html", b"<!doctype html><p>Sorry, we moved", None),
    "short": (200, "application/gzip", PACKED[:40], len(PACKED)),
    "silently-short": (200, "application/gzip", PACKED[:40], None),
    "long": (200, "application/gzip", PACKED + bytes(2**21), None),
    "empty": (200, "application/gzip", b"", None),
    "broken": (500, "text/plain", b"oh no", None),
}
MISSING = (404, "text/plain", b"", None)
BAD = ["page", "short", "silently-short", "long", "empty", "other", "broken", "missing"]


class Mirror(BaseHTTPRequestHandler):
    """A mirror that fails in the way that the first part of the path says."""

    def do_GET(self):
        """Answer as `ANSWERS` says."""
        status, content_type, body, length = ANSWERS.get(self.path.split("/")[1], MISSING)
        self.server.requested_paths.append(self.path)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if length:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass  # the client has closed the connection

    def log_message(self, *_):
        """Be silent."""


@pytest.fixture
def server():
    """Run mirrors of every kind on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as httpd:
        httpd.requested_paths = []
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        httpd.url = f"http://127.0.0.1:{httpd.server_port}"
        yield httpd
        httpd.shutdown()
        thread.join()


def test_the_first_good_mirror_is_used_and_its_file_cached(tmp_path, server):
    urls = [f"{server.url}/{kind}/" for kind in [*BAD, "good", "never-asked"]]
    assert fetch(toy_file(*urls)) == (CONTENT, f"{server.url}/good/toy-idx1-ubyte.gz")
    assert len(server.requested_paths) == len(BAD) + 1
    folder = tmp_path / "cache" / "tinygen" / "toy"
    assert os.listdir(folder) == ["toy-idx1-ubyte.gz"]
    assert (folder / "toy-idx1-ubyte.gz").read_bytes() == PACKED
    assert fetch(toy_file())[1] == str(folder / "toy-idx1-ubyte.gz")


def test_if_all_mirrors_fail_each_reason_is_reported_and_nothing_cached(tmp_path, server):
    urls = [*(f"{server.url}/{kind}/" for kind in BAD), "http://127.0.0.1:9/"]
    with pytest.raises(FileNotFoundError) as caught:
        fetch(toy_file(*urls))
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
    for advice in (str(tmp_path / "data" / "toy"), "--data digits", "TINYGEN_DATA"):
        assert advice in message
    assert not (tmp_path / "cache").exists()


def test_without_a_digest_of_the_content_only_the_published_gzip_file_is_accepted(server):
    with pytest.raises(FileNotFoundError, match=f"expected {md5(PACKED)}"):
        fetch(toy_file(f"{server.url}/other/", md5=None))
    assert fetch(toy_file(f"{server.url}/good/", md5=None))[0] == CONTENT


def test_an_interrupted_download_leaves_nothing_in_the_cache(tmp_path, server, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(toy_file(f"{server.url}/good/"))
    assert os.listdir(tmp_path / "cache" / "tinygen" / "toy") == []


def test_a_killed_download_leaves_no_file_that_is_found(tmp_path):
    folder = tmp_path / "cache" / "tinygen" / "toy"
    script = (
        "import os, sys; from tinygen.atomic_write import replace_file;"
        "os.replace = lambda *_: os._exit(9);"
        "replace_file(sys.argv[1], lambda stream: stream.write(b'half'))"
    )
    assert run_python(script, str(folder / "toy-idx1-ubyte.gz")).returncode == 9
    (remainder,) = os.listdir(folder)
    assert remainder.endswith(".tmp") and download.find(toy_file()) is None


def test_with_a_full_disk_the_data_are_returned_but_not_cached(tmp_path, server, monkeypatch):
    def raise_disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", raise_disk_full)
    with pytest.warns(UserWarning, match="cannot be stored in the cache: .*No space left"):
        assert fetch(toy_file(f"{server.url}/good/"))[0] == CONTENT
    assert os.listdir(tmp_path / "cache" / "tinygen" / "toy") == []


def test_an_unwritable_cache_folder_is_a_warning_that_says_what_to_do(
    tmp_path, server, monkeypatch
):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file" / "cache"))
    with pytest.warns(UserWarning, match="cannot be stored in the cache: .*; set XDG_CACHE"):
        assert fetch(toy_file(f"{server.url}/good/"))[0] == CONTENT


def test_importing_the_data_package_imports_no_network_and_no_plotting():
    unwanted = ("http", "urllib.request", "ssl", "socket", "matplotlib", "PIL", "torch")
    script = f"import sys, tinygen.data; print([m for m in {unwanted} if m in sys.modules])"
    result = run_python(script, capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
