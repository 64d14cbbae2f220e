"""Whether an array is held by one name alone, so that it may be handed out without a copy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["is_unshared"]

# Python's count of references to an object. Without one, as in PyPy, every array counts as shared.
_count_references = getattr(sys, "getrefcount", lambda array: sys.maxsize)


def is_unshared(array: Any) -> bool:
    """Whether one local name of the caller is all that holds an array and its memory.

    The count of references tells: it is compared with the count of an array that is known to have
    one name. A view, which has a base, and anything that is no array are shared.
    """
    return getattr(array, "base", array) is None and _count_references(array) <= _ONE_NAME


def _count_of_one_name() -> int:
    """Count as `is_unshared` does, for an array that one local name holds."""

    def count(array: Any) -> int:
        return _count_references(array)

    array = np.empty(0)
    return count(array)


_ONE_NAME = min(_count_of_one_name(), sys.maxsize - 1)
