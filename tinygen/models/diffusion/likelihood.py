"""The likelihood of a diffusion model: log p(x) by the ODE, and the variational bound.

**A density along a flow.** Points move by dx/dt = v(x, t), the probability-flow ODE (`ode.py`). A
small volume around a point grows at the relative rate

    div v = sum_i dv_i/dx_i

The probability inside stays the same, so the density falls at this rate. Along a trajectory

    d log p_t(x_t) / dt = -div v(x_t, t)

Integrate from the data at time 0 to the end, where the density is that of the noise:

    log N(x_end; 0, I) - log p_0(x_0) = -integral from 0 to end of div v dt

    **log p_0(x_0) = log N(x_end; 0, I) + integral from 0 to end of div v dt**

It is the change of variables of a flow model with infinitely many layers (Chen et al., Neural
Ordinary Differential Equations, 2018; Song et al., 2021, eq. 39).

**The divergence** takes D derivatives, one for each dimension. One random vector e of signs +1 and
-1 gives an estimate without bias (Hutchinson, 1990). With the Jacobian J = dv/dx,

    E[e^T J e] = sum_ij E[e_i e_j] J_ij
               = sum_i J_ii = div v        E[e_i e_j] = 1 for i = j, and 0 otherwise

It takes one backward pass, and has the noise of an estimate.

**Units.** A log-density depends on the unit of x: if all numbers are halved, the density doubles in
each dimension. Images are bytes, so what can be compared is the probability of the *bytes*. It is
reported in bits per dimension, -log P / (D log 2) for D bytes. Without a model a byte has 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ...autograd.functional import grad
from ...autograd.tensor import Tensor, tensor
from ...backend import RNG
from .ode import ode_velocity, rk4_step
from .paths import VARIANCE_PRESERVING, NoisePath
from .posterior import posterior_kl

__all__ = ["Bound", "log_likelihood", "variational_bound"]

Array = Any


def log_likelihood(
    denoise: Callable,
    x: Array,
    steps: int = 100,
    *,
    path: NoisePath = VARIANCE_PRESERVING,
    start: float = 0.0,
    end: float | None = None,
    log_base: Callable | None = None,
    rng: RNG | None = None,
) -> Array:
    """Return log p(x) of each example, (N,), in nats.

    The fourth-order Runge-Kutta method integrates x and the divergence together.

    Parameters
    ----------
    denoise : function
        From a Tensor x (N, ...) and a time to a `Prediction` that is differentiable in x.
    x : array (N, ...)
        Float64 for more than six digits.
    steps : int
    path : NoisePath
    start, end : floats
        The times between which the ODE is followed. x is taken to be at `start`: 0, or the
        smallest time at which the network is reliable. `end` is path.end by default.
    log_base : function, optional
        The log-density at `end`, from (N, ...) to (N,). By default it is that of N(0, I).
    rng : RNG, optional
        Draws one random vector per example, and the divergence is estimated. Without it the
        divergence is exact, in D backward passes.

    Raises
    ------
    ValueError
        If there is no step, or not 0 <= start < end <= path.end.
    """
    if end is None:
        end = path.end
    if steps < 1 or not 0 <= start < end <= path.end:
        raise ValueError(
            f"log_likelihood: needs at least one step, and 0 <= start < end <= {path.end:.4g}; "
            f"got {steps} steps, {start} and {end}"
        )
    signs = None if rng is None else 2 * rng.bernoulli(0.5, x.shape, x.dtype) - 1  # (N, ...)

    def derivatives(t, x, integral):
        return _velocity_and_divergence(denoise, x, t, path, signs)

    integral, h = 0.0, (end - start) / steps
    for i in range(steps):
        t = start + i * h
        x, integral = rk4_step(derivatives, (x, integral), t, t + h, h)
    return integral + (_log_normal(x) if log_base is None else log_base(x))


def _velocity_and_divergence(denoise: Callable, x: Array, t: float, path: NoisePath, signs):
    """Return v (N, ...) and div v (N,) at x, arrays."""
    x = tensor(x, requires_grad=True)
    v = ode_velocity(denoise, x, t, path)
    if signs is not None:
        return v.data, _sum_per_example(grad(v, x, signs)[0].data * signs)  # e^T J e
    n, d = len(x), math.prod(x.shape[1:])
    v_rows, divergence = v.reshape((n, d)), 0.0
    for i in range(d):
        # v of one example depends on its own x alone, so the gradient of a sum over the batch
        # holds dv_i/dx of each example
        dv_i = grad(v_rows[:, i].sum(), x, retain_graph=True)[0].data.reshape(n, d)
        divergence = divergence + dv_i[:, i]
    return v.data, divergence


class Bound(NamedTuple):
    """The three parts of the bound on -log p(x) (`objectives.py`), each (N,), in nats.

    prior is the KL from x at the largest time to N(0, I), diffusion the sum over the steps, and
    reconstruction is -log p(x | x_1).
    """

    prior: Array
    diffusion: Array
    reconstruction: Array

    @property
    def total(self) -> Array:
        """The bound on -log p(x), (N,)."""
        return self.prior + self.diffusion + self.reconstruction


def variational_bound(
    denoise: Callable,
    x: Array,
    times: Sequence[float],
    *,
    path: NoisePath = VARIANCE_PRESERVING,
    rng: RNG,
    pixels: bool = False,
) -> Bound:
    """Return the bound on -log p(x) of each example. The more times, the tighter it is.

    Each term is estimated with one draw of noise.

    **The reconstruction term** takes no network. Let r = sigma / alpha at the smallest time, and
    y = x_1 / alpha = x + r eps. With a flat prior for x,

        p(x | x_1) = N(x; y, r^2 I)                              real numbers
        p(x | x_1) = prod_i exp(-(y_i - x_i)^2 / (2 r^2)) / sum_b exp(-(y_i - b)^2 / (2 r^2))
                                                                 pixels: b over the 256 values

    Parameters
    ----------
    denoise : function
        From x (N, ...) and a time to a `Prediction`.
    x : array (N, ...)
    times : sequence of floats
        As a sampler's, decreasing from noise, but the last is above 0. The last term of the bound
        depends on x only through x_1, which is x at this last time.
    path : NoisePath
    rng : RNG
    pixels : bool
        x are bytes b, scaled to b / 127.5 - 1, and the bound is on -log P(bytes).

    Raises
    ------
    ValueError
        If the times do not decrease from at most path.end, or the last is not above 0.
    """
    times = [float(t) for t in times]
    is_decreasing = all(t > s for t, s in pairwise(times))
    if not times or not (path.end >= times[0] and times[-1] > 0 and is_decreasing):
        raise ValueError(
            f"variational_bound: times decrease from at most {path.end}, the last above 0; "
            f"got {times}"
        )
    prior = _prior_kl(x, times[0], path)
    diffusion = 0 * prior
    for t, s in pairwise(times):
        x_t = path.q_sample(x, rng.normal(x.shape, x.dtype), t)
        kl = posterior_kl(x, x_t, denoise(x_t, t), t, s, path)
        diffusion = diffusion + (kl.data if isinstance(kl, Tensor) else kl)
    ratio, eps = path.noise_to_signal(times[-1]), rng.normal(x.shape, x.dtype)
    reconstruct = _pixel_reconstruction if pixels else _normal_reconstruction
    return Bound(prior, diffusion, reconstruct(x, eps, ratio))


def _prior_kl(x: Array, t: float, path: NoisePath) -> Array:
    """Return KL(N(alpha x, sigma^2 I) || N(0, I)) of each example, (N,)."""
    alpha, sigma, _, _ = path.coefficients(t)
    # 1/2 ((alpha x)^2 + sigma^2 - 1) - log sigma in each dimension (`losses/divergence.py`)
    return _sum_per_example(0.5 * ((alpha * x) ** 2 + sigma**2 - 1) - math.log(sigma))


def _normal_reconstruction(x: Array, eps: Array, ratio: float) -> Array:
    """Return -log N(x; y, ratio^2 I) of each example, (N,), for y = x + ratio eps."""
    # (y - x)^2 / (2 ratio^2) = eps^2 / 2
    return _sum_per_example(0.5 * eps * eps + math.log(ratio) + 0.5 * math.log(2 * math.pi))


def _pixel_reconstruction(x: Array, eps: Array, ratio: float) -> Array:
    """Return -log P(x | y) of each example, (N,), for y = x + ratio eps and 256 values of x.

    **Numerics** -log P = log sum_b exp(((y - x)^2 - (y - b)^2) / (2 ratio^2)). The term of b = x
    is exp(0) = 1, so the logarithm does not underflow.
    """
    y, total = x + ratio * eps, 0.0
    squared_error = (y - x) ** 2
    for byte in range(256):
        value = byte / 127.5 - 1
        total = total + np.exp((squared_error - (y - value) ** 2) / (2 * ratio**2))
    return _sum_per_example(np.log(total))


def _log_normal(x: Array) -> Array:
    """Return log N(x; 0, I) of each example, (N,)."""
    return _sum_per_example(-0.5 * x * x - 0.5 * math.log(2 * math.pi))


def _sum_per_example(a: Array) -> Array:
    """Sum (N, ...) to (N,)."""
    return a.sum(axis=tuple(range(1, a.ndim)))
