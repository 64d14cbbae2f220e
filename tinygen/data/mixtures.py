"""Two-dimensional distributions with exact samples and exact densities.

    ring, grid         mixtures of Gaussians: PacGAN's tests of mode collapse
    moons, swiss_roll  curves with Gaussian noise around them: thin, bent supports
    checkerboard       uniform on the black squares: a density with edges

Each is an object with two methods:

    sample(n, rng)     x, float32 (n, 2), and the label of each point, int64 (n,);
                       rng is tinygen.default_rng(seed), on the CPU
    log_prob(x)        log-densities in nats, float64 (n,)

Mixtures of Gaussians also have the means of their modes, ``modes`` (k, 2).

**Source** Lin et al., PacGAN, 2018, arXiv:1712.04086, section 4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..backend import RNG, type_name

__all__ = [
    "Checkerboard",
    "GaussianModes",
    "NoisyCurves",
    "checkerboard",
    "grid",
    "moons",
    "ring",
    "swiss_roll",
]

Curve = Callable[[np.ndarray], np.ndarray]  # u (n,) from 0 to 1 to points (n, 2)


@dataclass(frozen=True, eq=False)
class GaussianModes:
    """A mixture of isotropic Gaussians N(modes[i], sigma^2 I) with equal weights.

    The label of a sample is the index i of its Gaussian.

    Parameters
    ----------
    modes : array (k, 2)
        The means of the k Gaussians.
    sigma : float
        The common standard deviation.
    """

    modes: np.ndarray
    sigma: float

    def sample(self, n: int, rng: RNG) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points: x (n, 2) and labels (n,). Raises TypeError for another kind of rng."""
        _check_rng(rng)
        label = rng.integers(0, len(self.modes), n)
        x = self.modes[label] + self.sigma * rng.normal((n, 2), np.float64)
        return x.astype(np.float32), label

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log-densities (n,) at points x (n, 2)."""
        k = len(self.modes)
        return _log_mixture(_as_points(x), self.modes, np.full(k, 1 / k), self.sigma)


@dataclass(frozen=True, eq=False)
class NoisyCurves:
    """Points on plane curves, with Gaussian noise.

    A sample is x = c_k(u) + sigma e with k uniform, u uniform on [0, 1] and e ~ N(0, I). Its label
    is k.

    **Math** The density is an integral over each curve, averaged over the curves:

        p(x) = mean over k of  int_0^1 N(x; c_k(u), sigma^2 I) du

    **Numerics** The interval of u is divided into panels that are so short that the curve moves
    by at most sigma within a panel. There the integrand is smooth, and six-point Gauss-Legendre
    quadrature is right to about ten digits.

    Parameters
    ----------
    curves : tuple of functions
        The c_k, from u (n,) to points (n, 2).
    sigma : float
        The standard deviation of the noise.
    """

    curves: tuple[Curve, ...]
    sigma: float

    def sample(self, n: int, rng: RNG) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points: x (n, 2) and labels (n,). Raises TypeError for another kind of rng."""
        _check_rng(rng)
        label = rng.integers(0, len(self.curves), n)
        u = rng.uniform(n, np.float64)
        x = self.sigma * rng.normal((n, 2), np.float64)
        for k, curve in enumerate(self.curves):
            x[label == k] += curve(u[label == k])
        return x.astype(np.float32), label

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log-densities (n,) at points x (n, 2)."""
        nodes, weights = zip(*(self._quadrature(curve) for curve in self.curves), strict=True)
        weights = np.concatenate(weights) / len(self.curves)
        return _log_mixture(_as_points(x), np.concatenate(nodes), weights, self.sigma)

    def _quadrature(self, curve: Curve) -> tuple[np.ndarray, np.ndarray]:
        """Return points on the curve (m, 2) and their weights (m,), which sum to 1."""
        steps = 512
        points = curve(np.linspace(0, 1, steps + 1))
        max_speed = steps * np.linalg.norm(np.diff(points, axis=0), axis=1).max()
        panels = int(np.ceil(max_speed / self.sigma))
        node, weight = np.polynomial.legendre.leggauss(6)  # on [-1, 1], weights summing to 2
        u = (np.arange(panels)[:, None] + (node + 1) / 2) / panels
        return curve(u.ravel()), np.tile(weight / (2 * panels), panels)


@dataclass(frozen=True)
class Checkerboard:
    """Uniform on the black squares of a board, centred at the origin.

    The squares have side 1 and the lower left one is black. The label of a sample is the number of
    its black square, counted row by row from below.

    Parameters
    ----------
    cells : int
        Squares per side, an even number.
    """

    cells: int = 4

    def sample(self, n: int, rng: RNG) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points: x (n, 2) and labels (n,). Raises TypeError for another kind of rng."""
        _check_rng(rng)
        half = self.cells // 2
        label = rng.integers(0, self.cells * half, n)
        row = label // half
        column = 2 * (label % half) + row % 2
        corner = np.stack([column, row], axis=1)
        # In float32, a point within 6e-8 of an edge could be rounded into the next square.
        # A margin of 1e-7 keeps every sample inside its own.
        x = corner + 1e-7 + (1 - 2e-7) * rng.uniform((n, 2), np.float64) - half
        return x.astype(np.float32), label

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log-densities (n,) at points x (n, 2): -inf outside the black squares."""
        square = np.floor(_as_points(x) + self.cells / 2)
        inside = ((square >= 0) & (square < self.cells)).all(axis=1)
        black = square.sum(axis=1) % 2 == 0
        return np.where(inside & black, -np.log(self.cells**2 / 2), -np.inf)


def ring(modes: int = 8, radius: float = 1.0, sigma: float = 0.01) -> GaussianModes:
    """Place Gaussians evenly on a circle.

    Parameters
    ----------
    modes : int
        Number of Gaussians.
    radius : float
        Of the circle.
    sigma : float
        Standard deviation of each Gaussian.

    Returns
    -------
    GaussianModes
    """
    angle = 2 * np.pi * np.arange(modes) / modes
    return GaussianModes(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), sigma)


def grid(side: int = 5, step: float = 2.0, sigma: float = 0.05) -> GaussianModes:
    """Place Gaussians on a square grid, centred at the origin.

    Parameters
    ----------
    side : int
        Gaussians per side; there are side^2 of them.
    step : float
        Distance between neighbours.
    sigma : float
        Standard deviation of each Gaussian.

    Returns
    -------
    GaussianModes
    """
    axis = step * (np.arange(side) - (side - 1) / 2)
    return GaussianModes(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2), sigma)


def moons(sigma: float = 0.05) -> NoisyCurves:
    """Two moons: interleaved half circles of radius 1, the upper (label 0) and the lower (1)."""

    def upper(u: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(np.pi * u), np.sin(np.pi * u)], axis=1)

    def lower(u: np.ndarray) -> np.ndarray:
        return np.array([1.0, 0.5]) - upper(u)

    return NoisyCurves((upper, lower), sigma)


def swiss_roll(sigma: float = 0.05) -> NoisyCurves:
    """Swiss roll: a spiral of one and a half turns, of radius 0.47 to 1.41, uniform in angle.

    The label (0 to 9) of a sample says in which tenth of the roll it lies.
    """

    def section(k: int) -> Curve:
        def curve(u: np.ndarray) -> np.ndarray:
            angle = 1.5 * np.pi * (1 + (k + u) / 5)
            return angle[:, None] / 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)

        return curve

    return NoisyCurves(tuple(section(k) for k in range(10)), sigma)


def checkerboard(cells: int = 4) -> Checkerboard:
    """Uniform on the black squares of a board of `cells` x `cells` squares, `cells` even."""
    if cells < 2 or cells % 2:
        raise ValueError(f"checkerboard: cells must be even and at least 2, got {cells}")
    return Checkerboard(cells)


def _check_rng(rng: RNG) -> None:
    """Raise TypeError unless `rng` is one of this package's, on the CPU."""
    if not isinstance(rng, RNG) or rng.device != "cpu":
        given = rng if isinstance(rng, RNG) else f"a {type_name(rng)}"
        raise TypeError(f"sample: rng is {given}; give tinygen.default_rng(seed), on the CPU")


def _as_points(x: np.ndarray) -> np.ndarray:
    """Return x as float64 (n, 2)."""
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"log_prob: expected points of shape (n, 2), got {x.shape}")
    return x


def _log_mixture(x: np.ndarray, means: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """Return log sum_k w_k N(x; m_k, sigma^2 I): x (n, 2), means (k, 2), weights (k,) -> (n,).

    The largest exponent is factored out of the sum, so far from every mean the result is a large
    negative number and not log 0. Only a few rows of the (n, k) table of distances exist at a time.
    """
    log_p = np.empty(len(x))
    rows = max(1, 2**18 // len(means))
    offset = np.log(weights) - np.log(2 * np.pi * sigma**2)
    for i in range(0, len(x), rows):
        difference = x[i : i + rows, None] - means  # (rows, k, 2)
        exponent = offset - (difference**2).sum(-1) / (2 * sigma**2)
        largest = exponent.max(axis=1)
        log_p[i : i + rows] = largest + np.log(np.exp(exponent - largest[:, None]).sum(axis=1))
    return log_p
