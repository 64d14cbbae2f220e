"""One Gaussian N(mu, Sigma) over pictures, and principal component analysis.

This is the simplest generative model of images: a picture is one point of R^D, and one Gaussian
is fitted to all points. The other models of this package are measured against it. The
eigenvectors of its covariance, seen as pictures, are the *eigenfaces* (Turk and Pentland, 1991).
ppca.py keeps only the directions of largest variance, and models the others as noise.

**Sampling.** Start from the eigendecomposition of the covariance,

    Sigma = U diag(lambda) U^T,    with orthonormal columns u_k.

Draw eps ~ N(0, I) and add a random multiple of each eigenvector to the mean:

    x = mu + sum_k sqrt(lambda_k) eps_k u_k.

Then x has the required moments, because E[eps_k] = 0 and E[eps_k eps_l] = 1 if k = l, else 0:

    E[x]                    = mu,
    E[(x - mu) (x - mu)^T]  = sum_k lambda_k u_k u_k^T = Sigma.

**The limit of the model.** Every sample is the mean face plus a random linear combination of
eigenvectors. log p is concave, so its value at the average of two faces is at least the average
of its values at the two. But the average of two faces is not a face. This is why the samples look
like ghosts, and why the other models of this package exist.

**PCA with more pixels than pictures.** The covariance of 48 x 48 colour pictures is a matrix of
6912 x 6912. But n pictures span at most n - 1 directions around their mean; all other directions
have variance 0. So it is enough to decompose an n x n matrix. Let X_c (n, D) be the centred data:

    S = X_c^T X_c / n                           the covariance, (D, D)
    K = X_c X_c^T / n                           the Gram matrix, (n, n)
    K v = lambda v                              v is an eigenvector of K
    X_c^T K v = lambda X_c^T v                  multiply by X_c^T from the left
    (X_c^T X_c / n) X_c^T v = lambda X_c^T v    insert the definition of K
    S (X_c^T v) = lambda (X_c^T v)              insert the definition of S

So X_c^T v is an eigenvector of S with the same eigenvalue. If |v| = 1, its length follows from

    |X_c^T v|^2 = v^T X_c X_c^T v = n v^T K v = n lambda.

**The density.** The models here and in ppca.py have a covariance of the form

    C = U diag(l) U^T + s I,

where U (D, r) has orthonormal columns, l_k is the variance added along column k, and s is the
variance of noise that is equal in all directions. C is diagonal in the basis that consists of U
and any orthonormal basis of the complement of U:

    C u_k = (l_k + s) u_k,
    C v   = s v                    for every v orthogonal to all u_k.

Let c = x - mu, let t = U^T c be its coordinates along U, and c - U t the rest. Then

    c^T C^-1 c = sum_k t_k^2 / (l_k + s) + |c - U t|^2 / s     the squared Mahalanobis distance,
    log |C|    = sum_k log(l_k + s) + (D - r) log s            the sum of the log-eigenvalues,
    log p(x)   = -1/2 [c^T C^-1 c + log |C| + D log 2 pi]      the density of a Gaussian.

Without a complement (r = D) the terms with 1 / s and log s are absent. This costs D r operations
per picture instead of D^2, and no D x D matrix is formed. (The first line is Woodbury's identity
C^-1 = (I - U diag(l / (l + s)) U^T) / s, written in the basis in which C is diagonal.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import RNG, array_module
from ..backend.linear_algebra import eigh
from ..backend.reductions import matmul

__all__ = ["Gaussian", "check_examples", "principal_components"]

Array = Any  # np.ndarray or cupy.ndarray


def principal_components(x: Array, rank: int | None = None) -> tuple[Array, Array, Array]:
    """Compute the mean of data, the variances along its principal components, and these.

    **Numerics** In float32, variances below a millionth of the largest are rounding errors. Pass
    float64 if they matter. An eigenvector's sign is arbitrary: here its largest entry is positive.

    Parameters
    ----------
    x : array (n, D)
        Floating point examples, n at least 2.
    rank : int, optional
        How many components to return, those of largest variance first. By default all r, which
        takes long with thousands of examples.

    Returns
    -------
    mean : array (D,)
    variances : array (r,)
        The eigenvalues of the covariance S = X_c^T X_c / n in descending order; r = min(D, n - 1).
        S is the maximum-likelihood estimate (it divides by n, not by n - 1). Its eigenvalues
        beyond these r are zero.
    components : array (D, rank)
        The eigenvectors of S as orthonormal columns.

    Raises
    ------
    ValueError
        If x is not an array of at least two finite examples, or if it has fewer than `rank`
        components.
    """
    check_examples("principal_components", x)
    n, d = x.shape
    max_rank = min(n - 1, d)
    rank = max_rank if rank is None else rank
    if not 1 <= rank <= max_rank:
        raise ValueError(
            f"principal_components: rank is {rank}; {n} examples of {d} numbers have "
            f"1 to {max_rank} components"
        )
    mean = x.mean(axis=0)
    decompose = _decompose_covariance if n > d else _decompose_gram_matrix
    variances, components = decompose(x - mean, rank)
    variances = np.maximum(variances, 0)  # rounding may leave -1e-17
    return mean, variances, components * _signs(components)


def _decompose_covariance(centred: Array, rank: int) -> tuple[Array, Array]:
    """All eigenvalues (D,) and the leading eigenvectors (D, rank) of S = X_c^T X_c / n."""
    variances, components = eigh(matmul(centred.T, centred) / len(centred))  # ascending
    return variances[::-1], components[:, : -rank - 1 : -1]


def _decompose_gram_matrix(centred: Array, rank: int) -> tuple[Array, Array]:
    """Eigenvalues (n - 1,) and leading eigenvectors (D, rank) of S, by K = X_c X_c^T / n."""
    variances, v = eigh(matmul(centred, centred.T) / len(centred))  # ascending
    variances = variances[:0:-1]  # without the smallest, 0, because the centred rows sum to zero
    # X_c^T v has length sqrt(n lambda). QR normalizes it, and it also gives orthonormal columns
    # where lambda is zero (to rounding) and X_c^T v has no direction of its own.
    components = np.linalg.qr(matmul(centred.T, v[:, : -rank - 1 : -1]))[0]
    return variances, components


def _signs(components: Array) -> Array:
    """1 or -1 for each column, (1, rank): the sign of its largest entry."""
    largest = np.abs(components).argmax(axis=0)
    negative = np.take_along_axis(components, largest[None], axis=0) < 0
    return np.where(negative, -1, 1).astype(components.dtype)


class Gaussian:
    """N(mu, U diag(l) U^T + s I), given by the principal components of its covariance.

    `Gaussian.fit` estimates one from data.

    Parameters
    ----------
    mean : array (D,)
        mu.
    components : array (D, r)
        U, orthonormal columns.
    variances : array (r,)
        l, the variance along each component that is added to the noise.
    noise_variance : float
        s, the variance of the noise in every direction. With s = 0 and r < D, all samples lie in
        a subspace of r dimensions: the model can be sampled, but it has no density.

    Raises
    ------
    ValueError
        If the shapes do not agree or the noise variance is negative.
    """

    def __init__(
        self, mean: Array, components: Array, variances: Array, noise_variance: float = 0.0
    ):
        if components.shape != (*mean.shape, *variances.shape) or mean.ndim != 1:
            raise ValueError(
                f"Gaussian: got mean {mean.shape}, components {components.shape} and variances "
                f"{variances.shape}; expected (D,), (D, r) and (r,)"
            )
        if not noise_variance >= 0:
            raise ValueError(
                f"Gaussian: noise_variance is a variance, at least 0; got {noise_variance}"
            )
        self.mean, self.components, self.variances = mean, components, variances
        self.noise_variance = float(noise_variance)

    @classmethod
    def fit(cls, x: Array, *, noise_variance: float = 0.0) -> Gaussian:
        """Fit the mean and the covariance by maximum likelihood.

        **Math** The log-likelihood of n independent examples is

            log p(X) = -n/2 [log |Sigma| + D log 2 pi]
                       - 1/2 sum_i (x_i - mu)^T Sigma^-1 (x_i - mu).

        *The mean.* The gradient in mu is zero at the mean of the data, whatever Sigma is:

            Sigma^-1 sum_i (x_i - mu) = 0,    so    mu = 1/n sum_i x_i.

        *The covariance.* Let c_i = x_i - mu, S = 1/n sum_i c_i c_i^T and P = Sigma^-1. A number
        equals its trace, and a trace does not change if its factors are permuted cyclically:

            sum_i c_i^T P c_i = sum_i trace(P c_i c_i^T) = n trace(P S).

        With log |Sigma| = -log |P|, what depends on P is therefore

            n/2 [log |P| - trace(P S)].

        Its gradient uses d log |P| / dP = P^-1 and d trace(P S) / dP = S:

            n/2 [P^-1 - S] = 0,    so    Sigma = P^-1 = S.

        **Numerics** With fewer than D + 1 examples S is singular, and the likelihood has no
        maximum: it grows without bound as the Gaussian gets flatter around the subspace of the
        data. `noise_variance` bounds it. This is the only regularization here.

        **Source** Bishop, Pattern Recognition and Machine Learning, section 2.3.4.

        Parameters
        ----------
        x : array (n, D)
            Floating point examples, n at least 2.
        noise_variance : float
            Added to the diagonal of the covariance, in units of x^2. By default 0.

        Returns
        -------
        Gaussian

        Raises
        ------
        ValueError
            If x is not an array of at least two finite examples.
        """
        mean, variances, components = principal_components(x)
        return cls(mean, components, variances, noise_variance)

    @property
    def covariance(self) -> Array:
        """Sigma, (D, D), computed at each access."""
        xp = array_module(self.mean)
        scaled = self.components * self.variances  # (D, r)
        identity = xp.asarray(np.eye(len(self.mean), dtype=self.mean.dtype))
        return matmul(scaled, self.components.T) + self.noise_variance * identity

    def sample(self, n: int, rng: RNG) -> Array:
        """Draw n samples, (n, D): mu + sum_k sqrt(l_k) eps_k u_k + sqrt(s) e, all noise N(0, I)."""
        eps = rng.normal((n, len(self.variances)), self.mean.dtype)  # (n, r)
        x = self.mean + matmul(eps * np.sqrt(self.variances), self.components.T)  # (n, D)
        if not self.noise_variance:
            return x
        return x + math.sqrt(self.noise_variance) * rng.normal(x.shape, x.dtype)

    def log_prob(self, x: Array) -> Array:
        """Compute log p(x) of each example, in nats, by the formula at the head of this file.

        **Shapes** x (n, D) to (n,).

        Raises
        ------
        ValueError
            If there is no density because the variance in some direction is zero, to rounding.
        """
        d, r = self.components.shape
        check_examples("log_prob", x, d, min_examples=0)
        self._check_density()
        variances = self.variances + self.noise_variance  # (r,)
        c = x - self.mean  # (n, D)
        t = matmul(c, self.components)  # (n, r)
        distance = (t * t / variances).sum(axis=1)  # (n,)
        log_det = float(np.log(variances).sum())
        if r < d:
            c -= matmul(t, self.components.T)
            distance += (c * c).sum(axis=1) / self.noise_variance
            log_det += (d - r) * math.log(self.noise_variance)
        return -0.5 * (distance + (log_det + d * math.log(2 * math.pi)))

    def _check_density(self) -> None:
        """Raise unless the variance is above zero in every direction, by more than rounding."""
        d, r = self.components.shape
        variances = self.variances + self.noise_variance
        smallest = float(variances.min()) if r == d else self.noise_variance
        largest = float(variances.max()) if r else self.noise_variance
        # Computed eigenvalues have an error of about D eps times the largest. A noise variance is
        # given, so it only has to be more than eps times the largest.
        eps = float(np.finfo(self.mean.dtype).eps)
        rounding = eps * largest * (1 if self.noise_variance else d)
        if not smallest > rounding:
            raise ValueError(
                f"log_prob: no density: the covariance has variance {smallest:.2g} in some of its "
                f"{d} directions, too little compared with the largest, {largest:.3g}; fit to more "
                f"than {d} examples, leave out features that are constant, or give noise_variance"
            )


def check_examples(name: str, x: Array, d: int | None = None, min_examples: int = 2) -> None:
    """Raise unless x is an array (n, d) of finite floats with n at least `min_examples`.

    Parameters
    ----------
    name : str
        The calling function, for the message.
    x : array
        The examples.
    d : int, optional
        The number of features that x must have. By default any number from 1 on.
    min_examples : int
        The number of rows that x must have.
    """
    if getattr(x, "ndim", None) != 2 or x.shape[1] < 1 or (d is not None and x.shape[1] != d):
        given = getattr(x, "shape", type(x).__name__)
        raise ValueError(
            f"{name}: x has shape {given}; expected (n, {d or 'D'}), one example per row: "
            "for pictures x.reshape(len(x), -1)"
        )
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: x is {x.dtype}; give floats, for bytes x / 255")
    if x.shape[0] < min_examples:
        plural = "s" * (x.shape[0] != 1)
        raise ValueError(
            f"{name}: got {x.shape[0]} example{plural}; a covariance needs at least {min_examples}"
        )
    num_bad = x.size - int(np.isfinite(x).sum())
    if num_bad:
        raise ValueError(
            f"{name}: {num_bad} of the {x.size} numbers in x are NaN or infinite; "
            "repair or drop such rows first"
        )
