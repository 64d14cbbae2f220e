"""Optimizer: what all optimizers have in common."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend import to_device_of
from ..backend.fused import apply_in_blocks
from ..nn.module import Module
from ..nn.pytorch_names import refuse
from ..nn.state import check_state_dict
from .checks import check_range

__all__ = ["Optimizer"]

Array = Any

NO_GROUPS = (
    "an optimizer has one list of parameters and one learning rate, optimizer.lr; "
    "make an optimizer for each group"
)


class Optimizer:
    """A list of parameters with arrays of state for each, and a rule to update them.

    A subclass defines its rule twice:

    - `update` is the formula of its docstring on whole arrays, to be read;
    - `fused_update` returns the same rule from `backend/fused.py`, which works in place on blocks
      of the arrays, to be fast. `step` runs this one.

    A test holds that both give the same bits.

    Attributes
    ----------
    parameters : the list of parameters.
    lr : the learning rate. A schedule sets it between steps.
    base_lr : the learning rate given to the constructor, which `LRSchedule` multiplies.
    num_updates : for each parameter, how often it was updated.
    state : for each parameter, a dict from the names in `state_names` to arrays of its shape, dtype
        and memory layout, zero at first.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], lr: float):
        name = type(self).__name__
        self.parameters = _check_parameters(name, parameters)
        check_range(name, lr=(lr, 0))
        self.lr = self.base_lr = lr
        self.num_updates = [0] * len(self.parameters)
        self.state = [
            {state_name: np.zeros_like(p.data) for state_name in self.state_names}
            for p in self.parameters
        ]

    def __repr__(self) -> str:
        """Show the settings, and the number of parameters."""
        settings = {name: getattr(self, name) for name in self._setting_names()}
        if self.lr != self.base_lr:
            settings["base_lr"] = self.base_lr
        number, count = sum(p.size for p in self.parameters), len(self.parameters)
        parts = [f"{name}={value}" for name, value in settings.items()]
        parts.append(f"{number:,} parameters in {count} tensor{'s' * (count != 1)}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def _setting_names(self) -> list[str]:
        """Return the constructor's arguments that are attributes, without the parameters."""
        names = inspect.signature(type(self)).parameters
        return [name for name in names if name != "parameters" and name in vars(self)]

    def __getattr__(self, name: str):
        """Raise an AttributeError, which says what to do without the groups of PyTorch."""
        table = {"param_groups": NO_GROUPS, "add_param_group": NO_GROUPS}
        raise AttributeError(refuse(type(self).__name__, name, table), name=name, obj=self)

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to None."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Update, in place, every parameter that has a gradient.

        A parameter without a gradient is left alone, and its state, too.
        """
        arguments = defaultdict(list)  # by the number of the update, which is part of its formula
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                self.num_updates[i] += 1
                p.touch()
                arrays = (p.data, p.grad.data, *self.state[i].values())
                arguments[self.num_updates[i]].append(arrays)
        for t, arrays_of_t in arguments.items():
            apply_in_blocks(self.fused_update(t), arrays_of_t)

    def update(
        self, t: int, p: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        """Compute the t-th update of a parameter, t = 1, 2, ...

        Parameters
        ----------
        t : the number of the update.
        p, g : values and gradient of the parameter.
        state : its state, by the names in `state_names`.

        Returns
        -------
        p, state : the new values and the new state, as new arrays.
        """
        raise NotImplementedError

    def fused_update(self, t: int) -> Callable[..., None]:
        """Return f(p, g, *state, scratch), which computes the t-th update in place."""
        raise NotImplementedError

    def _state_arrays(self) -> dict[str, Array]:
        return {f"{i}.{name}": a for i, s in enumerate(self.state) for name, a in s.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next steps depend on, apart from parameters and gradients.

        The settings of the constructor are not in it, except for the learning rate.

        Returns
        -------
        dict : "kind" (the class), "lr", "num_updates", and copies of the state's arrays under
            "0.<name>", "1.<name>", ...
        """
        return {
            "kind": type(self).__name__,
            "lr": self.lr,
            "num_updates": np.array(self.num_updates),
            **{key: array.copy() for key, array in self._state_arrays().items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the optimizer that returned `state` was, its learning rate included.

        Raises
        ------
        ValueError
            If the state is of another kind of optimizer or of other parameters. Nothing has been
            changed.
        """
        name, arrays = type(self).__name__, self._state_arrays()
        if isinstance(state, Mapping) and state.get("kind", name) != name:
            raise ValueError(
                f"load_state_dict: the state is of a {state['kind']}, this is a {name}"
            )
        expected = {
            "kind": name,
            "lr": self.lr,
            "num_updates": np.array(self.num_updates),
        }
        check_state_dict(name, {**expected, **arrays}, state)
        self.lr = float(state["lr"])
        self.num_updates = [int(n) for n in state["num_updates"]]
        for key, array in arrays.items():
            array[...] = to_device_of(state[key], array)


def _check_parameters(name: str, parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the parameters as a list; raise an error if they cannot be optimized."""
    if isinstance(parameters, (Tensor, Module)):
        raise TypeError(
            f"{name}: give the parameters as a list, [tensor] or model.parameters(), "
            f"not a {type(parameters).__name__}"
        )
    if callable(parameters):
        raise TypeError(f"{name}: got a function; call it, model.parameters()")
    parameters = list(parameters)
    if not parameters:
        raise ValueError(
            f"{name}: there is no parameter to optimize; are the layers attributes of the model, "
            "and is parameters() called on it?"
        )
    for i, p in enumerate(parameters):
        _check_parameter(name, i, p)
    if len({id(p) for p in parameters}) < len(parameters):
        raise ValueError(
            f"{name}: a parameter is in the list twice, and would take two steps at once; "
            "give each once"
        )
    return parameters


def _check_parameter(name: str, i: int, p: Any) -> None:
    if isinstance(p, Mapping):
        raise TypeError(f"{name}: parameter {i} is a dict; {NO_GROUPS}")
    if not isinstance(p, Tensor):
        raise TypeError(
            f"{name}: parameter {i} is a {type(p).__name__}, not a Tensor; "
            "give model.parameters(), not named_parameters()"
        )
    if not p.is_leaf:
        raise ValueError(
            f"{name}: parameter {i}, of shape {p.shape}, is the result of a computation: "
            "optimize the leaf tensors it was computed from"
        )
    if not p.requires_grad:
        raise ValueError(
            f"{name}: parameter {i}, of shape {p.shape}, requires no gradient, so it would never "
            "change; leave it out, or unfreeze it first"
        )
