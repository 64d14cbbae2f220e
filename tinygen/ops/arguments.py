"""Check arguments that many ops share: axes, pairs, images, dtypes."""

from __future__ import annotations

import contextlib
import operator
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend.arrays import type_name

__all__: list[str] = []

Array = Any  # np.ndarray, cupy.ndarray or Tensor
Pair = tuple[int, int]  # (height, width)

_SINGLE_OR_DOUBLE = ({np.dtype(np.float32)}, {np.dtype(np.float64)})


def raw(x: Array) -> Any:
    """Return the array of a Tensor; an array itself."""
    return x.data if isinstance(x, Tensor) else x


def as_flag(function: str, name: str, value: bool) -> bool:
    """Return the setting `name`, which must be True or False.

    Any other value, taken for true, would hide a setting that stands at another position in NumPy
    or PyTorch: NumPy's dtype follows the axis, as `keepdims` does here.
    """
    if value is True or value is False:
        return value
    if not isinstance(value, np.bool_):
        raise TypeError(
            f"{function}: {name} is {_brief(value)}; give True or False{dtype_hint(value)}"
        )
    return bool(value)


def _brief(value: Any) -> str:
    """Return a setting as errors print it: of an array its shape, which fits into a line."""
    return f"an array {value.shape}" if getattr(value, "ndim", 0) else repr(value)


def dtype_hint(value: Any) -> str:
    """Return what to do instead of giving a dtype, to end an error; "" if the value is none."""
    return "; astype converts the result" if isinstance(value, (type, np.dtype)) else ""


def as_integer(function: str, name: str, value: Any) -> int:
    """Return the setting `name` as a Python integer.

    Raises
    ------
    TypeError
        If it is none: a bool, a float or a dtype.
    """
    if not isinstance(value, (bool, np.bool_)):
        with contextlib.suppress(TypeError):
            return operator.index(value)
    raise TypeError(f"{function}: {name} is {_brief(value)}; give an integer{dtype_hint(value)}")


def normalize_axis(function: str, axis: int, ndim: int) -> int:
    """Return `axis` counted from 0, where a negative one counts from the end.

    Raises
    ------
    ValueError
        If there is no such axis. `function` names the caller in the message.
    """
    if not isinstance(axis, (int, np.integer)) or type(axis) is bool:
        raise TypeError(f"{function}: axis is {_brief(axis)}; give an integer{dtype_hint(axis)}")
    if not -ndim <= axis < ndim:
        there_are = f"axes go from {-ndim} to {ndim - 1}" if ndim else "a single number has no axis"
        raise ValueError(f"{function}: axis {axis} is out of bounds for ndim={ndim}; {there_are}")
    return axis % ndim


def normalize_axes(function: str, axis: int | tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return one axis or several as a tuple, counted from 0.

    Raises
    ------
    ValueError
        If there is no such axis, or if one is named twice.
    """
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(normalize_axis(function, a, ndim) for a in axes)
    if len(set(axes)) < len(axes):
        raise ValueError(f"{function}: axis {axis} names one axis twice")
    return axes


def as_axes(function: str, axis: Any, ndim: int) -> tuple[int, ...] | None:
    """Return the axes of a reduction as a tuple, counted from 0; None stands for all of them.

    A single number, which has no axis, can be reduced along axis 0 or -1, as in PyTorch.

    Raises
    ------
    ValueError
        As `normalize_axes`.
    """
    if axis is None:
        return None
    axes = normalize_axes(function, axis, max(ndim, 1))
    return axes if ndim else None


def as_pair(function: str, name: str, value: int | Pair, minimum: int, num_sides: int = 2) -> Pair:
    """Return a setting of images as a pair (height, width).

    A setting of sequences, num_sides=1, becomes (minimum, length): sequences are images of height
    one, and along that side a setting of `minimum` changes nothing.

    Parameters
    ----------
    value : an integer for all sides, or a tuple or list with one for each side or for all.

    Raises
    ------
    ValueError
        If it is nothing of these, or less than `minimum`. `function` and `name` say in the
        message which argument it is.
    """
    if type(value) is int and value >= minimum and num_sides == 2:
        return value, value  # the usual case, 20 times as fast as what follows
    sides = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(sides) == 1:
        sides *= num_sides
    are_integers = all(
        isinstance(side, (int, np.integer)) and type(side) is not bool and side >= minimum
        for side in sides
    )
    if len(sides) != num_sides or not are_integers:
        pair = ", or a pair of them (height, width)" if num_sides == 2 else ""
        raise ValueError(
            f"{function}: {name}={value!r}; give an integer of at least {minimum}{pair}"
        )
    sides = [operator.index(side) for side in sides]
    return (sides[0], sides[1]) if num_sides == 2 else (minimum, sides[0])


def check_images(function: str, x: Array) -> None:
    """Raise ValueError unless x has the four axes of images."""
    if x.ndim != 4:
        raise ValueError(f"{function}: x has shape {x.shape}; give images (N, C, H, W)")


def check_arrays(function: str, **arrays: Array | None) -> None:
    """Raise TypeError unless all are arrays or None, and not lists or numbers."""
    for name, a in arrays.items():
        if a is not None and not hasattr(a, "dtype"):
            raise TypeError(
                f"{function}: {name} is a {type_name(a)}; give an array, which tinygen.tensor "
                "makes of numbers; if it is meant as another argument, give it by name"
            )


def check_dtypes(function: str, **arrays: Array | None) -> None:
    """Raise TypeError unless all given arrays share one dtype, float32 or float64.

    With mixed dtypes, NumPy would silently compute the result in the larger dtype, and everything
    that is computed from it too.
    """
    dtypes = {name: getattr(a, "dtype", None) for name, a in arrays.items() if a is not None}
    if set(dtypes.values()) in _SINGLE_OR_DOUBLE:
        return
    check_arrays(function, **arrays)
    if len(set(dtypes.values())) > 1 or any(dtype.kind != "f" for dtype in dtypes.values()):
        raise TypeError(
            f"{function}: {_describe(dtypes)}; all must share one floating-point dtype: convert "
            f"with astype{_advice(dtypes)}"
        )
    _check_not_half(function, dtypes)


def check_floating(function: str, **arrays: Array) -> None:
    """Raise TypeError unless one of the arrays, at least, is floating point.

    With integers alone, NumPy would compute in their dtype, where the negative of 1 can be 255.
    """
    for a in arrays.values():
        if hasattr(a, "dtype") and a.dtype.kind == "f":
            return
    check_arrays(function, **arrays)
    dtypes = {name: a.dtype for name, a in arrays.items()}
    raise TypeError(
        f"{function}: {_describe(dtypes)}; give floating point: convert with astype"
        f"{_advice(dtypes)}"
    )


def check_sums(function: str, **arrays: Array) -> None:
    """Raise TypeError if sums over the arrays would be computed in float16.

    It ends at 65504, and beyond 2048 adding 1 changes nothing.
    """
    for a in arrays.values():
        if hasattr(a, "dtype") and a.dtype.itemsize > 2:
            return  # then NumPy computes in no less than float32
    check_arrays(function, **arrays)
    _check_not_half(function, {name: a.dtype for name, a in arrays.items()})


def _check_not_half(function: str, dtypes: dict) -> None:
    name = next((name for name, dtype in dtypes.items() if dtype == np.float16), None)
    if name is not None:
        raise TypeError(
            f"{function}: {name} is float16, which cannot hold the sums of {function}: compute "
            f"with {name}.astype(np.float32)"
        )


def _describe(dtypes: dict) -> str:
    return ", ".join(f"{name} is {dtype}" for name, dtype in dtypes.items())


def _advice(dtypes: dict) -> str:
    is_bytes = any(dtype == np.uint8 for dtype in dtypes.values())
    return "; data.to_float makes pixels of bytes" if is_bytes else ""


def as_number(value: Any) -> Any:
    """Return a NumPy scalar as Python's number, which leaves the dtype of float32 as it is."""
    return value.item() if isinstance(value, np.generic) else value
