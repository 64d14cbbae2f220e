"""Test whether only one name refers to an array, so that it may be returned without a copy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["is_unshared"]

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
