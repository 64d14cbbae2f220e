"""Modules that hold a list of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .module import Module, describe

__all__ = ["ModuleList", "Sequential"]


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
        index = len(self)
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: element {index} is a {describe(module)}, not a Module; "
                "functions have their modules, ReLU() for relu"
            )
        setattr(self, str(index), module)

    def __len__(self) -> int:
        """Return the number of elements."""
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        """Yield the elements in order."""
        return self.children()

    def __getitem__(self, index: int | slice) -> Module | list[Module]:
        """Return an element, or the list of the elements in a slice."""
        return list(self.children())[index]


class Sequential(ModuleList):
    """Modules called one after the other: each gets the output of the one before it.

    Parameters
    ----------
    *layers : the modules, in order. Children are named "0", "1", ...
    """

    def __init__(self, *layers: Module):
        super().__init__(layers)

    def forward(self, x):
        """Call all layers in order."""
        for layer in self.children():
            x = layer(x)
        return x
