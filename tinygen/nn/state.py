"""Check the dict that `state_dict()` returned before it is loaded, and move its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backend import array_module, device_of, to_device

__all__ = ["check_state_dict", "to_device_of"]

Array = Any


def to_device_of(array: Array, target: Array) -> Array:
    """Return `array` on the device of `target`, moved there if it is on another one."""
    return array_module(target).asarray(to_device(array, device_of(target)))


def check_state_dict(owner: str, expected: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Check that a state can be loaded: it has the expected names, shapes and dtypes.

    Parameters
    ----------
    owner : class of the object that loads the state, for the message.
    expected : the object's own state. Shape and dtype are compared where its value is an array.
    state : the state to load. Its values are not checked.

    Raises
    ------
    TypeError
        If `state` is no mapping.
    ValueError
        If the state does not fit. The message names everything that differs.
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict: expected the dict that {owner}.state_dict() gave, "
            f"got a {type(state).__name__}"
        )
    differences = _compare_names(expected, state)
    for name, array in expected.items():
        if name in state and hasattr(array, "shape"):
            differences += _compare_arrays(name, array, state[name])
    if differences:
        raise ValueError(
            f"load_state_dict: the state is not of this {owner} (nothing was loaded)\n  "
            + "\n  ".join(differences)
        )


def _compare_names(expected: Mapping[str, Any], state: Mapping[str, Any]) -> list[str]:
    missing = [name for name in expected if name not in state]
    unexpected = [str(name) for name in state if name not in expected]
    differences = []
    if missing:
        differences.append(f"missing: {', '.join(missing)}")
    if unexpected:
        differences.append(f"unexpected: {', '.join(unexpected)}")
    return differences


def _compare_arrays(name: str, expected: Array, given: Any) -> list[str]:
    if not hasattr(given, "shape"):
        description = repr(given)
    elif (given.shape, given.dtype) != (expected.shape, expected.dtype):
        description = f"{given.dtype} {given.shape}"
    else:
        return []
    return [f"{name}: expected {expected.dtype} {expected.shape}, the state has {description}"]
