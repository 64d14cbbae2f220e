"""Fixtures for the tests of data files: an independent IDX writer, and folders for each test."""

import os
import struct

import pytest

from tinygen.data import download

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    """Return the content of an IDX file."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    """Give the test its own, empty $TINYGEN_DATA and cache; return the user's $TINYGEN_DATA."""
    real = os.environ.get("TINYGEN_DATA")
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "TIMEOUT", 5)
    return real
