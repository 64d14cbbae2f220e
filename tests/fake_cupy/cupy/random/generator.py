"""The generators with a state of their own."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

from .._core import ndarray, wrap


class BitGenerator:
    """A state on the GPU: a kernel initialises it."""

    def __init__(self, seed=None, *, size=-1):
        launch("init_curand_generator")
        words = seed.generate_state(1) if isinstance(seed, np.random.SeedSequence) else seed
        self.numpy = np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


class Philox4x3210(BitGenerator):
    """Philox."""


class XORWOW(BitGenerator):
    """XORWOW."""


class Generator:
    """Draws from a bit generator."""

    def __init__(self, bit_generator):
        self.bit_generator = bit_generator

    def _draw(self, method, size, dtype, out):
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"Unsupported dtype {dtype}")
        launch("cupy_random_generator")
        size = () if size is None else size
        result = np.asarray(getattr(self.bit_generator.numpy, method)(size, dtype=dtype))
        if out is None:
            return wrap(result)
        out._array[...] = result
        return out

    def random(self, size=None, dtype=np.float64, out=None):
        """Draw from [0, 1)."""
        return self._draw("random", size, dtype, out)

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        """Draw from N(0, 1)."""
        return self._draw("standard_normal", size, dtype, out)

    def uniform(self, low=0.0, high=1.0, size=None, dtype=np.float64):
        """Draw from [low, high)."""
        return low + (high - low) * self.random(size, dtype)

    def integers(self, low, high=None, size=None, dtype=np.int64, endpoint=False):
        """Draw integers."""
        if isinstance(low, ndarray) or isinstance(high, ndarray):
            raise NotImplementedError("the stand-in's bounds are numbers")
        launch("cupy_random_generator")
        size = () if size is None else size
        return wrap(np.asarray(self.bit_generator.numpy.integers(low, high, size, dtype, endpoint)))


def default_rng(seed=None):
    """Return a generator: XORWOW's."""
    return Generator(XORWOW(seed))
