"""Reading and writing at an index: integers, slices, None, masks, arrays."""

import contextlib

import numpy as np

import tinygen
from tests.first_hour.phrases import SAME, Row, torch
from tinygen import ops


def add_at(x, indices, y):
    result = x.copy()
    np.add.at(result, indices, y)
    return result


def write(x, index, value, no_grad=contextlib.nullcontext):
    """Write into x. Into a leaf this is allowed where nothing is recorded."""
    with no_grad():
        x[index] = value
    return x


ROWS = [
    Row("x[0]", lambda x: x[0], SAME, SAME),
    Row("x[-1]", lambda x: x[-1], SAME, SAME),
    Row("x[1, 2]", lambda x: x[1, 2], SAME, SAME),
    Row("x[1:]", lambda x: x[1:], SAME, SAME),
    Row("x[:, 1]", lambda x: x[:, 1], SAME, SAME),
    Row("x[:, ::2]", lambda x: x[:, ::2], SAME, SAME),
    Row("x[:, :-1]", lambda x: x[:, :-1], SAME, SAME),
    Row("x[::-1]", lambda x: x[::-1], SAME, lambda x: x.flip(0)),
    Row("a part of an axis", lambda x: x[:, 1:3], SAME, lambda x: x.narrow(1, 1, 2)),
    Row("x[..., 0]", lambda cube: cube[..., 0], SAME, SAME),
    Row("x[None]", lambda x: x[None], SAME, SAME),
    Row("x[:, None, :]", lambda x: x[:, None, :], SAME, SAME),
    Row("x[mask]", lambda x, mask: x[mask], SAME, SAME),
    Row("x[x > 0]", lambda x: x[x > 0], SAME, SAME),
    Row("x[list]", lambda x: x[[2, 0, 2]], SAME, SAME),
    Row("x[indices]", lambda x, indices: x[indices], SAME, SAME),
    Row("x[:, indices]", lambda x, indices: x[:, indices], SAME, SAME),
    Row("one element of each row", lambda x, indices: x[[0, 1, 2], indices], SAME, SAME),
    Row("indices of two axes", lambda x, places: x[places[:, 0], places[:, 1]], SAME, SAME),
    Row("an index of more axes", lambda x, places: x[:, places], SAME, SAME),
    Row("a slice and an index", lambda cube, indices: cube[:, indices, 1:], SAME, SAME),
    Row("rows of a mask", lambda x: x[x[:, 0] > 0], SAME, SAME),
    Row(
        "the right class of each row",
        lambda logits, labels: logits[np.arange(6), labels],
        SAME,
        lambda logits, labels: logits[torch.arange(6), labels],
    ),
    Row(
        "take along an axis",
        lambda x, places: ops.take_along_axis(x, places, 1),
        lambda x, places: np.take_along_axis(x, places, 1),
        lambda x, places: torch.gather(x, 1, places),
    ),
    Row(
        "add at indices",
        lambda x, indices, y: ops.add_at(x, indices, y),
        lambda x, indices, y: add_at(x, indices, y),
        lambda x, indices, y: x.index_add(0, indices, y),
    ),
    Row(
        "replace by a mask",
        lambda x, mask: ops.where(mask, 0.0, x),
        lambda x, mask: np.where(mask, 0.0, x),
        lambda x, mask: x.masked_fill(mask, 0.0),
    ),
    Row("for row in x", lambda x: [row.sum() for row in x], SAME, SAME),
    Row("first, *rest = x", lambda x: [part * 1 for part in x][1:], SAME, SAME),
    Row("number in x", lambda integers: 7 in integers, SAME, SAME),
    # Writing into a leaf, while nothing is recorded
    Row(
        "x[0] = number",
        lambda x: write(x, 0, 5.0, tinygen.no_grad),
        lambda x: write(x, 0, 5.0),
        lambda x: write(x, 0, 5.0, torch.no_grad),
    ),
    Row(
        "x[:, 1:3] = 0",
        lambda x: write(x, np.s_[:, 1:3], 0, tinygen.no_grad),
        lambda x: write(x, np.s_[:, 1:3], 0),
        lambda x: write(x, np.s_[:, 1:3], 0, torch.no_grad),
    ),
    Row(
        "x[mask] = number",
        lambda x, mask: write(x, mask, -1.0, tinygen.no_grad),
        lambda x, mask: write(x, mask, -1.0),
        lambda x, mask: write(x, mask, -1.0, torch.no_grad),
    ),
    Row(
        "x[...] = y",
        lambda x, y: write(x, ..., y, tinygen.no_grad),
        lambda x, y: write(x, ..., y),
        lambda x, y: write(x, ..., y, torch.no_grad),
    ),
]
