"""Functions that are evaluated piece by piece."""

import numpy as np
import pytest

from tinygen import ops, tensor
from tinygen.backend import pieces

RNG = np.random.default_rng(0)
LARGE = 1 << 20  # numbers: several pieces


@pytest.mark.parametrize("length", [0, 1, 3, 64, 1 << 22])
@pytest.mark.parametrize("size", [0, 1000, 1 << 18, 1 << 20, 3 << 20, 1 << 24])
def test_pieces_cover_the_axis_and_have_about_the_same_length(length, size):
    cut = pieces.cut(length, size)
    assert np.concatenate([np.arange(length)[s] for s in cut]).tolist() == list(range(length))
    lengths = [s.stop - s.start for s in cut]
    assert max(lengths) - min(lengths) <= 1
    assert len(cut) == 1 or size >= len(cut) << 17


@pytest.mark.parametrize(
    "length, size, num_pieces",
    [
        (64, (1 << 18) - 1, 1),
        (64, 1 << 18, 2),
        (64, 3 << 17, 2),
        (64, 1 << 19, 4),
        (64, 7 << 19, 4),  # more than 2^19 numbers in each, but not in each of eight
        (64, 8 << 19, 8),
        (3, 1 << 20, 3),
    ],
)
def test_number_of_pieces(length, size, num_pieces):
    assert len(pieces.cut(length, size)) == num_pieces


def layouts(a):
    """Return the same values in channels-last, reversed, transposed and C order."""
    channels_last = np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
    return [channels_last, np.ascontiguousarray(a[::-1])[::-1], np.ascontiguousarray(a.T).T, a]


@pytest.mark.parametrize("shape", [(64, 32, 32, 16), (1, 4, 512, 512), (3, 5)])
def test_in_pieces_gives_the_bits_of_one_call(shape, n_threads):
    sizes = []

    def f(a, b, factor, nothing):
        sizes.append(a.size)
        assert factor == 3 and nothing is None
        return a * np.exp(b) + factor

    a, b = RNG.standard_normal((2, *shape)).astype(np.float32)
    expected = a * np.exp(b) + 3
    for x, y in zip(layouts(a), layouts(b)):
        sizes.clear()
        got = pieces.in_pieces(f)(x, y, 3, None)
        assert got.tobytes() == expected.tobytes() and got.strides == np.empty_like(x).strides
        is_cut = a.size >= LARGE and abs(x.strides[0]) == x.strides[0]
        assert sum(sizes) == a.size and (len(sizes) > 1) == is_cut


def test_by_examples_gives_the_bits_of_one_call(n_threads):
    lengths = []

    def f(a, b, axis):
        lengths.append(len(a))
        return a - b.max(axis=axis, keepdims=True)

    a, b = RNG.standard_normal((2, 60, 8, 64, 64)).astype(np.float32)
    a_layouts, b_layouts = layouts(a), layouts(b)
    for x, y in [*zip(a_layouts, b_layouts), (a_layouts[0], b)]:
        lengths.clear()
        got = pieces.by_examples(f)(x, y, 1)
        assert got.tobytes() == (a - b.max(axis=1, keepdims=True)).tobytes()
        assert got.strides == np.empty_like(x).strides and sum(lengths) == 60 and len(lengths) > 1
    small = a[:1, :, :2]
    assert (pieces.by_examples(f)(small, small, 1) == f(small, small, 1)).all()


def test_in_pieces_evaluates_once_where_arrays_do_not_match(cupy):
    sizes = []

    @pieces.in_pieces
    def f(a, b):
        sizes.append(a.size)
        return a * b

    a = np.ones((64, LARGE // 64), np.float32)
    for b in (a[:1], a.T.copy().T, a[:, :1], cupy.asarray(a), tensor(a), np.float32(2)):
        x = cupy.asarray(a) if isinstance(b, cupy.ndarray) else a
        f(x, b)
        assert sizes.pop() == a.size and not sizes


@pytest.mark.parametrize("f", [lambda a: a > 0, lambda a: a.sum(), lambda a: a.astype(np.float64)])
def test_in_pieces_refuses_another_shape_or_dtype(f):
    with pytest.raises(TypeError, match="must return float32"):
        pieces.in_pieces(f)(np.ones(LARGE, np.float32))


def test_in_pieces_cuts_once_where_one_function_calls_another():
    inner = []

    @pieces.in_pieces
    def double(x):
        inner.append(x.size)
        return 2 * x

    x = np.ones(LARGE, np.float32)
    quadruple = pieces.in_pieces(lambda x: double(double(x)))
    assert (quadruple(x) == 4).all()
    assert len(inner) == 2 * len(pieces.cut(LARGE, LARGE))
    with pytest.raises(ZeroDivisionError):
        pieces.in_pieces(lambda x: x * (1 / 0))(x)
    inner.clear()
    double(x)  # an error has left no trace
    assert len(inner) == len(pieces.cut(LARGE, LARGE))


@pytest.mark.parametrize(
    "name", ["elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh"]
)
def test_activations_of_large_arrays_have_the_bits_of_small_ones(name, n_threads):
    f = getattr(ops, name)
    x = tensor(RNG.normal(0, 3, (LARGE,)).astype(np.float32), requires_grad=True)
    x[:3] = np.array([np.nan, np.inf, -np.inf], np.float32)
    with np.errstate(invalid="ignore"):
        y = f(x)
        y.backward(np.full_like(y.data, 2))
        for part in (slice(0, 1000), slice(LARGE - 1000, LARGE)):
            v = tensor(x.data[part].copy(), requires_grad=True)
            w = f(v)
            w.backward(np.full_like(w.data, 2))
            assert y.data[part].tobytes() == w.data.tobytes()
            assert x.grad.data[part].tobytes() == v.grad.data.tobytes()


@pytest.mark.parametrize("rows, columns", [(3, 5), (1, 1 << 18), (1000, 300), (7, 50_000), (0, 4)])
def test_by_rows_gives_the_bits_of_one_call(rows, columns, n_threads):
    calls = []

    def f(a, b):
        calls.append(len(a))
        return (a * b).sum(axis=1)

    a, b = RNG.normal(size=(2, rows, columns)).astype(np.float32)
    assert pieces.by_rows(f, a, b).tobytes() == (a * b).sum(axis=1).tobytes()
    assert sum(calls) == rows and (len(calls) > 1) == (rows > 1 and rows * columns >= 2 << 17)


def test_by_rows_leaves_other_modules_whole(cupy):
    a = cupy.asarray(np.ones((1000, 300), np.float32))
    assert type(pieces.by_rows(lambda a: a.sum(axis=1), a)) is cupy.ndarray


def test_by_rows_checks_shapes():
    with pytest.raises(ValueError, match="one shape"):
        pieces.by_rows(lambda a, b: (a * b).sum(axis=1), np.ones((4, 3)), np.ones((5, 3)))
