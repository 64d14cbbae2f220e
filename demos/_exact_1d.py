"""What is known exactly about two distributions on a line, each given by points.

Points `real` (n,) of the data and `fake` (n,) of the generator carry equal masses; `x` is a grid.
"""

from __future__ import annotations

import numpy as np

from tinygen.metrics import wasserstein_1d


def density_of_quantiles(quantiles: np.ndarray, x: np.ndarray, dx: float) -> np.ndarray:
    """Return the density on x (m,) of equal masses, each spread evenly between two quantiles."""
    n = len(quantiles)
    points = np.interp(np.linspace(0, 1, 50_001), np.linspace(0, 1, n), quantiles)
    counts, _ = np.histogram(points, len(x), (x[0] - dx / 2, x[-1] + dx / 2))
    return counts / len(points) / dx


def jensen_shannon(p: np.ndarray, q: np.ndarray, dx: float) -> float:
    """Return JSD(p || q) = 1/2 KL(p || m) + 1/2 KL(q || m), where m = (p + q) / 2.

    p and q are densities on a grid with step dx. All of p lies on the grid, but part of q may lie
    outside. There p = 0 and m = q / 2, so log(q / m) = log 2. The mass of q outside, which is 1
    minus its mass on the grid, adds 1/2 log 2 times this mass.
    """
    a, b = np.maximum(p, 1e-300), np.maximum(q, 1e-300)
    kl_a, kl_b = a * np.log(2 * a / (a + b)), b * np.log(2 * b / (a + b))
    return 0.5 * (kl_a + kl_b).sum() * dx + 0.5 * np.log(2) * (1 - q.sum() * dx)


def optimal_discriminator(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return p / (p + q), NaN where neither has any density."""
    return np.where(p + q > 1e-6, p / np.maximum(p + q, 1e-6), np.nan)


def optimal_critic(real, fake, x: np.ndarray, dx: float, lipschitz: float) -> np.ndarray:
    """Return the optimal critic with this Lipschitz constant on x, with mean 0 over x.

    It rises where mass of the generator must move up, and falls where it must move down.
    """
    up = np.searchsorted(np.sort(fake), x) - np.searchsorted(np.sort(real), x)
    critic = lipschitz * np.cumsum(np.sign(up)) * dx
    return critic - critic.mean()


def optimal_penalized_estimate(real: np.ndarray, fake: np.ndarray, penalty: float) -> float:
    """Return E_p[f] - E_q[f] of the critic f that is optimal under a gradient penalty.

    **Math** (derived in `losses.gradient_penalty`)

        E_p[f] - E_q[f] = W + int A^2 / (2 lambda r) dx

    A(x) is the mass that still has to pass x, lambda the weight of the penalty, and r the density
    of x = t real + (1 - t) fake, computed from a tenth of the points of each.
    """
    low_end = min(fake.min(), real.min()) - 0.1
    high_end = max(fake.max(), real.max()) + 0.1
    x = np.linspace(low_end, high_end, 2001)
    cell = x[1] - x[0]
    sorted_fake, sorted_real = np.sort(fake), np.sort(real)
    a = (np.searchsorted(sorted_fake, x) - np.searchsorted(sorted_real, x)) / len(real)

    # Between the two points of a pair x is uniform; r is the mean of these uniform densities.
    pairs = np.broadcast_arrays(sorted_fake[5::10, None], sorted_real[5::10])
    low, high = np.sort(np.stack(pairs), axis=0).reshape(2, -1)
    weights = 1 / np.maximum(high - low, cell) / len(low)
    begins, _ = np.histogram(low, x, weights=weights)
    ends, _ = np.histogram(high, x, weights=weights)
    r = np.cumsum(begins - ends)
    a, r = a[:-1][r > 1e-6], r[r > 1e-6]
    return wasserstein_1d(real, fake) + (a * a / (2 * penalty * r)).sum() * cell
