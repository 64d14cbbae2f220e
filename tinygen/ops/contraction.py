"""Einstein summation: products of arrays that pair axes and sum over some, in one notation.

The cotangent of an operand is the same kind of sum, in which the output and the operand change
places. For y = sum_j a[i, j] b[j, k] and the cotangent g[i, k],

    da[i, j] = sum_k g[i, k] b[j, k]          einsum("ik,jk->ij", g, b)

So the rule is einsum again.
"""

from __future__ import annotations

import math
import string
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module, reductions
from .arguments import check_arrays, raw
from .indexing import read_at
from .shape import broadcast_to, moveaxis, reshape

__all__ = ["einsum"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


def einsum(subscripts: str, *operands: Array) -> Array:
    """Einstein summation, as np.einsum: `einsum("ij,jk->ik", a, b)` is the matrix product.

    A letter names an axis. Letters that the output leaves out are summed over. "..." stands for the
    axes without a letter, which broadcast. Without "->" the output has the letters that occur once,
    in alphabetical order. A letter twice in one operand reads its diagonal.

    **Math** y = sum of x_1 x_2 ... over the letters that are not in the output.
    dx_i = the contraction of g with all other operands to the letters of x_i, repeated along the
    letters that occur in x_i alone.
    **Saved** for dx_i all other operands.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    check_arrays("einsum", **{f"operand {k}": x for k, x in enumerate(operands)})
    inputs, output = _parse(subscripts, [x.shape for x in operands])
    operands = list(operands)
    for k, labels in enumerate(inputs):
        while repeated := [c for c in labels if labels.count(c) > 1]:
            operands[k], labels = _diagonal(operands[k], labels, repeated[0])
        inputs[k] = labels
    return _einsum(operands, inputs=tuple(inputs), output=output)


# ------------------------------------------------------------------------------ reading subscripts


def _parse(subscripts: str, shapes: list) -> tuple[list[str], str]:
    """Return the letters of each operand and of the output; unused letters replace "..."."""

    def error(why):
        given = ", ".join(map(str, shapes))
        return ValueError(f"einsum {subscripts!r} of shapes {given}: {why}")

    left, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    _check_terms(terms, output, shapes, error)
    num_dots = [len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes)]
    unused = [c for c in string.ascii_letters if c not in subscripts]
    longest = max([n for t, n in zip(terms, num_dots) if "..." in t], default=0)
    dots = "".join(unused[:longest])
    inputs = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, num_dots)]
    if not arrow:
        once = (c for c in set(left) & set(string.ascii_letters) if left.count(c) == 1)
        output = dots + "".join(sorted(once))
    elif dots and "..." not in output:
        raise error('"..." stands for axes there, so the output must have it too')
    output = output.replace("...", dots)
    _check_sizes(inputs, output, shapes, dots, error)
    return inputs, output


def _check_terms(terms: list[str], output: str, shapes: list, error) -> None:
    """Check that the terms are well formed and name the axes of their operands."""
    if len(terms) != len(shapes):
        raise error(f"it names {len(terms)} operands, {len(shapes)} came")
    letters = set(string.ascii_letters)
    if any(not set(t.replace("...", "", 1)) <= letters for t in (*terms, output)):
        raise error('only letters, commas, one "->" and one "..." per operand may stand in it')
    for term, shape in zip(terms, shapes):
        num_letters = len(term.replace("...", ""))
        if len(shape) < num_letters or (len(shape) > num_letters and "..." not in term):
            raise error(
                f"{term!r} names {num_letters} axes, {shape} has {len(shape)}; "
                '"..." stands for those without a letter'
            )


def _check_sizes(inputs: list[str], output: str, shapes: list, dots: str, error) -> None:
    """Check that each letter has one size, and that the output's letters are known."""
    sizes: dict[str, int] = {}
    for labels, shape in zip(inputs, shapes):
        for c, n in zip(labels, shape):
            can_broadcast = c in dots and 1 in (n, sizes.get(c, n))
            if n != sizes.setdefault(c, n) and not can_broadcast:
                axis = "a broadcast axis" if c in dots else repr(c)
                raise error(f"{axis} has length {sizes[c]} and {n}")
            sizes[c] = max(n, sizes[c]) if n else n
    if len(set(output)) < len(output) or not set(output) <= set(sizes):
        raise error("each letter of the output must stand in an operand, and in the output once")


def _diagonal(x, labels: str, c: str):
    """Return x where two axes of label c have equal indices, and its labels: that axis is first."""
    i, j = labels.index(c), labels.rindex(c)
    x = moveaxis(moveaxis(x, j, 0), i + 1, 0)
    indices = array_module(raw(x)).arange(x.shape[0])
    labels = c + labels[:i] + labels[i + 1 : j] + labels[j + 1 :]
    return read_at(x, (indices, indices)), labels


# -------------------------------------------------------------------------------- the contraction


@primitive
def _einsum(*xs, inputs, output):
    """The contraction of operands without repeated letters."""
    if len(xs) == 2:
        y = _as_product(*xs, *inputs, output)
        if y is not None:
            return y
    return np.einsum(f"{','.join(inputs)}->{output}", *xs, optimize=len(xs) > 2)


def _as_product(a, b, left: str, right: str, output: str):
    """Contract two operands as one (batched) matrix product, through views where memory allows.

    Returns None if no shared letter is summed over, or if an axis broadcasts.
    """
    summed = [c for c in left if c in right and c not in output]
    size = dict(zip(left, a.shape)) | dict(zip(right, b.shape))
    if not summed or any(size[c] != n for c, n in zip(left, a.shape)):
        return None
    a, left = _sum_unshared(a, left, right + output)
    b, right = _sum_unshared(b, right, left + output)
    batch = [c for c in left if c in right and c in output]
    rows = [c for c in left if c in output and c not in batch]
    columns = [c for c in right if c in output and c not in batch]
    num_rows, num_columns, num_summed = (
        math.prod(size[c] for c in letters) for letters in (rows, columns, summed)
    )
    batch_shape = [size[c] for c in batch]
    a = a.transpose([left.index(c) for c in (*batch, *rows, *summed)])
    a = a.reshape(*batch_shape, num_rows, num_summed)
    b = b.transpose([right.index(c) for c in (*batch, *summed, *columns)])
    b = b.reshape(*batch_shape, num_summed, num_columns)
    letters = [*batch, *rows, *columns]
    y = reductions.matmul(a, b).reshape([size[c] for c in letters])
    return y.transpose([letters.index(c) for c in output])


def _sum_unshared(x, labels: str, others: str):
    """Sum x over the letters that do not occur in `others`; return it and the remaining letters."""
    axes = tuple(i for i, c in enumerate(labels) if c not in others)
    if not axes:
        return x, labels
    return x.sum(axis=axes), "".join(c for c in labels if c in others)


def _einsum_rule(g, which, xs, xs_shape, inputs, output):
    """Contract g with the other operands to the letters of operand `which`."""
    others = [k for k in range(len(xs)) if k != which]
    given = (output, *(inputs[k] for k in others))
    target = inputs[which]
    known = "".join(c for c in target if any(c in labels for labels in given))
    dx = _einsum([g, *(xs[k] for k in others)], inputs=given, output=known)
    if known == target:
        return dx
    # A letter that occurs in this operand alone was summed over: its cotangent is repeated.
    sizes = dict(zip(known, dx.shape))
    dx = reshape(dx, shape=tuple(sizes.get(c, 1) for c in target))
    return broadcast_to(dx, shape=tuple(sizes.get(c, n) for c, n in zip(target, xs_shape[which])))


_einsum.vjp(xs=_einsum_rule)
