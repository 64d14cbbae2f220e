"""Functions whose gradient is declared, not derived: it is not the derivative of the forward.

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor

__all__ = ["reverse_gradient", "stop_gradient", "straight_through"]


def stop_gradient(x):
    """Return x as a constant, x.detach().

    **Math** dx = 0, by declaration.
    """
    return x.detach() if isinstance(x, Tensor) else x


def straight_through(x, y):
    """The values of y with the gradient of x: the straight-through estimator.

    It serves a y that has no useful derivative in x, such as x rounded or replaced by its nearest
    code (VQ-VAE). The backward pass proceeds as if y were x.

    **Math** dx = g, dy = 0, by declaration.
    **Shapes** x and y the same.
    **Saved** nothing.
    """
    if np.shape(x) != np.shape(y):
        raise ValueError(
            f"straight_through: x {np.shape(x)} and y {np.shape(y)} must have one shape, "
            "because the cotangent of y becomes that of x"
        )
    if y.dtype.kind != "f":
        raise TypeError(
            f"straight_through: y is {y.dtype}, but only floating-point results have gradients; "
            "convert it with astype"
        )
    return _straight_through(x, y)


@primitive
def _straight_through(x, value):
    """The values of `value`."""
    return value[...]  # a view, so that a write to either is seen by both


_straight_through.vjp(x=lambda g: g, value=None)


@primitive
def reverse_gradient(x, *, scale=1.0):
    """Return x, and reverse its gradient: what follows minimises, what comes before maximises.

    One backward pass then serves both players of a game.

    **Math** y = x; dx = -scale g, by declaration.
    **Saved** nothing.
    """
    return x[...]


reverse_gradient.vjp(x=lambda g, scale: -scale * g)
