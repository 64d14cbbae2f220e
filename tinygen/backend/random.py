"""Random numbers on one device, from a seed: no global state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .arrays import check_device, cupy_with_gpu, import_cupy

__all__ = ["RNG", "default_rng"]

Array = Any  # np.ndarray, cupy.ndarray, or a registered type


def default_rng(seed: int, device: str = "cpu") -> RNG:
    """A new source of random numbers, of this seed, on "cpu" or "cuda". See `RNG`."""
    return RNG(seed, device)


class RNG:
    """A stream of random numbers on one device. There is no global one: whoever draws is handed a generator.

    Parameters: `seed`, an int of at least 0; `device`, "cpu" or "cuda". The same seed on two devices gives different numbers.
    `state_dict()` is small and stores in an .npz without pickle; a generator that loads it continues with the same numbers.

    On the CPU this is NumPy's PCG64. On a GPU every draw makes a fresh Philox generator whose key is hashed from (seed, draws so far),
    so those two ints are the whole state. CuPy keeps 32 bits of the hash: two draws among 10,000 share a key with odds of one in 86.
    """

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self.device = check_device(device)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
            raise ValueError(f"a seed is an int from 0 to 2**64 - 1, got {seed!r}")
        self._seed, self._draws = int(seed), 0  # on a GPU, the state
        self._numpy = np.random.Generator(np.random.PCG64(self._seed)) if device == "cpu" else None
        if device == "cuda":
            cupy_with_gpu()

    def _source(self) -> Any:
        """The numpy.random.Generator or cupy.random.Generator to draw from, once."""
        if self._numpy is not None:
            return self._numpy
        random = import_cupy().random
        key = np.random.SeedSequence([self._seed, self._draws])
        self._draws += 1
        return random.Generator(random.Philox4x3210(key))

    def normal(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Numbers from N(0, 1)."""
        return self._floats("standard_normal", shape, dtype)

    def uniform(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Numbers uniform on [0, 1)."""
        return self._floats("random", shape, dtype)

    def _floats(self, method: str, shape: tuple[int, ...], dtype: Any) -> Array:
        drawn = np.float64 if np.dtype(dtype) == np.float64 else np.float32  # the two types the libraries draw
        return getattr(self._source(), method)(shape, dtype=drawn).astype(dtype, copy=False)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Array:
        """int64 numbers uniform on low, low + 1, ..., high - 1."""
        return self._source().integers(low, high, size=shape)

    def permutation(self, n: int) -> Array:
        """The numbers 0 to n - 1 in random order."""
        source = self._source()
        return source.permutation(n) if self._numpy is not None else source.random(n).argsort()  # CuPy's has no permutation

    def bernoulli(self, p: float | Array, shape: tuple[int, ...] | None = None, dtype: Any = np.float32) -> Array:
        """1 with probability p, else 0. p: a number, or an array that broadcasts to `shape` (by default its own)."""
        return (self.uniform(np.shape(p) if shape is None else shape) < p).astype(dtype)

    def state_dict(self) -> dict[str, Any]:
        """{"kind": str, "words": uint64 array}: all that decides the numbers to come."""
        if self._numpy is None:
            return {"kind": "cupy.philox", "words": np.array([self._seed, self._draws], np.uint64)}
        state = self._numpy.bit_generator.state  # its state and increment have 128 bits: two words each, high first
        wide = [state["state"]["state"], state["state"]["inc"]]
        words = [half for number in wide for half in (number >> 64, number & (2**64 - 1))]
        return {"kind": "numpy.pcg64", "words": np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the generator that gave `state` was."""
        if unknown := sorted(set(state) - {"kind", "words"}):
            raise ValueError(f"a generator's state has 'kind' and 'words'; this one also has {', '.join(map(repr, unknown))}")
        own, kind = self.state_dict(), str(state["kind"])
        words = [int(word) for word in np.asarray(state["words"], np.uint64)]
        if kind != own["kind"] or len(words) != len(own["words"]):
            raise ValueError(f"this generator, on {self.device!r}, is {own['kind']}; the state is of {kind}: load it on the device it came from")
        if self._numpy is None:
            self._seed, self._draws = words
            return
        high, low, inc_high, inc_low, has_uint32, uinteger = words
        self._numpy.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }
