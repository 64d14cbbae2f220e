"""Where files are sought, mirrors that misbehave, and damage of every kind: nothing unchecked passes, nothing is lost."""

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

pytestmark = pytest.mark.usefixtures("places")


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


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
