"""Einstein summation: every product of arrays that pairs axes and sums over some of them, in one notation.

The cotangent of an operand is the same kind of sum: the output and the operand change places. So the rule is einsum again.
"""

from __future__ import annotations

import math
import string
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor
from ..backend import array_module, reductions
from .indexing import getitem
from .shape import broadcast_to, moveaxis, reshape

__all__ = ["einsum"]

Array = Any  # an array of any module, or a Tensor


def einsum(subscripts: str, *operands: Array) -> Array:
    """Einstein summation, as np.einsum: `einsum("ij,jk->ik", a, b)` is the matrix product.

    A letter names an axis; letters that the output leaves out are summed over; "..." stands for the axes that no letter names, which broadcast. Without
    "->" the output has the letters that occur once, in alphabetical order. A letter twice in one operand reads its diagonal.

    **Math.** y = sum of x_1 x_2 ...; cotangent of x_i: the contraction of g with all the other operands to the letters of x_i, repeated along
    those that occur in x_i alone.
    """
    operands = tuple(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    inputs, output = _parse(subscripts, [x.shape for x in operands])
    operands = list(operands)
    for k, labels in enumerate(inputs):
        while repeated := [c for c in labels if labels.count(c) > 1]:
            operands[k], labels = _diagonal(operands[k], labels, repeated[0])
        inputs[k] = labels
    return _einsum(*operands, inputs=tuple(inputs), output=output)


def _parse(subscripts: str, shapes: list) -> tuple[list[str], str]:
    """The letters of each operand and of the output, with "..." replaced by letters that are not in use."""

    def wrong(why):
        return ValueError(f"einsum {subscripts!r} of shapes {', '.join(map(str, shapes))}: {why}")

    left, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise wrong(f"it names {len(terms)} operands, {len(shapes)} came")
    if any(not set(t.replace("...", "", 1)) <= set(string.ascii_letters) for t in (*terms, output)):
        raise wrong('only letters, commas, one "->" and one "..." an operand may stand in it')
    free = [c for c in string.ascii_letters if c not in subscripts]
    extra = [len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes)]
    for t, s, e in zip(terms, shapes, extra):
        if e < 0 or (e and "..." not in t):
            raise wrong(f'{t!r} names {len(t.replace("...", ""))} axes, {s} has {len(s)}; "..." stands for those without a letter')
    dots = "".join(free[: max([e for t, e in zip(terms, extra) if "..." in t], default=0)])
    inputs = [t.replace("...", dots[len(dots) - e :]) for t, e in zip(terms, extra)]
    if not arrow:
        output = dots + "".join(sorted(c for c in set(left) & set(string.ascii_letters) if left.count(c) == 1))
    elif dots and "..." not in output:
        raise wrong('"..." stands for axes there, so the output must have it too')
    output = output.replace("...", dots)
    sizes: dict[str, int] = {}
    for labels, s in zip(inputs, shapes):
        for c, n in zip(labels, s):
            if n != sizes.setdefault(c, n) and not (c in dots and 1 in (n, sizes[c])):
                raise wrong(f"{'a broadcast axis' if c in dots else repr(c)} has length {sizes[c]} and {n}")
            sizes[c] = max(n, sizes[c]) if n else n
    if len(set(output)) < len(output) or not set(output) <= set(sizes):
        raise wrong("each letter of the output must stand in an operand, and in the output once")
    return inputs, output


def _diagonal(x, labels, c):
    """The part of x where two axes of label c have one index; that axis comes first."""
    i, j = labels.index(c), labels.rindex(c)
    x = moveaxis(moveaxis(x, j, 0), i + 1, 0)
    every = array_module(x.data if isinstance(x, Tensor) else x).arange(x.shape[0])
    return getitem(x, (every, every)), c + labels[:i] + labels[i + 1 : j] + labels[j + 1 :]


@primitive
def _einsum(*xs, inputs, output):
    if len(xs) == 2 and (y := _as_product(*xs, *inputs, output)) is not None:
        return y
    return np.einsum(f"{','.join(inputs)}->{output}", *xs, optimize=len(xs) > 2)


def _as_product(a, b, left, right, output):
    """A contraction of two operands as one (batched) matrix product, through views where memory allows; None if it sums over no shared letter."""
    summed = [c for c in left if c in right and c not in output]
    size = dict(zip(left, a.shape)) | dict(zip(right, b.shape))
    if not summed or any(size[c] != n for c, n in zip(left, a.shape)):  # the latter: broadcast axes
        return None
    a, left = _sum_alone(a, left, right + output)
    b, right = _sum_alone(b, right, left + output)
    batch = [c for c in left if c in right and c in output]
    rows, columns = ([c for c in labels if c in output and c not in batch] for labels in (left, right))
    total = {id(part): math.prod(size[c] for c in part) for part in (rows, columns, summed)}
    lead = [size[c] for c in batch]
    a = a.transpose([left.index(c) for c in (*batch, *rows, *summed)]).reshape(*lead, total[id(rows)], total[id(summed)])
    b = b.transpose([right.index(c) for c in (*batch, *summed, *columns)]).reshape(*lead, total[id(summed)], total[id(columns)])
    have = [*batch, *rows, *columns]
    return reductions.matmul(a, b).reshape([size[c] for c in have]).transpose([have.index(c) for c in output])


def _sum_alone(x, labels, elsewhere):
    """x summed over the letters that stand nowhere else."""
    alone = tuple(i for i, c in enumerate(labels) if c not in elsewhere)
    return (x.sum(axis=alone), "".join(c for c in labels if c in elsewhere)) if alone else (x, labels)


def _einsum_rule(g, which, xs, xs_shape, inputs, output):
    others = [k for k in range(len(xs)) if k != which]
    given = (output, *(inputs[k] for k in others))
    target = inputs[which]
    known = "".join(c for c in target if any(c in labels for labels in given))
    r = _einsum(g, *(xs[k] for k in others), inputs=given, output=known)
    if known == target:
        return r
    sizes = dict(zip(known, r.shape))
    r = reshape(r, shape=tuple(sizes.get(c, 1) for c in target))
    return broadcast_to(r, shape=tuple(sizes.get(c, n) for c, n in zip(target, xs_shape[which])))


_einsum.vjp(xs=_einsum_rule)
