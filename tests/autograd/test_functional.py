"""Derivatives of any order, along directions, and in intermediate results."""

from __future__ import annotations

import numpy as np
import pytest

from tests.autograd.helpers import leaf
from tinygen import check_grads, grad, hvp, jvp, no_grad, ops, primitive, tensor
from tinygen.ops.normalization import channel_norm


def test_derivatives_of_any_order():
    x = leaf(0.3)
    y, derivatives = ops.exp(x * x), []
    for _ in range(4):
        (y,) = grad(y, x, create_graph=True)
        derivatives.append(y.item())
    e = np.exp(0.09)
    hermite = [2 * 0.3, 2 + 4 * 0.09, 12 * 0.3 + 8 * 0.3**3, 12 + 48 * 0.3**2 + 16 * 0.3**4]
    np.testing.assert_allclose(derivatives, np.array(hermite) * e, rtol=1e-13)


def test_third_order_of_convolution_batch_norm_and_tanh():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 2, 4, 4)), rng.normal(size=(2, 2, 3, 3))
    scale, shift = rng.uniform(0.5, 1.5, 2), rng.normal(size=2)
    check_grads(
        lambda x, w, a, b: ops.tanh(channel_norm(ops.conv2d(x, w, padding=1), a, b)[0]),
        x,
        w,
        scale,
        shift,
        order=3,
    )


def test_jvp_and_hvp_agree_with_dense_derivatives():
    rng = np.random.default_rng(1)
    a, x, v = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4)
    y, jv = jvp(lambda t: ops.tanh(ops.matmul(a, t)), tensor(x), v)
    np.testing.assert_allclose(y.numpy(), np.tanh(a @ x))
    np.testing.assert_allclose(jv.numpy(), (1 - np.tanh(a @ x) ** 2) * (a @ v))
    symmetric = a.T @ a
    np.testing.assert_allclose(
        hvp(lambda t: (t * ops.matmul(symmetric, t)).sum() / 2, tensor(x), v).numpy(), symmetric @ v
    )
    assert hvp(lambda t: t.sum(), tensor(x), v).numpy().tolist() == [
        0,
        0,
        0,
        0,
    ]  # a linear function has no curvature


def test_gradient_of_an_intermediate():
    x = leaf([1.0, 2.0])
    h = x * x
    y = (h * h).sum()
    np.testing.assert_array_equal(grad(y, h, retain_graph=True)[0].numpy(), 2 * h.numpy())
    gh, gx = grad(y, (h, x))
    np.testing.assert_array_equal(gh.numpy(), [2, 8])
    np.testing.assert_array_equal(gx.numpy(), [4, 32])


def test_one_tensor_used_many_times():
    x = leaf([2.0])
    y = x * x * x + x + x + x
    np.testing.assert_array_equal(grad(y, x)[0].numpy(), [15.0])


def test_a_chain_of_100000_ops_differentiates_to_second_order():
    x = leaf([1.0])
    y = x * x * x
    for _ in range(100_000):
        y = y + 0.0
    (g,) = grad(y, x, create_graph=True)
    assert g.item() == 3.0
    assert grad(g, x)[0].item() == 6.0


def test_a_graph_of_gradients_is_recorded_under_no_grad_too():
    x = leaf(2.0)
    y = x * x * x
    with no_grad():
        (g,) = grad(y, x, create_graph=True)
    assert grad(g, x)[0].item() == 12.0


def test_what_is_no_tensor_is_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="grad: outputs and inputs are Tensors .* a float"):
        grad(3.0, x)
    with pytest.raises(TypeError, match="here is a ndarray"):
        grad((x * x).sum(), np.ones(2))
    with pytest.raises(ValueError, match="here is float"):
        (x * x).backward(2.0)
    with pytest.raises(ValueError, match="reduce it to one number first"):
        (x * x).backward()
    with pytest.raises(ValueError, match="data: give an array"):
        x.data = [1.0, 2.0]
    with pytest.raises(ValueError, match="result of multiply"):
        (x * x).data = np.ones(2)

    @primitive
    def two(x):
        return x * 2, x * 3

    with pytest.raises(TypeError, match=r"returned tuple, not an array.*outputs="):
        two(x)


def test_an_output_that_does_not_depend_on_the_input_says_so():
    x, y = leaf([1.0]), leaf([2.0])
    with pytest.raises(ValueError, match="do not depend on input 1"):
        grad(x * x, (x, y))
    with pytest.raises(ValueError, match="requires_grad=True before"):
        grad(x * x, tensor(np.ones(1)))
    with pytest.raises(ValueError, match="depends on no tensor"):
        tensor(np.ones(1)).backward()
    with pytest.raises(ValueError, match="do not depend"):
        grad(ops.stop_gradient(x) * y, x)
    with pytest.raises(ValueError, match="needs a gradient"):
        grad(leaf([1.0, 2.0]) * 2.0, x)
    with pytest.raises(ValueError, match="needs a gradient of that shape"):
        grad(x * x, x, np.ones(3))


def test_the_gradient_of_a_penalty_has_no_part_for_the_last_bias():
    """d/dx of a linear function does not depend on its bias."""
    w, b, x = leaf([2.0]), leaf([1.0]), leaf([3.0])
    (derivative,) = grad((w * w * x + b).sum(), x, create_graph=True)
    penalty = (derivative * derivative).sum()  # w^4
    with pytest.raises(ValueError, match="do not depend on input 1, .*allow_unused=True"):
        grad(penalty, (w, b), retain_graph=True)
    dw, db = grad(penalty, (w, b), allow_unused=True, retain_graph=True)
    assert dw.item() == 4 * 2.0**3 and db is None
    assert grad(penalty, b, allow_unused=True)[0] is None


def test_inputs_may_be_an_iterator_as_parameters_is():
    w, b, x = leaf([2.0]), leaf([1.0]), leaf([3.0])
    dw, db = grad((w * x + b).sum(), (p for p in (w, b)))
    assert (dw.item(), db.item()) == (3, 1)
    with pytest.raises(TypeError, match="grad: outputs and inputs are Tensors .* a float"):
        grad((w * x).sum(), iter([1.0]))


def test_a_missing_create_graph_is_named():
    w, x = leaf([2.0]), leaf([3.0])
    (derivative,) = grad((w * x * x).sum(), x)
    with pytest.raises(ValueError, match="create_graph=True"):
        grad((derivative * derivative).sum(), w)
    with pytest.raises(ValueError, match="create_graph=True"):
        (derivative * derivative).sum().backward()
    with pytest.raises(ValueError, match="create_graph=True"):
        grad((derivative * x).sum(), (x, w))


def test_an_input_that_is_named_twice_has_two_gradients():
    x = tensor(np.ones(3), requires_grad=True)
    first, second = grad((x * x).sum(), [x, x])
    assert first.data.tolist() == second.data.tolist() == [2, 2, 2]
    assert not np.shares_memory(first.data, second.data)
