"""The data of the demos on a line: a mixture of two Gaussians."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygen import RNG


@dataclass(frozen=True)
class TwoGaussians:
    """A mixture of two Gaussians on a line.

    Parameters
    ----------
    weights, means, deviations : pair of float
        Of the two Gaussians; the weights sum to 1.
    """

    weights: tuple[float, float]
    means: tuple[float, float]
    deviations: tuple[float, float]

    def sample(self, n: int, rng: RNG):
        """Draw n numbers, (n, 1)."""
        from_first, eps = rng.uniform((n, 1)) < self.weights[0], rng.normal((n, 1))
        first, second = (m + s * eps for m, s in zip(self.means, self.deviations, strict=True))
        return from_first * first + ~from_first * second

    def density(self, x: np.ndarray) -> np.ndarray:
        """Return the density at x, of the shape of x."""
        parts = zip(self.weights, self.means, self.deviations, strict=True)
        return sum(
            w / (s * np.sqrt(2 * np.pi)) * np.exp(-(((x - m) / s) ** 2) / 2) for w, m, s in parts
        )
