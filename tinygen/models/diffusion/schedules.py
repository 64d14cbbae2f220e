"""The way from data to noise: x_t = alpha x_0 + sigma eps. In closed form, so that no noising is ever simulated.

**Little by little** (DDPM, eq. 2). T steps, each of which shrinks what is there and adds a little noise,

    x_i = sqrt(1 - beta_i) x_{i-1} + sqrt(beta_i) eps_i,    eps_i ~ N(0, I) :

if x_{i-1} has variance 1, so has x_i, whatever beta_i is.

**All at once** (eq. 4). Put two steps together: with a_i = 1 - beta_i,

    x_i = sqrt(a_i a_{i-1}) x_{i-2} + sqrt(a_i (1 - a_{i-1})) eps_{i-1} + sqrt(1 - a_i) eps_i,

and independent Gaussians add to one whose variance is the sum of theirs, a_i - a_i a_{i-1} + 1 - a_i = 1 - a_i a_{i-1}. So, by induction, with the product
A_i = a_1 ... a_i,

    x_i = sqrt(A_i) x_0 + sqrt(1 - A_i) eps.

Training draws x_i of any i in one line. And steps may be of any size: all that a step was for is A_i.

**The angle.** alpha^2 + sigma^2 = A + (1 - A) = 1: the pair lies on a circle, alpha = cos t, sigma = sin t, and the way from data to noise is a quarter
of it. The angle t is what all of this package calls a *level*, and what its networks are told. A schedule is then no more than a spacing of levels:
which of them are trained on how often, and which of them a sampler visits. The model itself has nothing to do with it.

**The straight line** (flow matching, rectified flow) is the other path: alpha = 1 - t, sigma = t, from data to noise on the chord instead of the arc.
Divide either x_t by its alpha: x_0 + (sigma / alpha) eps. All that is different is the scale of the picture at each *ratio* of noise to signal.
`Path.level` finds the level of a ratio, and so the way from one path to the other.

**The velocity** on a path is its derivative, v = dx_t/dt = alpha' x_0 + sigma' eps: eps cos t - x_0 sin t on the circle, eps - x_0 on the line. On both
alpha sigma' - alpha' sigma = 1, so that x_t and v determine what they were made of, without a division:

    x_0 = sigma' x_t - sigma v,    eps = alpha v - alpha' x_t.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...backend import RNG, array_module

__all__ = ["RECTIFIED_FLOW", "VARIANCE_PRESERVING", "Coefficients", "Path", "cosine_schedule", "karras_schedule", "levels_of", "linear_schedule", "logistic_schedule", "stratified_uniform"]

Array = Any


class Coefficients(NamedTuple):
    """The coefficients of x_t = alpha x_0 + sigma eps and of its velocity v = d_alpha x_0 + d_sigma eps. alpha d_sigma - d_alpha sigma = 1."""

    alpha: Any
    sigma: Any
    d_alpha: Any
    d_sigma: Any


class Path:
    """A way from data at level 0 to noise at level `end`. There are two, CIRCLE and LINE.

    Levels are Python floats, for all examples the same, or arrays (N,), one for each.
    """

    end: float

    def mix(self, t) -> Coefficients:
        """The coefficients at level t: floats for a float, arrays (N,) for an array (N,)."""
        raise NotImplementedError

    def level(self, ratio):
        """Where noise stands to signal as `ratio`, sigma / alpha = ratio: the inverse of `ratio(t)`, from 0 to infinity."""
        raise NotImplementedError

    def ratio(self, t):
        """sigma / alpha: how much noise, seen on the scale of the data. Infinite at the end."""
        alpha, sigma, _, _ = self.mix(t)
        return math.inf if isinstance(t, (int, float)) and t == self.end else sigma / alpha

    def at(self, t, like) -> Coefficients:
        """`mix(t)` to be multiplied with examples `like` (N, ...): of their type, and with an axis for each of theirs."""
        if not isinstance(t, (int, float)):
            if t.shape not in ((), like.shape[:1]):
                raise ValueError(f"levels: a float for all examples, or one for each, ({len(like)},); got {t.shape}")
            t = t.reshape(t.shape + (1,) * (like.ndim - 1)).astype(like.dtype)
        return self.mix(t)

    def q_sample(self, x0, eps, t):
        """x_t (N, ...) at levels t, a float or (N,): x0 and eps mixed."""
        if x0.shape != eps.shape:
            raise ValueError(f"q_sample: x0 {x0.shape} and eps {eps.shape} must have one shape")
        m = self.at(t, x0)
        return m.alpha * x0 + m.sigma * eps


class _Circle(Path):
    """alpha = cos t, sigma = sin t, t from 0 to pi/2: the variance is preserved. DDPM's path."""

    end = math.pi / 2

    def mix(self, t) -> Coefficients:
        xp = _functions(t)
        cos, sin = xp.cos(t), xp.sin(t)
        return Coefficients(cos, sin, -sin, cos)

    def level(self, ratio):
        return math.atan(ratio) if isinstance(ratio, (int, float)) else np.arctan(ratio)


class _Line(Path):
    """alpha = 1 - t, sigma = t, t from 0 to 1: each example goes to its noise straight and evenly (Lipman et al., Flow Matching, 2023; Liu et al.,
    2023).
    """

    end = 1.0

    def mix(self, t) -> Coefficients:
        return Coefficients(1 - t, t, -1.0, 1.0)

    def level(self, ratio):
        """sigma / alpha = t / (1 - t). Written as 1 - 1 / (1 + ratio), so that infinity gives 1."""
        return 1 - 1 / (1 + ratio)


VARIANCE_PRESERVING, RECTIFIED_FLOW = _Circle(), _Line()


# ---------------------------------------------------------------------------------------------------------------- spacings


def linear_schedule(u, low: float = 0.1, high: float = 20.0):
    """DDPM's spacing: the angle at the share u of the way, from 0 to 1; a float or an array.

    T steps with beta_i from low / T to high / T in a straight line (0.0001 to 0.02 for T = 1000). For many small steps log(1 - beta) = -beta, and the
    sum in log A = sum_i log(1 - beta_i) is an integral: log A = -(low u + (high - low) u^2 / 2), A(1) = e^-10.05. Then cos^2 t = A.

    At u = 0.7 alpha is 0.08: three levels in ten show nothing of the data, and whoever draws u evenly trains on them all the same.
    """
    xp = _functions(u)
    log_a = -(low * u + (high - low) * u * u / 2)
    return xp.atan2(xp.sqrt(-xp.expm1(log_a)), xp.exp(log_a / 2))


def cosine_schedule(u, s: float = 0.008):
    """Nichol and Dhariwal's spacing (Improved DDPM, 2021, eq. 17): A = f(u) / f(0) with f(u) = cos^2(pi/2 (u + s) / (1 + s)), found by looking for one
    under which pictures vanish evenly. As an angle there is little left to find: but for s, which keeps a little more noise in the first levels, it is
    t = u pi/2, the circle gone round at a constant speed.
    """
    xp = _functions(u)
    alpha = xp.cos(math.pi / 2 * (u + s) / (1 + s)) / math.cos(math.pi / 2 * s / (1 + s))
    return xp.atan2(xp.sqrt(1 - alpha * alpha), alpha)


def logistic_schedule(u, scale: float = 0.6, shift: float = 0.6):
    """A spacing for training: the angle at the share u, of which the logit, log(share / (1 - share)) of the quarter circle, is scale times that of u, plus shift.

    Near the data the last grain is learned, near the noise the mean, which is soon done; which strokes there are is settled in between, nearer to the
    noise. So there most of the levels should lie: of u drawn evenly the middle half falls on shares from 0.49 to 0.78. (Esser et al., Scaling Rectified
    Flow Transformers, 2024, section 3.1, draw normal logits of the level on the line; these are logistic, of which the quantiles are an elementary function.)
    """
    if _functions(u) is _Scalars:
        if not 0 <= u <= 1:
            raise ValueError(f"logistic_schedule: u is a share of the way, from 0 to 1; got {u}")
        u = float(u)
    near, far = u**scale, math.exp(-shift) * (1 - u) ** scale
    return math.pi / 2 * near / (near + far)


def stratified_uniform(n: int, rng: RNG):
    """n shares from 0 to 1, one drawn evenly from each n-th of the way: float32 (n,), in order.

    A mean over them has the expectation of one over n drawn each by itself, and less noise: a loss depends on the level more than on anything else
    in it. (To the same end Kingma et al., Variational Diffusion Models, 2021, shift one even row of levels by one random number.)
    """
    u = rng.uniform((n,))
    return (array_module(u).arange(n, dtype=u.dtype) + u) / n


def levels_of(betas) -> np.ndarray:
    """The levels of DDPM's steps 1 to T, from its table beta_1 ... beta_T: cos^2 t_i = A_i = (1 - beta_1) ... (1 - beta_i). NumPy float64 (T,)."""
    betas = np.asarray(betas, np.float64)
    if betas.ndim != 1 or not ((betas > 0) & (betas < 1)).all():
        raise ValueError("levels_of: betas are shares of noise in one step, (T,), each between 0 and 1")
    log_a = np.cumsum(np.log1p(-betas))
    return np.arctan2(np.sqrt(-np.expm1(log_a)), np.exp(log_a / 2))


def karras_schedule(n: int, low: float = 0.002, high: float = 80.0, rho: float = 7.0, path: Path = VARIANCE_PRESERVING) -> list[float]:
    """EDM's spacing for sampling: n levels whose ratios go from `high` down to `low`, and 0 as the last: n + 1.

    ratio_i = (high^(1/rho) + i / (n - 1) (low^(1/rho) - high^(1/rho)))^rho. With rho = 7 the steps near the data, where details are made, are short.
    Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models (EDM), 2022, eq. 5.
    """
    if n < 1 or not 0 < low < high:
        raise ValueError(f"karras_schedule: needs n of at least 1 and 0 < low < high; got {n}, {low} and {high}")
    steps = [high ** (1 / rho) + i / max(n - 1, 1) * (low ** (1 / rho) - high ** (1 / rho)) for i in range(n)]
    return [*(path.level(r**rho) for r in steps), 0.0]


class _Scalars:
    """Functions of Python floats, which take the type of the arrays that they meet; NumPy's return float64, which would not."""

    cos, sin, exp, expm1, atan2 = math.cos, math.sin, math.exp, math.expm1, math.atan2

    @staticmethod
    def sqrt(x):
        return math.sqrt(max(x, 0.0))


class _Arrays:
    cos, sin, exp, expm1, atan2 = np.cos, np.sin, np.exp, np.expm1, np.arctan2

    @staticmethod
    def sqrt(x):
        return np.sqrt(np.maximum(x, 0))


def _functions(t):
    if isinstance(t, (int, float)):
        return _Scalars
    array_module(t)  # or an error that says what it is
    return _Arrays
