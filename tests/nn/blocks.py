"""A module with a part of every kind, for the tests of Module and its state."""

import numpy as np

from tinygen import nn, tensor


def new_leaf(*shape):
    return tensor(np.ones(shape, np.float32), requires_grad=True)


class Block(nn.Module):
    def __init__(self, rng):
        self.scale = new_leaf(3)
        self.register_buffer("count", np.zeros((), np.int64))
        self.inner = nn.Sequential(nn.Linear(3, 3, rng=rng), nn.Tanh(), nn.BatchNorm1d(3))
        self.last = nn.Linear(3, 2, bias=False, rng=rng)

    def forward(self, x):
        return self.last(self.inner(x) * self.scale)


PARAMETERS = [
    "scale",
    "inner.0.weight",
    "inner.0.bias",
    "inner.2.weight",
    "inner.2.bias",
    "last.weight",
]
BUFFERS = [
    "count",
    "inner.2.running_mean",
    "inner.2.running_var",
    "inner.2.num_batches_tracked",
]


def names_of_parts(module):
    """Return the names of all parameters and of all buffers."""
    parameters = [name for name, _ in module.named_parameters()]
    return parameters, [name for name, _ in module.named_buffers()]
