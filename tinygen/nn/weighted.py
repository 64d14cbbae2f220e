"""Layers that are linear in one weight, and wrappers that replace this weight."""

from __future__ import annotations

import math

from ..autograd.tensor import Tensor
from .module import Module

__all__ = ["WeightWrapper", "WeightedLayer"]


class WeightedLayer(Module):
    """A layer that is linear in one weight: Linear and the convolutions.

    `forward_with` computes the layer with another weight in place of its own. Wrappers use it.
    """

    weight: Tensor
    bias: Tensor | None
    output_axis = 0  # the axis of the weight that numbers the outputs

    @property
    def fan_in(self) -> float:
        """The number of products that are summed for one output, without the bias."""
        return math.prod(self.weight.shape[1:])

    def forward(self, x):
        """Compute the layer with its own weight."""
        return self.forward_with(self.weight, x)

    def forward_with(self, weight, x):
        """Compute the layer with `weight` in place of its own."""
        raise NotImplementedError


class WeightWrapper(Module):
    """A layer that is computed with a function of its weight.

    Parameters
    ----------
    layer : the layer to wrap.
    """

    reason_to_keep_weight: str  # why `init.kaiming_normal_` must not redraw the layer's weight

    def __init__(self, layer: WeightedLayer):
        if not isinstance(layer, WeightedLayer):
            raise TypeError(
                f"{type(self).__name__}: {type(layer).__name__} has no weight to be wrapped; "
                "wrap a Linear or a convolution"
            )
        self.layer = layer
