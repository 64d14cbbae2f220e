"""How far reconstructions are from the originals, pixel by pixel."""

from __future__ import annotations

import numpy as np

__all__ = ["rmse"]


def rmse(x: np.ndarray, y: np.ndarray) -> float:
    """Return the root mean squared error sqrt(mean((x - y)^2)) over all elements.

    The arrays broadcast. The mean is computed in float64.
    """
    return float(np.sqrt(((x - y) ** 2).mean(dtype=np.float64)))
