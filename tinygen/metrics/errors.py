"""How far reconstructions are from the originals, pixel by pixel."""

from __future__ import annotations

import numpy as np

__all__ = ["rmse"]


def rmse(x: np.ndarray, y: np.ndarray) -> float:
    """Return the root mean squared error sqrt(mean((x - y)^2)) over all elements.

    The arrays broadcast. All is computed in float64, also of bytes.
    """
    difference = np.subtract(x, y, dtype=np.float64)
    return float(np.sqrt((difference**2).mean()))
