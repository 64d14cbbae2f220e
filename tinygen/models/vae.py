"""The variational autoencoder: Kingma and Welling, Auto-Encoding Variational Bayes, 2013 (equations and appendices are that paper's).

**The story told by the model.** A picture x is made in two steps: draw a code z from the prior p(z) = N(0, I), then draw x from p_theta(x|z), whose
parameters a network computes from z, the *decoder*. To learn theta one would raise

    log p_theta(x) = log E_{z ~ p(z)}[p_theta(x|z)],

but hardly any z drawn from the prior explains a given x: an estimate of that mean by samples is hopeless. So let a second network, the *encoder*, say where
to look: q_phi(z|x) = N(mu, diag sigma^2), mu and sigma computed from x.

**The bound.** By Bayes' rule p(x) = p(x|z) p(z) / p(z|x) at every z. Take any q, multiply and divide by q(z|x), and take the mean over q of the
logarithm (on the left nothing depends on z):

    log p(x) = E_q[log p(x|z)] + E_q[log p(z) / q(z|x)] + E_q[log q(z|x) / p(z|x)]
             = E_q[log p(x|z)] - KL(q(z|x) || p(z)) + KL(q(z|x) || p(z|x)).
               `------------------- ELBO -------------------'   `---- the gap, >= 0 ----'

The gap cannot be computed, but it is not negative: the rest, the *evidence lower bound* (eq. 3), can, and is what we raise. Raising it in theta makes the
data likelier; raising it in phi closes the gap, that is, fits q to the true posterior.

**Its two terms** pull apart. E_q[log p(x|z)] wants codes that tell the pictures apart: far from each other, sharp. The KL wants each code's cloud to look
like the prior: all at the origin, wide. The compromise is a latent space without holes, clouds that touch: and that is why a z drawn from the prior
decodes to something, which the plain autoencoder's does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..backend import RNG, to_device, to_numpy
from ..losses import bernoulli_nll, kl_to_standard_normal, reparametrize, squared_error
from ..nn import Flatten, Linear, Module, Sequential, SiLU, Unflatten, init
from ..ops import sigmoid

__all__ = ["VAE", "elbo", "squared_error_and_kl"]


class VAE(Module):
    """Gaussian encoder and Bernoulli decoder, multilayer perceptrons (appendix C).

    Parameters
    ----------
    latent_dim : dimensions of z.
    hidden : units of the hidden layer; several numbers are several layers, from the picture to z, and back in the opposite order. The paper has one
        of 500, tanh; here silu.
    shape : (channels, height, width) of a picture.
    mean : the mean training picture, an array of that shape, 0 to 1, which is taken off what the encoder sees; by default 0. It is part of the state.
    generator : draws the initial weights; the model lies on its device.

    **Three small things are worth 13 nats.** Layers start with weights that let the signal through (`nn.init.kaiming_normal_`; not those to mu and log_var: a
    posterior begins near the prior); the encoder's input has mean 0, so that its weights need not all move together; silu has no dead units. On MNIST with
    two hidden layers of 200, 50 dimensions and 3,000 steps of Adam at 2e-3, log p(x) of held-out digits was -111.4 without, -102.4 with the first
    two, -98.6 with all three.
    """

    def __init__(
        self, latent_dim: int = 20, hidden: int | Sequence[int] = 400, shape: tuple[int, int, int] = (1, 28, 28), *, mean=None, rng: RNG
    ):  # fmt: skip
        hidden = [*hidden] if isinstance(hidden, Sequence) else [hidden]
        if not hidden:
            raise ValueError("VAE: hidden is empty; give the units of one hidden layer or more")
        pixels = shape[0] * shape[1] * shape[2]
        self.latent_dim = latent_dim
        self.encoder = Sequential(Flatten(), *_layers([pixels, *hidden], rng))
        self.to_mu = Linear(hidden[-1], latent_dim, rng=rng)
        self.to_log_var = Linear(hidden[-1], latent_dim, rng=rng)
        self.decoder = Sequential(*_layers([latent_dim, *hidden[::-1]], rng), Linear(hidden[0], pixels, rng=rng), Unflatten(1, shape))
        self._prepare(mean, shape, rng)

    def _prepare(self, mean, shape: tuple[int, int, int], rng: RNG) -> None:
        """What every VAE here begins with, whatever its layers: the mean picture, and weights that let the signal through."""
        shape = tuple(shape)
        mean = np.zeros(shape, np.float32) if mean is None else np.array(to_numpy(mean), np.float32)  # a copy: load_state_dict writes into it
        if mean.shape != shape:
            raise ValueError(f"{type(self).__name__}: mean is the mean of the training pictures, {shape}, not {mean.shape}")
        if not ((mean >= 0) & (mean <= 1)).all():  # nor NaN
            raise ValueError(f"{type(self).__name__}: mean lies between 0 and 1, as the pictures do; that of bytes is to be divided by 255")
        self.register_buffer("mean", to_device(mean, rng.device))
        init.kaiming_normal_(self.encoder, rng)
        init.kaiming_normal_(self.decoder, rng)

    def encode(self, x):
        """q_phi(z|x): x (N, *shape) to mu and log_var = log sigma^2, both (N, latent_dim)."""
        if x.shape[1:] != self.mean.shape:  # or the mean would be stretched to fit
            raise ValueError(f"{type(self).__name__}: pictures are (N, {', '.join(map(str, self.mean.shape))}), not {x.shape}")
        h = self.encoder(x - self.mean)
        return self.to_mu(h), self.to_log_var(h)

    def decode(self, z):
        """p_theta(x|z): z (N, latent_dim) to the logits of the pixels' probabilities, (N, *shape). `sigmoid` of them is the picture to look at."""
        return self.decoder(z)


def _layers(sizes: Sequence[int], rng: RNG) -> list[Module]:
    """A linear layer from each size to the next, each with its silu."""
    return [layer for a, b in pairwise(sizes) for layer in (Linear(a, b, rng=rng), SiLU())]


def elbo(model: VAE, x, eps):
    """One-sample estimate of the bound for each picture, and its KL part: two tensors (N,), in nats. Maximise the mean of the first.

        L(theta, phi; x) = E_q[log p_theta(x|z)] - KL(q_phi(z|x) || p(z))                               (eq. 3)
                         ~ log p_theta(x|z) + 1/2 sum_j (1 + log sigma_j^2 - mu_j^2 - sigma_j^2),       (eq. 10, L = 1)
        z = mu + sigma eps,  eps ~ N(0, I).

    The KL is exact; only the first term is estimated, from one z a picture: with a batch of a hundred pictures one is enough (section 2.3).

    Parameters
    ----------
    x : (N, channels, height, width), black and white, 0 or 1. Grey levels g are drawn: 1 with probability g, afresh each time (see `bernoulli_nll`).
    eps : (N, latent_dim) from N(0, 1), `rng.normal((len(x), model.latent_dim))`. Drawn by the caller, so that this is a function.
    """
    mu, log_var = model.encode(x)
    z = reparametrize(mu, log_var, eps)
    kl = kl_to_standard_normal(mu, log_var)
    return -bernoulli_nll(model.decode(z), x) - kl, kl


def squared_error_and_kl(model: VAE, x, eps):
    """The two terms of the lecture's objective, |x - x_hat|^2 + lambda KL, for each picture: two tensors (N,). x_hat = sigmoid(decode(z)).

    **It is an ELBO**, that of a decoder p(x|z) = N(x_hat, s^2 I): with D pixels, by the derivation in `losses.squared_error`,

        -ELBO = |x - x_hat|^2 / (2 s^2) + KL + D/2 log(2 pi s^2),    so    2 s^2 (-ELBO) = |x - x_hat|^2 + 2 s^2 KL + constant:

    **lambda = 2 s^2**, exactly. lambda = 1 says that a pixel is right to within s = 0.71, a blur as good as black against white; a decoder right to
    s = 0.1 asks for lambda = 0.02. There is no lambda of 1 by right: that belongs to the sum of the true log-likelihood and the KL, `elbo`. Where the
    slides' MSE is a *mean* over pixels, their lambda is D times smaller.

    Parameters: as `elbo`, and x may be grey, 0 to 1.
    """
    mu, log_var = model.encode(x)
    x_hat = sigmoid(model.decode(reparametrize(mu, log_var, eps)))
    return squared_error(x, x_hat), kl_to_standard_normal(mu, log_var)
