"""Operators and methods of `Tensor`: with numbers and arrays, comparisons, indexing, errors."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from tinygen import Tensor, grad, ops, primitive, tensor


def float32(*shape):
    """Return a float32 leaf with values from 0.5 to 2."""
    values = np.linspace(0.5, 2, int(np.prod(shape)), dtype=np.float32)
    return tensor(values.reshape(shape), requires_grad=True)


NUMBERS = [2, 2.5, True, np.sqrt(2.0), np.float64(2), np.float32(2), np.int64(3)]
OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{type(n).__name__}")
def test_numbers_on_either_side_keep_float32(symbol, number):
    f, x = OPERATORS[symbol], float32(2, 3)
    for y, expected in [
        (f(x, number), f(x.data, float(number))),
        (f(number, x), f(float(number), x.data)),
    ]:
        assert type(y) is Tensor and y.dtype == expected.dtype and y.dtype in (np.float32, bool)
        np.testing.assert_allclose(y.data, expected, rtol=1e-6)
        if y.dtype != bool:
            assert grad(y.sum(), x).dtype == np.float32


@pytest.mark.parametrize("symbol", OPERATORS)
def test_arrays_on_either_side_give_tensors(symbol):
    f, x, a = OPERATORS[symbol], float32(2, 3), np.full((2, 3), 1.5, np.float32)
    for y, expected in [(f(x, a), f(x.data, a)), (f(a, x), f(a, x.data))]:
        assert type(y) is Tensor and y.shape == (2, 3)
        np.testing.assert_allclose(y.data, expected, rtol=1e-6)


def test_matmul_takes_arrays_on_either_side():
    x, a = float32(2, 3), np.ones((3, 4), np.float32)
    np.testing.assert_allclose((x @ a).data, x.data @ a, rtol=1e-6)
    np.testing.assert_allclose((a.T @ x.T).data, a.T @ x.data.T, rtol=1e-6)
    assert type(a.T @ x.T) is Tensor


def test_unary_operators():
    x = tensor(np.array([-1.0, 2.0]), requires_grad=True)
    assert (-x).data.tolist() == [1, -2] and abs(x).data.tolist() == [1, 2] and (+x) is x


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + [1.0, 2.0],
        lambda x: [1.0, 2.0] * x,
        lambda x: x == [1.0, 2.0],
        lambda x: x - "1",
        lambda x: x * 1j,
    ],
)
def test_operands_that_are_no_arrays_are_refused(f):
    with pytest.raises(
        TypeError, match="argument . is a (list|str|complex); give a Tensor, an array or a number"
    ):
        f(float32(2))


def test_numpy_functions_refuse_a_tensor():
    x = float32(2)
    with pytest.raises(TypeError, match="numpy()"):
        np.asarray(x)
    with pytest.raises(TypeError, match=r"use tinygen\.ops\.exp\(tensor\)"):
        np.exp(x)
    with pytest.raises(TypeError, match=r"use tinygen\.ops\.abs\(tensor\)"):
        np.abs(x)
    with pytest.raises(TypeError, match=r"use tinygen\.ops\.stack"):
        np.stack([x, x])
    with pytest.raises(TypeError, match="tinygen.ops has no cbrt"):
        np.cbrt(x)
    with pytest.raises(TypeError, match=r"np\.add does not take a Tensor"):
        np.add(x, np.ones(2))
    with pytest.raises(TypeError, match="np.add"):
        np.add.reduce(x)


def test_a_numpy_function_in_a_rule_says_what_to_use():
    @primitive
    def negated_cosine(x):
        return -np.cos(x)

    negated_cosine.vjp(x=lambda g, x: g * np.sin(x))
    x = float32(2)
    gradient = grad(negated_cosine(x).sum(), x, retain_graph=True)  # arrays: no Tensor is met
    np.testing.assert_array_equal(gradient.numpy(), np.sin(x.data))
    with pytest.raises(TypeError, match=r"use tinygen\.ops\.sin\(tensor\)"):
        grad(negated_cosine(x).sum(), x, create_graph=True)


@pytest.mark.parametrize("left", [np.float32([2, 5]), np.float64(3), 2.0], ids=repr)
@pytest.mark.parametrize("symbol", OPERATORS)
def test_an_operator_with_an_array_on_the_left_is_the_tensors(left, symbol):
    compute = OPERATORS[symbol]
    x = tensor([4.0, 3.0], requires_grad=True)
    y = compute(left, x)
    assert type(y) is Tensor
    np.testing.assert_allclose(y.numpy(), compute(left, x.numpy()), rtol=1e-6)


def test_in_place_forms_rebind_and_never_write():
    x = float32(2)
    assert not hasattr(Tensor, "__iadd__") and not hasattr(Tensor, "__imul__")
    before, y = x.data.copy(), x
    y += 1
    y *= 3
    assert y is not x and np.array_equal(x.data, before)
    assert grad(y.sum(), x).data.tolist() == [3, 3]
    a = np.ones(2, np.float32)
    with pytest.raises(TypeError):
        a += x  # NumPy would have to write a Tensor into the array's memory
    assert a.tolist() == [1, 1]


# -------------------------------------------------------------------------------------- comparisons


def test_comparisons_are_constants():
    x = tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
    mask = (x > 1) & ~(x == 3) | (x < 0)
    assert mask.dtype == bool and not mask.requires_grad
    assert mask.data.tolist() == [False, True, False]
    assert grad((x * mask).sum(), x).data.tolist() == [0, 1, 0]


def test_a_tensor_is_a_dictionary_key_by_identity():
    x, y = tensor([1.0, 2.0]), tensor([1.0, 2.0])
    assert {x: 1, y: 2}[y] == 2 and hash(x) != hash(y) and (x == y).data.all()


def test_comparison_with_none_is_by_identity():
    x = tensor([1.0, 2.0])
    none = None  # a name, because linters replace `== None` by `is None`
    assert (x == none) is False and (x != none) is True


# ------------------------------------------------------------------------------- Python's protocols


def test_one_element_converts_to_a_python_number():
    x = tensor([2.5], requires_grad=True)
    assert bool(x) and float(x) == 2.5 and int(x) == 2
    assert x.item() == 2.5 and type(x.item()) is float
    assert not bool(tensor(0.0)) and tensor(np.array(3)).item() == 3
    for f in (bool, float):
        with pytest.raises((ValueError, TypeError)):
            f(tensor([1.0, 2.0]))


def test_a_tensor_has_a_length_and_iterates_over_rows():
    x = float32(3, 2)
    rows = list(x)
    assert len(x) == len(rows) == 3 and all(type(r) is Tensor and r.shape == (2,) for r in rows)
    _, second, _ = x
    assert grad((second * 2).sum(), x).data.tolist() == [[0, 0], [2, 2], [0, 0]]
    for f in (len, list):
        with pytest.raises(TypeError, match="0-d|unsized"):
            f(tensor(1.0))


def test_indexing_and_its_gradient_agree_with_numpy():
    x = float32(4, 3)
    for index in [
        0,
        -1,
        slice(1, 3),
        (slice(None, None, 2), 1),
        (..., 0),
        None,
        (None, 1, None),
        [0, 2],
        np.array([3, 3]),
        x.data > 1,
        (np.array([0, 1]), np.array([2, 0])),
    ]:
        assert np.array_equal(x[index].data, x.data[index])
        expected = np.zeros((4, 3))
        np.add.at(expected, index, 1)
        assert np.array_equal(grad(x[index].sum(), x).data, expected)
    assert np.array_equal(x[x > 1].data, x.data[x.data > 1]), "the mask may be a Tensor"


def test_repr_shows_values_dtype_and_origin():
    x = float32(2)
    assert repr(x) == "tensor([0.5, 2. ], dtype=float32, requires_grad=True)"
    assert repr(x * 2) == "tensor([1., 4.], dtype=float32, op=multiply)"
    assert repr(x.detach()) == "tensor([0.5, 2. ], dtype=float32)"
    assert repr(tensor(np.array(1.5))) == "tensor(1.5)"


# ------------------------------------------------------------------------------------------ methods


def test_methods_call_the_functions():
    x = float32(2, 3)
    a = x.data
    for y, expected in [
        (x.sum(), a.sum()),
        (x.sum(axis=0), a.sum(0)),
        (x.sum(1, keepdims=True), a.sum(1, keepdims=True)),
        (x.mean(axis=(0, 1)), a.mean()),
        (x.var(axis=1), a.var(1)),
        (x.var(axis=1, ddof=1), a.var(1, ddof=1)),
        (x.max(axis=0), a.max(0)),
        (x.min(), a.min()),
        (x.exp(), np.exp(a)),
        (x.log(), np.log(a)),
        (x.sqrt(), np.sqrt(a)),
        (x.tanh(), np.tanh(a)),
        (x.clip(1, 1.5), a.clip(1, 1.5)),
        (x.reshape(3, 2), a.reshape(3, 2)),
        (x.reshape((3, -1)), a.reshape(3, 2)),
        (x.reshape(-1), a.ravel()),
        (x.transpose(1, 0), a.T),
        (x.transpose((1, 0)), a.T),
        (x.transpose(), a.T),
        (x.T, a.T),
        (x[:, None].squeeze(1), a),
    ]:
        assert type(y) is Tensor and y.requires_grad
        assert y.shape == np.shape(expected) and y.dtype == np.float32
        np.testing.assert_allclose(y.data, expected, rtol=1e-6)


def test_astype_is_differentiable_between_floats_only():
    x = float32(3)
    y = x.astype(np.float64)
    assert y.dtype == np.float64 and grad((y * 2).sum(), x).dtype == np.float32
    n = x.astype(np.int64)
    assert n.dtype == np.int64 and not n.requires_grad


def test_numpy_returns_a_copy():
    x = float32(3)
    a = x.numpy()
    a[:] = 0
    assert type(a) is np.ndarray and x.data.tolist() != [0, 0, 0]


def test_to_returns_a_constant():
    x = float32(3)
    y = x.to("cpu")
    assert not y.requires_grad and np.array_equal(y.data, x.data)
    with pytest.raises(ValueError, match="unknown device"):
        x.to("tpu")
    assert ops.add(x, y).requires_grad


def test_methods_are_named_after_tensor():
    assert Tensor.sum.__qualname__ == "Tensor.sum"
    assert Tensor.__add__.__qualname__ == "Tensor.__add__"


def test_a_copy_shares_no_memory_and_a_format_shows_the_number():
    x = tensor(np.array(1.23456), requires_grad=True)
    assert f"{x:.2f}" == f"{x * 1:.2f}" == "1.23" and f"{x}" == str(x)
    y = copy.copy(x)
    y[...] = 5.0
    assert y.requires_grad and x.item() == 1.23456
    with pytest.raises(TypeError, match="a result of multiply"):
        copy.copy(x * 2)
