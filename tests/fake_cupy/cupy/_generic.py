"""Functions that need no care: NumPy's, with CuPy's parameters and a number of launches."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch, wait

from ._core import ndarray, wrap
from ._surface import SURFACE

# Name: (kernels, waits), counted in the sources of CuPy. Functions built of others count about.
COSTS = {
    "allclose": (3, 0),
    "apply_along_axis": (10, 1),
    "array_equal": (2, 0),
    "average": (3, 1),
    "bincount": (3, 2),
    "column_stack": (2, 0),
    "convolve": (3, 0),
    "corrcoef": (8, 0),
    "cov": (6, 0),
    "cross": (9, 0),
    "delete": (5, 1),
    "diag": (2, 0),
    "diff": (1, 0),
    "digitize": (1, 0),
    "dstack": (2, 0),
    "fill_diagonal": (1, 0),
    "gradient": (4, 0),
    "histogram": (6, 1),
    "histogram2d": (9, 2),
    "interp": (5, 0),
    "isclose": (1, 0),
    "isin": (3, 0),
    "logspace": (2, 0),
    "median": (5, 0),
    "nan_to_num": (1, 0),
    "nanmean": (1, 0),
    "nanstd": (1, 0),
    "nanvar": (1, 0),
    "nanquantile": (5, 0),
    "percentile": (5, 1),
    "poly": (5, 1),
    "polyval": (4, 0),
    "quantile": (5, 1),
    "ravel_multi_index": (4, 1),
    "trapezoid": (4, 0),
    "select": (4, 0),
    "tri": (1, 0),
    "tril_indices": (4, 1),
    "triu_indices": (4, 1),
    "union1d": (8, 1),
    "tril": (2, 0),
    "triu": (2, 0),
    "unique": (6, 1),
    "unravel_index": (3, 1),
    "unwrap": (8, 0),
    "vander": (3, 0),
}


def _unwrap(value):
    if isinstance(value, ndarray):
        return value._array
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if type(value) in (list, tuple):
        return type(value)(map(_unwrap, value))
    return value


def _wrap(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return wrap(np.array(value, order="C"))
    if isinstance(value, (bool, float)):
        return wrap(np.asarray(value))
    if isinstance(value, (tuple, list)):
        return tuple(map(_wrap, value))
    return value


def run(name: str, function, positional: tuple, given: dict):
    """Call NumPy's function on the arrays behind CuPy's."""
    kernels, waits = COSTS[name]
    launch(f"cupy_{name}", kernels)
    for _ in range(waits):
        wait(name)
    with np.errstate(all="ignore"):
        return _wrap(function(*_unwrap(positional), **{k: _unwrap(v) for k, v in given.items()}))


def make(name: str, parameters: list):
    """Make a function with exactly the parameters of CuPy's."""
    marks = {2: "*", 4: "**"}
    head, star = [], False
    for parameter, kind, has_default, *_ in parameters:
        if kind == 3 and not star:
            head.append("*")
        star = star or kind in (2, 3)
        head.append(marks.get(kind, "") + parameter + ("=ABSENT" if has_default else ""))
    required = [p[0] for p in parameters if not p[2] and p[1] == 1]
    positional = [*required, *(f"*{p[0]}" for p in parameters if p[1] == 2)]
    pairs = "".join(f"({p[0]!r}, {p[0]}), " for p in parameters if p[2])
    code = (
        f"def {name}({', '.join(head)}):\n"
        f"    given = {{k: v for k, v in ({pairs}) if v is not ABSENT}}\n"
        f"    return run({name!r}, function, ({', '.join(positional)},), given)\n"
    )
    scope = {"ABSENT": object(), "run": run, "function": getattr(np, name)}
    exec(code, scope)
    return scope[name]


FUNCTIONS = {
    name: make(name, SURFACE["modules"][""][name])
    for name in COSTS
    if name in SURFACE["modules"][""]
}
