"""The engine's contract: what is right here that others ship wrong, and what cannot be differentiated says so."""

from __future__ import annotations

import copy
import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygen
from tinygen import (
    Tensor,
    check_grads,
    detect_nan,
    grad,
    hvp,
    jvp,
    no_grad,
    ops,
    primitive,
    tensor,
)
from tinygen.autograd.primitive import Primitive


def leaf(values, dtype=np.float64) -> Tensor:
    return tensor(np.asarray(values, dtype), requires_grad=True)


# ------------------------------------------------------------------------------------------------------------ derivatives


def test_derivatives_of_any_order():
    x = leaf(0.3)
    y, derivatives = ops.exp(x * x), []
    for _ in range(4):
        y = grad(y, x, create_graph=True)
        derivatives.append(y.item())
    e = np.exp(0.09)
    hermite = [2 * 0.3, 2 + 4 * 0.09, 12 * 0.3 + 8 * 0.3**3, 12 + 48 * 0.3**2 + 16 * 0.3**4]
    np.testing.assert_allclose(derivatives, np.array(hermite) * e, rtol=1e-13)


def test_third_order_of_convolution_batch_norm_and_tanh():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 2, 4, 4)), rng.normal(size=(2, 2, 3, 3))
    scale, shift = rng.uniform(0.5, 1.5, 2), rng.normal(size=2)
    check_grads(lambda x, w, a, b: ops.tanh(ops.batch_norm(ops.conv2d(x, w, padding=1), a, b)[0]), x, w, scale, shift, order=3)


def test_jvp_and_hvp_agree_with_dense_derivatives():
    rng = np.random.default_rng(1)
    a, x, v = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4)
    y, jv = jvp(lambda t: ops.tanh(ops.matmul(a, t)), tensor(x), v)
    np.testing.assert_allclose(y.numpy(), np.tanh(a @ x))
    np.testing.assert_allclose(jv.numpy(), (1 - np.tanh(a @ x) ** 2) * (a @ v))
    symmetric = a.T @ a
    np.testing.assert_allclose(hvp(lambda t: (t * ops.matmul(symmetric, t)).sum() / 2, tensor(x), v).numpy(), symmetric @ v)
    assert hvp(lambda t: t.sum(), tensor(x), v).numpy().tolist() == [0, 0, 0, 0]  # a linear function has no curvature


def test_gradient_of_an_intermediate():
    x = leaf([1.0, 2.0])
    h = x * x
    y = (h * h).sum()
    np.testing.assert_array_equal(grad(y, h, retain_graph=True).numpy(), 2 * h.numpy())
    gh, gx = grad(y, (h, x))
    np.testing.assert_array_equal(gh.numpy(), [2, 8])
    np.testing.assert_array_equal(gx.numpy(), [4, 32])


def test_one_tensor_used_many_times():
    x = leaf([2.0])
    y = x * x * x + x + x + x
    np.testing.assert_array_equal(grad(y, x).numpy(), [15.0])


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
    check_grads(lambda a, b, c: product_of_all(a, b, c), *np.random.default_rng(0).normal(size=(3, 4)), order=3)
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


# ------------------------------------------------------------------------------------------------------------ the bugs that others ship


def test_a_parameter_written_between_forward_and_backward_is_an_error():
    w, x = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    for write in (lambda: w.__setitem__(0, 5.0), lambda: setattr(w, "data", w.data * 2), lambda: setattr(w, "data", w.data.__isub__(1.0))):
        y = (w * x).sum()
        write()
        with pytest.raises(RuntimeError, match=r"multiply.*'a' was written in place"):
            grad(y, x)
    y = (w + x).sum()  # add keeps nothing, so there is nothing stale
    w[0] = 7.0
    np.testing.assert_array_equal(grad(y, x).numpy(), [1, 1])


def test_a_write_shows_through_views_and_outputs_and_constants():
    w, x = leaf(np.ones((2, 3))), leaf(np.ones((2, 2)))
    y = ops.matmul(x, w).sum()
    y_view = ops.matmul(w.T, x).sum()
    w[0, 0] = 9.0
    for stale in (y, y_view):
        with pytest.raises(RuntimeError, match="written in place"):
            grad(stale, x)
    c, z = tensor(np.ones(2)), leaf([1.0, 2.0])
    y = (z * c).sum()
    c[0] = 3.0
    with pytest.raises(RuntimeError, match="written in place"):
        grad(y, z)
    e = ops.exp(z)
    y = e.sum()
    e.detach()[0] = 0.0  # the output that exp keeps, through an alias
    with pytest.raises(RuntimeError, match="exp.*'y' was written"):
        grad(y, z)


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


def test_writes_that_the_graph_cannot_allow():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="result of multiply"):
        (x * x)[0] = 1.0
    with pytest.raises(ValueError, match="not differentiated"):
        tensor(np.zeros(2))[0] = x[0]
    with pytest.raises(ValueError, match=r"give an array of float64 \(2,\), not float64 \(3,\)"):
        x.data = np.zeros(3)
    assert x.version == 0
    x.data -= 1.0
    x[1] = 5.0
    assert x.version > 0
    np.testing.assert_array_equal(x.numpy(), [0, 5])


@pytest.mark.parametrize("create_graph", [False, True])
def test_returned_gradients_are_writable_and_share_memory_with_nothing(create_graph):
    rng = np.random.default_rng(0)
    x, b, c = leaf(rng.normal(size=(3, 4))), leaf(rng.normal(size=(3, 4))), leaf(rng.normal(size=(3, 4)))
    programs = [
        lambda: (x + b + c).sum(),
        lambda: (x.reshape(4, 3).T.reshape(3, 4) * 1.0 + b).sum() + c.sum(),
        lambda: (x * b * c).sum(),
        lambda: (-x).sum() + (b + c).sum(),
    ]
    for f in programs:
        gs = grad(f(), (x, b, c), create_graph=create_graph)
        arrays = [g.data for g in gs]
        before = [a.copy() for a in arrays]
        held = [x.data, b.data, c.data]
        for i, a in enumerate(arrays):
            assert a.flags.writeable
            assert not any(np.shares_memory(a, other) for other in held + arrays[:i] + arrays[i + 1 :])
            a *= 0.0
            for other, kept in zip(arrays[i + 1 :], before[i + 1 :]):
                np.testing.assert_array_equal(other, kept)
    u = np.ones((3, 4))
    assert not np.shares_memory(grad(x + b, x, u).data, u)
    (x + b).sum().backward()
    x.grad.data[...] = 0.0
    np.testing.assert_array_equal(b.grad.numpy(), np.ones((3, 4)))


def test_an_array_that_a_rule_keeps_is_neither_written_nor_handed_out():
    kept = np.ones(3)

    @primitive
    def f(x):
        return x * 1.0

    f.vjp(x=lambda g: kept)
    x = leaf(np.zeros(3))
    assert not np.shares_memory(grad(f(x).sum(), x).data, kept)
    np.testing.assert_array_equal(grad((f(x) + f(x) + f(x)).sum(), x).numpy(), [3, 3, 3])
    np.testing.assert_array_equal(kept, np.ones(3))


def test_numpy_scalars_keep_float32():
    x = leaf([1.0, 2.0], np.float32)
    for y in (x * np.sqrt(2.0), np.sqrt(2.0) * x, x + np.float64(1), np.float64(3) - x, x / np.int64(3), x ** np.float64(2.0)):
        assert y.dtype == np.float32
        assert grad(y.sum(), x).dtype == np.float32


def test_cotangents_take_the_dtype_and_shape_of_their_argument():
    x, y = leaf([[1.0], [2.0]], np.float32), leaf([1.0, 2.0, 3.0])
    gx, gy = grad((x * y).sum(), (x, y))
    assert (gx.dtype, gx.shape, gy.dtype, gy.shape) == (np.float32, (2, 1), np.float64, (3,))
    np.testing.assert_array_equal(gx.numpy(), [[6], [6]])


def test_gradient_in_x_computes_no_weight_gradient():
    """grad(D(x), x) visits only the way to x: the weight gradients of a discriminator are never computed."""
    rng = np.random.default_rng(0)
    x, w, a, b = (leaf(v) for v in (rng.normal(size=(4, 2, 5, 5)), rng.normal(size=(3, 2, 3, 3)), np.ones(3), np.zeros(3)))
    computed = []

    def watch(name, rule):
        names = ", ".join(rule.__code__.co_varnames[: rule.__code__.co_argcount])
        return eval(f"lambda {names}: (computed.append(name), rule({names}))[1]", {"rule": rule, "computed": computed, "name": name})

    rules, plans = dict(ops.conv2d.rules), ops.conv2d.plans
    try:
        ops.conv2d.plans = {}
        ops.conv2d.vjp(**{name: watch(name, rule) for name, rule in rules.items()})
        y = (ops.batch_norm(ops.conv2d(x, w, padding=1), a, b)[0] ** 3).sum()
        grad(y, x)
        assert computed == ["x"]
    finally:
        ops.conv2d.plans = plans
        ops.conv2d.rules.update(rules)


def test_batch_norm_over_one_value_a_channel_is_an_error():
    with pytest.raises(ValueError, match="one value a channel"):
        ops.batch_norm(leaf(np.ones((1, 3, 1, 1))))


def test_a_tensor_does_not_become_an_array_silently():
    x = leaf([1.0, 2.0])
    for convert in (np.asarray, np.array, lambda t: np.stack([t, t])):
        with pytest.raises(TypeError, match=r"\.numpy\(\)"):
            convert(x)
    with pytest.raises(TypeError):
        np.exp(x)
    copy = x.numpy()
    copy[0] = 9.0
    assert x.numpy()[0] == 1.0


# ------------------------------------------------------------------------------------------------------------ what cannot be differentiated says so


def test_integer_tensors_have_no_gradient():
    with pytest.raises(TypeError, match="int64 has no gradient"):
        tensor(np.arange(3), requires_grad=True)
    with pytest.raises(TypeError, match="cannot hold dtype complex"):
        tensor(np.ones(3) * 1j)


def test_a_freed_graph_says_so():
    x = leaf([1.0])
    y = ops.exp(x)
    grad(y, x, retain_graph=True)
    grad(y, x)
    with pytest.raises(RuntimeError, match="exp was freed.*retain_graph"):
        grad(y, x)


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


def test_an_output_that_does_not_depend_on_the_input_says_so():
    x, y = leaf([1.0]), leaf([2.0])
    with pytest.raises(ValueError, match="do not depend on input 1"):
        grad(x * x, (x, y))
    with pytest.raises(ValueError, match="requires_grad=False"):
        grad(x * x, tensor(np.ones(1)))
    with pytest.raises(ValueError, match="depends on no tensor"):
        tensor(np.ones(1)).backward()
    with pytest.raises(ValueError, match="do not depend"):
        grad(ops.stop_gradient(x) * y, x)
    with pytest.raises(ValueError, match="needs a grad_output"):
        grad(leaf([1.0, 2.0]) * 2.0, x)
    with pytest.raises(ValueError, match="needs a grad_output of that shape"):
        grad(x * x, x, np.ones(3))


def test_a_rule_of_the_wrong_shape_says_so():
    @primitive
    def total(x):
        return x.sum()

    total.vjp(x=lambda g: g)  # forgets to spread g over x
    with pytest.raises(ValueError, match=r"rule of total returned shape \(\) for an argument of shape \(3,\)"):
        total(leaf(np.ones(3))).backward()


def test_what_is_no_tensor_is_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="grad: outputs and inputs are Tensors .* a float"):
        grad(3.0, x)
    with pytest.raises(TypeError, match="here is a ndarray"):
        grad((x * x).sum(), np.ones(2))
    with pytest.raises(ValueError, match="here is float"):
        (x * x).backward(2.0)
    with pytest.raises(ValueError, match="reduce it first"):
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


def test_setting_data_copies_so_memory_is_never_shared_unawares():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    b.data = a.data
    a[0] = 9.0
    np.testing.assert_array_equal(b.numpy(), [1, 2])


def test_a_graph_of_gradients_is_recorded_under_no_grad_too():
    x = leaf(2.0)
    y = x * x * x
    with no_grad():
        g = grad(y, x, create_graph=True)
    assert grad(g, x).item() == 12.0


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match="argument 1 is a list"):
        ops.add(leaf([1.0]), [1.0])
    with pytest.raises(TypeError, match="argument 1 is a str"):
        leaf([1.0]) + "one"
    with pytest.raises(TypeError, match="missing b"):
        ops.add(np.ones(1))
    with pytest.raises(TypeError, match="unknown axes"):
        ops.sum(leaf([1.0]), axes=0)


def test_nan_mode_names_the_op_where_the_first_nan_rose():
    x = leaf([-1.0, 4.0])
    with np.errstate(invalid="ignore", divide="ignore"):
        with detect_nan(), pytest.raises(FloatingPointError, match="sqrt"):
            ops.exp(ops.sqrt(x) + 1.0)
        assert np.isnan(ops.sqrt(x).numpy()[0])  # and without the mode nothing is said
        z = leaf([0.0, 4.0])
        with detect_nan(), pytest.raises(FloatingPointError, match="rule of sqrt"):
            grad((ops.sqrt(z) * np.zeros(2)).sum(), z)  # 0 / (2 sqrt(0))


# ------------------------------------------------------------------------------------------------------------ modes, leaves, memory


def test_no_grad_is_of_its_thread():
    seen = {}
    inside, release = threading.Event(), threading.Event()

    def worker():
        with no_grad():
            inside.set()
            release.wait(5)
            seen["worker"] = (leaf([1.0]) * 2.0).requires_grad

    thread = threading.Thread(target=worker)
    thread.start()
    inside.wait(5)
    seen["main"] = (leaf([1.0]) * 2.0).requires_grad
    release.set()
    thread.join()
    assert seen == {"worker": False, "main": True}

    @no_grad()
    def constant(x):
        return x * 2.0

    assert not constant(leaf([1.0])).requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (leaf([1.0]) * 2.0).requires_grad


def test_backward_adds_into_the_leaves():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (x * y).sum().backward()
    (x * y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6, 8])
    assert not x.grad.requires_grad
    z = leaf([2.0])
    (z * z * z).backward(create_graph=True)
    np.testing.assert_array_equal(grad(z.grad, z).numpy(), [12.0])


def test_requires_grad_can_be_switched_on_leaves_alone():
    x = tensor(np.ones(2))
    x.requires_grad = True
    y = x * 2.0
    with pytest.raises(ValueError, match="follows from its arguments"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2.0).requires_grad


def test_no_cyclic_garbage_and_memory_goes_with_the_last_name():
    x, w = leaf(np.ones((2, 1, 4, 4))), leaf(np.ones((1, 1, 3, 3)))

    def run(create_graph):
        y = (ops.tanh(ops.conv2d(x, w, padding=1)) * x).sum()
        g = grad(y, x, create_graph=create_graph)
        if create_graph:
            grad((g * g).sum(), w)

    for create_graph in (False, True):
        run(create_graph)
        gc.collect()
        gc.disable()
        try:
            run(create_graph)
            assert gc.collect() == 0
        finally:
            gc.enable()
    h = x * 2.0
    ref, y = weakref.ref(h), ops.exp(h)
    del h
    assert ref() is None and y.requires_grad


def test_memory_is_flat_over_a_thousand_steps():
    w, x = leaf(np.ones((8, 8))), tensor(np.ones((4, 8)))

    def step():
        w.grad = None
        (ops.matmul(x, w) ** 2).sum().backward()
        w.data -= 1e-6 * w.grad.data

    tracemalloc.start()
    for _ in range(200):  # caches, free lists and the first plans
        step()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        step()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 4096, f"{grown} bytes more after 1000 steps"


def test_a_chain_of_100000_ops_differentiates_to_second_order():
    x = leaf([1.0])
    y = x * x * x
    for _ in range(100_000):
        y = y + 0.0
    g = grad(y, x, create_graph=True)
    assert g.item() == 3.0
    assert grad(g, x).item() == 6.0


def test_what_is_kept_is_what_a_rule_names():
    x = leaf(np.ones(1000))
    y = x + 1.0
    assert y._edge[0].saved == {}
    y = x * tensor(np.full(1000, 2.0))
    assert set(y._edge[0].saved) == {"b"}  # only x is tracked, and its rule asks for b
    with no_grad():
        assert (x * x)._edge is None


def test_settings_of_a_plan_are_those_of_the_call():
    """The plan of a primitive is shared by its calls; settings, shapes and omitted arguments are not."""
    x = leaf(np.ones((2, 3)))
    a, b = ops.sum(x, axis=0), ops.sum(x, axis=1, keepdims=True)
    assert grad((a * a).sum(), x).shape == grad((b * b).sum(), x).shape == (2, 3)


def test_primitives_carry_their_docstring_and_signature():
    assert isinstance(ops.exp, Primitive) and "Math" in (ops.conv2d.__doc__ or "")
    assert tinygen.ops.exp.__name__ == "exp"


def test_a_deep_copy_is_a_leaf_of_its_own():
    x = leaf([1.0, 2.0])
    y = copy.deepcopy(x)
    (y * y).sum().backward()
    assert x.grad is None and y.grad.numpy().tolist() == [2, 4]
    y[0] = 9.0
    assert x.numpy()[0] == 1.0
    with pytest.raises(TypeError, match="result of multiply"):
        copy.deepcopy(x * x)


def test_a_bias_gradient_keeps_its_digits():
    """The engine's own sum over broadcast axes, in float32 over half a million rows of channels-last memory."""
    g = np.random.default_rng(0).uniform(0.5, 1.5, (8, 256, 256, 4)).astype(np.float32).transpose(0, 3, 1, 2)
    bias = leaf(np.zeros((4, 1, 1)), np.float32)
    got = grad((tensor(np.zeros_like(g)) + bias), bias, g).numpy()
    np.testing.assert_allclose(got, g.sum(axis=(0, 2, 3), dtype=np.float64).reshape(4, 1, 1), rtol=1e-6)


def test_a_gradient_that_only_the_walk_holds_goes_out_without_a_copy():
    made = []

    @primitive
    def twice(x):
        return x * 2.0

    def rule(g):
        made.append((h := g * 2.0).__array_interface__["data"][0])
        return h

    twice.vjp(x=rule)
    x = leaf(np.ones(1000))
    assert grad(twice(x).sum(), x).data.__array_interface__["data"][0] == made[0]
