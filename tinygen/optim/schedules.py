"""Learning-rate schedules: pure functions of the step that return a factor, and `LRSchedule`, which applies it.

    optimizer = Adam(model.parameters(), lr=1e-3)
    schedule = LRSchedule(optimizer, lambda step: cosine_decay(step, steps=1000))
    for step in range(1000):
        schedule.set(step)  # optimizer.lr = 1e-3 * cosine_decay(step, steps=1000)
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .optimizers import Optimizer, check_range

__all__ = ["LRSchedule", "constant", "cosine_decay", "linear_decay", "warmup_cosine"]


class LRSchedule:
    """Set an optimizer's learning rate to `base_lr * factor(step)`.

    `base_lr` is the `lr` that the optimizer was constructed with. The schedule has no state: `set` depends
    on its argument alone, so a run that resumes at any step has the right learning rate.

    Parameters
    ----------
    optimizer : the `Optimizer` whose `lr` is set.
    factor : function from the number of the step to a factor, at least 0 and finite.
    """

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float]):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"LRSchedule: needs an Optimizer, got a {type(optimizer).__name__}")
        if not callable(factor):
            raise TypeError(
                f"LRSchedule: factor is a {type(factor).__name__}, not a function; "
                "give lambda step: cosine_decay(step, steps=...)"
            )
        self.optimizer, self.factor = optimizer, factor

    def set(self, step: int) -> None:
        """Set `optimizer.lr` for this step. Raise ValueError if the factor is negative or not finite."""
        factor = self.factor(step)
        check_range("LRSchedule", factor=(factor, 0))
        self.optimizer.lr = self.optimizer.base_lr * factor


def constant(step: int) -> float:
    """1 at every step."""
    return 1.0


def linear_decay(step: int, *, steps: int, final_factor: float = 0.0) -> float:
    """From 1 at step 0 in a straight line to `final_factor` at `steps`, and `final_factor` from then on."""
    return 1 - (1 - final_factor) * _share("linear_decay", step, steps)


def cosine_decay(step: int, *, steps: int, final_factor: float = 0.0) -> float:
    """From 1 at step 0 along half a cosine to `final_factor` at `steps`, and `final_factor` from then on (Loshchilov and Hutter 2017, without restarts)."""
    return final_factor + (1 - final_factor) * (1 + math.cos(math.pi * _share("cosine_decay", step, steps))) / 2


def warmup_cosine(step: int, *, warmup_steps: int, steps: int, final_factor: float = 0.0) -> float:
    """(step + 1) / warmup_steps for the first `warmup_steps` steps, so that none is wasted on a factor of 0; then `cosine_decay` from 1 there to
    `final_factor` at `steps`."""
    if not 0 <= warmup_steps < steps:
        raise ValueError(f"warmup_cosine: warmup_steps={warmup_steps} must be at least 0 and less than steps={steps}")
    return (step + 1) / warmup_steps if step < warmup_steps else cosine_decay(step - warmup_steps, steps=steps - warmup_steps, final_factor=final_factor)


def _share(name: str, step: int, steps: int) -> float:
    if steps < 1 or step < 0:
        raise ValueError(f"{name}: steps={steps} must be at least 1 and step={step} at least 0")
    return min(step / steps, 1.0)
