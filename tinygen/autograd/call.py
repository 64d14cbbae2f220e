"""How a call of a primitive is read: its arrays and settings, by position and by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import NoReturn

import numpy as np

from .tensor import Tensor

# {PyTorch's name of a parameter: the one here, which is NumPy's for a setting}
PYTORCH_NAMES = {
    "diagonal": "k",
    "dim": "axis",
    "dim1": "axis1",
    "dim2": "axis2",
    "dims": "axis",
    "input": "x",
    "keepdim": "keepdims",
    "other": "b",
    "p": "ord",
    "pad": "pad_width",
    "shifts": "shift",
    "value": "constant_values",
    "weight": "w",
    "correction": "ddof",
    "unbiased": "ddof",
}
# {a parameter of NumPy's or PyTorch's functions that no primitive has: what to do instead}
INSTEAD = {
    "dtype": "convert with astype",
    "inplace": "assign the result to a name",
    "out": "assign the result to a name",
    "rounding_mode": "a // b rounds down",
}


def order_arguments(op, args: tuple, settings: dict) -> Sequence:
    """Return all arrays of a call in the order of the arguments of `op`, and complete `settings`.

    Settings that were given by position move into `settings`. Arrays that were given by keyword
    are removed from it. An optional array that was not given is None. A setting that is a scalar of
    NumPy becomes Python's, because np.float64(2) would make a float32 result float64. Raises
    TypeError if an array is missing, a name is unknown, or there are more values than parameters.
    """
    if op.is_variadic:
        # The arrays are all positional values, or a list of them that settings may follow.
        is_list = bool(args) and isinstance(args[0], (list, tuple))
        if len(args) == 1 and not is_list:  # which NumPy's functions read as a list of its parts
            refuse(op, "one array was given; give a list of arrays, [x] or the parts list(x)")
        arrays, values = (args[0], args[1:]) if is_list else (args, ())
        missing = []
    else:
        arrays, values = args[: op.num_arguments], args[op.num_arguments :]
        rest = op.arguments[len(arrays) :]
        missing = [name for name in rest if name not in settings and name not in op.optional]
        arrays = [*arrays, *(settings.pop(name, op.optional.get(name)) for name in rest)]
    names = [*op.settings][: len(values)]
    unknown = settings.keys() - op.settings.keys()
    twice = [name for name in names if name in settings]
    settings.update(zip(names, values))
    if missing:
        refuse(op, "missing " + ", ".join(missing), unknown)
    if unknown:
        refuse(op, "unknown " + ", ".join(unknown), unknown)
    if twice:
        refuse(op, ", ".join(twice) + " was given twice, by position and by name")
    if len(values) > len(names):
        refuse(op, f"{len(args)} values were given by position")
    for name, value in settings.items():
        if type(value) is Tensor:
            refuse(op, f"{name} is a Tensor, but a setting has no gradient: give a number")
        if isinstance(value, np.generic):
            settings[name] = value.item()
    return arrays


def refuse(op, problem: str, unknown: Iterable[str] = ()) -> NoReturn:
    """Raise TypeError that states the problem and the parameters that there are."""
    hints = [
        f"PyTorch's {name} is {PYTORCH_NAMES[name]} here; "
        for name in unknown
        if PYTORCH_NAMES.get(name) in (*op.settings, *op.arguments)
    ]
    hints += [f"instead of {name}, {INSTEAD[name]}; " for name in unknown if name in INSTEAD]
    raise TypeError(
        f"{op.__name__}: {problem}; {''.join(hints)}its arrays are "
        f"{', '.join(op.arguments)}, its settings {', '.join(op.settings) or 'none'}"
    )


def call_signature(signature: inspect.Signature) -> inspect.Signature:
    """Return the signature of calls: that of the forward, with settings by position too."""
    visible, by_position, has_default = [], True, False
    for p in signature.parameters.values():
        # Python allows no parameter without a default after one with a default.
        by_position &= p.kind is not p.VAR_POSITIONAL and not (has_default and p.default is p.empty)
        has_default |= p.default is not p.empty
        visible.append(p.replace(kind=p.POSITIONAL_OR_KEYWORD) if by_position else p)
    return signature.replace(parameters=visible)
