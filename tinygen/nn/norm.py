"""Normalization layers: their parameters, and the running statistics of batch norm.

`ops/normalization.py` has the mathematics.
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
    "GroupNormSiLU",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "PixelNorm",
]


class _Affine(Module):
    """A normalization that ends with a scale (`weight`) and a shift (`bias`), or with neither."""

    def _initialize_affine(
        self, shape: tuple[int, ...], affine: bool, bias: bool, device: str, dtype: Any
    ) -> None:
        """Set weight to ones and bias to zeros, or to None what is left out."""
        self.weight = parameter(init.ones(shape, device, dtype)) if affine else None
        self.bias = parameter(init.zeros(shape, device, dtype)) if affine and bias else None

    def _settings(self, **defaults: bool) -> str:
        """Return the settings of these names that are not the defaults, and `bias` likewise."""
        settings = {name: getattr(self, name) for name in defaults}
        if self.weight is not None:
            settings["bias"], defaults["bias"] = self.bias is not None, True
        changed = {name: value for name, value in settings.items() if value != defaults[name]}
        return "".join(f", {name}={value}" for name, value in changed.items())


class _ChannelNorm(_Affine):
    """What batch norm and instance norm share: settings, running statistics, the shapes of x."""

    shapes: ClassVar[dict[int, str]]  # number of axes of x -> their names
    defaults: ClassVar[dict[str, bool]] = {"affine": True, "track_running_stats": True}

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        name = type(self).__name__
        check_sizes(name, num_features=num_features)
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(
                f"{name}: momentum={momentum} must lie in [0, 1]: it is the weight of the newest "
                "batch in the running statistics; None is for their mean over all batches"
            )
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        shape = (num_features,)
        self._initialize_affine(shape, affine, bias, device, dtype)
        buffers = {
            "running_mean": init.zeros(shape, device, dtype),
            "running_var": init.ones(shape, device, dtype),
            "num_batches_tracked": init.zeros((), device, np.int64),
        }
        for buffer_name, array in buffers.items():
            self.register_buffer(buffer_name, array if track_running_stats else None)

    def _normalize(self, function, x, momentum):
        """Call `ops.batch_norm` or `ops.instance_norm`, which have the same arguments."""
        if x.ndim not in self.shapes or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: x must be {' or '.join(self.shapes.values())} with "
                f"C = {self.num_features}, not {x.shape}"
            )
        return function(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        """Return the settings."""
        settings = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        return settings + self._settings(**self.defaults)


class _BatchNorm(_ChannelNorm):
    """What BatchNorm1d and BatchNorm2d share. They differ in the shapes of x."""

    def forward(self, x):
        """Normalize x by the statistics of the batch (training) or by the running statistics."""
        if not (self.training and self.track_running_stats):
            return self._normalize(ops.batch_norm, x, self.momentum)
        count = self.num_batches_tracked
        momentum = 1 / (count.item() + 1) if self.momentum is None else self.momentum
        y = self._normalize(ops.batch_norm, x, momentum)
        np.add(count.data, 1, out=count.data)
        count.touch()
        return y


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
    momentum : weight of the newest batch in the running statistics, from 0 to 1. With None they are
        the mean over all batches, whose number is read in each step: on a GPU, a wait.
    affine : False leaves out weight and bias.
    track_running_stats : False leaves out the buffers; evaluation then uses the batch, too.
    bias : False leaves out the bias alone.
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
    bias : False leaves out the bias alone.
    device, dtype : of the parameters.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        is_int = isinstance(normalized_shape, int)
        shape = (normalized_shape,) if is_int else tuple(normalized_shape)
        check_sizes("LayerNorm", **{f"normalized_shape[{i}]": n for i, n in enumerate(shape)})
        self.normalized_shape, self.eps = shape, eps
        self.elementwise_affine = elementwise_affine
        self._initialize_affine(shape, elementwise_affine, bias, device, dtype)

    def forward(self, x):
        """Normalize x (..., *normalized_shape) over its last axes."""
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        settings = f"{self.normalized_shape}, eps={self.eps}"
        return settings + self._settings(elementwise_affine=True)


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
    bias : False leaves out the bias alone.
    device, dtype : of the parameters.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        check_sizes("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self._initialize_affine((num_channels,), affine, bias, device, dtype)

    def forward(self, x):
        """Normalize x (N, C, ...) over each group of channels."""
        self._check_channels(x)
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def _check_channels(self, x) -> None:
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"{type(self).__name__}: x must be (N, C, ...) with C = {self.num_channels}, "
                f"not {x.shape}"
            )

    def extra_repr(self) -> str:
        """Return the settings."""
        settings = f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
        return settings + self._settings(affine=True)


class GroupNormSiLU(GroupNorm):
    """Group normalization, scale and shift, and SiLU: y = silu(scale * group_norm(x) + shift).

    It has the parameters of `GroupNorm`. `ops/norm_silu.py` tells why the three are one function.
    """

    def forward(self, x, scale=None, shift=None):
        """Normalize x (N, C, ...), apply scale and shift (N, C) if given, and then SiLU."""
        self._check_channels(x)
        return ops.group_norm_silu(
            x, self.num_groups, self.weight, self.bias, self.eps, scale, shift
        )


class InstanceNorm2d(_ChannelNorm):
    """Instance normalization of x (N, C, H, W) or one image (C, H, W): each channel of each image.

    A channel's pixels get mean 0 and variance 1, in training and in evaluation alike. By default
    there is no weight and no bias, and there are no running statistics.

    **Source** Ulyanov et al., Instance Normalization, 2016.

    Parameters
    ----------
    num_features : number of channels C.
    eps : added to the variance before its square root is taken.
    momentum : weight of the newest batch in the running statistics, from 0 to 1.
    affine : True adds weight (C,) and bias (C,).
    track_running_stats : True adds the buffers of `BatchNorm2d`, and evaluation uses them.
    bias : False leaves out the bias alone.
    device, dtype : of parameters and buffers.
    """

    shapes: ClassVar = {4: "(N, C, H, W)"}
    defaults: ClassVar = {"affine": False, "track_running_stats": False}

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        device: str = "cpu",
        dtype: Any = np.float32,
    ):
        if momentum is None:
            raise ValueError("InstanceNorm: momentum=None is for batch norm; give a number")
        more = {"bias": bias, "device": device, "dtype": dtype}
        super().__init__(num_features, eps, momentum, affine, track_running_stats, **more)

    def forward(self, x):
        """Normalize each channel of each example over its pixels."""
        is_one = x.ndim == min(self.shapes) - 1  # without the axis of the examples
        x = ops.expand_dims(x, axis=0) if is_one else x
        y = self._normalize(ops.instance_norm, x, self.momentum)
        return y[0] if is_one else y


class InstanceNorm1d(InstanceNorm2d):
    """Instance normalization of x (N, C, L) or (C, L). As `InstanceNorm2d`."""

    shapes: ClassVar = {3: "(N, C, L)"}


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
