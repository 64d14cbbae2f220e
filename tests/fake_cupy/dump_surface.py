"""Write surface.json: the names, parameters and loops of the CuPy that is installed.

    python tests/fake_cupy/dump_surface.py surface.json

CuPy imports without a GPU, so this runs anywhere (`pip install cupy-cuda13x`). The stand-in takes
from the file what exists in CuPy, so that a name or a keyword that CuPy lacks fails there too.
"""

from __future__ import annotations

import inspect
import json
import pathlib
import sys
import types

import numpy as np

HERE = str(pathlib.Path(__file__).resolve().parent)
MODULES = ["", "fft", "lib.stride_tricks", "linalg", "random", "cuda", "cuda.runtime"]
EXTRA_MODULES = {"cupyx": ["", "scipy.special"]}


def parameters(function) -> list | None:
    """Return [name, kind, has a default, the default's text] of each parameter, if known."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    empty = inspect.Parameter.empty
    return [
        [p.name, int(p.kind), p.default is not empty, repr(p.default)]
        if p.default is not empty
        else [p.name, int(p.kind), False]
        for p in signature.parameters.values()
    ]


def describe(value, cupy):
    """Return what the stand-in needs to know of one attribute of a module."""
    if isinstance(value, cupy.ufunc):
        return "ufunc"
    if isinstance(value, types.ModuleType):
        return "module"
    if not callable(value):
        return "value"
    if getattr(value, "__module__", "").partition(".")[0] == "numpy" or value in (np.bool_,):
        return "numpy"  # the same object as NumPy's
    return parameters(value) or "class" if isinstance(value, type) else parameters(value)


def module_surface(module, cupy) -> dict:
    """Return the public attributes of a module."""
    names = [name for name in dir(module) if not name.startswith("_")]
    return {name: describe(getattr(module, name), cupy) for name in names}


def class_surface(cls, private: bool = False) -> dict:
    """Return the parameters of the methods of a class; "property" for its other attributes."""
    found = {}
    for name in dir(cls):
        if name.startswith("_") and not (private or name.startswith("__")):
            continue
        value = getattr(cls, name)
        known = callable(value) and not name.startswith("__") and parameters(value)
        found[name] = known or "property"
    return found


def main(path: str) -> None:
    """Write the file."""
    sys.path.remove(HERE)  # Python puts it there, and the stand-in would be found in it
    import cupy
    import cupyx
    import cupyx.scipy.special

    def find(root, dotted: str):
        for part in filter(None, dotted.split(".")):
            root = getattr(root, part)
        return root

    ufuncs = {
        name: {
            "name": value.name,
            "nin": value.nin,
            "nout": value.nout,
            "types": value.types,
        }
        for name, value in sorted(vars(cupy).items())
        if isinstance(value, cupy.ufunc)
    }
    surface = {
        "version": cupy.__version__,
        "modules": {name: module_surface(find(cupy, name), cupy) for name in MODULES},
        "cupyx": {name: module_surface(find(cupyx, name), cupy) for name in EXTRA_MODULES["cupyx"]},
        "ndarray": class_surface(cupy.ndarray),
        "generator": class_surface(cupy.random.Generator),
        "stream": class_surface(cupy.cuda.Stream),
        "event": class_surface(cupy.cuda.Event),
        "device": class_surface(cupy.cuda.Device),
        "ufuncs": ufuncs,
    }
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(surface, sort_keys=True).replace("}, ", "},\n") + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
