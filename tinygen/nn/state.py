"""Check the dict that `state_dict()` returned before it is loaded, and read its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ..autograd.tensor import Tensor
from ..backend import from_dlpack

__all__ = ["LoadedKeys", "check_state_dict"]

Array = Any


class LoadedKeys(NamedTuple):
    """What `load_state_dict` did not load: names that the state lacks, and names of the state."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def check_state_dict(
    owner: str, expected: Mapping[str, Any], state: Mapping[str, Any], strict: bool = True
) -> tuple[dict[str, Any], LoadedKeys]:
    """Check that a state can be loaded: it has the expected names, shapes and dtypes.

    Parameters
    ----------
    owner : class of the object that loads the state, for the message.
    expected : the object's own state. Shape and dtype are compared where its value is an array. A
        dtype of the same kind that converts without loss will do: float16 where float32 is
        expected.
    state : the state to load. Its arrays may be Tensors, and those of another library.
    strict : whether names that only one of the two has are an error.

    Returns
    -------
    values : the state's values under the names that both have, with arrays of NumPy or CuPy.
    keys : the other names.

    Raises
    ------
    TypeError
        If `state` is no mapping.
    ValueError
        If the state does not fit. The message names everything that differs.
    """
    if not isinstance(state, Mapping):
        advice = ""
        if hasattr(state, "state_dict"):
            advice = "; give its state_dict()"
        elif isinstance(state, (str, PathLike)):
            advice = "; a file is loaded by tinygen.checkpoint.load_checkpoint(path, model=model)"
        raise TypeError(
            f"load_state_dict: expected the dict that {owner}.state_dict() gave, "
            f"got a {type(state).__name__}{advice}"
        )
    keys = LoadedKeys(
        [name for name in expected if name not in state],
        [str(name) for name in state if name not in expected],
    )
    differences = _describe(keys) if strict else []
    values = {}
    for name in expected:
        if name in state:
            values[name], difference = _read(expected[name], state[name])
            differences += [f"{name}: {difference}"] if difference else []
    if differences:
        raise ValueError(
            f"load_state_dict: the state is not of this {owner} (nothing was loaded)\n  "
            + "\n  ".join(differences)
        )
    return values, keys


def _describe(keys: LoadedKeys) -> list[str]:
    kinds = {"missing": keys.missing_keys, "unexpected": keys.unexpected_keys}
    return [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]


def _read(expected: Any, given: Any) -> tuple[Any, str]:
    """Return the value to load, and how it differs from what is expected: "" if it fits."""
    if not hasattr(expected, "shape"):
        return given, ""
    wanted = f"expected {expected.dtype} {expected.shape}"
    if isinstance(given, Tensor):
        given = given.data
    elif hasattr(given, "__dlpack__") and not hasattr(given, "__array_function__"):
        try:
            given = from_dlpack(given)
        except (BufferError, RuntimeError, TypeError, ValueError, ImportError) as error:
            kind = f"{type(given).__name__} of {getattr(given, 'dtype', 'unknown dtype')}"
            return None, f"{wanted}, the state has a {kind} that cannot be read ({error})"
    if not hasattr(given, "shape"):
        text = (
            f"a {type(given).__name__}" if isinstance(given, (list, tuple, dict)) else repr(given)
        )
        return None, f"{wanted}, the state has {text}"
    if given.shape != expected.shape or not _converts(given.dtype, expected.dtype):
        advice = ""
        if given.shape == expected.shape and given.dtype.kind == expected.dtype.kind:
            advice = f"; if the loss of digits is meant, .astype({str(expected.dtype)!r})"
        return None, f"{wanted}, the state has {given.dtype} {given.shape}{advice}"
    return given, ""


def _converts(given: np.dtype, expected: np.dtype) -> bool:
    """Return whether each value of one dtype is a value of the other, and both are of one kind."""
    return given.kind == expected.kind and np.can_cast(given, expected)
