"""How a function and its rules become a primitive, and what a call saves."""

from __future__ import annotations

import numpy as np
import pytest

import tinygen
from tests.autograd.helpers import leaf
from tinygen import check_grads, detect_nan, grad, no_grad, ops, primitive, tensor
from tinygen.autograd.primitive import Primitive


def test_several_outputs_of_which_some_are_unused():
    @primitive(outputs=("double", "triple"))
    def both(x):
        return 2 * x, 3 * x

    both.vjp(x=lambda g: 2.0 * g[0] + 3.0 * g[1])
    x = leaf([1.0, 2.0])
    double, triple = both(x)
    np.testing.assert_array_equal(grad((triple * triple).sum(), x).numpy(), [18, 36])
    check_grads(lambda x: both(x), np.ones(3))


def test_variadic_and_joint_rules():
    @primitive
    def product_of_all(*xs):
        y = xs[0]
        for x in xs[1:]:
            y = y * x
        return y

    def others(g, which, xs):
        for i, x in enumerate(xs):
            g = g if i == which else g * x
        return g

    product_of_all.vjp(xs=others)
    check_grads(
        lambda a, b, c: product_of_all(a, b, c),
        *np.random.default_rng(0).normal(size=(3, 4)),
        order=3,
    )
    assert product_of_all([2.0 * np.ones(1), 3.0 * np.ones(1)]).tolist() == [6.0]

    @primitive
    def times(a, b):
        return a * b

    @times.vjp_joint("a", "b")
    def _(g, needs, a, b):
        return g * b if needs[0] else None, g * a if needs[1] else None

    check_grads(times, np.ones(3), 2 * np.ones(3))
    b = leaf([1.0, 2.0])
    np.testing.assert_array_equal(grad(times(3 * np.ones(2), b).sum(), b).numpy(), [3, 3])


def test_a_joint_rule_that_is_wrong_for_some_needs_is_found():
    @primitive
    def times(a, b):
        return a * b

    @times.vjp_joint("a", "b")
    def _(g, needs, a, b):
        return (g * b if all(needs) else 7 * g), g * a

    with pytest.raises(AssertionError, match="all other arguments are constants"):
        check_grads(times, np.ones(3), 2 * np.ones(3))


def test_a_missing_rule_says_so():
    @primitive
    def half_differentiable(a, b):
        return a * b

    half_differentiable.vjp(a=lambda g, b: g * b)
    x = leaf([1.0])
    assert grad(half_differentiable(x, 3 * np.ones(1)), x).item() == 3.0
    with pytest.raises(TypeError, match="no rule for its argument 'b'"):
        half_differentiable(leaf([1.0]), leaf([1.0]))
    with pytest.raises(TypeError, match="no argument c"):
        half_differentiable.vjp(c=lambda g: g)
    with pytest.raises(TypeError, match="y names an input and an output"):
        primitive(lambda x, y: x)
    half_differentiable.vjp(b=lambda g, nonsense: g)
    with pytest.raises(TypeError, match="asks for 'nonsense'"):
        half_differentiable(leaf([1.0]), leaf([1.0]))


def test_a_rule_of_the_wrong_shape_says_so():
    @primitive
    def total(x):
        return x.sum()

    total.vjp(x=lambda g: g)  # forgets to spread g over x
    with pytest.raises(
        ValueError, match=r"rule of total returned shape \(\) for an argument of shape \(3,\)"
    ):
        total(leaf(np.ones(3))).backward()


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match="argument 1 is a list"):
        ops.add(leaf([1.0]), [1.0])
    with pytest.raises(TypeError, match="argument 1 is a str"):
        leaf([1.0]) + "one"
    with pytest.raises(TypeError, match="missing b"):
        ops.add(np.ones(1))
    with pytest.raises(TypeError, match="unknown axes"):
        ops.sum(leaf([1.0]), axes=0)


def test_what_is_kept_is_what_a_rule_names():
    x = leaf(np.ones(1000))
    y = x + 1.0
    assert y._edge[0].saved == {}
    y = x * tensor(np.full(1000, 2.0))
    assert set(y._edge[0].saved) == {"b"}  # only x is tracked, and its rule asks for b
    with no_grad():
        assert (x * x)._edge is None


def test_settings_of_a_plan_are_those_of_the_call():
    """The calls of a primitive share its plan, and not their settings, shapes and arguments."""
    x = leaf(np.ones((2, 3)))
    a, b = ops.sum(x, axis=0), ops.sum(x, axis=1, keepdims=True)
    assert grad((a * a).sum(), x).shape == grad((b * b).sum(), x).shape == (2, 3)


def test_primitives_carry_their_docstring_and_signature():
    assert isinstance(ops.exp, Primitive) and "Math" in (ops.conv2d.__doc__ or "")
    assert tinygen.ops.exp.__name__ == "exp"


def test_a_forward_that_returns_its_argument_shares_its_writes():
    @primitive
    def same(x):
        return x

    same.vjp(x=lambda g: g)
    x = leaf([1.0, 2.0])
    y = same(x)
    z = (y * y).sum()
    x[0] = 5.0
    with pytest.raises(RuntimeError, match="written in place"):
        grad(z, x)


def test_nan_mode_names_the_op_where_the_first_nan_rose():
    x = leaf([-1.0, 4.0])
    with np.errstate(invalid="ignore", divide="ignore"):
        with detect_nan(), pytest.raises(FloatingPointError, match="sqrt"):
            ops.exp(ops.sqrt(x) + 1.0)
        assert np.isnan(ops.sqrt(x).numpy()[0])  # and without the mode nothing is said
        z = leaf([0.0, 4.0])
        with detect_nan(), pytest.raises(FloatingPointError, match="rule of sqrt"):
            grad((ops.sqrt(z) * np.zeros(2)).sum(), z)  # 0 / (2 sqrt(0))
