"""Check a `state_dict()` before it is loaded, and move its arrays to the right device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backend import array_module, device_of, to_device

__all__ = ["check_state_dict", "to_device_of"]

Array = Any


def to_device_of(array: Array, target: Array) -> Array:
    """The array, moved beside `target` if it lies elsewhere."""
    return array_module(target).asarray(to_device(array, device_of(target)))


def check_state_dict(owner: str, own: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raise ValueError unless `state` has the names of `own` and, for each that is an array in `own`, its shape and dtype. Values are not
    looked at."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict: expected the dict that {owner}.state_dict() gave, got a {type(state).__name__}")
    wrong = [f"missing: {', '.join(names)}" for names in [[n for n in own if n not in state]] if names]
    wrong += [f"unexpected: {', '.join(map(str, names))}" for names in [[n for n in state if n not in own]] if names]
    for name in own:
        if name in state and hasattr(own[name], "shape"):
            expected, given = own[name], state[name]
            if not hasattr(given, "shape") or (given.shape, given.dtype) != (expected.shape, expected.dtype):
                came = f"{given.dtype} {given.shape}" if hasattr(given, "shape") else repr(given)
                wrong.append(f"{name}: expected {expected.dtype} {expected.shape}, the state has {came}")
    if wrong:
        raise ValueError(f"load_state_dict: the state is not of this {owner} (nothing was loaded)\n  " + "\n  ".join(wrong))
