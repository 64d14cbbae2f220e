"""What a diffusion model learns, and the bound on log p(x) that says so.

**The model.** Levels 0 < t_1 < ... < t_T. Draw x_T from N(0, I), then each next one from a Gaussian, x_s ~ p(x_s | x_t), and x_0 from p(x_0 | x_1). It
is a VAE with many latent codes, all as large as x, and an encoder without parameters, the noising q (schedules.py). So the VAE's bound holds
(models/vae.py derives it). With q(x_1 ... x_T | x_0) written from the noise back, q(x_T | x_0) times all q(x_s | x_t, x_0),

    -log p(x_0) <= KL(q(x_T | x_0) || N(0, I)) + sum_t E KL(q(x_s | x_t, x_0) || p(x_s | x_t)) + E[-log p(x_0 | x_1)]        (DDPM, eq. 5).
                   `--- nothing to learn ---'    `-------- one Gaussian to another --------'    `-- the last pixel's worth --'

**One step back, x_0 known.** Going from level s up to t, x_t = (alpha_t / alpha_s) x_s + noise of variance

    V = sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2,

what is missing to sigma_t^2. Of x_s we know so two things: q(x_s | x_0), variance sigma_s^2, and this. Precisions add, so q(x_s | x_t, x_0) has

    variance  V sigma_s^2 / sigma_t^2,    mean  (alpha_t / alpha_s) (sigma_s / sigma_t)^2 x_t + alpha_s V / sigma_t^2 x_0        (eq. 6, 7).

**x_0 unknown.** Put the network's guess x^_0 in its place, keep the variance: that is p(x_s | x_t). Then the two Gaussians differ in their means alone, and

    KL = |difference of the means|^2 / (2 variance) = 1/2 (alpha_s^2 / sigma_s^2 - alpha_t^2 / sigma_t^2) |x_0 - x^_0|^2 :

the signal-to-noise ratio that is won in the step, times the error of the guess. *All there is to learn is to guess x_0 from x_t by least squares*, and
the best guess is the mean, E[x_0 | x_t]. (Kingma et al., Variational Diffusion Models, 2021.)

**Three questions, one answer.** Given x_t, to know x_0, eps or v is to know all three: x_0 = (x_t - sigma eps) / alpha = sigma' x_t - sigma v. So

    |eps - eps^|^2 = (alpha / sigma)^2 |x_0 - x^_0|^2,    |v - v^|^2 = |x_0 - x^_0|^2 / sigma^2 :

asking for the noise, the data or the velocity is one question with three weights. It matters all the same. Near pure noise the noise is in plain sight,
and a network that says "what I see" is nearly right about eps, while of x_0, which is what a sampler needs, it has said nothing: an error in eps is
divided by alpha there. Near the data it is the other way round. The velocity has neither fault.

**DDPM's choice** (eq. 14): the squared error of the noise at levels drawn evenly, every step with weight 1 and not with the bound's. It counts large
noise more, where the shape of things is decided, and the last grain less, in which a picture has most of its nats and hardly anything to be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...autograd.tensor import Tensor, no_grad
from ...losses import kl_between_normals, squared_error
from ...ops import log, sigmoid, split
from .schedules import VARIANCE_PRESERVING, Path

__all__ = ["KINDS", "Prediction", "StepBack", "denoiser", "kl_step", "predict", "step_back", "target"]

KINDS = ("noise", "data", "velocity")


class Prediction(NamedTuple):
    """What a model thinks x_t (N, ...) is made of: x0 and eps, both like x_t. share: of a learned variance (`step_back`), from 0 to 1, or None."""

    x0: Any
    eps: Any
    share: Any = None


def target(kind: str, x0, eps, t, path: Path = VARIANCE_PRESERVING):
    """What a network of this kind is to answer, (N, ...): the loss is `squared_error(network(path.q_sample(x0, eps, t), t), target(...)).mean()`.

    Pairs of x0 and eps are drawn independently. Rectified flow's second round takes pairs that belong together, eps and what a first model's ODE makes
    of it: then the ways hardly cross, the velocity is nearly constant along each, and few steps, in the limit one, are enough (Liu et al., Flow
    Straight and Fast, 2023).
    """
    _check_kind("target", kind)
    if kind == "velocity":
        m = path.at(t, x0)
        return m.d_alpha * x0 + m.d_sigma * eps
    return eps if kind == "noise" else x0


def predict(output, kind: str, x, t, path: Path = VARIANCE_PRESERVING, *, learned_variance: bool = False) -> Prediction:
    """A network's output (N, ...) at x, level t, as a `Prediction`. Arrays or Tensors.

    learned_variance : the output has twice as many channels, (N, 2 C, ...), the second half being the logit of `share`.
    """
    _check_kind("predict", kind)
    share = None
    if learned_variance:
        output, share = split(output, 2, axis=1)
        share = sigmoid(share)
    if output.shape != x.shape:
        raise ValueError(f"predict: the network answered {output.shape} to x {x.shape}; with learned_variance twice the channels are expected")
    alpha, sigma, d_alpha, d_sigma = path.at(t, x)
    if isinstance(t, (int, float)) and (abs(alpha) < 1e-9 if kind == "noise" else kind == "data" and sigma == 0):
        raise ValueError(f"predict: at level {t:.4g} x is all {kind}, and a network that is asked for it leaves the rest open, 0 / 0; stay off that end, "
                         "or ask for the velocity")  # fmt: skip
    if kind == "noise":
        return Prediction((x - sigma * output) / alpha, output, share)
    if kind == "data":
        return Prediction(output, (x - alpha * output) / sigma, share)
    return Prediction(d_sigma * x - sigma * output, alpha * output - d_alpha * x, share)


def denoiser(network: Callable, kind: str, path: Path = VARIANCE_PRESERVING, *, learned_variance: bool = False) -> Callable:
    """What samplers and likelihoods take: a function of x (N, ...) and a level, a float, that gives a `Prediction`.

    network : of x (N, ...) and levels (N,). Given an array, its graph is not recorded and arrays come back; given a Tensor, Tensors.
    """

    def denoise(x, t: float) -> Prediction:
        raw = x.data if isinstance(x, Tensor) else x
        levels = np.full_like(raw, t, shape=(len(raw),))
        if raw is not x:
            return predict(network(x, levels), kind, x, t, path, learned_variance=learned_variance)
        with no_grad():
            output = network(x, levels)
        output = output.data if isinstance(output, Tensor) else output
        return predict(output, kind, x, t, path, learned_variance=learned_variance)

    return denoise


class StepBack(NamedTuple):
    """q(x_s | x_t, x_0): its mean is of_x x_t + of_x0 x_0. `large` is the variance V of the step up, `ratio` = (sigma_s / sigma_t)^2; the variance of the
    step back is large ratio. Between it and V lie all variances that are used: large ratio^(1 - share)."""

    of_x: Any
    of_x0: Any
    large: Any
    ratio: Any


def step_back(t, s, like, path: Path = VARIANCE_PRESERVING) -> StepBack:
    """The coefficients of one step back from level t to s < t, floats or (N,), to be multiplied with examples `like` (N, ...).

    **Which variance?** That of q(x_s | x_t, x_0), V (sigma_s / sigma_t)^2, is right where x_0 is known for certain: data that are one point. For data
    from N(0, I), on the circle, it is V. Other data of variance 1 lie between: the true one is the first plus that of the guess, of_x0^2 Var(x_0 | x_t)
    (Bao et al., Analytic-DPM, 2022). DDPM calls these two the small and the large; Improved DDPM (Nichol and Dhariwal, 2021, eq. 15) lets the network
    choose a share between their logarithms.

    **Numerics.** V as a product, (sigma_t alpha_s - alpha_t sigma_s) (sigma_t alpha_s + alpha_t sigma_s) / alpha_s^2: the difference of two squares
    would lose half of the digits where the levels are close.
    """
    here, there = path.at(t, like), path.at(s, like)
    a, b = here.sigma * there.alpha, here.alpha * there.sigma
    large = (a - b) * (a + b) / there.alpha**2
    ratio = (there.sigma / here.sigma) ** 2
    return StepBack(here.alpha / there.alpha * ratio, there.alpha * large / here.sigma**2, large, ratio)


def kl_step(x0, x_t, prediction: Prediction, t, s, path: Path = VARIANCE_PRESERVING):
    """KL(q(x_s | x_t, x_0) || p(x_s | x_t)) of each example, (N,), nats: one term of the bound, for 0 < s < t, floats or (N,).

    With a learned variance the Gaussians differ in it too. To learn it, add this with `x0=prediction.x0.detach()` in the prediction to the loss, lightly:
    the variance follows the mean and does not disturb it (Improved DDPM, section 3.1).
    """
    if prediction.share is None:
        here, there = path.at(t, x0), path.at(s, x0)
        won = 0.5 * ((there.alpha / there.sigma) ** 2 - (here.alpha / here.sigma) ** 2)
        return squared_error(x0, prediction.x0) * (won if isinstance(won, float) else won.reshape(-1))
    step, ones = step_back(t, s, x0, path), np.ones_like(x0)
    log_ratio, log_large = (log(ones * c) for c in (step.ratio, step.large))  # arrays also where the levels are floats
    log_variance = log_large + (1 - prediction.share) * log_ratio
    return kl_between_normals(step.of_x0 * x0, log_large + log_ratio, step.of_x0 * prediction.x0, log_variance)


def _check_kind(name: str, kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"{name}: a network is asked for one of {', '.join(KINDS)}; got {kind!r}")
