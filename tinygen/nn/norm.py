"""Normalization layers: their parameters, and the running statistics of batch norm.

`ops/norm.py` has the mathematics.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .. import ops
from . import init
from .checks import check_sizes
from .module import Module, parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "GroupNorm",
    "InstanceNorm2d",
    "LayerNorm",
    "PixelNorm",
]


class _Affine(Module):
    """A normalization that ends with a scale (`weight`) and a shift (`bias`), or with neither."""

    def _initialize_affine(
        self, shape: tuple[int, ...], affine: bool, device: str, dtype: Any
    ) -> None:
        """Set weight to ones and bias to zeros, or both to None."""
        self.weight = parameter(init.ones(shape, device, dtype)) if affine else None
        self.bias = parameter(init.zeros(shape, device, dtype)) if affine else None


class _BatchNorm(_Affine):
    """What BatchNorm1d and BatchNorm2d share. They differ in the shapes of x."""

    shapes: ClassVar[dict[int, str]]  # number of axes of x -> their names

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        *,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        name = type(self).__name__
        check_sizes(name, num_features=num_features)
        if not 0 <= momentum <= 1:
            raise ValueError(
                f"{name}: momentum={momentum} must lie in [0, 1]: it is the weight of the newest "
                "batch in the running statistics"
            )
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self._initialize_affine((num_features,), affine, device, dtype)
        self.register_buffer("running_mean", init.zeros((num_features,), device, dtype))
        self.register_buffer("running_var", init.ones((num_features,), device, dtype))
        self.register_buffer("num_batches_tracked", init.zeros((), device, np.int64))

    def forward(self, x):
        """Normalize x by the statistics of the batch (training) or by the running statistics."""
        name = type(self).__name__
        if x.ndim not in self.shapes or x.shape[1] != self.num_features:
            raise ValueError(
                f"{name}: x must be {' or '.join(self.shapes.values())} with "
                f"C = {self.num_features}, not {x.shape}"
            )
        n = x.size // self.num_features  # values per channel
        if self.training and n < 2:
            raise ValueError(
                f"{name}: x {x.shape} has {n} value{'s' * (n != 1)} per channel, too few for a "
                "variance; train on a larger batch, or use .eval()"
            )
        if self.training:
            self.num_batches_tracked[...] = self.num_batches_tracked.data + 1
        return ops.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        """Return the settings."""
        no_affine = "" if self.weight is not None else ", affine=False"
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{no_affine}"


class BatchNorm1d(_BatchNorm):
    """Batch normalization of x (N, C) or (N, C, L).

    Each channel is shifted and scaled to mean 0 and variance 1 over the batch, then multiplied by
    weight (C,) and shifted by bias (C,).

    In training, the statistics are those of the batch, and the buffers follow them:

        running <- (1 - momentum) running + momentum batch,

    where the variance of the batch is the unbiased estimate, n / (n - 1) times the variance that
    normalizes. In evaluation, the statistics are the buffers. Training on a single value per
    channel is an error, because it has no variance.

    **Source** Ioffe and Szegedy, Batch Normalization, 2015.

    Parameters
    ----------
    num_features : number of channels C.
    eps : added to the variance before its square root is taken.
    momentum : weight of the newest batch in the running statistics, from 0 to 1.
    affine : False leaves out weight and bias.
    device, dtype : of parameters and buffers.
    """

    shapes: ClassVar = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Batch normalization of x (N, C, H, W). As `BatchNorm1d`."""

    shapes: ClassVar = {4: "(N, C, H, W)"}


class LayerNorm(_Affine):
    """Layer normalization: each example to mean 0 and variance 1 over its last axes.

    The result is multiplied by weight and shifted by bias, both of the shape of these axes.

    **Source** Ba et al., Layer Normalization, 2016.

    Parameters
    ----------
    normalized_shape : the sizes of the last axes; an int for one axis.
    eps : added to the variance before its square root is taken.
    elementwise_affine : False leaves out weight and bias.
    device, dtype : of the parameters.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        *,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        is_int = isinstance(normalized_shape, int)
        shape = (normalized_shape,) if is_int else tuple(normalized_shape)
        check_sizes("LayerNorm", **{f"normalized_shape[{i}]": n for i, n in enumerate(shape)})
        self.normalized_shape, self.eps = shape, eps
        self._initialize_affine(shape, elementwise_affine, device, dtype)

    def forward(self, x):
        """Normalize x (..., *normalized_shape) over its last axes."""
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        no_affine = "" if self.weight is not None else ", elementwise_affine=False"
        return f"{self.normalized_shape}, eps={self.eps}{no_affine}"


class GroupNorm(_Affine):
    """Group normalization of x (N, C, ...): each group of channels of each example.

    A group's values get mean 0 and variance 1. Each channel is then multiplied by weight (C,) and
    shifted by bias (C,).

    **Source** Wu and He, Group Normalization, 2018.

    Parameters
    ----------
    num_groups : number of groups. It divides `num_channels`.
    num_channels : number of channels C.
    eps : added to the variance before its square root is taken.
    affine : False leaves out weight and bias.
    device, dtype : of the parameters.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        check_sizes("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}"
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._initialize_affine((num_channels,), affine, device, dtype)

    def forward(self, x):
        """Normalize x (N, C, ...) over each group of channels."""
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm: x must be (N, C, ...) with C = {self.num_channels}, not {x.shape}"
            )
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        no_affine = "" if self.weight is not None else ", affine=False"
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}{no_affine}"


class InstanceNorm2d(_Affine):
    """Instance normalization of x (N, C, H, W): each channel of each example.

    A channel's pixels get mean 0 and variance 1, in training and in evaluation alike. By default
    there is no weight and no bias.

    **Source** Ulyanov et al., Instance Normalization, 2016.

    Parameters
    ----------
    num_features : number of channels C.
    eps : added to the variance before its square root is taken.
    affine : True adds weight (C,) and bias (C,).
    device, dtype : of the parameters.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        *,
        affine: bool = False,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        check_sizes("InstanceNorm2d", num_features=num_features)
        self.num_features, self.eps = num_features, eps
        self._initialize_affine((num_features,), affine, device, dtype)

    def forward(self, x):
        """Normalize x (N, C, H, W) over its pixels."""
        if x.ndim != 4 or x.shape[1] != self.num_features:
            raise ValueError(
                f"InstanceNorm2d: x must be (N, C, H, W) with C = {self.num_features}, "
                f"not {x.shape}"
            )
        return ops.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        affine = ", affine=True" if self.weight is not None else ""
        return f"{self.num_features}, eps={self.eps}{affine}"


class PixelNorm(Module):
    """Pixel normalization of x (N, C, ...): the vector of channels at each pixel.

    The vector is divided by its root mean square. There are no parameters.

    **Source** Karras et al., Progressive Growing of GANs, 2018, section 4.2.

    Parameters
    ----------
    eps : added to the mean square before its square root is taken.
    """

    def __init__(self, eps: float = 1e-8):
        self.eps = eps

    def forward(self, x):
        """Normalize x (N, C, ...) over its channels."""
        return ops.pixel_norm(x, eps=self.eps)

    def extra_repr(self) -> str:
        """Return the setting."""
        return f"eps={self.eps}"
