"""The exponential moving average of a module's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend.fused import in_blocks
from ..nn.module import Module
from ..nn.state import check_state_dict, to_device_of
from .optimizers import check_range

__all__ = ["ExponentialMovingAverage"]

Array = Any


class ExponentialMovingAverage:
    """A second set of a module's weights that follows the first: average <- decay average + (1 - decay) weight at each `update()`.

    It begins as a copy. It averages over about 1 / (1 - decay) updates, and samples from it are usually better than from the last weights.
    Buffers are not averaged: the module's own are in use either way.

        ema = ExponentialMovingAverage(generator, decay=0.999)
        ...                         # after each optimizer.step(): ema.update()
        with ema.average_parameters():         # the module computes with the averages here
            samples = generator(z)
    """

    def __init__(self, module: Module, decay: float):
        check_range("ExponentialMovingAverage", decay=(decay, 0, 1))
        self.module, self.decay = module, decay
        self._averages = {}
        for name, p in module.named_parameters():
            self._averages[name] = np.empty_like(p.data)  # the layout of the parameter, which copy() would lose
            self._averages[name][...] = p.data
        if not self._averages:
            raise ValueError(f"ExponentialMovingAverage: {type(module).__name__} has no parameters to average")
        self._swapped = False

    def _ready(self, what: str) -> dict[str, Tensor]:
        if self._swapped:
            raise RuntimeError(f"ExponentialMovingAverage.{what}: inside `with average_parameters()` the module holds the averages; do this outside")
        parameters = dict(self.module.named_parameters())
        if parameters.keys() != self._averages.keys():
            raise RuntimeError(f"ExponentialMovingAverage.{what}: the module's parameters have changed since; they were {', '.join(self._averages)}")
        return parameters

    def update(self) -> None:
        """Move the averages towards the weights by a share of 1 - decay."""
        share = 1 - self.decay

        def follow(average, p, scratch):
            np.subtract(p, average, out=scratch)
            np.multiply(scratch, share, out=scratch)
            np.add(average, scratch, out=average)

        in_blocks([(follow, (self._averages[name], p.data)) for name, p in self._ready("update").items()])

    @contextmanager
    def average_parameters(self) -> Iterator[Module]:
        """Context in which the module has the averages for weights. Its own come back at the end, whatever happens inside."""
        parameters = self._ready("average_parameters")
        self._exchange(parameters)
        try:
            yield self.module
        finally:
            self._exchange(parameters)

    def _exchange(self, parameters: dict[str, Tensor]) -> None:
        for name, p in parameters.items():
            own = p.data.copy(order="K")  # `p.data =` writes into the parameter's own memory
            p.data, self._averages[name] = self._averages[name], own
        self._swapped = not self._swapped

    def state_dict(self) -> dict[str, Array]:
        """Parameter's path -> a copy of its average."""
        self._ready("state_dict")
        return {name: a.copy() for name, a in self._averages.items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy the averages of a `state_dict()`. Raises ValueError, having changed nothing, if it was one of another module."""
        self._ready("load_state_dict")
        check_state_dict("ExponentialMovingAverage", self._averages, state)
        for name, a in self._averages.items():
            a[...] = to_device_of(state[name], a)
