"""Functions of large arrays, evaluated piece by piece and shared among the threads.

NumPy's functions use one core. Each call also needs Python's lock for a moment. A thread that finds
the lock taken sleeps, and waking it takes up to 50 microseconds. So two threads that make many
short calls spend more time on handing the lock over than on the arithmetic. SiLU of 1.6 million
numbers, which the last cache holds, takes 0.8 ms in one thread. In two threads it takes 1.3 ms in
pieces of 2^15 numbers, and 0.5 ms in four pieces of 400,000. Therefore pieces are large and few.

How an array is cut depends on its shape alone, so results do not depend on the number of threads.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .threads import parallel

__all__ = ["by_examples", "by_rows", "cut", "equal_slices", "in_pieces"]

Array = Any  # np.ndarray or cupy.ndarray

_LEAST = 1 << 17  # numbers: below, waking another thread takes longer than the work
# If there are more than four pieces, each has at least so many numbers, and less than twice as
# many: several arrays of this size fit into the last cache.
_LARGE = 1 << 19

_local = threading.local()  # .inside is true in a thread that evaluates a piece


def equal_slices(length: int, n: int) -> list[slice]:
    """Cut range(length) into n slices whose lengths differ by one at most."""
    return [slice(i * length // n, (i + 1) * length // n) for i in range(n)]


def cut(length: int, size: int, least: int = _LEAST) -> list[slice]:
    """Cut the first axis, of this length, of an array of `size` numbers into pieces for threads.

    Their number is 1, 2 or 4, the largest with which a piece has `least` numbers. It is a greater
    power of two, the largest again, if a piece then still has 2^19 numbers. So two or four threads
    get equal shares. But there are never more pieces than the axis is long.
    """
    n = max(min(size // least, 4), size // _LARGE, 1)
    return equal_slices(length, min(1 << (n.bit_length() - 1), max(length, 1)))


def in_pieces(f: Callable[..., Array]) -> Callable[..., Array]:
    """Decorate an element-wise function: large arrays are handed to it piece by piece.

    f(a, *others) returns an array of the shape and dtype of `a`. Among the others, which are
    positional, arrays of its shape are cut with it; Python's numbers and settings are passed on as
    they are. f is called once with the whole arrays if they are small, if they differ in shape or
    memory order, or if one of them is a Tensor, an array of another library, or a number of NumPy's
    (whose dtype may change that of the result). So f can be a forward or a rule.

    Do not decorate what returns another dtype (a comparison), another shape (a reduction), or what
    depends on where a number stands in the array (a cumulative sum).

    Raises
    ------
    TypeError
        Where f returned another shape or dtype for a piece. (For small arrays it is not checked.)
    """
    return _piecewise(f, _as_vectors)


def by_examples(f: Callable[..., Array]) -> Callable[..., Array]:
    """Decorate a function that treats every index of the first axis by itself, as `in_pieces`.

    f(a, *others) returns an array of the shape and dtype of `a`. Large arrays are cut along the
    first axis, in any memory order.
    """
    return _piecewise(f, _of_one_shape)


def _piecewise(f: Callable, views: Callable[[list[Array]], list | None]) -> Callable:
    """Decorate f so that it is evaluated on pieces of the views of its arrays, if there are any."""

    @functools.wraps(f)
    def run(a, *others):
        if type(a) is not np.ndarray or a.size < 2 * _LEAST or getattr(_local, "inside", False):
            return f(a, *others)
        is_array = [hasattr(other, "dtype") for other in others]
        arrays = views([a, *(b for b, yes in zip(others, is_array) if yes)])
        if arrays is None:
            return f(a, *others)
        y = np.empty_like(a)
        (result,) = views([y])
        pieces = cut(len(result), a.size)

        def run_piece(i):
            first, *rest = (v[pieces[i]] for v in arrays)
            rest = iter(rest)
            arguments = [next(rest) if yes else b for b, yes in zip(others, is_array)]
            _local.inside = True
            try:
                part = f(first, *arguments)
            finally:
                _local.inside = False
            if part.shape != first.shape or part.dtype != first.dtype:
                raise TypeError(
                    f"{f.__name__} must return {first.dtype} {first.shape} for its pieces, as its "
                    f"first argument, but returned {part.dtype} {part.shape}"
                )
            result[pieces[i]] = part

        parallel(run_piece, len(pieces))
        return y

    return run


def _of_one_shape(arrays: list[Array]) -> list[np.ndarray] | None:
    """Return NumPy arrays of one shape; None for all others."""
    shape = arrays[0].shape
    return arrays if all(type(a) is np.ndarray and a.shape == shape for a in arrays) else None


def _as_vectors(arrays: list[Array]) -> list[np.ndarray] | None:
    """Return flat views of NumPy arrays of one shape and one memory order; None for all others."""
    if _of_one_shape(arrays) is None:
        return None
    first = arrays[0]
    axes = sorted(range(first.ndim), key=lambda i: -first.strides[i])  # as they lie in memory
    arrays = [a.transpose(axes) for a in arrays]
    return [a.reshape(-1) for a in arrays] if all(a.flags.c_contiguous for a in arrays) else None


def by_rows(f: Callable[..., Array], *arrays: Array) -> Array:
    """Return f(*arrays) for an f that computes one number for each row, from that row alone.

    A row is everything under one index of the first axis. Large NumPy arrays are handed to f in
    pieces of several rows.

    Raises
    ------
    ValueError
        Unless all arrays have the same shape.
    """
    first = arrays[0]
    if any(a.shape != first.shape for a in arrays):
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise ValueError(f"by_rows: needs arrays of one shape; got {shapes}")
    pieces = cut(len(first), first.size)
    if len(pieces) == 1 or any(type(a) is not np.ndarray for a in arrays):
        return f(*arrays)
    results: list = [None] * len(pieces)

    def run(i: int) -> None:
        results[i] = f(*(a[pieces[i]] for a in arrays))

    parallel(run, len(pieces))
    return np.concatenate(results)
