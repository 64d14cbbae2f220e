"""Cases of indexing. The naive implementations read and add element by element."""

from __future__ import annotations

import itertools

import numpy as np

from tests.cases import case
from tests.ops.shape_cases import build, draw_axis
from tinygen import ops


def draw_index(draw, shape):
    """Draw an index into an array of `shape`: basic, advanced, or both.

    Integers may repeat and count from the end.
    """
    kind = draw.choice("basic", "mask", "array", "mixed", "list")
    if kind == "basic":
        return draw_basic_index(draw, shape)
    if kind == "mask":
        return draw.constant(draw.rng.random(shape[: draw.integer(1, len(shape))]) < 0.5)
    if kind == "array":
        index = draw.constant(draw.rng.integers(-shape[0], shape[0], draw.shape(0, 2)))
        return draw.choice(index, (Ellipsis, draw_integers(draw, shape[-1])))
    if kind == "list":
        return [int(i) for i in draw.rng.integers(-shape[0], shape[0], (draw.integer(1, 5),))]
    if len(shape) == 1:
        return None, draw_integers(draw, shape[0])
    other = draw.choice(slice(None), slice(1, None), None, draw.integer(-shape[0], shape[0] - 1))
    return other, draw_integers(draw, shape[0 if other is None else 1])


def draw_integers(draw, n):
    """Draw an array of one to five integers from -n to n - 1."""
    return draw.constant(draw.rng.integers(-n, n, (draw.integer(1, 5),)))


def draw_basic_index(draw, shape):
    """Draw an index of integers, slices, None and Ellipsis."""
    index = []
    for n in shape[: draw.integer(0, len(shape))]:
        options = slice(None), slice(1, None), slice(None, None, -1), slice(-2, None, 2)
        index.append(draw.choice(*options, draw.integer(-n, n - 1)))
    if draw.choice(True, False):
        index.insert(draw.integer(0, len(index)), None)
    if draw.choice(True, False):
        return (*index, Ellipsis)
    return index[0] if len(index) == 1 else tuple(index)


def on_host(index):
    """Return an index with its arrays on the host."""
    if isinstance(index, tuple):
        return tuple(map(on_host, index))
    return index.get() if hasattr(index, "get") else index


def element_numbers(index, shape):
    """Return the number of the element that each element of x[index] is."""
    return np.arange(int(np.prod(shape))).reshape(shape)[on_host(index)]


@case("getitem")
def draw_getitem(draw):
    shape = draw.shape(1, 3, 1)
    index = draw_index(draw, shape)
    numbers = element_numbers(index, shape)
    f = draw.choice(lambda x: x[index], lambda x: ops.getitem(x, index))

    def naive(x):
        return build(numbers.shape, lambda i: list(x.flat)[numbers[i]])

    return f, [draw.array(shape)], naive


@case("add_at")
def draw_add_at(draw):
    shape = draw.shape(1, 3, 1)
    index = draw_index(draw, shape)
    numbers = element_numbers(index, shape)
    values = draw.array(draw.choice(numbers.shape, draw.broadcastable_shape(numbers.shape)))

    def naive(x, values):
        y = x.flatten()
        values = np.broadcast_to(values, numbers.shape)
        for i in itertools.product(*map(range, numbers.shape)):
            y[numbers[i]] += values[i]
        return y.reshape(shape)

    return lambda x, v: ops.add_at(x, index, v), [draw.array(shape), values], naive


@case("take_along_axis")
def draw_take_along_axis(draw):
    shape = draw.shape(1, 3, 1)
    axis, given = draw_axis(draw, len(shape))
    index_shape = (*shape[:axis], draw.integer(0, 4), *shape[axis + 1 :])
    values = draw.rng.integers(-shape[axis], shape[axis], index_shape)
    indices = draw.constant(values)

    def naive(x):
        return build(index_shape, lambda i: x[(*i[:axis], values[i], *i[axis + 1 :])])

    return (lambda x: ops.take_along_axis(x, indices, given)), [draw.array(shape)], naive


@case("embedding")
def draw_embedding(draw):
    weight = draw.array((draw.integer(1, 4), draw.integer(0, 4)))
    values = draw.rng.integers(0, len(weight), draw.shape(0, 3))
    indices = draw.constant(values)

    def naive(weight):
        shape = (*values.shape, weight.shape[1])
        return build(shape, lambda i: weight[values[i[:-1]], i[-1]])

    return (lambda weight: ops.embedding(indices, weight)), [weight], naive


@case("one_hot")
def draw_one_hot(draw):
    """Draw a product with it, because it is a constant."""
    num_classes = draw.integer(1, 4)
    values = draw.rng.integers(0, num_classes, draw.shape(0, 2))
    indices = draw.constant(values)

    def naive(x):
        return build(x.shape, lambda i: x[i] if values[i[:-1]] == i[-1] else 0.0)

    x = draw.array((*values.shape, num_classes))
    return (lambda x: x * ops.one_hot(indices, num_classes)), [x], naive
