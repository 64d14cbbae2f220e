"""The KL divergence, a sum, against a mean over pixels.

The ELBO is the mean of log p(x|z) minus a KL divergence. Both are sums: log p(x|z) over the D
pixels of an image, because they are independent given z, and the KL over the dimensions of z. Most
libraries average a loss over everything by default. A mean over pixels is D times smaller than the
sum, so the KL counts D = 784 times too much.

**Why nothing fails.** The loss with a weight, reconstruction + weight KL, makes sense for every
weight. With 784, one nat of KL must save 784 nats of -log p(x|z). But the mean image, without any
code, needs only 200 nats. So the best code says nothing: q(z|x) = N(0, I) for every x. Then the KL
is 0, and the decoder, which knows nothing of x, returns the mean image. This is posterior collapse.
The loss looks excellent, because a mean over pixels is a small number.

The lecture's MSE can be read either way, and then its lambda differs by a factor of D. See
`squared_error_and_kl` in tinygen/models/vae.py.
"""

import math

import numpy as np
from bugs.comparison import Comparison
from bugs.digits import load_digits, one_of_each_class

from tinygen import default_rng, no_grad, ops, optim
from tinygen.losses import bernoulli_nll, kl_to_standard_normal, reparametrize
from tinygen.models.vae import VAE
from tinygen.plot import Rows

TITLE = "KL sum, pixel mean"
SYMPTOM = "Every reconstruction is the mean digit, and the KL is zero."
CHECK = "A decoder that always says 1/2 has a loss of 784 log 2 = 543.4 nats, without the KL."
SOURCE = (
    "Pull request 19 of zdebruine/MMVAE, 2024; issue 12 of AppliedDataSciencePartners/WorldModels, "
    "2018 (the KL is 0.0000004)"
)
NUM_STEPS, LATENT_DIM = 400, 8


def right(logits, x, kl):
    """Return the negative ELBO, a mean over examples alone."""
    nll = bernoulli_nll(logits, x)  # -log p(x|z), summed over the pixels
    return (nll + kl).mean()


def wrong(logits, x, kl):
    """Return a loss whose first term is a mean over pixels, too."""
    nll = bernoulli_nll(logits, x) / 784
    return (nll + kl).mean()


def check(variant) -> None:
    """The loss of a known decoder must be a known number of nats."""
    images = np.zeros((2, 1, 28, 28))
    loss = float(variant(np.zeros_like(images), images, np.zeros(2)))
    expected = 784 * math.log(2)
    assert abs(loss - expected) < 0.1, f"{loss:.2f} nats instead of 784 log 2 = {expected:.1f}"


def train(variant, seed: int):
    """Train a VAE; return it and the KL of the test digits, in nats per digit."""
    rng, (images, test_images) = default_rng(seed), load_digits(seed)
    model = VAE(LATENT_DIM, 64, mean=images.mean(axis=0), rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(NUM_STEPS):
        x = images[rng.integers(0, len(images), (64,))]
        mu, log_var = model.encode(x)
        z = reparametrize(mu, log_var, rng.normal((64, LATENT_DIM)))
        loss = variant(model.decode(z), x, kl_to_standard_normal(mu, log_var))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        kl = kl_to_standard_normal(*model.encode(test_images)).mean().item()
    return model, kl, loss.item()


def compare(seed: int) -> Comparison:
    """Train both; draw reconstructions."""
    digits = one_of_each_class(seed)
    rows, divergences, losses = {"digit": digits}, [], []
    for name, variant in {"right": right, "bug": wrong}.items():
        model, kl, loss = train(variant, seed)
        with no_grad():
            rows[name] = ops.sigmoid(model.decode(model.encode(digits)[0])).numpy()
        divergences.append(kl)
        losses.append(loss)
    measured = {
        "KL of test digits, nats per digit": tuple(divergences),
        "loss at the last step": tuple(losses),
    }
    few = {name: images[::2] for name, images in rows.items()}
    return Comparison([Rows(rows)], Rows(few), measured)
