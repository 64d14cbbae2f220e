"""The registry of checks: every public differentiable function has at least one case.

A case draws an example: a function, its arguments and a naive implementation. All cases are held to
the same tests (tests/ops/test_cases.py).

    @case("exp")
    def draw_exp(draw):
        x = draw.array(draw.shape(), -2, 2)     # the domain of the op
        return ops.exp, [x], np.exp             # the op, its arguments, the naive implementation

The op takes one Tensor for each argument. The arguments are float64 arrays. The naive
implementation is the same function of NumPy arrays, written independently of tinygen. Every other
array that the op uses (a mask, an index) goes through `draw.constant`, which moves it to the device
under test.

hypothesis draws shapes, settings, memory layouts and a seed, never single values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

CASES: dict[str, list[Callable]] = {}
LAYOUTS = ("contiguous", "transposed", "channels last", "strided", "reversed")


def case(*names: str) -> Callable:
    """Register a case under the public names of the functions that it checks.

    A function may have several cases.
    """

    def register(function):
        for name in names:
            CASES.setdefault(name, []).append(function)
        return function

    return register


class Draw:
    """Source of the drawn parts of a case; `move` takes an array to the device under test."""

    def __init__(self, draw, move=lambda a: a):
        self._draw, self._move = draw, move
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def integer(self, low: int, high: int) -> int:
        """Draw an integer in [low, high]."""
        return self._draw(st.integers(low, high))

    def choice(self, *options):
        """Draw one of `options`."""
        return self._draw(st.sampled_from(options))

    def shape(
        self, min_dims: int = 0, max_dims: int = 4, min_side: int = 0, max_side: int = 4
    ) -> tuple[int, ...]:
        """Draw a shape; by default zero-dimensional and empty ones too."""
        sides = st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims)
        return tuple(self._draw(sides))

    def broadcastable_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Draw a shape that broadcasts to `shape`: axes of length one, leading axes missing."""
        num_missing = self.integer(0, len(shape))
        return tuple(1 if self.choice(False, False, True) else n for n in shape[num_missing:])

    def in_random_layout(self, a: np.ndarray) -> np.ndarray:
        """Return the same values in a drawn memory layout."""
        layout = self.choice(*LAYOUTS)
        if not a.ndim:
            return np.array(a)  # ascontiguousarray would add an axis
        if layout == "transposed":
            return np.ascontiguousarray(a.T).T
        if layout == "channels last" and a.ndim >= 3:
            return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
        if layout == "strided":
            wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
            wide[..., ::2] = a
            return wide[..., ::2]
        if layout == "reversed":
            return np.ascontiguousarray(a[::-1])[::-1]
        return np.ascontiguousarray(a)

    def array(self, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> np.ndarray:
        """Draw uniform float64 values in [low, high), in a drawn memory layout."""
        return self.in_random_layout(self.rng.uniform(low, high, shape))

    def array_away_from(
        self,
        kinks,
        shape: tuple[int, ...],
        low: float = -2.0,
        high: float = 2.0,
        margin: float = 0.02,
    ) -> np.ndarray:
        """Draw uniform values in [low, high), at least `margin` away from each of `kinks`."""
        a = self.rng.uniform(low, high, shape)
        for kink in kinks:
            side = np.where(a < kink, -1, 1)
            distance = np.abs(a - kink)
            a = np.where(distance < margin, kink + side * (margin + distance), a)
        return self.in_random_layout(np.asarray(a))

    def distinct_array(
        self, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0
    ) -> np.ndarray:
        """Draw values that differ by far more than a finite-difference step, in random order.

        It is for functions with kinks at ties: maxima, sorting, pooling.
        """
        n = int(np.prod(shape))
        values = self.rng.permutation(np.linspace(low, high, n + 1)[:n])
        return self.in_random_layout(values.reshape(shape))

    def constant(self, a):
        """Return an array that is no differentiable argument, on the device under test."""
        return self._move(np.asarray(a))
