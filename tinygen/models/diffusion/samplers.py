"""Samplers: from noise to data, step by step.

All samplers have the same signature. They change nothing in place and draw only from the `rng` that
they are given.

    x_0 = sampler(denoise, x, times, path=VARIANCE_PRESERVING, rng=None, callback=None, ...)

    denoise     from x (N, ...) and a time to a `Prediction` (`objectives.denoiser`)
    x           (N, ...) at times[0], the largest: pure noise, `rng.normal(shape)`
    times       decreasing floats; the last is 0 for finished samples. For example
                [cosine_schedule(u) for u in ...] or karras_schedule(...)
    path        the noise path of the network
    rng         for the samplers that add noise
    callback    called after each step with x and its time; what it returns replaces x. It serves
                for inpainting, and for recording

**Notation.** A step leads from time t to s < t. x0_hat and eps_hat are the network's predictions at
x_t, ' is d/dt, and ^ is a power.

**Stochastic sampling.** `ancestral` samples x_s from the posterior q(x_s | x_t, x0_hat), with the
prediction x0_hat in place of x_0 (`posterior.py`). The fresh noise of each step makes later steps
forget the errors of earlier ones.

**Deterministic sampling.** `euler`, `heun` and `rk4` follow the probability-flow ODE (`ode.py`) in
the variables x and t. Their errors are of order h, h^2 and h^4 in the step h.

**The ODE in other variables.** A change of variables can make the solution straighter, so that
longer steps are possible. Both changes below use the quotient rule, and

    x     = alpha x0_hat + sigma eps_hat
    dx/dt = alpha' x0_hat + sigma' eps_hat

In z = x / alpha and r = sigma / alpha, the noise-to-signal ratio:

    dz/dt = (alpha x' - alpha' x) / alpha^2
          = (alpha sigma' - alpha' sigma) eps_hat / alpha^2            the terms with x0_hat cancel
    dr/dt = (alpha sigma' - alpha' sigma) / alpha^2
    dz/dr = eps_hat

Euler's step in it is `ddim`, and Heun's is `edm`.

In x / sigma and lambda = log(alpha / sigma):

    d(x / sigma)/dt = (sigma alpha' - sigma' alpha) x0_hat / sigma^2   the terms with eps_hat cancel
    dlambda/dt      = (sigma alpha' - sigma' alpha) / (alpha sigma)
    d(x / sigma)/dlambda = (alpha / sigma) x0_hat = e^lambda x0_hat

`dpm_solver` integrates it with x0_hat linear in lambda, through this prediction and the previous
one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from ...autograd.tensor import Tensor
from .ode import ode_velocity, rk4_step
from .paths import VARIANCE_PRESERVING, NoisePath
from .posterior import posterior

__all__ = ["ancestral", "ddim", "dpm_solver", "edm", "euler", "heun", "inpainting", "rk4"]


def _sampler(step: Callable) -> Callable:
    """Make a sampler of a function that takes one step from time t to time s.

    So each function below contains only its formula. The sampler has the signature of the module's
    docstring; further keywords go to the step.
    """

    @functools.wraps(step)
    def sample(denoise, x, times, *, path=VARIANCE_PRESERVING, rng=None, callback=None, **settings):
        for t, s in _time_pairs(step.__name__, x, times, path):
            x = step(denoise, x, t, s, path, rng, **settings)
            x = callback(x, s) if callback else x
        return x

    del sample.__wrapped__  # so that help() shows the signature of `sample`
    return sample


@_sampler
def ancestral(denoise, x, t, s, path, rng, *, variance_weight: float | None = 0.0):
    """Ancestral sampling, DDPM's Algorithm 2: x_s ~ q(x_s | x_t, x0_hat).

    The last step, to time 0, adds no noise: its result is the prediction x0_hat itself.

    **Source** DDPM; Nichol and Dhariwal, 2021, for the learned variance.

    Parameters
    ----------
    variance_weight : float or None
        0 takes the small variance of `posterior.py`, 1 the large one. A weight between 0 and 1
        interpolates between their logarithms. None takes the weight that the network predicts.

    Raises
    ------
    ValueError
        If the weight is None and the network predicts none, or if rng is missing.
    """
    prediction, q = denoise(x, t), posterior(t, s, x, path)
    mean = q.mean(x, prediction.x0)
    if s == 0:
        return mean
    weight = prediction.variance_weight if variance_weight is None else variance_weight
    if weight is None:
        raise ValueError(
            "ancestral: variance_weight=None takes the weight that the network predicts, but this "
            "network predicts none; give a number from 0 to 1"
        )
    # x_s ~ N(mean, variance)
    return mean + q.variance(weight) ** 0.5 * _draw_noise("ancestral", x, rng)


@_sampler
def ddim(denoise, x, t, s, path, rng, *, eta: float = 0.0):
    """DDIM: x_s = alpha_s x0_hat + sigma_s eps_hat.

    It treats the prediction as the truth: it mixes x0_hat and eps_hat again, with the coefficients
    of the next time. It is Euler's method in x / alpha and sigma / alpha, of first order. On the
    rectified-flow path, where alpha and sigma are linear in t, `euler` is the same step.

    On the variance-preserving path the two differ. There (alpha, sigma) is a point on the unit
    circle (`paths.py`). In `euler`'s step with h = s - t, x0_hat has the coefficient
    alpha + h alpha' and eps_hat sigma + h sigma'. This is a step along the tangent of the circle:
    the sum of the squares is 1 + h^2 instead of 1.

    **Source** Song, Meng and Ermon, Denoising Diffusion Implicit Models, 2021, eq. 12 and 16.

    Parameters
    ----------
    eta : float
        The amount of fresh noise. Its standard deviation is c = eta sqrt(small variance), and the
        coefficient of eps_hat falls to sqrt(sigma_s^2 - c^2). 1 is `ancestral`; 0 is deterministic.
    """
    prediction, (alpha_s, sigma_s, _, _) = denoise(x, t), path.coefficients(s)
    if eta == 0:
        return alpha_s * prediction.x0 + sigma_s * prediction.eps
    c = eta * posterior(t, s, x, path).variance() ** 0.5
    coef_eps = max(sigma_s**2 - c**2, 0.0) ** 0.5
    noise = _draw_noise("ddim", x, rng)
    return alpha_s * prediction.x0 + coef_eps * prediction.eps + c * noise


@_sampler
def euler(denoise, x, t, s, path, rng):
    """Euler's method for the ODE: x_s = x + (s - t) dx/dt.

    It is of first order and evaluates the network once per step.
    """
    return x + (s - t) * ode_velocity(denoise, x, t, path)


@_sampler
def heun(denoise, x, t, s, path, rng):
    """Heun's method for the ODE: Euler's step, repeated with the mean of both ends' velocities.

        x_euler = x + h v(x, t)
        x_s     = x + h/2 (v(x, t) + v(x_euler, s))

    It is of second order and evaluates the network twice per step. The last step, to time 0, is
    Euler's: at time 0 there is no noise to predict, and no network was trained there.
    """
    v, h = ode_velocity(denoise, x, t, path), s - t
    x_euler = x + h * v
    if s == 0:
        return x_euler
    return x + h / 2 * (v + ode_velocity(denoise, x_euler, s, path))


@_sampler
def rk4(denoise, x, t, s, path, rng):
    """Fourth-order Runge-Kutta method for the ODE (`ode.rk4_step`).

    It evaluates the network four times per step. The last step, to time 0, is Euler's.
    """
    if s == 0:
        return x + (s - t) * ode_velocity(denoise, x, t, path)

    def velocity(t, x):
        return (ode_velocity(denoise, x, t, path),)

    (x_s,) = rk4_step(velocity, (x,), t, s, s - t)
    return x_s


@_sampler
def edm(
    denoise,
    x,
    t,
    s,
    path,
    rng,
    *,
    gamma: float = 0.0,
    s_noise: float = 1.0,
    s_tmin: float = 0.0,
    s_tmax: float = math.inf,
):
    """EDM's sampler: add some noise, then take Heun's step in z = x / alpha and r = sigma / alpha.

    Let r = sigma_t / alpha_t and r_s = sigma_s / alpha_s be the noise-to-signal ratios at t and s,
    and eps_hat(z, r) the prediction of eps. Step by step:

        r_up = (1 + gamma) r
        z_up = z + s_noise sqrt(r_up^2 - r^2) noise                add noise, up to the ratio r_up
        d    = eps_hat(z_up, r_up)
        z_s  = z_up + (r_s - r_up) d                               Euler's step
        z_s  = z_up + (r_s - r_up) (d + eps_hat(z_s, r_s)) / 2     Heun's, unless s = 0

    The paper writes a hat on r_up and z_up. Fresh noise corrects errors of earlier steps.

    **Source** Karras et al., 2022, Algorithm 2.

    Parameters
    ----------
    gamma : float
        The relative increase of the ratio, at most sqrt(2) - 1. The paper's is S_churn divided by
        the number of steps. 0 is deterministic.
    s_noise : float
        Factor of the added noise. A little more than 1 makes up for detail that networks lose.
    s_tmin, s_tmax : floats
        Noise is added only at ratios between these.

    Raises
    ------
    ValueError
        If times[0] is path.end, where z would be infinite, or if rng is missing.
    """
    if t == path.end:
        raise ValueError(
            "edm: at path.end there is no signal in x, and x / alpha is infinite; begin a little "
            "below, as `karras_schedule` does"
        )
    r, r_s = path.noise_to_signal(t), path.noise_to_signal(s)
    z = x * (1 / path.coefficients(t).alpha)
    if gamma > 0 and s_tmin <= r <= s_tmax:
        r_up = r * (1 + min(gamma, math.sqrt(2) - 1))
        z = z + s_noise * (r_up * r_up - r * r) ** 0.5 * _draw_noise("edm", x, rng)
        r, t = r_up, path.time_at(r_up)
    eps = denoise(z * path.coefficients(t).alpha, t).eps
    z_s = z + (r_s - r) * eps
    alpha_s = path.coefficients(s).alpha
    if s != 0:
        z_s = z + (r_s - r) / 2 * (eps + denoise(z_s * alpha_s, s).eps)
    return z_s * alpha_s


def dpm_solver(
    denoise,
    x,
    times,
    *,
    path: NoisePath = VARIANCE_PRESERVING,
    rng=None,
    callback: Callable | None = None,
):
    """DPM-Solver++ (2M): second order with one evaluation of the network per step.

    Let h = lambda_s - lambda_t be the step in lambda = log(alpha / sigma). With x0_hat = D
    constant, the ODE d(x / sigma)/dlambda = e^lambda D is integrated exactly:

        x_s / sigma_s = x_t / sigma_t + (e^lambda_s - e^lambda_t) D
        x_s = (sigma_s / sigma_t) x_t + (alpha_s - alpha_t sigma_s / sigma_t) D
            = (sigma_s / sigma_t) x_t + alpha_s (1 - e^-h) D

    For second order, D is the prediction half a step ahead. It is extrapolated on the straight line
    through the current prediction x0_hat and x0_hat_last, that of the previous step. The previous
    step had the length h_last in lambda:

        D = x0_hat + h / (2 h_last) (x0_hat - x0_hat_last)

    The first step, and the last one to time 0, take D = x0_hat, which is `ddim`'s step.

    **Source** Lu et al., DPM-Solver++, 2022, Algorithm 2.
    """
    last_x0 = last_lambda = None
    for t, s in _time_pairs("dpm_solver", x, times, path):
        x0 = denoise(x, t).x0
        alpha, sigma, _, _ = path.coefficients(t)
        alpha_s, sigma_s, _, _ = path.coefficients(s)
        lambda_t = math.log(alpha / sigma) if alpha > 0 else -math.inf
        d = x0
        if last_x0 is not None and s != 0:
            h, h_last = math.log(alpha_s / sigma_s) - lambda_t, lambda_t - last_lambda
            d = x0 + h / (2 * h_last) * (x0 - last_x0)
        x = sigma_s / sigma * x + (alpha_s - alpha * sigma_s / sigma) * d
        x = callback(x, s) if callback else x
        last_x0, last_lambda = x0, lambda_t
    return x


def inpainting(known, mask, *, path: NoisePath = VARIANCE_PRESERVING, rng) -> Callable:
    """Return a sampler's callback that keeps the known part of an image.

    After each step, x is replaced where mask is 1 by a sample of q(x_s | known). At time 0 this is
    the known image itself. The next step adapts the unknown part to it.

    **Limits.** The result is no sample of p(unknown | known). The known part is sampled anew at
    each time and does not depend on the unknown part. So seams are visible between the two (Song et
    al., 2021, appendix I.2). Lugmayr et al., RePaint, 2022, repeat steps forward and back to repair
    them.

    **Shapes** known (N, ...), mask (N, ...) from 0 to 1, or a shape that broadcasts to it.
    """

    def keep_known(x, s: float):
        known_s = path.q_sample(known, rng.normal(known.shape, known.dtype), s)
        return mask * known_s + (1 - mask) * x

    return keep_known


def _draw_noise(name: str, x, rng):
    """Draw noise like x (N, ...)."""
    if rng is None:
        raise ValueError(f"{name}: this sampler adds noise; give it rng=default_rng(seed)")
    return rng.normal(x.shape, x.dtype)


def _time_pairs(name: str, x, times: Sequence[float], path: NoisePath) -> Iterator:
    """Check the arguments of a sampler and return the pairs (t, s) of neighbouring times.

    They are Python floats, which take the dtype of the arrays they are multiplied with.
    """
    times = [float(t) for t in times]
    if isinstance(x, Tensor):
        raise TypeError(f"{name}: x is a Tensor; give its array, samplers are not differentiated")
    is_decreasing = all(t > s for t, s in pairwise(times))
    if len(times) < 2 or not (path.end >= times[0] and times[-1] >= 0 and is_decreasing):
        given = f"{times[:4]}{' ...' if len(times) > 4 else ''}"
        raise ValueError(
            f"{name}: times decrease from at most {path.end}, pure noise, to 0, data; got {given}"
        )
    return pairwise(times)
