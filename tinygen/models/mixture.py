"""Mixtures of Gaussians by expectation-maximization: Dempster, Laird and Rubin, 1977, as in Bishop, Pattern Recognition and Machine Learning,
chapter 9.

**The model.** Draw a component k with probability pi_k, then x from N(mu_k, Sigma_k): p(x) = sum_k pi_k N(x; mu_k, Sigma_k). The component is a
latent variable like a VAE's z, but one of K, so that its posterior is a table to be computed and needs no encoder. These are the *responsibilities*

    r_nk = p(k | x_n) = pi_k N(x_n; mu_k, Sigma_k) / sum_j pi_j N(x_n; mu_j, Sigma_j).

**Why EM climbs.** For any q(k), as for the VAE, log p(x) = E_q[log p(x, k) - log q(k)] + KL(q || p(k|x)): a bound and its gap.

    E-step: q = r. The gap is 0: the bound touches the likelihood.
    M-step: raise the bound in the parameters, q held. What is below the likelihood rises, so the likelihood does too, and by the new gap besides.

So no step lowers the likelihood. Where a VAE takes gradient steps in both, each step here has a closed form: with N_k = sum_n r_nk,

    pi_k = N_k / N,    mu_k = 1/N_k sum_n r_nk x_n,    S_k = 1/N_k sum_n r_nk (x_n - mu_k)(x_n - mu_k)^T,

and Sigma_k = S_k (full), its diagonal (diagonal), or the same sum_k pi_k S_k for all (tied).

**The floor.** The likelihood has no maximum: one component may sit on one example, and grow as its variance falls to 0. So variances are kept at
`floor` or above, in every direction. Adding a small number to the diagonal, as is often done, breaks the proof above: the result maximizes nothing.
Here Sigma_k maximizes the bound *among the covariances allowed*, and EM stays monotone. In the eigenbasis of S the bound falls apart into terms
-log l_k - s_k / l_k (its maximum has the same eigenvectors as S, by von Neumann's trace inequality), each rising up to l_k = s_k and falling after:
l_k = max(s_k, floor).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import RNG, array_module
from ..backend.reductions import matmul
from ..ops import solve_triangular
from .gaussian import check_examples

__all__ = ["GaussianMixture"]

Array = Any  # np.ndarray or cupy.ndarray
KINDS = ("full", "tied", "diagonal")


class GaussianMixture:
    """A mixture of K Gaussians in D dimensions, begun on data x and improved one EM step at a time.

        mixture = GaussianMixture(x, 10, generator=generator)
        for _ in range(50):
            log_likelihood = mixture.em_step(x)  # a mean over x, before the step

    Parameters
    ----------
    x : (n, D), floating point. It sets the scale and the beginning; nothing of it is kept.
    components : K, from 1 to n.
    covariance : "full", one of its own for each component, K D^2 numbers; "tied", one for all; "diagonal", K D numbers.
    floor : the least variance in any direction, in units of x^2, above 0. By default a ten-thousandth of the mean variance of x's columns,
        or the least that x's precision can tell from 0, if that is more.
    generator : draws which examples the components begin at.

    Attributes: weights (K,), means (K, D), covariances (K, D, D), or (D, D) if tied, or (K, D) if diagonal.
    """

    def __init__(self, x: Array, components: int, *, covariance: str = "full", floor: float | None = None, rng: RNG):
        check_examples("GaussianMixture", x)
        if covariance not in KINDS:
            raise ValueError(f"GaussianMixture: covariance is one of {', '.join(KINDS)}; got {covariance!r}")
        if not 1 <= components <= x.shape[0]:
            raise ValueError(f"GaussianMixture: {components} components for {x.shape[0]} examples; needs 1 to {x.shape[0]}, each begins at one")
        spread = float(x.var(axis=0).mean())
        if floor is None and spread == 0:
            raise ValueError("GaussianMixture: all examples are the same; give a floor for the variance")
        least = 10 * x.shape[1] ** 2 * float(np.finfo(x.dtype).eps) * spread  # under it, no factorisation can tell it from 0
        self.floor = max(1e-4 * spread, least) if floor is None else float(floor)
        if not max(least, 0) <= self.floor < math.inf or self.floor == 0:
            raise ValueError(f"GaussianMixture: floor is a variance above 0, here at least {least:.2g}; got {floor}")
        self.covariance = covariance
        # The whole data's mean and covariance for all: what a component keeps that no example chooses
        everything = np.ones_like(x[:, :1])
        self.weights = np.full_like(x, 1 / components, shape=(components,))
        self.means = np.broadcast_to(x.mean(axis=0), (components, x.shape[1])).copy()
        self.covariances = np.broadcast_to(self._floored(self._scatter(x, everything, self.means[:1])[0] / x.shape[0]), self._shape()).copy()
        centres = x[_spread_out(x, components, rng)]
        nearest = _squared_distances(x, centres).argmin(axis=1)
        xp = array_module(x)
        self._maximize(x, (nearest[:, None] == xp.arange(components)).astype(x.dtype))

    def _shape(self) -> tuple[int, ...]:
        k, d = self.means.shape
        return {"full": (k, d, d), "tied": (d, d), "diagonal": (k, d)}[self.covariance]

    # ------------------------------------------------------------------------------------------------------------- EM

    def em_step(self, x: Array) -> float:
        """One E-step and one M-step on x (n, D). Returns the mean log-likelihood of x, nats an example, *before* the step."""
        check_examples("em_step", x, self.means.shape[1], least=1)
        log_joint = self._log_joint(x)
        log_p = _log_sum_exp(log_joint)
        self._maximize(x, np.exp(log_joint - log_p[:, None]))
        return float(log_p.mean())

    def _maximize(self, x: Array, r: Array) -> None:
        """The M-step for responsibilities r (n, K). A component that no example chooses (N_k = 0) gets weight 0 and keeps what else it had."""
        counts = r.sum(axis=0)
        chosen = counts > 0
        divisor = np.where(chosen, counts, 1)[:, None]
        self.weights = counts / counts.sum()
        self.means = np.where(chosen[:, None], matmul(r.T, x) / divisor, self.means)
        scatter = self._scatter(x, r, self.means)  # N_k S_k
        if self.covariance == "tied":
            self.covariances = self._floored(scatter.sum(axis=0) / x.shape[0])
        else:
            each = (-1, *[1] * (scatter.ndim - 1))
            self.covariances = np.where(chosen.reshape(each), self._floored(scatter / divisor.reshape(each)), self.covariances)

    def _scatter(self, x: Array, r: Array, means: Array) -> Array:
        """sum_n r_nk (x_n - mu_k)(x_n - mu_k)^T for each k, (K, D, D), or its diagonal, (K, D). Centred first: sums of x^2 would cancel."""
        parts = []
        for k in range(r.shape[1]):
            c = x - means[k]
            weighted = c * r[:, k : k + 1]
            parts.append((weighted * c).sum(axis=0) if self.covariance == "diagonal" else matmul(weighted.T, c))
        return np.stack(parts)

    def _floored(self, s: Array) -> Array:
        """The covariance that maximizes the bound among those with no variance under the floor."""
        if self.covariance == "diagonal":
            return np.maximum(s, self.floor)
        variances, axes = np.linalg.eigh((s + s.swapaxes(-1, -2)) / 2)
        return matmul(axes * np.maximum(variances, self.floor)[..., None, :], axes.swapaxes(-1, -2))

    # -------------------------------------------------------------------------------------------------------- densities

    def _log_joint(self, x: Array) -> Array:
        """log pi_k + log N(x_n; mu_k, Sigma_k): (n, K). With Sigma = L L^T, the distance is |L^-1 (x - mu)|^2, and log |Sigma| = 2 sum log L_ii."""
        k, d = self.means.shape
        check_examples("GaussianMixture", x, d, least=0)
        if self.covariance == "diagonal":
            scale = np.sqrt(self.covariances)
            distances = [(((x - self.means[i]) / scale[i]) ** 2).sum(axis=1) for i in range(k)]
            log_det = 2 * np.log(scale).sum(axis=1)
        else:
            scale = np.linalg.cholesky(self.covariances)
            log_det = 2 * np.log(np.diagonal(scale, axis1=-2, axis2=-1)).sum(axis=-1)
            each = scale if self.covariance == "full" else [scale] * k
            distances = [(solve_triangular(each[i], (x - self.means[i]).T) ** 2).sum(axis=0) for i in range(k)]
        with np.errstate(divide="ignore"):  # a weight may be 0: log 0 = -inf, and its responsibility 0
            return np.log(self.weights) - 0.5 * (np.stack(distances, axis=1) + log_det + d * math.log(2 * math.pi))

    def log_prob(self, x: Array) -> Array:
        """log p(x), nats, for x (n, D): (n,)."""
        return _log_sum_exp(self._log_joint(x))

    def responsibilities(self, x: Array) -> Array:
        """p(k | x_n): (n, K), rows that sum to 1."""
        log_joint = self._log_joint(x)
        return np.exp(log_joint - _log_sum_exp(log_joint)[:, None])

    def sample(self, n: int, rng: RNG) -> tuple[Array, Array]:
        """n examples (n, D), and the components (n,) that they came from."""
        xp = array_module(self.means)
        k, d = self.means.shape
        # The inverse of the cumulative distribution. Rounding may leave its end under 1: the last component with any weight takes the rest.
        last = int((self.weights > 0).nonzero()[0][-1])
        ends = np.cumsum(self.weights)[:last]
        component = (rng.uniform((n, 1), np.float64) >= ends).sum(axis=1)
        eps = rng.normal((n, d), self.means.dtype)
        if self.covariance == "diagonal":
            return self.means[component] + np.sqrt(self.covariances)[component] * eps, component
        scale = np.linalg.cholesky(self.covariances)
        x = xp.empty((n, d), self.means.dtype)
        for i in range(k):
            rows = component == i
            x[rows] = self.means[i] + matmul(eps[rows], (scale[i] if self.covariance == "full" else scale).T)
        return x, component

    # ------------------------------------------------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Array]:
        """Copies of weights, means and covariances: all that the next step depends on, but for the settings."""
        return {name: getattr(self, name).copy() for name in ("weights", "means", "covariances")}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Go on from a state_dict() of a mixture of the same size and kind."""
        xp = array_module(self.means)
        for name, own in self.state_dict().items():
            if name not in state or state[name].shape != own.shape:
                came = f"shape {state[name].shape}" if name in state else "nothing"
                raise ValueError(f"GaussianMixture: {name} has shape {own.shape} here, and the state has {came}")
        for name, own in self.state_dict().items():
            setattr(self, name, xp.array(state[name], dtype=own.dtype))


def _log_sum_exp(a: Array) -> Array:
    """log sum_k e^a_nk: (n, K) to (n,). The largest is taken out first: far from every component all e^a are 0, and their sum's logarithm is not."""
    top = a.max(axis=1, keepdims=True)
    return (top + np.log(np.exp(a - top).sum(axis=1, keepdims=True)))[:, 0]


def _squared_distances(x: Array, centres: Array) -> Array:
    """|x_n - c_k|^2, (n, K), a centre at a time."""
    return np.stack([((x - centres[k]) ** 2).sum(axis=1) for k in range(centres.shape[0])], axis=1)


def _spread_out(x: Array, k: int, rng: RNG) -> list[int]:
    """k examples far from one another: each is drawn with probability proportional to its squared distance from the nearest one chosen so far.

    Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, 2007. Where fewer than k examples differ, some are drawn twice.
    """
    chosen = [int(rng.integers(0, x.shape[0], (1,))[0])]
    nearest = ((x - x[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < k:
        ends = np.cumsum(nearest / max(float(nearest.sum()), float(np.finfo(x.dtype).tiny)))
        u = rng.uniform((1,), np.float64)
        chosen.append(min(int((ends <= u).sum()), x.shape[0] - 1))
        nearest = np.minimum(nearest, ((x - x[chosen[-1]]) ** 2).sum(axis=1))
    return chosen
