"""Probabilistic principal component analysis: Tipping and Bishop, 1999.

The equation numbers are those of their paper "Probabilistic Principal Component Analysis".

**The model** is a *linear* variational autoencoder, whose best decoder, posterior and likelihood
are known in closed form (linear_vae.py trains one by gradient descent):

    z ~ N(0, I_q),    x = W z + mu + sigma eps,    eps ~ N(0, I_D).

x is a linear function of Gaussian variables, so it is Gaussian, with mean mu and covariance

    C = W W^T + sigma^2 I.

The model keeps the q directions of largest variance and models all others as noise. It is a
`Gaussian` of gaussian.py, with sigma^2 as its noise variance and W = U diag(sqrt(l)), because then

    W W^T = U diag(l) U^T.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.reductions import matmul
from .gaussian import Gaussian, check_examples, principal_components

__all__ = ["PPCA"]

Array = Any  # np.ndarray or cupy.ndarray


class PPCA(Gaussian):
    """Probabilistic PCA: z ~ N(0, I_q) and x = W z + mu + sigma eps; see `PPCA.fit`.

    Its attributes are those of `Gaussian`: `noise_variance` is sigma^2, and W = U diag(sqrt(l)).
    """

    @classmethod
    def fit(cls, x: Array, latent_dim: int) -> PPCA:
        """Fit the model of maximum likelihood, which needs no iteration.

        **Math** Let S = 1/n sum_i (x_i - mu) (x_i - mu)^T with mu the mean of the data. The
        log-likelihood is that of a Gaussian with covariance C (eq. 4):

            log p(X) = -n/2 [log |C| + trace(C^-1 S) + D log 2 pi].

        *The gradient in W.* With C = W W^T + sigma^2 I,

            d log |C| / dW         =  2 C^-1 W,
            d trace(C^-1 S) / dW   = -2 C^-1 S C^-1 W.

        Their sum is zero where (appendix A)

            S C^-1 W = W.

        *The columns of W.* Write W by its singular values, W = U L R, with orthonormal columns U
        (D, q), a diagonal L > 0 and an orthogonal R. Then

            C U           = (U L^2 U^T + sigma^2 I) U = U (L^2 + sigma^2 I)
            C^-1 U        = U (L^2 + sigma^2 I)^-1                 multiply by C^-1 and the inverse
            S C^-1 W      = S U (L^2 + sigma^2 I)^-1 L R           insert W = U L R
            S U (L^2 + sigma^2 I)^-1 L R = U L R                   the condition above
            S U           = U (L^2 + sigma^2 I)                    multiply by R^T L^-1 (L^2 + ...)

        So the columns of U are eigenvectors of S, with eigenvalues lambda_k = L_k^2 + sigma^2.

        *The noise.* C has the same eigenvectors as S. Its eigenvalues are lambda_k for the q kept
        directions, a set K, and sigma^2 for the others. Therefore

            log |C|        = sum_{k in K} log lambda_k + (D - q) log sigma^2,
            trace(C^-1 S)  = q + 1/sigma^2 sum_{k not in K} lambda_k.

        The derivative of their sum in sigma^2 is zero at the *mean of the discarded eigenvalues*
        (eq. 8):

            (D - q) / sigma^2 - 1/sigma^4 sum_{k not in K} lambda_k = 0,
            sigma^2 = 1 / (D - q) sum_{k not in K} lambda_k.

        *The choice of K.* The likelihood is largest if the largest eigenvalues are kept (appendix
        A). Then W is (eq. 7)

            W = U_q (Lambda_q - sigma^2 I)^1/2 R.

        *The rotation R* of the latent axes is free: z ~ N(0, I) has the same distribution after
        any rotation, so the data cannot determine R. Here R = I: one axis for each eigenvector.

        Parameters
        ----------
        x : array (n, D)
            Floating point examples.
        latent_dim : int
            q, the dimensions of z, 1 <= q < min(D, n - 1).

        Returns
        -------
        PPCA

        Raises
        ------
        ValueError
            If the discarded directions do not exist or have no variance.
        """
        check_examples("PPCA.fit", x)
        n, d = x.shape
        max_rank = min(n - 1, d)
        if not 1 <= latent_dim < max_rank:
            raise ValueError(
                f"PPCA.fit: latent_dim is {latent_dim}; {n} examples of {d} numbers allow 1 to "
                f"{max_rank - 1}: the other directions are needed to estimate the noise"
            )
        mean, variances, components = principal_components(x, latent_dim)
        noise_variance = float(variances[latent_dim:].sum()) / (d - latent_dim)
        eps = float(np.finfo(x.dtype).eps)
        if not noise_variance > eps * float(variances[0]):
            num_directions = int((variances > d * eps * variances[0]).sum())
            raise ValueError(
                f"PPCA.fit: {latent_dim} dimensions leave no noise: the {n} examples vary in "
                f"{num_directions} directions only; latent_dim must be less than that"
            )
        signal_variances = np.maximum(variances[:latent_dim] - noise_variance, 0)
        return cls(mean, components, signal_variances, noise_variance)

    @property
    def weight(self) -> Array:
        """W, (D, q)."""
        return self.components * np.sqrt(self.variances)

    def decode(self, z: Array) -> Array:
        """Compute the mean of p(x|z), mu + W z, for z (n, q): (n, D)."""
        return self.mean + matmul(z * np.sqrt(self.variances), self.components.T)

    def posterior(self, x: Array) -> tuple[Array, Array]:
        """Compute the mean and the variance of p(z|x).

        **Math** With M = W^T W + sigma^2 I, the posterior is (eq. 6)

            p(z|x) = N(M^-1 W^T (x - mu), sigma^2 M^-1).

        Here R = I, so W = U diag(sqrt(l)) and M is diagonal:

            M              = diag(l) + sigma^2 I,
            mean_k         = sqrt(l_k) / (l_k + sigma^2) u_k^T (x - mu),
            variance_k     = sigma^2 / (l_k + sigma^2).

        Code k is the coordinate along u_k in units of sqrt(l_k), u_k^T (x - mu) / sqrt(l_k), times
        l_k / (l_k + sigma^2). This factor is the fraction of the variance that is not noise; it
        shrinks the code towards 0.

        **Shapes** x (n, D) to means (n, q) and variances (q,), which are the same for every x.
        """
        check_examples("posterior", x, len(self.mean), min_examples=0)
        t = matmul(x - self.mean, self.components)  # (n, q)
        total = self.variances + self.noise_variance  # (q,)
        return t * (np.sqrt(self.variances) / total), self.noise_variance / total
