"""Element-wise updates of many arrays in place, made fast.

An update is a dozen operations on four or five arrays. One operation at a time over a large array, each would stream it through main
memory; so arrays are cut into blocks of 65,536 elements and a block goes through all operations while it is in cache. Blocks are shared
among the threads of `pool.parallel`; element-wise work has the same bits however it is cut.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import array_module
from .threads import parallel

__all__ = ["BLOCK", "in_blocks"]

Array = Any
BLOCK = 1 << 16  # elements: five arrays in float32 are 1.3 MB, about a core's second cache; smaller blocks spend more on passing the interpreter's lock
_ALONE = 1 << 17  # below so many elements, waking another thread takes longer than the work

_local = threading.local()  # .scratch: one block, of each thread


def in_blocks(jobs: list[tuple[Callable, tuple[Array, ...]]]) -> None:
    """For each (f, arrays) call f(*blocks, scratch) for all blocks of its arrays, which have one shape. f works element by element and in place; it
    only reads its second array (a gradient).

    Arrays that are not NumPy's are one block, whose operations their library runs in parallel itself.
    """
    chunks = []
    for f, arrays in jobs:
        if all(type(a) is np.ndarray for a in arrays) and (flat := _flat(arrays)):
            chunks += [(f, flat, slice(i, i + BLOCK)) for i in range(0, flat[0].size, BLOCK)]
        else:
            array_module(*arrays)  # raises if they lie on two devices
            f(*arrays, np.empty_like(arrays[0]))

    def run(i: int) -> None:
        f, flat, block = chunks[i]
        parts = [a[block] for a in flat]
        size, dtype = parts[0].size, parts[0].dtype
        scratch = getattr(_local, "scratch", None)
        if scratch is None or scratch.dtype != dtype:
            scratch = _local.scratch = np.empty(BLOCK, dtype)
        f(*parts, scratch[:size])

    if sum(flat[0].size for _, flat, block in chunks if block.start == 0) < _ALONE:
        for i in range(len(chunks)):
            run(i)
    else:
        parallel(run, len(chunks))


def _flat(arrays: tuple[Array, ...]) -> list[Array] | None:
    """The arrays as vectors, in the order in which the first lies in memory: views, but for the second, which may be a copy. None if
    another would be."""
    first = arrays[0]
    if not first.flags.c_contiguous:
        axes = sorted(range(first.ndim), key=lambda i: -first.strides[i])
        arrays = tuple(a.transpose(axes) for a in arrays)
    if all(a.flags.c_contiguous for k, a in enumerate(arrays) if k != 1):
        return [a.reshape(-1) for a in arrays]
    return None
