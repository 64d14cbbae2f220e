"""The contract of the backward pass: staleness, aliases, dtypes, pruning and memory."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

from tests.autograd.helpers import leaf
from tinygen import grad, ops, primitive, tensor
from tinygen.ops.normalization import channel_norm


def test_a_parameter_written_between_forward_and_backward_is_an_error():
    w, x = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    for write in (
        lambda: w.__setitem__(0, 5.0),
        lambda: setattr(w, "data", w.data * 2),
        lambda: setattr(w, "data", w.data.__isub__(1.0)),
    ):
        y = (w * x).sum()
        write()
        with pytest.raises(RuntimeError, match=r"multiply.*'a' was written in place"):
            grad(y, x)
    y = (w + x).sum()  # add keeps nothing, so there is nothing stale
    w[0] = 7.0
    np.testing.assert_array_equal(grad(y, x)[0].numpy(), [1, 1])


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


@pytest.mark.parametrize("create_graph", [False, True])
def test_returned_gradients_are_writable_and_share_memory_with_nothing(create_graph):
    rng = np.random.default_rng(0)
    x, b, c = (
        leaf(rng.normal(size=(3, 4))),
        leaf(rng.normal(size=(3, 4))),
        leaf(rng.normal(size=(3, 4))),
    )
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
        arguments = [x.data, b.data, c.data]
        for i, a in enumerate(arrays):
            assert a.flags.writeable
            assert not any(
                np.shares_memory(a, other) for other in arguments + arrays[:i] + arrays[i + 1 :]
            )
            a *= 0.0
            for other, old in zip(arrays[i + 1 :], before[i + 1 :]):
                np.testing.assert_array_equal(other, old)
    u = np.ones((3, 4))
    assert not np.shares_memory(grad(x + b, x, u)[0].data, u)
    (x + b).sum().backward()
    x.grad.data[...] = 0.0
    np.testing.assert_array_equal(b.grad.numpy(), np.ones((3, 4)))


def test_an_array_that_a_rule_keeps_is_neither_written_nor_handed_out():
    held = np.ones(3)

    @primitive
    def f(x):
        return x * 1.0

    f.vjp(x=lambda g: held)
    x = leaf(np.zeros(3))
    assert not np.shares_memory(grad(f(x).sum(), x)[0].data, held)
    np.testing.assert_array_equal(grad((f(x) + f(x) + f(x)).sum(), x)[0].numpy(), [3, 3, 3])
    np.testing.assert_array_equal(held, np.ones(3))


def test_cotangents_take_the_dtype_and_shape_of_their_argument():
    x, y = leaf([[1.0], [2.0]], np.float32), leaf([1.0, 2.0, 3.0])
    gx, gy = grad((x * y).sum(), (x, y))
    assert (gx.dtype, gx.shape, gy.dtype, gy.shape) == (np.float32, (2, 1), np.float64, (3,))
    np.testing.assert_array_equal(gx.numpy(), [[6], [6]])


def test_gradient_in_x_computes_no_weight_gradient():
    """grad(D(x), x) visits only the paths to x, and computes no gradient of D's weights."""
    rng = np.random.default_rng(0)
    x, w, a, b = (
        leaf(v)
        for v in (
            rng.normal(size=(4, 2, 5, 5)),
            rng.normal(size=(3, 2, 3, 3)),
            np.ones(3),
            np.zeros(3),
        )
    )
    computed = []

    def watch(name, rule):
        names = ", ".join(rule.__code__.co_varnames[: rule.__code__.co_argcount])
        return eval(
            f"lambda {names}: (computed.append(name), rule({names}))[1]",
            {"rule": rule, "computed": computed, "name": name},
        )

    rules, plans = dict(ops.conv2d.rules), ops.conv2d.plans
    try:
        ops.conv2d.plans = {}
        ops.conv2d.vjp(**{name: watch(name, rule) for name, rule in rules.items()})
        y = (channel_norm(ops.conv2d(x, w, padding=1), a, b)[0] ** 3).sum()
        grad(y, x)
        assert computed == ["x"]
    finally:
        ops.conv2d.plans = plans
        ops.conv2d.rules.update(rules)


def test_batch_norm_over_one_value_a_channel_is_an_error():
    with pytest.raises(ValueError, match="one value per channel"):
        ops.batch_norm(leaf(np.ones((1, 3, 1, 1))), None, None, training=True)


def test_a_freed_graph_says_so():
    x = leaf([1.0])
    y = ops.exp(x)
    grad(y, x, retain_graph=True)
    grad(y, x)
    with pytest.raises(RuntimeError, match="exp was freed.*retain_graph"):
        grad(y, x)


def test_backward_adds_into_the_leaves():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (x * y).sum().backward()
    (x * y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6, 8])
    assert not x.grad.requires_grad
    z = leaf([2.0])
    (z * z * z).backward(create_graph=True)
    np.testing.assert_array_equal(grad(z.grad, z)[0].numpy(), [12.0])


def test_no_cyclic_garbage_and_memory_goes_with_the_last_name():
    x, w = leaf(np.ones((2, 1, 4, 4))), leaf(np.ones((1, 1, 3, 3)))

    def run(create_graph):
        y = (ops.tanh(ops.conv2d(x, w, padding=1)) * x).sum()
        (g,) = grad(y, x, create_graph=create_graph)
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
    for _ in range(1200):  # caches, free lists, the first plans; Python 3.10 compiles late
        step()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        step()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 4096, f"{grown} bytes more after 1000 steps"


def test_a_bias_gradient_keeps_its_digits():
    """The engine sums float32 over half a million channels-last rows without loss of digits."""
    g = (
        np.random.default_rng(0)
        .uniform(0.5, 1.5, (8, 256, 256, 4))
        .astype(np.float32)
        .transpose(0, 3, 1, 2)
    )
    bias = leaf(np.zeros((4, 1, 1)), np.float32)
    got = grad((tensor(np.zeros_like(g)) + bias), bias, g)[0].numpy()
    np.testing.assert_allclose(
        got, g.sum(axis=(0, 2, 3), dtype=np.float64).reshape(4, 1, 1), rtol=1e-6
    )


def address(array) -> int:
    """Return where in memory an array lies."""
    return array.__array_interface__["data"][0]


@pytest.mark.cpu_only
def test_a_gradient_that_nothing_else_holds_is_not_copied():
    addresses = []

    @primitive
    def twice(x):
        return x * 2.0

    def rule(g):
        h = g * 2.0
        addresses.append(address(h))
        return h

    twice.vjp(x=rule)
    x = leaf(np.ones(1000))
    assert address(grad(twice(x).sum(), x)[0].data) == addresses[0]


def test_backward_with_inputs_changes_and_computes_no_other_gradient():
    """The step of a GAN's generator: the discriminator's weights receive nothing."""
    g, d = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    d.grad = tensor(np.ones(2))
    loss = (g * d * d).sum()
    loss.backward(inputs=[g], retain_graph=True)
    np.testing.assert_array_equal(g.grad.numpy(), [9, 16])
    np.testing.assert_array_equal(d.grad.numpy(), [1, 1])
    loss.backward(inputs=g)
    np.testing.assert_array_equal(g.grad.numpy(), [18, 32])
    with pytest.raises(ValueError, match="input 0, of shape .* is not a leaf"):
        (g * d).sum().backward(inputs=[g * 2.0])
    with pytest.raises(ValueError, match="is not a leaf that requires a gradient"):
        (g * d).sum().backward(inputs=[tensor(np.ones(2))])


def test_a_gradient_shares_no_memory_with_the_cotangent_that_was_given():
    x, g = leaf(np.zeros(3)), tensor(np.ones(3))  # nothing but this Tensor refers to its array
    for y in (x, x + 1.0):
        (dx,) = grad(y, x, g, retain_graph=True)
        assert not np.shares_memory(dx.data, g.data)
        x.grad = None
        y.backward(g)
        assert not np.shares_memory(x.grad.data, g.data)
