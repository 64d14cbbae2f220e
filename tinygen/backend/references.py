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
    A view may be unshared as well: of all elements of an array to which nothing but the view
    refers, such as the result of a reshape. An object that is no array counts as shared.
    """
    base = getattr(array, "base", array)
    if base is array:
        return False
    if base is not None:
        if type(base) is not type(array) or base.base is not None or base.size != array.size:
            return False
        if _count_references(base) > _BASE_COUNT or not getattr(array.flags, "writeable", True):
            return False
    return _count_references(array) <= _UNSHARED_COUNT


def _counts_if_unshared() -> tuple[int, int]:
    """Return the reference counts that `is_unshared` finds for such a view, and for its base."""

    def count(array: Any) -> tuple[int, int]:
        base = array.base
        return _count_references(array), _count_references(base)

    def caller(parameter: Any) -> tuple[int, int]:
        return count(parameter)

    array = np.empty(0).reshape(0, 1)
    return caller(array)


_UNSHARED_COUNT, _BASE_COUNT = (min(count, sys.maxsize - 1) for count in _counts_if_unshared())


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
