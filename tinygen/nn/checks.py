"""Checks of the arguments that layers are constructed with."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..backend import RNG, type_name
from .pytorch_names import ARGUMENTS

__all__ = ["check_arguments", "check_rng", "check_sizes"]

Parameters = dict[str, inspect.Parameter]


def check_sizes(name: str, **sizes: int) -> None:
    """Raise ValueError unless every size is a positive whole number; `name` is the layer's."""
    for size_name, size in sizes.items():
        is_whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if not is_whole or size < 1:
            raise ValueError(f"{name}: {size_name} must be a positive whole number, not {size!r}")


def check_rng(rng: Any) -> None:
    """Raise TypeError unless `rng` is one of this package's; an integer was meant as its seed."""
    if isinstance(rng, RNG):
        return
    is_plain = type(rng).__module__ == "builtins"
    given = repr(rng) if is_plain else f"a {type_name(rng)}"
    seed = rng if type(rng) is int else "seed"
    raise TypeError(f"rng is {given}; give tinygen.default_rng({seed})")


def check_arguments(module_class: type, args: tuple, kwargs: dict[str, Any]) -> None:
    """Raise TypeError for arguments that a layer does not have, and without an `rng`."""
    parameters = {}
    if module_class.__init__ is not object.__init__:
        parameters = dict(inspect.signature(module_class.__init__).parameters)
        parameters.pop("self", None)
    _check_known(module_class.__name__, parameters, args, kwargs)
    _check_rng_is_given(module_class.__name__, parameters, args, kwargs)


def _check_known(name: str, parameters: Parameters, args: tuple, kwargs: dict[str, Any]) -> None:
    """Raise TypeError for an argument that is not among the parameters."""
    kinds = [p.kind for p in parameters.values()]
    num_positional = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(args) > num_positional and inspect.Parameter.VAR_POSITIONAL not in kinds:
        advice = f"; inplace: {ARGUMENTS['inplace']}" if isinstance(args[-1], bool) else ""
        raise TypeError(
            f"{name} takes {num_positional} arguments by position, not {len(args)}{advice}"
        )
    for argument in kwargs:
        if argument not in parameters and inspect.Parameter.VAR_KEYWORD not in kinds:
            advice = f": {ARGUMENTS[argument]}" if argument in ARGUMENTS else ""
            raise TypeError(f"{name} has no argument {argument!r}{advice}")


def _check_rng_is_given(
    name: str, parameters: Parameters, args: tuple, kwargs: dict[str, Any]
) -> None:
    """Raise TypeError if nothing but a required `rng` is missing.

    The `rng` has no default. A hidden global one would make results depend on all that ran before,
    and one that begins anew in each layer would give equal layers the same weights.
    """
    rng = parameters.get("rng")
    is_needed = rng is not None and rng.kind is rng.KEYWORD_ONLY and rng.default is rng.empty
    required = [p.name for p in parameters.values() if p.default is p.empty]
    is_complete = all(name in kwargs or name == "rng" for name in required[len(args) :])
    if is_needed and is_complete and "rng" not in kwargs:
        are_plain = all(type(value) in (int, float, bool, str, tuple) for value in args)
        given = [repr(value) for value in args] if are_plain else ["..."]
        given += [f"{key}={value!r}" for key, value in kwargs.items()]
        call = f"{name}({', '.join([*given, 'rng=rng'])})"
        raise TypeError(
            f"{name} draws random numbers, and needs a source of them. Make one for the whole "
            f"model, rng = tinygen.default_rng(0), and write {call}"
        )
