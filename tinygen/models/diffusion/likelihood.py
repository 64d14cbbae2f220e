"""log p(x) of a diffusion model: exactly, by following its ODE from the data to the noise; and the bound that it was derived from.

**Along a flow.** Points move by dx/dt = v(x, t), and carry their density with them: a small volume around a point grows at the rate div v = sum_i
dv_i/dx_i, and its mass stays, so along the way d log p / dt = -div v. At the end all is noise, whose density is known:

    log p_0(x_0) = log N(x_end; 0, I) + integral from 0 to end of div v dt.

This is a flow model's change of variables with infinitely many layers (Chen et al., Neural Ordinary Differential Equations, 2018; Song et al., 2021,
eq. 39).

**The divergence** takes D derivatives, one a dimension. With one random vector e of +-1, e^T (dv/dx) e has the same mean: sum_ij e_i e_j dv_i/dx_j, where
E[e_i e_j] = 0 but for i = j, where e_i^2 = 1 (Hutchinson, 1990). One backward pass, and the noise of an estimate.

**Nats and bits.** Log-densities depend on the unit of x: halve all numbers, and each dimension's density doubles. Pictures are bytes, and what can be
compared is the probability of *bytes*, in bits a pixel and colour: `bits_per_dimension`. Bytes themselves: 8 bits each, if nothing is known of
pictures.
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
from .objectives import kl_step
from .schedules import VARIANCE_PRESERVING, Path

__all__ = ["Bound", "bits_per_dimension", "log_likelihood", "variational_bound"]

Array = Any


def log_likelihood(
    denoise: Callable, x: Array, steps: int = 100, *, path: Path = VARIANCE_PRESERVING, start: float = 0.0, end: float | None = None,
    log_base: Callable | None = None, rng: RNG | None = None,
) -> Array:  # fmt: skip
    """log p(x) of each example, (N,), nats, by `steps` steps of Runge and Kutta's method of fourth order, for x and the integral together.

    Parameters
    ----------
    denoise : of Tensors x (N, ...) and a level, a Prediction that can be differentiated in x.
    x : (N, ...), float64 for more than six digits.
    start : the first level, at which x is taken to be: 0, or where the network is sure of itself. end : the last, by default path.end.
    log_base : log-density at the end, of (N, ...) -> (N,); by default that of N(0, I).
    generator : draws one vector of +-1 an example, and the divergence is estimated by it; without, it is exact, in D backward passes.
    """
    if steps < 1 or not 0 <= start < (path.end if end is None else end) <= path.end:
        raise ValueError(f"log_likelihood: needs at least one step, and levels 0 <= start < end <= {path.end:.4g}; got {steps}, {start} and {end}")
    end = path.end if end is None else end
    probe = None if rng is None else 2 * rng.bernoulli(0.5, x.shape, x.dtype) - 1
    total, h = 0.0, (end - start) / steps
    for i in range(steps):
        t = start + i * h
        k1, d1 = _velocity(denoise, x, t, path, probe)
        k2, d2 = _velocity(denoise, x + h / 2 * k1, t + h / 2, path, probe)
        k3, d3 = _velocity(denoise, x + h / 2 * k2, t + h / 2, path, probe)
        k4, d4 = _velocity(denoise, x + h * k3, t + h, path, probe)
        x, total = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), total + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return total + (_log_normal(x) if log_base is None else log_base(x))


def _velocity(denoise, x, t: float, path: Path, probe):
    """v and div v at x: arrays (N, ...) and (N,)."""
    x, m = tensor(x, requires_grad=True), path.mix(t)
    p = denoise(x, t)
    v = m.d_alpha * p.x0 + m.d_sigma * p.eps
    if probe is not None:
        return v.data, _sum(grad(v, x, probe).data * probe)
    n, size = len(x), math.prod(x.shape[1:])
    flat, total = v.reshape((n, size)), 0.0
    for i in range(size):  # examples do not see one another: the gradient of the sum over all is each one's own
        total = total + grad(flat[:, i].sum(), x, retain_graph=True).data.reshape(n, size)[:, i]
    return v.data, total


class Bound(NamedTuple):
    """The three parts of the bound on -log p(x) (objectives.py), each (N,), in nats: the last level against N(0, I), all steps, and what is left at the
    first.
    """

    prior: Array
    steps: Array
    data: Array

    @property
    def total(self) -> Array:
        return self.prior + self.steps + self.data


def variational_bound(
    denoise: Callable, x: Array, levels: Sequence[float], *, path: Path = VARIANCE_PRESERVING, rng: RNG, pixels: bool = False
) -> Bound:
    """The bound on -log p(x), each step's term estimated with one draw of noise. The more levels, the tighter.

    levels : as a sampler's, from noise down, but the last is above 0: what is seen there of x is all that the last part, x given x_1, knows. It takes
        no network: with y = x_1 / alpha = x + ratio eps and a flat prior for x, p(x | x_1) is N(y, ratio^2) for real numbers x; for pixels, the same
        made to sum to 1 over the 256 values.
    pixels : x are bytes as b / 127.5 - 1: the bound is on -log P(bytes).
    """
    levels = [float(t) for t in levels]
    if not levels or not (path.end >= levels[0] and levels[-1] > 0 and all(t > s for t, s in pairwise(levels))):
        raise ValueError(f"variational_bound: levels go down from at most {path.end}, the last above 0; got {levels}")
    alpha, sigma, _, _ = path.mix(levels[0])
    prior = _sum(0.5 * ((alpha * x) ** 2 + sigma**2 - 1) - math.log(sigma))  # KL(N(alpha x, sigma^2) || N(0, 1))
    steps = 0.0
    for t, s in pairwise(levels):
        x_t = path.q_sample(x, rng.normal(x.shape, x.dtype), t)
        found = kl_step(x, x_t, denoise(x_t, t), t, s, path)
        steps = steps + (found.data if isinstance(found, Tensor) else found)
    ratio, eps = path.ratio(levels[-1]), rng.normal(x.shape, x.dtype)
    if not pixels:
        return Bound(prior, steps + 0 * prior, _sum(0.5 * eps * eps + math.log(ratio) + 0.5 * math.log(2 * math.pi)))
    y, others = x + ratio * eps, 0.0
    own = (y - x) ** 2
    for b in range(256):
        others = others + np.exp((own - (y - (b / 127.5 - 1)) ** 2) / (2 * ratio**2))
    return Bound(prior, steps + 0 * prior, _sum(np.log(others)))


def bits_per_dimension(nats: Any, shape: Sequence[int]) -> Any:
    """Nats an example, of this shape, in bits a number: divided by D log 2."""
    return nats / (math.prod(shape) * math.log(2))


def _log_normal(x):
    return _sum(-0.5 * x * x - 0.5 * math.log(2 * math.pi))


def _sum(a):
    return a.sum(axis=tuple(range(1, a.ndim)))
