"""Mixtures of Gaussians by expectation-maximization (EM): Dempster, Laird and Rubin, 1977.

The presentation follows Bishop, Pattern Recognition and Machine Learning, chapter 9.

**The model.** Draw a component k with probability pi_k, then draw x from its Gaussian:

    p(k) = pi_k,    p(x | k) = N(x; mu_k, Sigma_k),    p(x) = sum_k pi_k N(x; mu_k, Sigma_k).

The component is a latent variable like the z of a VAE, but it has only K values. So its posterior
is a table that can be computed, and no encoder is needed. By Bayes' rule, the *responsibility* of
component k for example n is

    r_nk = p(k | x_n) = pi_k N(x_n; mu_k, Sigma_k) / sum_j pi_j N(x_n; mu_j, Sigma_j).

**The bound.** Let q(k) be any distribution over the components. As for the VAE,

    log p(x) = log p(x, k) - log p(k | x)                                  product rule, any k
             = [log p(x, k) - log q(k)] + [log q(k) - log p(k | x)]        add and subtract
             = E_q[log p(x, k) - log q(k)] + KL(q || p(k | x)).            mean over k ~ q
               `---------- bound ---------'   `-- gap, >= 0 --'

**Why EM never lowers the likelihood.**

    E-step: set q(k) = r_nk. The gap is 0, so the bound equals the log-likelihood.
    M-step: maximize the bound over the parameters with q fixed. The bound rises or stays equal,
            and the log-likelihood is at least the bound (their difference is the new gap).

Together, new log-likelihood >= new bound >= old bound = old log-likelihood.

**The M-step in closed form.** A VAE takes gradient steps for both parts; here each has a formula.
What depends on the parameters in the bound, summed over the examples, is

    sum_n sum_k r_nk [log pi_k + log N(x_n; mu_k, Sigma_k)].

*The weights.* Let N_k = sum_n r_nk. Maximize sum_k N_k log pi_k under the constraint
sum_k pi_k = 1, with a Lagrange multiplier a:

    N_k / pi_k - a = 0        derivative in pi_k
    pi_k = N_k / a            solve for pi_k
    a = sum_k N_k = N         from the constraint
    pi_k = N_k / N.

*The means.* The gradient in mu_k is that of one Gaussian, with r_nk as weights of the examples:

    Sigma_k^-1 sum_n r_nk (x_n - mu_k) = 0,    so    mu_k = 1/N_k sum_n r_nk x_n.

*The covariances.* As derived in `Gaussian.fit`, with the same weights, Sigma_k = S_k, where

    S_k = 1/N_k sum_n r_nk (x_n - mu_k) (x_n - mu_k)^T.

If Sigma_k is restricted to diagonal matrices, it is the diagonal of S_k. If all components share
one Sigma ("tied"), the same derivation with the sum over k gives Sigma = sum_k pi_k S_k.

**The floor of the variances.** The likelihood has no maximum: a component can sit on one
example, and the likelihood grows without bound as its variance falls to 0. So all variances are
kept at `variance_floor` or above, in every direction. Adding a small number to the diagonal, as is
often done, breaks the proof above, because the result maximizes nothing. Here Sigma_k maximizes
the bound *among the allowed covariances*, so EM stays monotone:

    -log |Sigma| - trace(Sigma^-1 S)    is what depends on Sigma, times N_k / 2.

Let l_i and s_i be the eigenvalues of Sigma and S. By von Neumann's trace inequality the trace is
smallest, for given l_i, if both have the same eigenvectors. Then the expression is a sum of

    -log l_i - s_i / l_i,    with derivative    (s_i - l_i) / l_i^2.

Each term rises up to l_i = s_i and falls after it. So its maximum over l_i >= variance_floor is at

    l_i = max(s_i, variance_floor).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import RNG, array_module, to_device_of
from ..backend.linear_algebra import cholesky, eigh
from ..backend.reductions import matmul
from ..ops import solve_triangular
from .gaussian import check_examples
from .kmeans import choose_centres, nearest_centres

__all__ = ["GaussianMixture"]

Array = Any  # np.ndarray or cupy.ndarray
COVARIANCE_TYPES = ("full", "tied", "diagonal")


class GaussianMixture:
    """A mixture of K Gaussians in D dimensions, initialized from data and improved by EM steps.

        mixture = GaussianMixture(x, 10, rng=rng)
        for _ in range(50):
            log_likelihood = mixture.em_step(x)  # mean over x, before the step

    Parameters
    ----------
    x : array (n, D)
        Floating point examples. They determine the initial values and the default floor; they are
        not stored.
    num_components : int
        K, from 1 to n.
    covariance_type : {"full", "tied", "diagonal"}
        "full": each component has its own covariance, K D^2 numbers. "tied": all components share
        one. "diagonal": each has its own variances along the axes, K D numbers.
    variance_floor : float, optional
        The least variance in any direction, above 0, in units of x^2. By default 1e-4 times the
        mean variance of the columns of x, or the least variance that the precision of x can
        distinguish from 0, if that is larger.
    rng : RNG
        Draws the examples at which the components start.

    Attributes
    ----------
    weights : array (K,)
        pi.
    means : array (K, D)
        mu.
    covariances : array
        Sigma: (K, D, D) if full, (D, D) if tied, (K, D) if diagonal.

    Raises
    ------
    ValueError
        If an argument is out of its range, or if x is not an array of finite examples.
    """

    def __init__(
        self,
        x: Array,
        num_components: int,
        *,
        covariance_type: str = "full",
        variance_floor: float | None = None,
        rng: RNG,
    ):
        check_examples("GaussianMixture", x)
        n, d = x.shape
        if covariance_type not in COVARIANCE_TYPES:
            raise ValueError(
                f"GaussianMixture: covariance_type is one of {', '.join(COVARIANCE_TYPES)}; "
                f"got {covariance_type!r}"
            )
        if not 1 <= num_components <= n:
            raise ValueError(
                f"GaussianMixture: {num_components} components for {n} examples; needs 1 to {n}, "
                "because each component starts at an example"
            )
        self.covariance_type = covariance_type
        self.variance_floor = _choose_floor(x, variance_floor)
        # Every component starts with the mean and the covariance of all data. A component to which
        # no example is assigned keeps these.
        k = num_components
        self.means = np.broadcast_to(x.mean(axis=0), (k, d)).copy()
        scatter = self._scatter(x, np.ones_like(x[:, :1]), self.means[:1])[0]
        shape = {"full": (k, d, d), "tied": (d, d), "diagonal": (k, d)}[covariance_type]
        self.covariances = np.broadcast_to(self._apply_floor(scatter / n), shape).copy()
        # Assign each example to the nearest of K initial centres (k-means++), then one M-step.
        nearest = nearest_centres(x, x[choose_centres(x, k, rng)])  # (n,)
        one_hot = nearest[:, None] == array_module(x).arange(k)  # (n, K)
        self._m_step(x, one_hot.astype(x.dtype))

    # ---------------------------------------------------------------------------------------- EM

    def em_step(self, x: Array) -> float:
        """Do one E-step and one M-step on x.

        Parameters
        ----------
        x : array (n, D)

        Returns
        -------
        float
            The mean log-likelihood of x *before* the step, in nats per example.
        """
        check_examples("em_step", x, self.means.shape[1], min_examples=1)
        log_joint = self._log_joint(x)  # (n, K)
        log_p = _log_sum_exp(log_joint)  # (n,)
        self._m_step(x, np.exp(log_joint - log_p[:, None]))
        return float(log_p.mean())

    def _m_step(self, x: Array, responsibilities: Array) -> None:
        """Maximize the bound over the parameters, given the responsibilities (n, K).

        A component without examples (N_k = 0) gets weight 0 and keeps its mean and covariance.
        """
        counts = responsibilities.sum(axis=0)  # N_k, (K,)
        used = counts > 0
        divisor = np.where(used, counts, 1)[:, None]  # (K, 1)
        self.weights = counts / counts.sum()
        means = matmul(responsibilities.T, x) / divisor
        self.means = np.where(used[:, None], means, self.means)
        scatter = self._scatter(x, responsibilities, self.means)  # N_k S_k
        if self.covariance_type == "tied":
            self.covariances = self._apply_floor(scatter.sum(axis=0) / x.shape[0])
        else:
            per_component = (-1, *[1] * (scatter.ndim - 1))  # (K, 1, 1) or (K, 1)
            covariances = self._apply_floor(scatter / divisor.reshape(per_component))
            self.covariances = np.where(used.reshape(per_component), covariances, self.covariances)

    def _scatter(self, x: Array, responsibilities: Array, means: Array) -> Array:
        """sum_n r_nk (x_n - mu_k) (x_n - mu_k)^T for each k, (K, D, D), or its diagonal, (K, D).

        x is centred first, because sums of x^2 would lose digits by cancellation.
        """
        parts = []
        for k in range(responsibilities.shape[1]):
            c = x - means[k]  # (n, D)
            weighted = c * responsibilities[:, k : k + 1]
            diagonal = self.covariance_type == "diagonal"
            parts.append((weighted * c).sum(axis=0) if diagonal else matmul(weighted.T, c))
        return np.stack(parts)

    def _apply_floor(self, s: Array) -> Array:
        """Maximize the bound over the covariances whose variances are at least the floor."""
        if self.covariance_type == "diagonal":
            return np.maximum(s, self.variance_floor)
        variances, axes = eigh((s + s.swapaxes(-1, -2)) / 2)
        scaled = axes * np.maximum(variances, self.variance_floor)[..., None, :]
        return matmul(scaled, axes.swapaxes(-1, -2))

    # ---------------------------------------------------------------------------------- densities

    def _log_joint(self, x: Array) -> Array:
        """Compute log pi_k + log N(x_n; mu_k, Sigma_k), (n, K).

        With the Cholesky factor Sigma = L L^T, the squared Mahalanobis distance is
        |L^-1 (x - mu)|^2 and log |Sigma| = 2 sum_i log L_ii.
        """
        k, d = self.means.shape
        check_examples("GaussianMixture", x, d, min_examples=0)
        if self.covariance_type == "diagonal":
            scale = np.sqrt(self.covariances)  # (K, D)
            distances = [(((x - self.means[i]) / scale[i]) ** 2).sum(axis=1) for i in range(k)]
            log_det = 2 * np.log(scale).sum(axis=1)
        else:
            scale = cholesky(self.covariances)  # L, (K, D, D) or (D, D)
            log_det = 2 * np.log(np.diagonal(scale, axis1=-2, axis2=-1)).sum(axis=-1)
            factors = scale if self.covariance_type == "full" else [scale] * k
            distances = [
                (solve_triangular(factors[i], (x - self.means[i]).T, upper=False) ** 2).sum(axis=0)
                for i in range(k)
            ]
        constant = d * math.log(2 * math.pi)
        with np.errstate(divide="ignore"):  # a weight may be 0: log 0 = -inf, responsibility 0
            return np.log(self.weights) - 0.5 * (np.stack(distances, axis=1) + log_det + constant)

    def log_prob(self, x: Array) -> Array:
        """Compute log p(x) of each example, in nats: x (n, D) to (n,)."""
        return _log_sum_exp(self._log_joint(x))

    def responsibilities(self, x: Array) -> Array:
        """Compute p(k | x_n): x (n, D) to (n, K), each row of which sums to 1."""
        log_joint = self._log_joint(x)
        return np.exp(log_joint - _log_sum_exp(log_joint)[:, None])

    def sample(self, n: int, rng: RNG) -> tuple[Array, Array]:
        """Draw n samples (n, D) and return them with the components (n,) they were drawn from."""
        k, d = self.means.shape
        # Invert the cumulative distribution. Rounding may leave its last value below 1, so the
        # last component with a positive weight takes everything above the value before.
        last = int((self.weights > 0).nonzero()[0][-1])
        cumulative = np.cumsum(self.weights)[:last]
        component = (rng.uniform((n, 1), np.float64) >= cumulative).sum(axis=1)  # (n,)
        eps = rng.normal((n, d), self.means.dtype)
        if self.covariance_type == "diagonal":
            scale = np.sqrt(self.covariances)[component]
            return self.means[component] + scale * eps, component
        scale = cholesky(self.covariances)  # L: L eps has covariance L L^T = Sigma
        x = np.empty_like(eps)
        for i in range(k):
            rows = component == i
            factor = scale[i] if self.covariance_type == "full" else scale
            x[rows] = self.means[i] + matmul(eps[rows], factor.T)
        return x, component

    # -------------------------------------------------------------------------------------- state

    def state_dict(self) -> dict[str, Array]:
        """Copy the weights, means and covariances, which with the settings decide the next step."""
        return {name: getattr(self, name).copy() for name in ("weights", "means", "covariances")}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Continue from the state_dict() of a mixture of the same size and covariance type.

        Raises
        ------
        ValueError
            If an array is missing or has another shape.
        """
        current = self.state_dict()
        for name, array in current.items():
            if name not in state or state[name].shape != array.shape:
                given = f"shape {state[name].shape}" if name in state else "nothing"
                raise ValueError(
                    f"GaussianMixture: {name} has shape {array.shape} here, "
                    f"and the state has {given}"
                )
        for name, array in current.items():
            array[...] = to_device_of(state[name], array)
            setattr(self, name, array)


def _choose_floor(x: Array, variance_floor: float | None) -> float:
    """Check the given floor, or compute the default for x."""
    spread = float(x.var(axis=0).mean())
    if variance_floor is None and spread == 0:
        raise ValueError("GaussianMixture: all examples are the same; give a variance_floor")
    # Below this, a Cholesky factorization in the precision of x cannot tell a variance from 0.
    smallest = 10 * x.shape[1] ** 2 * float(np.finfo(x.dtype).eps) * spread
    floor = max(1e-4 * spread, smallest) if variance_floor is None else float(variance_floor)
    if not max(smallest, 0) <= floor < math.inf or floor == 0:
        raise ValueError(
            f"GaussianMixture: variance_floor is a variance above 0, here at least "
            f"{smallest:.2g}; got {variance_floor}"
        )
    return floor


def _log_sum_exp(a: Array) -> Array:
    """Compute log sum_k e^a_nk: (n, K) to (n,).

    The largest a_nk is factored out first: far from every component all e^a_nk are 0 in floating
    point, and the logarithm of their sum would be -inf.
    """
    top = a.max(axis=1, keepdims=True)
    return (top + np.log(np.exp(a - top).sum(axis=1, keepdims=True)))[:, 0]
