"""Layers with an equalized learning rate, for pggan.py and stylegan.py.

`nn.EqualizedLR` explains what it is.
"""

from __future__ import annotations

from ..backend import RNG
from ..nn import Conv2d, EqualizedLR, Linear

__all__ = ["SQRT2", "equalized_conv", "equalized_linear"]

# The gain of a layer before a ReLU. A ReLU sets half of the numbers to 0, which halves their mean
# square. The gain sqrt(2) doubles it.
SQRT2 = 2**0.5


def equalized_linear(
    in_features: int, out_features: int, *, gain: float = SQRT2, rng: RNG
) -> EqualizedLR:
    """Build a linear layer with an equalized learning rate; gain 1 if no ReLU follows."""
    return EqualizedLR(Linear(in_features, out_features, rng=rng), gain, rng=rng)


def equalized_conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    bias: bool = True,
    gain: float = SQRT2,
    rng: RNG,
) -> EqualizedLR:
    """Build a convolution with an equalized learning rate that keeps the size; kernel_size odd.

    Use gain 1 if no ReLU follows.
    """
    conv = Conv2d(
        in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias, rng=rng
    )
    return EqualizedLR(conv, gain, rng=rng)
