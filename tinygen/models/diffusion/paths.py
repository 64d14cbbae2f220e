"""The forward process q(x_t | x_0): how an image becomes noise, in closed form.

Both noise paths of this package mix an image x_0 with Gaussian noise eps:

    x_t = alpha(t) x_0 + sigma(t) eps,    eps ~ N(0, I)

t is the *time*, or noise level: at t = 0 there is no noise, at t = `path.end` only noise. Training
never simulates a chain of small steps, because the closed form gives x_t at any t directly. What
other papers call these quantities stands in the table of `schedules.py`.

**Step by step** (DDPM, eq. 2). DDPM defines T small steps. Step i shrinks the image and adds noise:

    x_i = sqrt(1 - beta_i) x_{i-1} + sqrt(beta_i) eps_i,    eps_i ~ N(0, I)

If x_{i-1} has variance 1, x_i has variance (1 - beta_i) + beta_i = 1, for every beta_i.

**The closed form** (DDPM, eq. 4). Write a_i = 1 - beta_i, and insert step i-1 into step i:

    x_i = sqrt(a_i) x_{i-1} + sqrt(1 - a_i) eps_i
        = sqrt(a_i a_{i-1}) x_{i-2} + sqrt(a_i (1 - a_{i-1})) eps_{i-1} + sqrt(1 - a_i) eps_i

The sum of two independent Gaussians is a Gaussian, and its variance is the sum of theirs:

    a_i (1 - a_{i-1}) + (1 - a_i) = a_i - a_i a_{i-1} + 1 - a_i
                                  = 1 - a_i a_{i-1}

So two steps have the same form as one, with a_i a_{i-1} in place of a_i. By induction, with the
product alpha_bar_i = a_1 a_2 ... a_i,

    x_i = sqrt(alpha_bar_i) x_0 + sqrt(1 - alpha_bar_i) eps

Of the small steps, only alpha_bar_i remains. Hence the steps may have any size.

**The variance-preserving path.** The squares of the two coefficients sum to 1, so (alpha, sigma) is
a point on a quarter of the unit circle. Let t be its angle:

    alpha(t) = cos t,    sigma(t) = sin t,    0 <= t <= pi/2

Every schedule of DDPM is then a way to distribute times over this quarter circle (`schedules.py`).
The model does not depend on the schedule.

**The rectified-flow path** (flow matching) is the straight line from x_0 to eps:

    alpha(t) = 1 - t,    sigma(t) = t,    0 <= t <= 1

Dividing x_t by alpha gives x_0 + (sigma / alpha) eps on either path. So both paths visit the same
noise-to-signal ratios sigma / alpha; they differ only in the scale of x_t. `time_at` finds the time
of a ratio, and so converts times of one path into times of the other.

**The velocity** is the derivative of x_t along a path. With ' for d/dt,

    v = alpha' x_0 + sigma' eps
      = -sin t x_0 + cos t eps        variance-preserving
      = eps - x_0                     rectified flow

**x_0 and eps from x_t and v.** These are two linear equations, with the determinant

    alpha sigma' - sigma alpha' = cos^2 t + sin^2 t = 1        variance-preserving
                                = (1 - t) + t = 1              rectified flow

Cramer's rule solves them. No division is needed, since the determinant is 1:

    x_0 = sigma' x_t - sigma v
    eps = alpha v - alpha' x_t
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...backend.kernels import elementwise
from .elementary import elementary_functions, is_float

__all__ = ["RECTIFIED_FLOW", "VARIANCE_PRESERVING", "Coefficients", "NoisePath"]


class Coefficients(NamedTuple):
    """The coefficients of x_t = alpha x_0 + sigma eps and of v = d_alpha x_0 + d_sigma eps.

    On both paths alpha d_sigma - sigma d_alpha = 1.
    """

    alpha: Any
    sigma: Any
    d_alpha: Any
    d_sigma: Any


class NoisePath:
    """A path from data, at time 0, to noise, at time `end`.

    There are two, `VARIANCE_PRESERVING` and `RECTIFIED_FLOW`. A time t is a Python float, the same
    for all examples, or an array (N,), one for each example.
    """

    end: float

    def coefficients(self, t) -> Coefficients:
        """Return the coefficients at time t: floats for a float, arrays (N,) for an array (N,)."""
        raise NotImplementedError

    def time_at(self, noise_to_signal):
        """Return the time t at which sigma / alpha has this value, from 0 to infinity."""
        raise NotImplementedError

    def noise_to_signal(self, t):
        """Return sigma / alpha, the standard deviation of the noise in units of the data.

        It is infinite at the end of the path.
        """
        alpha, sigma, _, _ = self.coefficients(t)
        return math.inf if is_float(t) and t == self.end else sigma / alpha

    def coefficients_for(self, t, x) -> Coefficients:
        """Return the coefficients at time t, ready to be multiplied with examples x.

        **Shapes** x (N, ...), t a float or (N,). Coefficients of a float are floats; those of an
        array are (N, 1, ..., 1), with as many axes as x and the dtype of x.

        Raises
        ------
        ValueError
            If t is an array with another shape.
        """
        if not is_float(t):
            if t.shape not in ((), x.shape[:1]):
                raise ValueError(
                    "times: give a float for all examples, or an array with one for each, "
                    f"({len(x)},); got {t.shape}"
                )
            t = t.reshape(t.shape + (1,) * (x.ndim - 1)).astype(x.dtype)  # (N, 1, ..., 1)
        return self.coefficients(t)

    def q_sample(self, x0, eps, t):
        """Return x_t = alpha x_0 + sigma eps, a sample of q(x_t | x_0).

        **Shapes** x0, eps and x_t (N, ...); t a float or (N,).

        Raises
        ------
        ValueError
            If x0 and eps have different shapes.
        """
        if x0.shape != eps.shape:
            raise ValueError(f"q_sample: x0 {x0.shape} and eps {eps.shape} must have one shape")
        c = self.coefficients_for(t, x0)
        return _mix(x0, eps, c.alpha, c.sigma)

    def velocity(self, x0, eps, t):
        """Return v = alpha' x_0 + sigma' eps.

        **Shapes** x0, eps and v (N, ...); t a float or (N,).
        """
        c = self.coefficients_for(t, x0)
        return _mix(x0, eps, c.d_alpha, c.d_sigma)


@elementwise("T x0, T eps, T a, T s", "T y", "y = a * x0 + s * eps")
def _mix(x0, eps, a, s):
    return a * x0 + s * eps


class _VariancePreserving(NoisePath):
    """DDPM's path: alpha = cos t, sigma = sin t, so alpha^2 + sigma^2 = 1."""

    end = math.pi / 2

    def coefficients(self, t) -> Coefficients:
        functions = elementary_functions(t)
        cos, sin = functions.cos(t), functions.sin(t)
        return Coefficients(alpha=cos, sigma=sin, d_alpha=-sin, d_sigma=cos)

    def time_at(self, noise_to_signal):
        """Solve tan t = noise_to_signal."""
        return elementary_functions(noise_to_signal).atan(noise_to_signal)


class _RectifiedFlow(NoisePath):
    """The straight line from x_0 to eps: alpha = 1 - t, sigma = t.

    **Source** Lipman et al., Flow Matching for Generative Modeling, 2023; Liu et al., Flow
    Straight and Fast, 2023.
    """

    end = 1.0

    def coefficients(self, t) -> Coefficients:
        return Coefficients(alpha=1 - t, sigma=t, d_alpha=-1.0, d_sigma=1.0)

    def time_at(self, noise_to_signal):
        """Solve t / (1 - t) = noise_to_signal.

        t = r / (1 + r) is written as 1 - 1 / (1 + r), so that an infinite r gives 1.
        """
        return 1 - 1 / (1 + noise_to_signal)


VARIANCE_PRESERVING = _VariancePreserving()
RECTIFIED_FLOW = _RectifiedFlow()
