"""Layers without parameters that change the shape: flattening, changes of resolution.

Each is a function of `tinygen.ops` with its settings.
"""

from __future__ import annotations

import math

from .. import ops
from ..ops.arguments import normalize_axis
from .module import Module

__all__ = [
    "Flatten",
    "PixelShuffle",
    "PixelUnshuffle",
    "Unflatten",
    "Upsample",
]

Pair = int | tuple[int, int]


class Flatten(Module):
    """Merge several axes into one: by default (N, C, H, W) to (N, C H W).

    Parameters
    ----------
    start_dim, end_dim : the first and the last of the merged axes.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        """Merge the axes of x."""
        # Images lie channels-last already. The call makes sure that their gradients do, too.
        return ops.flatten(ops.channels_last(x), self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split an axis into several: Unflatten(1, (64, 7, 7)) turns (N, 3136) into (N, 64, 7, 7).

    Parameters
    ----------
    dim : the axis to split.
    unflattened_size : sizes of the new axes.
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x):
        """Split the axis of x."""
        axis, sizes = normalize_axis("Unflatten", self.dim, x.ndim), self.unflattened_size
        if x.shape[axis] != math.prod(sizes):
            raise ValueError(
                f"Unflatten: axis {self.dim} of x {x.shape} does not have the {math.prod(sizes)} "
                f"elements of {sizes}"
            )
        shape = (*x.shape[:axis], *sizes, *x.shape[axis + 1 :])
        return ops.channels_last(ops.reshape(x, shape=shape))

    def extra_repr(self) -> str:
        """Return the axis and the sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class PixelShuffle(Module):
    """Lay each r^2 channels of a pixel out as r x r pixels, r = upscale_factor."""

    def __init__(self, upscale_factor: int):
        self.upscale_factor = upscale_factor

    def forward(self, x):
        """Apply `ops.pixel_shuffle`."""
        return ops.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Lay each r x r pixels out as r^2 channels of one pixel, r = downscale_factor."""

    def __init__(self, downscale_factor: int):
        self.downscale_factor = downscale_factor

    def forward(self, x):
        """Apply `ops.pixel_unshuffle`."""
        return ops.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"downscale_factor={self.downscale_factor}"


class Upsample(Module):
    """Change the resolution of images (N, C, H, W) or sequences (N, C, L): `ops.interpolate`.

    Parameters
    ----------
    size : the new height and width, an int or a pair; the new length of sequences.
    scale_factor : their factor, if `size` is not given; a number or a pair.
    mode, align_corners, recompute_scale_factor : as for `ops.interpolate`.
    """

    def __init__(
        self,
        size: Pair | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x):
        """Apply `ops.interpolate`."""
        return ops.interpolate(
            x,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """Return the size or its factor, and the mode."""
        has_size = self.scale_factor is None
        target = f"size={self.size}" if has_size else f"scale_factor={self.scale_factor}"
        return f"{target}, mode={self.mode!r}"
