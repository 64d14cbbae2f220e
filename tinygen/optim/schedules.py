"""Learning-rate schedules: functions of the step that return a factor, and LRSchedule.

    optimizer = Adam(model.parameters(), lr=1e-3)
    schedule = LRSchedule(optimizer, cosine_decay, steps=1000)
    for step in range(1000):
        schedule.set(step)  # optimizer.lr = 1e-3 * cosine_decay(step, steps=1000)

So the `lr` of the constructor is the largest learning rate, and the factor says how it changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ..nn.pytorch_names import refuse
from .base import Optimizer
from .checks import check_range

__all__ = ["LRSchedule", "cosine_decay", "linear_decay", "warmup_cosine"]


class LRSchedule:
    """A learning rate that depends on the step: `lr = base_lr * factor(step, **settings)`.

    `base_lr` is the `lr` that the optimizer was constructed with. The schedule has no state: `set`
    depends on its argument alone. So a run that resumes at any step has the right learning rate.

    Parameters
    ----------
    optimizers : the `Optimizer`, or several of them, whose `lr` is set.
    factor : function from the number of the step to a factor, at least 0 and finite.
    settings : keyword arguments of `factor`.
    """

    def __init__(
        self,
        optimizers: Optimizer | Iterable[Optimizer],
        factor: Callable[..., float],
        **settings,
    ):
        is_one = not isinstance(optimizers, Iterable)
        self.optimizers = [optimizers] if is_one else list(optimizers)
        for optimizer in self.optimizers:
            if not isinstance(optimizer, Optimizer):
                raise TypeError(f"LRSchedule: needs an Optimizer, got a {type(optimizer).__name__}")
        if not callable(factor):
            raise TypeError(
                f"LRSchedule: factor is a {type(factor).__name__}, not a function; "
                "give LRSchedule(optimizer, cosine_decay, steps=...)"
            )
        self.factor, self.settings = factor, settings
        factor(0, **settings)  # a setting that is missing or unknown raises its TypeError here

    def __getattr__(self, name: str):
        """Raise an AttributeError, which says what to type for a method of PyTorch's schedules."""
        table = {
            "step": "call schedule.set(step) before each step, with its number from 0",
            "get_last_lr": "optimizer.lr is the learning rate",
            "state_dict": "it has no state to save, since the rate follows from the step",
            "load_state_dict": "it has no state to load, since the rate follows from the step",
        }
        raise AttributeError(refuse("LRSchedule", name, table), name=name, obj=self)

    def __repr__(self) -> str:
        """Show the optimizers, the factor and its settings."""
        is_one = len(self.optimizers) == 1
        optimizers = self.optimizers[0] if is_one else self.optimizers
        factor = getattr(self.factor, "__name__", repr(self.factor))
        settings = [f"{name}={value!r}" for name, value in self.settings.items()]
        return f"LRSchedule({', '.join([repr(optimizers), factor, *settings])})"

    def set(self, step: int) -> None:
        """Set the `lr` for this step; ValueError if the factor is negative or not finite."""
        factor = self.factor(step, **self.settings)
        check_range("LRSchedule", factor=(factor, 0))
        for optimizer in self.optimizers:
            optimizer.lr = optimizer.base_lr * factor


def linear_decay(step: int, *, steps: int, final_factor: float = 0.0) -> float:
    """Return a factor that falls linearly from 1 at step 0 to `final_factor` at step `steps`.

    From then on it is `final_factor`.

    **Math** with u = step / steps

        factor = 1 - (1 - final_factor) u.
    """
    return 1 - (1 - final_factor) * _progress("linear_decay", step, steps)


def cosine_decay(step: int, *, steps: int, final_factor: float = 0.0) -> float:
    """Return a factor that falls along half a cosine, from 1 to `final_factor` at step `steps`.

    From then on it is `final_factor`.

    **Math** with u = step / steps

        factor = final_factor + (1 - final_factor) (1 + cos(pi u)) / 2.

    **Source** Loshchilov and Hutter, SGDR, 2017, without restarts.
    """
    u = _progress("cosine_decay", step, steps)
    return final_factor + (1 - final_factor) * (1 + math.cos(math.pi * u)) / 2


def warmup_cosine(step: int, *, warmup_steps: int, steps: int, final_factor: float = 0.0) -> float:
    """Return a factor that rises linearly for `warmup_steps` steps, then falls as `cosine_decay`.

    It is (step + 1) / warmup_steps during the warm-up, so that no step is wasted on a factor of 0.
    The decay goes from 1 to `final_factor` at step `steps`.
    """
    if not 0 <= warmup_steps < steps:
        raise ValueError(
            f"warmup_cosine: warmup_steps={warmup_steps} must be at least 0 and less than "
            f"steps={steps}"
        )
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    step, steps = step - warmup_steps, steps - warmup_steps
    return cosine_decay(step, steps=steps, final_factor=final_factor)


def _progress(name: str, step: int, steps: int) -> float:
    """Return the fraction of the steps that is done, from 0 to 1."""
    if steps < 1 or step < 0:
        raise ValueError(f"{name}: steps={steps} must be at least 1 and step={step} at least 0")
    return min(step / steps, 1.0)
