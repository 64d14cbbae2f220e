"""Mixtures of Gaussians, for which everything about diffusion has a closed form.

They are the yardstick of this package: samplers, likelihoods and networks are compared with them.

**The density at time t.** The data are x_0 ~ sum_k w_k N(m_k, s_k^2 I). Within component k,
x_t = alpha x_0 + sigma eps is a sum of two independent Gaussians. So

    p_t = sum_k w_k N(alpha m_k, u_k I),    u_k = alpha^2 s_k^2 + sigma^2

**The best prediction** by least squares is the conditional mean. Within component k, x_0 and x_t
are jointly Gaussian with Cov(x_0, x_t) = alpha s_k^2, and eps and x_t with Cov(eps, x_t) = sigma.
The conditional mean of a Gaussian is linear regression, mean + Cov / Var (x_t - E[x_t]):

    E[x_0 | x_t, k] = m_k + (alpha s_k^2 / u_k) (x_t - alpha m_k)
    E[eps | x_t, k] =       (sigma / u_k)       (x_t - alpha m_k)

Over the components, average them with the responsibilities

    r_k = p(k | x_t) = w_k N(x_t; alpha m_k, u_k I) / p_t(x_t)

No network can have a smaller error.

**The score** is the gradient of log p_t:

    grad log p_t = sum_k grad(w_k N(x_t; alpha m_k, u_k I)) / p_t    chain rule for log
                 = -sum_k r_k (x_t - alpha m_k) / u_k                gradient of a Gaussian
                 = -E[eps | x_t] / sigma                             compare with the mean above

The last line holds for all data (Tweedie's formula): to predict the noise is to know the direction
in which the density grows.

**The least possible loss** is not 0. For one Gaussian, eps given x_t has the variance

    1 - sigma^2 / u = alpha^2 s^2 / u

At s = 0.4, its mean over DDPM's thousand steps is 0.14584. This part of a diffusion model's loss is
no error of the network: x_t does not tell more about the noise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...backend import RNG
from ...ops import logsumexp, softmax
from .objectives import Prediction
from .paths import VARIANCE_PRESERVING, NoisePath

__all__ = ["ExactMixture"]

Array = Any


class ExactMixture:
    """The mixture sum_k w_k N(m_k, s_k^2 I) on a noise path.

    All arrays have one dtype and lie on one device. The x (N, D) of the methods are arrays or
    Tensors.

    Parameters
    ----------
    weights : array (K,)
        w_k, which sum to 1.
    means : array (K, D)
        m_k.
    stds : array (K,)
        s_k; 0 makes a component a single point.
    path : NoisePath

    Raises
    ------
    ValueError
        If the shapes do not agree, or the weights do not sum to 1.
    """

    def __init__(
        self, weights: Array, means: Array, stds: Array, path: NoisePath = VARIANCE_PRESERVING
    ):
        if means.ndim != 2 or weights.shape != means.shape[:1] or stds.shape != weights.shape:
            raise ValueError(
                "ExactMixture: needs weights (K,), means (K, D) and stds (K,); "
                f"got {weights.shape}, {means.shape} and {stds.shape}"
            )
        total = float(weights.sum())
        if abs(total - 1) > 1e-4:
            raise ValueError(
                f"ExactMixture: weights are the probabilities of the components and sum to 1, "
                f"not {total:.4g}"
            )
        self.weights, self.means, self.stds, self.path = weights, means, stds, path

    def sample(self, n: int, rng: RNG) -> Array:
        """Draw n points of the data, (n, D)."""
        upper = np.cumsum(self.weights)  # (K,)
        k = (rng.uniform((n, 1), self.means.dtype) > upper[:-1]).sum(axis=1)  # (n,)
        noise = rng.normal((n, self.means.shape[1]), self.means.dtype)
        return self.means[k] + self.stds[k][:, None] * noise

    def _components(self, x, t: float):
        """Return what all formulas need of each component.

        These are x - alpha m_k (N, K, D), u_k (K,) and log(w_k N(x; alpha m_k, u_k I)) (N, K).
        """
        alpha, sigma, _, _ = self.path.coefficients(float(t))
        n, d = x.shape
        u = (alpha * self.stds) ** 2 + sigma**2
        deviation = x.reshape((n, 1, d)) - alpha * self.means  # (N, K, D)
        squared_distance = (deviation * deviation).sum(axis=2)  # (N, K)
        log_normalizer = np.log(self.weights) - d / 2 * np.log(2 * math.pi * u)  # (K,)
        return deviation, u, squared_distance * (-0.5 / u) + log_normalizer

    def log_density(self, x, t: float = 0.0):
        """Return log p_t(x) of each point, (N,)."""
        return logsumexp(self._components(x, t)[2], axis=1)

    def denoise(self, x, t: float) -> Prediction:
        """Return the best prediction of x_0 and eps at x (N, D)."""
        alpha, sigma, _, _ = self.path.coefficients(float(t))
        deviation, u, log_joint = self._components(x, t)
        r = softmax(log_joint, axis=1).reshape((*log_joint.shape, 1))  # (N, K, 1)
        # E[x_0 | x_t, k] = m_k + (alpha s_k^2 / u_k) (x_t - alpha m_k)
        x0 = self.means + deviation * (alpha * self.stds**2 / u)[:, None]  # (N, K, D)
        # E[eps | x_t, k] = (sigma / u_k) (x_t - alpha m_k)
        eps = r * deviation * (sigma / u)[:, None]  # (N, K, D), times r_k
        return Prediction((r * x0).sum(axis=1), eps.sum(axis=1))

    def score(self, x, t: float):
        """Return grad log p_t at x, (N, D). At time 0 the stds must not be 0."""
        deviation, u, log_joint = self._components(x, t)
        r = softmax(log_joint, axis=1).reshape((*log_joint.shape, 1))  # (N, K, 1)
        # -sum_k r_k (x_t - alpha m_k) / u_k
        return -(r * deviation / u[:, None]).sum(axis=1)
