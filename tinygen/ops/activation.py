"""The non-linearities of networks, each a primitive of few passes over memory, with its derivative beside it.

Where the derivative can be read off the output y, the rule keeps y: the next layer keeps it too, as its input, so it costs no memory. At a kink
each takes the value PyTorch takes: relu'(0) = 0, leaky_relu'(0) = negative_slope.
"""

from __future__ import annotations

import math

import numpy as np

from ..primitive import primitive
from .elementwise import _erf, erf, exp, maximum, minimum, tanh

__all__ = ["elu", "gelu", "leaky_relu", "log_sigmoid", "relu", "sigmoid", "silu", "softplus"]


def _exp_negative(x):
    """exp(-x), inf where that overflows: 1 / (1 + inf) is the 0 that is wanted."""
    with np.errstate(over="ignore"):
        return np.exp(-x)


@primitive
def sigmoid(x):
    """1 / (1 + e^-x). **Math** gx = g y (1 - y). **Saved** y. **Numerics** Small values keep their relative accuracy, down to e^-88 in float32."""
    y = _exp_negative(x)
    y += 1
    return 1 / y


sigmoid.vjp(x=lambda g, y: g * y * (1 - y))


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@primitive
def softplus(x):
    """log(1 + e^x), a smooth relu.

    **Math** y = max(x, 0) + log(1 + e^-|x|), for log(1 + e^x) = x + log(1 + e^-x); gx = g sigmoid(x). **Saved** x.
    **Numerics** In that form nothing overflows and small values keep their relative accuracy.
    """
    return _softplus(x)


softplus.vjp(x=lambda g, x: g * sigmoid(x))


@primitive
def log_sigmoid(x):
    """log(sigmoid(x)) = -softplus(-x). **Math** gx = g sigmoid(-x). **Saved** x. **Numerics** Stable: -1e4 gives -1e4, where log of sigmoid is -inf."""
    return -_softplus(-x)


log_sigmoid.vjp(x=lambda g, x: g * sigmoid(-x))


@primitive
def relu(x):
    """max(x, 0). **Math** gx = g [y > 0]. **Saved** y."""
    return np.maximum(x, 0)


relu.vjp(x=lambda g, y: g * (y > 0))


@primitive
def _step(y):
    """1 where y > 0, else 0, in y's dtype: a constant."""
    return (y > 0).astype(y.dtype)


_step.vjp(y=None)


@primitive
def leaky_relu(x, *, negative_slope=0.01):
    """x where x > 0, else negative_slope x. **Math** gx = g, or g negative_slope. **Saved** y, which has x's sign. negative_slope is from 0 to 1."""
    if not 0 <= negative_slope <= 1:
        raise ValueError(f"leaky_relu: negative_slope={negative_slope} must lie in [0, 1], so that the output tells the sign of x")
    return np.maximum(x, x * negative_slope)


leaky_relu.vjp(x=lambda g, y, negative_slope: g * maximum(_step(y), negative_slope))


@primitive
def elu(x, *, alpha=1.0):
    """x where x > 0, else alpha (e^x - 1). **Math** gx = g, or g (y + alpha). **Saved** y, which has x's sign. alpha is at least 0."""
    if not alpha >= 0:
        raise ValueError(f"elu: alpha={alpha} must be at least 0, so that the output tells the sign of x")
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


# minimum(y, 0) + alpha is the slope left of 0 and alpha right of it, where _step makes it 1
elu.vjp(x=lambda g, y, alpha: g * (minimum(y, 0.0) + (alpha + (1 - alpha) * _step(y))))


@primitive
def silu(x):
    """x sigmoid(x), also called swish. **Math** with s = sigmoid(x), gx = g (s + y (1 - s)). **Saved** x, y."""
    y = _exp_negative(x)
    y += 1
    return x / y


def _silu_rule(g, x, y):
    s = sigmoid(x)
    return g * (s + y * (1 - s))


silu.vjp(x=_silu_rule)


def gelu(x, *, approximate: str = "none"):
    """x Phi(x), Phi the distribution function of N(0, 1); approximate="tanh" replaces Phi as the paper's second form does.

    **Math** Phi(x) = (1 + erf(x / sqrt 2)) / 2; gx = g (Phi(x) + x phi(x)), phi the density. With "tanh": Phi(x) = (1 + t) / 2,
    t = tanh(u), u = sqrt(2 / pi) (x + 0.044715 x^3); gx = g ((1 + t) / 2 + x (1 - t^2) u' / 2). **Saved** x.
    **Source** Hendrycks and Gimpel 2016, Gaussian error linear units.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f'gelu: approximate={approximate!r}; it is "none" (exact) or "tanh"')
    return _gelu_tanh(x) if approximate == "tanh" else _gelu(x)


@primitive
def _gelu(x):
    y = _erf(x * math.sqrt(0.5))
    y += 1
    y *= x
    y *= 0.5
    return y


def _gelu_rule(g, x):
    density = exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * (0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density)


_gelu.vjp(x=_gelu_rule)
_C, _D = math.sqrt(2 / math.pi), 0.044715


@primitive
def _gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(_C * x * (1 + _D * (x * x))))


def _gelu_tanh_rule(g, x):
    xx = x * x
    t = tanh(_C * x * (1 + _D * xx))
    return g * (0.5 * (1 + t) + (0.5 * _C) * x * (1 - t * t) * (1 + 3 * _D * xx))


_gelu_tanh.vjp(x=_gelu_tanh_rule)
