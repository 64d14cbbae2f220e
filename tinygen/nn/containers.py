"""Modules that hold a list or a dict of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .module import Module, describe

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class ModuleList(Module):
    """A list of modules that can be an attribute of a module. Children are named "0", "1", ...

    The module that has the list calls its elements; the list itself computes nothing.

    Parameters
    ----------
    modules : the elements.
    """

    def __init__(self, modules: Iterable[Module] = ()):
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        """Add a module at the end."""
        _assign(self, str(len(self)), module)

    def extend(self, modules: Iterable[Module]) -> None:
        """Add modules at the end."""
        for module in modules:
            self.append(module)

    def __len__(self) -> int:
        """Return the number of elements."""
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        """Yield the elements in order."""
        return self.children()

    def __getitem__(self, index: int | slice) -> Module:
        """Return an element; or a new list, or Sequential, of the elements in a slice."""
        if isinstance(index, slice):
            return self._new(list(self.children())[index])
        return list(self.children())[index]

    def __setitem__(self, index: int, module: Module) -> None:
        """Replace an element."""
        names = [name for name, _ in self.named_children()]
        _assign(self, names[index], module)

    def _new(self, modules: list[Module]) -> ModuleList:
        return ModuleList(modules)


class Sequential(ModuleList):
    """Modules called one after the other: each gets the output of the one before it.

    Parameters
    ----------
    *layers : the modules, in order. Children are named "0", "1", ...; or one dict of modules, whose
        keys are the names.
    """

    def __init__(self, *layers: Module | Mapping[str, Module]):
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            for name, module in layers[0].items():
                _assign(self, name, module)
        else:
            super().__init__(layers)

    def _new(self, modules: list[Module]) -> Sequential:
        return Sequential(*modules)

    def forward(self, x):
        """Call all layers in order."""
        for layer in self.children():
            x = layer(x)
        return x


class ModuleDict(Module):
    """A dict of modules that can be an attribute of a module. Children have the keys as names.

    The module that has the dict calls its elements; the dict itself computes nothing.

    Parameters
    ----------
    modules : the elements by their names, which are strings without a dot.
    """

    def __init__(self, modules: Mapping[str, Module] | None = None):
        for name, module in (modules or {}).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        """Add or replace an element."""
        if not isinstance(name, str) or "." in name or hasattr(type(self), name):
            raise KeyError(
                f"ModuleDict: {name!r} cannot be the name of an element; give a string without a "
                "dot that is no method of Module"
            )
        _assign(self, name, module)

    def __getitem__(self, name: str) -> Module:
        """Return the element of this name."""
        return dict(self.named_children())[name]

    def __delitem__(self, name: str) -> None:
        """Remove the element of this name."""
        self[name]  # KeyError if there is none
        delattr(self, name)

    def __contains__(self, name: str) -> bool:
        """Return whether there is an element of this name."""
        return name in self.keys()

    def __len__(self) -> int:
        """Return the number of elements."""
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        """Yield the names in order."""
        return iter(self.keys())

    def keys(self) -> list[str]:
        """Return the names."""
        return [name for name, _ in self.named_children()]

    def values(self) -> list[Module]:
        """Return the elements."""
        return list(self.children())

    def items(self) -> list[tuple[str, Module]]:
        """Return (name, element) for each."""
        return list(self.named_children())


def _assign(container: Module, name: str, module: Module) -> None:
    """Make a module the child of this name; raise TypeError for anything else."""
    if not isinstance(module, Module):
        advice = "functions have their modules, ReLU() for relu"
        if isinstance(module, type):
            advice = f"call the class, {module.__name__}(...)"
        elif isinstance(module, (list, tuple)):
            advice = "write a star before a list, Sequential(*layers)"
        raise TypeError(
            f"{type(container).__name__}: element {name} is a {describe(module)}, not a Module; "
            + advice
        )
    setattr(container, name, module)
