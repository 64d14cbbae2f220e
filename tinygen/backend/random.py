"""Random numbers from a seed, on one device.

There is no global source of random numbers. Every function that draws is given one:

    rng = tinygen.default_rng(0)
    noise = rng.normal((16, 1, 28, 28))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .arrays import check_device, cupy_with_gpu, import_cupy

__all__ = ["RNG", "default_rng", "pcg64_words", "set_pcg64_words"]

Array = Any  # np.ndarray, cupy.ndarray, or a registered type


def default_rng(seed: int, device: str = "cpu") -> RNG:
    """Return a new source of random numbers, an `RNG`: the numbers of `numpy.random.default_rng`.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1. The same seed on two devices gives different numbers.
    device : {"cpu", "cuda"}
        Where the numbers are drawn.
    """
    return RNG(seed, device)


# Names of NumPy's Generator and of PyTorch -> what to write instead.
_ELSEWHERE = {
    "choice": "array[rng.integers(0, len(array), shape)], or array[rng.permutation(n)[:k]]",
    "rand": "rng.uniform(shape)",
    "randint": "rng.integers(low, high, shape)",
    "randn": "rng.normal(shape)",
    "random": "rng.uniform(shape)",
    "randperm": "rng.permutation(n)",
    "shuffle": "array[rng.permutation(len(array))]",
    "standard_normal": "rng.normal(shape)",
}


class RNG:
    """A stream of random numbers on one device. Make one with `default_rng`.

    On the CPU the stream is NumPy's PCG64. On a GPU every draw makes a new Philox generator whose
    key is hashed from (seed, number of draws so far), so these two integers are the whole state.
    CuPy keeps 32 bits of the hash: among 10,000 draws, two share a key with probability 1/86.

    `state_dict()` is small and can be stored in an .npz file without pickle. A source that loads it
    continues with the same numbers.
    """

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self.device = check_device(device)
        is_integer = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
        if not is_integer or not 0 <= seed < 2**64:
            raise ValueError(f"a seed is an int from 0 to 2**64 - 1, got {seed!r}")
        self._seed, self._num_draws = int(seed), 0  # on a GPU, the state
        self._numpy_generator = None  # on the CPU, the state
        if device == "cpu":
            self._numpy_generator = np.random.Generator(np.random.PCG64(self._seed))
        else:
            cupy_with_gpu()

    def __repr__(self) -> str:
        """Show the device, and the seed if no other state was loaded."""
        seed = "" if self._seed is None else f"seed={self._seed}, "
        return f"RNG({seed}device={self.device!r})"

    def __getattr__(self, name: str):
        """Raise AttributeError that says what NumPy's or PyTorch's method of this name is here."""
        hint = f"; here it is {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
        raise AttributeError(f"RNG has no attribute {name!r}{hint}", name=name, obj=self)

    def _generator(self) -> Any:
        """Return the numpy.random.Generator or cupy.random.Generator to draw from now."""
        if self._numpy_generator is not None:
            return self._numpy_generator
        random = import_cupy().random
        key = np.random.SeedSequence([self._seed, self._num_draws])
        self._num_draws += 1
        return random.Generator(random.Philox4x3210(key))

    def normal(self, size: int | tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Draw an array of the shape `size` from N(0, 1)."""
        return self._floats("standard_normal", size, dtype)

    def uniform(self, size: int | tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Draw an array of the shape `size` from the uniform distribution on [0, 1)."""
        return self._floats("random", size, dtype)

    def _floats(self, method: str, size: int | tuple[int, ...], dtype: Any) -> Array:
        if isinstance(dtype, (int, float, tuple)):
            raise TypeError(
                f"dtype is {dtype!r}: give the shape as one tuple, and scale the numbers that are "
                "drawn, as in mean + std * rng.normal((2, 3))"
            )
        # NumPy and CuPy draw these two types; any other is converted from float32.
        drawn_dtype = np.float64 if np.dtype(dtype) == np.float64 else np.float32
        draw = getattr(self._generator(), method)
        return draw(size, dtype=drawn_dtype).astype(dtype, copy=False)

    def integers(self, low: int, high: int, size: int | tuple[int, ...]) -> Array:
        """Draw int64 numbers uniformly from low, low + 1, ..., high - 1."""
        return self._generator().integers(low, high, size=size)

    def permutation(self, n: int) -> Array:
        """Return the numbers 0 to n - 1 in random order."""
        generator = self._generator()
        if self._numpy_generator is not None:
            return generator.permutation(n)
        return generator.random(n).argsort()  # CuPy's Generator has no permutation

    def bernoulli(
        self, p: float | Array, size: int | tuple[int, ...] | None = None, dtype: Any = np.float32
    ) -> Array:
        """Draw 1 with probability p, else 0.

        Parameters
        ----------
        p : float or array
            The probability; an array broadcasts to `size`.
        size : int or tuple of int, optional
            The shape of the result; by default that of p.
        dtype : dtype
            Of the result.
        """
        return (self.uniform(np.shape(p) if size is None else size) < p).astype(dtype)

    def state_dict(self) -> dict[str, Any]:
        """Return {"kind": str, "words": uint64 array}: all that decides the numbers to come."""
        if self._numpy_generator is not None:
            return {"kind": "numpy.pcg64", "words": pcg64_words(self._numpy_generator)}
        words = np.array([self._seed, self._num_draws], np.uint64)
        return {"kind": "cupy.philox", "words": words}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the source that returned `state` was. Raises ValueError if it cannot."""
        if unknown := sorted(set(state) - {"kind", "words"}):
            raise ValueError(
                "the state of a random source has 'kind' and 'words'; "
                f"this one also has {', '.join(map(repr, unknown))}"
            )
        own, kind = self.state_dict(), str(state["kind"])
        words = np.asarray(state["words"], np.uint64)
        if kind != own["kind"] or words.shape != own["words"].shape:
            raise ValueError(
                f"this random source, on {self.device!r}, is {own['kind']}; the state is of "
                f"{kind}: load it on the device it came from"
            )
        if self._numpy_generator is not None:
            set_pcg64_words(self._numpy_generator, words)
            self._seed = None  # it no longer says where the stream is
        else:
            self._seed, self._num_draws = (int(word) for word in words)


def pcg64_words(generator: np.random.Generator) -> np.ndarray:
    """Return the state of a PCG64 generator as six uint64 words.

    In order: its 128-bit state and its 128-bit increment, high word first, then whether it holds
    a spare 32-bit number, and that number.
    """
    state = generator.bit_generator.state
    words = []
    for number in (state["state"]["state"], state["state"]["inc"]):
        words += [number >> 64, number & (2**64 - 1)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def set_pcg64_words(generator: np.random.Generator, words: np.ndarray) -> None:
    """Set the state that `pcg64_words` returned. Raises ValueError unless there are six words."""
    if words.shape != (6,):
        raise ValueError(f"the state of a PCG64 generator has shape (6,), not {words.shape}")
    high, low, increment_high, increment_low, has_spare, spare = (int(word) for word in words)
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": increment_high << 64 | increment_low},
        "has_uint32": has_spare,
        "uinteger": spare,
    }
