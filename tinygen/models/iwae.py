"""Importance weighted autoencoders: Burda, Grosse and Salakhutdinov, 2015.

Equation numbers are that paper's.

**The model is that of a VAE.** Only the bound changes. The ELBO is a mean of logarithms, so *every*
sample z ~ q(z|x) must explain x, and one that does not is penalized heavily. This makes q cautious,
and the decoder with it: training avoids posteriors that q cannot represent. The k-sample bound is
the logarithm of a mean, so one sample that explains x is enough:

    L_k(x) = E[log(1/k sum_i w_i)],   w_i = p(x, z_i) / q(z_i|x),   z_1 ... z_k ~ q(z|x)     (eq. 8)

L_1 is the ELBO. L_k grows with k and tends to log p(x). `losses.iwae_bound` derives all three
statements, and the gradient.

**Two uses.**

1. To train, with k = 5 or 50, in place of the ELBO:
   `loss = -iwae_bound(log_weights(model, x, eps)).mean()`. The same expected gradient takes a third
   of the time with `loss = -log_weights(model, x, chosen).mean()`, where `resample` has chosen one
   sample per image.
2. To *evaluate*, however the model was trained. At k = 5000 the bound is close enough to log p(x)
   for models to be compared by it. They cannot be compared by an ELBO, which mixes the quality of
   the model with that of its encoder.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..autograd.tensor import no_grad
from ..backend import RNG, to_device, to_numpy
from ..losses import bernoulli_nll, iwae_bound, reparametrize
from ..ops import broadcast_to
from .vae import VAE

__all__ = ["Estimate", "estimate_log_likelihood", "log_weights", "resample"]


def log_weights(model: VAE, x, eps):
    """Return log w_i = log p(x|z_i) + log p(z_i) - log q(z_i|x) of k samples per image.

    **Derivation** z = mu + sigma eps, so (z - mu) / sigma = eps. For one dimension of z:

        log p(z)   = -1/2 log(2 pi) - z^2 / 2                        prior N(0, 1)
        log q(z|x) = -1/2 log(2 pi) - log sigma - eps^2 / 2          N(mu, sigma^2)
        log p(z) - log q(z|x) = -z^2 / 2 + eps^2 / 2 + log sigma     subtract
                              = (eps^2 + log sigma^2 - z^2) / 2      log sigma = 1/2 log sigma^2

    At k = 1 this is the ELBO, with the KL estimated from the same sample, where `vae.elbo` has it
    exactly. For k > 1 no KL appears in L_k, so the paper computes it in this way for every k.

    Parameters
    ----------
    model : VAE
    x : array or Tensor (N, C, H, W)
        Black-and-white images, 0 or 1.
    eps : array (k, N, latent_dim)
        From N(0, 1): `rng.normal((k, len(x), model.latent_dim))`.

    Returns
    -------
    Tensor (k, N)

    Raises
    ------
    ValueError
        If eps does not fit.
    """
    if eps.ndim != 3 or eps.shape[1] != len(x) or not len(eps):
        raise ValueError(
            f"log_weights: eps {eps.shape} must be (k, N, latent_dim), k >= 1, for the {len(x)} "
            "images of x; for one sample each, give eps[None]"
        )
    k, n, latent_dim = eps.shape
    mu, log_var = model.encode(x)  # (N, latent_dim) each
    z = reparametrize(mu, log_var, eps)  # (k, N, latent_dim)
    logits = model.decode(z.reshape((k * n, latent_dim)))  # (k N, C, H, W)
    repeated_x = broadcast_to(x, shape=(k, *x.shape)).reshape((k * n, *x.shape[1:]))
    log_p_x_given_z = -bernoulli_nll(logits, repeated_x).reshape((k, n))
    log_prior_ratio = 0.5 * (eps * eps + log_var - z * z).sum(axis=-1)  # (k, N): log p(z) / q(z|x)
    return log_prior_ratio + log_p_x_given_z


def resample(model: VAE, x, eps, *, rng: RNG):
    """Return L_k of each image, and one of its k samples, chosen in proportion to the weights.

    **Why.** With the normalized weights m_i = w_i / sum_j w_j, the gradient of L_k is
    sum_i m_i grad log w_i (`losses.iwae_bound`). This is a mean over i ~ m. So one sample, chosen
    with the probabilities m, estimates it without bias:

        E_{i ~ m}[grad log w_i] = grad L_k

    The k samples pass through the decoder in the forward direction only, and one of them backward
    (Burda et al., end of section 3). The price is the noise of the choice.

    **The choice.** With independent Gumbel noise G_i = -log(-log u_i), u_i from U(0, 1), the index
    argmax_i (log w_i + G_i) is i with probability m_i (Gumbel, 1954). No sum of weights is needed.

    Parameters
    ----------
    model, x, eps
        As in `log_weights`.
    rng : RNG
        Decides the choice.

    Returns
    -------
    bound : array (N,)
        L_k, without a gradient.
    chosen : array (1, N, latent_dim)
        The eps of the chosen samples, for `log_weights`.
    """
    with no_grad():
        log_w = log_weights(model, x, eps).data  # (k, N)
    u = rng.uniform(log_w.shape, log_w.dtype)
    gumbel = -np.log(-np.log(u + np.finfo(log_w.dtype).tiny))  # u may be 0
    index = np.argmax(log_w + gumbel, axis=0)[None, :, None]  # (1, N, 1)
    return iwae_bound(log_w), np.take_along_axis(eps, index, axis=0)


class Estimate(NamedTuple):
    """A mean over images with its standard error."""

    mean: float
    standard_error: float  # how much the mean varies between test sets of this size
    values: np.ndarray  # (N,): the value of each image


def estimate_log_likelihood(
    model: VAE, x, num_samples: int = 5000, *, rng: RNG, max_batch: int = 5000
) -> Estimate:
    """Estimate log p(x) of each image, in nats, by the bound L_k with k = `num_samples`.

    The estimate is a lower bound: the true value is, on average, a little higher.

    Parameters
    ----------
    model : VAE
    x : array (N, C, H, W)
        Black-and-white images, 0 or 1.
    num_samples : int
        The number of samples of z per image.
    rng : RNG
        Draws the samples, for as many images together as `max_batch` allows. So the numbers that an
        image gets depend on `max_batch` and on its place among the other images.
    max_batch : int
        The number of codes that are decoded at once. It decides the memory, and not the
        distribution of the result.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        Without an image or a sample.
    """
    if num_samples < 1 or max_batch < 1 or not len(x):
        raise ValueError(
            "estimate_log_likelihood: needs at least one image, one sample and a batch of one; "
            f"got {len(x)}, {num_samples} and {max_batch}"
        )
    x = to_device(x, rng.device)
    images_at_once = max(1, max_batch // num_samples)
    bounds = []
    with no_grad():
        for start in range(0, len(x), images_at_once):
            images = x[start : start + images_at_once]
            log_w = []
            for k in _split(num_samples, max(1, max_batch // len(images))):
                eps = rng.normal((k, len(images), model.latent_dim), images.dtype)
                log_w.append(to_numpy(log_weights(model, images, eps).data).astype(np.float64))
            bounds.append(iwae_bound(np.concatenate(log_w)))
    values = np.concatenate(bounds)
    std = values.std(ddof=1) if len(values) > 1 else 0.0
    return Estimate(float(values.mean()), float(std / len(values) ** 0.5), values)


def _split(total: int, largest: int) -> list[int]:
    """Return numbers of at most `largest` whose sum is `total`."""
    return [min(largest, total - start) for start in range(0, total, largest)]
