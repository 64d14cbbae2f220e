"""Activation functions, each a primitive with its derivative.

Where the derivative is a function of the output y, the rule saves y: the next layer saves it too,
as its input, so it takes no additional memory. At a kink each takes PyTorch's value: relu'(0) = 0,
leaky_relu'(0) = negative_slope.

`elementwise` names the CUDA kernel that takes the place of a formula on a GPU: its inputs, its
outputs and its body (backend/kernels.py). Read the NumPy formula below it.

`in_pieces` hands a large array to a formula piece by piece, in several threads. The result is the
same. It pays for exponentials, and not for a product or two: in a training step of the DCGAN,
waking threads then costs more time than it saves.

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.primitive import primitive
from ..backend import activation_kernels as cuda
from ..backend.kernels import elementwise
from ..backend.pieces import in_pieces
from .arguments import check_floating
from .elementwise import exp
from .error_function import erf, erf_of_array
from .masking import apply_mask
from .selection import minimum, where
from .trigonometry import tanh

__all__ = ["elu", "gelu", "leaky_relu", "log_sigmoid", "relu", "sigmoid", "silu", "softplus"]


@primitive
def sigmoid(x):
    """The logistic sigmoid.

    **Math** y = 1 / (1 + e^-x); dx = g y (1 - y).
    **Saved** y.
    **Numerics** Small values keep their relative accuracy, down to e^-88 in float32.
    """
    check_floating("sigmoid", x=x)
    return _sigmoid(x)


@elementwise("T x", "T y", "y = 1 / (1 + exp(-x))")
@in_pieces
def _sigmoid(x):
    with np.errstate(over="ignore"):  # where e^-x is infinite, the quotient is 0, as it should be
        return 1 / (1 + np.exp(-x))


@elementwise("T g, T y", "T dx", "dx = g * y * (1 - y)")
def _sigmoid_rule(g, y):
    return g * y * (1 - y)


sigmoid.vjp(x=_sigmoid_rule)


@primitive
def softplus(x, *, beta=1.0, threshold=20.0):
    """A smooth ReLU, log(1 + e^(beta x)) / beta; as PyTorch's, x itself where beta x > threshold.

    **Math** With u = beta x, y = log(1 + e^u) / beta; dx = g sigmoid(u).
    For u <= 0, log(1 + e^u) is computed as it stands. For u > 0 it is
    log(e^u (1 + e^-u)) = u + log(1 + e^-u). Both are max(u, 0) + log(1 + e^-|u|).
    Beyond the threshold y = x and dx = g.
    **Saved** x.
    **Numerics** Nothing overflows, and small values keep their relative accuracy. Beyond the
    threshold of 20 the term log(1 + e^-u) is below 2.1e-9, which float32 cannot hold next to u.
    """
    check_floating("softplus", x=x)
    return _softplus(x, beta, threshold)


@elementwise("T x, T beta, T threshold", "T y", cuda.SOFTPLUS)
@in_pieces
def _softplus(x, beta, threshold):
    u = x if beta == 1 else x * beta
    y = np.log1p(np.exp(-np.abs(u)), out=np.empty_like(u))
    y += np.maximum(u, 0)
    if threshold < np.inf:
        np.copyto(y, u, where=u > threshold)
    return y if beta == 1 else np.divide(y, beta, out=y)


@elementwise("T g, T x, T beta, T threshold", "T dx", cuda.SOFTPLUS_RULE)
@in_pieces
def _softplus_rule(g, x, beta, threshold):
    u = x if beta == 1 else x * beta
    return g * where(u > threshold, 1.0, sigmoid(u))


softplus.vjp(x=_softplus_rule)


@primitive
def log_sigmoid(x):
    """The logarithm of the sigmoid.

    **Math** y = log(1 / (1 + e^-x)) = -softplus(-x); dx = g sigmoid(-x).
    **Saved** x.
    **Numerics** Stable where the logarithm of `sigmoid` would be -inf.
    """
    check_floating("log_sigmoid", x=x)
    return _log_sigmoid(x)


@elementwise("T x", "T y", cuda.LOG_SIGMOID)
def _log_sigmoid(x):
    return -softplus(-x, threshold=math.inf)


@elementwise("T g, T x", "T dx", "dx = g / (1 + exp(x))")
def _log_sigmoid_rule(g, x):
    return g * sigmoid(-x)


log_sigmoid.vjp(x=_log_sigmoid_rule)


@primitive
def relu(x):
    """The rectified linear unit, max(x, 0).

    **Math** dx = g [y > 0].
    **Saved** y.
    **Numerics** Where x is NaN the gradient passes, so that a NaN stays visible.
    """
    return _relu(x)


def _relu(x):
    # Clipping by two numbers takes a third of the time of np.maximum(x, 0).
    return x.clip(0, np.inf) if x.dtype.kind == "f" else np.maximum(x, 0)


@elementwise("T g, T y", "T dx", "dx = y != 0 ? g : T(0)")
def _relu_rule(g, y):
    return apply_mask(g, y != 0)  # y is never negative, and NaN != 0 holds


relu.vjp(x=_relu_rule)


@primitive
def _step(x, *, low=0):
    """1 where x > 0, else `low` from 0 to 1, in the dtype of x: a constant."""
    return _step_of(x, low)


@elementwise("T x, T low", "T y", "y = x > 0 ? T(1) : low")
def _step_of(x, low):
    step = (x > 0).astype(x.dtype)
    return step.clip(low, 1) if low else step


_step.vjp(x=None)


@primitive
def leaky_relu(x, *, negative_slope=0.01):
    """The leaky ReLU: x where x > 0, else negative_slope x.

    **Math** dx = g where x > 0, else negative_slope g.
    **Saved** y, which has the sign of x. Therefore negative_slope must lie in [0, 1].
    """
    check_floating("leaky_relu", x=x)
    if not 0 <= negative_slope <= 1:
        raise ValueError(
            f"leaky_relu: negative_slope={negative_slope} must lie in [0, 1], "
            "so that the output tells the sign of x"
        )
    if negative_slope == 0:  # this is relu; 0 times an infinite x would be NaN
        return _relu(x)
    return _leaky_relu(x, negative_slope)


@elementwise("T x, T negative_slope", "T y", "y = x > 0 ? x : negative_slope * x")
def _leaky_relu(x, negative_slope):
    y = np.multiply(x, negative_slope, out=np.empty_like(x))
    return np.maximum(x, y, out=y)


def _leaky_relu_rule(g, y, negative_slope):
    return _scale_negative(g, y, negative_slope) if negative_slope else _relu_rule(g, y)


@elementwise("T g, T y, T negative_slope", "T dx", "dx = y > 0 ? g : negative_slope * g")
def _scale_negative(g, y, negative_slope):
    return g * _step(y, low=negative_slope)


leaky_relu.vjp(x=_leaky_relu_rule)


@primitive
def elu(x, *, alpha=1.0):
    """The exponential linear unit: x where x > 0, else alpha (e^x - 1).

    **Math** dx = g where x > 0, else g alpha e^x.
    **Saved** x. (y + alpha would have lost the digits of e^x where that is far below 1.)
    """
    check_floating("elu", x=x)
    if not alpha >= 0:
        raise ValueError(
            f"elu: alpha={alpha} must be at least 0; a negative one would turn the curve back at 0"
        )
    return _elu(x, alpha)


@elementwise("T x, T alpha", "T y", "y = x > 0 ? x : alpha * expm1(x)")
@in_pieces
def _elu(x, alpha):
    return alpha * np.expm1(np.minimum(x, 0)) + np.maximum(x, 0)


@elementwise("T g, T x, T alpha", "T dx", "dx = x > 0 ? g : g * (alpha * exp(x))")
@in_pieces
def _elu_rule(g, x, alpha):
    # alpha e^min(x, 0) is alpha e^x left of 0, and alpha right of 0; there add 1 - alpha.
    return g * (alpha * exp(minimum(x, 0.0)) + (1 - alpha) * _step(x))


elu.vjp(x=_elu_rule)


@primitive
def silu(x):
    """The sigmoid-weighted linear unit x sigmoid(x), also called swish.

    **Math** y = x s with s = sigmoid(x) and s' = s (1 - s);
    dx = g (s + x s') = g (s + y (1 - s)).
    **Saved** x and y.
    """
    check_floating("silu", x=x)
    return _silu(x)


@elementwise("T x", "T y", "y = x / (1 + exp(-x))")
@in_pieces
def _silu(x):
    with np.errstate(over="ignore"):  # as in _sigmoid
        return x / (1 + np.exp(-x))


@elementwise("T g, T x, T y", "T dx", cuda.SILU_RULE)
@in_pieces
def _silu_rule(g, x, y):
    s = sigmoid(x)
    return g * (s + y * (1 - s))


silu.vjp(x=_silu_rule)


@primitive
def gelu(x, *, approximate="none"):
    """The Gaussian error linear unit x Phi(x), with Phi the distribution function of N(0, 1).

    **Math** exact: Phi(x) = (1 + erf(x / sqrt(2))) / 2, with the density phi(x) = Phi'(x);
    dx = g (Phi(x) + x phi(x)).
    approximate="tanh", the paper's approximation:
    Phi(x) = (1 + t) / 2 with t = tanh(u), u = sqrt(2 / pi) (x + 0.044715 x^3);
    dx = g ((1 + t) / 2 + x (1 - t^2) u' / 2).
    **Saved** x.
    **Source** Hendrycks and Gimpel 2016, Gaussian error linear units.
    """
    check_floating("gelu", x=x)
    if approximate not in ("none", "tanh"):
        raise ValueError(f'gelu: approximate={approximate!r}; it is "none" (exact) or "tanh"')
    return _gelu_tanh(x) if approximate == "tanh" else _gelu_exact(x)


@elementwise("T x", "T y", "y = (1 + erf(x * T(0.70710678118654752))) * x * T(0.5)")
@in_pieces
def _gelu_exact(x):
    if x.dtype == np.float16:
        return _gelu_exact(x.astype(np.float32)).astype(x.dtype)
    y = erf_of_array(np.multiply(x, math.sqrt(0.5), out=np.empty_like(x)))
    y += 1
    y *= x
    y *= 0.5
    return y


@elementwise("T g, T x", "T dx", cuda.GELU_RULE)
@in_pieces
def _gelu_exact_rule(g, x):
    density = exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * (0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density)


_TANH_SCALE, _TANH_CUBIC = math.sqrt(2 / math.pi), 0.044715


@elementwise("T x", "T y", cuda.GELU_TANH)
@in_pieces
def _gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(_TANH_SCALE * x * (1 + _TANH_CUBIC * (x * x))))


@elementwise("T g, T x", "T dx", cuda.GELU_TANH_RULE)
@in_pieces
def _gelu_tanh_rule(g, x):
    xx = x * x
    t = tanh(_TANH_SCALE * x * (1 + _TANH_CUBIC * xx))
    du = (0.5 * _TANH_SCALE) * x * (1 - t * t) * (1 + 3 * _TANH_CUBIC * xx)
    return g * (0.5 * (1 + t) + du)


def _gelu_rule(g, x, approximate):
    return _gelu_tanh_rule(g, x) if approximate == "tanh" else _gelu_exact_rule(g, x)


gelu.vjp(x=_gelu_rule)
