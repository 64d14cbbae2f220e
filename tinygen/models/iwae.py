"""Importance weighted autoencoders: Burda, Grosse and Salakhutdinov, 2015 (equations are that paper's).

**The model is a VAE's**; only the bound changes. The ELBO asks of *every* draw z ~ q(z|x) that it explain x, and so teaches q, and the decoder with
it, to be cautious: a posterior that q cannot represent is avoided. The k-sample bound

    L_k(x) = E[log 1/k sum_i w_i],    w_i = p(x, z_i) / q(z_i|x),    z_1 ... z_k ~ q(z|x)              (eq. 8)

asks it of their mean. L_1 is the ELBO, L_k grows with k, and tends to log p(x) (`losses.iwae_bound` derives all three, and the gradient).

**Two uses.** To train: `-iwae_bound(log_weights(model, x, eps)).mean()` with k = 5 or 50 for the ELBO, or, with the same mean gradient in a third
of the time, `-log_weights(model, x, chosen).mean()` with `resample`'s choice of one draw each. And to *measure*, whatever a model was
trained with: at k = 5000 the bound is close enough to log p(x) that models are compared by it. An ELBO cannot do that: it mixes how good the model is
with how good its encoder is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..autograd.tensor import no_grad
from ..backend import RNG, array_module, to_device, to_numpy
from ..losses import bernoulli_nll, iwae_bound, reparametrize
from ..ops import broadcast_to
from .vae import VAE

__all__ = ["Estimate", "log_likelihood", "log_weights", "resample"]


def log_weights(model: VAE, x, eps):
    """log w_i = log p(x|z_i) + log p(z_i) - log q(z_i|x) of k draws for each of N pictures: a tensor (k, N).

    With z = mu + sigma eps we have (z - mu) / sigma = eps, so in each dimension, the two -1/2 log 2 pi cancelling,

        log p(z) - log q(z|x) = -z^2 / 2 + eps^2 / 2 + log sigma.

    At k = 1 this is the ELBO with its KL term estimated by the same draw, where `vae.elbo` has it exactly. The paper writes it so for every k: a KL by
    itself no longer appears in L_k.

    Parameters
    ----------
    x : (N, channels, height, width), black and white, 0 or 1.
    eps : (k, N, latent_dim) from N(0, 1), `rng.normal((k, len(x), model.latent_dim))`.
    """
    if eps.ndim != 3 or eps.shape[1] != len(x) or not len(eps):
        raise ValueError(f"log_weights: eps {eps.shape} must be (k, N, latent_dim), k >= 1, for the {len(x)} pictures of x; for one draw each, eps[None]")
    k, n, latent_dim = eps.shape
    mu, log_var = model.encode(x)
    z = reparametrize(mu, log_var, eps)  # (k, N, latent_dim)
    logits = model.decode(z.reshape((k * n, latent_dim)))  # the decoder sees k N codes
    again = broadcast_to(x, shape=(k, *x.shape)).reshape((k * n, *x.shape[1:]))
    log_prior_to_posterior = 0.5 * (eps * eps + log_var - z * z).sum(axis=-1)  # (k, N)
    return log_prior_to_posterior - bernoulli_nll(logits, again).reshape((k, n))


def resample(model: VAE, x, eps, *, rng: RNG):
    """L_k of each picture, (N,), and one of its k draws, (1, N, latent_dim), chosen with the probability that is its share of the weights.

    With the shares m_i = w_i / sum_j w_j the gradient of L_k is sum_i m_i grad log w_i (`losses.iwae_bound`), a mean over i ~ m. So one draw
    chosen by m estimates it without bias,

        E_{i ~ m}[grad log w_i] = grad L_k,

    and k draws pass through the decoder forwards only, one backwards (Burda et al., end of section 3). The noise of the choice is the price.

    The choice: argmax_i (log w_i + G_i), G_i = -log(-log u_i) standard Gumbel numbers, has i with probability m_i (Gumbel, 1954), and needs no sum.
    """
    with no_grad():
        log_w = log_weights(model, x, eps).data
    xp = array_module(log_w)
    u = rng.uniform(log_w.shape, log_w.dtype)
    chosen = xp.argmax(log_w - xp.log(-xp.log(u + np.finfo(log_w.dtype).tiny)), axis=0)
    return iwae_bound(log_w), eps[chosen, xp.arange(eps.shape[1])][None]


class Estimate(NamedTuple):
    """A mean over pictures, its standard error (what another test set of that size would change), and each picture's own value."""

    mean: float
    standard_error: float
    each: np.ndarray


def log_likelihood(model: VAE, x, samples: int = 5000, *, rng: RNG, rows: int = 5_000) -> Estimate:
    """log p(x) of each picture, estimated by the bound L_k at k = `samples`, in nats. It errs downwards: the truth is, on average, a little higher.

    Parameters
    ----------
    x : (N, channels, height, width), black and white, 0 or 1.
    generator : draws the samples, for as many pictures at once as `rows` allows: which numbers a picture gets depends on `rows` and on its neighbours.
    rows : how many codes are decoded at once: memory, and not the result's distribution.
    """
    if samples < 1 or rows < 1 or not len(x):
        raise ValueError(f"log_likelihood: needs at least one picture, one sample and one row; got {len(x)}, {samples} and {rows}")
    x, each = to_device(x, rng.device), []
    at_once = max(1, rows // samples)  # pictures
    with no_grad():
        for i in range(0, len(x), at_once):
            batch, log_w = x[i : i + at_once], []
            for k in _parts(samples, max(1, rows // len(batch))):
                eps = rng.normal((k, len(batch), model.latent_dim), batch.dtype)
                log_w.append(to_numpy(log_weights(model, batch, eps).data).astype(np.float64))
            each.append(iwae_bound(np.concatenate(log_w)))
    each = np.concatenate(each)
    return Estimate(float(each.mean()), float(each.std(ddof=min(1, len(each) - 1)) / len(each) ** 0.5), each)


def _parts(total: int, most: int) -> list[int]:
    """total as a sum of numbers of at most `most`."""
    return [min(most, total - done) for done in range(0, total, most)]
