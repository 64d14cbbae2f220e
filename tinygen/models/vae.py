"""The variational autoencoder: Kingma and Welling, Auto-Encoding Variational Bayes, 2013.

Equation and section numbers are that paper's.

**The generative model.** An image x is generated in two steps. Draw a code z from the prior
p(z) = N(0, I). Then draw x from p_theta(x|z), whose parameters a network computes from z. This
network is the *decoder*. Training should maximize

    log p_theta(x) = log E_{z ~ p(z)}[p_theta(x|z)]

But hardly any z drawn from the prior explains a given x, so samples cannot estimate this mean. A
second network, the *encoder*, therefore proposes codes for each x:

    q_phi(z|x) = N(mu, diag sigma^2),   with mu and sigma computed from x

**The bound.** Start from Bayes' rule, p(x) = p(x|z) p(z) / p(z|x), which holds for every z:

    log p(x) = log p(x|z) + log p(z) - log p(z|x)                    logarithm of Bayes' rule
             = log p(x|z) - log(q(z|x) / p(z)) + log(q(z|x) / p(z|x))

The second line subtracts and adds log q(z|x). Take the mean over z ~ q(z|x). The left side does not
depend on z, and the means of the two ratios are KL divergences by definition:

    log p(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)) + KL(q(z|x) || p(z|x))
               `--------------- ELBO -------------'   `------ gap -------'

The gap cannot be computed, but no KL is negative. So the rest is a lower bound of log p(x), the
*evidence lower bound* or ELBO (eq. 3). It can be computed, and it is what training maximizes. In
theta, this makes the data more likely. In phi, it closes the gap, so q approaches the true
posterior p(z|x).

**The two terms pull in opposite directions.** E_q[log p(x|z)] is large if the codes tell the images
apart: the distributions q(z|x) of different images should be narrow and far from each other. The KL
is small if each q(z|x) looks like the prior: all at the origin, and wide. The compromise is a
latent space without holes, in which neighbouring distributions touch. That is why a z drawn from
the prior decodes to an image. In a plain autoencoder it does not.

**The best prior.** The compromise is not perfect: between the classes there remain places where
N(0, I) has probability and hardly any image has its code. There the decoder has learned little. So
ask, after training, which prior has the largest ELBO with this encoder and this decoder. Take the
mean over the images x of the data. Only the KL depends on p(z):

    -E_x[KL(q(z|x) || p(z))]
        = E_x E_{z ~ q(z|x)}[log p(z) - log q(z|x)]              definition of the KL
        = E_{z ~ q(z)}[log p(z)] + constant                      q(z) = E_x[q(z|x)], draw x, then z
        = -KL(q(z) || p(z)) + another constant                   subtract and add E[log q(z)]

It is largest for p(z) = q(z), the distribution of the codes of all images, called the *aggregate
posterior* (Hoffman and Johnson, ELBO surgery, 2016). Its density is a sum over all images. But the
second line is a mean log-likelihood of codes. So fitting any density p(z) to codes by maximum
likelihood raises the ELBO of the training images, and samples then come from where codes are. A
mixture of Gaussians will do (Ghosh et al., From Variational to Deterministic Autoencoders, 2020):
`models/mixture.py` fits it, and `elbo_of_prior` is the new bound.

**Where to read on.** `elbo`, below, is the objective. Its three parts are derived in
`losses/reparametrize.py` (the gradient through the random z), `losses/divergence.py` (the KL) and
`losses/likelihood.py` (log p(x|z)). The training loop is in `demos/vae.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from ..autograd.tensor import no_grad
from ..backend import RNG, to_device, to_numpy
from ..losses import bernoulli_nll, kl_to_standard_normal, reparametrize, squared_error
from ..nn import Flatten, Linear, Module, Sequential, SiLU, Unflatten, init
from ..ops import sigmoid

__all__ = ["VAE", "elbo", "elbo_of_prior", "mean_image", "squared_error_and_kl"]


class VAE(Module):
    """Gaussian encoder and Bernoulli decoder, both multilayer perceptrons (appendix C).

    The paper has one hidden layer of 500 units with tanh. Here the activation is silu.

    **Three details are worth 13 nats.** On MNIST with two hidden layers of 200 units, 50 latent
    dimensions and 3,000 steps of Adam at 2e-3, log p(x) of held-out digits was

        -111.4    with none of the three
        -102.4    with the first two
         -98.6    with all three

    1. The weights are initialized so that the signal passes (`nn.init.kaiming_normal_`). The two
       layers that compute mu and log_var are left out: no silu follows them, and with the smaller
       default weights mu and log_var start near 0. So each q(z|x) starts near the prior N(0, I),
       at a KL of 0.2 nats on digits. Initialized like the other layers, it would be 1.3 nats.
    2. The mean image is subtracted from the encoder's input. Otherwise all inputs are positive, and
       the gradients of one unit's weights all have the same sign.
    3. The activation is silu instead of relu. A relu unit whose input is negative for all images is
       dead: its output and its gradient are 0, so it never changes again. The gradient of silu is
       0 at one point only.

    Parameters
    ----------
    latent_dim : int
        The number of dimensions of z.
    hidden : int or sequence of int
        The number of units of the hidden layer. Several numbers are several layers, from the image
        to z; the decoder has them in the opposite order.
    shape : tuple (channels, height, width)
        The shape of an image.
    mean : array of that shape, optional
        The mean of the training images, between 0 and 1; by default 0. It is saved with the model.
    rng : RNG
        Draws the initial weights. The model lies on its device.
    """

    def __init__(
        self,
        latent_dim: int = 20,
        hidden: int | Sequence[int] = 400,
        shape: tuple[int, int, int] = (1, 28, 28),
        *,
        mean=None,
        rng: RNG,
    ):
        sizes = list(hidden) if isinstance(hidden, Sequence) else [hidden]
        if not sizes:
            raise ValueError("VAE: hidden is empty; give the units of one hidden layer or more")
        num_pixels = math.prod(shape)
        self.latent_dim = latent_dim
        self.encoder = Sequential(Flatten(), *_hidden_layers([num_pixels, *sizes], rng))
        self.to_mu = Linear(sizes[-1], latent_dim, rng=rng)
        self.to_log_var = Linear(sizes[-1], latent_dim, rng=rng)
        self.decoder = Sequential(
            *_hidden_layers([latent_dim, *reversed(sizes)], rng),
            Linear(sizes[0], num_pixels, rng=rng),
            Unflatten(1, shape),
        )
        self.register_buffer("mean", mean_image(mean, shape, rng.device))
        init.kaiming_normal_(self.encoder, rng)
        init.kaiming_normal_(self.decoder, rng)

    def encode(self, x):
        """Return mu and log_var = log sigma^2 of q_phi(z|x).

        **Shapes** x (N, C, H, W), from 0 to 1; mu and log_var (N, latent_dim).

        Raises
        ------
        ValueError
            If the images have another shape than the model's.
        """
        if x.shape[1:] != self.mean.shape:  # subtracting the mean would broadcast
            expected = ", ".join(map(str, self.mean.shape))
            raise ValueError(f"{type(self).__name__}: images are (N, {expected}), not {x.shape}")
        h = self.encoder(x - self.mean)  # (N, hidden)
        return self.to_mu(h), self.to_log_var(h)  # (N, latent_dim) each

    def decode(self, z):
        """Return the logits of the pixels of p_theta(x|z). Their sigmoid is an image.

        **Shapes** z (N, latent_dim); logits (N, C, H, W).
        """
        return self.decoder(z)


def elbo(model: VAE, x, eps):
    """Return an estimate of the ELBO of each image, and its KL term, both in nats.

    Training maximizes the mean of the first: `loss = -elbo(model, x, eps)[0].mean()`.

        ELBO     = E_q[log p_theta(x|z)] - KL(q_phi(z|x) || p(z))                    (eq. 3)
        estimate = log p_theta(x|z) - KL(q_phi(z|x) || p(z))                         (eq. 10)
        z        = mu + sigma eps,   eps drawn from N(0, I)                          (section 2.4)
        KL       = 1/2 sum_j (sigma_j^2 + mu_j^2 - log sigma_j^2 - 1)                (appendix B)

    The KL is exact. Only the first term is estimated, from one z per image (the paper's L = 1,
    where L is the number of samples of z). In a batch of a hundred images one is enough (section
    2.3).

    Parameters
    ----------
    model : VAE
    x : array or Tensor (N, C, H, W)
        Black-and-white images, 0 or 1. Make them from grey levels with `data.binarize`, afresh for
        each batch.
    eps : array (N, latent_dim)
        From N(0, 1): `rng.normal((len(x), model.latent_dim))`. The caller draws it, so this is a
        function without hidden randomness.

    Returns
    -------
    bound, kl : Tensors (N,)
    """
    mu, log_var = model.encode(x)  # (N, latent_dim) each
    z = reparametrize(mu, log_var, eps)  # (N, latent_dim)
    log_likelihood = -bernoulli_nll(model.decode(z), x)  # (N,): log p(x|z)
    kl = kl_to_standard_normal(mu, log_var)  # (N,)
    return log_likelihood - kl, kl


def elbo_of_prior(model: VAE, log_prior: Callable, x, eps):
    """Return an estimate of the ELBO of each image with another prior than N(0, I), in nats.

    It is for evaluation, without gradients: the prior was fitted to codes after training (see
    "The best prior" at the head of this file).

        estimate = log p_theta(x|z) + log p(z) - log q_phi(z|x),   z = mu + sigma eps

    As (z - mu) / sigma = eps, log q(z|x) = -1/2 sum_j (log 2 pi + log sigma_j^2 + eps_j^2). The KL
    to such a prior has no closed form, so it is estimated from the same z. With N(0, I) as the
    prior, the mean over eps is that of `elbo`.

    Parameters
    ----------
    model, x, eps
        As in `elbo`.
    log_prior : callable
        Maps an array of codes (N, latent_dim) to log p(z), an array (N,), such as
        `GaussianMixture.log_prob`.

    Returns
    -------
    array (N,)
    """
    with no_grad():
        mu, log_var = model.encode(x)  # (N, latent_dim) each
        z = reparametrize(mu, log_var, eps)  # (N, latent_dim)
        log_likelihood = -bernoulli_nll(model.decode(z), x)  # (N,): log p(x|z)
        log_q = -0.5 * (math.log(2 * math.pi) + log_var + eps * eps).sum(axis=1)  # (N,)
    return log_likelihood.data + log_prior(z.data) - log_q.data


def squared_error_and_kl(model: VAE, x, eps):
    """Return the two terms of the lecture's objective, |x - x_hat|^2 + lambda KL, per image.

    x_hat = sigmoid(decode(z)) is the reconstruction.

    **It is a negative ELBO**, of a decoder p(x|z) = N(x_hat, s^2 I). With D pixels,

        -log p(x|z)    = |x - x_hat|^2 / (2 s^2) + D/2 log(2 pi s^2)         `losses.squared_error`
        -ELBO          = |x - x_hat|^2 / (2 s^2) + D/2 log(2 pi s^2) + KL    add the KL
        2 s^2 (-ELBO)  = |x - x_hat|^2 + 2 s^2 KL + constant                 multiply by 2 s^2

    So **lambda = 2 s^2**, exactly. lambda = 1 says that pixels deviate from x_hat by s = 0.71,
    although the whole range from black to white is 1. A decoder that is right to s = 0.1 needs
    lambda = 0.02.

    There is no natural lambda = 1 here. It belongs to a true log-likelihood plus the KL, which is
    `elbo`. If the slides' MSE is a *mean* over pixels, their lambda is D times smaller.

    Parameters
    ----------
    model, eps
        As in `elbo`.
    x : array or Tensor (N, C, H, W)
        Images with grey levels from 0 to 1.

    Returns
    -------
    squared_error, kl : Tensors (N,)
    """
    mu, log_var = model.encode(x)  # (N, latent_dim) each
    z = reparametrize(mu, log_var, eps)  # (N, latent_dim)
    x_hat = sigmoid(model.decode(z))  # (N, C, H, W)
    return squared_error(x, x_hat), kl_to_standard_normal(mu, log_var)


def mean_image(mean, shape: tuple[int, int, int], device: str):
    """Check the mean of the training images and return a float32 copy of it on `device`.

    Parameters
    ----------
    mean : array (C, H, W) or None
        From 0 to 1; None is 0 everywhere.
    shape : tuple (C, H, W)
        The shape of an image.
    device : str

    Raises
    ------
    ValueError
        If the mean has another shape, or values outside [0, 1].
    """
    shape = tuple(shape)
    if mean is None:
        mean = np.zeros(shape)
    mean = np.array(to_numpy(mean), np.float32)  # a copy, since load_state_dict writes into it
    if mean.shape != shape:
        raise ValueError(f"VAE: mean is the mean of the training images, {shape}, not {mean.shape}")
    if not ((mean >= 0) & (mean <= 1)).all():  # refuses NaN too
        raise ValueError(
            "VAE: mean must lie between 0 and 1, as the images do; divide the mean of bytes by 255"
        )
    return to_device(mean, device)


def _hidden_layers(sizes: Sequence[int], rng: RNG) -> list[Module]:
    """Return a linear layer with silu from each size to the next."""
    layers = []
    for num_inputs, num_outputs in pairwise(sizes):
        layers += [Linear(num_inputs, num_outputs, rng=rng), SiLU()]
    return layers
