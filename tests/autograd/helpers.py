"""Shared by the tests of the engine."""

import numpy as np

from tinygen import Tensor, tensor


def leaf(values, dtype=np.float64) -> Tensor:
    """Return a leaf of these values."""
    return tensor(np.asarray(values, dtype), requires_grad=True)
