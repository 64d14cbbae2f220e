"""Batch, group, instance and layer norm of raw arrays: which file computes them.

    norms_cpu.py    channels-last NumPy images, by passes over pieces of them in several threads
    norms_gpu.py    CuPy arrays, by CUDA kernels

Both have the functions `channel_norm`, `channel_norm_gradients` and `norm_silu_gradients`, and the
second also `trailing_norm` and `trailing_norm_gradients` (layer norm). They take the arguments and
return the results of the formulas in `ops/normalization.py` and `ops/norm_silu.py`, to which all
other arrays are left.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from . import norms_cpu, norms_gpu
from .arrays import all_on_gpu

__all__ = ["fast_form", "gpu_form"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


def fast_form(*arrays: Array) -> ModuleType | None:
    """Return the module that computes norms over channels and pixels of these arrays.

    It is None for Tensors, and for NumPy arrays other than large channels-last images.
    """
    if norms_cpu.are_images(*arrays):
        return norms_cpu
    return gpu_form(*arrays)


def gpu_form(*arrays: Array) -> ModuleType | None:
    """Return the module that computes norms of CuPy arrays; None for all other arrays."""
    is_numpy = type(arrays[0]) is np.ndarray
    return norms_gpu if not is_numpy and all_on_gpu(*arrays) else None
