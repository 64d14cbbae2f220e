"""exp(log_var) taken as the standard deviation.

An encoder returns log_var = log sigma^2. So exp(log_var) is the variance, and the standard
deviation is its square root, exp(log_var / 2). The KL term still reads log_var as the logarithm of
a variance, so the two terms of the loss describe two different distributions.

**Why nothing fails.** The network can learn any log_var, so the noise finds its scale. But a code
with the standard deviation s now pays as if it were sqrt(s): the KL of a narrow code contains
-log s, and the bug counts half of it. The loss falls *below* that of the right code, and the ELBO
is no bound any more.

**The smallest case**, which can be solved by hand: p(z) = N(0, 1), p(x|z) = N(z, 1) and x = 2. Then
p(x) = N(0, 2) and the posterior is p(z|x) = N(1, 1/2). The ELBO with q(z) = N(mu, s^2) is

    right    -1/2 log 2 pi - 1/2 ((x - mu)^2 + s^2) - 1/2 (s^2 + mu^2 - 1 - log s^2)
    bug      -1/2 log 2 pi - 1/2 ((x - mu)^2 + s^2) - 1/2 (s + mu^2 - 1 - log s)

Both are largest at mu = 1. In s, set the derivative to zero:

    right    -s - s + 1/s = 0             s = sqrt(1/2) = 0.71, the posterior's
    bug      -s - 1/2 + 1/(2 s) = 0       s = 1/2

The right maximum is log p(x) = -2.266. The bug's is -2.141: more than the quantity that it bounds.
"""

import math

import numpy as np
from _noise import normal_quantiles
from bugs.comparison import Comparison

from tinygen import ops, optim, tensor
from tinygen.losses import kl_to_standard_normal
from tinygen.plot import Curves

TITLE = "exp(log_var) as the standard deviation"
SYMPTOM = "The loss is better than it should be. The bound exceeds log p(x), which it cannot."
CHECK = "Draw many z for one mu and log_var. Their standard deviation is exp(log_var / 2)."
SOURCE = "Issue 3 of rachtsingh/ibp_vae, 2019; issue 3283 of keras-team/keras, 2016"
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


def maximize_bound(variant, num_steps: int = 150):
    """Maximize the ELBO of x = 2 over mu and log_var; return its values, and the last z."""
    mu, log_var = (tensor(np.zeros((1, 1)), requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([mu, log_var], lr=0.1)
    bounds = []
    for _ in range(num_steps):
        z = variant(mu, log_var, EPS[:, None])  # (1000, 1)
        log_likelihood = -0.5 * math.log(2 * math.pi) - 0.5 * (X - z) ** 2
        bound = log_likelihood.mean() - kl_to_standard_normal(mu, log_var).mean()
        optimizer.zero_grad()
        (-bound).backward()
        optimizer.step()
        bounds.append(bound.item())
    return np.array(bounds), z.numpy()


def compare(seed: int) -> Comparison:
    """Maximize both bounds. Nothing is drawn: the noise is 1,000 quantiles of N(0, 1)."""
    bounds, codes = zip(*map(maximize_bound, (right, wrong)), strict=True)
    steps = np.arange(len(bounds[0]))
    curves = {
        "right": (steps, bounds[0]),
        "bug": (steps, bounds[1]),
        "log p(x)": (steps, np.full(len(steps), LOG_P)),
    }
    title = "The ELBO of one x, and log p(x)"
    style = {"ylabel": "nats", "smooth": False, "ylim": (-2.9, -2.05)}
    measured = {
        "ELBO after training, nats (log p(x) is -2.266)": (bounds[0][-1], bounds[1][-1]),
        "standard deviation of z (the posterior's is 0.707)": (codes[0].std(), codes[1].std()),
    }
    return Comparison(
        [Curves(curves, title=title, height=340, **style)],
        Curves(curves, height=220, direct=True, **style),
        measured,
    )
