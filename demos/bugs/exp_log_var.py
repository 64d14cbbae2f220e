"""exp(log_var) taken as the standard deviation.

An encoder returns log_var = log sigma^2. So exp(log_var) is the variance, and the standard
deviation is its square root, exp(log_var / 2). The KL term still reads log_var as the logarithm of
a variance, so the two terms of the loss describe two different distributions.

**Why nothing fails.** The network can learn any log_var, so the noise finds its scale. But the KL
of noise with the standard deviation s is now computed as if s were its variance:

    right    1/2 (s^2 + mu^2 - 1 - 2 log s)
    bug      1/2 (s + mu^2 - 1 - log s)

The right one is larger by (s^2 - s - log s) / 2. This difference has the derivative
(2 s + 1) (s - 1) / (2 s), so it is smallest at s = 1, where it is 0. For every other s the bug's
loss is *smaller* than the right one of the same mu and s, and its ELBO is no bound any more.

**The smallest case**, which can be solved by hand: p(z) = N(0, 1), p(x|z) = N(z, 1) and x = 2. Then
p(x) = N(0, 2) and the posterior is p(z|x) = N(1, 1/2). The ELBO with q(z) = N(mu, s^2) is

    right    -1/2 log 2 pi - 1/2 ((x - mu)^2 + s^2) - 1/2 (s^2 + mu^2 - 1 - log s^2)
    bug      -1/2 log 2 pi - 1/2 ((x - mu)^2 + s^2) - 1/2 (s + mu^2 - 1 - log s)

Both are largest at mu = 1. In s, set the derivative to zero:

    right    -s - s + 1/s = 0             s = sqrt(1/2) = 0.71, the posterior's
    bug      -s - 1/2 + 1/(2 s) = 0       s = 1/2

The right maximum is log p(x) = -2.266. The bug's is -2.141: more than the quantity that it bounds.

**In a VAE of digits** the loss is lower by seven nats, and the samples look the same. The noise
that is really drawn has the log-variance 2 log_var. With the KL of that, the loss of the bug is not
lower but a little higher.
"""

import math

import numpy as np
from _noise import normal_quantiles
from bugs.comparison import Comparison
from bugs.digits import load_digits

from tinygen import default_rng, no_grad, ops, optim, tensor
from tinygen.losses import bernoulli_nll, kl_to_standard_normal
from tinygen.models.vae import VAE
from tinygen.plot import Curves, Rows

TITLE = "exp(log_var) as sigma"
SYMPTOM = "The bound exceeds log p(x). Samples look normal."
CHECK = "Draw many z for one mu and log_var. Their standard deviation is exp(log_var / 2)."
SOURCE = "Issue 3 of rachtsingh/ibp_vae, 2019; issue 3283 of keras-team/keras, 2016"
NUM_STEPS, LATENT_DIM = 500, 8
X, EPS = 2.0, normal_quantiles((np.arange(1000) + 0.5) / 1000)
LOG_P = -0.5 * math.log(2 * math.pi * 2) - X**2 / 4  # log N(x; 0, 2)


def right(mu, log_var, eps):
    """Draw z from N(mu, sigma^2)."""
    return mu + ops.exp(log_var / 2) * eps


def wrong(mu, log_var, eps):
    """Draw z from N(mu, sigma^4)."""
    return mu + ops.exp(log_var) * eps


def check(variant) -> None:
    """The standard deviation of many draws must be that of the KL term."""
    log_var = np.full((1000, 1), math.log(0.25))
    z = variant(np.zeros((1000, 1)), log_var, EPS[:, None])
    assert abs(z.std() - 0.5) < 0.01, f"standard deviation {z.std():.3f} instead of 0.5"


def train_vae(variant, seed: int):
    """Train a VAE; return samples, and two losses of test digits, in nats per digit.

    The first is the loss as trained. The second has the KL of the distribution that is drawn from.
    """
    rng, (images, test_images) = default_rng(seed), load_digits(seed)
    model = VAE(LATENT_DIM, 64, mean=images.mean(axis=0), rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)

    def terms(x):
        mu, log_var = model.encode(x)
        z = variant(mu, log_var, rng.normal((len(x), LATENT_DIM)))
        return bernoulli_nll(model.decode(z), x), mu, log_var

    for _ in range(NUM_STEPS):
        nll, mu, log_var = terms(images[rng.integers(0, len(images), (64,))])
        loss = (nll + kl_to_standard_normal(mu, log_var)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        nll, mu, log_var = terms(test_images)
        drawn = log_var if variant is right else 2 * log_var
        losses = [(nll + kl_to_standard_normal(mu, v)).mean().item() for v in (log_var, drawn)]
        samples = ops.sigmoid(model.decode(default_rng(seed).normal((10, LATENT_DIM))))
    return samples.numpy(), losses


def maximize_bound(variant):
    """Maximize the ELBO of x = 2 over mu and log_var; return its values, and the last z."""
    mu, log_var = (tensor(np.zeros((1, 1)), requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([mu, log_var], lr=0.1)
    bounds = []
    for _ in range(150):
        z = variant(mu, log_var, EPS[:, None])  # (1000, 1)
        log_likelihood = -0.5 * math.log(2 * math.pi) - 0.5 * (X - z) ** 2
        bound = log_likelihood.mean() - kl_to_standard_normal(mu, log_var).mean()
        optimizer.zero_grad()
        (-bound).backward()
        optimizer.step()
        bounds.append(bound.item())
    return np.array(bounds), z.numpy()


def compare(seed: int) -> Comparison:
    """Maximize both bounds of one x, and train two VAEs.

    The noise of the one x is not random: it is 1,000 quantiles of N(0, 1).
    """
    bounds, codes = zip(*map(maximize_bound, (right, wrong)), strict=True)
    steps = np.arange(len(bounds[0]))
    curves = {
        "right": (steps, bounds[0]),
        "bug": (steps, bounds[1]),
        "log p(x)": (steps, np.full(len(steps), LOG_P)),
    }
    title = "The ELBO of one x, and log p(x)"
    style = {"ylabel": "ELBO in nats", "smooth": False, "ylim": (-2.9, -2.05)}
    measured = {
        "ELBO of the one x, nats (log p(x): -2.266)": (bounds[0][-1], bounds[1][-1]),
        "standard deviation of z (posterior: 0.707)": (codes[0].std(), codes[1].std()),
    }
    vaes = {"right": train_vae(right, seed), "bug": train_vae(wrong, seed)}
    losses = zip(*[of_vae for _, of_vae in vaes.values()], strict=True)
    kinds = ("loss of a VAE on test digits, nats", "the same, with the KL of what is drawn")
    measured |= dict(zip(kinds, losses, strict=True))
    rows = {name: samples for name, (samples, _) in vaes.items()}
    panels = [
        Curves(curves, title=title, height=300, **style),
        Rows(rows, title="Samples of a VAE"),
    ]
    return Comparison(panels, Curves(curves, height=190, direct=True, **style), measured)
