"""Functions whose results are constants: comparisons, logic, rounding, the order along an axis."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import Tensor, grad, ops, tensor

A = np.array([[1.5, -2.5, 0.0], [np.nan, np.inf, 2.0]])
B = np.array([[1.5, 2.0, -1.0], [1.0, np.inf, -0.5]])
CALLS = {
    **dict.fromkeys(["equal", "not_equal", "less", "less_equal", "greater"], (A, B)),
    **dict.fromkeys(["greater_equal", "logical_and", "logical_or", "logical_xor"], (A, B)),
    **dict.fromkeys(["logical_not", "isnan", "isinf", "isfinite", "any", "all"], (A,)),
    **dict.fromkeys(["floor", "ceil", "round", "sign"], (A,)),
    **dict.fromkeys(["argmax", "argmin", "argsort"], (B,)),
    "floor_divide": (A[:1], B[:1]),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_those_of_numpy_and_constants(cupy, name):
    arrays = CALLS[name]
    expected = getattr(np, name)(*arrays)
    y = getattr(ops, name)(*arrays)
    np.testing.assert_array_equal(y, expected)
    t = getattr(ops, name)(*(tensor(a, requires_grad=True) for a in arrays))
    assert type(t) is Tensor and not t.requires_grad and t.dtype == np.asarray(expected).dtype
    on_gpu = getattr(ops, name)(*map(cupy.asarray, arrays))
    np.testing.assert_array_equal(on_gpu.get(), expected)


@pytest.mark.parametrize("name", ["any", "all", "argmax", "argmin"])
def test_axes_and_keepdims_as_in_numpy(name):
    for settings in ({"axis": 1}, {"axis": 0, "keepdims": True}, {"keepdims": True}):
        y = getattr(ops, name)(B, **settings)
        np.testing.assert_array_equal(y, getattr(np, name)(B, **settings))
    assert ops.any(B > 0, (0, 1)).item() is True


def test_round_takes_decimals_and_argsort_keeps_the_order_of_equals():
    assert ops.round(np.array([0.125, 0.135]), 2).tolist() == [0.12, 0.14]
    assert ops.argsort(np.array([1, 0, 1, 0])).tolist() == [1, 3, 0, 2]
    assert ops.argsort(np.array([1, 0, 1, 0]), descending=True).tolist() == [0, 2, 1, 3]
    assert ops.argsort(np.array([[1, 0], [2, 3]]), None).tolist() == [1, 0, 2, 3]


@pytest.mark.parametrize("f", [ops.argsort, lambda x: ops.cumsum(x, 0), ops.sort])
def test_a_number_has_no_axis(f):
    with pytest.raises(ValueError, match="out of bounds for ndim=0"):
        f(np.array(1.0))


def test_the_gradient_of_a_sort_returns_to_the_place_of_each_value():
    x = tensor(np.array([[3.0, 1.0, 2.0]]), requires_grad=True)
    y = ops.sort(x)
    assert y.data.tolist() == [[1, 2, 3]]
    assert grad(y, x, np.array([[10.0, 20.0, 30.0]]))[0].data.tolist() == [[30, 10, 20]]


def test_a_rounded_value_passes_a_gradient_by_the_straight_through_estimator():
    x = tensor(np.array([0.4, 1.6]), requires_grad=True)
    y = ops.straight_through(x, ops.round(x))
    assert y.data.tolist() == [0, 2] and grad(y.sum(), x)[0].data.tolist() == [1, 1]
