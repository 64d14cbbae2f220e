"""A stand-in for CuPy on machines without a GPU: NumPy behind CuPy's surface.

Put the folder that this package lies in on `sys.path`, and `import cupy` finds it. Then
`tinygen.tensor(x).to("cuda")` works on any machine, and so do `pytest --backend fake_cupy` and a
demo with `--device cuda`.

**What it proves.** A program that runs here uses only names, methods, parameters and dtypes that
CuPy has: they come from `surface.json`, which `dump_surface.py` writes on a machine with CuPy. The
program combines no NumPy array with an array of the GPU, and relies on no silent conversion. Where
CuPy differs from NumPy, the stand-in does what CuPy does: the order of results in memory, arrays
without axes instead of scalars, indices that wrap, linear algebra that reports no errors. It also
counts launches, copies and waits, with the lines that caused them (`cupy_counts.counting`).

**What it cannot prove.** No GPU is involved. The kernels of CuPy, cuBLAS and cuRAND do not run. So
their speed, their rounding, races between threads and the limits of memory stay unknown. Every
result is there at once, so a forgotten wait goes unnoticed. The number of launches of each CuPy
function was read in the source of CuPy 14.2 and written down here by hand: it is not measured.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from . import cuda, exceptions, fft, lib, linalg, random  # noqa: F401 (parts of the surface)
from ._surface import SURFACE, missing

# The files that define CuPy's functions; `_operators` defines none, but adds methods to arrays.
FILES = (
    "_core",
    "_creation",
    "_generic",
    "_getitem",
    "_joining",
    "_kernels",
    "_misc",
    "_operators",
    "_products",
    "_raw_kernel",
    "_reduction",
    "_scan",
    "_setitem",
    "_shape",
    "_sorting",
    "_ufunc",
    "_ufuncs",
    "exceptions",
)

__version__ = SURFACE["version"]


def _collect() -> dict:
    """Return the attributes of this module: those of CuPy that the files here define."""
    sources = [vars(import_module(f"{__name__}.{file}")) for file in FILES]
    sources += [
        source[name] for source in sources for name in ("UFUNCS", "FUNCTIONS") if name in source
    ]
    found = {}
    for name, kind in SURFACE["modules"][""].items():
        for source in sources:
            if name in source:
                found[name] = source[name]
        numpys = getattr(np, name, None) if hasattr(np, name) else None
        if name not in found and (kind == "numpy" or name == "newaxis" or type(numpys) is float):
            if hasattr(np, name):
                found[name] = numpys
    same = {"concat": "concatenate", "round": "around", "round_": "around"}
    return found | {name: found[other] for name, other in same.items()}


globals().update(_collect())


def __getattr__(name):
    return missing("", name)
