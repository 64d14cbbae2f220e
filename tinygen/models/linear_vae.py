"""The linear VAE, whose optimum is known exactly: it is probabilistic PCA.

Lucas, Tucker, Grosse and Norouzi, Don't Blame the ELBO!, 2019.

**The model** of probabilistic PCA (Tipping and Bishop, 1999) generates x with D numbers from a code
z ~ N(0, I):

    x | z ~ N(W z + m, s^2 I)                                        the decoder
    x     ~ N(m, W W^T + s^2 I)                                      sum of two Gaussians
    z | x ~ N(M^-1 W^T (x - m), s^2 M^-1),  M = W^T W + s^2 I        the posterior

(The papers write mu for m. Here mu is the mean of q.) The likelihood has a closed form, and so has
its maximum. Let l_1 >= ... >= l_D be the eigenvalues of the data's covariance. Then at the maximum

- m is the mean of the data;
- s^2 is the mean of the discarded eigenvalues, those beyond the dimensions of z;
- W = U (L - s^2 I)^(1/2) R: the first eigenvectors U, scaled with the eigenvalues L, up to a
  rotation R.

**The encoder** is linear too: q(z|x) = N(V (x - m), diag d), with one variance d for each dimension
of z, the same for all x. How much does this restrict the model?

1. The posterior's mean is linear in x, and its covariance s^2 M^-1 does not depend on x. So a
   linear encoder with constant covariance can represent both.
2. Only the *diagonal* covariance is a restriction. At R = I it is none:

       W^T W = L - s^2 I                                             U has orthonormal columns
       M     = W^T W + s^2 I = L                                     diagonal

3. So q can be the posterior. Then the gap KL(q || p(z|x)) is 0, and **the ELBO is the
   log-likelihood**.

Two consequences:

- The ELBO distinguishes rotations that the likelihood cannot. Maximizing it finds the principal
  axes themselves, not only their span.
- A dimension whose eigenvalue is no larger than s^2 gets W = 0, V = 0, d = 1: its q is the prior.
  So *posterior collapse* is not caused by the ELBO or by the optimizer. It is what maximum
  likelihood says about a decoder with that much noise.
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

    The decoder's parameters are W (D, latent_dim), m (D,) and log_s2 (), the logarithm of its
    variance. The encoder's are V (latent_dim, D) and log_d (latent_dim,).

    Parameters
    ----------
    num_features : int
        D, the number of dimensions of x.
    latent_dim : int
        The number of dimensions of z, at most D.
    rng : RNG
        Draws the initial weights. The model lies on its device.
    dtype : data type
        The precision of the parameters.
    """

    def __init__(self, num_features: int, latent_dim: int, *, rng: RNG, dtype: Any = np.float32):
        if not 0 < latent_dim <= num_features:
            raise ValueError(
                f"LinearVAE: latent_dim={latent_dim} must be from 1 to the {num_features} "
                "features: W W^T has no higher rank"
            )
        std = num_features**-0.5
        self.W = parameter(init.normal((num_features, latent_dim), rng, std=std, dtype=dtype))
        self.m = parameter(init.zeros((num_features,), rng.device, dtype))
        self.log_s2 = parameter(init.zeros((), rng.device, dtype))
        self.V = parameter(init.normal((latent_dim, num_features), rng, std=std, dtype=dtype))
        self.log_d = parameter(init.zeros((latent_dim,), rng.device, dtype))

    def encode(self, x):
        """Return mu and log_var of q(z|x).

        **Shapes** x (N, D); mu and log_var (N, latent_dim).
        """
        mu = (x - self.m) @ self.V.T
        return mu, broadcast_to(self.log_d, shape=mu.shape)

    def decode(self, z):
        """Return the mean of p(x|z).

        **Shapes** z (N, latent_dim); mean (N, D).
        """
        return z @ self.W.T + self.m

    def elbo(self, x):
        """Return the exact ELBO of each x, in nats.

        No sample of z is needed. Write z = mu + delta, where delta ~ N(0, diag d), and let W_j be
        the j-th column of W:

            x - W z - m         = (x - W mu - m) - W delta           insert z
            E |x - W z - m|^2   = |x - W mu - m|^2 + E |W delta|^2   the cross term has mean 0
                                = |x - W mu - m|^2 + sum_j d_j |W_j|^2
                                                                     E[delta_i delta_j] = 0, i != j
            E[log p(x|z)]       = -E |x - W z - m|^2 / (2 s^2) - D/2 log(2 pi s^2)
            ELBO                = E[log p(x|z)] - KL(q(z|x) || N(0, I))

        **Shapes** x (N, D); ELBO (N,).
        """
        mu, log_var = self.encode(x)
        error_of_mean = squared_error(x, self.decode(mu))  # (N,)
        error_of_noise = (exp(self.log_d) * (self.W * self.W).sum(axis=0)).sum()  # ()
        error = error_of_mean + error_of_noise
        constant = 0.5 * x.shape[1] * (self.log_s2 + math.log(2 * math.pi))
        return -0.5 * exp(-self.log_s2) * error - constant - kl_to_standard_normal(mu, log_var)
