"""Mixtures of Gaussians, for which everything about diffusion is known in closed form: densities at every level, the best guess, the score.

**At level t.** x_0 ~ sum_k w_k N(m_k, s_k^2 I), and x_t = alpha x_0 + sigma eps is the sum of two independent Gaussians for each k:

    p_t = sum_k w_k N(alpha m_k, u_k I),    u_k = alpha^2 s_k^2 + sigma^2.

**The best guess.** Within one component x_0 and x_t are jointly Gaussian, with covariance alpha s_k^2, so (regression)

    E[x_0 | x_t, k] = m_k + (alpha s_k^2 / u_k) (x_t - alpha m_k),    E[eps | x_t, k] = (sigma / u_k) (x_t - alpha m_k),

and over the components their means, weighted with r_k = p(k | x_t), the responsibilities. No network can have a smaller error.

**The score** is grad log p_t = -sum_k r_k (x_t - alpha m_k) / u_k = -E[eps | x_t] / sigma. That holds for all data, not only these (Tweedie's formula):
to guess the noise is to know which way the density rises.

**The least loss** on one Gaussian: given x_t, eps has variance 1 - sigma^2 / u = alpha^2 s^2 / u. Its mean over DDPM's thousand levels is 0.14584 at s
= 0.4: what is left of a diffusion model's loss is no fault of the model, but how little of the noise can be seen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...backend import RNG
from ...ops import logsumexp, softmax
from .objectives import Prediction
from .schedules import VARIANCE_PRESERVING, Path

__all__ = ["ExactMixture"]

Array = Any


class ExactMixture:
    """sum_k w_k N(m_k, s_k^2 I) on a path.

    weights (K,), sum 1; means (K, D); deviations (K,), s_k, 0 for a point. Arrays of one dtype, on one device; x (N, D) likewise, arrays or Tensors.
    """

    def __init__(self, weights: Array, means: Array, deviations: Array, path: Path = VARIANCE_PRESERVING):
        if means.ndim != 2 or weights.shape != means.shape[:1] or deviations.shape != weights.shape:
            raise ValueError(f"ExactMixture: needs weights (K,), means (K, D) and deviations (K,); got {weights.shape}, {means.shape} and {deviations.shape}")
        if abs(float(weights.sum()) - 1) > 1e-4:
            raise ValueError(f"ExactMixture: weights are the shares of its parts and add to 1, not {float(weights.sum()):.4g}")
        self.weights, self.means, self.deviations, self.path = weights, means, deviations, path

    def sample(self, n: int, rng: RNG) -> Array:
        """n points of the data, (n, D)."""
        below = np.cumsum(self.weights)
        k = (rng.uniform((n, 1), self.means.dtype) > below[:-1]).sum(axis=1)
        return self.means[k] + self.deviations[k][:, None] * rng.normal((n, self.means.shape[1]), self.means.dtype)

    def _seen(self, x, t: float):
        """x - alpha m_k (N, K, D), u_k (K,), and log w_k N(x; alpha m_k, u_k) (N, K)."""
        alpha, sigma, _, _ = self.path.mix(float(t))
        n, d = x.shape
        u = (alpha * self.deviations) ** 2 + sigma**2
        off = x.reshape((n, 1, d)) - alpha * self.means
        log_joint = (off * off).sum(axis=2) * (-0.5 / u) + (np.log(self.weights) - d / 2 * np.log(2 * math.pi * u))
        return off, u, log_joint

    def log_density(self, x, t: float = 0.0):
        """log p_t(x) of each point, (N,)."""
        return logsumexp(self._seen(x, t)[2], axis=1)

    def denoise(self, x, t: float) -> Prediction:
        """The best prediction at x (N, D)."""
        alpha, sigma, _, _ = self.path.mix(float(t))
        off, u, log_joint = self._seen(x, t)
        r = softmax(log_joint, axis=1).reshape((*log_joint.shape, 1))  # (N, K, 1)
        x0 = (r * (self.means + off * (alpha * self.deviations**2 / u)[:, None])).sum(axis=1)
        return Prediction(x0, (r * off * (sigma / u)[:, None]).sum(axis=1))

    def score(self, x, t: float):
        """grad log p_t, (N, D): which way the density rises. The deviations must not be 0 at level 0."""
        off, u, log_joint = self._seen(x, t)
        r = softmax(log_joint, axis=1).reshape((*log_joint.shape, 1))
        return -(r * off / u[:, None]).sum(axis=1)
