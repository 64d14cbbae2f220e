"""Padding: a border of new elements around an array, constant or copied from inside.

Padding is linear in the array (a constant border adds a constant), so each rule is the adjoint:

    constant border    the crop
    copied border      `_fold`: each border is added to the place it was copied from

On NumPy both keep the memory order of their argument: a channels-last image stays channels-last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from .indexing import getitem
from .pytorch_names import explain_names

__all__ = ["pad"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor

_MODES = {
    "constant": "constant",
    "reflect": "reflect",
    "edge": "edge",
    "replicate": "edge",
    "wrap": "wrap",
    "circular": "wrap",
}


@explain_names
def pad(
    x: Array,
    pad_width: int | Sequence,
    mode: str = "constant",
    constant_values: float = 0.0,
) -> Array:
    """Surround x with a border of new elements, as np.pad.

    **Math** y[i] = x[r(i)], where r(i) is the position that element i is copied from, or the
    constant.
    dx[j] = sum of g[i] over all i with r(i) = j.
    **Shapes** each side n becomes before + n + after.

    Parameters
    ----------
    pad_width : int or sequence
        How many new elements before and after, as in NumPy: an integer for all sides;
        (before, after) for all axes; or a pair for each axis. PyTorch's flat list begins with the
        last axis: its (1, 2, 3, 4) of images is ((0, 0), (0, 0), (3, 4), (1, 2)) here.
    mode : str
        What the border holds.
        "constant": `constant_values`.
        "reflect": x mirrored at its last element, which is not repeated; before and after < n.
        "edge" (or "replicate"): the last element.
        "wrap" (or "circular"): x from its other end; before and after <= n.
    constant_values : float
        The elements of a constant border, one number for all.

    Raises
    ------
    ValueError
        For an unknown mode, a width that is negative or no integer, and a border wider than the
        mode can fill.
    """
    if mode not in _MODES:
        raise ValueError(f"pad: mode {mode!r} is unknown; choose one of {', '.join(_MODES)}")
    widths = _read_widths(x, pad_width)
    mode = _MODES[mode]
    if mode == "constant":
        if np.ndim(constant_values):
            raise ValueError(
                f"pad: constant_values={constant_values}; give one number for the whole border, or "
                "pad once for each number"
            )
        return _pad(x, widths=widths, value=constant_values)
    for axis, (n, width) in enumerate(zip(x.shape, widths)):
        longest = {"reflect": n - 1, "wrap": n, "edge": max(width) if n else 0}[mode]
        if max(width) > max(longest, 0):
            raise ValueError(
                f"pad: mode {mode!r} can make at most {max(longest, 0)} new elements on each side "
                f"of axis {axis} of shape {x.shape}, not {width}"
            )
    return _pad_copy(x, widths=widths, mode=mode)


def _read_widths(x, pad_width) -> list[tuple[int, int]]:
    """Return (before, after) for each axis of x."""
    try:
        table = np.broadcast_to(pad_width, (x.ndim, 2))
    except ValueError:
        raise ValueError(
            f"pad: pad_width {pad_width} fits no x of shape {x.shape}; give an int, "
            f"(before, after), or {x.ndim} such pairs{_pytorch_hint(x.ndim, pad_width)}"
        ) from None
    if table.dtype.kind not in "iu" or (table < 0).any():
        raise ValueError(
            f"pad: pad_width {pad_width} must hold integers, none of them negative; "
            "to make x smaller, slice it"
        )
    return [(int(before), int(after)) for before, after in table]


def _pytorch_hint(ndim: int, pad_width) -> str:
    """Return what PyTorch's flat list of widths is here, to end an error; "" if it is none."""
    if np.ndim(pad_width) != 1 or len(pad_width) % 2 or len(pad_width) > 2 * ndim:
        return ""
    pairs = [tuple(pad_width[i : i + 2]) for i in range(0, len(pad_width), 2)]
    pairs += [(0, 0)] * (ndim - len(pairs))
    return f"; PyTorch's {tuple(pad_width)} is {tuple(reversed(pairs))} here"


def _padded_shape(shape, widths) -> tuple:
    return tuple(n + before + after for n, (before, after) in zip(shape, widths))


def _inside(padded_shape, widths) -> tuple:
    """Return the index of x in the padded array."""
    return tuple(slice(before, n - after) for n, (before, after) in zip(padded_shape, widths))


@primitive
def _pad(x, *, widths, value):
    """Surround x with a constant border."""
    y = np.full_like(x, value, shape=_padded_shape(x.shape, widths))
    y[_inside(y.shape, widths)] = x
    return y


_pad.vjp(x=lambda g, widths: getitem(g, _inside(g.shape, widths)))


def _sources(n: int, before: int, after: int, mode: str) -> tuple[slice, slice]:
    """Return where the two borders of one axis are copied from, as slices of the padded axis."""
    end = before + n
    if mode == "reflect":
        last = end - 2 - after
        return (
            slice(2 * before, before, -1),
            slice(end - 2, last if last >= 0 else None, -1),
        )
    if mode == "edge":
        return slice(before, before + 1), slice(end - 1, end)
    return slice(n, n + before), slice(before, before + after)  # wrap


def _borders(shape, widths, mode: str) -> list:
    """Return (border, where it is copied from, axis) in the padded array, in the order of copying.

    A later axis copies the borders of the earlier ones too: that fills the corners.
    """
    borders = []
    inside = _inside(_padded_shape(shape, widths), widths)
    for axis, (n, (before, after)) in enumerate(zip(shape, widths)):
        whole, end = (slice(None),) * axis, before + n
        targets = slice(0, before), slice(end, end + after)
        sources = _sources(n, before, after, mode)
        for width, target, source in zip((before, after), targets, sources):
            if width:
                rest = inside[axis + 1 :]
                borders.append(((*whole, target, *rest), (*whole, source, *rest), axis))
    return borders


@primitive
def _pad_copy(x, *, widths, mode):
    """Surround x with borders copied from inside. Adjoint: `_fold`."""
    y = np.empty_like(x, shape=_padded_shape(x.shape, widths))
    y[_inside(y.shape, widths)] = x
    for border, source, _ in _borders(x.shape, widths, mode):
        y[border] = y[source]
    return y


@primitive(outputs=("x",))
def _fold(y, *, widths, mode):
    """The inside of y, to which its borders are added. Adjoint: `_pad_copy`.

    The copies are undone from last to first: each border is added to its source.
    """
    x = y.copy(order="K")
    shape = tuple(n - before - after for n, (before, after) in zip(y.shape, widths))
    for border, source, axis in reversed(_borders(shape, widths, mode)):
        if mode == "edge":  # all elements of the border were copied from one
            x[source] += x[border].sum(axis=axis, keepdims=True)
        else:
            x[source] += x[border]
    return x[_inside(y.shape, widths)]


_pad_copy.vjp(x=lambda g, widths, mode: _fold(g, widths=widths, mode=mode))
_fold.vjp(y=lambda g, widths, mode: _pad_copy(g, widths=widths, mode=mode))
