"""Power iteration: the largest singular value of a matrix and its singular vectors.

For W = sum_i sigma_i u_i v_i^T, W^T W multiplies the component of v along v_i by sigma_i^2. So the
component of the largest singular value grows fastest, and

    v <- W^T u / |W^T u|,    u <- W v / |W v|

converge to u_1 and v_1. Then sigma_1 = u^T W v.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["normalize", "power_iteration"]

Array = Any


def power_iteration(
    w: Array, u: Array, *, num_steps: int = 1, eps: float = 1e-12
) -> tuple[Array, Array]:
    """Take steps of power iteration for each matrix of a stack.

    Parameters
    ----------
    w : matrices (..., n_out, n_in).
    u : estimates of the left singular vectors (..., n_out). They are not written to.
    num_steps : at least 1. From a random u, 15 steps give sigma to a few per cent.
    eps : lower bound of the norms that are divided by.

    Returns
    -------
    u, v : new estimates of the left (..., n_out) and right (..., n_in) singular vectors.
    """
    v = None
    for _ in range(num_steps):
        v = normalize((w.swapaxes(-1, -2) @ u[..., None])[..., 0], eps)  # (..., n_in)
        u = normalize((w @ v[..., None])[..., 0], eps)  # (..., n_out)
    return u, v


def normalize(vectors: Array, eps: float = 1e-12) -> Array:
    """Divide vectors along the last axis by their Euclidean norm, or by `eps` if that is larger."""
    norm = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return vectors / np.maximum(norm, eps)
