"""Random numbers from a seed: the same on the CPU and on every GPU.

There is no global source of random numbers. Every function that draws is given one:

    rng = tinygen.default_rng(0)
    noise = rng.normal((16, 1, 28, 28))

philox.py computes the random bits, and distributions.py turns them into numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .arrays import array_module, check_device, cupy_with_gpu, import_cupy
from .distributions import fill_integers, fill_normal, fill_uniform

__all__ = ["RNG", "default_rng"]

Array = Any  # np.ndarray or cupy.ndarray

# The bit that the number of a draw gets if it is a permutation: see `RNG.permutation`.
PERMUTATIONS = 2**63


def default_rng(seed: int, device: str = "cpu") -> RNG:
    """Return a new source of random numbers, an `RNG`.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1. The same seed gives the same numbers on every device. They are not
        those of `numpy.random.default_rng`, whose algorithm is made for the CPU.
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

    Each call of a method is a **draw**, and draws are numbered from 0. Element i of a draw is a
    function of the method, the dtype, the seed, the number of the draw, and i. So the seed and the
    number of draws are the whole state. It can be loaded on another device, and the same numbers
    follow there: to the bit for uniform numbers, integers and permutations, and up to rounding for
    normal numbers.

    Two sources with one seed draw the same uniform numbers. A permutation has bits of its own, so a
    `Loader` with the seed of its data still mixes them.

    `state_dict()` is small and can be stored in an .npz file without pickle.
    """

    def __init__(self, seed: int, device: str = "cpu") -> None:
        is_integer = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
        if not is_integer or not 0 <= seed < 2**64:
            raise ValueError(f"a seed is an int from 0 to 2**64 - 1, got {seed!r}")
        self._seed, self._num_draws = int(seed), 0
        self.to(device)

    def __repr__(self) -> str:
        return f"<RNG on {self.device!r}, seed={self._seed}, after {self._num_draws} draws>"

    def __getattr__(self, name: str):
        """Raise AttributeError that says what NumPy's or PyTorch's method of this name is here."""
        hint = f"; here it is {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
        raise AttributeError(f"RNG has no attribute {name!r}{hint}", name=name, obj=self)

    def _draw(
        self,
        fill: Callable[..., None],
        size: int | tuple[int, ...],
        dtype: Any,
        *arguments: Any,
        family: int = 0,
    ) -> Array:
        """Return a new array that `fill` has filled with the numbers of the next draw."""
        module = np if self.device == "cpu" else import_cupy()
        y = module.empty(size, dtype)
        draw, self._num_draws = self._num_draws, self._num_draws + 1
        fill(self._seed, draw | family, *arguments, y.reshape(-1))
        return y

    def normal(self, size: int | tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Draw an array of the shape `size` from N(0, 1)."""
        return self._floats(fill_normal, size, dtype)

    def uniform(self, size: int | tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Draw an array of the shape `size` from the uniform distribution on [0, 1).

        In float16 the numbers are k / 2^11: a float32 number just below 1 would be rounded to 1.
        """
        if np.dtype(dtype) != np.float16:
            return self._floats(fill_uniform, size, dtype)
        u = self._floats(fill_uniform, size, np.float32)
        u *= 2048
        np.floor(u, out=u)
        u *= 1 / 2048
        return u.astype(dtype)

    def _floats(self, fill: Callable[..., None], size: int | tuple[int, ...], dtype: Any) -> Array:
        if isinstance(dtype, (int, float, tuple)):
            raise TypeError(
                f"dtype is {dtype!r}: give the shape as one tuple, and scale the numbers that are "
                "drawn, as in mean + std * rng.normal((2, 3))"
            )
        # These two types are drawn; any other is converted from float32.
        drawn_dtype = np.float64 if np.dtype(dtype) == np.float64 else np.float32
        return self._draw(fill, size, drawn_dtype).astype(dtype, copy=False)

    def integers(self, low: int, high: int, size: int | tuple[int, ...]) -> Array:
        """Draw int64 numbers uniformly from low, low + 1, ..., high - 1.

        Raises
        ------
        ValueError
            If low >= high, if they do not fit into int64, or if there are more than 2**53 numbers
            from low to high.
        """
        low, high = operator.index(low), operator.index(high)
        if low >= high:
            raise ValueError(f"integers: low must be less than high, got {low} and {high}")
        if low < -(2**63) or high > 2**63 or high - low > 2**53:
            raise ValueError(
                f"integers: high - low can be up to 2**53, within int64; got {low} and {high}"
            )
        return self._draw(fill_integers, size, np.int64, low, high - low)

    def permutation(self, n: int) -> Array:
        """Return the numbers 0 to n - 1 in random order.

        It is the order of n uniform numbers. They come from another family than those of
        `uniform`. Else the order would *sort* whatever another source with the same seed has
        drawn: a `Loader` of seed 0 would sort data that were drawn from `default_rng(0)`.
        """
        u = self._draw(fill_uniform, operator.index(n), np.float64, family=PERMUTATIONS)
        return u.argsort(kind="stable")  # among equal numbers, the same order on every device

    def bernoulli(
        self, p: float | Array, size: int | tuple[int, ...] | None = None, dtype: Any = np.float32
    ) -> Array:
        """Draw 1 with probability p, else 0.

        **Numerics** It compares p with uniform numbers of float32, which are multiples of 2^-24. So
        the probability is p, rounded up to such a multiple: 6e-8 for every smaller p above 0.

        Parameters
        ----------
        p : float or array
            The probability; an array broadcasts to `size`.
        size : int or tuple of int, optional
            The shape of the result; by default that of p.
        dtype : dtype
            Of the result.
        """
        u = self.uniform(np.shape(p) if size is None else size)
        module = array_module(u)
        return module.less(u, p, out=module.empty(u.shape, dtype))

    def to(self, device: str) -> RNG:
        """Draw on "cpu" or "cuda" from now on: the same stream goes on there. Returns self."""
        if check_device(device) == "cuda":
            cupy_with_gpu()
        self.device = device
        return self

    def state_dict(self) -> dict[str, Any]:
        """Return {"kind": str, "words": uint64 array}: the seed and the number of draws."""
        return {"kind": "philox", "words": np.array([self._seed, self._num_draws], np.uint64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the source that returned `state` was, on this source's device.

        Raises ValueError if it cannot.
        """
        if unknown := sorted(set(state) - {"kind", "words"}):
            raise ValueError(
                "the state of a random source has 'kind' and 'words'; "
                f"this one also has {', '.join(map(repr, unknown))}"
            )
        kind, words = str(state["kind"]), np.asarray(state["words"], object)
        if kind != "philox" or words.shape != (2,):
            raise ValueError(
                f"the state of a random source is of kind 'philox' and has 2 words; this one is of "
                f"kind {kind!r} and has {words.size}. If an older version of tinygen saved it, "
                "continue the run with that version, or begin it again"
            )
        if not all(isinstance(word, int) and 0 <= word < 2**64 for word in words):
            raise ValueError(
                "the words of the state of a random source are integers from 0 to 2**64 - 1, got "
                f"{words.tolist()}"
            )
        self._seed, self._num_draws = words
