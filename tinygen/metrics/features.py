"""Checks of features, which the metrics compare."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend import to_numpy

__all__ = ["check_features", "refuse_tensors"]

Array = Any


def check_features(name: str, x: Array, y: Array, min_count: int) -> tuple[Array, Array]:
    """Return two sets of features (n, d) and (m, d) in float64, or raise an error.

    Parameters
    ----------
    name : the metric, for the message.
    x, y : the features: finite, of one dimension d.
    min_count : smallest n and m allowed.
    """
    refuse_tensors(name, x, y)
    for features in (x, y):
        is_matrix = getattr(features, "ndim", 0) == 2
        if not is_matrix or features.dtype.kind not in "fiu" or len(features) < min_count:
            has_shape = hasattr(features, "shape")
            given = f"{features.dtype} {features.shape}" if has_shape else type(features).__name__
            raise ValueError(
                f"{name}: needs two arrays of features (n, d), n at least {min_count}; got {given}"
            )
        if num_bad := int(to_numpy(~np.isfinite(features)).sum()):
            raise ValueError(f"{name}: {num_bad} of the features are NaN or infinite")
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"{name}: features of {x.shape[1]} and of {y.shape[1]} dimensions are not of one "
            "network"
        )
    return x.astype(np.float64), y.astype(np.float64)


def refuse_tensors(name: str, *arrays: Any) -> None:
    """Raise TypeError for a Tensor: a metric has no gradient."""
    if any(isinstance(array, Tensor) for array in arrays):
        raise TypeError(f"{name}: takes arrays, and has no gradient: give tensor.numpy()")
