"""Random numbers, each draw in one kernel. They are not the numbers that a GPU gives."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

from .._core import ndarray, wrap
from .._surface import missing
from .generator import XORWOW, Generator, Philox4x3210, default_rng  # noqa: F401

_source = np.random.default_rng(0)


def seed(seed=None) -> None:
    """Start the global stream again."""
    global _source
    _source = np.random.default_rng(seed)


def _floats(draw, size, dtype):
    launch("curand")
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError("dtype must be float32 or float64")
    return wrap(np.asarray(draw(size, dtype=dtype)))


def random_sample(size=None, dtype=float):
    """Draw from [0, 1)."""
    return _floats(_source.random, size, dtype)


def random(size=None, dtype=float):
    """Draw from [0, 1)."""
    return random_sample(size, dtype)


def standard_normal(size=None, dtype=float):
    """Draw from N(0, 1)."""
    return _floats(_source.standard_normal, size, dtype)


def normal(loc=0.0, scale=1.0, size=None, dtype=float):
    """Draw from N(loc, scale^2)."""
    return loc + scale * standard_normal(size, dtype)


def uniform(low=0.0, high=1.0, size=None, dtype=float):
    """Draw from [low, high)."""
    return low + (high - low) * random_sample(size, dtype)


def rand(*size, **kwarg):
    """Draw from [0, 1)."""
    return random_sample(size, **kwarg)


def randn(*size, **kwarg):
    """Draw from N(0, 1)."""
    return standard_normal(size, **kwarg)


def randint(low, high=None, size=None, dtype=int):
    """Draw integers."""
    launch("curand")
    return wrap(np.asarray(_source.integers(low, high, size, dtype)))


def permutation(a):
    """Return numbers in random order."""
    launch("curand")
    launch("thrust_argsort")
    if isinstance(a, ndarray):
        launch("cupy_take")
        return wrap(_source.permutation(a._array))
    return wrap(_source.permutation(a))


def __getattr__(name):
    return missing("random", name)
