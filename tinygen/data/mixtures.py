"""Two-dimensional distributions to see a generative model on: sampled exactly, with densities known exactly.

    ring, grid         Gaussian mixtures: PacGAN's test of mode collapse (Lin et al. 2018, arXiv:1712.04086, section 4.1)
    moons, swiss_roll  a curve with Gaussian noise around it: thin, bent supports
    checkerboard       uniform on the black squares: a density with edges

Each is an object with ``sample(n, rng) -> (x, label)``, x float32 (n, 2) and label int64 (n,), and
``log_prob(x) -> float64 (n,)``, in nats. Mixtures also have ``modes`` (k, 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Checkerboard", "Curves", "Mixture", "checkerboard", "grid", "moons", "ring", "swiss_roll"]


def _points(x: np.ndarray) -> np.ndarray:
    """x as float64 (n, 2), or an error that says what came."""
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"log_prob: expected points of shape (n, 2), got {x.shape}")
    return x


def _log_mixture(x: np.ndarray, means: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """log sum_k w_k N(x; m_k, sigma^2 I): x (n, 2), means (k, 2), weights (k,) -> (n,).

    The largest exponent is taken out of the sum, so that far from every mean the answer is a large negative number and not
    log 0. Rows go a few at a time: the (n, k) table of distances is never whole.
    """
    out = np.empty(len(x))
    rows = max(1, 2**18 // len(means))
    offset = np.log(weights) - np.log(2 * np.pi * sigma**2)
    for i in range(0, len(x), rows):
        difference = x[i : i + rows, None] - means  # (rows, k, 2)
        exponent = offset - (difference**2).sum(-1) / (2 * sigma**2)
        top = exponent.max(axis=1)
        out[i : i + rows] = top + np.log(np.exp(exponent - top[:, None]).sum(axis=1))
    return out


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equal parts of isotropic Gaussians N(modes[k], sigma^2 I); modes (k, 2); the label of a sample is its k."""

    modes: np.ndarray
    sigma: float

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        label = rng.integers(0, len(self.modes), n)
        x = self.modes[label] + self.sigma * rng.standard_normal((n, 2))
        return x.astype(np.float32), label

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        k = len(self.modes)
        return _log_mixture(_points(x), self.modes, np.full(k, 1 / k), self.sigma)


@dataclass(frozen=True, eq=False)
class Curves:
    """Points of plane curves with Gaussian noise: x = c_k(u) + sigma e, with k uniform, u uniform on [0, 1], e ~ N(0, I).

    ``curves`` are the functions c_k, from u (n,) to (n, 2); the label of a sample is its k. The density is an integral,

        p(x) = mean_k  int_0^1 N(x; c_k(u), sigma^2 I) du,

    computed by six-point Gauss-Legendre quadrature on panels that the curve crosses in at most one sigma each, over which
    the integrand is so smooth that the rule is right to about ten digits.
    """

    curves: tuple[Callable[[np.ndarray], np.ndarray], ...]
    sigma: float

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        label = rng.integers(0, len(self.curves), n)
        u = rng.random(n)
        x = self.sigma * rng.standard_normal((n, 2))
        for k, curve in enumerate(self.curves):
            x[label == k] += curve(u[label == k])
        return x.astype(np.float32), label

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        nodes, weights = zip(*(self._quadrature(curve) for curve in self.curves), strict=True)
        return _log_mixture(_points(x), np.concatenate(nodes), np.concatenate(weights) / len(self.curves), self.sigma)

    def _quadrature(self, curve: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Points on the curve (m, 2) and their weights (m,), which sum to 1."""
        steps = 512
        speed = steps * np.linalg.norm(np.diff(curve(np.linspace(0, 1, steps + 1)), axis=0), axis=1).max()
        panels = int(np.ceil(speed / self.sigma))
        node, weight = np.polynomial.legendre.leggauss(6)  # on [-1, 1], weights summing to 2
        u = (np.arange(panels)[:, None] + (node + 1) / 2) / panels
        return curve(u.ravel()), np.tile(weight / (2 * panels), panels)


@dataclass(frozen=True)
class Checkerboard:
    """Uniform on the black squares of a board of ``cells`` x ``cells`` squares of side 1 centred at the origin.

    ``cells`` is even; the square at the lower left is black; the label counts black squares, row by row from below.
    """

    cells: int = 4

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        half = self.cells // 2
        label = rng.integers(0, self.cells * half, n)
        row, column = label // half, 2 * (label % half) + label // half % 2
        # In float32 a point within 6e-8 of an edge could round across it; a square 2e-7 smaller keeps every sample inside.
        x = np.stack([column, row], axis=1) + 1e-7 + (1 - 2e-7) * rng.random((n, 2)) - half
        return x.astype(np.float32), label

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        square = np.floor(_points(x) + self.cells / 2)
        inside = ((square >= 0) & (square < self.cells)).all(axis=1)
        black = square.sum(axis=1) % 2 == 0
        return np.where(inside & black, -np.log(self.cells**2 / 2), -np.inf)


def ring(modes: int = 8, radius: float = 1.0, sigma: float = 0.01) -> Mixture:
    """``modes`` Gaussians evenly on a circle."""
    angle = 2 * np.pi * np.arange(modes) / modes
    return Mixture(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), sigma)


def grid(side: int = 5, step: float = 2.0, sigma: float = 0.05) -> Mixture:
    """``side`` x ``side`` Gaussians on a square grid centred at the origin."""
    axis = step * (np.arange(side) - (side - 1) / 2)
    return Mixture(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2), sigma)


def moons(sigma: float = 0.05) -> Curves:
    """Two interleaved half circles of radius 1, upper (label 0) and lower (label 1)."""

    def upper(u: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(np.pi * u), np.sin(np.pi * u)], axis=1)

    def lower(u: np.ndarray) -> np.ndarray:
        return np.array([1.0, 0.5]) - upper(u)

    return Curves((upper, lower), sigma)


def swiss_roll(sigma: float = 0.05) -> Curves:
    """A spiral of one and a half turns, radius 0.47 to 1.41, uniform in angle; the label (0..9) is the tenth of the roll."""

    def stretch(k: int) -> Callable[[np.ndarray], np.ndarray]:
        def curve(u: np.ndarray) -> np.ndarray:
            angle = 1.5 * np.pi * (1 + (k + u) / 5)
            return angle[:, None] / 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)

        return curve

    return Curves(tuple(stretch(k) for k in range(10)), sigma)


def checkerboard(cells: int = 4) -> Checkerboard:
    """The black squares of a board; ``cells`` (even) squares a side."""
    if cells < 2 or cells % 2:
        raise ValueError(f"checkerboard: cells must be even and at least 2, got {cells}")
    return Checkerboard(cells)
