"""Normalization layers. `ops/norm.py` has the mathematics; here are the parameters, and batch norm's memory of what it has seen."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..autograd.tensor import Tensor
from . import init
from .layers import _check_sizes
from .module import Module, parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "InstanceNorm2d", "LayerNorm", "PixelNorm"]


class _Affine(Module):
    """Scale (ones) and shift (zeros) at the end of a normalization, or neither."""

    def _initialise(self, shape: tuple[int, ...], affine: bool, device: str, dtype: Any) -> None:
        self.weight = parameter(init.ones(shape, device, dtype)) if affine else None
        self.bias = parameter(init.zeros(shape, device, dtype)) if affine else None


class _BatchNorm(_Affine):
    axes: ClassVar[dict[int, str]]  # number of axes that x may have -> their names

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True, *, device: str = "cpu", dtype: Any = np.float32
    ):
        _check_sizes(type(self).__name__, num_features=num_features)
        if not 0 <= momentum <= 1:
            raise ValueError(
                f"{type(self).__name__}: momentum={momentum} must lie in [0, 1]: it is the share of the newest batch in the "
                "running statistics"
            )
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self._initialise((num_features,), affine, device, dtype)
        self.register_buffer("running_mean", init.zeros((num_features,), device, dtype))
        self.register_buffer("running_var", init.ones((num_features,), device, dtype))
        self.register_buffer("num_batches_tracked", init.zeros((), device, np.int64))

    def forward(self, x):
        name = type(self).__name__
        if x.ndim not in self.axes or x.shape[1] != self.num_features:
            raise ValueError(f"{name}: x must be {' or '.join(self.axes.values())} with C = {self.num_features}, not {x.shape}")
        if not self.training:
            return ops.batch_norm_inference(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        n = x.size // self.num_features
        if n < 2:
            raise ValueError(
                f"{name}: x {x.shape} has {n} value{'s' * (n != 1)} a channel, too few for a variance; train on a larger batch, "
                "or use .eval()"
            )
        y, mean, var = ops.batch_norm(x, self.weight, self.bias, eps=self.eps)
        m = self.momentum
        mean, var = (s.data if isinstance(s, Tensor) else s for s in (mean, var))
        self.running_mean[...] = (1 - m) * self.running_mean.data + m * mean
        self.running_var[...] = (1 - m) * self.running_var.data + m * n / (n - 1) * var  # the unbiased estimate
        self.num_batches_tracked[...] = self.num_batches_tracked.data + 1
        return y

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}" + ("" if self.weight is not None else ", affine=False")


class BatchNorm1d(_BatchNorm):
    """Batch normalization of x (N, C) or (N, C, L): each channel to mean 0 and variance 1, then times weight (C,) plus bias (C,).

    In training the statistics are the batch's own, and the buffers follow: running = (1 - momentum) running + momentum batch, the variance with its
    unbiased estimate, n / (n - 1) times the one divided by. In evaluation the buffers are the statistics. Training on one value a channel
    is an error.
    """

    axes: ClassVar = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Batch normalization of x (N, C, H, W), as BatchNorm1d."""

    axes: ClassVar = {4: "(N, C, H, W)"}


class LayerNorm(_Affine):
    """Each example to mean 0 and variance 1 over its last axes, which are `normalized_shape`; then times weight plus bias of that shape."""

    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5, elementwise_affine: bool = True, *, device: str = "cpu",
        dtype: Any = np.float32,
    ):  # fmt: skip
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        _check_sizes("LayerNorm", **{f"normalized_shape[{i}]": n for i, n in enumerate(shape)})
        self.normalized_shape, self.eps = shape, eps
        self._initialise(shape, elementwise_affine, device, dtype)

    def forward(self, x):
        return ops.layer_norm(x, self.weight, self.bias, normalized_shape=self.normalized_shape, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}" + ("" if self.weight is not None else ", elementwise_affine=False")


class GroupNorm(_Affine):
    """Each of `num_groups` groups of channels of each example to mean 0 and variance 1, then times weight (C,) plus bias (C,). x is (N, C, ...)."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, device: str = "cpu", dtype: Any = np.float32
    ):
        _check_sizes("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._initialise((num_channels,), affine, device, dtype)

    def forward(self, x):
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"GroupNorm: x must be (N, C, ...) with C = {self.num_channels}, not {x.shape}")
        return ops.group_norm(x, self.weight, self.bias, num_groups=self.num_groups, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}" + ("" if self.weight is not None else ", affine=False")


class InstanceNorm2d(_Affine):
    """Each channel of each example of x (N, C, H, W) to mean 0 and variance 1 over its pixels: in training and evaluation alike, and by default
    without weight and bias."""

    def __init__(self, num_features: int, eps: float = 1e-5, *, affine: bool = False, device: str = "cpu", dtype: Any = np.float32):
        _check_sizes("InstanceNorm2d", num_features=num_features)
        self.num_features, self.eps = num_features, eps
        self._initialise((num_features,), affine, device, dtype)

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != self.num_features:
            raise ValueError(f"InstanceNorm2d: x must be (N, C, H, W) with C = {self.num_features}, not {x.shape}")
        return ops.instance_norm(x, self.weight, self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}" + (", affine=True" if self.weight is not None else "")


class PixelNorm(Module):
    """The vector of channels at each pixel of x (N, C, ...) divided by its root mean square (Karras et al. 2018). No parameters."""

    def __init__(self, eps: float = 1e-8):
        self.eps = eps

    def forward(self, x):
        return ops.pixel_norm(x, eps=self.eps)

    def extra_repr(self) -> str:
        return f"eps={self.eps}"
