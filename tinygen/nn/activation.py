"""Layers without parameters: activations, dropout, reshaping, resampling. Each is a function of `tinygen.ops` that remembers its settings."""

from __future__ import annotations

import math

from .. import ops
from ..backend import RNG
from .init import check_rng
from .module import Module

__all__ = [
    "ELU",
    "GELU",
    "AvgPool2d",
    "Dropout",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "MaxPool2d",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "Unflatten",
    "Upsample",
]

Pair = int | tuple[int, int]


class Identity(Module):
    """x."""

    def forward(self, x):
        return x


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x):
        return ops.relu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope x."""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        return ops.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        return str(self.negative_slope)


class ELU(Module):
    """x where x > 0, else alpha (e^x - 1)."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def forward(self, x):
        return ops.elu(x, alpha=self.alpha)

    def extra_repr(self) -> str:
        return str(self.alpha)


class GELU(Module):
    """x Phi(x), Phi the distribution function of N(0, 1); approximate="tanh" for the formula with tanh."""

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, x):
        return ops.gelu(x, approximate=self.approximate)

    def extra_repr(self) -> str:
        return repr(self.approximate)


class SiLU(Module):
    """x sigmoid(x)."""

    def forward(self, x):
        return ops.silu(x)


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, x):
        return ops.sigmoid(x)


class Softplus(Module):
    """log(1 + e^x)."""

    def forward(self, x):
        return ops.softplus(x)


class Tanh(Module):
    """tanh(x)."""

    def forward(self, x):
        return ops.tanh(x)


class Dropout(Module):
    """In training, each element becomes 0 with probability p and the others grow by 1 / (1 - p); in evaluation, x.

    `rng` is shared, not owned: it is not in `state_dict()`, so save it beside the model.
    """

    def __init__(self, p: float = 0.5, *, rng: RNG):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is the share that is dropped, in [0, 1), not {p}")
        check_rng(rng)
        self.p, self.rng = p, rng

    def forward(self, x):
        return ops.dropout(x, self.p, rng=self.rng) if self.training and self.p else x

    def extra_repr(self) -> str:
        return str(self.p)


class Flatten(Module):
    """Axes start_dim to end_dim, both included, become one: (N, C, H, W) to (N, C H W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        first, last = (d + x.ndim * (d < 0) for d in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < x.ndim:
            raise ValueError(f"Flatten: x {x.shape} has no axes {self.start_dim} to {self.end_dim}")
        x = ops.channels_last(x)  # pictures lie so already; what comes back to them should
        return ops.reshape(x, shape=(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))

    def extra_repr(self) -> str:
        return f"{self.start_dim}, {self.end_dim}"


class Unflatten(Module):
    """Axis `dim` becomes several, of `sizes`: Unflatten(1, (64, 7, 7)) turns (N, 3136) into (N, 64, 7, 7)."""

    def __init__(self, dim: int, sizes: tuple[int, ...]):
        self.dim, self.sizes = dim, tuple(sizes)

    def forward(self, x):
        d = self.dim + x.ndim * (self.dim < 0)
        if not 0 <= d < x.ndim or x.shape[d] != math.prod(self.sizes):
            raise ValueError(f"Unflatten: axis {self.dim} of x {x.shape} does not have the {math.prod(self.sizes)} elements of {self.sizes}")
        return ops.channels_last(ops.reshape(x, shape=(*x.shape[:d], *self.sizes, *x.shape[d + 1 :])))

    def extra_repr(self) -> str:
        return f"{self.dim}, {self.sizes}"


class _Pool(Module):
    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0):
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_Pool):
    """The mean of each window of x (N, C, H, W), zeros of the padding included; stride is kernel_size unless given."""

    def forward(self, x):
        return ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class MaxPool2d(_Pool):
    """The largest value in each window of x (N, C, H, W); stride is kernel_size unless given."""

    def forward(self, x):
        return ops.max_pool2d(x, self.kernel_size, self.stride, self.padding)


class Upsample(Module):
    """Pictures (N, C, H, W) at another resolution: `ops.interpolate`."""

    def __init__(
        self, size: Pair | None = None, scale_factor: float | tuple[float, float] | None = None, mode: str = "nearest", align_corners: bool = False
    ):
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, x):
        return ops.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        return (f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}") + f", mode={self.mode!r}"
