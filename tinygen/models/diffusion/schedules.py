"""Schedules: how the times of training and of sampling are distributed along a noise path.

**Notation.** The papers use the same letters for different things. `objectives.py` has a table of
the network's outputs.

                   here            DDPM; Weng               score SDE (VP)             EDM
    clean image    x_0             x_0                      x(0)                       y
    noisy image    x_t             x_t                      x(t)                       x
    noise          eps             epsilon                  z                          n / sigma
    time           t in [0, pi/2]  step t = 1 ... T         t in [0, 1]                t = sigma
    signal coeff.  alpha = cos t   sqrt(alpha_bar_t)        exp(-B(t)/2)               1
    noise coeff.   sigma = sin t   sqrt(1 - alpha_bar_t)    sqrt(1 - exp(-B(t)))       sigma
    noise/signal   sigma / alpha   sqrt(1/alpha_bar_t - 1)  sqrt(exp(B(t)) - 1)        sigma
    posterior      q(x_s|x_t,x_0)  q(x_{t-1}|x_t,x_0)       -                          -
    its mean       see (1)         mu_tilde_t               -                          -
    its variance   see (1)         beta_tilde_t             -                          -

    (1) `posterior.py` derives them, for s < t and V = sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2:
            mean      (alpha_t / alpha_s) (sigma_s / sigma_t)^2 x_t + (alpha_s V / sigma_t^2) x_0
            variance  V sigma_s^2 / sigma_t^2

    DDPM       Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models, 2020
    Weng       Lilian Weng, What are Diffusion Models?, 2021, the web page that the lecture cites
    score SDE  Song et al., Score-Based Generative Modeling through Stochastic Differential
               Equations, 2021; B(t) is the integral of beta from 0 to t
    EDM        Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models,
               2022, with their choice 1 for the scale of x

Four traps:

- DDPM's alpha_t = 1 - beta_t belongs to one step. The alpha of this package is the square root of
  alpha_bar_t, the product of all steps up to t.
- DDIM (Song, Meng and Ermon, 2021) writes alpha_t for DDPM's alpha_bar_t.
- DDPM's sigma_t is the standard deviation of one sampling step, not the noise in x_t.
- EDM's sigma is the noise-to-signal ratio sigma / alpha of this package.

**What a schedule is here.** A time t is an angle on a quarter circle (`paths.py`). A schedule is an
increasing function from a fraction u in [0, 1] to a time t. It is used twice:

- in training, u is drawn uniformly, so the schedule decides how often each noise level is trained;
- in sampling, u runs down from 1 to 0 in equal steps, so it decides which times are visited.

    linear_schedule       DDPM
    cosine_schedule       Improved DDPM: the angles t are nearly uniform
    logistic_schedule     most times at intermediate noise, which determines shapes; for training
    stratified_uniform    the fractions u of a training batch
    karras_schedule       EDM: a list of times for sampling
    times_from_betas      the times of any table of DDPM's beta
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...backend import RNG, array_module
from .elementary import elementary_functions, is_float
from .paths import VARIANCE_PRESERVING, NoisePath

__all__ = [
    "cosine_schedule",
    "karras_schedule",
    "linear_schedule",
    "logistic_schedule",
    "stratified_uniform",
    "times_from_betas",
]

Array = Any


def linear_schedule(u, beta_min: float = 0.1, beta_max: float = 20.0):
    """Return DDPM's time at fraction u, for which beta grows linearly.

    **Derivation** DDPM takes T steps, and beta_i grows linearly from beta_min / T to beta_max / T.
    With T = 1000 these are 0.0001 and 0.02. Take the logarithm of alpha_bar:

        log alpha_bar = sum_i log(1 - beta_i)                        logarithm of the product
                      ~ -sum_i beta_i                                each beta_i is small
                      ~ -integral from 0 to u of
                            (beta_min + (beta_max - beta_min) w) dw  T is large
                      = -(beta_min u + (beta_max - beta_min) u^2 / 2)

    At u = 1 it is -10.05. The time is the angle with cos^2 t = alpha_bar.

    **A weakness.** At u = 0.7 the signal coefficient is 0.08. So three of ten uniform u give images
    in which nothing of the data can be recognized, and training spends time on them.

    **Shapes** u a float or any array; t likewise.

    **Source** DDPM, section 4; Song et al., 2021, for the limit of many steps.
    """
    functions = elementary_functions(u)
    log_alpha_bar = -(beta_min * u + (beta_max - beta_min) * u * u / 2)
    sigma = functions.sqrt(-functions.expm1(log_alpha_bar))  # sqrt(1 - alpha_bar)
    alpha = functions.exp(log_alpha_bar / 2)  # sqrt(alpha_bar)
    return functions.atan2(sigma, alpha)


def cosine_schedule(u, offset: float = 0.008):
    """Return the time at fraction u of Improved DDPM's schedule, in which images fade evenly.

        f(u)      = cos^2(pi/2 (u + offset) / (1 + offset))
        alpha_bar = f(u) / f(0)

    As an angle it is nearly t = u pi/2: the quarter circle at constant speed. With offset 0 it is
    exactly that. A positive offset gives a little more noise at small u > 0, near the data. The
    paper calls it s; here s is a time.

    **Shapes** u a float or any array; t likewise.

    **Source** Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models, 2021, eq.
    17.
    """
    functions = elementary_functions(u)
    angle = math.pi / 2 * (u + offset) / (1 + offset)
    alpha = functions.cos(angle) / math.cos(math.pi / 2 * offset / (1 + offset))
    return functions.atan2(functions.sqrt(1 - alpha * alpha), alpha)


def logistic_schedule(u, scale: float = 0.6, shift: float = 0.6):
    """Return the time at fraction u of a schedule that prefers intermediate noise levels.

    Let w = t / (pi/2) be the position of t, from 0 to 1, and logit(w) = log(w / (1 - w)). Then

        logit(w) = scale logit(u) + shift

    For a uniform u, logit(u) has the standard logistic distribution. So the logit of w has a
    logistic distribution too, with this scale and shift.

    **Why.** Close to the data a network learns fine detail. Close to pure noise it learns the mean
    of the data, which takes few examples. The prediction determines the shapes, such as the strokes
    of a digit, in between, closer to the noise. So most training times should lie there: with the
    default scale and shift, half of all positions w lie between 0.49 and 0.78.

    **Derivation** Solve for w:

        w / (1 - w) = (u / (1 - u))^scale e^shift           exponential of both sides
                    = a / b,
                      with a = u^scale and b = e^-shift (1 - u)^scale
        w           = a / (a + b)                           solve the odds w / (1 - w) for w

    The last form works at u = 0 and u = 1, where the logits are infinite.

    **Shapes** u a float or any array; t likewise.

    **Source** After Esser et al., Scaling Rectified Flow Transformers, 2024, section 3.1. They
    draw the logit of the time on the straight line from a normal distribution. A schedule is the
    quantile function of its times, and that of a normal distribution has no elementary formula.
    With a logistic distribution it has the one above.

    Raises
    ------
    ValueError
        If the float u is outside [0, 1].
    """
    if is_float(u):
        if not 0 <= u <= 1:
            raise ValueError(f"logistic_schedule: u is a fraction, from 0 to 1; got {u}")
        u = float(u)
    a = u**scale
    b = math.exp(-shift) * (1 - u) ** scale
    return math.pi / 2 * a / (a + b)


def stratified_uniform(n: int, rng: RNG) -> Array:
    """Draw n increasing numbers from [0, 1], one uniformly from each of n equal intervals.

    The i-th is uniform on [i/n, (i+1)/n]. Their mean over a batch has the same expectation as with
    n independent uniform numbers, and less variance, since no interval is left out or drawn twice.
    It matters because the loss depends on the time more than on anything else in a batch.

    **Shapes** float32 (n,).

    **Source** Stratified sampling. Kingma et al., Variational Diffusion Models, 2021, reduce the
    same variance by another way: they shift an even grid of times by one random number.
    """
    u = rng.uniform((n,))
    return (array_module(u).arange(n, dtype=u.dtype) + u) / n


def times_from_betas(betas) -> np.ndarray:
    """Return the times of DDPM's steps 1 to T for its table beta_1 ... beta_T.

        cos^2 t_i = alpha_bar_i = (1 - beta_1) ... (1 - beta_i)

    **Shapes** betas (T,); times float64 (T,), a NumPy array.

    Raises
    ------
    ValueError
        If betas are no vector, or not all between 0 and 1.
    """
    betas = np.asarray(betas, np.float64)
    if betas.ndim != 1 or not ((betas > 0) & (betas < 1)).all():
        raise ValueError(
            "times_from_betas: betas are the variances of the noise in each step, a vector (T,) of "
            f"numbers between 0 and 1; got shape {betas.shape}, from {betas.min(initial=1):.4g} "
            f"to {betas.max(initial=0):.4g}"
        )
    log_alpha_bar = np.cumsum(np.log1p(-betas))
    return np.arctan2(np.sqrt(-np.expm1(log_alpha_bar)), np.exp(log_alpha_bar / 2))


def karras_schedule(
    n: int,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    rho: float = 7.0,
    path: NoisePath = VARIANCE_PRESERVING,
) -> list[float]:
    """Return EDM's n times for sampling, and 0 as the last: n + 1 floats.

    Their noise-to-signal ratios fall from sigma_max to sigma_min:

        r_i = (sigma_max^(1/rho) + i / (n - 1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho

    With rho = 7 the steps near the data, which determine the details of an image, are short.

    **Source** EDM, eq. 5.

    Raises
    ------
    ValueError
        If n is less than 1, or not 0 < sigma_min < sigma_max.
    """
    if n < 1 or not 0 < sigma_min < sigma_max:
        raise ValueError(
            "karras_schedule: needs n of at least 1 and 0 < sigma_min < sigma_max; "
            f"got {n}, {sigma_min} and {sigma_max}"
        )
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    roots = [first + i / max(n - 1, 1) * (last - first) for i in range(n)]  # r_i^(1/rho)
    return [*(path.time_at(root**rho) for root in roots), 0.0]
