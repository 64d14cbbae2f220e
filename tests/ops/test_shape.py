"""Shapes and indexing: adjoint identities, memory order, shared memory, errors."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import Tensor, check_grads, grad, ops, tensor

rng = np.random.default_rng(0)
PADDED = ((0, 0), (0, 0), (2, 1), (0, 3))


def channels_last(shape, dtype=np.float32):
    """Draw images of `shape` (N, C, H, W) that are channels-last in memory."""
    n, c, h, w = shape
    return rng.standard_normal((n, h, w, c)).astype(dtype).transpose(0, 3, 1, 2)


def is_channels_last(x):
    """Return whether images are channels-last in memory."""
    return x.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(
    "f, adjoint, shape",
    [
        (
            lambda x: ops.broadcast_to(x, shape=(5, 4, 3)),
            lambda g: ops.sum_to(g, shape=(4, 1)),
            (4, 1),
        ),
        (
            lambda x: ops.getitem(x, (np.array([0, 0, 2]), slice(1, None))),
            lambda g: ops.add_at(np.zeros((4, 5)), (np.array([0, 0, 2]), slice(1, None)), g),
            (4, 5),
        ),
        (
            lambda x: ops.getitem(x, np.array([1, -1, 3])),
            lambda g: ops.add_at(np.zeros((4, 5)), np.array([1, -1, 3]), g),
            (4, 5),
        ),
        (
            lambda x: ops.transpose(x, axes=(2, 0, 1)),
            lambda g: ops.transpose(g, axes=(1, 2, 0)),
            (2, 3, 4),
        ),
        (
            lambda x: ops.pad(x, ((1, 2), (0, 3))),
            lambda g: ops.getitem(g, (slice(1, -2), slice(0, -3))),
            (4, 5),
        ),
    ],
    ids=["broadcast_to", "getitem", "getitem of rows", "transpose", "pad"],
)
def test_pairs_of_functions_are_adjoint(f, adjoint, shape):
    """<f(x), g> = <x, adjoint(g)>."""
    x = rng.standard_normal(shape)
    g = rng.standard_normal(f(x).shape)
    tolerance = 1e-12 * np.linalg.norm(x) * np.linalg.norm(g)
    assert abs((f(x) * g).sum() - (x * adjoint(g)).sum()) < tolerance


@pytest.mark.parametrize(
    "f",
    [
        lambda x: ops.concatenate(x, x, axis=1),
        lambda x: ops.pad(x, PADDED),
        lambda x: ops.pad(x, PADDED, "reflect"),
        lambda x: ops.pad(x, PADDED, "wrap"),
        lambda x: ops.flip(x, axis=3) * 2.0,
        lambda x: ops.split(x, 2, 1)[0] * 2.0,
        lambda x: x[:, 1:] * 2.0,
        lambda x: ops.sum_to(ops.stack(x, x, axis=0), shape=x.shape) * 2.0,
    ],
    ids=["concatenate", "pad", "reflect", "wrap", "flip", "split", "slice", "stack"],
)
@pytest.mark.cpu_only
def test_channels_last_memory_stays_channels_last(f):
    x = tensor(channels_last((2, 4, 5, 6)), requires_grad=True)
    y = f(x)
    assert is_channels_last(y.data)
    assert is_channels_last(grad(y, x, channels_last(y.shape))[0].data)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: ops.reshape(x, shape=(4, 3)),
        ops.transpose,
        lambda x: ops.split(x, [1])[1],
        lambda x: x[1:],
        ops.flip,
        lambda x: ops.broadcast_to(x, shape=(2, 3, 4)),
    ],
    ids=["reshape", "transpose", "split", "getitem", "flip", "broadcast_to"],
)
@pytest.mark.cpu_only
def test_a_write_to_an_array_is_a_write_to_its_views(view):
    """So a stale value is an error."""
    x = tensor(rng.standard_normal((3, 4)))
    v = view(x)
    assert np.shares_memory(v.data, x.data)
    w = tensor(np.ones(v.shape), requires_grad=True)
    y = (v * w).sum()
    x[1] = 5.0
    with pytest.raises(RuntimeError, match="written in place"):
        grad(y, w)


def test_an_index_tensor_may_be_written_after_the_forward():
    """The gradient still goes to the elements that the forward read."""
    x, index = tensor(np.arange(4.0), requires_grad=True), tensor(np.array([1, 1, 3]))
    y = (x[index] * x[index]).sum()
    index[:] = 0
    assert grad(y, x)[0].numpy().tolist() == [0, 4, 0, 6]


def test_add_at_keeps_the_dtype_of_x():
    for dtype, values in (("f4", 1.5), ("f4", [1.5]), ("u4", 1), ("i8", [True])):
        y = ops.add_at(np.zeros(2, dtype), [0], values)
        assert y.dtype == dtype and y.tolist() == [np.max(values), 0]


def test_add_at_sums_in_the_dtype_of_the_result():
    index, rows = np.zeros(300, int), (np.zeros(300, int), np.zeros(300, int))
    for dtype, value in (("i8", np.int8(100)), ("i8", True), ("f4", np.uint8(9))):
        values = np.full(300, value)
        expected = 300 * float(values[0])
        assert ops.add_at(np.zeros(2, dtype), index, values).tolist() == [expected, 0]
        y = ops.add_at(np.zeros((2, 1), dtype), rows, values)
        assert y.tolist() == [[expected], [0]] and y.dtype == dtype
    values = tensor(np.ones(3, np.float16), requires_grad=True)
    y = ops.add_at(np.zeros(2), index[:3], values)
    (g,) = grad(y.sum(), values)
    assert y.dtype == np.float64 and g.dtype == np.float16 and g.tolist() == [1, 1, 1]


def test_one_number_of_repeats_holds_for_all():
    x = tensor(np.arange(2.0), requires_grad=True)
    for repeats in (2, np.array(2), tensor(np.array(2)), [2], np.uint8(2)):
        y = ops.repeat(x, repeats, 0)
        assert y.tolist() == [0, 0, 1, 1] and grad(y.sum(), x)[0].tolist() == [2, 2]
    assert ops.repeat(x, 0, 0).shape == (0,) and ops.repeat(x[:0], [], 0).shape == (0,)


def test_the_parts_of_one_array_are_joined_as_by_numpy():
    x = tensor(rng.standard_normal((2, 3, 4)), requires_grad=True)
    for f in ("concatenate", "stack"):
        y = getattr(ops, f)(list(x), 1)
        assert (y.data == getattr(np, f)(x.data, 1)).all()
        assert (grad(y.sum(), x)[0].data == 1).all()
    assert (ops.concatenate([x], 1).data == x.data).all()


def test_a_shift_is_rolled_back_whatever_its_dtype():
    x, weight = tensor(np.arange(5.0), requires_grad=True), np.arange(5.0) ** 2
    for shift in (np.uint8(1), np.array(1, np.uint8), (np.uint8(1),), np.int8(1), 1):
        y = ops.roll(x, shift, 0)
        assert y.tolist() == [4, 0, 1, 2, 3]
        assert grad((y * weight).sum(), x)[0].tolist() == [1, 4, 9, 16, 0]


def test_add_at_sums_over_repeated_rows():
    indices = rng.integers(0, 50, (400,))
    g = rng.standard_normal((400, 3))
    expected = np.zeros((50, 3))
    np.add.at(expected, indices, g)
    y = ops.add_at(np.zeros((50, 3)), indices, g)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(ops.add_at(np.zeros((50, 3)), indices - 50, g), y)


def test_astype_differentiates_between_floating_types_only():
    x = tensor(np.ones(3, np.float32), requires_grad=True)
    y = ops.astype(x, dtype=np.float64)
    assert y.dtype == np.float64 and grad((y * 2.0).sum(), x)[0].dtype == np.float32
    assert not ops.astype(x, dtype=np.int64).requires_grad
    assert not np.shares_memory(ops.astype(x, dtype=np.float32).data, x.data)


def test_split_into_one_part_is_differentiable():
    x = tensor(np.ones((2, 3)), requires_grad=True)
    (only,) = ops.split(x, 1, 1)
    assert grad(only.sum(), x)[0].shape == (2, 3)
    check_grads(lambda x: ops.split(x, [], 1), np.ones((2, 3)))


@pytest.mark.cpu_only
def test_a_long_sum_in_float32_keeps_its_digits():
    x = rng.random((200_000, 4)).astype(np.float32)
    exact = x.astype(np.float64).sum(0)
    assert np.abs(ops.sum_to(x, shape=(4,)) - exact).max() < 1e-5 * exact.max()


def test_the_padding_row_of_an_embedding_has_gradient_zero():
    weight = tensor(np.ones((3, 2)), requires_grad=True)
    for row in (1, -2):
        y = ops.embedding(np.array([0, 1, 1, 2]), weight, row)
        assert y.data.tolist() == [[1, 1]] * 4
        assert grad(y.sum(), weight)[0].data.tolist() == [[1, 1], [0, 0], [1, 1]]


def test_one_hot_finds_the_number_of_classes_and_returns_what_it_was_given():
    assert ops.one_hot(np.array([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]
    y = ops.one_hot(tensor(np.array([1])))
    assert type(y) is Tensor and y.dtype == np.float32 and y.data.tolist() == [[0, 1]]


def test_a_number_is_added_at_an_index_in_the_dtype_of_x():
    assert ops.add_at(X, (0, [1, 1]), 2.5).tolist() == [[0, 5, 0], [0, 0, 0]]
    assert ops.add_at(X, 0, 2.5).dtype == np.float32


X = np.zeros((2, 3), np.float32)
ROWS = np.zeros((4, 3), np.float32)


@pytest.mark.parametrize(
    "f, error, message",
    [
        (lambda: ops.expand_dims(X, 4), ValueError, "expand_dims: axis 4 .* go from -3 to 2"),
        (lambda: ops.squeeze(X, 1), ValueError, "squeeze: axis 1 of shape .2, 3. has length 3"),
        (lambda: ops.swapaxes(X, 0, 2), ValueError, "swapaxes: axis 2"),
        (lambda: ops.moveaxis(X, -3, 0), ValueError, "moveaxis: axis -3"),
        (lambda: ops.sum_to(X, shape=(2, 2)), ValueError, "sum_to: .*does not broadcast to"),
        (lambda: ops.sum_to(X, shape=(1, 2, 3)), ValueError, "sum_to: .*does not broadcast to"),
        (lambda: ops.concatenate([]), ValueError, "concatenate: no arrays"),
        (
            lambda: ops.concatenate(X, X[:, :2], axis=0),
            ValueError,
            r"concatenate: shapes \(2, 3\), \(2, 2\) differ",
        ),
        (lambda: ops.concatenate(X, X, axis=2), ValueError, "concatenate: axis 2"),
        (lambda: ops.concatenate(X, X[0]), ValueError, "concatenate: shapes"),
        (lambda: ops.stack([]), ValueError, "stack: no arrays"),
        (lambda: ops.stack(X, X[:1]), ValueError, "stack: shapes .* must be one shape"),
        (
            lambda: ops.split(X, 2, 1),
            ValueError,
            "split: axis 1 of shape .* does not divide into 2",
        ),
        (lambda: ops.split(X, 0), ValueError, "split: .* into 0 equal parts"),
        (lambda: ops.split(X, [2, 1], 1), ValueError, r"split: indices \[2, 1\] .*increasing"),
        (lambda: ops.transpose(X, axes=(0,)), ValueError, "transpose: axes .* use swapaxes"),
        (lambda: ops.moveaxis(X, (0, 1), 0), ValueError, "moveaxis: .* must name as many axes"),
        (lambda: ops.expand_dims(X, (0, 0)), ValueError, "expand_dims: .* names one axis twice"),
        (lambda: ops.flatten(X, 1, 0), ValueError, "flatten: start_dim=1 comes after end_dim=0"),
        (lambda: ops.flatten(X, "F"), TypeError, "flatten: start_dim is 'F'; give an integer"),
        (lambda: ops.repeat(X, [1, 2, 3], 0), ValueError, "repeat: 3 numbers for axis 0 .* give 2"),
        (lambda: ops.repeat(X, -1, 0), ValueError, "repeat: repeats is -1; give integers, none of"),
        (lambda: ops.repeat(X, [1, -1], 0), ValueError, r"repeat: repeats is \[1, -1\]; give"),
        (lambda: ops.repeat(X, np.array([1.9, 1.9]), 0), ValueError, "repeat: repeats is array"),
        (lambda: ops.repeat(X, 2.0, 0), ValueError, "repeat: repeats is 2.0; give integers"),
        (lambda: ops.repeat(X, [[1, 2]], 0), ValueError, "repeat: 2 numbers for axis 0"),
        (lambda: ops.pad(X, -1), ValueError, "pad: pad_width -1 must .* slice"),
        (lambda: ops.pad(X, ((1, 1),) * 3), ValueError, "pad: pad_width .* fits no x of shape"),
        (
            lambda: ops.pad(X[None], (1, 2, 3, 4)),
            ValueError,
            r"; PyTorch's \(1, 2, 3, 4\) is \(\(0, 0\), \(3, 4\), \(1, 2\)\) here",
        ),
        (lambda: ops.pad(X, 1, "constant", (1, 2)), ValueError, "give one number for the whole"),
        (lambda: ops.pad(X, 1, value=1), TypeError, "PyTorch's value is constant_values here"),
        (
            lambda: ops.pad(X, ((0, 0), (0, 3)), "reflect"),
            ValueError,
            "pad: mode 'reflect' can make at most 2 .* axis 1",
        ),
        (
            lambda: ops.pad(X, ((3, 0), (0, 0)), "wrap"),
            ValueError,
            "pad: mode 'wrap' can make at most 2 .* axis 0",
        ),
        (lambda: ops.pad(X[:0], 1, "edge"), ValueError, "pad: mode 'edge' can make at most 0"),
        (
            lambda: ops.pad(X, 1, "mirror"),
            ValueError,
            "pad: mode 'mirror' is unknown; choose one of constant",
        ),
        (lambda: ops.pad(X, 1.5), ValueError, "pad: pad_width 1.5 .* integers"),
        (lambda: ops.roll(X, 1.5, 0), TypeError, "roll: shift is 1.5; give an integer, or a tuple"),
        (lambda: ops.roll(X, True, 0), TypeError, "roll: shift is True"),
        (lambda: ops.roll(X, shift=tensor(1)), TypeError, "roll: shift is a Tensor, but a setting"),
        (lambda: ops.tile(X, 1.5), TypeError, "tile: reps is 1.5; give an integer"),
        (lambda: ops.tile(X, (1, -1)), ValueError, r"tile: reps \[1, -1\] must not be negative"),
        (lambda: ops.split(X, 1.0), TypeError, "split: indices_or_sections is 1.0; give an"),
        (lambda: ops.split(X, [1.5]), TypeError, "split: an index is 1.5; give an integer"),
        (lambda: ops.split(X, True), TypeError, "split: indices_or_sections is True"),
        (lambda: ops.diagonal(X, 1.5), TypeError, "diagonal: offset is 1.5; give an integer"),
        (lambda: ops.tril(X, 1.5), TypeError, "tril: k is 1.5; give an integer"),
        (lambda: ops.triu(X, True), TypeError, "triu: k is True; give an integer"),
        (lambda: ops.round(X, np.float64), TypeError, "round: decimals .*; astype converts"),
        (lambda: ops.reshape(X, (4, 2)), ValueError, r"reshape: x \(2, 3\) .* product is 6"),
        (lambda: tensor(X).reshape(-1, "F"), TypeError, "reshape: .* are read in C order"),
        (
            lambda: ops.broadcast_to(X, 3),
            ValueError,
            "broadcast_to: .* not broadcast to the shape 3",
        ),
        (lambda: ops.concatenate([X, 2.5]), TypeError, r"concatenate: xs\[1\] is the number 2.5; "),
        (lambda: ops.concatenate([2.5, X]), TypeError, r"concatenate: xs\[0\] is the number 2.5; "),
        (lambda: ops.stack([tensor(1.0), 2.5]), TypeError, r"stack: xs\[1\] is the number 2.5; "),
        (lambda: ops.stack([2.5, X[0, 0]]), TypeError, r"stack: xs\[0\] is the number 2.5; "),
        (lambda: ops.concatenate(X), TypeError, r"concatenate: one array .* the parts list\(x\)"),
        (lambda: ops.stack(X, axis=1), TypeError, r"stack: one array .* a list of arrays, \[x\]"),
        (lambda: ops.stack(tensor(X)), TypeError, "stack: one array was given"),
        (lambda: ops.squeeze(X, 1.0), TypeError, "squeeze: axis is 1.0; give an integer"),
        (lambda: ops.sum(X, "rows"), TypeError, "sum: axis is 'rows'; give an integer"),
        (lambda: ops.astype(X, object), TypeError, "astype: a Tensor does not hold object"),
        (lambda: tensor(X).astype("complex64"), TypeError, "astype: .* does not hold complex64"),
        (lambda: ops.getitem(X, np.array([0, 2])), IndexError, "index 2 is out of bounds"),
        (lambda: tensor(X)[-3], IndexError, "out of bounds"),
        (
            lambda: ops.getitem(X, np.array([0.0])),
            IndexError,
            "getitem: an index array must hold integers or booleans, not float64",
        ),
        (lambda: ops.getitem(X, [0.5]), IndexError, "getitem: an index array"),
        (lambda: ops.getitem(X, [True]), IndexError, "boolean"),
        (lambda: ops.add_at(ROWS, np.array([0, 9]), X), IndexError, "out of bounds"),
        (lambda: ops.add_at(ROWS, np.array([0, -5]), X), IndexError, "out of bounds"),
        (
            lambda: ops.add_at(ROWS, np.array([0, 1, 2]), X),
            ValueError,
            "add_at: .* x .4, 3. names elements in the shape .3, 3., to which values .2, 3. do not",
        ),
        (
            lambda: ops.add_at(np.zeros(2, int), [0], 1.7),
            TypeError,
            "add_at: x is int64, .*float64",
        ),
        (lambda: ops.add_at(np.zeros(2, int), [0], [1.7]), TypeError, "add_at: .* convert x"),
        (
            lambda: ops.add_at(np.zeros(2, int), [0], np.array([1.7])),
            TypeError,
            "add_at: x is int64",
        ),
        (lambda: ops.add_at(np.zeros(2, bool), [0], 2), TypeError, "add_at: x is bool"),
        (lambda: ops.add_at(np.zeros(2), [0], None), TypeError, "add_at: .* sums, object"),
        (
            lambda: ops.take_along_axis(X, np.array([0]), 1),
            ValueError,
            "take_along_axis: indices are int64 .1,.; x .2, 3. needs integers with 2 axes",
        ),
        (
            lambda: ops.take_along_axis(X, np.array([[0.0]]), 1),
            ValueError,
            "take_along_axis: indices are float64",
        ),
        (lambda: ops.take_along_axis(X, np.array([[3]]), 1), IndexError, "out of bounds"),
        (
            lambda: ops.embedding(np.array([0, 2]), X),
            IndexError,
            "embedding: indices run from 0 to 2; there are 2 rows of weight",
        ),
        (lambda: ops.embedding(np.array([-1]), X), IndexError, "embedding: indices run from -1"),
        (
            lambda: ops.embedding(np.array([0]), X, 2),
            ValueError,
            "embedding: padding_idx=2 is no row of weight",
        ),
        (
            lambda: ops.embedding(np.array([0.0]), X),
            TypeError,
            "embedding: indices must be an array of integers, not float64",
        ),
        (
            lambda: ops.embedding(3, X),
            TypeError,
            "embedding: indices must be an array of integers, not int",
        ),
        (
            lambda: ops.embedding(np.array([0]), X[0]),
            ValueError,
            "embedding: weight has shape .3,.",
        ),
        (
            lambda: ops.one_hot(np.array([0, 5]), 5),
            IndexError,
            "one_hot: indices run from 0 to 5; there are 5 classes",
        ),
        (
            lambda: ops.one_hot(np.zeros(0, int)),
            ValueError,
            "one_hot: .* empty .* give num_classes",
        ),
        (lambda: ops.one_hot(np.array([1]), 2.5), TypeError, "one_hot: num_classes is 2.5; give"),
        (
            lambda: ops.embedding(np.array([1]), X, True),
            TypeError,
            "embedding: padding_idx is True",
        ),
        (lambda: ops.one_hot(np.array([1]), -2), ValueError, "one_hot: num_classes=-2; give"),
        (lambda: ops.one_hot(np.array([-1]), 5), IndexError, "one_hot: indices run from -1"),
        (
            lambda: ops.one_hot(np.array([1.0]), 5),
            TypeError,
            "one_hot: indices must be an array of integers",
        ),
    ],
)
def test_errors_teach(f, error, message):
    with pytest.raises(error, match=message):
        f()


@pytest.mark.parametrize(
    "name, arguments",
    [
        *[(name, ()) for name in ("cumprod", "flatten", "prod", "ravel", "sort", "squeeze")],
        *[(name, (1,)) for name in ("expand_dims", "pad", "repeat", "split", "tile")],
        *[(name, (np.ones(2),)) for name in ("outer", "solve")],
        *[("add_at", (0, 1)), ("take_along_axis", (np.array([0]), 0)), ("diagonal", ())],
        *[("trace", ()), ("cholesky", ()), ("logdet", ())],
    ],
)
def test_a_list_is_no_array(name, arguments):
    with pytest.raises(TypeError, match="is a list.*tinygen.tensor"):
        getattr(ops, name)([[1.0]], *arguments)


def test_index_arrays_of_a_narrow_dtype_reach_all_rows():
    x, i = tensor(np.zeros((300, 2)), requires_grad=True), np.array([-1, 2, 2], np.int8)
    g = grad(x[i].sum(), x)[0].data
    assert g[299].tolist() == [1, 1] and g[2].tolist() == [2, 2] and g.sum() == 6


@pytest.mark.cpu_only
def test_channels_last_changes_the_memory_order_alone():
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    y = ops.channels_last(x)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous and (y == x).all()
    assert np.shares_memory(ops.channels_last(y), y)
