"""Quantiles of Gaussian noise: lines between which equal fractions of the noise lie."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np


def normal_quantiles(probabilities) -> np.ndarray:
    """Return the points below which N(0, 1) has these probabilities, float64 (n,)."""
    return np.array([NormalDist().inv_cdf(u) for u in probabilities])


def quantile_grid(points_per_line: int) -> np.ndarray:
    """Return the lines of a grid in the plane of N(0, I), (30, points_per_line, 2).

    The lines lie at the sixteenths of each axis, without the outermost: 15 lines of constant z_1,
    then 15 of constant z_2. Between two neighbouring lines lies 1/16 of the noise, so a cell holds
    1/256 of it.
    """
    sixteenths = normal_quantiles(i / 16 for i in range(1, 16))
    along = np.linspace(sixteenths[0], sixteenths[-1], points_per_line)
    constant_z1 = np.stack(np.meshgrid(sixteenths, along, indexing="ij"), axis=-1)
    return np.concatenate([constant_z1, constant_z1[..., ::-1]])
