"""The posterior q(x_s | x_t, x_0): one step of the reverse process, if x_0 is known.

Ancestral sampling replaces x_0 by the network's prediction and samples from it (`ancestral` in
`samplers.py`). The variational bound compares it with the model (`posterior_kl`).

**One step forward.** Let s < t. Shrinking x_s and adding noise of some variance V gives x_t:

    x_t = r x_s + sqrt(V) eps,    r = alpha_t / alpha_s

Given x_0, the variance of x_t is sigma_t^2, and that of r x_s is r^2 sigma_s^2. So

    V = sigma_t^2 - r^2 sigma_s^2

For two neighbouring steps of DDPM, V is beta_t:

    (1 - alpha_bar_t) - (1 - beta_t) (1 - alpha_bar_{t-1}) = 1 - (1 - beta_t) = beta_t

**One step back** (DDPM, eq. 6 and 7). Bayes' rule, as functions of x_s:

    q(x_s | x_t, x_0) = q(x_t | x_s) q(x_s | x_0) / q(x_t | x_0)

    log q(x_s | x_t, x_0) = -(x_t - r x_s)^2 / (2 V)                  step forward
                            -(x_s - alpha_s x_0)^2 / (2 sigma_s^2)    forward process up to s
                            + constant

It is quadratic in x_s, so the posterior is a Gaussian. The coefficient of -x_s^2 / 2 is its
precision, 1 / variance:

    1 / variance = r^2 / V + 1 / sigma_s^2                            precisions add
                 = (r^2 sigma_s^2 + V) / (V sigma_s^2)                common denominator
                 = sigma_t^2 / (V sigma_s^2)                          definition of V

    **variance = V sigma_s^2 / sigma_t^2**

The coefficient of x_s is mean / variance:

    mean / variance = r x_t / V + alpha_s x_0 / sigma_s^2
    mean = (V sigma_s^2 / sigma_t^2) (r x_t / V + alpha_s x_0 / sigma_s^2)

    **mean = r (sigma_s / sigma_t)^2 x_t + (alpha_s V / sigma_t^2) x_0**

**Which variance should a sampler use?** x_0 is not known, so the true variance of x_s given x_t is
larger. It is the one above plus that of the unknown x_0 (Bao et al., Analytic-DPM, 2022):

    V sigma_s^2 / sigma_t^2 + (alpha_s V / sigma_t^2)^2 Var(x_0 | x_t)

It depends on the data:

- data that are a single point: Var(x_0 | x_t) = 0, so it is V sigma_s^2 / sigma_t^2. DDPM calls
  this the small variance, beta_tilde.
- data from N(0, I) on the variance-preserving path: it is V, DDPM's large variance.
- other data of variance 1 are in between.

Improved DDPM (Nichol and Dhariwal, 2021, eq. 15) lets the network predict a weight w between the
logarithms of the two. Since small / large = (sigma_s / sigma_t)^2,

    log variance = w log V + (1 - w) log(V (sigma_s / sigma_t)^2)
    variance     = V ((sigma_s / sigma_t)^2)^(1 - w)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...losses import kl_between_normals, squared_error
from ...ops import log
from .objectives import Prediction
from .paths import VARIANCE_PRESERVING, NoisePath

__all__ = ["Posterior", "posterior", "posterior_kl"]


class Posterior(NamedTuple):
    """The Gaussian q(x_s | x_t, x_0), with mean coef_xt x_t + coef_x0 x_0.

    The fields are floats, or arrays (N, 1, ..., 1) with one number for each example. The variance
    of the posterior is beta times variance_ratio.
    """

    coef_xt: Any  # of x_t in the mean: (alpha_t / alpha_s) (sigma_s / sigma_t)^2
    coef_x0: Any  # of x_0 in the mean: alpha_s V / sigma_t^2
    beta: Any  # V, the variance of the step forward: DDPM's beta_t if the steps are neighbours
    variance_ratio: Any  # the small variance divided by the large one: (sigma_s / sigma_t)^2

    def mean(self, x_t, x0):
        """Return the mean of x_s, (N, ...)."""
        return self.coef_xt * x_t + self.coef_x0 * x0

    def variance(self, weight=0.0):
        """Return the variance V ((sigma_s / sigma_t)^2)^(1 - w) at the weight w.

        w = 0 gives the posterior's own variance, the small one; w = 1 gives beta, the large one.
        """
        return self.beta * self.variance_ratio ** (1 - weight)


def posterior(t, s, x, path: NoisePath = VARIANCE_PRESERVING) -> Posterior:
    """Return q(x_s | x_t, x_0) for s < t, with coefficients to be multiplied with examples x.

    **Shapes** t and s floats or (N,), x (N, ...). The coefficients are floats or (N, 1, ..., 1).

    **Numerics** V is a difference of two squares, which loses half of the digits if t and s are
    close. It is computed as a product instead:

        V = (sigma_t alpha_s - alpha_t sigma_s) (sigma_t alpha_s + alpha_t sigma_s) / alpha_s^2
    """
    alpha_t, sigma_t, _, _ = path.coefficients_for(t, x)
    alpha_s, sigma_s, _, _ = path.coefficients_for(s, x)
    # V = sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2 = (a - b) (a + b) / alpha_s^2
    a, b = sigma_t * alpha_s, alpha_t * sigma_s
    beta = (a - b) * (a + b) / alpha_s**2
    variance_ratio = (sigma_s / sigma_t) ** 2
    # mean = (alpha_t / alpha_s) (sigma_s / sigma_t)^2 x_t + (alpha_s V / sigma_t^2) x_0
    coef_xt = alpha_t / alpha_s * variance_ratio
    coef_x0 = alpha_s * beta / sigma_t**2
    return Posterior(coef_xt, coef_x0, beta, variance_ratio)


def posterior_kl(x0, x_t, prediction: Prediction, t, s, path: NoisePath = VARIANCE_PRESERVING):
    """Return KL(q(x_s | x_t, x_0) || p(x_s | x_t)) of each example: one term of the bound.

    Without a learned variance it is a squared error (`objectives.py` derives it). With x0_hat for
    the network's prediction of x_0,

        KL = 1/2 (SNR(s) - SNR(t)) |x_0 - x0_hat|^2,    SNR = alpha^2 / sigma^2

    With a learned variance the two Gaussians differ in their variances too. To train it, add this
    KL to the loss with a small weight, and with `x0=prediction.x0.detach()` in the prediction. Then
    the variance adapts to the mean and does not disturb it (Improved DDPM, section 3.1).

    Parameters
    ----------
    x0, x_t : arrays or Tensors (N, ...)
    prediction : Prediction
        The model's prediction at x_t.
    t, s : floats or arrays (N,)
        0 < s < t.
    path : NoisePath

    Returns
    -------
    kl : array or Tensor (N,)
        In nats.
    """
    if prediction.variance_weight is None:
        alpha_t, sigma_t, _, _ = path.coefficients_for(t, x0)
        alpha_s, sigma_s, _, _ = path.coefficients_for(s, x0)
        # 1/2 (SNR(s) - SNR(t)): half of the growth of the signal-to-noise ratio from t to s
        half_snr_difference = 0.5 * ((alpha_s / sigma_s) ** 2 - (alpha_t / sigma_t) ** 2)
        if not isinstance(half_snr_difference, float):
            half_snr_difference = half_snr_difference.reshape(-1)  # (N,)
        return squared_error(x0, prediction.x0) * half_snr_difference
    q = posterior(t, s, x0, path)
    ones = np.ones_like(x0)  # makes arrays of coefficients that are floats
    log_ratio, log_beta = log(ones * q.variance_ratio), log(ones * q.beta)  # (N, ...)
    log_variance = log_beta + (1 - prediction.variance_weight) * log_ratio
    # coef_xt x_t is in both means, so it is left out
    return kl_between_normals(
        q.coef_x0 * x0, log_beta + log_ratio, q.coef_x0 * prediction.x0, log_variance
    )
