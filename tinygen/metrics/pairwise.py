"""Euclidean distances between the rows of two arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend.reductions import matmul

__all__ = ["distance_blocks", "squared_distances"]

Array = Any
BLOCK_SIZE = 500  # rows whose distances to all others are in memory at a time


def squared_distances(a: Array, b: Array) -> Array:
    """Return |a_i - b_j|^2 for rows a_i of (n, d) and b_j of (m, d): (n, m)."""
    centre = a.mean(axis=0)
    return _squared_distances_from_products(a - centre, b - centre)


def distance_blocks(a: Array, b: Array) -> Iterator[Array]:
    """Yield |a_i - b_j| for rows a_i of (n, d) and b_j of (m, d), 500 rows (500, m) at a time."""
    centre = b.mean(axis=0)
    a, b = a - centre, b - centre
    for i in range(0, len(a), BLOCK_SIZE):
        yield np.sqrt(_squared_distances_from_products(a[i : i + BLOCK_SIZE], b))


def _squared_distances_from_products(a: Array, b: Array) -> Array:
    """Return |a_i|^2 + |b_j|^2 - 2 a_i . b_j, and 0 where rounding makes it negative.

    Far from the origin the three terms are large and nearly cancel, so few digits are left. Move
    the points towards the origin first.
    """
    a_squares, b_squares = (a * a).sum(axis=1)[:, None], (b * b).sum(axis=1)
    return np.maximum(a_squares + b_squares - 2 * matmul(a, b.T), 0)
