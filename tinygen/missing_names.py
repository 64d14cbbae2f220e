"""The error for a name that a module does not have, and that other libraries have."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["missing_name"]


def missing_name(module: str, name: str, elsewhere: Mapping[str, str]) -> AttributeError:
    """Return the error that a module's `__getattr__` raises.

    Parameters
    ----------
    module : str
        The module's `__name__`.
    name : str
        The attribute that it lacks.
    elsewhere : mapping
        From names of other libraries to what to type instead, which ends the message.
    """
    hint = f"; here it is {elsewhere[name]}" if name in elsewhere else ""
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}")
