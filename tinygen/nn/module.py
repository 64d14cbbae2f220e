"""Module: what layers and models have in common.

A Module finds its parameters, saves and loads them, and switches between training and evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from ..autograd.tensor import Tensor
from ..backend import RNG, to_device, to_device_of
from .checks import check_arguments
from .pytorch_names import METHODS, refuse
from .state import LoadedKeys, check_state_dict
from .summary import summarize

__all__ = ["Module", "describe", "parameter"]

Array = Any


class Module:
    """A function with parameters.

    A subclass assigns its parts to attributes in `__init__` and computes in `forward`:

        class Encoder(Module):
            def __init__(self, rng):
                self.hidden = Linear(784, 400, rng=rng)
                self.out = Linear(400, 20, rng=rng)

            def forward(self, x):
                return self.out(relu(self.hidden(x)))

    **The kind of an attribute** is decided when it is assigned:

    - a leaf tensor that requires a gradient is a *parameter*; it remains one if it is frozen later;
    - a Module is a *child*;
    - an array registered by `register_buffer` is a *buffer*: a constant tensor that belongs to the
      state, such as a running mean;
    - everything else is an ordinary attribute. A list, tuple or dict may not hold parameters or
      modules: use ModuleList, ModuleDict or Sequential.

    **Names** are paths: "hidden.weight" is the parameter `weight` of the child `hidden`. A
    parameter, buffer or module that has two names (tied weights) is listed once, under the first.
    """

    training: bool = True
    state_names: ClassVar[dict[str, str]] = {}  # paths below this module -> other names for them
    # attribute -> "parameter", "buffer", "module", or "container" for lists and the like, which may
    # not hold parts; in order of assignment
    _kinds: dict[str, str]

    def __new__(cls, *args, **kwargs):
        """Create the module with no parts. This is not in `__init__`, which a subclass replaces."""
        if args or kwargs:  # copies and pickles are created without arguments
            check_arguments(cls, args, kwargs)
        self = super().__new__(cls)
        self.__dict__["_kinds"] = {}
        return self

    def forward(self, *args, **kwargs):
        """Compute the module's output. Each subclass defines it."""
        raise NotImplementedError(
            f"{type(self).__name__} defines no forward(): write what it computes there"
        )

    def __call__(self, *args, **kwargs):
        """Return `forward(*args, **kwargs)`."""
        return self.forward(*args, **kwargs)

    # ---------------------------------------------------------------------------------- the parts

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign an attribute, and register it if it is a parameter or a module."""
        old_kind, new_kind = self._kinds.get(name), _kind(value)
        if value is None or old_kind == "container":
            self._kinds.pop(name, None)
        elif old_kind is not None:
            self._check_replacement(name, old_kind, value)
            new_kind = old_kind
        if new_kind == "container":
            self._check_hides_no_parts(name, value)
            new_kind = None if isinstance(value, tuple) else new_kind  # a tuple cannot change later
        if new_kind is not None:
            self._kinds[name] = new_kind
        self.__dict__[name] = value

    def __getattr__(self, name: str):
        """Raise an AttributeError, which says what to type for a name of PyTorch's."""
        if hasattr(type(self), name):  # a property failed with an AttributeError: raise that one
            return object.__getattribute__(self, name)
        message = refuse(type(self).__name__, name, METHODS)
        raise AttributeError(message, name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        """Delete an attribute, and remove it from the parts."""
        object.__delattr__(self, name)
        self._kinds.pop(name, None)

    def _check_replacement(self, name: str, old_kind: str, value: Any) -> None:
        is_constant = isinstance(value, Tensor) and not value.requires_grad
        if _kind(value) == old_kind or (old_kind == "buffer" and is_constant):
            return
        advice = (
            "assign a Module"
            if old_kind == "module"
            else f"write into it ({name}.data = ..., {name}[...] = ...)"
        )
        raise TypeError(
            f"{type(self).__name__}.{name} is a {old_kind}: a {describe(value)} cannot take its "
            f"place; {advice}, or assign None first"
        )

    def _check_hides_no_parts(self, name: str, value: list | tuple | dict) -> None:
        elements = value.values() if isinstance(value, dict) else value
        if any(_kind(element) in ("module", "parameter") for element in elements):
            raise TypeError(
                f"{type(self).__name__}.{name}: modules and parameters inside a "
                f"{type(value).__name__} would be found by no optimizer and be saved in no "
                "checkpoint; use ModuleList or Sequential, or an attribute for each"
            )

    def register_buffer(self, name: str, array: Array | None) -> None:
        """Add a constant tensor that is saved and moved with the parameters, but not trained.

        Parameters
        ----------
        name : the new attribute.
        array : the tensor's data, an array or a Tensor. It is not copied. None makes the attribute
            None, for a buffer that is left out.
        """
        if name in self.__dict__:
            raise ValueError(
                f"register_buffer: {type(self).__name__} already has an attribute {name!r}"
            )
        if array is None:
            self.__dict__[name] = None
            return
        if not hasattr(array, "__array_function__"):
            raise TypeError(
                f"register_buffer: {name} is a {type(array).__name__}; give an array or a Tensor"
            )
        self.__dict__[name] = array.detach() if isinstance(array, Tensor) else Tensor(array)
        self._kinds[name] = "buffer"

    def _attributes(self, kind: str) -> Iterator[tuple[str, Any]]:
        return ((name, self.__dict__[name]) for name, k in self._kinds.items() if k == kind)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) for each module that is an attribute of this one."""
        return self._attributes("module")

    def children(self) -> Iterator[Module]:
        """Yield each module that is an attribute of this one."""
        return (module for _, module in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield (path, module) for this module, whose path is "", and for all below it.

        Each module comes once; parents come before their children.
        """
        visited, stack = set(), [("", self)]
        while stack:
            path, module = stack.pop()
            if id(module) in visited:
                continue
            visited.add(id(module))
            yield path, module
            children = [(_join(path, name), child) for name, child in module.named_children()]
            stack += reversed(children)  # the first child is popped first

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def apply(self, function: Callable[[Module], Any]) -> Module:
        """Call `function(module)` for all modules below this one, then for this one. Returns self.

        PyTorch's order: children come before their parents.
        """
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    def _named_tensors(self, kind: str, recurse: bool) -> Iterator[tuple[str, Tensor]]:
        visited, other_names = set(), {}
        for path, module in self.named_modules() if recurse else [("", self)]:
            for name, container in module._attributes("container"):
                module._check_hides_no_parts(name, container)  # it may have been filled later
            for name, other_name in module.state_names.items():
                other_names[_join(path, name)] = _join(path, other_name)
            for name, tensor in module._attributes(kind):
                if id(tensor) not in visited:
                    visited.add(id(tensor))
                    name = _join(path, name)
                    yield other_names.get(name, name), tensor

    def named_parameters(self, recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Yield (path, tensor) for all parameters, each once, those of this module first.

        Parameters
        ----------
        recurse : False leaves out the parameters of the modules below this one.
        """
        yield from self._named_tensors("parameter", recurse)

    def parameters(self) -> Iterator[Tensor]:
        """Yield all parameters, each once."""
        return (tensor for _, tensor in self.named_parameters())

    def num_parameters(self) -> int:
        """Return the number of elements of all parameters, frozen ones included."""
        return sum(tensor.size for tensor in self.parameters())

    def named_buffers(self, recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Yield (path, tensor) for all buffers, each once; `recurse` as for `named_parameters`."""
        yield from self._named_tensors("buffer", recurse)

    def buffers(self) -> Iterator[Tensor]:
        """Yield all buffers, each once."""
        return (tensor for _, tensor in self.named_buffers())

    # ---------------------------------------------------------------------------------- the modes

    def train(self, mode: bool = True) -> Module:
        """Switch this module and all below it to training, or with False to evaluation.

        In training, dropout drops and batch norm uses the statistics of the batch. Returns self.
        """
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, flag: bool = True) -> Module:
        """Freeze the parameters (False) or unfreeze them (True), in place. Returns self.

        A frozen parameter is still a parameter: it is saved and moved like the others.
        """
        for tensor in self.parameters():
            tensor.requires_grad = flag
        return self

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to None."""
        for tensor in self.parameters():
            tensor.grad = None

    def to(self, device: str) -> Module:
        """Move parameters, their gradients, buffers and random sources to "cpu" or "cuda".

        Tensors and sources remain the same objects, so the source of a Dropout moves for all that
        share it. An optimizer's own arrays are not moved, so construct optimizers afterwards.
        Returns self.
        """
        for module in self.modules():
            for value in vars(module).values():
                if isinstance(value, RNG):
                    value.to(device)
        return self.map_arrays_(lambda array: to_device(array, device))

    def map_arrays_(self, f: Callable[[Array], Array]) -> Module:
        """Replace the array of each parameter, gradient and buffer by f of it. Returns self."""
        for tensor in self._state_tensors().values():
            requires_grad, gradient = tensor.requires_grad, tensor.grad
            tensor.requires_grad = False  # a leaf of the graph has one dtype: make a new one
            tensor._data = f(tensor.data)  # assigning to `data` would copy into the old array
            tensor.touch()
            tensor.requires_grad = requires_grad
            tensor.grad = None if gradient is None else Tensor(f(gradient.data))
        return self

    # ---------------------------------------------------------------------------------- the state

    def _state_tensors(self) -> dict[str, Tensor]:
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def state_dict(self) -> dict[str, Array]:
        """Return a dict from path to a copy of the array, for all parameters and buffers.

        A PyTorch model with the same layers loads {name: torch.from_numpy(array)} of it.
        """
        return {name: tensor.data.copy() for name, tensor in self._state_tensors().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """Copy the arrays of a `state_dict()` into this module's own.

        Names and shapes are PyTorch's for each layer that PyTorch has, so the state can be of a
        PyTorch model with the same layers. Device and memory layout of the module's arrays stay as
        they are.

        Parameters
        ----------
        state : dict from path to array. Tensors are taken, too, also PyTorch's. A narrower floating
            point type, such as float16 for float32, is converted without loss.
        strict : False loads the names that both have, and leaves the others alone.

        Returns
        -------
        LoadedKeys : the lists `missing_keys` and `unexpected_keys`, empty if `strict`.

        Raises
        ------
        ValueError
            If the state is not of a module like this one. The message names everything that
            differs, and nothing has been changed.
        """
        tensors = self._state_tensors()
        expected = {name: tensor.data for name, tensor in tensors.items()}
        state, keys = check_state_dict(type(self).__name__, expected, state, strict)
        # moving an array can fail, too: move all before the first is written
        arrays = {name: to_device_of(a, expected[name]) for name, a in state.items()}
        for name, array in arrays.items():
            tensors[name][...] = array
        return keys

    # ---------------------------------------------------------------------------------- printing

    def extra_repr(self) -> str:
        """Return the settings that `repr` shows between the parentheses."""
        return ""

    def __repr__(self) -> str:
        """Show the layers, with the number and the shapes of their parameters."""
        return summarize(self)


def parameter(array: Array) -> Tensor:
    """Return a leaf that requires a gradient and holds `array` itself.

    `tinygen.tensor` would copy the array and lose its memory layout.
    """
    leaf = Tensor(array)
    leaf.requires_grad = True
    return leaf


def describe(value: Any) -> str:
    """Return what a value is, for messages: its class, and the role of a Tensor."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    if not value.requires_grad:
        return "constant Tensor"
    return "parameter" if value.is_leaf else "result of a computation"


def _kind(value: Any) -> str | None:
    """Return the kind of a value when it is assigned, None for an ordinary attribute."""
    if isinstance(value, Module):
        return "module"
    if isinstance(value, (list, tuple, dict)):
        return "container"
    is_parameter = isinstance(value, Tensor) and value.requires_grad and value.is_leaf
    return "parameter" if is_parameter else None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
