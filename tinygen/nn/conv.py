"""Convolutions and transposed convolutions.

Names, argument order, defaults, shapes of parameters and initial distributions are PyTorch's. The
initial values come from an `rng`, and the layer lies on its device.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..backend import RNG
from . import init
from .checks import check_sizes
from .weighted import WeightedLayer

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]

Pair = int | tuple[int, int]


class _Conv(WeightedLayer):
    """What the four convolutions share: settings, weight and bias."""

    num_spatial_axes: int

    def _initialize(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        bias: bool,
        rng: RNG,
        dtype: Any,
        **settings: Pair | str,
    ) -> None:
        """Check the sizes, keep the settings as attributes and draw weight and bias."""
        name, groups = type(self).__name__, settings["groups"]
        check_sizes(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups={groups} must divide in_channels={in_channels} and "
                f"out_channels={out_channels}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = self._check_kernel_size(kernel_size)
        for setting, value in settings.items():
            setattr(self, setting, value)
        shape = self._weight_shape()
        self.weight, self.bias = init.default_parameters(shape, out_channels, bias, rng, dtype)

    def _check_kernel_size(self, kernel_size: Pair) -> tuple[int, ...]:
        """Return the size along each spatial axis."""
        is_int = isinstance(kernel_size, (int, np.integer))
        sizes = (kernel_size,) * self.num_spatial_axes if is_int else tuple(kernel_size)
        are_positive = all(isinstance(k, (int, np.integer)) and k >= 1 for k in sizes)
        if len(sizes) != self.num_spatial_axes or not are_positive:
            pair = " or a pair of them" if self.num_spatial_axes == 2 else ""
            raise ValueError(
                f"{type(self).__name__}: kernel_size must be a positive int{pair}, "
                f"not {kernel_size!r}"
            )
        return sizes

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def extra_repr(self) -> str:
        """Return the sizes and the settings that are not the defaults."""
        defaults = {
            "stride": 1,
            "padding": 0,
            "output_padding": 0,
            "dilation": 1,
            "groups": 1,
        }
        sizes = set(self.kernel_size)
        kernel_size = self.kernel_size[0] if len(sizes) == 1 else self.kernel_size
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={kernel_size}"]
        for setting, default in defaults.items():
            value = getattr(self, setting, default)
            if value != default:
                parts.append(f"{setting}={value!r}")
        if self.bias is None:
            parts.append("bias=False")
        return ", ".join(parts)


class Conv2d(_Conv):
    """2-D convolution: `ops.conv2d`.

    **Shapes** x (N, in_channels, H, W) to (N, out_channels, Ho, Wo), with kernel size k, stride s,
    padding p and dilation d

        Ho = (H + 2 p - d (k - 1) - 1) // s + 1.

    Weight (out_channels, in_channels / groups, kh, kw) and bias (out_channels,), both initialized
    from U(-b, b) with b = 1 / sqrt(in_channels / groups kh kw). On the CPU the weight lies
    channels-last in memory, the order in which the convolution reads it.

    Parameters
    ----------
    in_channels, out_channels : number of channels of x and y. `groups` divides both.
    kernel_size, stride, padding, dilation : an int, or a pair for height and width.
        A padding of "same" gives y the size of x, with stride 1; "valid" is 0.
    groups : number of groups of channels that are convolved independently.
    bias : False leaves the bias out.
    rng : source of the initial values.
    dtype : of the parameters.
    """

    num_spatial_axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: RNG,
        dtype: Any = np.float32,
    ):
        self._initialize(
            in_channels,
            out_channels,
            kernel_size,
            bias,
            rng,
            dtype,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )

    def forward_with(self, weight, x):
        """Convolve x with `weight`, and add the bias."""
        conv = ops.conv2d if self.num_spatial_axes == 2 else ops.conv1d
        return conv(
            x,
            weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )


class Conv1d(Conv2d):
    """1-D convolution of x (N, in_channels, L) to (N, out_channels, Lo).

    As `Conv2d`, with one spatial axis. An int stands for each pair.
    """

    num_spatial_axes = 1


class ConvTranspose2d(_Conv):
    """2-D transposed convolution: `ops.conv_transpose2d`.

    **Shapes** x (N, in_channels, H, W) to (N, out_channels, Ho, Wo), with kernel size k, stride s,
    padding p and dilation d

        Ho = (H - 1) s - 2 p + d (k - 1) + output_padding + 1.

    Weight (in_channels, out_channels / groups, kh, kw) and bias (out_channels,), both initialized
    from U(-b, b) with b = 1 / sqrt(out_channels / groups kh kw). Here, too, PyTorch takes the
    fan-in from the second axis of the weight, although it is in_channels / groups kh kw at
    stride 1.

    Parameters
    ----------
    in_channels, out_channels : number of channels of x and y. `groups` divides both.
    kernel_size, stride, padding, dilation : an int, or a pair for height and width.
    output_padding : rows and columns to add at the bottom and right; less than the stride.
    groups : number of groups of channels that are convolved independently.
    bias : False leaves the bias out.
    rng : source of the initial values.
    dtype : of the parameters.
    """

    num_spatial_axes = 2
    output_axis = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        *,
        rng: RNG,
        dtype: Any = np.float32,
    ):
        self._initialize(
            in_channels,
            out_channels,
            kernel_size,
            bias,
            rng,
            dtype,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
            groups=groups,
        )

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    @property
    def fan_in(self) -> float:
        """The mean number of products that are summed for one output, away from the borders.

        It is in_channels / groups kh kw / stride^2: each input contributes to kh kw outputs of a
        channel, and there are stride^2 outputs for each input. Where the stride does not divide the
        kernel, neighbouring outputs are sums of different numbers of products. This causes
        checkerboard artefacts.
        """
        is_int = isinstance(self.stride, int)
        strides = (self.stride,) * self.num_spatial_axes if is_int else self.stride
        in_channels = self.in_channels // self.groups
        return in_channels * math.prod(self.kernel_size) / math.prod(strides)

    def forward_with(self, weight, x):
        """Compute the transposed convolution of x with `weight`, and add the bias."""
        is_2d = self.num_spatial_axes == 2
        conv_transpose = ops.conv_transpose2d if is_2d else ops.conv_transpose1d
        return conv_transpose(
            x,
            weight,
            self.bias,
            groups=self.groups,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
        )


class ConvTranspose1d(ConvTranspose2d):
    """1-D transposed convolution of x (N, in_channels, L) to (N, out_channels, Lo).

    As `ConvTranspose2d`, with one spatial axis. An int stands for each pair.
    """

    num_spatial_axes = 1
