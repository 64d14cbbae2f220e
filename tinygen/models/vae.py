"""The variational autoencoder: Kingma and Welling, Auto-Encoding Variational Bayes, 2013 (equations and appendices are that paper's).

**The story told by the model.** A picture x is made in two steps: draw a code z from the prior p(z) = N(0, I), then draw x from p_theta(x|z), whose
parameters a network computes from z, the *decoder*. To learn theta one would raise

    log p_theta(x) = log E_{z ~ p(z)}[p_theta(x|z)],

but hardly any z drawn from the prior explains a given x: an estimate of that mean by samples is hopeless. So let a second network, the *encoder*, say where
to look: q_phi(z|x) = N(mu, diag sigma^2), mu and sigma computed from x.

**The bound.** For any q, by Bayes' rule p(x) = p(x|z) p(z) / p(z|x) at every z, so, taking the mean over q of its logarithm,

    log p(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)) + KL(q(z|x) || p(z|x)).
               `------------------- ELBO -------------------'   `---- the gap, >= 0 ----'

The gap cannot be computed, but it is not negative: the rest, the *evidence lower bound* (eq. 3), can, and is what we raise. Raising it in theta makes the
data likelier; raising it in phi closes the gap, that is, fits q to the true posterior.

**Its two terms** pull apart. E_q[log p(x|z)] wants codes that tell the pictures apart: far from each other, sharp. The KL wants each code's cloud to look
like the prior: all at the origin, wide. The compromise is a latent space without holes, clouds that touch: and that is why a z drawn from the prior
decodes to something, which the plain autoencoder's does not.
"""

from __future__ import annotations

from ..backend import Generator
from ..losses import bernoulli_nll, kl_normal, reparametrize
from ..nn import Flatten, Linear, Module, ReLU, Sequential, Unflatten

__all__ = ["VAE", "elbo"]


class VAE(Module):
    """Gaussian encoder and Bernoulli decoder, one hidden layer each (appendix C).

    Parameters
    ----------
    latent : dimensions of z.
    hidden : units of the hidden layers. The paper has 500, tanh; here relu, which trains faster.
    shape : (channels, height, width) of a picture.
    generator : draws the initial weights; the model lies on its device.
    """

    def __init__(self, latent: int = 20, hidden: int = 400, shape: tuple[int, int, int] = (1, 28, 28), *, generator: Generator):
        pixels = shape[0] * shape[1] * shape[2]
        self.latent = latent
        self.encoder = Sequential(Flatten(), Linear(pixels, hidden, generator=generator), ReLU())
        self.to_mu = Linear(hidden, latent, generator=generator)
        self.to_log_var = Linear(hidden, latent, generator=generator)
        self.decoder = Sequential(
            Linear(latent, hidden, generator=generator), ReLU(), Linear(hidden, pixels, generator=generator), Unflatten(1, shape)
        )  # fmt: skip

    def encode(self, x):
        """q_phi(z|x): x (N, *shape) to mu and log_var = log sigma^2, both (N, latent)."""
        h = self.encoder(x)
        return self.to_mu(h), self.to_log_var(h)

    def decode(self, z):
        """p_theta(x|z): z (N, latent) to the logits of the pixels' probabilities, (N, *shape). `sigmoid` of them is the picture to look at."""
        return self.decoder(z)


def elbo(model: VAE, x, eps):
    """One-sample estimate of the bound for each picture, and its KL part: two tensors (N,), in nats. Raise the mean of the first.

        L(theta, phi; x) = E_q[log p_theta(x|z)] - KL(q_phi(z|x) || p(z))                               (eq. 3)
                         ~ log p_theta(x|z) + 1/2 sum_j (1 + log sigma_j^2 - mu_j^2 - sigma_j^2),       (eq. 10, L = 1)
        z = mu + sigma eps,  eps ~ N(0, I).

    The KL is exact; only the first term is estimated, from one z a picture: with a batch of a hundred pictures one is enough (section 2.3).

    Parameters
    ----------
    x : (N, channels, height, width), black and white, 0 or 1. Grey levels g are drawn: 1 with probability g, afresh each time (see `bernoulli_nll`).
    eps : (N, latent) from N(0, 1), `generator.normal((len(x), model.latent))`. Drawn by the caller, so that this is a function.
    """
    mu, log_var = model.encode(x)
    z = reparametrize(mu, log_var, eps)
    kl = kl_normal(mu, log_var)
    return -bernoulli_nll(model.decode(z), x) - kl, kl
