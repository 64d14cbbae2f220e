"""The part of `cupyx` that tinygen needs: reports of linear algebra, and adding at indices."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
from cupy._setitem import scatter
from cupy._ufunc import ufunc

_config = threading.local()


def geterr() -> dict:
    """Return what is reported; only `linalg` can be."""
    linalg = getattr(_config, "linalg", "ignore")
    return {"divide": None, "over": None, "under": None, "invalid": None, "linalg": linalg}


def seterr(*, divide=None, over=None, under=None, invalid=None, linalg=None) -> dict:
    """Set whether a failure of linear algebra is ignored or raises."""
    old = geterr()
    if any(v is not None for v in (divide, over, under, invalid)):
        raise NotImplementedError
    if linalg is not None:
        if linalg not in ("ignore", "raise"):
            raise NotImplementedError
        _config.linalg = linalg
    return old


@contextlib.contextmanager
def errstate(*, divide=None, over=None, under=None, invalid=None, linalg=None):
    """Set it within a block."""
    old = seterr(divide=divide, over=over, under=under, invalid=invalid, linalg=linalg)
    try:
        yield
    finally:
        seterr(**old)


def scatter_add(a, slices, value) -> None:
    """Add at indices, once for each time one occurs: atomically, in any order."""
    scatter(a, slices, value, "add")


def scatter_max(a, slices, value) -> None:
    """Take the maximum at indices."""
    scatter(a, slices, value, "max")


def scatter_min(a, slices, value) -> None:
    """Take the minimum at indices."""
    scatter(a, slices, value, "min")


_TYPES = [((np.dtype(c),), (np.dtype(c),)) for c in "efd"]
rsqrt = ufunc("cupy_rsqrt", _TYPES, lambda x, order: np.divide(1, np.sqrt(x), order=order))
