"""What exists in the CuPy that `surface.json` was made from."""

from __future__ import annotations

import json
import pathlib

import numpy as np

SURFACE = json.loads((pathlib.Path(__file__).parents[1] / "surface.json").read_text())
VERSION = SURFACE["version"]

_DTYPES = {c: np.dtype(np.dtype(c).str) for c in "?bBhHiIlLqQefdFD"}
SUPPORTED_DTYPES = frozenset(_DTYPES.values())


def check_dtype(dtype) -> np.dtype:
    """Return the dtype. Raises ValueError for one that CuPy's arrays cannot have."""
    dtype = np.dtype(dtype)
    if dtype not in SUPPORTED_DTYPES and dtype.kind != "V":
        raise ValueError(f"Unsupported dtype {dtype}")  # cupy/_core/_dtype.pyx
    return dtype


def loops(types: list[str]) -> list[tuple[tuple, tuple]]:
    """Return (input dtypes, output dtypes) for type strings such as "ff->f"."""
    sides = (t.split("->") for t in types if "V" not in t)
    return [tuple(tuple(_DTYPES[c] for c in side) for side in pair) for pair in sides]


def missing(module: str, name: str):
    """Raise what a name that the stand-in does not define deserves.

    AttributeError if CuPy has no such name either, else NotImplementedError.
    """
    known = SURFACE["modules"].get(module, {})
    dotted = ".".join(filter(None, ("cupy", module)))
    if name in known:
        raise NotImplementedError(
            f"{dotted}.{name} exists in CuPy {VERSION}, but the stand-in has not got it: "
            "add it to tests/fake_cupy"
        )
    raise AttributeError(f"module {dotted!r} has no attribute {name!r}")
