"""Optimizers, learning-rate schedules, gradient clipping and the exponential moving average of weights.

    optimizer = Adam(model.parameters(), lr=1e-3)
    schedule = LRSchedule(optimizer, lambda step: warmup_cosine(step, warmup_steps=100, steps=steps))
    for step in range(steps):
        schedule.set(step)
        optimizer.zero_grad()
        loss(model(batch)).backward()
        optimizer.step()

All arithmetic is in the parameters' own dtype. optimizers.py comes first; blocks.py has how a step is made fast.
"""

from .average import ExponentialMovingAverage
from .clipping import clip_grad_norm_, clip_weights_
from .optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from .schedules import LRSchedule, constant, cosine_decay, linear_decay, warmup_cosine

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
    "constant",
    "cosine_decay",
    "linear_decay",
    "warmup_cosine",
]
