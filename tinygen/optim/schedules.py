"""Learning-rate schedules: pure functions of the step that return a factor, for `optimizer.lr = base * factor`."""

from __future__ import annotations

import math

__all__ = ["constant", "cosine_decay", "linear_decay", "warmup_cosine"]


def constant(step: int) -> float:
    """1 at every step."""
    return 1.0


def linear_decay(step: int, *, steps: int, final: float = 0.0) -> float:
    """From 1 at step 0 in a straight line to `final` at `steps`, and `final` from then on."""
    return 1 - (1 - final) * _share("linear_decay", step, steps)


def cosine_decay(step: int, *, steps: int, final: float = 0.0) -> float:
    """From 1 at step 0 along half a cosine to `final` at `steps`, and `final` from then on (Loshchilov and Hutter 2017, without restarts)."""
    return final + (1 - final) * (1 + math.cos(math.pi * _share("cosine_decay", step, steps))) / 2


def warmup_cosine(step: int, *, warmup: int, steps: int, final: float = 0.0) -> float:
    """(step + 1) / warmup for the first `warmup` steps, so that none is wasted on a factor of 0; then `cosine_decay` from 1 there to
    `final` at `steps`."""
    if not 0 <= warmup < steps:
        raise ValueError(f"warmup_cosine: warmup={warmup} must be at least 0 and less than steps={steps}")
    return (step + 1) / warmup if step < warmup else cosine_decay(step - warmup, steps=steps - warmup, final=final)


def _share(name: str, step: int, steps: int) -> float:
    if steps < 1 or step < 0:
        raise ValueError(f"{name}: steps={steps} must be at least 1 and step={step} at least 0")
    return min(step / steps, 1.0)
