"""Conditioning: how a network receives the time and the label.

**One network for all times.** The network could estimate the amount of noise from x_t alone, but it
does better if it is given the time t. The number t is expanded into sines and cosines of many
wavelengths, which pass through two linear layers. The result is a vector, the *conditioning*, that
goes to every block.

**Labels** are added to the same vector. They come from a table with one row for each class, and one
for the null label. Or a module of the caller's own encodes them, as `models/text.py` encodes a
caption.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ...backend import RNG, array_module
from ...nn import Embedding, Linear, Module, Sequential, SiLU
from ...ops import concatenate, cos, silu, sin

__all__ = ["ConditionEmbedding", "timestep_embedding", "zero_parameters_"]


def timestep_embedding(t, dim: int):
    """Return sines and cosines of the times at dim / 2 frequencies.

        frequency_i = 1000 / 10000^(i / (dim / 2)),    i = 0 ... dim / 2 - 1

    The wavelengths reach from 0.006 to 60. So the short ones tell close times apart, and the long
    ones tell all times apart.

    **Shapes** t (N,) to (N, dim), sines first.

    **Source** Vaswani et al., Attention Is All You Need, 2017, section 3.5.
    """
    angles = t.reshape((-1, 1)) * _frequencies(dim // 2, array_module(t))  # (N, dim / 2)
    return concatenate(sin(angles), cos(angles), axis=1)


@functools.lru_cache
def _frequencies(n: int, xp):
    """Return the n frequencies as an array of xp, made and moved to the device once."""
    frequencies = 1000 * np.exp(-math.log(10_000) / n * np.arange(n))
    return xp.asarray(frequencies.astype(np.float32))


class ConditionEmbedding(Module):
    """Times, and labels if there are any, to the conditioning vector.

    **Shapes** t (N,) and labels (N,), or whatever `label_encoder` takes, to (N, 4 dim).

    Parameters
    ----------
    dim : int
        The size of the timestep embedding.
    num_classes : int
        Labels are 0 to num_classes - 1, and num_classes is the null label. 0 for no labels.
    label_encoder : Module, optional
        Encodes labels as vectors (N, 4 dim), in place of a table of classes. Its null label is 0.
    rng : RNG
        Draws the initial weights.

    Attributes
    ----------
    null_label : int
        The label that means "no label".
    """

    def __init__(self, dim: int, num_classes: int, label_encoder: Module | None, rng: RNG):
        if num_classes and label_encoder is not None:
            raise ValueError(
                "labels come from num_classes or from label_encoder; give one of the two"
            )
        self.dim = dim
        self.null_label = num_classes  # 0 with a label_encoder
        self.time_mlp = Sequential(
            Linear(dim, 4 * dim, rng=rng), SiLU(), Linear(4 * dim, 4 * dim, rng=rng)
        )
        self.label_encoder = label_encoder
        if num_classes:
            self.label_encoder = Embedding(num_classes + 1, 4 * dim, rng=rng)

    def forward(self, t, labels=None):
        """Return the conditioning (N, 4 dim) for times t (N,) and their labels."""
        if labels is None and self.label_encoder is not None:
            raise ValueError(
                "the network was built with labels and needs them (N,); for none give null_label"
            )
        if labels is not None and self.label_encoder is None:
            raise ValueError("the network was built without labels; give num_classes to build it")
        conditioning = self.time_mlp(timestep_embedding(t, self.dim))  # (N, 4 dim)
        if labels is not None:
            conditioning = conditioning + self.label_encoder(labels)  # (N, 4 dim)
        return silu(conditioning)


def zero_parameters_(module: Module) -> None:
    """Set all parameters of a module to 0, in place.

    The last layer of a residual branch starts so: then the branch adds nothing at first, and
    signals and gradients pass any number of blocks unchanged.
    """
    for p in module.parameters():
        p.data[...] = 0
