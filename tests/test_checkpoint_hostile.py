"""A checkpoint from a stranger: refused at once, and with little memory, whatever it contains."""

import json
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from tinygen.checkpoint import META_ENTRY, load_checkpoint, save_checkpoint

PROJECT = Path(__file__).parents[1]
STORED, DEFLATED = 0, 8
META = json.dumps({"format": "tinygen checkpoint", "version": 1, "objects": {"step": 3}}).encode()


def make_zip(*entries):
    """Return a zip file of entries (name, data, changes); `changes` replaces fields of the records.

    The fields are crc, packed_size, size, method and offset, which are correct for stored data
    otherwise.
    """
    body, table = b"", b""
    for name, data, changes in entries:
        fields = {"crc": zlib.crc32(data), "packed_size": len(data), "size": len(data)}
        fields |= {"method": STORED, "offset": len(body)} | changes
        sizes = [fields["crc"], fields["packed_size"], fields["size"], len(name), 0]
        versions = [20, 0, fields["method"], 0, 0x21]  # the last one is a date, 1 January 1980
        body += struct.pack("<4s5H3I2H", b"PK\3\4", *versions, *sizes) + name.encode() + data
        table += struct.pack("<4s6H3I2H", b"PK\1\2", 20, *versions, *sizes)
        table += struct.pack("<3H2I", 0, 0, 0, 0, fields["offset"]) + name.encode()
    n = len(entries)
    return body + table + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, n, n, len(table), len(body), 0)


def make_npy(header, data=b""):
    """Return an .npy file with any header."""
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + data


def deflate_zeros(num_blocks):
    """Return a deflate stream of `num_blocks` times 4 MiB of zeros, without the work for all."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(2**22)) + packer.flush(zlib.Z_FULL_FLUSH)
    return num_blocks * block + packer.flush(zlib.Z_FINISH)


def make_bomb():
    """Return a checkpoint of about 3 MB, one entry of which expands to 3 GiB."""
    packed = deflate_zeros(768)
    changes = {"method": DEFLATED, "size": 768 * 2**22}
    return make_zip((META_ENTRY, META, {}), ("0/w.npy", packed, changes))


def check_refusal(path, message, max_memory=2**20):
    """Check that loading raises within a second of processor time and `max_memory` bytes."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(ValueError, match=message) as info:
            load_checkpoint(path)
        seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(path) in str(info.value)
    assert seconds < 1 and peak < max_memory, (seconds, peak)


def test_the_zip_writer_of_these_tests_writes_valid_files(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(make_zip((META_ENTRY, META, {})))
    assert load_checkpoint(path) == {"step": 3}


def test_a_compressed_entry_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    path.write_bytes(make_bomb())
    assert 2.5e6 < path.stat().st_size < 4e6
    check_refusal(path, r"its entry 0/w.npy is compressed, and save_checkpoint stores all entries")
    np.savez_compressed(path, x=np.zeros(10))
    check_refusal(path, "is compressed")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process")
def test_a_compressed_entry_is_refused_by_a_process_with_little_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    path.write_bytes(make_bomb())
    code = f"""if True:
        import resource
        from tinygen.checkpoint import load_checkpoint
        with open("/proc/self/statm") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 2**25, size + 2**25))
        load_checkpoint({str(path)!r})
    """
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert "ValueError: load_checkpoint" in result.stderr and "is compressed" in result.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 2**31, "packed_size": 2**31},
        {"size": 2**31},
        {"packed_size": 2**31},
        {"offset": 2**30},
        {"size": 5},
    ],
)
def test_sizes_that_are_not_those_of_the_file_are_refused(tmp_path, changes):
    path = tmp_path / "a.npz"
    path.write_bytes(make_zip((META_ENTRY, META, {}), ("0/w.npy", bytes(9), changes)))
    check_refusal(path, r"its entry 0/w.npy announces [\d,]+ bytes, where the file has room for")


def test_entries_that_overlap_are_refused(tmp_path):
    """A thousand names for the same megabyte."""
    path, data = tmp_path / "a.npz", bytes(2**20)
    shared = {"size": len(data), "packed_size": len(data), "crc": zlib.crc32(data), "offset": 0}
    others = [(f"{i}/w.npy", b"", shared) for i in range(1000)]
    path.write_bytes(make_zip(("w.npy", data, {}), *others))
    check_refusal(path, "announces 1,048,576 bytes, where the file has room for 0", 2**23)


def test_two_entries_of_one_name_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(make_zip((META_ENTRY, META, {}), (META_ENTRY, META, {})))
    check_refusal(path, "two of its entries have the same name")


def test_many_entries_take_little_time_and_memory(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(make_zip(*((f"{i}", b"", {}) for i in range(3000))))
    check_refusal(path, f"has no valid {META_ENTRY}", 20 * path.stat().st_size)


@pytest.mark.parametrize(
    "header, message",
    [
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000,)}", "announces float64"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "announces float64"),
        ("{'descr': '|V0', 'fortran_order': False, 'shape': (2000000000,)}", r"announces \|V0"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "announces object"),
        ("{'descr': ('<f8', (9999,)), 'fortran_order': False, 'shape': (1,)}", "announces"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 5000, "no valid header"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "-" * 9000 + "1,)}", "no valid"),
        ("{}", "no valid header"),
    ],
)
def test_array_headers_that_do_not_fit_the_data_are_refused(tmp_path, header, message):
    path = tmp_path / "a.npz"
    path.write_bytes(make_zip((META_ENTRY, META, {}), ("0/w.npy", make_npy(header, bytes(8)), {})))
    check_refusal(path, f"is damaged .*0/w.npy.*{message}|is damaged .*{message}.*0/w.npy", 2**23)


def test_other_versions_of_the_array_format_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(make_zip((META_ENTRY, META, {}), ("0/w.npy", b"\x93NUMPY\2\0" + bytes(9), {})))
    check_refusal(path, r"version \(2, 0\)")


@pytest.mark.parametrize("start", [b"[", b'{"dict":', b'{"format": "tinygen checkpoint", "a": ['])
def test_a_deeply_nested_tree_is_refused(tmp_path, start):
    path, data = tmp_path / "a.npz", 100_000 * start
    path.write_bytes(make_zip((META_ENTRY, data, {})))
    # From Python 3.14 on, the parser goes as deep as the stack allows. No text makes more objects
    # per byte than one list for each "[".
    check_refusal(path, f"has no valid {META_ENTRY}", 2**20 + (1 + sys.getsizeof([])) * len(data))


def test_a_tree_that_is_nested_too_deep_to_decode_is_refused(tmp_path):
    """The parser of JSON may go deeper than a recursive function in Python."""
    path, depth = tmp_path / "a.npz", 5 * sys.getrecursionlimit()
    nested = depth * b"[" + depth * b"]"
    path.write_bytes(make_zip((META_ENTRY, META.replace(b"3", nested), {})))
    check_refusal(path, "is damaged|has no valid", 2**23)


def test_a_large_checkpoint_is_in_memory_little_more_than_once_while_it_loads(tmp_path):
    path, n = tmp_path / "a.npz", 20
    save_checkpoint(path, **{f"w{i}": np.ones(2**17) for i in range(n)})  # 1 MiB each
    tracemalloc.start()
    try:
        load_checkpoint(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (n + 4) * 2**20
