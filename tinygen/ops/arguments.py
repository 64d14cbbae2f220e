"""Check arguments that many ops share: axes, pairs, images, dtypes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor

__all__: list[str] = []

Array = Any  # an array of any module, or a Tensor
Pair = tuple[int, int]  # (height, width)


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
        raise TypeError(f"{function}: {name} is {value!r}; give True or False{dtype_hint(value)}")
    return bool(value)


def dtype_hint(value: Any) -> str:
    """Return what to do instead of giving a dtype, to end an error; "" if the value is none."""
    return "; astype converts the result" if isinstance(value, (type, np.dtype)) else ""


def normalize_axis(function: str, axis: int, ndim: int) -> int:
    """Return `axis` counted from 0, where a negative one counts from the end.

    Raises
    ------
    ValueError
        If there is no such axis. `function` names the caller in the message.
    """
    if not isinstance(axis, (int, np.integer)) or type(axis) is bool:
        raise TypeError(f"{function}: axis is {axis!r}; give an integer{dtype_hint(axis)}")
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


def check_dtypes(function: str, **arrays: Array | None) -> None:
    """Raise TypeError unless all given arrays share one floating-point dtype.

    With mixed dtypes, NumPy would silently compute the result in the larger dtype, and everything
    that is computed from it too.
    """
    dtypes = {name: a.dtype for name, a in arrays.items() if a is not None}
    if len(set(dtypes.values())) > 1 or any(dtype.kind != "f" for dtype in dtypes.values()):
        given = ", ".join(f"{name} is {dtype}" for name, dtype in dtypes.items())
        is_bytes = any(dtype == np.uint8 for dtype in dtypes.values())
        advice = "; data.to_float makes pixels of bytes" if is_bytes else ""
        raise TypeError(
            f"{function}: {given}; all must share one floating-point dtype: convert with "
            f"astype{advice}"
        )
