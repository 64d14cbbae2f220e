"""Functions whose gradient is declared: stop_gradient, straight_through, reverse_gradient."""

from __future__ import annotations

import pytest

from tinygen import Tensor, grad, ops, tensor


def test_stop_gradient_makes_a_constant():
    x = tensor([2.0, 3.0], requires_grad=True)
    y = ops.stop_gradient(x)
    assert not y.requires_grad and y.data.tolist() == [2, 3]
    assert grad((x * ops.stop_gradient(x)).sum(), x)[0].data.tolist() == [2, 3], (
        "it would be 2 x without stop_gradient"
    )
    assert not isinstance(ops.stop_gradient(x.data), Tensor)


def test_straight_through_has_the_values_of_one_and_the_gradient_of_the_other():
    x, codes = tensor([0.4, 1.7], requires_grad=True), tensor([0.0, 2.0], requires_grad=True)
    y = ops.straight_through(x, codes)
    assert y.data.tolist() == [0, 2]
    assert grad((y * y).sum(), x)[0].data.tolist() == [0, 4], "2 y, as if y were x"
    with pytest.raises(ValueError, match="do not depend"):
        grad(ops.straight_through(x, codes).sum(), codes)
    with pytest.raises(ValueError, match=r"straight_through: x \(2,\) and y \(1,\)"):
        ops.straight_through(x, codes[:1])


def test_reverse_gradient_changes_the_sign_of_the_gradient():
    x = tensor([2.0, 3.0], requires_grad=True)
    y = ops.reverse_gradient(x, scale=0.5)
    assert y.data.tolist() == [2, 3] and grad((y * y).sum(), x)[0].data.tolist() == [-2, -3]
    assert grad(ops.reverse_gradient(x).sum(), x)[0].data.tolist() == [-1, -1]


@pytest.mark.parametrize(
    "f", [ops.stop_gradient, ops.reverse_gradient, lambda x: ops.straight_through(x * 1, x)]
)
def test_a_write_to_an_argument_is_a_write_to_the_result(f):
    """The result shares the argument's memory, so a stale value is an error."""
    x, w = tensor([2.0, 3.0], requires_grad=True), tensor([1.0, 1.0], requires_grad=True)
    y = (f(x) * w).sum()
    x[0] = 7.0
    with pytest.raises(RuntimeError, match="written in place"):
        grad(y, w)
