"""Shared by the tests of files: IDX written independently of the reader, and places of each test's own."""

import os
import struct

import pytest

from tinygen.data import download

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The test has its own, empty $TINYGEN_DATA and cache; gives the user's $TINYGEN_DATA."""
    real = os.environ.get("TINYGEN_DATA")
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "TIMEOUT", 5)
    return real
