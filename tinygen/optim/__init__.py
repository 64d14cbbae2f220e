"""Optimizers, learning-rate schedules, clipping, and moving averages of parameters.

    optimizer = Adam(model.parameters(), lr=1e-3)
    schedule = LRSchedule(optimizer, cosine_decay, steps=steps)
    for step in range(steps):
        schedule.set(step)
        optimizer.zero_grad()
        loss(model(batch)).backward()
        optimizer.step()

The files:

    optimizers.py  SGD, RMSprop, Adam and AdamW: read it first
    base.py        Optimizer, what they share
    schedules.py   learning rates that depend on the step
    clipping.py    clipping of gradients and weights
    average.py     ExponentialMovingAverage
    checks.py      checks of settings

All arithmetic is in the parameters' own dtype. The optimizers run the same formulas in a faster
form, in `backend/fused.py`.
"""

from ..nn.pytorch_names import refuse
from .average import ExponentialMovingAverage
from .base import Optimizer
from .clipping import clip_grad_norm_, clip_weights_
from .optimizers import SGD, Adam, AdamW, RMSprop
from .schedules import LRSchedule, cosine_decay, linear_decay, warmup_cosine

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "ExponentialMovingAverage",
    "LRSchedule",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm_",
    "clip_weights_",
    "cosine_decay",
    "linear_decay",
    "warmup_cosine",
]


_SCHEDULE = "a schedule is LRSchedule(optimizer, factor), where factor(step) is any function"
_OTHERS = "here are SGD, RMSprop, Adam and AdamW"
_ELSEWHERE = {
    "lr_scheduler": "a schedule is LRSchedule(optimizer, cosine_decay, steps=1000)",
    "CosineAnnealingLR": "a schedule is LRSchedule(optimizer, cosine_decay, steps=1000)",
    "LinearLR": "a schedule is LRSchedule(optimizer, linear_decay, steps=1000)",
    "OneCycleLR": (
        "a schedule is LRSchedule(optimizer, warmup_cosine, warmup_steps=100, steps=1000)"
    ),
    "clip_grad_value_": "here is clip_grad_norm_(parameters, max_norm)",
    **dict.fromkeys(("ExponentialLR", "LambdaLR", "MultiStepLR", "StepLR"), _SCHEDULE),
    "swa_utils": "averages of parameters are ExponentialMovingAverage(model, decay)",
    **dict.fromkeys(("Adadelta", "Adagrad", "Adamax", "LBFGS", "NAdam", "RAdam"), _OTHERS),
}


def __getattr__(name: str):
    """Raise an AttributeError, which says what to type for a name of torch.optim."""
    raise AttributeError(refuse("tinygen.optim", name, _ELSEWHERE))
