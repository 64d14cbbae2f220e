"""Who else refers to an array: whether it may be returned without a copy, and what views it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["is_unshared", "shared_version"]

# Python's count of references to an object. Without one, as in PyPy, every array counts as shared.
_count_references = getattr(sys, "getrefcount", lambda array: sys.maxsize)


def is_unshared(array: Any) -> bool:
    """Return whether the caller's parameter is the only reference to an array and its memory.

    The local name of which the caller was given it may still refer to it, too. The array's
    reference count is compared with that of an array which is known to have these two references.
    A view (its `base` is not None) counts as shared, and so does an object that is no array.
    """
    return getattr(array, "base", array) is None and _count_references(array) <= _UNSHARED_COUNT


def _count_if_unshared() -> int:
    """Return the reference count that `is_unshared` finds for such an array."""

    def count(array: Any) -> int:
        return _count_references(array)

    def caller(parameter: Any) -> int:
        return count(parameter)

    array = np.empty(0)
    return caller(array)


_UNSHARED_COUNT = min(_count_if_unshared(), sys.maxsize - 1)


def shared_version(output, arrays: Sequence, versions: Sequence) -> list[int]:
    """Return the version of an output: an argument's, if both are or view the same memory.

    Then a write to either is seen as a write to both.
    """
    is_shared = output.base is not None  # a view
    for array in arrays:
        if array is output:
            is_shared = True
    if not is_shared:
        return [0]
    for array, version in zip(arrays, versions):
        if version is not None and owner(array) is owner(output):
            return version
    return [0]


def owner(array):
    """Return the array that owns the memory of a view."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array
