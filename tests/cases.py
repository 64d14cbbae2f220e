"""The registry of checks: one `case` for each public differentiable function, drawn by hypothesis, held to the same tests (tests/test_cases.py).

    @case("exp")
    def _(d):
        x = d.array(d.shape(), -2, 2)                # the op's domain, stated
        return ops.exp, [x], np.exp                  # the op, its arguments, an independent naive forward

A case draws shapes, settings, memory layouts and a seed, never values one by one. What it returns: f, taking a Tensor for each argument; the
arguments, NumPy float64 arrays; and `naive`, the same function of NumPy arrays written independently of tinygen. Every other array that f uses
(a mask, an index) goes through `d.constant`, which puts it on the device under test.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

CASES: dict[str, list[Callable]] = {}
LAYOUTS = ("contiguous", "transposed", "channels last", "strided", "reversed")


def case(*names: str) -> Callable:
    """Register a case under the public names that it checks (the first gives it its name; a function may have several cases)."""

    def add(function):
        for name in names:
            CASES.setdefault(name, []).append(function)
        return function

    return add


class Draw:
    """What a case draws from. `move` puts a NumPy array on the device under test."""

    def __init__(self, draw, move=lambda a: a):
        self._draw, self._move = draw, move
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def integers(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return self._draw(st.integers(low, high))

    def sampled(self, *options):
        """One of `options`."""
        return self._draw(st.sampled_from(options))

    def shape(self, min_dims: int = 0, max_dims: int = 4, min_side: int = 0, max_side: int = 4) -> tuple[int, ...]:
        """A shape; by default zero-dimensional and empty ones too."""
        return tuple(self._draw(st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims)))

    def broadcastable(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to `shape`: some axes of length one, some leading axes missing."""
        drop = self.integers(0, len(shape))
        return tuple(1 if self.sampled(False, False, True) else n for n in shape[drop:])

    def values(self, a: np.ndarray) -> np.ndarray:
        """The same values in a drawn memory layout."""
        layout = self.sampled(*LAYOUTS)
        if not a.ndim:
            return np.array(a)  # ascontiguousarray would make one axis of none
        if layout == "transposed":
            return np.ascontiguousarray(a.T).T
        if layout == "channels last" and a.ndim >= 3:
            return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
        if layout == "strided" and a.ndim:
            wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
            wide[..., ::2] = a
            return wide[..., ::2]
        if layout == "reversed" and a.ndim:
            return np.ascontiguousarray(a[::-1])[::-1]
        return np.ascontiguousarray(a)

    def array(self, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> np.ndarray:
        """Uniform float64 values in [low, high) in a drawn memory layout."""
        return self.values(self.rng.uniform(low, high, shape))

    def away_from(self, kinks, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0, margin: float = 0.02) -> np.ndarray:
        """Uniform values in [low, high) at least `margin` away from each of `kinks`."""
        a = self.rng.uniform(low, high, shape)
        for kink in kinks:
            a = np.where(np.abs(a - kink) < margin, kink + np.where(a < kink, -1, 1) * (margin + np.abs(a - kink)), a)
        return self.values(np.asarray(a))

    def distinct(self, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> np.ndarray:
        """Values that differ by far more than a finite-difference step, in random order: for maxima, sorting, pooling."""
        n = int(np.prod(shape))
        return self.values(self.rng.permutation(np.linspace(low, high, n + 1)[:n]).reshape(shape))

    def constant(self, a):
        """An array that is no differentiable argument, on the device under test."""
        return self._move(np.asarray(a))
