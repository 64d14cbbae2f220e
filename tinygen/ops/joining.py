"""Join, split and repeat arrays.

Every function here is linear and only moves numbers. So each rule is the adjoint f* of the forward
f, defined by <f(x), g> = <x, f*(g)>: the parts of g for `concatenate` and `stack`, `concatenate`
for `split`, the sum over the copies for `repeat` and `tile`.

On NumPy all keep the memory order of their argument: a channels-last image stays channels-last.
In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module, to_numpy
from .arguments import as_integer, normalize_axis, raw
from .indexing import getitem, read_at
from .pytorch_names import explain_names
from .shape import broadcast_to, expand_dims, ravel, reshape

__all__ = ["concatenate", "repeat", "split", "stack", "tile"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


def _part(axis: int, start: int, stop: int) -> tuple:
    """Return the index of the elements start to stop along `axis`."""
    return (*[slice(None)] * axis, slice(start, stop))


@primitive
def concatenate(*xs, axis=0):
    """Join arrays along `axis`: several, or a list of them. A single array stands in a list.

    **Math** y = [x_1, x_2, ...]; dx_i = the part of g at the place of x_i.
    """
    return np.concatenate(xs, axis=_check_joinable("concatenate", xs, axis))


def _check_joinable(function: str, xs, axis: int) -> int:
    """Return the axis, counted from 0, after a check that the arrays fit together."""
    if not xs:
        raise ValueError(f"{function}: no arrays were given; give at least one")
    shapes = _shapes(function, xs)
    axis = normalize_axis(function, axis, len(shapes[0]))
    others = {(s[:axis], s[axis + 1 :], len(s)) for s in shapes}
    if len(others) > 1:
        raise ValueError(
            f"{function}: shapes {', '.join(map(str, shapes))} differ elsewhere than along "
            f"axis {axis}"
        )
    return axis


def _shapes(function: str, xs) -> list[tuple[int, ...]]:
    """Return the shapes of all, after a check that none is a Python number, which has no shape."""
    try:
        return [x.shape for x in xs]
    except AttributeError:
        i, number = next((i, x) for i, x in enumerate(xs) if not hasattr(x, "shape"))
        raise TypeError(
            f"{function}: xs[{i}] is the number {number}; give arrays, and axis by name"
        ) from None


def _concatenate_rule(g, which, xs_shape, axis):
    axis %= len(xs_shape[0])
    start = sum(s[axis] for s in xs_shape[:which])
    return getitem(g, index=_part(axis, start, start + xs_shape[which][axis]))


concatenate.vjp(xs=_concatenate_rule)


@primitive
def stack(*xs, axis=0):
    """Join arrays of one shape along a new axis: several, or a list. A single one is in a list.

    **Math** y[..., i, ...] = x_i; dx_i = g[..., i, ...].
    """
    shapes = _shapes("stack", xs)
    if len(set(shapes)) > 1:
        raise ValueError(
            f"stack: shapes {', '.join(map(str, shapes))} differ; all must be one shape"
        )
    axis = normalize_axis("stack", axis, xs[0].ndim + 1) if xs else 0
    new_axis = (*[slice(None)] * axis, None)
    parts = [x[new_axis] for x in xs]
    return np.concatenate(parts, axis=_check_joinable("stack", parts, axis))


stack.vjp(xs=lambda g, which, axis: getitem(g, index=(*[slice(None)] * (axis % g.ndim), which)))


@primitive(outputs=("first", "others"))  # rules that name no output serve any number of outputs
def _split(x, *, bounds, axis):
    """The parts of x between neighbouring bounds along the axis."""
    return [x[_part(axis, start, stop)] for start, stop in itertools.pairwise(bounds)]


_split.vjp(x=lambda g, axis: concatenate(*g, axis=axis))


@explain_names
def split(x: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple:
    """Divide x along `axis` into a tuple of views, as np.split.

    An integer is the number of equal parts (PyTorch's chunk). A sequence holds the indices at which
    the parts after the first begin: [2, 5] gives x[:2], x[2:5] and x[5:]. (PyTorch's split takes
    the sizes of the parts instead.)

    **Math** (y_1, y_2, ...) with concatenate(y) = x; dx = concatenate(g_1, g_2, ...).

    Raises
    ------
    ValueError
        If the axis does not divide into that many parts, or if the indices are out of order.
    """
    axis = normalize_axis("split", axis, x.ndim)
    n = x.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        indices_or_sections = as_integer("split", "indices_or_sections", indices_or_sections)
        if indices_or_sections < 1 or n % indices_or_sections:
            raise ValueError(
                f"split: axis {axis} of shape {x.shape} does not divide into "
                f"{indices_or_sections} equal parts; give a list of the indices where parts begin"
            )
        bounds = [n * i // indices_or_sections for i in range(indices_or_sections + 1)]
    else:
        starts = [as_integer("split", "an index", i) for i in indices_or_sections]
        starts = [slice(i).indices(n)[1] for i in starts]
        bounds = [0, *starts, n]
    if bounds != sorted(bounds):
        raise ValueError(
            f"split: indices {list(indices_or_sections)} are where parts of an axis of length {n} "
            "begin; give them in increasing order"
        )
    if len(bounds) == 2:
        return (x,)
    return _split(x, bounds=bounds, axis=axis)


# ------------------------------------------------------------------------------------- repetition


@explain_names
def repeat(x: Array, repeats: int | Sequence[int], axis: int | None = None) -> Array:
    """Repeat each element `repeats` times, one next to the other, as np.repeat.

    A sequence of numbers has one for each index along the axis. Without an axis, x is flattened.
    (PyTorch calls this repeat_interleave; its method repeat is `tile`.)

    **Math** dx is the sum of g over the copies, because `broadcast_to` and `getitem` sum it.
    """
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis("repeat", axis, x.ndim)
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    counts = np.asarray(to_numpy(raw(repeats)))
    if counts.size and (counts.dtype.kind not in "biu" or counts.min() < 0):
        raise ValueError(f"repeat: repeats is {repeats!r}; give integers, none of them negative")
    if counts.size == 1:
        m = int(counts.item())
        copies = broadcast_to(expand_dims(x, axis + 1), shape=(*before, n, m, *after))
        return reshape(copies, shape=(*before, n * m, *after))
    if counts.shape != (n,):
        raise ValueError(
            f"repeat: {counts.size} numbers for axis {axis} of shape {x.shape}; give {n} of them, "
            "or one integer"
        )
    xp = array_module(raw(x))
    index = np.repeat(np.arange(n), counts.astype(np.intp))
    return read_at(x, (*[slice(None)] * axis, xp.asarray(index)))


@explain_names
def tile(x: Array, reps: int | Sequence[int]) -> Array:
    """Repeat the whole of x along its axes, as np.tile and as PyTorch's method repeat.

    reps has one number for each of the last axes, or x one axis for each of the last numbers.

    **Math** dx is the sum of g over the copies, because `broadcast_to` sums it.
    """
    reps = [as_integer("tile", "reps", r) for r in ([reps] if np.ndim(reps) == 0 else reps)]
    if reps and min(reps) < 0:
        raise ValueError(f"tile: reps {reps} must not be negative")
    ndim = max(len(reps), x.ndim)
    shape = [*[1] * (ndim - x.ndim), *x.shape]
    reps = [*[1] * (ndim - len(reps)), *reps]
    x = reshape(x, shape=tuple(side for n in shape for side in (1, n)))
    copies = broadcast_to(x, shape=tuple(side for pair in zip(reps, shape) for side in pair))
    return reshape(copies, shape=tuple(r * n for r, n in zip(reps, shape)))
