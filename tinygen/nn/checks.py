"""Checks of the arguments that layers are constructed with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import RNG

__all__ = ["check_rng", "check_sizes"]


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
    kind = type(rng)
    is_plain = kind.__module__ == "builtins"
    given = repr(rng) if is_plain else f"a {kind.__module__}.{kind.__qualname__}"
    seed = rng if kind is int else "seed"
    raise TypeError(f"rng is {given}; give tinygen.default_rng({seed})")
