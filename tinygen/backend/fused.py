"""Fused element-wise updates of many arrays, in place: the optimizers' steps, made fast.

**Why.** An update is about a dozen operations on four or five arrays. Done one operation at a time,
each would stream a large array through main memory. Here large arrays are cut into blocks of
131,072 elements, and a block goes through all operations while it is in the cache. Small arrays are
gathered in one block, because for a bias, the calls of the operations take longer than their
arithmetic. The blocks are shared among the threads of `threads.parallel`.

**The results do not depend on the blocks or the threads**, because the updates work element by
element.

**Relation to the formulas.** The update of each optimizer has the same bits as its method `update`
in `optim/optimizers.py`, which is the one to read; tests compare the two. The formula of the moving
average is in `optim/average.py`.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .arrays import array_module
from .threads import parallel
from .updates_gpu import can_update, sum_of_squares_on_gpu, update_all

__all__ = [
    "adam_update",
    "apply_in_blocks",
    "moving_average_update",
    "rmsprop_update",
    "scale_all",
    "scale_update",
    "sgd_momentum_update",
    "sgd_update",
    "sum_of_squares",
]

Array = Any
Block = list[tuple[Array, ...]]  # vectors that an update takes together: one tuple, or several

# Elements in a block. Five float32 arrays take 2.6 MB, which the last cache holds. Smaller blocks
# spend more time on passing the interpreter's lock: with two threads, Adam's update of
# 650,000 parameters takes 0.61 ms in blocks of 1 << 16, and 0.45 ms in these.
BLOCK_SIZE = 1 << 17
# Up to this size an array is small: one pass over it takes no longer than calling the function.
SMALL_SIZE = 1 << 12
# For fewer elements, waking another thread takes longer than the work.
MIN_PARALLEL_SIZE = 1 << 17

_local = threading.local()  # .scratch: a block for each thread


# ---------------------------------------------------------------------------------- the updates
# The arguments are p, g, state, scratch, settings. All arrays have one shape. An update writes into
# p, the state and scratch, and only reads g.


def sgd_update(p: Array, g: Array, scratch: Array, *, lr: float, weight_decay: float) -> None:
    """Take a step of gradient descent without momentum: `SGD.update`."""
    g = _add_weight_decay(g, p, weight_decay, scratch)
    np.multiply(g, lr, out=scratch)
    np.subtract(p, scratch, out=p)


def sgd_momentum_update(
    p: Array,
    g: Array,
    b: Array,
    scratch: Array,
    *,
    lr: float,
    momentum: float,
    damping: float,
    weight_decay: float,
    nesterov: bool,
) -> None:
    """Take a step of gradient descent with momentum: `SGD.update`. `damping` multiplies g."""
    g = _add_weight_decay(g, p, weight_decay, scratch)
    np.multiply(b, momentum, out=b)
    if nesterov:  # damping is 1; g may lie in scratch, which is overwritten last
        np.add(b, g, out=b)
        direction = np.add(g, b * momentum, out=scratch)
    else:
        np.add(b, g if damping == 1 else np.multiply(g, damping, out=scratch), out=b)
        direction = b
    np.multiply(direction, lr, out=scratch)
    np.subtract(p, scratch, out=p)


def rmsprop_update(
    p: Array,
    g: Array,
    square_avg: Array,
    *buffers: Array,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
) -> None:
    """Take a step of RMSprop: `RMSprop.update`.

    `buffers` are momentum_buffer (with momentum), grad_avg (if centered) and scratch.
    """
    *state, scratch = buffers
    if weight_decay:  # scratch is needed while g is still read
        g = _add_weight_decay(g, p, weight_decay, np.empty_like(scratch))
    _average(square_avg, np.square(g, out=scratch), alpha)
    if centered:
        grad_avg = state[-1]
        _average(grad_avg, np.multiply(g, 1, out=scratch), alpha)
        np.multiply(grad_avg, grad_avg, out=scratch)
        np.maximum(np.subtract(square_avg, scratch, out=scratch), 0, out=scratch)
        np.sqrt(scratch, out=scratch)
    else:
        np.sqrt(square_avg, out=scratch)
    np.add(scratch, eps, out=scratch)
    direction = np.divide(g, scratch, out=scratch)
    if momentum:
        direction = momentum_buffer = state[0]
        np.multiply(momentum_buffer, momentum, out=momentum_buffer)
        np.add(momentum_buffer, scratch, out=momentum_buffer)
    np.multiply(direction, lr, out=scratch)
    np.subtract(p, scratch, out=p)


def adam_update(
    p: Array,
    g: Array,
    m_sum: Array,
    v_sum: Array,
    scratch: Array,
    *,
    beta1: float,
    beta2: float,
    rate: float,
    shift: float,
    weight_decay: float = 0.0,
    shrinkage: float = 1.0,
) -> None:
    """Take a step of Adam or AdamW: `Adam.update`, `AdamW.update`.

    `weight_decay` times p is added to g (Adam); `shrinkage` multiplies p before the step (AdamW).
    """
    if shrinkage != 1:
        np.multiply(p, shrinkage, out=p)
    if weight_decay:  # scratch is needed while g is still read
        g = _add_weight_decay(g, p, weight_decay, np.empty_like(scratch))
    np.multiply(m_sum, beta1, out=m_sum)
    np.add(m_sum, g, out=m_sum)
    np.square(g, out=scratch)
    np.multiply(v_sum, beta2, out=v_sum)
    np.add(v_sum, scratch, out=v_sum)
    np.sqrt(v_sum, out=scratch)
    np.add(scratch, shift, out=scratch)
    np.divide(m_sum, scratch, out=scratch)
    np.multiply(scratch, rate, out=scratch)
    np.subtract(p, scratch, out=p)


def scale_update(a: Array, scratch: Array, *, factor: float) -> None:
    """Multiply by a factor."""
    np.multiply(a, factor, out=a)


def moving_average_update(average: Array, p: Array, scratch: Array, *, decay: float) -> None:
    """Move an average towards p: average <- average + (1 - decay) (p - average)."""
    np.subtract(p, average, out=scratch)
    np.multiply(scratch, 1 - decay, out=scratch)
    np.add(average, scratch, out=average)


def _add_weight_decay(g: Array, p: Array, weight_decay: float, out: Array) -> Array:
    """Return g + weight_decay p, written into `out`; without weight decay g itself."""
    if not weight_decay:
        return g
    np.multiply(p, weight_decay, out=out)
    return np.add(g, out, out=out)


def _average(average: Array, value: Array, alpha: float) -> None:
    """Set average <- alpha average + (1 - alpha) value. `value` is overwritten."""
    np.multiply(average, alpha, out=average)
    np.multiply(value, 1 - alpha, out=value)
    np.add(average, value, out=average)


# ---------------------------------------------------------------------------------- the blocks


def apply_in_blocks(f: Callable[..., None], arguments: Iterable[tuple[Array, ...]]) -> None:
    """Run an element-wise, in-place update on many arrays, block by block and in parallel.

    Parameters
    ----------
    f : the update. f(*blocks, scratch) is called for blocks of the arrays of a tuple; it only reads
        the second one, which may be a copy (a gradient).
    arguments : tuples of arrays of one shape. CuPy's are updated by one kernel (`updates_gpu.py`).
        What neither does, arrays of other dtypes or different memory layouts, forms single blocks.
    """
    vectors, on_gpu = [], []
    for arrays in arguments:
        is_numpy = all(type(a) is np.ndarray for a in arrays)
        flat = _as_vectors(arrays) if is_numpy or can_update(f, arrays) else None
        if flat is not None:
            (vectors if is_numpy else on_gpu).append(flat)
        else:
            array_module(*arrays)  # raises if they lie on two devices
            f(*arrays, np.empty_like(arrays[0]))
    if on_gpu:
        update_all(f, on_gpu)
    blocks = _cut(vectors)

    def run(i: int) -> None:
        _update_block(f, blocks[i])

    if sum(flat[0].size for flat in vectors) < MIN_PARALLEL_SIZE:
        for i in range(len(blocks)):
            run(i)
    else:
        parallel(run, len(blocks))


def _cut(vectors: list[tuple[Array, ...]]) -> list[Block]:
    """Cut large vectors into blocks, and collect small ones of the same dtypes in blocks."""
    blocks: list[Block] = []
    open_blocks: dict[tuple, Block] = defaultdict(list)
    for flat in vectors:
        size = flat[0].size
        if size > SMALL_SIZE:
            num_blocks = -(-size // BLOCK_SIZE)  # rounded up
            ends = [i * size // num_blocks for i in range(num_blocks + 1)]
            blocks += [[tuple([a[i:j] for a in flat])] for i, j in itertools.pairwise(ends)]
            continue
        block = open_blocks[tuple([a.dtype for a in flat])]
        block.append(flat)
        if len(block) * SMALL_SIZE >= BLOCK_SIZE:
            blocks.append(block.copy())
            block.clear()
    return blocks + [block for block in open_blocks.values() if block]


def _update_block(f: Callable[..., None], block: Block) -> None:
    """Run an update on the vectors of a block: where they lie, or if there are several, on copies.

    Afterwards the copies are written back, except for the second one, which f only reads.
    """
    if len(block) == 1:
        (vectors,) = block
        f(*vectors, _scratch_like(vectors[0]))
        return
    copies = [np.concatenate(vectors) for vectors in zip(*block)]
    f(*copies, _scratch_like(copies[0]))
    start = 0
    for vectors in block:
        end = start + vectors[0].size
        for k, vector in enumerate(vectors):
            if k != 1:
                vector[:] = copies[k][start:end]
        start = end


def _scratch_like(block: Array) -> Array:
    """Return this thread's scratch memory, of the block's size and dtype."""
    scratch = getattr(_local, "scratch", None)
    if scratch is None or scratch.dtype != block.dtype:
        scratch = _local.scratch = np.empty(BLOCK_SIZE, block.dtype)
    return scratch[: block.size]


def _as_vectors(arrays: tuple[Array, ...]) -> tuple[Array, ...] | None:
    """Flatten the arrays in the order in which the first one lies in memory.

    The vectors are views, but for the second one, which may be a copy. Return None if another one
    would have to be copied.
    """
    first = arrays[0]
    if not first.flags.c_contiguous:
        axes = sorted(range(first.ndim), key=lambda i: -first.strides[i])
        arrays = tuple(a.transpose(axes) for a in arrays)
    if all(a.flags.c_contiguous for i, a in enumerate(arrays) if i != 1):
        return tuple([a.reshape(-1) for a in arrays])
    return None


# ---------------------------------------------------------------------------------- norms


def scale_all(arrays: Iterable[Array], factor: float) -> None:
    """Multiply all arrays by a factor, in place.

    NumPy arrays are not handled in blocks, which are for updates of several operations.
    """
    on_gpu = []
    for array in arrays:
        if type(array) is np.ndarray:
            np.multiply(array, factor, out=array)
        else:
            on_gpu.append((array,))
    apply_in_blocks(partial(scale_update, factor=factor), on_gpu)


def sum_of_squares(arrays: Iterable[Array]) -> float:
    """Return the sum of all squared elements, infinity if it overflows.

    NumPy arrays are summed in blocks, and the blocks' sums are added as Python floats. Each sum is
    then short enough for float32. CuPy arrays are summed in double, with one wait for all of them.
    """
    total, on_gpu = 0.0, []
    for array in arrays:
        if type(array) is not np.ndarray and can_update(scale_update, (array,)):
            on_gpu.append(array.ravel(order="K"))
        elif type(array) is not np.ndarray:
            total += float((array * array).sum())
        else:
            vector = array.ravel(order="K")
            blocks = (vector[i : i + BLOCK_SIZE] for i in range(0, vector.size, BLOCK_SIZE))
            with np.errstate(over="ignore"):
                total += sum(float(np.dot(block, block)) for block in blocks)
    return total + (sum_of_squares_on_gpu(on_gpu) if on_gpu else 0.0)
