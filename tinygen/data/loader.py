"""Shuffled batches, an epoch at a time or without end, which can be resumed anywhere."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend import array_module, default_rng
from .errors import DataError

__all__ = ["Loader", "split_batches"]


class Loader:
    """Batches of arrays that share their first axis.

    ``for batch in loader`` is one epoch, and ``len(loader)`` its number of batches. A batch is an
    array if the loader has one array, and a tuple of arrays if it has several. Batches are always
    copies.

    A program that counts steps takes batches from ``loader.forever()``, which begins a new epoch
    whenever one ends.

    The loader itself remembers its position, and `state_dict` saves it. After `load_state_dict`,
    the first ``for`` loop is the rest of the epoch that the state was taken in, and `forever`
    continues with the same batches as the loader that was saved. A ``for`` loop that ended early
    (``break``) does not shorten the next one: as in PyTorch, each begins a new epoch.

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
    drop_last : bool, optional
        Leave out the rows that do not fill a last batch (others in each epoch); otherwise the last
        batch of an epoch is smaller. By default True with `shuffle`, as for training, and False
        without it, as for an evaluation that needs every row.
    transform : callable, optional
        A function of the first array of each batch, whose result takes its place. With
        ``data.to_float``, batches of bytes become float32 from 0 to 1.

    Attributes
    ----------
    epoch : int
        Whole epochs delivered so far.

    Raises
    ------
    TypeError
        If an argument is not an array.
    DataError
        If there is no row, if a batch is larger than the data, or if the data contain NaN or
        infinity (training on it would spread it to every weight).
    ValueError
        If there is no array, or if the numbers of rows differ.

    Examples
    --------
    >>> images, labels = digits(100, seed=0)  # uint8 (100, 1, 28, 28), int64 (100,)
    >>> loader = Loader(images, labels, batch_size=30, transform=to_float)
    >>> for x, y in loader:
    ...     print(x.shape, x.dtype, y.shape)
    (30, 1, 28, 28) float32 (30,)
    (30, 1, 28, 28) float32 (30,)
    (30, 1, 28, 28) float32 (30,)

    >>> batches = loader.forever()
    >>> for step in range(1000):
    ...     x, y = next(batches)
    """

    def __init__(
        self,
        *arrays: np.ndarray,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if not arrays:
            raise ValueError("Loader: needs at least one array")
        for i, array in enumerate(arrays):
            _check_array(array, i)
        lengths = [len(array) for array in arrays]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"Loader: the arrays have different numbers of rows: {', '.join(map(str, lengths))}"
            )
        if lengths[0] == 0:
            raise DataError("Loader: the data is empty")
        if transform is not None and not callable(transform):
            raise TypeError(
                f"Loader: transform is a function of a batch, such as data.to_float; "
                f"got {transform!r}"
            )
        self._arrays = arrays
        self._num_rows = lengths[0]
        self._batch_size = _check_batch_size(batch_size, self._num_rows)
        self._shuffle = bool(shuffle)
        self._transform = transform
        for i, array in enumerate(arrays):
            _check_finite(array, i)
        num_whole, rest = divmod(self._num_rows, self._batch_size)
        drop_last = shuffle if drop_last is None else drop_last
        self._num_batches = num_whole if drop_last or not rest else num_whole + 1
        self._rng = default_rng(seed)  # on the CPU, where the order is needed
        self._was_loaded = False  # and no batch was taken since
        self.epoch = 0
        self._begin_epoch()

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return self._num_batches

    def __repr__(self) -> str:
        return (
            f"<Loader of {self._num_rows} rows, batch_size={self._batch_size}, "
            f"shuffle={self._shuffle}, epoch={self.epoch}, {self._step} of {len(self)} batches>"
        )

    # ------------------------------------------------------------------------------ batches

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of one epoch; the rest of it if a state of mid-epoch was loaded."""
        if self._step and not self._was_loaded:  # an earlier loop ended early
            self._begin_epoch()
        order = self._order
        for step in range(self._step, len(self)):
            if self._order is not order or self._step != step:
                raise RuntimeError(
                    "Loader: batches were taken elsewhere (by another loop, by forever(), or by "
                    "load_state_dict()) while this loop ran; use one Loader for each loop"
                )
            yield self._next_batch()

    def forever(self) -> Iterator[Any]:
        """Yield batches without end, from where the loader is: one epoch after another.

        The position is the loader's, so a second call continues after the batches of the first.
        """
        while True:
            yield self._next_batch()

    def _begin_epoch(self) -> None:
        self._step = 0
        self._rng_at_start = self._rng.state_dict()
        if self._shuffle:
            self._order = self._rng.permutation(self._num_rows)
        else:
            self._order = np.arange(self._num_rows)

    def _next_batch(self) -> Any:
        start = self._step * self._batch_size
        rows = self._order[start : start + self._batch_size]
        batch = [array[rows] for array in self._arrays]
        if self._transform is not None:
            batch[0] = self._transform(batch[0])
        self._was_loaded = False
        self._step += 1
        if self._step == len(self):
            self.epoch += 1
            self._begin_epoch()
        return tuple(batch) if len(batch) > 1 else batch[0]

    # -------------------------------------------------------------------------------- state

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the loader's position, as integer arrays (for an .npz file without pickle)."""
        settings = [self._num_rows, self._batch_size, len(self), self._shuffle]
        return {
            "epoch": np.array(self.epoch),
            "step": np.array(self._step),
            "rng": self._rng_at_start["words"].copy(),  # the epoch's order is drawn again from it
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
        if not 0 <= step < len(self):
            raise ValueError(f"Loader: the state's step is {step}, expected 0 to {len(self) - 1}")
        self._rng.load_state_dict(self._rng_at_start | {"words": state["rng"]})
        self.epoch = int(state["epoch"])
        self._begin_epoch()
        self._step = step
        self._was_loaded = True


def _describe(settings: list[int]) -> str:
    """Name the settings that `Loader.state_dict` stores."""
    names = ("rows", "batch_size", "batches per epoch", "shuffle")
    return ", ".join(f"{name}={value}" for name, value in zip(names, settings, strict=False))


def _check_array(array: Any, i: int) -> None:
    """Raise TypeError unless argument i of `Loader` is an array of numbers with rows."""
    if isinstance(array, Tensor):
        problem = "is a Tensor, but a loader takes and delivers arrays; give x.numpy()"
    elif isinstance(array, (bool, int, float, str, type(None))):
        problem = f"is {array!r}, not an array; settings have names: batch_size=64"
    elif isinstance(array, (tuple, list)) and any(hasattr(part, "shape") for part in array):
        kind = type(array).__name__
        problem = (
            f"is a {kind} of arrays; give them one by one, Loader(images, labels, ...), or make "
            "one array of a list of pictures: np.stack(pictures)"
        )
    else:
        try:
            array_module(array)
        except TypeError as error:
            problem = f"is no array: {error}"
        else:
            if array.ndim and array.dtype != object:
                return
            problem = (
                f"has shape {array.shape} and dtype {array.dtype}; it needs numbers, whose first "
                "axis counts the examples"
            )
    raise TypeError(f"Loader: argument {i} {problem}")


def _check_batch_size(batch_size: Any, num_rows: int) -> int:
    """Return the batch size as an int. Raises TypeError or DataError if it is not possible."""
    try:
        batch_size = operator.index(batch_size)
    except TypeError:
        raise TypeError(f"Loader: batch_size must be an int, got {batch_size!r}") from None
    if not 1 <= batch_size <= num_rows:
        raise DataError(
            f"Loader: batch_size must be from 1 to the {num_rows} rows there are, got {batch_size}"
        )
    return batch_size


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
