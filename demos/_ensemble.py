"""Many small networks side by side, trained at the cost of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from tinygen import RNG, nn


def ensemble_mlp(
    sizes: Sequence[int],
    activation: Callable[[], nn.Module],
    *,
    rngs: Sequence[RNG],
    spectral_norm: bool = False,
    gain: float = 1.0,
) -> nn.Sequential:
    """Return one multilayer perceptron for each of `rngs`, which draws its weights.

    Together they map (networks, n, sizes[0]) to (networks, n, sizes[-1]). They share nothing, so
    the gradient of the sum of their losses holds the gradient of each.

    Parameters
    ----------
    sizes : sequence of int
        The numbers of features, from the input to the output.
    activation : callable
        Makes the layer between two linear layers.
    rngs : sequence of RNG
        One source of random numbers for each network.
    spectral_norm : bool
        Divide each weight matrix by its largest singular value.
    gain : float
        Multiply the initial weights, which `Linear` draws, by this factor.
    """
    layers = []
    for a, b in pairwise(sizes):
        linear = nn.EnsembleLinear(a, b, spectral_norm=spectral_norm, rngs=rngs)
        if gain != 1:
            linear.weight.data *= gain
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])
