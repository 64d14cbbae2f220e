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
    """Return whether one local name of the caller is the only reference to an array and its memory.

    The array's reference count is compared with that of an array to which one name is known to
    refer. A view (its `base` is not None) counts as shared, and so does an object that is no array.
    """
    return getattr(array, "base", array) is None and _count_references(array) <= _ONE_NAME


def _count_of_one_name() -> int:
    """Return the reference count that `is_unshared` finds if only one local name refers to it."""

    def count(array: Any) -> int:
        return _count_references(array)

    array = np.empty(0)
    return count(array)


_ONE_NAME = min(_count_of_one_name(), sys.maxsize - 1)


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
