"""The way back, from noise to data. Samplers are functions of one signature, which change nothing and draw only from the generator they are given:

    x_0 = sampler(denoise, x, levels, path=CIRCLE, generator=None, after=None, ...)

    denoise     of x (N, ...) and a level: a Prediction, (x0, eps) (objectives.denoiser makes one of a network)
    x           (N, ...) at the first level: pure noise, `rng.normal(shape)`
    levels      floats from there down to the last, 0 for finished pictures: [0.99 linear(u) for u in ...], karras(...)
    generator   for the samplers that add noise
    after       called after each step with x and its level; what it returns is x from there on: for inpainting, or to watch

**A stochastic way.** q(x_s | x_t, x_0) (objectives.py) with the guess for x_0: `ancestral`. Each step forgets a little of where it was and so of its
errors.

**An ordinary way.** The noising carries the density of the data, p_0, through all p_t to N(0, I). There is a flow that does the same without any noise:
move every x with the velocity

    dx/dt = E[v | x_t = x] = alpha' x^_0 + sigma' eps^,

the mean velocity of all pairs (x_0, eps) that pass here. Why: density is conserved, dp_t/dt = -div(flux), and the flux of a crowd at x is its density
times its *mean* velocity; who is who does not matter. It is the probability-flow ODE of Song et al. (2021) and flow matching's theorem 1, in one. A
deterministic map from noise to data: `euler`, `heun`, `rk4` follow it, with errors as h, h^2, h^4.

**In other variables.** On the scale of the data, z = x / alpha, with the ratio r = sigma / alpha, the same ODE is short, for the scale's own change
drops out:

    dz/dr = eps^.

Euler's step in it is `ddim`: keep the guess of x_0 and eps, and mix them anew for the next level. (On the line, where alpha and sigma are linear in t,
`euler` is the same step; on the circle its step leaves the circle.) `edm` is Heun's method in z and r. And with lambda = log(alpha / sigma) instead, in
which x_0 is what is kept (objectives.py), d(x / sigma) = (alpha / sigma) x^_0 dlambda: `dpm_solver` takes x^_0 as linear in lambda, from this guess and
the one before.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from ...autograd.tensor import Tensor
from .objectives import step_back
from .schedules import VARIANCE_PRESERVING, Path

__all__ = ["ancestral", "ddim", "dpm_solver", "edm", "euler", "heun", "inpainting", "rk4"]


def _sampler(step: Callable) -> Callable:
    """The sampler that takes this step from each level to the next."""

    @functools.wraps(step)
    def sample(denoise, x, levels, *, path=VARIANCE_PRESERVING, rng=None, after=None, **settings):
        for t, s in _steps(step.__name__, x, levels, path):
            x = step(denoise, x, t, s, path, rng, **settings)
            x = after(x, s) if after else x
        return x

    del sample.__wrapped__  # the signature is this one's
    return sample


@_sampler
def ancestral(denoise, x, t, s, path, rng, *, variance: float | None = 0.0):
    """DDPM's Algorithm 2: x_s from q(x_s | x_t, x^_0), again and again. The last step, to level 0, adds no noise: it is the guess x^_0 itself.

    variance : its place between the small one, 0, and the large one, 1, on a logarithmic scale (`objectives.step_back`). None: what the network learned.
    Source: Ho, Jain and Abbeel, 2020; Nichol and Dhariwal, 2021, for the learned one.
    """
    p, c = denoise(x, t), step_back(t, s, x, path)
    mean = c.of_x * x + c.of_x0 * p.x0
    if s == 0:
        return mean
    share = p.share if variance is None else variance
    if share is None:
        raise ValueError("ancestral: variance=None takes the share that the network predicts, and this one predicts none")
    return mean + (c.large * c.ratio ** (1 - share)) ** 0.5 * _noise("ancestral", x, rng)


@_sampler
def ddim(denoise, x, t, s, path, rng, *, eta: float = 0.0):
    """x_s = alpha_s x^_0 + sigma_s eps^: take the guess for the truth, and noise it to the next level with the noise that it says was in x_t.

    eta : share of that noise which is drawn afresh, c = eta sqrt(small variance), so that eps^ keeps sqrt(sigma_s^2 - c^2). With 1 it is `ancestral`.
    With 0 it is deterministic, and Euler's method in x / alpha and sigma / alpha: errors of first order.
    Source: Song, Meng and Ermon, Denoising Diffusion Implicit Models, 2021, eq. 12 and 16.
    """
    p, m = denoise(x, t), path.mix(s)
    if eta == 0:
        return m.alpha * p.x0 + m.sigma * p.eps
    c = step_back(t, s, x, path)
    fresh = eta * (c.large * c.ratio) ** 0.5
    return m.alpha * p.x0 + max(m.sigma**2 - fresh**2, 0.0) ** 0.5 * p.eps + fresh * _noise("ddim", x, rng)


@_sampler
def euler(denoise, x, t, s, path, rng):
    """x + (s - t) v(x, t): the probability-flow ODE by Euler's method, of first order. One evaluation a step."""
    return x + (s - t) * _velocity(denoise, x, t, path)


@_sampler
def heun(denoise, x, t, s, path, rng):
    """Euler's step, then again with the mean of the velocities at both ends: second order. Two evaluations a step.

    To level 0 it stays Euler's: there is no noise any more to be guessed, and no network was trained to.
    """
    v, h = _velocity(denoise, x, t, path), s - t
    there = x + h * v
    return there if s == 0 else x + h / 2 * (v + _velocity(denoise, there, s, path))


@_sampler
def rk4(denoise, x, t, s, path, rng):
    """Runge and Kutta's method of fourth order: four evaluations a step, the last one, to level 0, Euler's."""
    k1, h = _velocity(denoise, x, t, path), s - t
    if s == 0:
        return x + h * k1
    k2 = _velocity(denoise, x + h / 2 * k1, t + h / 2, path)
    k3 = _velocity(denoise, x + h / 2 * k2, t + h / 2, path)
    k4 = _velocity(denoise, x + h * k3, s, path)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@_sampler
def edm(denoise, x, t, s, path, rng, *, churn: float = 0.0, noise: float = 1.0, low: float = 0.0, high: float = math.inf):
    """Up a little, then down: noise is added first, until the ratio sigma / alpha is (1 + churn) times what it was, then Heun's step in z = x / alpha.

    churn : gamma of the paper, at most sqrt(2) - 1, there 'S_churn / steps'; 0 is deterministic. Fresh noise corrects errors of earlier steps.
    noise : factor of the noise that is added, a little over 1 to make up for detail that networks lose. low, high : the ratios between which it is added.
    Source: Karras et al., 2022, Algorithm 2. The first level must be under path.end, where z would be infinite.
    """
    if t == path.end:
        raise ValueError("edm: at path.end there is no data in x, and x / alpha is infinite; begin a little below, as `karras_schedule` does")
    r, r_s = path.ratio(t), path.ratio(s)
    z = x * (1 / path.mix(t).alpha)
    if churn > 0 and low <= r <= high:
        up = r * (1 + min(churn, math.sqrt(2) - 1))
        z = z + noise * (up * up - r * r) ** 0.5 * _noise("edm", x, rng)
        r, t = up, path.level(up)
    d = denoise(z * path.mix(t).alpha, t).eps
    z_s = z + (r_s - r) * d
    alpha = path.mix(s).alpha
    if s != 0:
        z_s = z + (r_s - r) / 2 * (d + denoise(z_s * alpha, s).eps)
    return z_s * alpha


def dpm_solver(denoise, x, levels, *, path: Path = VARIANCE_PRESERVING, rng=None, after: Callable | None = None):
    """DPM-Solver++ (2M): second order with one evaluation a step, for it remembers the last one. The first step and that to level 0 are `ddim`'s.

    With lambda = log(alpha / sigma), the ODE integrated over a step of h = lambda_s - lambda_t, x^_0 = D held constant, is exactly

        x_s = (sigma_s / sigma_t) x_t + alpha_s (1 - e^-h) D,    alpha_s e^-h = alpha_t sigma_s / sigma_t.

    D half a step ahead, along the straight line through this guess and the last, h_last ago: D + h / (2 h_last) (D - D_last). Source: Lu et al., 2022,
    Algorithm 2.
    """
    last = None
    for t, s in _steps("dpm_solver", x, levels, path):
        guess, (alpha, sigma, _, _), (alpha_s, sigma_s, _, _) = denoise(x, t).x0, path.mix(t), path.mix(s)
        ahead, log_snr = guess, math.log(alpha / sigma) if alpha > 0 else -math.inf
        if last is not None and s != 0:
            ahead = guess + (math.log(alpha_s / sigma_s) - log_snr) / (2 * (log_snr - last[1])) * (guess - last[0])
        x = sigma_s / sigma * x + (alpha_s - alpha * sigma_s / sigma) * ahead
        x = after(x, s) if after else x
        last = guess, log_snr
    return x


def inpainting(known, mask, *, path: Path = VARIANCE_PRESERVING, rng) -> Callable:
    """For a sampler's `after`: where mask (N, ...) is 1, x is replaced after each step by the known picture, noised to that level; at level 0, itself.

    What is unknown is then made to fit, by each next step, to what is known. It is no sample of p(unknown | known): the known part is drawn afresh each
    time and does not hear of the other, which shows as seams (Song et al., 2021, appendix I.2; Lugmayr et al., RePaint, 2022, go back and forth to mend
    them).
    """

    def after(x, s: float):
        return mask * path.q_sample(known, rng.normal(known.shape, known.dtype), s) + (1 - mask) * x

    return after


def _velocity(denoise, x, t: float, path: Path):
    p, m = denoise(x, t), path.mix(t)
    return m.d_alpha * p.x0 + m.d_sigma * p.eps


def _noise(name: str, x, rng):
    if rng is None:
        raise ValueError(f"{name}: it adds noise; give it a generator to draw from")
    return rng.normal(x.shape, x.dtype)


def _steps(name: str, x, levels: Sequence[float], path: Path):
    """Pairs of neighbouring levels, as Python floats, which take the type of what they are multiplied with."""
    levels = [float(t) for t in levels]
    if isinstance(x, Tensor):
        raise TypeError(f"{name}: x is a Tensor; give its array, nothing here is differentiated")
    if len(levels) < 2 or not (path.end >= levels[0] and levels[-1] >= 0 and all(t > s for t, s in pairwise(levels))):
        raise ValueError(f"{name}: levels go down from at most {path.end}, noise, to 0, data; got {levels[:4]}{' ...' if len(levels) > 4 else ''}")
    return pairwise(levels)
