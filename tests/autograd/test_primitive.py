"""How a function and its rules become a primitive, and what a call saves."""

from __future__ import annotations

import inspect
import pydoc

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
    np.testing.assert_array_equal(grad((triple * triple).sum(), x)[0].numpy(), [18, 36])
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
    np.testing.assert_array_equal(grad(times(3 * np.ones(2), b).sum(), b)[0].numpy(), [3, 3])


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
    assert grad(half_differentiable(x, 3 * np.ones(1)), x)[0].item() == 3.0
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
    with pytest.raises(TypeError, match="argument 1 is a list; .* tinygen.tensor.data. makes"):
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
    assert grad((a * a).sum(), x)[0].shape == grad((b * b).sum(), x)[0].shape == (2, 3)


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


# ------------------------------------------------------------------------- rules that are set again


def test_a_rule_that_is_set_again_is_used():
    @primitive
    def double(x):
        return 2 * x

    double.vjp(x=lambda g: 3 * g)
    x = leaf([1.0, 2.0])
    recorded = double(x).sum()
    with pytest.raises(AssertionError, match="analytic"):
        check_grads(double, np.ones(2))
    double.vjp(x=lambda g: 2 * g)
    check_grads(double, np.ones(2))
    np.testing.assert_array_equal(grad(double(x).sum(), x)[0].numpy(), [2, 2])
    np.testing.assert_array_equal(grad(recorded, x)[0].numpy(), [3, 3])  # as it was recorded


def test_a_joint_rule_that_is_set_again_is_used():
    @primitive
    def times(a, b):
        return a * b

    times.vjp(a=lambda g, b: g * b, b=lambda g, a: g * a)
    check_grads(times, np.ones(2), 2 * np.ones(2))
    times.vjp_joint("a", "b")(lambda g, needs, a, b: (g * a, g * b))
    with pytest.raises(AssertionError, match="analytic"):
        check_grads(times, np.ones(2), 2 * np.ones(2))
    with pytest.raises(TypeError, match=r"b has the joint rule of \(a, b\); set that one again"):
        times.vjp(b=lambda g, a: g * a)
    times.vjp_joint("a", "b")(lambda g, needs, a, b: (g * b, g * a))
    check_grads(times, np.ones(2), 2 * np.ones(2))


def test_a_rule_of_an_unknown_argument_is_refused():
    @primitive
    def double(x):
        return 2 * x

    with pytest.raises(TypeError, match="double.vjp: no argument y; it has x"):
        double.vjp(y=lambda g: g)
    with pytest.raises(TypeError, match="double.vjp_joint: no argument z; it has x"):
        double.vjp_joint("x", "z")


# ----------------------------------------------------------------------------------------- settings


@primitive
def _scaled(x, shift=None, *, scale, power=1):
    y = (scale * x) ** power
    return y if shift is None else y + shift


_scaled.vjp(x=lambda g, x, scale, power: g * scale * power * (scale * x) ** (power - 1))
_scaled.vjp(shift=lambda g: g)


def test_settings_are_given_by_name_or_by_position_after_the_arrays():
    x = leaf([1.0, 2.0])
    for y in (
        _scaled(x, None, 3, 2),
        _scaled(x, None, 3, power=2),
        _scaled(x, scale=3, power=2),
        _scaled(x=x, power=2, scale=3),
    ):
        np.testing.assert_array_equal(y.numpy(), [9, 36])
        np.testing.assert_array_equal(grad(y.sum(), x)[0].numpy(), [18, 36])
    joined = ops.concatenate([x, x], 0)
    assert joined.shape == (4,) and ops.stack((x, x), 1).shape == (2, 2)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: ops.sum(x, dim=0), "sum: unknown dim; PyTorch's dim is axis here; its arrays"),
        (lambda x: ops.sum(x, 0, keepdim=True), "PyTorch's keepdim is keepdims here"),
        (lambda x: ops.softmax(x, 0, axis=0), "softmax: axis was given twice, by position and by"),
        (lambda x: ops.exp(x, 0), "exp: 2 values were given by position; its arrays are x, its"),
        (lambda x: ops.softmax(x, x), "softmax: axis is a Tensor, but a setting has no gradient"),
        (lambda x: _scaled(scale=2), "scaled: missing x; its arrays are x, shift, its settings"),
    ],
)
def test_a_wrong_call_says_what_there_is(call, message):
    with pytest.raises(TypeError, match=message):
        call(leaf([1.0, 2.0]))


def test_a_primitive_shows_the_signature_of_its_calls():
    assert repr(ops.softmax) == "<primitive softmax(x, axis=-1)>"
    assert str(inspect.signature(ops.concatenate)) == "(*xs, axis=0)"
    assert str(inspect.signature(_scaled)) == "(x, shift=None, *, scale, power=1)"
    assert repr(_scaled).startswith("<primitive scaled(")  # a private name is not shown
    text = pydoc.render_doc(ops.softmax, renderer=pydoc.plaintext)
    assert "softmax(x, axis=-1)" in text and "**Math**" in text


def test_a_primitive_in_the_body_of_a_class_is_a_method():
    class Number:
        def __init__(self, value):
            self.value = value

        double = primitive(lambda self: 2 * self.value)

    assert Number.double is vars(Number)["double"]
    assert inspect.ismethod(Number(3).double)


def test_settings_that_are_scalars_of_numpy_keep_float32():
    x = tensor([1.0, 2.0])
    for y in (ops.softplus(x, np.float64(2)), ops.leaky_relu(x, negative_slope=np.float64(0.1))):
        assert y.dtype == np.float32
