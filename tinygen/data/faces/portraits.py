"""Faces and their pictures: `faces` draws random ones, `render` those that factors describe."""

from __future__ import annotations

import numpy as np

from .factors import check_factors
from .painting import draw
from .sampling import sample_factors

__all__ = ["faces", "render"]

MIN_SIZE, MAX_SIZE = 32, 1024


def faces(
    n: int, size: int = 32, seed: int = 0, correlation: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw random faces.

    Parameters
    ----------
    n : int
        How many, at least 0. The first k of ``faces(n)`` are ``faces(k)``.
    size : int
        Side of the pictures in pixels, 32 to 1024.
    seed : int
        At least 0; use another one for a test set.
    correlation : float
        From 0 to 1. Dark hair comes with a beard with probability 0.4 (1 + correlation), other
        hair with 0.4 (1 - correlation). All other factors are the same for every value of it.

    Returns
    -------
    images : array (n, 3, size, size) of uint8
        Red, green, blue.
    factors : array (n,) of `DTYPE`
        ``factors["smile"]`` is an array (n,), and ``FACTORS["smile"]`` says what it means.

    Raises
    ------
    ValueError
        If `n` or `seed` is negative, or `size` or `correlation` is out of its range.
    """
    _check_size("faces", size)
    factors = sample_factors(n, seed, correlation)
    return draw(factors, size), factors


def render(factors: np.ndarray, size: int = 32) -> np.ndarray:
    """Draw the faces that some factors describe.

    Each picture depends only on its own factors. Any value between a factor's low and high is
    drawn, also those that `sample_factors` leaves out.

    Parameters
    ----------
    factors : array (n,) of `DTYPE`
        The factors.
    size : int
        Side of the pictures in pixels, 32 to 1024.

    Returns
    -------
    array (n, 3, size, size) of uint8

    Raises
    ------
    ValueError
        For other factors, a value out of its range, or a size that is not 32 to 1024.
    """
    _check_size("render", size)
    check_factors("render", factors)
    return draw(factors, size)


def _check_size(function: str, size: int) -> None:
    is_integer = isinstance(size, (int, np.integer))
    if not is_integer or not MIN_SIZE <= size <= MAX_SIZE:
        raise ValueError(f"{function}: size is 32 to 1024 pixels, a whole number; got {size}")
