"""C++ code, compiled when it is first run and called through ctypes."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

HEADER = pathlib.Path(__file__).with_name("cuda_on_cpu.hpp")
# A float that becomes a double by accident makes a kernel slow on a GPU.
OPTIONS = ["-std=c++17", "-O1", "-ffp-contract=off", "-Wdouble-promotion", "-Werror"]


@functools.cache
def compiler() -> str | None:
    """Return the path of the C++ compiler; None if there is none."""
    return shutil.which(os.environ.get("CXX", "g++"))


@functools.cache
def compiled(source: str) -> ctypes.CDLL:
    """Return the library that is made of C++ code, from the folder if it lies there already."""
    if compiler() is None:
        raise RuntimeError("this stand-in for CuPy needs a C++ compiler, g++, to run a kernel")
    what = "\n".join([compiler(), *OPTIONS, HEADER.read_text(encoding="utf-8"), source])
    folder = pathlib.Path(tempfile.gettempdir(), f"fake_cupy_{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            code, output = pathlib.Path(work, "kernel.cpp"), pathlib.Path(work, "kernel.so")
            code.write_text(source, encoding="utf-8")
            # Of the libraries, kernels use that of mathematics; linking it alone takes less time.
            command = [compiler(), *OPTIONS, "-shared", "-fPIC", "-nostdlib", f"-I{HEADER.parent}"]
            result = subprocess.run(
                [*command, str(code), "-lm", "-o", str(output)], capture_output=True, text=True
            )
            if result.returncode:
                raise RuntimeError(f"the kernel does not compile:\n{result.stderr}\n{source}")
            os.replace(output, library)  # at once, for other processes that make the same
    return ctypes.CDLL(str(library))


@functools.cache
def array_of(kind: type, n: int) -> type:
    """Return ctypes' type of arrays of n elements: each new one is garbage in a cycle."""
    return kind * n


def run(source: str, arguments: list[np.ndarray], *sizes: int) -> None:
    """Run the function `run` of the code: it gets the addresses and shapes of the arguments."""
    library = compiled(source)
    n = len(arguments)
    data = array_of(ctypes.c_void_p, n)(*(a.ctypes.data for a in arguments))
    shapes = [np.array(a.shape, np.int64) for a in arguments]
    shape_data = array_of(ctypes.c_void_p, n)(*(s.ctypes.data for s in shapes))
    lengths = array_of(ctypes.c_int64, n)(*(a.size for a in arguments))
    if library.run(data, shape_data, lengths, *(ctypes.c_int64(size) for size in sizes)):
        raise IndexError(f"a kernel used an index outside one of its raw arrays:\n{source}")
