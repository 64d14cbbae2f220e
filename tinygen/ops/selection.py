"""Selection element by element: by a condition, the greater, the lesser, and within limits.

A comparison such as `a > b` is a constant mask. Rules apply it to the cotangent with `apply_mask`,
which gives 0 where the mask is False, even if the cotangent is infinite or NaN there.

`elementwise` gives the kernel that computes a formula on a GPU (backend/kernels.py).

In the docstrings g is the cotangent of the output y, and [a > b] is 1 where a > b and 0 elsewhere.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..backend.kernels import elementwise
from .masking import apply_mask

__all__ = ["clip", "maximum", "minimum", "where"]


@primitive
def where(condition, a, b):
    """Select a where the condition holds, else b.

    **Math** da = g [condition], db = g [not condition]. The condition has no gradient.
    **Saved** the condition.
    """
    return np.where(condition, a, b)


where.vjp(
    condition=None,
    a=lambda g, condition: apply_mask(g, condition != 0),
    b=lambda g, condition: apply_mask(g, condition == 0),
)


@primitive
def maximum(a, b):
    """The greater of a and b.

    **Math** da = g [a > b], db = g [b > a].
    **Saved** a and b.
    **Numerics** At a tie each receives g / 2. Where one is NaN, so is y, and each receives g.
    """
    return np.maximum(a, b)


@elementwise("T g, T a, T b", "T da", "da = a > b ? g : a < b ? T(0) : a == b ? T(0.5) * g : g")
def _greater_gradient(g, a, b):
    """Return g where a > b, g / 2 where a = b, 0 where a < b; g where one is NaN.

    A gradient of 0 where a or b is NaN would hide the NaN.
    """
    return (apply_mask(g, ~(a < b)) + apply_mask(g, ~(a <= b))) * 0.5


maximum.vjp(
    a=lambda g, a, b: _greater_gradient(g, a, b), b=lambda g, a, b: _greater_gradient(g, b, a)
)


@primitive
def minimum(a, b):
    """The lesser of a and b.

    **Math** da = g [a < b], db = g [b < a].
    **Saved** a and b.
    **Numerics** At a tie each receives g / 2. Where one is NaN, so is y, and each receives g.
    """
    return np.minimum(a, b)


minimum.vjp(
    a=lambda g, a, b: _greater_gradient(g, b, a), b=lambda g, a, b: _greater_gradient(g, a, b)
)


@primitive
def clip(x, min=None, max=None):
    """Limit x to the interval [min, max]: numbers or arrays; None is no limit.

    **Math** y = min where x < min, max where x > max, else x.
    dx = g [min <= x <= max], dmin = g [x < min and min < max], dmax = g [x > max or min > max].
    **Saved** x, min and max.
    **Numerics** The gradient of x passes at the limits themselves, and at NaN. Where min > max,
    y = max, as in NumPy and PyTorch; for two numbers this is an error.
    """
    if isinstance(min, (int, float)) and isinstance(max, (int, float)) and min > max:
        raise ValueError(
            f"clip: no number is at least {min} and at most {max}; give the minimum first"
        )
    y = x if min is None else np.maximum(x, min)
    if max is not None:
        y = np.minimum(y, max)
    return y[...] if y is x else y


def _is_outside(x, min, max):
    """Return where x < min or x > max."""
    if max is None:
        return x < min
    return x > max if min is None else (x < min) | (x > max)


def _clip_dx(g, x, min, max):
    if min is not None and max is not None:
        return _pass_inside(g, x, min, max)
    return g if min is max is None else apply_mask(g, ~_is_outside(x, min, max))


@elementwise("T g, T x, T low, T high", "T dx", "dx = x < low || x > high ? T(0) : g")
def _pass_inside(g, x, low, high):
    return apply_mask(g, ~_is_outside(x, low, high))


def _clip_dmin(g, x, min, max):
    return apply_mask(g, x < min if max is None else (x < min) & (min < max))


def _clip_dmax(g, x, min, max):
    return apply_mask(g, x > max if min is None else (x > max) | (min > max))


clip.vjp(x=_clip_dx, min=_clip_dmin, max=_clip_dmax)
