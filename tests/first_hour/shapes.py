"""Rearranging, joining, splitting and repeating."""

import numpy as np

from tests.first_hour.phrases import SAME, Row, torch
from tinygen import ops

ROWS = [
    Row("x.shape", lambda x: x.shape, SAME, SAME),
    Row("x.ndim", lambda cube: cube.ndim, SAME, SAME),
    Row("x.size", lambda cube: cube.size, SAME, lambda cube: cube.numel()),
    Row("len(x)", lambda cube: len(cube), SAME, SAME),
    Row("x.nbytes, x.itemsize", lambda x: (x.nbytes, x.itemsize), SAME, SAME),
    Row("reshape", lambda x: x.reshape(4, 3), SAME, SAME),
    Row("reshape with a tuple", lambda x: x.reshape((2, 6)), SAME, SAME),
    Row("reshape with -1", lambda cube: cube.reshape(2, -1), SAME, lambda cube: cube.view(2, -1)),
    Row(
        "ops.reshape",
        lambda x: ops.reshape(x, (4, 3)),
        lambda x: np.reshape(x, (4, 3)),
        lambda x: torch.reshape(x, (4, 3)),
    ),
    Row("flatten", lambda cube: cube.flatten(), SAME, SAME),
    Row("ravel", lambda cube: cube.ravel(), SAME, SAME),
    Row(
        "flatten all but the first axis",
        lambda images: images.flatten(1),
        lambda images: images.reshape(len(images), -1),
        SAME,
    ),
    Row("x.T", lambda x: x.T, SAME, SAME),
    Row("x.mT", lambda cube: cube.mT, SAME, SAME),
    Row(
        "exchange two axes",
        lambda cube: cube.swapaxes(1, 2),
        SAME,
        lambda cube: cube.transpose(1, 2),
    ),
    Row(
        "all axes in another order",
        lambda cube: cube.transpose(2, 0, 1),
        SAME,
        lambda cube: cube.permute(2, 0, 1),
    ),
    Row(
        "channels to the end",
        lambda images: ops.moveaxis(images, 1, -1),
        lambda images: np.moveaxis(images, 1, -1),
        lambda images: torch.movedim(images, 1, -1),
    ),
    Row(
        "a new axis by function",
        lambda x: ops.expand_dims(x, 1),
        lambda x: np.expand_dims(x, 1),
        lambda x: torch.unsqueeze(x, 1),
    ),
    Row("a new axis by None", lambda x: x[:, None], SAME, SAME),
    Row("squeeze", lambda column: column.squeeze(), SAME, SAME),
    Row("squeeze an axis", lambda column: column.squeeze(1), SAME, SAME),
    Row(
        "broadcast",
        lambda row: ops.broadcast_to(row, (3, 4)),
        lambda row: np.broadcast_to(row, (3, 4)),
        lambda row: row.expand(3, 4),
    ),
    Row("flip", lambda x: ops.flip(x, 1), lambda x: np.flip(x, 1), lambda x: torch.flip(x, [1])),
    Row(
        "roll",
        lambda x: ops.roll(x, 1, 0),
        lambda x: np.roll(x, 1, 0),
        lambda x: torch.roll(x, 1, 0),
    ),
    Row(
        "roll of two axes",
        lambda x: ops.roll(x, (1, 2), (0, 1)),
        lambda x: np.roll(x, (1, 2), (0, 1)),
        lambda x: torch.roll(x, (1, 2), (0, 1)),
    ),
    # Joining and splitting
    Row(
        "concatenate",
        lambda x, y: ops.concatenate([x, y]),
        lambda x, y: np.concatenate([x, y]),
        lambda x, y: torch.cat([x, y]),
    ),
    Row(
        "concatenate along an axis",
        lambda x, column: ops.concatenate([x, column], 1),
        lambda x, column: np.concatenate([x, column], 1),
        lambda x, column: torch.cat([x, column], 1),
    ),
    Row(
        "stack",
        lambda x, y: ops.stack([x, y]),
        lambda x, y: np.stack([x, y]),
        lambda x, y: torch.stack([x, y]),
    ),
    Row(
        "stack along the last axis",
        lambda x, y: ops.stack([x, y], axis=-1),
        lambda x, y: np.stack([x, y], axis=-1),
        lambda x, y: torch.stack([x, y], dim=-1),
    ),
    Row(
        "halves",
        lambda x: ops.split(x, 2, axis=1),
        lambda x: np.split(x, 2, axis=1),
        lambda x: torch.chunk(x, 2, dim=1),
    ),
    Row(
        "parts of 1 and 3 columns",
        lambda x: ops.split(x, [1], 1),
        lambda x: np.split(x, [1], 1),
        lambda x: torch.split(x, [1, 3], 1),
    ),
    Row("unpack the rows", lambda x: tuple(x), SAME, lambda x: x.unbind()),
    # Repeating
    Row(
        "repeat each element",
        lambda x: ops.repeat(x, 2, 1),
        lambda x: np.repeat(x, 2, 1),
        lambda x: torch.repeat_interleave(x, 2, 1),
    ),
    Row(
        "x.repeat as NumPy's",
        lambda x: x.repeat(3, axis=0),
        SAME,
        lambda x: x.repeat_interleave(3, 0),
    ),
    Row(
        "repeat rows as often as numbers say",
        lambda x: ops.repeat(x, [0, 2, 1], 0),
        lambda x: np.repeat(x, [0, 2, 1], 0),
        lambda x: torch.repeat_interleave(x, torch.tensor([0, 2, 1]), 0),
    ),
    Row(
        "repeat the whole",
        lambda x: ops.tile(x, (2, 3)),
        lambda x: np.tile(x, (2, 3)),
        lambda x: x.repeat(2, 3),
    ),
    # dtypes and copies
    Row("astype", lambda x: x.astype(np.float32), SAME, lambda x: x.float()),
    Row(
        "booleans to floats", lambda mask: mask.astype(np.float64), SAME, lambda mask: mask.double()
    ),
    Row("truncate to integers", lambda x: x.astype(np.int64), SAME, lambda x: x.long()),
    Row("copy", lambda x: x.copy(), SAME, lambda x: x.clone()),
]
