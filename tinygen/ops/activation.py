"""The non-linearities of networks, each a primitive of few passes over memory, with its derivative beside it.

Forwards work in one buffer of their own: a fresh array of some MB costs as much as a pass. Where the derivative can be read off the output y,
the rule keeps y: the next layer keeps it too, as its input, so it costs no memory. At a kink each takes the value PyTorch takes: relu'(0) = 0,
leaky_relu'(0) = negative_slope.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from .elementwise import exp, maximum, minimum, tanh
from .masking import apply_mask

__all__ = ["elu", "erf", "gelu", "leaky_relu", "log_sigmoid", "relu", "sigmoid", "silu", "softplus"]


def _buffer(x):
    """An array to work in, with the shape and memory order of x."""
    return np.empty_like(x, dtype=x.dtype if x.dtype.kind == "f" else np.float64)


def _one_plus_exp_negative(x):
    """1 + e^-x, inf where that overflows: its inverse is then the 0 that is wanted."""
    y = np.negative(x, out=_buffer(x))
    with np.errstate(over="ignore"):
        np.exp(y, out=y)
    y += 1
    return y


@primitive
def sigmoid(x):
    """1 / (1 + e^-x). **Math** gx = g y (1 - y). **Saved** y. **Numerics** Small values keep their relative accuracy, down to e^-88 in float32."""
    y = _one_plus_exp_negative(x)
    return np.divide(1, y, out=y)


sigmoid.vjp(x=lambda g, y: g * y * (1 - y))


@primitive
def softplus(x):
    """log(1 + e^x), a smooth relu.

    **Math** y = max(x, 0) + log(1 + e^-|x|), for log(1 + e^x) = x + log(1 + e^-x); gx = g sigmoid(x). **Saved** x.
    **Numerics** In that form nothing overflows and small values keep their relative accuracy.
    """
    y = np.abs(x, out=_buffer(x))
    np.negative(y, out=y)
    np.exp(y, out=y)
    np.log1p(y, out=y)
    y += np.maximum(x, 0)
    return y


softplus.vjp(x=lambda g, x: g * sigmoid(x))


@primitive
def log_sigmoid(x):
    """log(sigmoid(x)) = -softplus(-x). **Math** gx = g sigmoid(-x). **Saved** x. **Numerics** Stable where log(sigmoid(x)) would be -inf."""
    return -softplus(-x)


log_sigmoid.vjp(x=lambda g, x: g * sigmoid(-x))


@primitive
def relu(x):
    """max(x, 0). **Math** gx = g [y > 0]. **Saved** y. **Numerics** Where x is NaN the gradient passes: nothing hides it."""
    return np.maximum(x, 0)


relu.vjp(x=lambda g, y: apply_mask(g, y != 0))  # y is never negative, and a NaN is not 0


@primitive
def _step(x):
    """1 where x > 0, else 0, in x's dtype: a constant."""
    return (x > 0).astype(x.dtype)


_step.vjp(x=None)


@primitive
def leaky_relu(x, *, negative_slope=0.01):
    """x where x > 0, else negative_slope x. **Math** gx = g, or g negative_slope. **Saved** y, which has x's sign. negative_slope is from 0 to 1."""
    if not 0 <= negative_slope <= 1:
        raise ValueError(f"leaky_relu: negative_slope={negative_slope} must lie in [0, 1], so that the output tells the sign of x")
    if negative_slope == 0:  # then it is relu: 0 times an infinite x would be NaN
        return np.maximum(x, 0)
    y = np.multiply(x, negative_slope, out=_buffer(x))
    return np.maximum(x, y, out=y)


leaky_relu.vjp(x=lambda g, y, negative_slope: g * maximum(_step(y), negative_slope) if negative_slope else apply_mask(g, y != 0))


@primitive
def elu(x, *, alpha=1.0):
    """x where x > 0, else alpha (e^x - 1). **Math** gx = g, or g alpha e^x. **Saved** x: y + alpha has lost e^x where that is far below 1."""
    if not alpha >= 0:
        raise ValueError(f"elu: alpha={alpha} must be at least 0: a negative one would make a fold of the kink")
    y = np.minimum(x, 0, out=_buffer(x))
    np.expm1(y, out=y)
    y *= alpha
    y += np.maximum(x, 0)
    return y


# alpha e^min(x, 0) is the slope left of 0 and alpha right of it, where _step makes it 1
elu.vjp(x=lambda g, x, alpha: g * (alpha * exp(minimum(x, 0.0)) + (1 - alpha) * _step(x)))


@primitive
def silu(x):
    """x sigmoid(x), also called swish. **Math** with s = sigmoid(x), gx = g (s + y (1 - s)). **Saved** x, y."""
    y = _one_plus_exp_negative(x)
    return np.divide(x, y, out=y)


def _silu_rule(g, x, y):
    s = sigmoid(x)
    return g * (s + y * (1 - s))


silu.vjp(x=_silu_rule)


# erf(x) = x P(x^2) / Q(x^2) for |x| <= c, beyond which it is 1 to the last bit: (c, P, Q), the highest power first. The coefficients were found by
# least squares in 60 digits, reweighted until the greatest relative error was least: 3e-8 for float32, 5e-17 for float64. All are positive, so
# nothing cancels in either sum.
_ERF_SINGLE = (
    4.0,
    (1.99357001e-06, 0.000284302776, 0.00386180256, 0.0530350044, 0.193012811, 1.12837914),
    (3.74772326e-05, 0.001180784, 0.0151635615, 0.115133399, 0.504385753, 1.0),
)
_ERF_DOUBLE = (
    6.0,
    (1.5139982482228897e-17, 2.1767950177700595e-14, 3.3250522644746226e-12, 1.7401800666976588e-10, 6.8256137743899385e-09,
     1.7182737251922846e-07, 3.9364675407236134e-06, 5.7618699253223002e-05, 0.00086104659722404699, 0.006949550136285558,
     0.066315812387920239, 0.22127580051459167, 1.1283791670955126),
    (8.5859449772672897e-16, 3.2737524471395359e-13, 2.5663146183035629e-11, 1.1367468551210173e-09, 3.5575369647346791e-08,
     8.4466936039016525e-07, 1.5660543745702387e-05, 0.00022812337975179964, 0.0025834575415954377, 0.022107954052572404,
     0.13524882708831854, 0.52943390570047422, 1.0),
)  # fmt: skip


def _polynomial(coefficients, u):
    """Horner's rule, in one buffer."""
    y = np.multiply(u, coefficients[0], out=np.empty_like(u))
    for c in coefficients[1:-1]:
        y += c
        y *= u
    y += coefficients[-1]
    return y


def _erf(x):
    if x.dtype == np.float16:  # which has no room for these coefficients
        return _erf(x.astype(np.float32)).astype(x.dtype)
    c, p, q = _ERF_SINGLE if x.dtype == np.float32 else _ERF_DOUBLE
    y = np.maximum(x, -c, out=_buffer(x))
    np.minimum(y, c, out=y)
    u = np.multiply(y, y, out=_buffer(x))
    y *= _polynomial(p, u)
    y /= _polynomial(q, u)
    np.maximum(y, -1, out=y)  # not even by rounding beyond 1
    return np.minimum(y, 1, out=y)


@primitive
def erf(x):
    """The error function. **Math** y = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x; gx = g 2 / sqrt(pi) e^(-x^2). **Saved** x.

    **Numerics** A rational function, to a few units of the last digit, relative, in float32 and float64. float16 is computed in float32.
    """
    return _erf(x)


erf.vjp(x=lambda g, x: g * (exp(-(x * x)) * (2 / math.sqrt(math.pi))))


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
    if x.dtype == np.float16:
        return _gelu.forward(x.astype(np.float32)).astype(x.dtype)
    y = _erf(np.multiply(x, math.sqrt(0.5), out=_buffer(x)))
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
