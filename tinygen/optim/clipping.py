"""Clipping: gradients by their joint norm, weights one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend.fused import BLOCK

__all__ = ["clip_grad_norm_", "clip_weights_"]

Array = Any


def clip_grad_norm_(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients by one factor, in place, so that their joint Euclidean norm is at most `max_norm`; return the norm they had.

    Parameters without a gradient count for nothing. Raises FloatingPointError, with all gradients as they were, if one holds NaN or infinity: scaled
    by such a norm every parameter would become NaN. (PyTorch lets that happen, unless told otherwise.) The norm is needed as a number here, so on
    a GPU this waits for the gradients.
    """
    if isinstance(parameters, Tensor):
        raise TypeError("clip_grad_norm_: give the parameters as a list")
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm_: max_norm={max_norm} must be positive")
    parameters = list(parameters)
    if len({id(p) for p in parameters}) < len(parameters):
        raise ValueError("clip_grad_norm_: a parameter is in the list twice, and would count twice in the norm; give each once")
    grads = [(i, p.grad.data) for i, p in enumerate(parameters) if p.grad is not None]
    total = math.sqrt(sum(_sum_of_squares(g) for _, g in grads))
    if not math.isfinite(total):
        largest = [float(np.abs(g).max()) if g.size else 0.0 for _, g in grads]
        for (i, g), a in zip(grads, largest):
            if not math.isfinite(a):
                raise FloatingPointError(
                    f"clip_grad_norm_: the gradient of parameter {i}, of shape {g.shape}, holds NaN or infinity; no gradient was changed. "
                    "Run the step under tinygen.detect_nan() to see where it rose"
                )
        top = max(largest)  # all are finite: only the squares overflowed
        total = top * math.sqrt(sum(_sum_of_squares(g / top) for _, g in grads))
    if total > max_norm:
        factor = max_norm / total
        for i, g in grads:
            np.multiply(g, factor, out=g)
            parameters[i].grad.touch()
    return total


def _sum_of_squares(g: Array) -> float:
    if type(g) is not np.ndarray:
        return float((g * g).sum())
    g = g.ravel(order="K")
    with np.errstate(over="ignore"):
        return sum(float(np.dot(b, b)) for b in (g[i : i + BLOCK] for i in range(0, g.size, BLOCK)))  # short sums, so that float32 suffices


def clip_weights_(parameters: Iterable[Tensor], limit: float = 0.01) -> None:
    """Cut every weight to [-limit, limit], in place: WGAN's first way to bound the critic's slope (Arjovsky, Chintala and Bottou, 2017, Algorithm 1).

    It bounds the slope by *something*, and pushes weights to the two ends of the interval. Call it after each step of the critic.
    """
    if isinstance(parameters, Tensor):
        raise TypeError("clip_weights_: give the parameters as a list")
    if not limit > 0:
        raise ValueError(f"clip_weights_: limit is above 0; got {limit}")
    for p in parameters:
        p.data = np.clip(p.data, -limit, limit)
