"""The probability-flow ODE: the forward process without randomness.

The forward process carries the density p_0 of the data through all p_t to N(0, I). An ordinary
differential equation moves points so that their density does the same:

    dx/dt = E[v | x_t = x] = alpha' x0_hat + sigma' eps_hat

It is the mean velocity of all pairs (x_0, eps) whose path passes through x at time t. Here
' is d/dt, x0_hat = E[x_0 | x_t = x] and eps_hat = E[eps | x_t = x]. A network learns these means by
least squares.

**Why.** Each pair moves with its own v = dx_t/dt. Density is conserved, which is the continuity
equation:

    dp_t/dt = -div(flux)
    flux(x) = p_t(x) E[v | x_t = x]        density times mean velocity

The flux depends on the mean velocity alone, not on which pair passes with which velocity. If all
points at x move with the mean velocity, the flux is the same, so p_t changes in the same way.

This is the probability-flow ODE of Song et al. (2021) and theorem 1 of flow matching (Lipman et
al., 2023) in one. Followed from noise to data it is a deterministic sampler (`samplers.py`).
Followed from data to noise it gives log p(x) (`likelihood.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from .paths import NoisePath

__all__ = ["ode_velocity", "rk4_step"]


def ode_velocity(denoise: Callable, x, t: float, path: NoisePath):
    """Return dx/dt = alpha' x0_hat + sigma' eps_hat of the ODE at x, both (N, ...)."""
    prediction = denoise(x, t)
    return path.velocity(prediction.x0, prediction.eps, t)


def rk4_step(f: Callable, state: tuple, t: float, t_next: float, h: float) -> tuple:
    """Return the state after one step of the fourth-order Runge-Kutta method.

        k1 = f(t,       y)
        k2 = f(t + h/2, y + h/2 k1)
        k3 = f(t + h/2, y + h/2 k2)
        k4 = f(t + h,   y + h k3)
        y_next = y + h/6 (k1 + 2 k2 + 2 k3 + k4)

    One step has an error of order h^5, all steps together of order h^4.

    Parameters
    ----------
    f : function
        f(t, *state) returns the derivatives of the state, a tuple like it.
    state : tuple
        Of arrays or numbers that change together.
    t, t_next, h : floats
        t_next = t + h. All three are given because t + h can differ from the caller's next time by
        rounding. f is evaluated exactly at t_next.
    """

    def move(derivatives: tuple, h: float) -> tuple:
        return tuple(y + h * k for y, k in zip(state, derivatives, strict=True))

    k1 = f(t, *state)
    k2 = f(t + h / 2, *move(k1, h / 2))
    k3 = f(t + h / 2, *move(k2, h / 2))
    k4 = f(t_next, *move(k3, h))
    slopes = zip(k1, k2, k3, k4, strict=True)
    weighted = tuple(a + 2 * b + 2 * c + d for a, b, c, d in slopes)
    return move(weighted, h / 6)
