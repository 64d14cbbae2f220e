"""Clipping: of gradients by their joint norm, of weights one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend.fused import scale_all, sum_of_squares

__all__ = ["clip_grad_norm_", "clip_weights_"]

Array = Any


def clip_grad_norm_(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients, in place, so that their joint Euclidean norm is at most `max_norm`.

    All gradients are multiplied by the same factor, max_norm / norm, if the norm is larger than
    `max_norm`.

    Parameters
    ----------
    parameters : list of tensors. Those without a gradient do not count.
    max_norm : the largest norm allowed, above 0.

    Returns
    -------
    norm : the joint norm before scaling. The function needs it as a number, so on a GPU it waits
        for the gradients, once.

    Raises
    ------
    FloatingPointError
        If a gradient contains NaN or infinity. Multiplied by such a factor, every parameter would
        become NaN. No gradient has been changed. (PyTorch scales anyway, by default.)
    """
    parameters = _as_list("clip_grad_norm_", parameters)
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm_: max_norm={max_norm} must be positive")
    if len({id(p) for p in parameters}) < len(parameters):
        raise ValueError(
            "clip_grad_norm_: a parameter is in the list twice, and would count twice in the norm; "
            "give each once"
        )
    grads = {i: p.grad.data for i, p in enumerate(parameters) if p.grad is not None}
    norm = _joint_norm(grads)
    if norm > max_norm:
        factor = max_norm / norm
        scale_all(grads.values(), factor)
        for i in grads:
            parameters[i].grad.touch()
    return norm


def _joint_norm(grads: dict[int, Array]) -> float:
    """Return the Euclidean norm of all gradients together; the keys number them for the error."""
    norm = math.sqrt(sum_of_squares(grads.values()))
    if math.isfinite(norm):
        return norm
    largest = 0.0
    for i, g in grads.items():
        size = float(np.abs(g).max()) if g.size else 0.0
        if not math.isfinite(size):
            raise FloatingPointError(
                f"clip_grad_norm_: the gradient of parameter {i}, of shape {g.shape}, holds NaN or "
                "infinity; no gradient was changed. Run the step under tinygen.detect_nan() to see "
                "where it rose"
            )
        largest = max(largest, size)
    # All elements are finite: only their squares overflowed. Scale before squaring.
    return largest * math.sqrt(sum_of_squares(g / largest for g in grads.values()))


def clip_weights_(parameters: Iterable[Tensor], limit: float = 0.01) -> None:
    """Clip every weight to [-limit, limit], in place.

    This was the first way to bound the gradient norm of WGAN's critic. It gives no known value of
    the bound, and pushes weights to the two ends of the interval. Call it after each step of the
    critic.

    **Source** Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017, Algorithm 1.

    Parameters
    ----------
    parameters : list of tensors.
    limit : the largest absolute value allowed, above 0.
    """
    if not limit > 0:
        raise ValueError(f"clip_weights_: limit is above 0; got {limit}")
    for p in _as_list("clip_weights_", parameters):
        p.data = np.clip(p.data, -limit, limit)


def _as_list(name: str, parameters: Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, Tensor):
        raise TypeError(f"{name}: give the parameters as a list")
    return list(parameters)
