"""Cases of tinygen.ops.shape and tinygen.ops.indexing. The naive forwards place one element after the other."""

from __future__ import annotations

import itertools

import numpy as np

from tests.cases import case
from tinygen import ops


def build(shape, f):
    """The array of `shape` whose element at an index is f(index)."""
    y = np.empty(shape)
    for index in itertools.product(*map(range, shape)):
        y[index] = f(index)
    return y


def either_end(d, axis, ndim):
    """The same axis, counted from one end or the other."""
    return d.sampled(axis, axis - ndim)


def an_axis(d, ndim):
    axis = d.integers(0, ndim - 1)
    return axis, either_end(d, axis, ndim)


@case("channels_last")
def _(d):
    return ops.channels_last, [d.array(d.shape())], lambda x: x.copy()


@case("reshape")
def _(d):
    x = d.array(d.shape())
    options = [(x.size,), (1, x.size), (x.size, 1, 1), x.shape[::-1], (*x.shape, 1)] + ([(-1,), (1, -1)] if x.size else [])
    shape = d.sampled(*options)

    def naive(x):
        y = np.empty(tuple(x.size if n == -1 else n for n in shape))
        y.flat = list(x.flat)  # both walk in C order, whatever the memory
        return y

    return lambda x: ops.reshape(x, shape=shape), [x], naive


@case("transpose")
def _(d):
    x = d.array(d.shape(1))
    axes = d.sampled(None, tuple(int(a) for a in d.rng.permutation(x.ndim)))
    if axes and d.sampled(True, False):
        axes = (axes[0] - x.ndim, *axes[1:])

    def naive(x):
        order = [a % x.ndim for a in axes] if axes else list(range(x.ndim))[::-1]
        return build([x.shape[a] for a in order], lambda index: x[tuple(index[order.index(a)] for a in range(x.ndim))])

    return lambda x: ops.transpose(x, axes=axes), [x], naive


@case("swapaxes")
def _(d):
    x = d.array(d.shape(1))
    (a, i), (b, j) = an_axis(d, x.ndim), an_axis(d, x.ndim)

    def swapped(s):
        s = list(s)
        s[a], s[b] = s[b], s[a]
        return tuple(s)

    return lambda x: ops.swapaxes(x, i, j), [x], lambda x: build(swapped(x.shape), lambda index: x[swapped(index)])


@case("moveaxis")
def _(d):
    x = d.array(d.shape(1))
    (a, i), (b, j) = an_axis(d, x.ndim), an_axis(d, x.ndim)

    def moved(s, a, b):
        s = list(s)
        s.insert(b, s.pop(a))
        return tuple(s)

    return lambda x: ops.moveaxis(x, i, j), [x], lambda x: build(moved(x.shape, a, b), lambda index: x[moved(index, b, a)])


@case("expand_dims")
def _(d):
    x = d.array(d.shape())
    axis, given = an_axis(d, x.ndim + 1)
    return (lambda x: ops.expand_dims(x, given)), [x], lambda x: build((*x.shape[:axis], 1, *x.shape[axis:]), lambda i: x[i[:axis] + i[axis + 1 :]])


@case("squeeze")
def _(d):
    shape = d.shape(0, 3)
    axis = d.integers(0, len(shape))
    shape = (*shape[:axis], 1, *shape[axis:])
    if d.sampled(True, False):
        given = either_end(d, axis, len(shape))
        return (lambda x: ops.squeeze(x, given)), [d.array(shape)], lambda x: build(shape[:axis] + shape[axis + 1 :], lambda i: x[(*i[:axis], 0, *i[axis:])])
    return ops.squeeze, [d.array(shape)], lambda x: np.array(list(x.flat)).reshape([n for n in shape if n != 1])


@case("astype")
def _(d):
    return (lambda x: ops.astype(x, dtype=x.dtype)), [d.array(d.shape())], lambda x: build(x.shape, lambda i: x[i])


@case("flip")
def _(d):
    x = d.array(d.shape(1))
    axis = d.sampled(None, an_axis(d, x.ndim)[1], tuple(range(d.integers(1, x.ndim))))
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]

    def naive(x):
        return build(x.shape, lambda i: x[tuple(n - 1 - k if a in axes else k for a, (k, n) in enumerate(zip(i, x.shape)))])

    return (lambda x: ops.flip(x, axis=axis)), [x], naive


def source(index, shape):
    """Where an element of a broadcast array comes from."""
    return tuple(0 if n == 1 else i for i, n in zip(index[len(index) - len(shape) :], shape))


@case("broadcast_to")
def _(d):
    shape = d.shape()
    x = d.array(d.broadcastable(shape))
    return (lambda x: ops.broadcast_to(x, shape=shape)), [x], lambda x: build(shape, lambda i: x[source(i, x.shape)])


@case("sum_to")
def _(d):
    shape = d.shape()
    small = d.broadcastable(shape)

    def naive(x):
        y = np.zeros(small)
        for index in itertools.product(*map(range, shape)):
            y[source(index, small)] += x[index]
        return y

    return lambda x: ops.sum_to(x, shape=small), [d.array(shape)], naive


@case("concatenate")
def _(d):
    shape = d.shape(1)
    axis, given = an_axis(d, len(shape))
    sizes = [d.integers(0, 3) for _ in range(d.integers(1, 3))]
    xs = [d.array((*shape[:axis], n, *shape[axis + 1 :])) for n in sizes]
    as_list = d.sampled(True, False)

    def naive(*xs):
        places = [(k, j) for k, n in enumerate(sizes) for j in range(n)]
        return build((*shape[:axis], sum(sizes), *shape[axis + 1 :]), lambda i: xs[places[i[axis]][0]][(*i[:axis], places[i[axis]][1], *i[axis + 1 :])])

    return lambda *xs: ops.concatenate(list(xs), axis=given) if as_list else ops.concatenate(*xs, axis=given), xs, naive


@case("stack")
def _(d):
    shape = d.shape(0, 3)
    axis, given = an_axis(d, len(shape) + 1)
    xs = [d.array(shape) for _ in range(d.integers(1, 3))]
    as_list = d.sampled(True, False)

    def naive(*xs):
        return build((*shape[:axis], len(xs), *shape[axis:]), lambda i: xs[i[axis]][i[:axis] + i[axis + 1 :]])

    return lambda *xs: ops.stack(xs, axis=given) if as_list else ops.stack(*xs, axis=given), xs, naive


@case("split")
def _(d):
    """Nonlinear in the parts, so that their places matter to the gradient; sometimes only one part is used."""
    shape = d.shape(1, 3)
    axis, given = an_axis(d, len(shape))
    equal = d.sampled(True, False)
    sizes = [d.integers(0, 2)] * d.integers(1, 3) if equal else [d.integers(0, 2) for _ in range(d.integers(1, 3))]
    x = d.array((*shape[:axis], sum(sizes), *shape[axis + 1 :]))
    only = d.sampled(slice(None), slice(len(sizes) - 1, len(sizes)))

    def naive(x):
        starts = [sum(sizes[:k]) for k in range(len(sizes))]
        parts = [build((*shape[:axis], n, *shape[axis + 1 :]), lambda i, s=s: x[(*i[:axis], i[axis] + s, *i[axis + 1 :])] ** 2) for s, n in zip(starts, sizes)]
        return tuple(parts[only])

    return lambda x: tuple(p * p for p in ops.split(x, len(sizes) if equal else sizes, given)[only]), [x], naive


def read_back(i, n, mode):
    """The index into n elements that index i of the padded axis reads, or None for the constant."""
    if 0 <= i < n:
        return i
    if mode in ("edge", "replicate"):
        return min(max(i, 0), n - 1)
    if mode in ("wrap", "circular"):
        return i % n
    return (-i if i < 0 else 2 * (n - 1) - i) if mode == "reflect" else None


@case("pad")
def _(d):
    return padded(d, "constant")


@case("pad")
def _(d):
    return padded(d, d.sampled("reflect", "edge", "wrap", "replicate", "circular"))


def padded(d, mode):
    x = d.array(d.shape(1, 4, 0 if mode == "constant" else 1))
    most = [{"reflect": n - 1, "wrap": n, "circular": n}.get(mode, 3) for n in x.shape]
    widths = [(d.integers(0, m), d.integers(0, m)) for m in most]
    value = d.sampled(0.0, -1.5)
    width = d.sampled(widths, min(most), (min(most), 0))
    pairs = widths if width is widths else [width if isinstance(width, tuple) else (width, width)] * x.ndim

    def naive(x):
        def at(index):
            where = [read_back(i - b, n, mode) for i, n, (b, _) in zip(index, x.shape, pairs)]
            return value if None in where else x[tuple(where)]

        return build([n + b + a for n, (b, a) in zip(x.shape, pairs)], at)

    return lambda x: ops.pad(x, width, mode, value), [x], naive


def an_index(d, shape):
    """An index into an array of `shape`: basic, advanced, or both; integers may repeat and count from the end."""
    kind = d.sampled("basic", "mask", "array", "mixed", "list")
    n = len(shape)
    if kind == "mask":
        k = d.integers(1, n)
        return d.constant(d.rng.random(shape[:k]) < 0.5)
    integers = [d.rng.integers(-m, m, (d.integers(1, 5),)) for m in shape]
    if kind == "array":
        index = d.constant(d.rng.integers(-shape[0], shape[0], d.shape(0, 2)))
        return d.sampled(index, (Ellipsis, d.constant(integers[-1])))
    if kind == "list":
        return [int(i) for i in integers[0]]
    if kind == "mixed":
        other = d.sampled(slice(None), slice(1, None), None, d.integers(-shape[0], shape[0] - 1))
        return (other, d.constant(integers[0 if other is None else 1])) if n > 1 else (None, d.constant(integers[0]))
    parts = []
    for m in shape[: d.integers(0, n)]:
        parts.append(d.sampled(slice(None), slice(1, None), slice(None, None, -1), slice(-2, None, 2), d.integers(-m, m - 1)))
    if d.sampled(True, False):
        parts.insert(d.integers(0, len(parts)), None)
    return (*parts, Ellipsis) if d.sampled(True, False) else tuple(parts) if len(parts) != 1 else parts[0]


def on_host(index):
    if isinstance(index, tuple):
        return tuple(map(on_host, index))
    return index.get() if hasattr(index, "get") else index


def places(index, shape):
    """The number of the element that each element of x[index] is."""
    return np.arange(int(np.prod(shape))).reshape(shape)[on_host(index)]


@case("getitem")
def _(d):
    shape = d.shape(1, 3, 1)
    index = an_index(d, shape)
    operator = d.sampled(True, False)
    k = places(index, shape)
    return (lambda x: x[index] if operator else ops.getitem(x, index)), [d.array(shape)], lambda x: build(k.shape, lambda i: list(x.flat)[k[i]])


@case("scatter_add")
def _(d):
    shape = d.shape(1, 3, 1)
    index = an_index(d, shape)
    k = places(index, shape)

    def naive(x):
        y = np.zeros(int(np.prod(shape)))
        for i in itertools.product(*map(range, k.shape)):
            y[k[i]] += x[i]
        return y.reshape(shape)

    return lambda x: ops.scatter_add(x, index, shape), [d.array(k.shape)], naive


@case("take_along_axis")
def _(d):
    shape = d.shape(1, 3, 1)
    axis, given = an_axis(d, len(shape))
    raw = d.rng.integers(-shape[axis], shape[axis], (*shape[:axis], d.integers(0, 4), *shape[axis + 1 :]))
    indices = d.constant(raw)
    return (lambda x: ops.take_along_axis(x, indices, given)), [d.array(shape)], lambda x: build(raw.shape, lambda i: x[(*i[:axis], raw[i], *i[axis + 1 :])])


@case("embedding")
def _(d):
    weight = d.array((d.integers(1, 4), d.integers(0, 4)))
    raw = d.rng.integers(0, len(weight), d.shape(0, 3))
    indices = d.constant(raw)
    return (lambda weight: ops.embedding(indices, weight)), [weight], lambda weight: build((*raw.shape, weight.shape[1]), lambda i: weight[raw[i[:-1]], i[-1]])


@case("one_hot")
def _(d):
    """A constant: checked as a factor."""
    n = d.integers(1, 4)
    raw = d.rng.integers(0, n, d.shape(0, 2))
    indices = d.constant(raw)
    return (lambda x: x * ops.one_hot(indices, n)), [d.array((*raw.shape, n))], lambda x: build(x.shape, lambda i: x[i] if raw[i[:-1]] == i[-1] else 0.0)
