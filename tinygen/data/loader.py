"""Endless shuffled batches, which can be resumed in the middle of an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.random import pcg64_words, set_pcg64_words
from .errors import DataError

__all__ = ["Loader", "split_batches"]


class Loader:
    """An endless iterator over batches of arrays that share their first axis.

    ``next(loader)`` is one batch if there is one array, and a tuple of batches if there are
    several. Batches are always copies. Unlike PyTorch's DataLoader, iteration does not stop at the
    end of an epoch.

    Parameters
    ----------
    *arrays : array (n, ...)
        One or more arrays with the same number of rows n, such as images and labels.
    batch_size : int
        Rows per batch, from 1 to n.
    seed : int
        Of the loader's own random numbers, which decide only the order.
    shuffle : bool
        Use a new random order for each epoch; otherwise the given order.
    drop_last : bool
        Leave out the rows that do not fill a last batch (others in each epoch); otherwise the last
        batch of an epoch is smaller.

    Attributes
    ----------
    epoch : int
        Whole epochs delivered so far.
    steps_per_epoch : int
        Batches per epoch.

    Raises
    ------
    DataError
        If there is no row, if a batch is larger than the data, or if the data contain NaN or
        infinity (training on it would spread it to every weight).
    ValueError
        If there is no array, or if the numbers of rows differ.

    Examples
    --------
    >>> loader = Loader(np.arange(6), batch_size=2, seed=0, shuffle=False)
    >>> next(loader), next(loader)
    (array([0, 1]), array([2, 3]))
    """

    def __init__(
        self,
        *arrays: np.ndarray,
        batch_size: int,
        seed: int,
        shuffle: bool = True,
        drop_last: bool = True,
    ) -> None:
        if not arrays:
            raise ValueError("Loader: needs at least one array")
        lengths = [len(array) for array in arrays]
        if len(set(lengths)) > 1:
            raise ValueError(f"Loader: the arrays' lengths differ: {', '.join(map(str, lengths))}")
        if lengths[0] == 0:
            raise DataError("Loader: the data is empty")
        if not 1 <= batch_size <= lengths[0]:
            raise DataError(
                f"Loader: batch_size must be from 1 to the {lengths[0]} rows there are, "
                f"got {batch_size}"
            )
        for i, array in enumerate(arrays):
            _check_finite(array, i)
        self._arrays = arrays
        self._num_rows = lengths[0]
        self._batch_size = batch_size
        self._shuffle = shuffle
        num_whole, rest = divmod(self._num_rows, batch_size)
        self.steps_per_epoch = num_whole if drop_last or not rest else num_whole + 1
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self.epoch = 0
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._step = 0
        self._rng_at_start = pcg64_words(self._rng)
        if self._shuffle:
            self._order = self._rng.permutation(self._num_rows)
        else:
            self._order = np.arange(self._num_rows)

    def __iter__(self) -> Loader:
        """Return the loader itself: it is its own iterator."""
        return self

    def __next__(self) -> Any:
        """Return the next batch."""
        start = self._step * self._batch_size
        rows = self._order[start : start + self._batch_size]
        batch = tuple(array[rows] for array in self._arrays)
        self._step += 1
        if self._step == self.steps_per_epoch:
            self.epoch += 1
            self._begin_epoch()
        return batch if len(batch) > 1 else batch[0]

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return where the loader stands, as integer arrays (for an .npz file without pickle)."""
        settings = [self._num_rows, self._batch_size, self.steps_per_epoch, self._shuffle]
        return {
            "epoch": np.array(self.epoch),
            "step": np.array(self._step),
            "rng": self._rng_at_start.copy(),  # the order of the epoch is drawn again from it
            "data": np.array(settings),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state` was taken.

        Raises ValueError if it was taken from a loader with other data or settings.
        """
        missing = {"epoch", "step", "rng", "data"} - set(state)
        if missing:
            raise ValueError(
                f"Loader: the state lacks {', '.join(sorted(missing))}; "
                "it is not a Loader's state_dict()"
            )
        own, other = self.state_dict()["data"].tolist(), np.asarray(state["data"]).tolist()
        if own != other:
            raise ValueError(
                f"Loader: the state was taken with {_describe(other)}; "
                f"this loader has {_describe(own)}"
            )
        step = int(state["step"])
        if not 0 <= step < self.steps_per_epoch:
            raise ValueError(
                f"Loader: the state's step is {step}, expected 0 to {self.steps_per_epoch - 1}"
            )
        set_pcg64_words(self._rng, np.asarray(state["rng"]))
        self.epoch = int(state["epoch"])
        self._begin_epoch()
        self._step = step


def _describe(settings: list[int]) -> str:
    """Name the settings that `Loader.state_dict` stores."""
    names = ("rows", "batch_size", "steps_per_epoch", "shuffle")
    return ", ".join(f"{name}={value}" for name, value in zip(names, settings, strict=False))


def _check_finite(array: np.ndarray, i: int) -> None:
    """Raise DataError at the first NaN or infinity.

    Rows are checked a block at a time, so the mask of finite values is never as large as the data.
    """
    if not np.issubdtype(array.dtype, np.inexact):
        return
    block = max(1, 2**20 // max(1, array[0].size))
    for start in range(0, len(array), block):
        is_bad = ~np.isfinite(array[start : start + block])
        if is_bad.any():
            first = tuple(int(k) for k in np.argwhere(is_bad)[0])
            index = (start + first[0], *first[1:])
            raise DataError(
                f"Loader: array {i} has {array[index]} at index {index}; "
                "correct or drop such rows first"
            )


def split_batches(rows: Any, max_size: int) -> list[Any]:
    """Split rows into parts of nearly equal size, each of at most `max_size` rows.

    Used to compute something of many rows without holding all intermediate results at once:

        codes = np.concatenate([encode(part) for part in split_batches(images, 500)])

    Parameters
    ----------
    rows : array (n, ...)
        On any device.
    max_size : int
        At least 1.

    Returns
    -------
    list of arrays
        Views of the rows; one empty part if n = 0.
    """
    num_parts = max(-(-len(rows) // max_size), 1)  # rounded up
    return np.array_split(rows, num_parts)
