"""Initial values of parameters: functions of a shape and a generator that return an array on the generator's device.

**Why the scale matters.** Take y = W x with n_in independent inputs and weights of mean 0 and variance s^2. Then Var y = n_in s^2 E[x^2], so a
signal passes through a layer with its size unchanged if s^2 = 1 / n_in; otherwise it grows or dies out exponentially in depth. Backwards the
same holds for the gradient W^T g with s^2 = 1 / n_out. A ReLU zeroes half of a symmetric signal and so halves E[x^2]: the **gain** makes up for
that, s = gain / sqrt(n), gain^2 = 2 for ReLU and 2 / (1 + a^2) for a leaky ReLU of slope a. A uniform variable on [-b, b] has the variance
b^2 / 3, hence b = sqrt(3) s.

Shapes follow the layers': (n_out, n_in, *kernel), with fan_in = n_in * kernel positions and fan_out = n_out * kernel positions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import RNG, array_module, to_device
from .module import Module
from .weighted import WeightedLayer, WeightWrapper

__all__ = [
    "calculate_gain", "constant", "fans", "kaiming_normal", "kaiming_normal_", "kaiming_uniform", "normal", "ones", "orthogonal", "uniform", "xavier_normal",
    "xavier_uniform", "zeros",
]

Array = Any
Shape = tuple[int, ...]


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs one output is a sum of, and how many outputs one input goes into, at stride 1."""
    if len(shape) < 2:
        raise ValueError(f"fans: a shape {shape} has no input and output axis; it needs two axes or more, (n_out, n_in, *kernel)")
    positions = math.prod(shape[2:])
    return shape[1] * positions, shape[0] * positions


def calculate_gain(nonlinearity: str, a: float = 0.01) -> float:
    """The factor by which weights must be larger to make up for what the nonlinearity takes away; `a`: the slope of a leaky ReLU.

    That of tanh, 5/3, is empirical; the others keep the second moment (relu, leaky_relu) or are 1.
    """
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + a**2))}
    if nonlinearity not in gains:
        raise ValueError(f"calculate_gain: unknown nonlinearity {nonlinearity!r}; known are {', '.join(gains)}")
    return gains[nonlinearity]


def check_rng(rng: Any) -> None:
    """Raise TypeError unless what a layer was given as its `rng` is one."""
    if not isinstance(rng, RNG):
        kind, plain = type(rng), type(rng).__module__ == "builtins"
        what = repr(rng) if plain else f"a {kind.__module__}.{kind.__qualname__}"
        raise TypeError(f"rng is {what}; give tinygen.default_rng({rng if kind is int else 'seed'})")


def constant(shape: Shape, value: float, device: str = "cpu", dtype: Any = np.float32) -> Array:
    """An array full of `value`."""
    return to_device(np.full(shape, value, dtype), device)


def zeros(shape: Shape, device: str = "cpu", dtype: Any = np.float32) -> Array:
    return constant(shape, 0, device, dtype)


def ones(shape: Shape, device: str = "cpu", dtype: Any = np.float32) -> Array:
    return constant(shape, 1, device, dtype)


def uniform(shape: Shape, rng: RNG, low: float = 0.0, high: float = 1.0, dtype: Any = np.float32) -> Array:
    """U(low, high)."""
    check_rng(rng)
    return rng.uniform(shape, dtype) * (high - low) + low


def normal(shape: Shape, rng: RNG, mean: float = 0.0, std: float = 1.0, dtype: Any = np.float32) -> Array:
    """N(mean, std^2)."""
    check_rng(rng)
    return rng.normal(shape, dtype) * std + mean


def kaiming_uniform(
    shape: Shape, rng: RNG, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", dtype: Any = np.float32
) -> Array:
    """U(-b, b) with b = sqrt(3) gain / sqrt(fan): keeps the size of signals through (leaky) ReLUs. He et al. 2015.

    The layers' default is a = sqrt(5), as in PyTorch: then gain^2 = 2 / 6 and b = 1 / sqrt(fan_in), a third of the variance that keeps the size of
    a linear signal. It is kept for its habit: it has no derivation.
    """
    bound = math.sqrt(3) * _kaiming_std(shape, a, mode, nonlinearity)
    return uniform(shape, rng, -bound, bound, dtype)


def kaiming_normal(
    shape: Shape, rng: RNG, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", dtype: Any = np.float32
) -> Array:
    """N(0, gain^2 / fan): keeps the size of signals (fan_in) or of gradients (fan_out) through (leaky) ReLUs. He et al. 2015."""
    return normal(shape, rng, 0.0, _kaiming_std(shape, a, mode, nonlinearity), dtype)


def kaiming_normal_(model: Module, rng: RNG) -> None:
    """Redraw in place the weights of all linear layers and convolutions in `model` from N(0, 2 / fan_in). He et al. 2015.

    Biases, embeddings and attention stay as they are.

    From layer to layer, each with a relu before it, a signal then keeps its power (derived above); a first layer, without one, doubles it. silu takes
    more, a fifth of a power of 2 and nearly half of a small signal, being x / 2 near 0. The layers' default, PyTorch's, keeps a sixth through a linear
    layer and its relu: after five of them hardly more than the biases is left.

    Raises ValueError for a layer within SpectralNorm, whose vectors belong to the weight it was given: wrap it afterwards; and within EqualizedLR, which
    has drawn its weight for this very purpose.
    """
    check_rng(rng)
    for module in model.modules():
        if isinstance(module, WeightWrapper):
            raise ValueError(f"kaiming_normal_: a layer lies within {type(module).__name__}, {module.weight_is_fixed_because}")
    for layer in model.modules():
        if isinstance(layer, WeightedLayer):
            layer.weight.data = normal(layer.weight.shape, rng, std=(2 / layer.fan_in) ** 0.5, dtype=layer.weight.dtype)


def _kaiming_std(shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode must be 'fan_in' (keep the signal) or 'fan_out' (keep the gradient), not {mode!r}")
    fan = fans(shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def xavier_uniform(shape: Shape, rng: RNG, gain: float = 1.0, dtype: Any = np.float32) -> Array:
    """U(-b, b) with b = sqrt(3) s, s as in `xavier_normal`. Glorot and Bengio 2010."""
    bound = math.sqrt(3) * gain * math.sqrt(2 / max(sum(fans(shape)), 1))
    return uniform(shape, rng, -bound, bound, dtype)


def xavier_normal(shape: Shape, rng: RNG, gain: float = 1.0, dtype: Any = np.float32) -> Array:
    """N(0, s^2) with s^2 = gain^2 * 2 / (fan_in + fan_out): between what the signal (1 / fan_in) and what the gradient (1 / fan_out) asks for."""
    return normal(shape, rng, 0.0, gain * math.sqrt(2 / max(sum(fans(shape)), 1)), dtype)


def orthogonal(shape: Shape, rng: RNG, gain: float = 1.0, dtype: Any = np.float32) -> Array:
    """A random matrix (n_out, the other axes flattened) with orthonormal rows or columns, whichever are fewer: it keeps every length, not
    just on average.

    The Q of the QR factorization of a normal matrix A, uniform over all such matrices if the factorization is made unique by a positive
    diagonal of R: so column j of Q is multiplied by the sign of R[j, j]. Saxe et al. 2014; Mezzadri 2007.
    """
    check_rng(rng)
    rows, columns = shape[0], math.prod(shape[1:])
    a = rng.normal((max(rows, columns), min(rows, columns)), dtype)
    q, r = array_module(a).linalg.qr(a)
    q = q * np.where(r.diagonal() < 0, -1, 1).astype(dtype)
    return ((q if rows >= columns else q.T) * gain).reshape(shape)
