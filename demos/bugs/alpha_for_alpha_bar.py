"""alpha in place of alpha_bar: a forward process that never reaches noise.

Step t of DDPM's forward process multiplies an image by sqrt(alpha_t) and adds noise of variance
1 - alpha_t. All steps up to t together multiply it by sqrt(alpha_bar_t), with the product
alpha_bar_t = alpha_1 ... alpha_t:

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps

With alpha_t instead, x_t has the noise of the last step alone. At the end, t = 1000, that is
1 - alpha_1000 = 0.02 of the variance, and the image is nearly as clear as before.

**Why nothing fails.** If x_0 has variance 1, so has x_t, as it should, and the network learns to
find this little noise. But sampling begins from pure noise, which the network has never seen. What
it predicts there is wrong, and to find x_0, the error is divided by a small number:

    x_0 = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t)      sqrt(alpha_bar_1000) = 0.006

So many samples end far from the data. The others are drawn to it near the end, where the noise is
as small as in training, and lie there in a few clumps.

**Where it comes from.** DDIM's alpha_t is DDPM's alpha_bar_t. Whoever mixes formulas of both papers
gets this bug. (The issue below asks about the two notations.)
"""

import numpy as np
from bugs.comparison import Comparison
from bugs.digits import one_of_each_class
from bugs.points import distance

from tinygen import data, default_rng, optim
from tinygen.losses import squared_error
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.objectives import denoiser
from tinygen.models.diffusion.samplers import ddim
from tinygen.models.diffusion.schedules import times_from_betas
from tinygen.plot import PlaneRows, Rows

TITLE = "alpha for alpha_bar"
SYMPTOM = "From t = 1 to t = 1000, the digit hardly gets noisier."
CHECK = "At the last step, an image of ones without noise becomes less than 0.05 (here 0.006)."
SOURCE = (
    "Two notations: Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models, 2020; Song, "
    "Meng and Ermon, Denoising Diffusion Implicit Models, 2021; issue 44 of ermongroup/ddim, 2025"
)
BETA = np.linspace(1e-4, 0.02, 1000)
ALPHA = 1 - BETA
ALPHA_BAR = np.cumprod(ALPHA)
NUM_STEPS, EXTENT = 1000, (-1.8, 2.8, -1.7, 2.2)


def per_example(a, x):
    """Reshape one number per example, (N,), so that it multiplies examples x (N, ...)."""
    return a.reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)


def right(x_0, eps, t):
    """Return x_t, with the noise of all steps up to t."""
    a = per_example(ALPHA_BAR[t], x_0)
    return np.sqrt(a) * x_0 + np.sqrt(1 - a) * eps


def wrong(x_0, eps, t):
    """Return x_0 with the noise of step t alone."""
    a = per_example(ALPHA[t], x_0)
    return np.sqrt(a) * x_0 + np.sqrt(1 - a) * eps


def check(variant) -> None:
    """Nothing of the data may be left at the last step."""
    x = variant(np.ones((1, 4)), np.zeros((1, 4)), np.array([999]))
    assert x.max() < 0.05, f"{x.max():.3f} of the image is left at the last step"


def train(variant, seed: int):
    """Train a network to find the noise in two moons; return samples and the loss."""
    rng = default_rng(seed)
    network = MLPDenoiser(2, (64, 64), rng=rng)
    optimizer = optim.Adam(network.parameters(), lr=3e-3)
    times, losses = times_from_betas(BETA).astype(np.float32), []
    points = data.moons().sample(5000, rng)[0].astype(np.float32)
    for _ in range(NUM_STEPS):
        x_0 = points[rng.integers(0, len(points), (256,))]
        t, eps = rng.integers(0, 1000, (256,)), rng.normal((256, 2))
        loss = squared_error(network(variant(x_0, eps, t), times[t]), eps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    steps = [*map(float, times[999::-37]), 0.0]  # 28 steps of the sampler
    samples = ddim(denoiser(network, "eps"), rng.normal((500, 2)), steps)
    return samples, float(np.mean(losses[-50:]))


def compare(seed: int) -> Comparison:
    """Add noise to a digit; train both, and draw samples."""
    rng = default_rng(seed)
    digit = np.repeat(one_of_each_class(seed)[5:6], 8, axis=0)
    t, eps = np.linspace(0, 999, 8).astype(int), rng.normal((1, 1, 28, 28))
    real = data.moons().sample(500, rng)[0]
    strips, row, left, largest, distances, losses = {}, {}, [], [], [], []
    row["data"] = {"points": real, "labels": np.zeros(500, int)}
    for name, variant in {"right": right, "bug": wrong}.items():
        x_t = variant(2 * digit - 1, eps, t)
        strips[name] = ((x_t + 1) / 2).clip(0, 1)
        left.append(float(np.corrcoef(x_t[-1].ravel(), digit[0].ravel())[0, 1]))
        samples, loss = train(variant, seed)
        row[name] = {"points": samples, "labels": np.zeros(500, int)}
        largest.append(float(abs(samples).max()))
        distances.append(distance(samples, real))
        losses.append(loss)
    measured = {
        "correlation of x_1000 with the digit": tuple(left),
        "largest coordinate of a sample": tuple(largest),
        "distance of real points to the nearest sample": tuple(distances),
        "loss, mean of the last 50 steps": tuple(losses),
    }
    title = "A digit on its way from t = 1 to t = 1000"
    panels = [Rows(strips, title=title), PlaneRows({"": row}, EXTENT, title="Data and samples")]
    return Comparison(panels, Rows({n: s[[0, 1, 2, 4, 7]] for n, s in strips.items()}), measured)
