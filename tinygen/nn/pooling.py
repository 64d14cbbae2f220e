"""Pooling layers: functions of `tinygen.ops` with their settings.

A layer of images takes x (N, C, H, W) or one image (C, H, W), one of sequences (N, C, L) or (C, L).
"""

from __future__ import annotations

from .. import ops
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "MaxPool1d",
    "MaxPool2d",
]

Pair = int | tuple[int, int]


class _MaxPool(Module):
    """What MaxPool1d and MaxPool2d share: their settings."""

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def _settings(self) -> tuple:
        """Return the settings in the order of `ops.max_pool2d`."""
        sizes = self.kernel_size, self.stride, self.padding, self.dilation
        return *sizes, self.ceil_mode, self.return_indices

    def extra_repr(self) -> str:
        """Return the settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Max pooling of sequences: the largest value in each window.

    Parameters
    ----------
    kernel_size, stride, padding, dilation : int
        The stride is the kernel size by default.
    return_indices : whether to return (y, indices), see `ops.max_pool2d`.
    ceil_mode : whether one more window reads what is left at the end.
    """

    def forward(self, x):
        """Apply `ops.max_pool1d`."""
        return ops.max_pool1d(x, *self._settings())


class MaxPool2d(_MaxPool):
    """Max pooling of images: the largest value in each window.

    Parameters
    ----------
    kernel_size, stride, padding, dilation : int or pair
        For height and width. The stride is the kernel size by default.
    return_indices : whether to return (y, indices), see `ops.max_pool2d`.
    ceil_mode : whether one more window reads what is left at the end of an axis.
    """

    def forward(self, x):
        """Apply `ops.max_pool2d`."""
        return ops.max_pool2d(x, *self._settings())


class _AvgPool(Module):
    """What AvgPool1d and AvgPool2d share: their settings."""

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad

    def extra_repr(self) -> str:
        """Return the settings, the last ones only if they are not the defaults."""
        settings = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        settings += ", ceil_mode=True" if self.ceil_mode else ""
        return settings + ("" if self.count_include_pad else ", count_include_pad=False")


class AvgPool1d(_AvgPool):
    """Average pooling of sequences: the mean of each window.

    Parameters
    ----------
    kernel_size, stride, padding : int
        The stride is the kernel size by default.
    ceil_mode : whether one more window reads what is left at the end.
    count_include_pad : whether zeros of the padding count in the mean.
    """

    def forward(self, x):
        """Apply `ops.avg_pool1d`."""
        return ops.avg_pool1d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class AvgPool2d(_AvgPool):
    """Average pooling of images: the mean of each window.

    Parameters
    ----------
    kernel_size, stride, padding : int or pair
        For height and width. The stride is the kernel size by default.
    ceil_mode : whether one more window reads what is left at the end of an axis.
    count_include_pad : whether zeros of the padding count in the mean.
    divisor_override : what the sum of each window is divided by, instead of the count.
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, x):
        """Apply `ops.avg_pool2d`."""
        return ops.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """Return the settings, the last ones only if they are not the defaults."""
        divisor = self.divisor_override
        return super().extra_repr() + ("" if divisor is None else f", divisor_override={divisor}")


class _AdaptiveAvgPool(Module):
    """What AdaptiveAvgPool1d and AdaptiveAvgPool2d share: the size of the output."""

    def __init__(self, output_size: int | tuple[int | None, int | None]):
        self.output_size = output_size

    def extra_repr(self) -> str:
        """Return the size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of sequences over as many blocks as the output has elements.

    Parameters
    ----------
    output_size : length of the output. 1 is the mean over all elements.
    """

    def forward(self, x):
        """Apply `ops.adaptive_avg_pool1d`."""
        return ops.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of images over a grid of blocks, as many as the output has pixels.

    Parameters
    ----------
    output_size : height and width of the output, an int or a pair. 1 is the mean over all pixels;
        a side of None stays as it is.
    """

    def forward(self, x):
        """Apply `ops.adaptive_avg_pool2d`."""
        return ops.adaptive_avg_pool2d(x, self.output_size)
