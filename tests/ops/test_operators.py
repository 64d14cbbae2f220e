"""Operators and methods of `Tensor`: with numbers and arrays, comparisons, indexing, errors."""

from __future__ import annotations

import copy
import operator

import numpy as np
import pytest

from tinygen import Tensor, grad, no_grad, ops, primitive, tensor


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
            assert grad(y.sum(), x)[0].dtype == np.float32


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
    (gradient,) = grad(negated_cosine(x).sum(), x, retain_graph=True)  # arrays: no Tensor is met
    np.testing.assert_allclose(gradient.numpy(), np.sin(x.data), rtol=1e-6)
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


IN_PLACE = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
}


@pytest.mark.parametrize("symbol", IN_PLACE)
def test_in_place_operators_write_into_constants_and_without_recording(symbol):
    f = IN_PLACE[symbol]
    for x in (float32(3).detach(), float32(3)):
        before, version, expected = x, x.version, f(x.numpy(), np.float32(2))
        with no_grad():
            x = f(x, 2)
        assert x is before and x.version > version and x.dtype == np.float32
        np.testing.assert_array_equal(x.data, expected)


@pytest.mark.parametrize("symbol", IN_PLACE)
def test_in_place_operators_refuse_a_leaf_that_requires_a_gradient(symbol):
    x = float32(3)
    with pytest.raises(ValueError, match="x is a leaf that requires a gradient.*no_grad"):
        IN_PLACE[symbol](x, 2)
    assert x.version == 0


def test_in_place_operators_on_recorded_values_make_new_tensors():
    x = float32(2)
    before = x.data.copy()
    y = first = x * 1
    y += 1
    y *= 3
    assert y is not first and np.array_equal(x.data, before)
    total = tensor(0.0)
    total += y.sum()
    assert grad(total, x)[0].data.tolist() == [3, 3]


def test_in_place_operators_refuse_what_does_not_fit_and_results_of_a_graph():
    x, n = float32(2).detach(), tensor([1, 2])
    for f, message in [
        (lambda: IN_PLACE["+="](x, np.ones((3, 2), np.float32)), r"float32 \(3, 2\) does not fit"),
        (lambda: IN_PLACE["+="](n, 0.5), r"the result float64 \(2,\) does not fit into x int64"),
        (lambda: IN_PLACE["/="](n, 2), "does not fit into x int64"),
    ]:
        with pytest.raises(ValueError, match=message):
            f()
    y = float32(2) * 2
    with no_grad(), pytest.raises(ValueError, match="cannot write into a result of multiply"):
        y += 1


def test_a_step_of_an_optimizer_by_hand():
    """A step under no_grad writes into the parameter, and a backward pass through it is stale."""
    w = float32(2)
    loss = (w * w).sum()
    (g,) = grad(loss, w, retain_graph=True)
    with no_grad():
        w -= 0.5 * g
    assert w.requires_grad and w.data.tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="written in place"):
        grad(loss, w)


def test_a_raw_array_takes_no_tensor_in_place():
    a = np.ones(2, np.float32)
    with pytest.raises(TypeError, match=r"np.add does not write .* p.data -= lr \* p.grad.data"):
        a += float32(2)  # NumPy would have to write a Tensor into the array's memory
    assert a.tolist() == [1, 1]


def test_writes_at_an_index():
    x = tensor(np.zeros((3, 2)))
    x[0] += 1
    x[x == 0] = 5
    x[tensor(np.array([2])), 1] = 7
    assert x.tolist() == [[1, 1], [5, 5], [5, 7]]
    w = float32(3)
    with pytest.raises(ValueError, match="cannot write|in-place write"):
        w[0] += 1
    with no_grad():
        w[0] += 1
    assert w.data[0] == 1.5


@pytest.mark.parametrize("f", [operator.floordiv, operator.mod, divmod])
def test_division_with_a_remainder(f):
    x, a = float32(4), np.full(4, 0.7, np.float32)
    for y, expected in [
        (f(x, 0.7), f(x.data, np.float32(0.7))),
        (f(0.7, x), f(np.float32(0.7), x.data)),
        (f(x, a), f(x.data, a)),
        (f(a, x), f(a, x.data)),
    ]:
        y = [part.data for part in (y if isinstance(y, tuple) else (y,))]
        np.testing.assert_array_equal(y, expected if f is divmod else [expected])


def test_operators_on_bits():
    a, b = np.array([True, True, False]), np.array([True, False, False])
    x, y = tensor(a), tensor(b)
    for f in (operator.and_, operator.or_, operator.xor):
        for z in (f(x, y), f(a, y), f(x, b)):
            assert z.tolist() == f(a, b).tolist() and z.dtype == bool
    assert (~x).tolist() == [False, False, True]
    n = tensor([6, 5])
    assert (n & 3).tolist() == [2, 1] and (~n).tolist() == [-7, -6]
    for f in (lambda: float32(2) & x, lambda: ~float32(2)):
        with pytest.raises(TypeError, match="booleans or integers; compare floating point first"):
            f()


# -------------------------------------------------------------------------------------- comparisons


def test_comparisons_are_constants():
    x = tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
    mask = (x > 1) & ~(x == 3) | (x < 0)
    assert mask.dtype == bool and not mask.requires_grad
    assert mask.data.tolist() == [False, True, False]
    assert grad((x * mask).sum(), x)[0].data.tolist() == [0, 1, 0]


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
    with pytest.raises(ValueError, match=r"a tensor of shape \(2,\) .* use .any\(\) or .all\(\)"):
        bool(tensor([1.0, 2.0]))
    for f in (float, int):
        with pytest.raises(ValueError, match=r"item: a tensor of shape \(2,\) is not one number"):
            f(tensor([1.0, 2.0]))


def test_an_integer_tensor_is_an_index():
    values = ["a", "b", "c"]
    assert values[tensor(2)] == "c" and list(range(tensor(2))) == [0, 1]
    for t in (tensor(1.0), tensor([1])):
        with pytest.raises(TypeError, match="is no index"):
            values[t]


def test_membership_and_reversal():
    x = float32(2, 3)
    assert 0.5 in x and 0.6 not in x
    assert [row.data[0] for row in reversed(x)] == [x.data[1, 0], x.data[0, 0]]


def test_a_tensor_has_a_length_and_iterates_over_rows():
    x = float32(3, 2)
    rows = list(x)
    assert len(x) == len(rows) == 3 and all(type(r) is Tensor and r.shape == (2,) for r in rows)
    _, second, _ = x
    assert grad((second * 2).sum(), x)[0].data.tolist() == [[0, 0], [2, 2], [0, 0]]
    for f in (len, list):
        with pytest.raises(TypeError, match="without axes has no length"):
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
        assert np.array_equal(grad(x[index].sum(), x)[0].data, expected)
    assert np.array_equal(x[x > 1].data, x.data[x.data > 1]), "the mask may be a Tensor"


@pytest.mark.cpu_only
def test_repr_shows_values_dtype_and_origin():
    x = float32(2)
    assert repr(x) == "tensor([0.5, 2. ], dtype=float32, requires_grad=True)"
    assert repr(x * 2) == "tensor([1., 4.], dtype=float32, op=multiply)"
    assert repr(x[:1]) == "tensor([0.5], dtype=float32, op=getitem)"
    assert repr(ops.gelu(x)[:0]) == "tensor([], dtype=float32, op=getitem)"
    assert "op=power" in repr(x**2) and "op=power" in repr(2**x)
    assert repr(x.detach()) == "tensor([0.5, 2. ], dtype=float32)"
    assert repr(tensor(np.array(1.5))) == "tensor(1.5)"


def test_methods_are_named_after_tensor():
    assert Tensor.reshape.__qualname__ == "Tensor.reshape"
    assert Tensor.__add__.__qualname__ == "Tensor.__add__"
    assert ops.flatten.__qualname__ == "flatten"


def test_a_copy_shares_no_memory_and_a_format_shows_the_number():
    x = tensor(np.array(1.23456), requires_grad=True)
    assert f"{x:.2f}" == f"{x * 1:.2f}" == "1.23" and f"{x}" == str(x)
    y = copy.copy(x)
    y[...] = 5.0
    assert y.requires_grad and x.item() == 1.23456
    with pytest.raises(TypeError, match="a result of multiply"):
        copy.copy(x * 2)
