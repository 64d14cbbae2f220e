"""Checks of the numbers that optimizers are constructed with."""

from __future__ import annotations

import math

__all__ = ["check_range"]


def check_range(name: str, **values: tuple) -> None:
    """Raise ValueError unless low <= value < high, for each (value, low) or (value, low, high)."""
    for setting, (value, low, *rest) in values.items():
        high = rest[0] if rest else math.inf
        if not low <= value < high:
            bound = f"less than {high}" if rest else "finite"
            raise ValueError(f"{name}: {setting}={value} must be at least {low} and {bound}")
