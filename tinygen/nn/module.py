"""Module: what the layers and models have in common. It finds the parameters, saves and loads them, and switches between training and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..autograd.tensor import Tensor
from ..backend import to_device
from .state import check_state_dict, to_device_of

__all__ = ["Module", "ModuleList", "Sequential", "is_leaf", "parameter"]

Array = Any


class Module:
    """A function with parameters. A subclass assigns its parts to attributes in `__init__` and computes in `forward`:

        class Encoder(Module):
            def __init__(self, generator):
                self.hidden = Linear(784, 400, generator=generator)
                self.out = Linear(400, 20, generator=generator)

            def forward(self, x):
                return self.out(relu(self.hidden(x)))

    **What an attribute is** is decided when it is assigned. A leaf tensor that requires a gradient is a *parameter* (and stays one when it is
    frozen later), a Module is a *child*, what goes through `register_buffer` is a *buffer*: a constant tensor that belongs to the state, like a
    running mean. Everything else is an ordinary attribute. Names are paths: "hidden.weight" is the parameter `weight` of the child `hidden`.

    A parameter, buffer or module that is reachable by two names (tied weights) is one, under the first of its names.
    """

    training: bool = True
    _parts: dict[str, str]  # attribute -> "parameter", "buffer" or "module", in order of assignment

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self.__dict__["_parts"] = {}  # here and not in __init__, so that a subclass cannot forget it
        return self

    def forward(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} defines no forward(): write what it computes there")

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    # ------------------------------------------------------------------------------------------------------------- parts

    def __setattr__(self, name: str, value: Any) -> None:
        was, kind = self._parts.get(name), _kind(value)
        if value is None:
            self._parts.pop(name, None)
        elif was == "buffer" and isinstance(value, Tensor) and not value.requires_grad:
            pass
        elif was is not None and kind != was:
            raise TypeError(
                f"{type(self).__name__}.{name} is a {was}: a {_describe(value)} cannot take its place; "
                + ("assign a Module" if was == "module" else f"write into it ({name}.data = ..., {name}[...] = ...)") + ", or assign None first"
            )
        elif kind is not None:
            self._parts[name] = kind
        elif isinstance(value, (list, tuple, dict)) and any(_kind(v) for v in (value.values() if isinstance(value, dict) else value)):
            raise TypeError(
                f"{type(self).__name__}.{name}: modules and parameters inside a {type(value).__name__} would be found by no optimizer "
                "and be saved in no checkpoint; use ModuleList or Sequential, or an attribute for each"
            )
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._parts.pop(name, None)

    def register_buffer(self, name: str, array: Array) -> None:
        """Add the attribute `name`: a constant tensor holding `array` itself, saved and moved with the parameters but not trained."""
        if name in self.__dict__:
            raise ValueError(f"register_buffer: {type(self).__name__} already has an attribute {name!r}")
        self.__dict__[name] = Tensor(array)
        self._parts[name] = "buffer"

    def _own(self, kind: str) -> Iterator[tuple[str, Any]]:
        return ((name, self.__dict__[name]) for name, k in self._parts.items() if k == kind)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules that are attributes of this one."""
        return self._own("module")

    def children(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module, whose path is "", and of all below it, each once, parents first."""
        seen, stack = set(), [("", self)]
        while stack:
            path, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            stack += [(_join(path, name), child) for name, child in reversed([*module.named_children()])]

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def _named(self, kind: str, recurse: bool) -> Iterator[tuple[str, Tensor]]:
        seen = set()
        for path, module in self.named_modules() if recurse else [("", self)]:
            for name, t in module._own(kind):
                if id(t) not in seen:
                    seen.add(id(t))
                    yield _join(path, name), t

    def named_parameters(self, recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) of all parameters, each once, those of this module first; without `recurse`, of this module alone."""
        return self._named("parameter", recurse)

    def parameters(self) -> Iterator[Tensor]:
        return (t for _, t in self.named_parameters())

    def named_buffers(self, recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) of all buffers, each once; without `recurse`, of this module alone."""
        return self._named("buffer", recurse)

    def buffers(self) -> Iterator[Tensor]:
        return (t for _, t in self.named_buffers())

    # ------------------------------------------------------------------------------------------------------------- modes

    def train(self, mode: bool = True) -> Module:
        """Switch this module and all below it to training (dropout drops, batch norm uses the batch) or, with False, to evaluation. Returns self."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """`train(False)`."""
        return self.train(False)

    def requires_grad_(self, flag: bool = True) -> Module:
        """Let gradients flow to the parameters, or freeze them. A frozen parameter is still a parameter. Returns self."""
        for t in self.parameters():
            t.requires_grad = flag
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: `.grad` becomes None."""
        for t in self.parameters():
            t.grad = None

    def to(self, device: str) -> Module:
        """Move parameters, their gradients and buffers to "cpu" or "cuda". The tensors stay the same objects, so build optimizers, whose own arrays
        are not moved, afterwards. Returns self."""
        return self.map_arrays_(lambda a: to_device(a, device))

    def map_arrays_(self, f: Callable[[Array], Array]) -> Module:
        """Replace the array of each parameter, gradient and buffer by f of it."""
        for _, t in [*self.named_parameters(), *self.named_buffers()]:
            t._data = f(t._data)
            t.touch()
            t.grad = None if t.grad is None else Tensor(f(t.grad._data))
        return self

    # ------------------------------------------------------------------------------------------------------------- state

    def _state(self) -> dict[str, Tensor]:
        return dict([*self.named_parameters(), *self.named_buffers()])

    def state_dict(self) -> dict[str, Array]:
        """Path -> a copy of the array, for all parameters and buffers."""
        return {name: t.data.copy() for name, t in self._state().items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy the arrays of a `state_dict()` (Tensors do too) into those of this module, wherever either lies; layouts in memory stay as they are.

        Raises ValueError, having changed nothing, if the state is not of a module like this one; the message names all that differs.
        """
        own = self._state()
        if isinstance(state, Mapping):
            state = {name: a.data if isinstance(a, Tensor) else a for name, a in state.items()}
        check_state_dict(type(self).__name__, {name: t.data for name, t in own.items()}, state)
        arrays = [to_device_of(state[name], t.data) for name, t in own.items()]  # all of them before the first is written: this too can fail
        for t, array in zip(own.values(), arrays, strict=True):
            t[...] = array

    # ------------------------------------------------------------------------------------------------------------- printing

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed: its settings."""
        return ""

    def __repr__(self) -> str:
        children = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        inside = [line for line in [self.extra_repr()] if line] + children
        return f"{type(self).__name__}({inside[0] if inside else ''})" if not children else "\n  ".join([f"{type(self).__name__}(", *inside]) + "\n)"


class Sequential(Module):
    """Modules called one after the other, each on what the one before it returned. Children are named "0", "1", ..."""

    def __init__(self, *layers: Module):
        _add(self, layers)

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int) -> Module:
        return [*self.children()][index]


class ModuleList(Module):
    """A list of modules that a module can have as an attribute; what to do with them is its own affair. Children are named "0", "1", ..."""

    def __init__(self, modules: Iterable[Module] = ()):
        _add(self, modules)

    def append(self, module: Module) -> None:
        _add(self, [module])

    __len__, __iter__, __getitem__ = Sequential.__len__, Sequential.__iter__, Sequential.__getitem__


def _add(parent: Module, modules: Iterable[Module]) -> None:
    for i, module in enumerate(modules, len(parent._parts)):
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(parent).__name__}: element {i} is a {_describe(module)}, not a Module; functions have their modules, "
                "ReLU() for relu"
            )
        setattr(parent, str(i), module)


def _kind(value: Any) -> str | None:
    if isinstance(value, Module):
        return "module"
    return "parameter" if isinstance(value, Tensor) and value.requires_grad and is_leaf(value) else None


def _describe(value: Any) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return "constant Tensor" if not value.requires_grad else "parameter" if is_leaf(value) else "result of a computation"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def parameter(array: Any) -> Tensor:
    """A leaf that holds `array` itself (`tinygen.tensor` would copy it, and lose its layout)."""
    t = Tensor(array)
    t.requires_grad = True
    return t


def is_leaf(t: Tensor) -> bool:
    """Whether t is no result of a computation that is recorded: a parameter or a constant."""
    return t._edge is None or t._edge[0].op is None
