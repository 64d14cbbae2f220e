"""Batches without end, from shuffled epochs, resumable in the middle of one."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Loader", "split_batches"]


class Loader:
    """An endless iterator over batches of arrays that share their first axis.

    Parameters
    ----------
    arrays : one or more arrays of the same length n, such as images and labels.
    batch_size : how many rows a batch has, from 1 to n.
    seed : of the loader's own generator, which is used for nothing but the order.
    shuffle : a new order for each epoch; otherwise the order given.
    drop_last : leave out the rows that do not fill a last batch (another few each epoch); otherwise that batch is smaller.

    ``next(loader)`` is one batch for one array and a tuple of batches for several, always copies.
    ``loader.epoch`` is the number of whole epochs delivered, ``loader.steps_per_epoch`` the batches of one.

    Raises
    ------
    ValueError for no array, no rows, lengths that differ, a batch larger than the data, and NaN or infinity in the data
    (training on it would spread it to every weight).

    >>> loader = Loader(np.arange(6), batch_size=2, seed=0, shuffle=False)
    >>> next(loader), next(loader)
    (array([0, 1]), array([2, 3]))
    """

    def __init__(self, *arrays: np.ndarray, batch_size: int, seed: int, shuffle: bool = True, drop_last: bool = True) -> None:
        if not arrays:
            raise ValueError("Loader: needs at least one array")
        lengths = [len(array) for array in arrays]
        if len(set(lengths)) > 1:
            raise ValueError(f"Loader: the arrays' lengths differ: {', '.join(map(str, lengths))}")
        if lengths[0] == 0:
            raise ValueError("Loader: the data is empty")
        if not 1 <= batch_size <= lengths[0]:
            raise ValueError(f"Loader: batch_size must be from 1 to the {lengths[0]} rows there are, got {batch_size}")
        for i, array in enumerate(arrays):
            _check_finite(array, i)
        self._arrays = arrays
        self._length = lengths[0]
        self._batch_size = batch_size
        self._shuffle = shuffle
        self.steps_per_epoch = self._length // batch_size if drop_last else -(-self._length // batch_size)
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self.epoch = 0
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._step = 0
        self._rng_at_start = _words(self._rng)
        self._order = self._rng.permutation(self._length) if self._shuffle else np.arange(self._length)

    def __iter__(self) -> Loader:
        return self

    def __next__(self) -> Any:
        start = self._step * self._batch_size
        rows = self._order[start : start + self._batch_size]
        batch = tuple(array[rows] for array in self._arrays)
        self._step += 1
        if self._step == self.steps_per_epoch:
            self.epoch += 1
            self._begin_epoch()
        return batch if len(batch) > 1 else batch[0]

    def state_dict(self) -> dict[str, np.ndarray]:
        """Where the loader stands, as integer arrays (fit for an .npz file without pickle)."""
        return {
            "epoch": np.array(self.epoch),
            "step": np.array(self._step),
            "rng": self._rng_at_start.copy(),  # as the epoch began: the order is drawn again from it
            "data": np.array([self._length, self._batch_size, self.steps_per_epoch, self._shuffle]),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where ``state`` was taken; ValueError if it was taken from a loader of other data or settings."""
        missing = {"epoch", "step", "rng", "data"} - set(state)
        if missing:
            raise ValueError(f"Loader: the state lacks {', '.join(sorted(missing))}; it is not a Loader's state_dict()")
        names = ("rows", "batch_size", "steps_per_epoch", "shuffle")
        mine = self.state_dict()["data"].tolist()
        theirs = np.asarray(state["data"]).tolist()
        if mine != theirs:
            raise ValueError(
                "Loader: the state was taken with "
                + ", ".join(f"{name}={value}" for name, value in zip(names, theirs, strict=False))
                + "; this loader has "
                + ", ".join(f"{name}={value}" for name, value in zip(names, mine, strict=True))
            )
        step = int(state["step"])
        if not 0 <= step < self.steps_per_epoch:
            raise ValueError(f"Loader: the state's step is {step}, expected 0 to {self.steps_per_epoch - 1}")
        _set_words(self._rng, np.asarray(state["rng"]))
        self.epoch = int(state["epoch"])
        self._begin_epoch()
        self._step = step


def split_batches(rows: Any, max_size: int) -> list[Any]:
    """Split rows (n, ...) into parts of nearly equal size, each of at most `max_size` rows.

    For computing something of many rows without holding all intermediate results at once:

        codes = np.concatenate([encode(part) for part in split_batches(images, 500)])
    """
    num_parts = max(-(-len(rows) // max_size), 1)  # rounded up
    return np.array_split(rows, num_parts)


def _check_finite(array: np.ndarray, i: int) -> None:
    """Look for NaN and infinity a block of rows at a time: no second copy of the data."""
    if not np.issubdtype(array.dtype, np.inexact):
        return
    block = max(1, 2**20 // max(1, array[0].size))
    for start in range(0, len(array), block):
        bad = ~np.isfinite(array[start : start + block])
        if bad.any():
            where = tuple(int(k) for k in np.argwhere(bad)[0])
            index = (start + where[0], *where[1:])
            raise ValueError(f"Loader: array {i} has {array[index]} at index {index}; mend or drop such rows first")


def _words(rng: np.random.Generator) -> np.ndarray:
    """The state of a PCG64 generator as uint64 (6,): its 128-bit state and increment, high word first, and its spare draw."""
    state = rng.bit_generator.state
    wide = (state["state"]["state"], state["state"]["inc"])
    words = [half for number in wide for half in (number >> 64, number & (2**64 - 1))]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def _set_words(rng: np.random.Generator, words: np.ndarray) -> None:
    if words.shape != (6,):
        raise ValueError(f"Loader: the state's rng has shape {words.shape}, expected (6,)")
    a, b, c, d, spare, value = (int(word) for word in words)
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": a << 64 | b, "inc": c << 64 | d},
        "has_uint32": spare,
        "uinteger": value,
    }
