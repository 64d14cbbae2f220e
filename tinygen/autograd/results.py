"""Convert what a forward or a rule returned to an array, and find the first NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import array_module
from .tensor import Tensor


def as_array(value: Any, like: Sequence) -> Any:
    """Return what a forward or a rule returned as an array; a Tensor stays as it is.

    NumPy's reductions and its arithmetic on arrays without axes return scalars.

    Parameters
    ----------
    value : array, scalar or Tensor
        Anything else raises TypeError.
    like : sequence of arrays
        A scalar becomes an array on their device.
    """
    if value is None or isinstance(value, (tuple, list)):
        raise TypeError(
            f"a forward or rule returned {type(value).__name__}, not an array; a primitive of "
            "several outputs names them: outputs=(...)"
        )
    if type(value) is Tensor:
        return value
    if hasattr(value, "__array_function__") and not isinstance(value, np.generic):
        return value
    return array_module(*like).asarray(value)


def check_nan(name: str, results: Any, arguments: Any) -> None:
    """Raise FloatingPointError if there is a NaN in `results` and none in `arguments`."""
    if has_nan(results) and not has_nan(arguments):
        raise FloatingPointError(f"{name}: the first NaN rose here, from arguments without any")


def has_nan(value: Any) -> bool:
    """Whether an array, a Tensor, or anything in a tuple or list of them, holds a NaN."""
    value = getattr(value, "_data", value)
    if isinstance(value, (tuple, list)):
        return any(map(has_nan, value))
    is_floating = getattr(getattr(value, "dtype", None), "kind", "") == "f"
    return is_floating and bool((value != value).any())
