"""Cases of shapes, joining and splitting. The naive implementations place element by element."""

from __future__ import annotations

import itertools

import numpy as np

from tests.cases import case
from tinygen import ops
from tinygen.ops.methods import move


def build(shape, f):
    """Return the array of `shape` whose element at an index is f(index)."""
    y = np.empty(shape)
    for index in itertools.product(*map(range, shape)):
        y[index] = f(index)
    return y


def draw_axis(draw, ndim):
    """Draw an axis; return it counted from the start, and from the start or the end."""
    axis = draw.integer(0, ndim - 1)
    return axis, draw.choice(axis, axis - ndim)


@case("channels_last")
def draw_channels_last(draw):
    return ops.channels_last, [draw.array(draw.shape())], np.copy


@case("reshape")
def draw_reshape(draw):
    x = draw.array(draw.shape())
    options = [(x.size,), (1, x.size), (x.size, 1, 1), x.shape[::-1], (*x.shape, 1)]
    if x.size:
        options += [(-1,), (1, -1)]
    shape = draw.choice(*options)

    def naive(x):
        y = np.empty(tuple(x.size if n == -1 else n for n in shape))
        y.flat = list(x.flat)  # both in C order, whatever the memory order
        return y

    return lambda x: ops.reshape(x, shape=shape), [x], naive


@case("transpose")
def draw_transpose(draw):
    x = draw.array(draw.shape(1))
    axes = draw.choice(None, tuple(int(a) for a in draw.rng.permutation(x.ndim)))
    if axes and draw.choice(True, False):
        axes = (axes[0] - x.ndim, *axes[1:])

    def naive(x):
        order = [a % x.ndim for a in axes] if axes else list(range(x.ndim))[::-1]

        def element(index):
            return x[tuple(index[order.index(a)] for a in range(x.ndim))]

        return build([x.shape[a] for a in order], element)

    return lambda x: ops.transpose(x, axes=axes), [x], naive


@case("swapaxes")
def draw_swapaxes(draw):
    x = draw.array(draw.shape(1))
    (a, i), (b, j) = draw_axis(draw, x.ndim), draw_axis(draw, x.ndim)

    def swap(values):
        values = list(values)
        values[a], values[b] = values[b], values[a]
        return tuple(values)

    def naive(x):
        return build(swap(x.shape), lambda index: x[swap(index)])

    return lambda x: ops.swapaxes(x, i, j), [x], naive


@case("moveaxis")
def draw_moveaxis(draw):
    x = draw.array(draw.shape(1))
    (a, i), (b, j) = draw_axis(draw, x.ndim), draw_axis(draw, x.ndim)

    def move(values, source, destination):
        values = list(values)
        values.insert(destination, values.pop(source))
        return tuple(values)

    def naive(x):
        return build(move(x.shape, a, b), lambda index: x[move(index, b, a)])

    return lambda x: ops.moveaxis(x, i, j), [x], naive


@case("moveaxis")
def draw_moveaxis_of_several(draw):
    x = draw.array(draw.shape(2))
    source, destination = (tuple(draw.rng.permutation(x.ndim)[:2].tolist()) for _ in range(2))

    def naive(x):
        rest = [a for a in range(x.ndim) if a not in source]
        order = [
            source[destination.index(i)] if i in destination else rest.pop(0) for i in range(x.ndim)
        ]
        return build(
            [x.shape[a] for a in order],
            lambda index: x[tuple(index[order.index(a)] for a in range(x.ndim))],
        )

    return lambda x: ops.moveaxis(x, source, destination), [x], naive


@case("expand_dims")
def draw_expand_dims(draw):
    x = draw.array(draw.shape())
    axis, given = draw_axis(draw, x.ndim + 1)

    def naive(x):
        shape = (*x.shape[:axis], 1, *x.shape[axis:])
        return build(shape, lambda index: x[index[:axis] + index[axis + 1 :]])

    return (lambda x: ops.expand_dims(x, given)), [x], naive


@case("squeeze")
def draw_squeeze(draw):
    shape = draw.shape(0, 3)
    axis = draw.integer(0, len(shape))
    shape = (*shape[:axis], 1, *shape[axis:])
    given = draw.choice(axis, axis - len(shape), None)

    def naive(x):
        if given is None:
            return np.array(list(x.flat)).reshape([n for n in shape if n != 1])
        return build(
            shape[:axis] + shape[axis + 1 :], lambda index: x[(*index[:axis], 0, *index[axis:])]
        )

    return (lambda x: ops.squeeze(x, given)), [draw.array(shape)], naive


@case("expand_dims", "squeeze")
def draw_several_axes_of_length_one(draw):
    x = draw.array(draw.shape())
    axes = tuple(draw.rng.permutation(x.ndim + 2)[:2].tolist())
    given = tuple(draw.choice(a, a - x.ndim - 2) for a in axes)
    shape = [1] * (x.ndim + 2)
    for i, n in zip([i for i in range(x.ndim + 2) if i not in axes], x.shape):
        shape[i] = n

    def naive(x):
        y = np.empty(shape)
        y.flat = list(x.flat)
        return y, x * x

    def f(x):
        y = ops.expand_dims(x, given)
        return y, ops.squeeze(y * y, given)

    return f, [x], naive


@case("ravel", "flatten")
def draw_ravel(draw):
    x = draw.array(draw.shape())
    f = draw.choice(ops.ravel, ops.flatten)
    return f, [x], lambda x: np.array(list(x.flat))


@case("flatten")
def draw_flatten(draw):
    x = draw.array(draw.shape(1))
    first = draw.integer(0, x.ndim - 1)
    last = draw.integer(first, x.ndim - 1)
    shape = (*x.shape[:first], int(np.prod(x.shape[first : last + 1])), *x.shape[last + 1 :])

    def naive(x):
        y = np.empty(shape)
        y.flat = list(x.flat)
        return y

    return (lambda x: ops.flatten(x, first, draw.choice(last, last - x.ndim))), [x], naive


@case("roll")
def draw_roll(draw):
    x = draw.array(draw.shape(1))
    kind = draw.choice("flat", "axis", "axes")
    if kind == "flat":
        shift, axis = draw.integer(-5, 5), None
    elif kind == "axis":
        shift, axis = draw.integer(-5, 5), draw_axis(draw, x.ndim)[1]
    else:
        axis = tuple(range(draw.integer(1, x.ndim)))
        shift = tuple(draw.integer(-5, 5) for _ in axis)

    def naive(x):
        if axis is None:
            values = list(x.flat)
            y = [values[(i - shift) % len(values)] for i in range(len(values))]
            return np.array(y).reshape(x.shape)
        shifts = [0] * x.ndim
        for a, s in zip(axis, shift) if kind == "axes" else [(axis, shift)]:
            shifts[a] += s

        def element(index):
            return x[tuple((i - s) % n for i, s, n in zip(index, shifts, x.shape))]

        return build(x.shape, element)

    return (lambda x: ops.roll(x, shift=shift, axis=axis)), [x], naive


@case("repeat")
def draw_repeat(draw):
    x = draw.array(draw.shape(1, 3))
    axis, given = draw_axis(draw, x.ndim)
    if draw.choice(True, False):
        x = x.reshape(x.size)
        axis, given = 0, None
    n = x.shape[axis]
    repeats = draw.choice(draw.integer(0, 3), [draw.integer(0, 3) for _ in range(n)])
    counts = [repeats] * n if isinstance(repeats, int) else repeats
    places = [i for i, count in enumerate(counts) for _ in range(count)]

    def naive(x):
        shape = (*x.shape[:axis], len(places), *x.shape[axis + 1 :])
        return build(shape, lambda i: x[(*i[:axis], places[i[axis]], *i[axis + 1 :])])

    return (lambda x: ops.repeat(x, repeats, given)), [x], naive


@case("tile")
def draw_tile(draw):
    x = draw.array(draw.shape(0, 3, max_side=3))
    reps = tuple(draw.integer(0, 2) for _ in range(draw.integer(0, 3)))
    reps = draw.choice(reps, draw.integer(0, 2))

    def naive(x):
        full = reps if isinstance(reps, tuple) else (reps,)
        ndim = max(len(full), x.ndim)
        full = (1,) * (ndim - len(full)) + full
        x = x.reshape((1,) * (ndim - x.ndim) + x.shape)
        shape = [r * n for r, n in zip(full, x.shape)]
        return build(shape, lambda index: x[tuple(i % n for i, n in zip(index, x.shape))])

    return (lambda x: ops.tile(x, reps)), [x], naive


@case("astype")
def draw_astype(draw):
    return (lambda x: ops.astype(x, dtype=x.dtype)), [draw.array(draw.shape())], np.copy


@case("astype")
def draw_move(draw):
    """Draw a move to the device where the array lies, by the primitive of `Tensor.to`."""
    return (
        (lambda x: move(x, device=x.device, source=x.device)),
        [draw.array(draw.shape())],
        np.copy,
    )


@case("flip")
def draw_flip(draw):
    x = draw.array(draw.shape(1))
    axis = draw.choice(None, draw_axis(draw, x.ndim)[1], tuple(range(draw.integer(1, x.ndim))))
    if axis is None:
        axes = range(x.ndim)
    else:
        axes = [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]

    def naive(x):
        def element(index):
            places = enumerate(zip(index, x.shape))
            return x[tuple(n - 1 - i if a in axes else i for a, (i, n) in places)]

        return build(x.shape, element)

    return (lambda x: ops.flip(x, axis=axis)), [x], naive


def source(index, shape):
    """Return the index that an element of a broadcast array was copied from."""
    return tuple(0 if n == 1 else i for i, n in zip(index[len(index) - len(shape) :], shape))


@case("broadcast_to")
def draw_broadcast_to(draw):
    shape = draw.shape()
    x = draw.array(draw.broadcastable_shape(shape))

    def naive(x):
        return build(shape, lambda index: x[source(index, x.shape)])

    return (lambda x: ops.broadcast_to(x, shape=shape)), [x], naive


@case("sum_to")
def draw_sum_to(draw):
    shape = draw.shape()
    small = draw.broadcastable_shape(shape)

    def naive(x):
        y = np.zeros(small)
        for index in itertools.product(*map(range, shape)):
            y[source(index, small)] += x[index]
        return y

    return lambda x: ops.sum_to(x, shape=small), [draw.array(shape)], naive


@case("concatenate")
def draw_concatenate(draw):
    shape = draw.shape(1)
    axis, given = draw_axis(draw, len(shape))
    sizes = [draw.integer(0, 3) for _ in range(draw.integer(1, 3))]
    xs = [draw.array((*shape[:axis], n, *shape[axis + 1 :])) for n in sizes]
    is_list = len(xs) == 1 or draw.choice(True, False)

    def f(*xs):
        return (
            ops.concatenate(list(xs), axis=given) if is_list else ops.concatenate(*xs, axis=given)
        )

    def naive(*xs):
        places = [(k, j) for k, n in enumerate(sizes) for j in range(n)]  # (array, place in it)

        def element(index):
            k, j = places[index[axis]]
            return xs[k][(*index[:axis], j, *index[axis + 1 :])]

        return build((*shape[:axis], sum(sizes), *shape[axis + 1 :]), element)

    return f, xs, naive


@case("stack")
def draw_stack(draw):
    shape = draw.shape(0, 3)
    axis, given = draw_axis(draw, len(shape) + 1)
    xs = [draw.array(shape) for _ in range(draw.integer(1, 3))]
    is_list = len(xs) == 1 or draw.choice(True, False)

    def f(*xs):
        return ops.stack(xs, axis=given) if is_list else ops.stack(*xs, axis=given)

    def naive(*xs):
        def element(index):
            return xs[index[axis]][index[:axis] + index[axis + 1 :]]

        return build((*shape[:axis], len(xs), *shape[axis:]), element)

    return f, xs, naive


@case("split")
def draw_split(draw):
    """Draw a function that squares the parts, so that their places matter to the gradient.

    Sometimes it uses only the last part.
    """
    shape = draw.shape(1, 3)
    axis, given = draw_axis(draw, len(shape))
    num_parts = draw.integer(1, 3)
    if draw.choice(True, False):
        sizes = [draw.integer(0, 2)] * num_parts
        sections = num_parts
    else:
        sizes = [draw.integer(0, 2) for _ in range(num_parts)]
        sections = list(itertools.accumulate(sizes[:-1]))
    x = draw.array((*shape[:axis], sum(sizes), *shape[axis + 1 :]))
    used = draw.choice(slice(None), slice(num_parts - 1, num_parts))

    def f(x):
        return tuple(part * part for part in ops.split(x, sections, given)[used])

    def naive(x):
        parts = []
        for k, size in enumerate(sizes):
            start = sum(sizes[:k])

            def element(index, start=start):
                return x[(*index[:axis], index[axis] + start, *index[axis + 1 :])] ** 2

            parts.append(build((*shape[:axis], size, *shape[axis + 1 :]), element))
        return tuple(parts[used])

    return f, [x], naive
