"""Activations, dropout and the identity.

Each but PReLU is a function of `tinygen.ops` with its settings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import RNG
from .checks import check_rng, check_sizes
from .init import constant
from .module import Module, parameter

__all__ = [
    "ELU",
    "GELU",
    "Dropout",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class Identity(Module):
    """The identity: x."""

    def forward(self, x):
        """Return x."""
        return x


class ReLU(Module):
    """Rectified linear unit: max(x, 0)."""

    def forward(self, x):
        """Apply `ops.relu`."""
        return ops.relu(x)


class LeakyReLU(Module):
    """Leaky ReLU: x where x > 0, else negative_slope x."""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        """Apply `ops.leaky_relu`."""
        return ops.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        """Return the slope."""
        return str(self.negative_slope)


class PReLU(Module):
    """Parametric ReLU: x where x > 0, else a x, with a learned slope a, which is the slope at 0.

    **Shapes** x (N, C, ...). Weight (num_parameters,): one slope for all channels, or C.

    **Source** He et al., Delving Deep into Rectifiers, 2015.

    Parameters
    ----------
    num_parameters : 1, or the number of channels C.
    init : the first value of the slopes.
    device, dtype : of the weight.
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        *,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        check_sizes("PReLU", num_parameters=num_parameters)
        self.weight = parameter(constant((num_parameters,), init, device, dtype))

    def forward(self, x):
        """Compute relu(x) + a min(x, 0); at 0 the gradient passes `clip`, and not relu."""
        num_slopes = self.weight.size
        if num_slopes > 1 and (x.ndim < 2 or x.shape[1] != num_slopes):
            raise ValueError(f"PReLU: x must be (N, {num_slopes}, ...), not {x.shape}")
        column = (num_slopes, *[1] * (x.ndim - 2)) if num_slopes > 1 else [1] * x.ndim
        a = ops.reshape(self.weight, shape=tuple(column))
        return ops.relu(x) + a * ops.clip(x, max=0)

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return str(self.weight.size)


class ELU(Module):
    """Exponential linear unit: x where x > 0, else alpha (e^x - 1)."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def forward(self, x):
        """Apply `ops.elu`."""
        return ops.elu(x, alpha=self.alpha)

    def extra_repr(self) -> str:
        """Return alpha."""
        return str(self.alpha)


class GELU(Module):
    """Gaussian error linear unit: x Phi(x), Phi the distribution function of N(0, 1).

    Parameters
    ----------
    approximate : "none" for the exact function, "tanh" for its approximation by tanh.
    """

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, x):
        """Apply `ops.gelu`."""
        return ops.gelu(x, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Return the setting."""
        return repr(self.approximate)


class SiLU(Module):
    """Sigmoid linear unit: x sigmoid(x)."""

    def forward(self, x):
        """Apply `ops.silu`."""
        return ops.silu(x)


class Sigmoid(Module):
    """Logistic sigmoid: 1 / (1 + e^-x)."""

    def forward(self, x):
        """Apply `ops.sigmoid`."""
        return ops.sigmoid(x)


class Softmax(Module):
    """Softmax along an axis: e^x divided by its sum.

    Parameters
    ----------
    dim : the axis.
    """

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x):
        """Apply `ops.softmax`."""
        return ops.softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return str(self.dim)


class LogSoftmax(Softmax):
    """The logarithm of the softmax along the axis `dim`."""

    def forward(self, x):
        """Apply `ops.log_softmax`."""
        return ops.log_softmax(x, axis=self.dim)


class Softplus(Module):
    """Softplus: log(1 + e^(beta x)) / beta, and x itself where beta x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        self.beta, self.threshold = beta, threshold

    def forward(self, x):
        """Apply `ops.softplus`."""
        return ops.softplus(x, beta=self.beta, threshold=self.threshold)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Tanh(Module):
    """Hyperbolic tangent: tanh(x)."""

    def forward(self, x):
        """Apply `ops.tanh`."""
        return ops.tanh(x)


class Dropout(Module):
    """Dropout: in training each element is set to 0 with probability p.

    The other elements are divided by 1 - p, so that the mean stays the same. In evaluation the
    layer returns x.

    The `rng` is shared, not owned: `state_dict()` does not contain it, so save it with the model.

    Parameters
    ----------
    p : probability that an element is set to 0, in [0, 1).
    rng : source of the random decisions.
    """

    def __init__(self, p: float = 0.5, *, rng: RNG):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is the fraction that is dropped, in [0, 1), not {p}")
        check_rng(rng)
        self.p, self.rng = p, rng

    def forward(self, x):
        """Apply `ops.dropout` in training."""
        return ops.dropout(x, self.p, rng=self.rng) if self.training and self.p else x

    def extra_repr(self) -> str:
        """Return p."""
        return str(self.p)
