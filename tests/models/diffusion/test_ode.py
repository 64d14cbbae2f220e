"""The Runge-Kutta step, for a state of several parts."""

import math

import numpy as np

from tinygen.models.diffusion.ode import rk4_step


def test_rk4_integrates_a_rotation_and_its_integral_to_fourth_order():
    """The state is x' = y, y' = -x, and the integral of t^3, for which the method is exact."""

    def derivatives(t, x, y, integral):
        return y, -x, t**3

    errors = []
    for n in (10, 20):
        h, state = 1.0 / n, (np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.0)
        for i in range(n):
            state = rk4_step(derivatives, state, i * h, (i + 1) * h, h)
        x, _, integral = state
        errors.append(np.abs(x - [math.cos(1), math.sin(1)]).max())
        assert abs(integral - 0.25) < 1e-14
    assert 3.7 < math.log2(errors[0] / errors[1]) < 4.3
