"""Padding: a border of new elements around an array, a number or copied from inside. Linear too (shape.py), and its rule the adjoint:

    constant     the crop
    copied       `_fold`: each border is added to where it was copied from; and the other way round

On NumPy both keep the memory order of what they are given: a channels-last picture stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from .indexing import getitem

__all__ = ["pad"]

Array = Any  # an array of any module, or a Tensor

_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "replicate": "edge", "wrap": "wrap", "circular": "wrap"}


def pad(x: Array, pad_width: int | Sequence, mode: str = "constant", value: float = 0.0) -> Array:
    """x with a border of new elements.

    Parameters
    ----------
    pad_width : how many before and after, as NumPy has it: an int for all sides; (before, after) for all axes; or a pair for each axis.
    mode : what the border holds. "constant": `value`. "reflect": x mirrored in its last element, which is not repeated. "edge" (or "replicate"):
        the last element. "wrap" (or "circular"): x from its other end.

    **Math.** y[i] = x[r(i)], where r reads back into x, or y[i] = value; cotangent of x: x[j] receives the sum of g over all i with r(i) = j.
    **Shapes.** Each side n to before + n + after. "reflect" needs before and after < n, "wrap" <= n.
    """
    if mode not in _MODES:
        raise ValueError(f"pad: mode {mode!r} is unknown; choose one of {', '.join(_MODES)}")
    try:
        table = np.broadcast_to(pad_width, (x.ndim, 2))
    except ValueError:
        raise ValueError(f"pad: pad_width {pad_width} fits no x of shape {x.shape}; give an int, (before, after), or {x.ndim} such pairs") from None
    if table.dtype.kind not in "iu" or (table < 0).any():
        raise ValueError(f"pad: pad_width {pad_width} must hold integers, none of them negative; to cut x smaller, slice it")
    widths = [(int(before), int(after)) for before, after in table]
    mode = _MODES[mode]
    if mode == "constant":
        return _pad(x, widths=widths, value=value)
    for axis, (n, w) in enumerate(zip(x.shape, widths)):
        most = {"reflect": n - 1, "wrap": n, "edge": max(w) if n else 0}[mode]
        if max(w) > max(most, 0):
            raise ValueError(f"pad: mode {mode!r} can make at most {max(most, 0)} new elements on each side of axis {axis} of shape {x.shape}, not {w}")
    return _pad_copy(x, widths=widths, mode=mode)


def _padded(shape, widths) -> tuple:
    return tuple(n + b + a for n, (b, a) in zip(shape, widths))


def _inside(shape, widths) -> tuple:
    """Where x lies in an array that it was padded to; `shape` is the padded one."""
    return tuple(slice(b, n - a) for n, (b, a) in zip(shape, widths))


@primitive
def _pad(x, *, widths, value):
    y = np.full_like(x, value, shape=_padded(x.shape, widths))
    y[_inside(y.shape, widths)] = x
    return y


_pad.vjp(x=lambda g, widths: getitem(g, _inside(g.shape, widths)))


def _borders(shape, widths, mode) -> list:
    """(border, where it is copied from, axis) in the padded array. A later axis copies the borders of the earlier ones too: that fills the corners."""
    borders = []
    inside = _inside(_padded(shape, widths), widths)
    for axis, (n, (b, a)) in enumerate(zip(shape, widths)):
        end = b + n
        before, after = {
            "reflect": (slice(2 * b, b, -1), slice(end - 2, end - 2 - a if end - 2 - a >= 0 else None, -1)),
            "edge": (slice(b, b + 1), slice(end - 1, end)),
            "wrap": (slice(n, n + b), slice(b, b + a)),
        }[mode]
        for size, border, source in ((b, slice(0, b), before), (a, slice(end, end + a), after)):
            if size:
                borders.append([(*[slice(None)] * axis, s, *inside[axis + 1 :]) for s in (border, source)] + [axis])
    return borders


@primitive
def _pad_copy(x, *, widths, mode):
    y = np.empty_like(x, shape=_padded(x.shape, widths))
    y[_inside(y.shape, widths)] = x
    for border, source, _ in _borders(x.shape, widths, mode):
        y[border] = y[source]
    return y


@primitive(outputs=("x",))
def _fold(y, *, widths, mode):
    """The adjoint of _pad_copy: the copies undone from last to first, each border added to its source."""
    x = y.copy(order="K")
    shape = tuple(n - b - a for n, (b, a) in zip(y.shape, widths))
    for border, source, axis in reversed(_borders(shape, widths, mode)):
        x[source] += x[border].sum(axis=axis, keepdims=True) if mode == "edge" else x[border]
    return x[_inside(y.shape, widths)]


_pad_copy.vjp(x=lambda g, widths, mode: _fold(g, widths=widths, mode=mode))
_fold.vjp(y=lambda g, widths, mode: _pad_copy(g, widths=widths, mode=mode))
