"""Pictures as points of one Gaussian, N(mu, Sigma): the first generative model of images, and the one all others are measured against.

**Two ways to one subspace.** `Gaussian` takes mean and covariance from the data; its eigenvectors, seen as pictures, are the *eigenfaces* (Turk and
Pentland, 1991). `PPCA`, probabilistic principal component analysis (Tipping and Bishop, Probabilistic Principal Component Analysis, 1999; equations
are that paper's), keeps the q directions of largest variance and calls the rest noise: it is the *linear* variational autoencoder, whose best
decoder, posterior and likelihood are known in closed form.

**Sampling.** Sigma = U diag(lambda) U^T, so x = mu + sum_k sqrt(lambda_k) eps_k u_k with eps ~ N(0, I) has mean mu and covariance Sigma. That is
all that this model can say: every sample is the mean face plus a random linear combination of eigenvectors. A mean of two faces is no face, but
here it is as likely as they are, or likelier: hence ghosts, and the rest of this package.

**More pixels than pictures.** The covariance of 48 x 48 colour pictures is a matrix of 6912 x 6912. But n pictures span at most n - 1 directions
around their mean. With the centred data X_c (n, D), S = X_c^T X_c / n, and the *Gram matrix* K = X_c X_c^T / n is only (n, n). From K v = lambda v
follows, times X_c^T on the left, S (X_c^T v) = lambda (X_c^T v): the same eigenvalue, with eigenvector X_c^T v, of length sqrt(n lambda). All other
directions have variance 0.

**The density.** Both models have covariance C = U diag(l) U^T + s I, U (D, r) with orthonormal columns, l what is added along them, s the noise in
every direction. In the basis of U and any complement of it, C is diagonal: l_k + s along u_k, s elsewhere. With c = x - mu and t = U^T c its
coordinates,

    log p(x) = -1/2 [ sum_k t_k^2 / (l_k + s)  +  |c - U t|^2 / s  +  sum_k log(l_k + s)  +  (D - r) log s  +  D log 2 pi ],

without |c - U t|^2 / s where r = D. (This is Woodbury's identity C^-1 = (I - U diag(l / (l + s)) U^T) / s, in the basis where it is plain to
see.) It costs D r a picture, not D^2, and no D x D matrix is ever formed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import RNG, array_module
from ..backend.reductions import matmul

__all__ = ["PPCA", "Gaussian", "principal_components"]

Array = Any  # np.ndarray or cupy.ndarray


def principal_components(x: Array, rank: int | None = None) -> tuple[Array, Array, Array]:
    """Mean, variances and directions of data: what is common to all models here.

    Parameters
    ----------
    x : (n, D), floating point, n at least 2. In float32 variances under a millionth of the largest are noise: give float64 if they matter.
    rank : how many of the directions are wanted, those of largest variance; by default all, which with thousands of examples takes its time.

    Returns
    -------
    mean : (D,).
    variances : (r,), the eigenvalues of the covariance S = X_c^T X_c / n (its maximum-likelihood estimate: n, not n - 1), from the largest down; r
        = D, or n - 1 where that is less. Those beyond are zero.
    components : (D, rank), by default (D, r), their eigenvectors as orthonormal columns. An eigenvector's sign is free: here its largest entry is
    positive.
    """
    check_examples("principal_components", x)
    n, d = x.shape
    r = min(n - 1, d)
    rank = r if rank is None else rank
    if not 1 <= rank <= r:
        raise ValueError(f"principal_components: rank is {rank}; {n} examples of {d} numbers have 1 to {r} directions")
    mean = x.mean(axis=0)
    centred = x - mean
    if n > d:
        variances, components = np.linalg.eigh(matmul(centred.T, centred) / n)  # in ascending order
        variances, components = variances[::-1], components[:, : -rank - 1 : -1]
    else:
        variances, v = np.linalg.eigh(matmul(centred, centred.T) / n)
        variances = variances[:0:-1]  # all but the smallest: the centred rows sum to zero
        # QR makes orthonormal columns also of those whose variance is zero, to rounding; the others it leaves as they are, but for length and sign
        components = np.linalg.qr(matmul(centred.T, v[:, : -rank - 1 : -1]))[0]
    variances = np.maximum(variances, 0)  # rounding may leave -1e-17
    largest = np.abs(components).argmax(axis=0)
    sign = np.where(np.take_along_axis(components, largest[None], axis=0) < 0, -1, 1).astype(x.dtype)
    return mean, variances, components * sign


class Gaussian:
    """N(mu, U diag(l) U^T + s I): a Gaussian by the principal axes of its covariance. `Gaussian.fit` makes one from data.

    Parameters
    ----------
    mean : mu, (D,).
    components : U, (D, r), orthonormal columns.
    variances : l, (r,), the variance along each column, beyond the noise.
    noise : s, the variance in every direction, a number. With 0 the model is a flat sheet of r dimensions: it can be sampled, but has a density
        only if r = D.
    """

    def __init__(self, mean: Array, components: Array, variances: Array, noise_variance: float = 0.0):
        if components.shape != (*mean.shape, *variances.shape) or mean.ndim != 1:
            raise ValueError(
                f"Gaussian: got mean {mean.shape}, components {components.shape} and variances {variances.shape}; expected (D,), (D, r) and (r,)"
            )
        if not noise_variance >= 0:
            raise ValueError(f"Gaussian: noise_variance is a variance, at least 0; got {noise_variance}")
        self.mean, self.components, self.variances, self.noise_variance = mean, components, variances, float(noise_variance)

    @classmethod
    def fit(cls, x: Array, *, noise_variance: float = 0.0) -> Gaussian:
        """The maximum-likelihood Gaussian of x (n, D): mean and covariance of the data, plus `noise_variance` on the covariance's diagonal.

        **Math.** log p(X) = -n/2 [log |Sigma| + D log 2 pi] - 1/2 sum_i (x_i - mu)^T Sigma^-1 (x_i - mu). In mu its gradient is
        Sigma^-1 sum_i (x_i - mu), zero at the mean whatever Sigma is. Then, with S = 1/n sum_i (x_i - mu)(x_i - mu)^T and P = Sigma^-1, what is
        left is n/2 [log |P| - trace(P S)], with gradient n/2 [P^-1 - S] in P: Sigma = S (Bishop, Pattern Recognition and Machine Learning, 2.3.4).

        With fewer than D + 1 examples S is singular, and the likelihood has no maximum: Gaussians ever flatter around the data's subspace
        raise it without end. `noise_variance`, in units of x^2, bounds it; it is the one regularisation here, and 0 unless it is given.
        """
        mean, variances, components = principal_components(x)
        return cls(mean, components, variances, noise_variance)

    @property
    def covariance(self) -> Array:
        """Sigma, (D, D): made when it is asked for."""
        xp = array_module(self.mean)
        scaled = self.components * self.variances
        return matmul(scaled, self.components.T) + self.noise_variance * xp.asarray(np.eye(len(self.mean), dtype=self.mean.dtype))

    def sample(self, n: int, rng: RNG) -> Array:
        """n examples, (n, D): mu + sum_k sqrt(l_k) eps_k u_k + sqrt(s) e, with eps and e from N(0, I)."""
        eps = rng.normal((n, len(self.variances)), self.mean.dtype)
        x = self.mean + matmul(eps * np.sqrt(self.variances), self.components.T)
        return x + math.sqrt(self.noise_variance) * rng.normal(x.shape, x.dtype) if self.noise_variance else x

    def log_prob(self, x: Array) -> Array:
        """log p(x), nats, for x (n, D): (n,). The formula at the head of this file.

        Raises ValueError where there is no density: some direction has no variance, to rounding.
        """
        d, r = self.components.shape
        check_examples("log_prob", x, d, least=0)
        variances = self.variances + self.noise_variance
        least = float(variances.min()) if r == d else self.noise_variance
        largest = float(variances.max()) if r else self.noise_variance
        rounding = float(np.finfo(self.mean.dtype).eps) * largest * (1 if self.noise_variance else d)  # a noise is given, an eigenvalue computed
        if not least > rounding:
            raise ValueError(
                f"log_prob: no density: the covariance has variance {least:.2g} in some of its {d} directions, too little beside the largest, "
                f"{largest:.3g}; fit to more than {d} examples, leave out what is constant in all of them, or give noise"
            )
        c = x - self.mean
        t = matmul(c, self.components)
        distance = (t * t / variances).sum(axis=1)
        if r < d:
            c -= matmul(t, self.components.T)
            distance += (c * c).sum(axis=1) / self.noise_variance
        log_det = float(np.log(variances).sum()) + ((d - r) * math.log(self.noise_variance) if r < d else 0.0)
        return -0.5 * (distance + (log_det + d * math.log(2 * math.pi)))


class PPCA(Gaussian):
    """Probabilistic principal component analysis: z ~ N(0, I_q), x = W z + mu + sigma e, e ~ N(0, I_D). `PPCA.fit` makes the likeliest one.

    x is Gaussian with covariance C = W W^T + sigma^2 I; `noise_variance` is sigma^2, and W = U diag(sqrt(l)).
    """

    @classmethod
    def fit(cls, x: Array, latent_dim: int) -> PPCA:
        """The maximum-likelihood model of x (n, D) with `latent_dim` = q dimensions, 1 <= q < min(D, n - 1): no iteration is needed.

        **Math.** log p(X) = -n/2 [log |C| + trace(C^-1 S) + D log 2 pi] (eq. 4). At a stationary point in W, S C^-1 W = W (appendix A): with W =
        U L R, U and R orthogonal, that says that the columns of U are eigenvectors of S, and L^2 = lambda - sigma^2. Put in, with the q kept
        eigenvalues K and the others,

            log |C| + trace(C^-1 S) = sum_{k in K} [log lambda_k + 1] + (D - q) log sigma^2 + 1/sigma^2 sum_{k not in K} lambda_k,

        least in sigma^2 at the *mean of the discarded eigenvalues* (eq. 8), and, over the choice of K, when the largest are kept. So

            W = U_q (Lambda_q - sigma^2 I)^1/2 R    (eq. 7).

        R turns the axes of z: as z ~ N(0, I) looks the same from all sides, no data can tell which it is. Here R = I: one axis, one eigenvector.
        """
        check_examples("PPCA.fit", x)
        n, d = x.shape
        if not 1 <= latent_dim < min(n - 1, d):
            most = min(n - 1, d) - 1
            raise ValueError(f"PPCA.fit: latent_dim is {latent_dim}; {n} examples of {d} numbers allow 1 to {most}: the noise is what the others leave")
        mean, variances, components = principal_components(x, latent_dim)
        noise_variance = float(variances[latent_dim:].sum()) / (d - latent_dim)
        if not noise_variance > float(np.finfo(x.dtype).eps) * float(variances[0]):
            directions = int((variances > d * float(np.finfo(x.dtype).eps) * variances[0]).sum())
            raise ValueError(f"PPCA.fit: {latent_dim} dimensions leave no noise: the {n} examples vary in {directions} directions only; latent_dim must be less than that")
        return cls(mean, components, np.maximum(variances[:latent_dim] - noise_variance, 0), noise_variance)

    @property
    def weight(self) -> Array:
        """W, (D, q)."""
        return self.components * np.sqrt(self.variances)

    def decode(self, z: Array) -> Array:
        """The mean of p(x|z), mu + W z: z (n, q) to (n, D)."""
        return self.mean + matmul(z * np.sqrt(self.variances), self.components.T)

    def posterior(self, x: Array) -> tuple[Array, Array]:
        """p(z|x) = N(M^-1 W^T (x - mu), sigma^2 M^-1) with M = W^T W + sigma^2 I (their eq. 6): means (n, q), and variances (q,), the same for
        every x.

        With R = I, M = diag(l + sigma^2) is diagonal: each code is the coordinate along its eigenvector, in standard deviations, shrunk towards 0 by
        l / (l + sigma^2), the share of its variance that is not noise.
        """
        check_examples("posterior", x, len(self.mean), least=0)
        t = matmul(x - self.mean, self.components)
        return t * (np.sqrt(self.variances) / (self.variances + self.noise_variance)), self.noise_variance / (self.variances + self.noise_variance)


def check_examples(name: str, x: Array, d: int | None = None, least: int = 2) -> None:
    """Raise unless x is (n, d), finite floats, n at least `least`."""
    if getattr(x, "ndim", None) != 2 or x.shape[1] < 1 or (d is not None and x.shape[1] != d):
        came = getattr(x, "shape", type(x).__name__)
        raise ValueError(f"{name}: x has shape {came}; expected (n, {d or 'D'}), one example a row: for pictures x.reshape(len(x), -1)")
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: x is {x.dtype}; give floats, for bytes x / 255")
    if x.shape[0] < least:
        raise ValueError(f"{name}: got {x.shape[0]} example{'s' * (x.shape[0] != 1)}; a covariance needs at least {least}")
    bad = x.size - int(np.isfinite(x).sum())
    if bad:
        raise ValueError(f"{name}: {bad} of the {x.size} numbers in x are NaN or infinite; mend or drop such rows first")
