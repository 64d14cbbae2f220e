"""The linear VAE, whose optimum is known: it is probabilistic PCA. Lucas, Tucker, Grosse and Norouzi, Don't Blame the ELBO!, 2019.

**The model** of probabilistic PCA (Tipping and Bishop, 1999): z ~ N(0, I), and

    x | z ~ N(W z + m, s^2 I),    so    x ~ N(m, W W^T + s^2 I),    z | x ~ N(M^-1 W^T (x - m), s^2 M^-1),    M = W^T W + s^2 I.

Its likelihood has a closed form, and so has its maximum: m is the data's mean; with the eigenvalues l_1 >= ... >= l_D of the data's covariance,
s^2 is the mean of those discarded, and W = U (L - s^2 I)^(1/2) R: the first eigenvectors U, stretched, up to a rotation R.

**The encoder**, linear too: q(z|x) = N(V (x - m), diag d), one variance for each dimension of z and all x. The true posterior's mean is linear in x and
its covariance s^2 M^-1 does not depend on x, so nothing is lost there. *Diagonal* is the one restriction, and at R = I none: W^T W = L - s^2 I is
diagonal then, and so is M = L. There q is the posterior, the gap KL(q || p(z|x)) is 0, and **the ELBO is the log-likelihood**. Two consequences:

- The ELBO tells rotations apart that the likelihood cannot: maximizing it finds the principal axes themselves, not only their span.
- A dimension whose eigenvalue is no larger than s^2 gets W = 0, V = 0, d = 1: its q is the prior. *Posterior collapse* is no fault of the ELBO, nor of
  the optimizer, but what maximum likelihood says of a decoder that noisy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import RNG
from ..losses import kl_to_standard_normal, squared_error
from ..nn import Module, init
from ..nn.module import parameter
from ..ops import broadcast_to, exp

__all__ = ["LinearVAE"]


class LinearVAE(Module):
    """Gaussian encoder and Gaussian decoder, both linear.

    Parameters: W (D, latent_dim) and m (D,), the decoder's; log_s2 (), the logarithm of its variance; V (latent_dim, D) and log_d (latent_dim,), the encoder's.
    """

    def __init__(self, features: int, latent_dim: int, *, rng: RNG, dtype: Any = np.float32):
        if not 0 < latent_dim <= features:
            raise ValueError(f"LinearVAE: latent_dim={latent_dim} must be from 1 to the {features} features: W W^T has no higher rank")
        self.W = parameter(init.normal((features, latent_dim), rng, std=features**-0.5, dtype=dtype))
        self.m = parameter(init.zeros((features,), rng.device, dtype))
        self.log_s2 = parameter(init.zeros((), rng.device, dtype))
        self.V = parameter(init.normal((latent_dim, features), rng, std=features**-0.5, dtype=dtype))
        self.log_d = parameter(init.zeros((latent_dim,), rng.device, dtype))

    def encode(self, x):
        """q(z|x): x (N, D) to mu and log_var, both (N, latent_dim)."""
        mu = (x - self.m) @ self.V.T
        return mu, broadcast_to(self.log_d, shape=mu.shape)

    def decode(self, z):
        """The mean of p(x|z): z (N, latent_dim) to (N, D)."""
        return z @ self.W.T + self.m

    def elbo(self, x):
        """The bound for each x (N, D), exactly: (N,), in nats. No draw is needed: for z ~ N(mu, diag d),

            E |x - W z - m|^2 = |x - W mu - m|^2 + sum_j d_j |W_j|^2,    W_j the j-th column,

        the cross term vanishing with E (z - mu). The rest as ever: E log p(x|z) = -E|...|^2 / 2 s^2 - D/2 log(2 pi s^2), less the KL to the prior.
        """
        mu, log_var = self.encode(x)
        error = squared_error(x, self.decode(mu)) + (exp(self.log_d) * (self.W * self.W).sum(axis=0)).sum()
        constant = 0.5 * x.shape[1] * (self.log_s2 + math.log(2 * math.pi))
        return -0.5 * exp(-self.log_s2) * error - constant - kl_to_standard_normal(mu, log_var)
