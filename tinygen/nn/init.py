"""Initial values of parameters.

Most functions take a shape and an `RNG`, and return a new array on the RNG's device. A trailing
underscore, as in `kaiming_normal_`, marks a function that writes into an existing module.

**Why the scale of the weights matters.** Take y = W x with n_in independent inputs, and weights of
mean 0 and variance s^2.

Forward, each output is a sum of n_in products:

    Var y = n_in s^2 E[x^2].

So a signal keeps its size through a layer if s^2 = 1 / n_in. Otherwise it grows or shrinks
exponentially with depth.

Backward, the gradient with respect to x is W^T g, a sum of n_out products. It keeps its size if
s^2 = 1 / n_out.

A ReLU sets half of a symmetric signal to zero, and so halves E[x^2]. The **gain** compensates:

    s = gain / sqrt(n),    gain^2 = 2 for ReLU,    gain^2 = 2 / (1 + a^2) for leaky ReLU of slope a.

A uniform variable on [-b, b] has the variance b^2 / 3, so b = sqrt(3) s gives the deviation s.

**Shapes** are those of the layers, (n_out, n_in, *kernel). With K the product of the kernel's
sizes, fan_in = n_in K and fan_out = n_out K take the places of n_in and n_out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..autograd.tensor import Tensor
from ..backend import RNG, to_device
from ..ops.arguments import as_number
from .checks import check_rng
from .module import Module, parameter
from .weighted import WeightedLayer, WeightWrapper

__all__ = [
    "calculate_fans",
    "calculate_gain",
    "constant",
    "default_parameters",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "normal",
    "ones",
    "orthogonal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Array = Any
Shape = tuple[int, ...]


def calculate_fans(shape: Shape) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight of this shape.

    fan_in is the number of products that are added up in one output. fan_out is the number of
    outputs to which one input contributes, at stride 1.
    """
    if len(shape) < 2:
        raise ValueError(
            f"calculate_fans: a shape {shape} has no input and output axis; "
            "it needs two axes or more, (n_out, n_in, *kernel)"
        )
    kernel_size = math.prod(shape[2:])
    return shape[1] * kernel_size, shape[0] * kernel_size


def calculate_gain(nonlinearity: str, a: float = 0.01) -> float:
    """Return the factor on the weights that compensates for a nonlinearity.

    The gains of "relu" and "leaky_relu" (of slope `a`) keep the second moment of a symmetric
    signal. The gain of "tanh", 5/3, is empirical. Those of "linear" and "sigmoid" are 1.
    """
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + a**2)),
    }
    if nonlinearity not in gains:
        raise ValueError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}; known are {', '.join(gains)}"
        )
    return gains[nonlinearity]


def constant(shape: Shape, value: float, device: str = "cpu", dtype: Any = np.float32) -> Array:
    """Return an array full of `value`."""
    return to_device(np.full(shape, value, dtype), device)


def zeros(shape: Shape, device: str = "cpu", dtype: Any = np.float32) -> Array:
    """Return an array of zeros."""
    return constant(shape, 0, device, dtype)


def ones(shape: Shape, device: str = "cpu", dtype: Any = np.float32) -> Array:
    """Return an array of ones."""
    return constant(shape, 1, device, dtype)


def uniform(
    shape: Shape, rng: RNG, low: float = 0.0, high: float = 1.0, dtype: Any = np.float32
) -> Array:
    """Return samples of the uniform distribution on [low, high)."""
    check_rng(rng)
    low, high = as_number(low), as_number(high)
    return rng.uniform(shape, dtype) * (high - low) + low


def normal(
    shape: Shape, rng: RNG, mean: float = 0.0, std: float = 1.0, dtype: Any = np.float32
) -> Array:
    """Return samples of N(mean, std^2)."""
    check_rng(rng)
    return rng.normal(shape, dtype) * as_number(std) + as_number(mean)


def kaiming_uniform(
    shape: Shape,
    rng: RNG,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: Any = np.float32,
) -> Array:
    """Return samples of U(-b, b), b = sqrt(3) gain / sqrt(fan); parameters as `kaiming_normal`.

    The layers use a = sqrt(5), PyTorch's default. Then gain^2 = 2 / 6 and b = 1 / sqrt(fan_in). The
    variance b^2 / 3 is a third of 1 / fan_in, which would keep the size of a signal through a
    linear layer. This default has no derivation; it is kept because published training recipes
    rely on it.

    **Source** He et al., Delving Deep into Rectifiers, 2015.
    """
    bound = math.sqrt(3) * _kaiming_std(shape, a, mode, nonlinearity)
    return uniform(shape, rng, -bound, bound, dtype)


def kaiming_normal(
    shape: Shape,
    rng: RNG,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: Any = np.float32,
) -> Array:
    """Return samples of N(0, gain^2 / fan), which keep the size of a signal through (leaky) ReLUs.

    **Source** He et al., Delving Deep into Rectifiers, 2015.

    Parameters
    ----------
    shape, rng, dtype : of the new array.
    a : slope of the leaky ReLU where x < 0; 0 is ReLU.
    mode : "fan_in" keeps the size of signals, "fan_out" that of gradients.
    nonlinearity : what follows the layer, as for `calculate_gain`.
    """
    return normal(shape, rng, 0.0, _kaiming_std(shape, a, mode, nonlinearity), dtype)


def default_parameters(
    shape: Shape, num_outputs: int, bias: bool, rng: RNG, dtype: Any
) -> tuple[Tensor, Tensor | None]:
    """Return a weight of this shape and a bias (or None) with PyTorch's initial values.

    Both are drawn from U(-b, b) with b = 1 / sqrt(fan_in), the weight first. The weights of
    convolutions are stored channels-last in memory, the order in which they are read.
    """
    weight = kaiming_uniform(shape, rng, a=math.sqrt(5), dtype=dtype)
    weight = parameter(ops.channels_last(weight))
    if not bias:
        return weight, None
    bound = 1 / math.sqrt(calculate_fans(shape)[0])
    return weight, parameter(uniform((num_outputs,), rng, -bound, bound, dtype))


def kaiming_normal_(model: Module, rng: RNG) -> None:
    """Redraw, in place, the weights of all linear layers and convolutions from N(0, 2 / fan_in).

    Biases, embeddings and attention layers do not change. `fan_in` is the attribute of the layer:
    for a transposed convolution it takes the stride into account.

    A signal then keeps its power E[x^2] from layer to layer, if a ReLU comes before each layer
    (the text above derives it). A first layer, without a ReLU before it, doubles the power. With
    SiLU instead of ReLU the signal shrinks: by a fifth if its power is 2, and by nearly half if it
    is small, because silu(x) is about x / 2 near 0.

    With the default weights of the layers (PyTorch's), only a sixth of the power is left after a
    layer and its ReLU. After five layers little is left besides the effect of the biases.

    **Source** He et al., Delving Deep into Rectifiers, 2015.

    Parameters
    ----------
    model : the module whose layers are redrawn, in the order of `model.modules()`.
    rng : source of the new weights.

    Raises
    ------
    ValueError
        If a layer lies within SpectralNorm, whose singular vectors belong to the old weight (redraw
        the weight first, then wrap it); or within EqualizedLR, which scales its weight itself.
    """
    check_rng(rng)
    if not isinstance(model, Module):
        raise TypeError(
            f"kaiming_normal_: give a Module, not a {type(model).__name__}; one weight is redrawn "
            "by weight.data = nn.init.kaiming_normal(weight.shape, rng)"
        )
    for module in model.modules():
        if isinstance(module, WeightWrapper):
            raise ValueError(
                f"kaiming_normal_: a layer lies within {type(module).__name__}, "
                f"{module.reason_to_keep_weight}"
            )
    for layer in model.modules():
        if isinstance(layer, WeightedLayer):
            weight, std = layer.weight, (2 / layer.fan_in) ** 0.5
            weight.data = normal(weight.shape, rng, std=std, dtype=weight.dtype)


def __getattr__(name: str):
    """Raise an AttributeError, which says what to type for a function of PyTorch's."""
    if name.removesuffix("_") in __all__:
        f = name.removesuffix("_")
        rng = "" if f in ("zeros", "ones", "constant") else ", rng"
        raise AttributeError(
            f"tinygen.nn.init has no {name}: write "
            f"layer.weight.data = nn.init.{f}(layer.weight.shape{rng}, ...)"
        )
    raise AttributeError(f"tinygen.nn.init has no {name}")


def _kaiming_std(shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    fan_in, fan_out = calculate_fans(shape)
    fans = {"fan_in": fan_in, "fan_out": fan_out}
    if mode not in fans:
        raise ValueError(
            "kaiming: mode must be 'fan_in' (keep the signal) or 'fan_out' (keep the gradient), "
            f"not {mode!r}"
        )
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans[mode], 1))


def xavier_uniform(shape: Shape, rng: RNG, gain: float = 1.0, dtype: Any = np.float32) -> Array:
    """Return samples of U(-b, b), b = sqrt(3) s, with s of `xavier_normal`.

    **Source** Glorot and Bengio, 2010.
    """
    bound = math.sqrt(3) * gain * math.sqrt(2 / max(sum(calculate_fans(shape)), 1))
    return uniform(shape, rng, -bound, bound, dtype)


def xavier_normal(shape: Shape, rng: RNG, gain: float = 1.0, dtype: Any = np.float32) -> Array:
    """Return samples of N(0, s^2), s^2 = gain^2 2 / (fan_in + fan_out).

    This is a compromise between 1 / fan_in, which keeps the size of the signal, and 1 / fan_out,
    which keeps that of the gradient.

    **Source** Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
    networks, 2010.
    """
    std = gain * math.sqrt(2 / max(sum(calculate_fans(shape)), 1))
    return normal(shape, rng, 0.0, std, dtype)


def orthogonal(shape: Shape, rng: RNG, gain: float = 1.0, dtype: Any = np.float32) -> Array:
    """Return a random matrix with orthonormal rows or columns, whichever are fewer.

    The matrix has n_out rows; the other axes are flattened into columns. It keeps the length of
    every vector, not just the mean length.

    The matrix is the Q of the QR factorization of a matrix of normal samples. Q is uniform over
    all orthogonal matrices if R is made unique by a positive diagonal: so column j of Q is
    multiplied by the sign of R[j, j].

    **Source** Saxe et al., 2014; Mezzadri, How to generate random matrices from the classical
    compact groups, 2007.
    """
    check_rng(rng)
    rows, columns = shape[0], math.prod(shape[1:])
    a = rng.normal((max(rows, columns), min(rows, columns)), dtype)
    q, r = np.linalg.qr(a)
    q = q * np.where(r.diagonal() < 0, -1, 1).astype(dtype)
    matrix = q if rows >= columns else q.T
    return (matrix * as_number(gain)).reshape(shape)
