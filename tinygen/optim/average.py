"""The exponential moving average of a module's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend.fused import apply_in_blocks, moving_average_update
from ..nn.module import Module
from ..nn.state import check_state_dict, to_device_of
from .checks import check_range

__all__ = ["ExponentialMovingAverage"]

Array = Any


class ExponentialMovingAverage:
    """Averages that follow the parameters of a module.

    **Math** the averages begin as copies of the parameters. Each `update()` computes

        average <- decay average + (1 - decay) parameter.

    So it averages over about the last 1 / (1 - decay) updates. Samples of a generator with averaged
    parameters are usually better than with the last ones.

    Buffers are not averaged: the module's own are used in either case.

        ema = ExponentialMovingAverage(generator, decay=0.999)
        ...                                 # after each optimizer.step(): ema.update()
        with ema.average_parameters():      # the module computes with the averages here
            samples = generator(z)

    Parameters
    ----------
    module : the module whose parameters are averaged.
    decay : weight of the old average, in [0, 1).
    """

    def __init__(self, module: Module, decay: float):
        check_range("ExponentialMovingAverage", decay=(decay, 0, 1))
        self.module, self.decay = module, decay
        self._averages = {}
        for name, p in module.named_parameters():
            self._averages[name] = np.empty_like(p.data)  # empty_like keeps the memory layout
            self._averages[name][...] = p.data
        if not self._averages:
            raise ValueError(
                f"ExponentialMovingAverage: {type(module).__name__} has no parameters to average"
            )
        self._is_swapped = False

    def update(self) -> None:
        """Average the module's present parameters in."""
        follow = partial(moving_average_update, decay=self.decay)
        jobs = []
        for name, p in self._check_parameters("update").items():
            jobs.append((follow, (self._averages[name], p.data)))
        apply_in_blocks(jobs)

    @contextmanager
    def average_parameters(self) -> Iterator[Module]:
        """Context in which the module's parameters are the averages.

        Its own parameters are restored at the end, also after an error.
        """
        parameters = self._check_parameters("average_parameters")
        self._swap(parameters)
        try:
            yield self.module
        finally:
            self._swap(parameters)

    def state_dict(self) -> dict[str, Array]:
        """Return a dict from the path of each parameter to a copy of its average."""
        self._check_parameters("state_dict")
        return {name: average.copy() for name, average in self._averages.items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy the averages of a `state_dict()` into this object.

        Raises
        ------
        ValueError
            If the state is of another module. Nothing has been changed.
        """
        self._check_parameters("load_state_dict")
        check_state_dict("ExponentialMovingAverage", self._averages, state)
        for name, average in self._averages.items():
            average[...] = to_device_of(state[name], average)

    def _check_parameters(self, method: str) -> dict[str, Tensor]:
        """Return the module's parameters; raise an error if they do not match the averages."""
        if self._is_swapped:
            raise RuntimeError(
                f"ExponentialMovingAverage.{method}: inside `with average_parameters()` the module "
                "holds the averages; do this outside"
            )
        parameters = dict(self.module.named_parameters())
        if parameters.keys() != self._averages.keys():
            raise RuntimeError(
                f"ExponentialMovingAverage.{method}: the module's parameters have changed since; "
                f"they were {', '.join(self._averages)}"
            )
        return parameters

    def _swap(self, parameters: dict[str, Tensor]) -> None:
        """Exchange the values of the parameters and the averages."""
        for name, p in parameters.items():
            values = p.data.copy(order="K")  # `p.data =` writes into the parameter's own memory
            p.data, self._averages[name] = self._averages[name], values
        self._is_swapped = not self._is_swapped
