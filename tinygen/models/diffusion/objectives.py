"""What a diffusion model learns: the variational bound, and why it is a least-squares problem.

**Notation.** This table holds what this file needs; the one in `schedules.py` has more quantities.

                     here                   DDPM; Weng                score SDE         EDM
    clean image      x_0                    x_0                       x(0)              y
    noisy image      x_t                    x_t                       x(t)              x = y + n
    signal, noise    alpha, sigma           sqrt(alpha_bar_t),        as DDPM's         1, sigma
      coefficients                          sqrt(1 - alpha_bar_t)
    time             t; the smaller one s   step t; the smaller t-1   t                 t = sigma
    posterior        q(x_s | x_t, x_0)      q(x_{t-1} | x_t, x_0)     -                 -
    network          eps_hat, x0_hat,       epsilon_theta(x_t, t)     s_theta           D_theta
      relation         or v_hat             = eps_hat                 = -eps_hat/sigma  = x0_hat

(DDPM: Ho, Jain and Abbeel, 2020. Weng: What are Diffusion Models?, 2021. Score SDE: Song et al.,
2021. EDM: Karras et al., 2022.) _hat marks a prediction of the network at x_t, and ^ is a power.

**The model.** Choose times 0 < t_1 < ... < t_T. The model generates from noise to data:

    x_T ~ N(0, I)
    x_s ~ p(x_s | x_t)    a Gaussian, for t = t_T, ..., t_2; s is the next smaller time
    x_0 ~ p(x_0 | x_1)

So s = t_{i-1} for t = t_i. Here x_1 and x_T are short for x at the times t_1 and t_T. This is a VAE
with T latent codes, each as large as x. Its encoder is the forward process q (`paths.py`), which
has no parameters. So the bound of the VAE holds (derived in `models/vae.py`):

    -log p(x_0) <= E_q[log q(x_1 ... x_T | x_0) - log p(x_0, x_1 ... x_T)]

**The bound as a sum over steps** (DDPM, eq. 5). Factorize both densities from the noise backwards:

    q(x_1 ... x_T | x_0)  = q(x_T | x_0)  prod_t q(x_s | x_t, x_0)
    p(x_0, x_1 ... x_T)   = p(x_T)        prod_t p(x_s | x_t)        p(x_0 | x_1)

In the products t runs over t_2 ... t_T, and s is the next smaller time. The logarithms of products
are sums. Pair the factors; the means of their log-ratios are KLs:

    -log p(x_0) <= KL(q(x_T | x_0) || N(0, I))                       prior: no parameters
                 + sum_t E[KL(q(x_s | x_t, x_0) || p(x_s | x_t))]    diffusion: two Gaussians each
                 + E[-log p(x_0 | x_1)]                              reconstruction

**One diffusion term is a squared error.** `posterior.py` derives that q(x_s | x_t, x_0) has

    mean      (alpha_t / alpha_s) (sigma_s / sigma_t)^2 x_t + (alpha_s V / sigma_t^2) x_0
    variance  V sigma_s^2 / sigma_t^2,    with V = sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2

Let p(x_s | x_t) be the same Gaussian with the network's prediction x0_hat in place of x_0. Then
the two differ in their means alone:

    KL = |difference of the means|^2 / (2 variance)                  equal variances
       = (alpha_s V / sigma_t^2)^2 |x_0 - x0_hat|^2 / (2 variance)   only x_0 differs
       = 1/2 alpha_s^2 V / (sigma_s^2 sigma_t^2) |x_0 - x0_hat|^2    insert the variance
       = 1/2 (alpha_s^2 / sigma_s^2 - alpha_t^2 / sigma_t^2) |x_0 - x0_hat|^2    insert V
       = 1/2 (SNR(s) - SNR(t)) |x_0 - x0_hat|^2,    SNR = alpha^2 / sigma^2

So *all there is to learn is to predict x_0 from x_t by least squares*. The best prediction is the
mean E[x_0 | x_t]. (Kingma et al., Variational Diffusion Models, 2021.)

**Three parametrizations of the same prediction.** Given x_t, each of x_0, eps and v determines the
other two (`paths.py`):

    eps = (x_t - alpha x_0) / sigma,    x_0 = sigma' x_t - sigma v

So their errors differ by a factor alone:

    |eps - eps_hat|^2 = (alpha / sigma)^2 |x_0 - x0_hat|^2
    |v - v_hat|^2     = |x_0 - x0_hat|^2 / sigma^2

Training on eps, x_0 or v is one least-squares problem with three weights. In practice the choice
matters:

- "eps": near pure noise, x_t is almost eps. A network that returns its input has a small error. But
  x_0 = (x_t - sigma eps) / alpha divides this error by alpha, which is nearly 0 there.
- "x0": near the data, eps = (x_t - alpha x_0) / sigma has the same problem with sigma.
- "v": no division at either end.

**DDPM's loss** (eq. 14) is the squared error of eps, at uniformly drawn steps, all with weight 1
instead of the bound's weights. Compared with the bound it gives more weight to large noise and less
to small noise. At large noise the prediction determines the shapes in the image. At small noise
it determines the last bits of the pixel values. They make up most of the nats of -log p(x_0), but
they are hardly visible (DDPM, section 4.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...autograd.tensor import Tensor, no_grad
from ...ops import sigmoid, split
from .elementary import is_float
from .paths import VARIANCE_PRESERVING, NoisePath

__all__ = ["PARAMETRIZATIONS", "Prediction", "denoiser", "target", "to_prediction"]

PARAMETRIZATIONS = ("eps", "x0", "v")


class Prediction(NamedTuple):
    """A model's prediction of what x_t (N, ...) consists of.

    x0 and eps, x0_hat and eps_hat in formulas, have the shape of x_t. variance_weight is a learned
    weight w from 0 to 1, one for each number of x_t: 0 is the small variance of the reverse step, 1
    the large one (`posterior.py`). It is None if the variance is not learned.
    """

    x0: Any
    eps: Any
    variance_weight: Any = None


def target(parametrization: str, x0, eps, t, path: NoisePath = VARIANCE_PRESERVING):
    """Return what a network of this parametrization is trained to predict: eps, x0 or v.

        x_t = path.q_sample(x0, eps, t)
        loss = squared_error(network(x_t, t), target(parametrization, x0, eps, t, path)).mean()

    **Rectified flow's second round.** In general x0 and eps are drawn independently. Rectified flow
    can be repeated with dependent pairs: eps, and the x0 that the ODE of a first model makes from
    it. Then the trajectories hardly cross, and the velocity is nearly constant along each. So few
    steps are enough, in the limit one (Liu et al., Flow Straight and Fast, 2023).

    **Shapes** x0, eps and the target (N, ...); t a float or (N,).

    Raises
    ------
    ValueError
        If the parametrization is unknown.
    """
    _check_parametrization("target", parametrization)
    if parametrization == "v":
        return path.velocity(x0, eps, t)
    return eps if parametrization == "eps" else x0


def to_prediction(
    output,
    parametrization: str,
    x,
    t,
    path: NoisePath = VARIANCE_PRESERVING,
    *,
    learned_variance: bool = False,
) -> Prediction:
    """Convert the output of a network at x and t to a `Prediction` of x_0 and eps.

    Parameters
    ----------
    output : array or Tensor (N, C, ...)
        With `learned_variance` it has 2 C channels. The second half are logits of the
        `variance_weight`.
    parametrization : {"eps", "x0", "v"}
    x : array or Tensor (N, C, ...)
    t : float or array (N,)
    path : NoisePath
    learned_variance : bool

    Raises
    ------
    ValueError
        If the parametrization is unknown, if the output has another shape than x, or if the output
        does not determine the rest: eps at pure noise, x0 at noise 0.
    """
    _check_parametrization("to_prediction", parametrization)
    variance_weight = None
    if learned_variance:
        output, logits = split(output, 2, axis=1)  # (N, C, ...) each
        variance_weight = sigmoid(logits)
    if output.shape != x.shape:
        raise ValueError(
            f"to_prediction: the network's output is {output.shape} for x {x.shape}; they must "
            "agree, and with learned_variance the output has twice the channels"
        )
    alpha, sigma, d_alpha, d_sigma = path.coefficients_for(t, x)
    _check_solvable(parametrization, t, alpha, sigma)
    if parametrization == "eps":
        return Prediction((x - sigma * output) / alpha, output, variance_weight)
    if parametrization == "x0":
        return Prediction(output, (x - alpha * output) / sigma, variance_weight)
    x0 = d_sigma * x - sigma * output
    eps = alpha * output - d_alpha * x
    return Prediction(x0, eps, variance_weight)


def denoiser(
    network: Callable,
    parametrization: str,
    path: NoisePath = VARIANCE_PRESERVING,
    *,
    learned_variance: bool = False,
) -> Callable:
    """Return a denoise function: from x (N, ...) and one time t, a float, to a `Prediction`.

    Samplers and likelihoods take it. Given an array x, it records no graph and returns arrays.
    Given a Tensor, it returns Tensors.

    Parameters
    ----------
    network : function
        Of x (N, ...) and times (N,).
    parametrization, path, learned_variance
        As in `to_prediction`.
    """

    def denoise(x, t: float) -> Prediction:
        raw = x.data if isinstance(x, Tensor) else x
        times = np.full_like(raw, t, shape=(len(raw),))  # (N,)
        if raw is not x:
            output = network(x, times)
        else:
            with no_grad():
                output = network(x, times)
            output = output.data if isinstance(output, Tensor) else output
        return to_prediction(output, parametrization, x, t, path, learned_variance=learned_variance)

    return denoise


def _check_parametrization(name: str, parametrization: str) -> None:
    if parametrization not in PARAMETRIZATIONS:
        raise ValueError(
            f"{name}: parametrization is one of {', '.join(PARAMETRIZATIONS)}; "
            f"got {parametrization!r}"
        )


def _check_solvable(parametrization: str, t, alpha, sigma) -> None:
    """Refuse a time at which the other quantity would be 0 / 0."""
    if not is_float(t):
        return
    if (parametrization == "eps" and abs(alpha) < 1e-9) or (parametrization == "x0" and sigma == 0):
        raise ValueError(
            f"to_prediction: at time {t:.4g} x is nothing but {parametrization}, so a network that "
            f"predicts {parametrization} does not determine the rest (0 / 0); keep away from this "
            'time, or predict "v"'
        )
