"""Optimizers against their recursions written out in float64; schedules, clipping, the average of weights; states; errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import default_rng, nn, optim, set_threads, tensor
from tinygen.autograd.tensor import Tensor
from tinygen.backend.threads import threads

# ------------------------------------------------------------------------------------------------- the recursions, plainly


def sgd(p, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    b = None
    for g in grads:
        g = g + weight_decay * p
        b = g if b is None else momentum * b + (1 - dampening) * g
        p = p - lr * (g + momentum * b if nesterov else b)
    return p


def rmsprop(p, grads, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    v = a = b = np.zeros_like(p)
    for g in grads:
        g = g + weight_decay * p
        v, a = alpha * v + (1 - alpha) * g**2, alpha * a + (1 - alpha) * g
        b = momentum * b + g / (np.sqrt(v - a**2 if centered else v) + eps)
        p = p - lr * b
    return p


def adam(p, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """As in the paper: averages, and the correction of their bias."""
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g = g + weight_decay * p
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g**2
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


def adamw(p, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    for t in range(1, len(grads) + 1):  # one more step from where the decayed weights lead: Adam's direction does not depend on p
        direction = adam(np.zeros_like(p), grads[:t], lr, betas, eps) - adam(np.zeros_like(p), grads[: t - 1], lr, betas, eps)
        p = (1 - lr * weight_decay) * p + direction
    return p


RULES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True}),
    (optim.RMSprop, rmsprop, {}),
    (optim.RMSprop, rmsprop, {"lr": 0.03, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.5}),
    (optim.RMSprop, rmsprop, {"momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    (optim.Adam, adam, {}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.0, 0.9), "eps": 1e-2, "weight_decay": 0.1}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.5, 0.999)}),
    (optim.AdamW, adamw, {}),
    (optim.AdamW, adamw, {"lr": 0.1, "weight_decay": 0.5}),
]
each_rule = pytest.mark.parametrize("cls, naive, settings", RULES, ids=[f"{c.__name__}-{i}" for i, (c, _, _) in enumerate(RULES)])
KINDS = [(optim.SGD, {"lr": 0.1, "momentum": 0.9}), (optim.RMSprop, {"momentum": 0.5, "centered": True}), (optim.Adam, {}), (optim.AdamW, {})]
each_kind = pytest.mark.parametrize("cls, settings", KINDS, ids=[c.__name__ for c, _ in KINDS])


def leaves(*arrays):
    return [tensor(a, requires_grad=True) for a in arrays]


def walk(optimizer, grads):
    """A step with each element of `grads`: for each parameter an array, or None."""
    for row in grads:
        for p, g in zip(optimizer.parameters, row):
            p.grad = None if g is None else Tensor(g.astype(p.dtype))
        optimizer.step()


@each_rule
def test_follows_its_recursion(cls, naive, settings):
    """And a parameter that gets no gradient for a while is left alone, its count of steps too."""
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=s) for s in ((3, 4), (), (2, 3, 1))]
    grads = [[rng.normal(size=p.shape) for p in starts] for _ in range(7)]
    for t in (0, 3):
        grads[t][1] = None
    parameters = leaves(*starts)
    walk(cls(parameters, **settings), grads)
    for i, (p, start) in enumerate(zip(parameters, starts)):
        expected = naive(start, [row[i] for row in grads if row[i] is not None], **settings)
        np.testing.assert_allclose(p.data, expected, rtol=1e-12, atol=1e-13)


@each_rule
def test_blocks_layouts_and_float32(cls, naive, settings):
    """Large parameters go in several blocks, in the order of their memory, whatever the gradient's; float32 stays so."""
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=s).astype(np.float32) for s in ((70, 1003), (40, 3, 5, 60))]
    parameters = leaves(starts[0], starts[1])
    parameters[1]._data = np.moveaxis(np.ascontiguousarray(np.moveaxis(starts[1], 1, -1)), -1, 1)
    grads = [[rng.normal(size=p.shape) for p in starts] for _ in range(3)]
    optimizer = cls(parameters, **settings)
    strides = [[a.strides for a in (p.data, *s)] for p, s in zip(parameters, optimizer.state)]
    walk(optimizer, grads)
    for i, (p, start) in enumerate(zip(parameters, starts)):
        expected = naive(start.astype(np.float64), [row[i].astype(np.float32).astype(np.float64) for row in grads], **settings)
        # centered: v - a^2 is 0 at the first step's scale of rounding, where the step is steep
        np.testing.assert_allclose(p.data, expected, rtol=2e-5, atol=1e-3 if settings.get("centered") else 5e-6)
        assert [a.dtype for a in (p.data, *optimizer.state[i])] == [np.float32] * (1 + len(cls(parameters, **settings).slots))
        assert [a.strides for a in (p.data, *optimizer.state[i])] == strides[i] and len(set(strides[i])) == 1


@each_rule
def test_a_parameter_whose_layout_changed(cls, naive, settings):
    """Someone assigned to `data` an array that lies otherwise in memory than the state does, or not densely."""
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(3, 4)), [[rng.normal(size=(3, 4))] for _ in range(4)]
    p = leaves(start)[0]
    optimizer = cls([p], **settings)
    walk(optimizer, grads[:2])
    p.data = np.asfortranarray(p.data)
    walk(optimizer, grads[2:3])
    p.data = np.repeat(p.data, 2, axis=1)[:, ::2]
    walk(optimizer, grads[3:])
    np.testing.assert_allclose(p.data, naive(start, [row[0] for row in grads], **settings), rtol=1e-12)


@each_kind
def test_bits_do_not_depend_on_threads(cls, settings):
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(300, 1001)).astype(np.float32), [[rng.normal(size=(300, 1001))] for _ in range(2)]
    before, results = threads(), []
    try:
        for n in (1, 2, 4):
            set_threads(n)
            parameters = leaves(start)
            walk(cls(parameters, **settings), grads)
            results.append(parameters[0].data)
    finally:
        set_threads(before)
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()


@each_kind
def test_runs_on_a_strict_array_type(cls, settings):
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(3, 4)), [[rng.normal(size=(3, 4))] for _ in range(3)]
    ours, strict = leaves(start), leaves(StrictArray(start))
    a, b = cls(ours, **settings), cls(strict, **settings)
    walk(a, grads)
    walk(b, [[StrictArray(g) for g in row] for row in grads])
    np.testing.assert_allclose(strict[0].data.get(), ours[0].data, rtol=1e-12)
    b.load_state_dict(a.state_dict())  # a checkpoint's NumPy arrays go onto the device
    np.testing.assert_allclose(b.state[0][0].get(), a.state[0][0])
    strict[0].grad = Tensor(np.ones((3, 4)))
    with pytest.raises(TypeError, match="two devices"):
        b.step()


@each_kind
def test_gradients_are_left_alone(cls, settings):
    p, g = leaves(np.ones(3))[0], np.array([1.0, -2.0, 3.0])
    optimizer = cls([p], **(settings | {"weight_decay": 0.1}))
    walk(optimizer, [[g]])
    assert p.grad.data.tolist() == [1, -2, 3]
    optimizer.zero_grad()
    assert p.grad is None


@each_kind
def test_nan_stays_where_it_is(cls, settings):
    p = leaves(np.ones(3))[0]
    walk(cls([p], **settings), [[np.array([1.0, np.nan, 1.0])]])
    assert np.isnan(p.data).tolist() == [False, True, False]


@each_kind
def test_resumed_is_uninterrupted(cls, settings):
    """Bit for bit, with lr as it was set last."""
    rng = np.random.default_rng(0)
    grads = [[rng.normal(size=(3, 4)), rng.normal(size=5)] for _ in range(6)]
    first = leaves(np.ones((3, 4), np.float32), np.ones(5, np.float32))
    optimizer = cls(first, **settings)
    walk(optimizer, grads[:3])
    optimizer.lr *= 0.5
    second = leaves(*[p.data for p in first])
    other = cls(second, **(settings | {"lr": 9.0}))
    arrays = [a for s in other.state for a in s]
    other.load_state_dict(optimizer.state_dict())
    assert all(a is b for a, b in zip(arrays, [a for s in other.state for a in s]))
    for o in (optimizer, other):
        walk(o, grads[3:])
    assert all((p.data == q.data).all() for p, q in zip(first, second))
    assert all(isinstance(v, (str, float, np.ndarray)) for v in optimizer.state_dict().values())


def test_state_dict_holds_copies():
    optimizer = optim.Adam(leaves(np.ones(2)))
    state = optimizer.state_dict()
    walk(optimizer, [[np.ones(2)]])
    assert state["0.sum"].tolist() == [0, 0] and state["steps"].tolist() == [0]


def test_a_state_of_something_else_is_refused_and_changes_nothing():
    optimizer = optim.Adam(leaves(np.ones(3), np.ones(2)))
    walk(optimizer, [[np.ones(3), np.ones(2)]])
    before = optimizer.state_dict()
    for other, message in [
        (optim.AdamW(leaves(np.ones(3), np.ones(2))).state_dict(), "of a AdamW, this is a Adam"),
        (optim.Adam(leaves(np.ones(3))).state_dict(), r"missing: 1.sum, 1.sum_of_squares\n.*steps: expected int64 \(2,\), .* int64 \(1,\)"),
        (optim.Adam(leaves(np.ones(3), np.ones(4))).state_dict(), r"1.sum: expected float64 \(2,\), the state has float64 \(4,\)"),
        ({}, "missing: kind, lr, steps"),
    ]:
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(other)
    after = optimizer.state_dict()
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_a_step_between_forward_and_backward_is_an_error():
    p = leaves(np.ones(3))[0]
    optimizer = optim.SGD([p], lr=0.1)
    y = (p * p).sum()
    walk(optimizer, [[np.ones(3)]])
    with pytest.raises(RuntimeError, match="written in place"):
        y.backward()


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam])
def test_a_gradient_of_another_shape_is_refused_before_anything_changes(cls):
    a, b = (tensor(np.ones(3, np.float32), requires_grad=True) for _ in range(2))
    optimizer = cls([a, b], lr=0.1)
    a.grad = tensor(np.ones(3, np.float32))
    for wrong in (np.ones((3, 1), np.float32), np.float32(1), np.ones(3, np.int64)):
        b.grad = tensor(wrong)
        with pytest.raises(ValueError, match="the gradient of parameter 1 is .* no parameter was changed"):
            optimizer.step()
    assert a.data.tolist() == b.data.tolist() == [1, 1, 1] and optimizer.steps == [0, 0]


def test_clipping_refuses_a_parameter_twice():
    p = tensor(np.ones(3), requires_grad=True)
    p.grad = tensor(np.ones(3))
    with pytest.raises(ValueError, match="clip_grad_norm_: a parameter is in the list twice"):
        optim.clip_grad_norm_([p, p], 1.0)


def test_momentum_keeps_no_memory_of_the_graph():
    """A gradient that is itself differentiable is used for its values."""
    p = leaves(np.array(2.0))[0]
    (p * p * p).backward(create_graph=True)
    optim.SGD([p], lr=0.1).step()
    assert p.data == pytest.approx(2 - 0.1 * 12)


class TestBadParameters:
    @pytest.mark.parametrize("make, error, message", [
        (lambda p: [], ValueError, "no parameter to optimize"),
        (lambda p: p, TypeError, "as a list"),
        (lambda p: nn.Linear(2, 2, rng=default_rng(0)), TypeError, r"model.parameters\(\), not a Linear"),
        (lambda p: [p, p], ValueError, "in the list twice"),
        (lambda p: [p, p * 2.0], ValueError, "parameter 1, of shape .* result of a computation"),
        (lambda p: [p.detach()], ValueError, "requires no gradient, so it would never change"),
        (lambda p: [np.ones(3)], TypeError, "parameter 0 is a ndarray"),
        (lambda p: [("weight", p)], TypeError, "not named_parameters"),
    ])  # fmt: skip
    def test_lists(self, make, error, message):
        with pytest.raises(error, match=message):
            optim.Adam(make(leaves(np.ones(3))[0]))

    @pytest.mark.parametrize("make, message", [
        (lambda p: optim.SGD(p, lr=-1), "SGD: lr=-1 must be at least 0"),
        (lambda p: optim.SGD(p, lr=math.nan), "lr=nan"),
        (lambda p: optim.SGD(p, 0.1, nesterov=True), "momentum > 0"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), "Adam: beta2=1.0 must be at least 0 and less than 1"),
        (lambda p: optim.AdamW(p, eps=-1), "AdamW: eps"),
        (lambda p: optim.RMSprop(p, alpha=1.5), "alpha"),
    ])  # fmt: skip
    def test_settings(self, make, message):
        with pytest.raises(ValueError, match=message):
            make(leaves(np.ones(3)))


class TestSchedules:
    def test_values(self):
        assert [optim.constant(s) for s in (0, 99)] == [1, 1]
        assert [optim.linear_decay(s, steps=4, final_factor=0.2) for s in (0, 1, 2, 4, 9)] == pytest.approx([1, 0.8, 0.6, 0.2, 0.2])
        assert [optim.cosine_decay(s, steps=4) for s in (0, 1, 2, 4, 5)] == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5, 0, 0])
        assert optim.cosine_decay(3, steps=3, final_factor=0.1) == pytest.approx(0.1)
        warm = [optim.warmup_cosine(s, warmup_steps=4, steps=8, final_factor=0.5) for s in range(10)]
        assert warm == pytest.approx([0.25, 0.5, 0.75, 1, 1, 0.75 + 0.25 * 0.5**0.5, 0.75, 0.75 - 0.25 * 0.5**0.5, 0.5, 0.5])
        assert optim.warmup_cosine(0, warmup_steps=0, steps=3) == 1

    def test_lr_schedule_multiplies_the_lr_of_the_constructor(self):
        optimizer = optim.Adam([tensor(np.zeros(3), requires_grad=True)], lr=3e-3)
        schedule = optim.LRSchedule(optimizer, lambda step: optim.cosine_decay(step, steps=7))
        for step in (0, 5, 2, 7):  # in any order: it has no state
            schedule.set(step)
            assert optimizer.lr == 3e-3 * optim.cosine_decay(step, steps=7)
        optimizer.lr = 1.0  # as a checkpoint would
        optim.LRSchedule(optimizer, lambda step: 0.5).set(0)
        assert optimizer.lr == 3e-3 * 0.5

    def test_lr_schedule_errors(self):
        optimizer = optim.Adam([tensor(np.zeros(3), requires_grad=True)], lr=3e-3)
        with pytest.raises(TypeError, match="needs an Optimizer"):
            optim.LRSchedule(3e-3, lambda step: 1.0)
        with pytest.raises(TypeError, match="factor is a float, not a function"):
            optim.LRSchedule(optimizer, 0.5)
        with pytest.raises(ValueError, match="factor=-0.5"):
            optim.LRSchedule(optimizer, lambda step: -0.5).set(0)
        assert optimizer.lr == 3e-3

    @pytest.mark.parametrize("call", [
        lambda: optim.linear_decay(0, steps=0), lambda: optim.cosine_decay(-1, steps=3), lambda: optim.warmup_cosine(0, warmup_steps=3, steps=3),
    ])  # fmt: skip
    def test_errors(self, call):
        with pytest.raises(ValueError, match="steps=|warmup="):
            call()


class TestClipping:
    def made(self, *grads, dtype=np.float32):
        parameters = leaves(*[np.zeros_like(g, dtype=dtype) for g in grads], np.zeros(2, dtype))
        for p, g in zip(parameters, grads):
            p.grad = Tensor(np.asarray(g, dtype))
        return parameters

    def test_the_joint_norm(self):
        parameters = self.made(np.array([[3.0, 0.0]]), np.array([4.0]))
        assert optim.clip_grad_norm_(parameters, 10) == pytest.approx(5) and parameters[1].grad.data.tolist() == [4]
        assert optim.clip_grad_norm_(parameters, 1) == pytest.approx(5)
        np.testing.assert_allclose([*parameters[0].grad.data[0], *parameters[1].grad.data], [0.6, 0, 0.8], rtol=1e-6)
        assert parameters[0].grad.dtype == np.float32 and parameters[2].grad is None
        assert optim.clip_grad_norm_(parameters[2:], 1) == 0

    def test_a_million_numbers(self):
        g = np.random.default_rng(0).normal(size=(1000, 1000)).astype(np.float32)
        assert optim.clip_grad_norm_(self.made(g.T), 1e9) == pytest.approx(np.linalg.norm(g.astype(np.float64)), rel=1e-6)

    def test_squares_that_overflow(self):
        parameters = self.made(np.array([3e30]), np.array([4e30]))
        assert optim.clip_grad_norm_(parameters, 1) == pytest.approx(5e30, rel=1e-6)
        np.testing.assert_allclose(parameters[1].grad.data, [0.8], rtol=1e-6)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_nan_is_reported_before_it_spreads(self, bad):
        parameters = self.made(np.array([3.0]), np.array([1.0, bad]))
        with pytest.raises(FloatingPointError, match=r"parameter 1, of shape \(2,\), holds NaN or infinity"):
            optim.clip_grad_norm_(parameters, 1)
        assert parameters[0].grad.data.tolist() == [3]

    def test_strict_arrays(self):
        p = leaves(StrictArray(np.zeros(2, np.float32)))[0]
        p.grad = Tensor(StrictArray(np.array([3, 4], np.float32)))
        assert optim.clip_grad_norm_([p], 1) == pytest.approx(5)
        np.testing.assert_allclose(p.grad.data.get(), [0.6, 0.8], rtol=1e-6)

    def test_errors(self):
        with pytest.raises(ValueError, match="max_norm=0"):
            optim.clip_grad_norm_([], 0)
        with pytest.raises(TypeError, match="list"):
            optim.clip_grad_norm_(leaves(np.ones(2))[0], 1)


class TestAverage:
    def net(self, seed=0):
        return nn.Sequential(nn.Conv2d(2, 3, 3, rng=default_rng(seed)), nn.BatchNorm2d(3))

    def test_recursion_and_use(self):
        net = self.net()
        weight, rng = net[0].weight, np.random.default_rng(0)
        ema = optim.ExponentialMovingAverage(net, decay=0.8)
        expected = weight.data.astype(np.float64)
        for _ in range(5):
            weight.data += rng.normal(size=weight.shape).astype(np.float32)
            ema.update()
            expected = 0.8 * expected + 0.2 * weight.data
        own, strides = weight.data.copy(), weight.data.strides
        with ema.average_parameters() as module:
            assert module is net and weight.data.strides == strides and weight.dtype == np.float32
            np.testing.assert_allclose(weight.data, expected, rtol=1e-5, atol=1e-6)
        assert (weight.data == own).all()

    def test_weights_come_back_after_an_error(self):
        net = self.net()
        ema, own = optim.ExponentialMovingAverage(net, 0.5), net[0].weight.data
        with pytest.raises(ZeroDivisionError), ema.average_parameters():
            raise ZeroDivisionError
        assert net[0].weight.data is own
        ema.update()

    def test_graphs_do_not_mix_weights_and_averages(self):
        net = self.net()
        ema = optim.ExponentialMovingAverage(net, 0.5)
        x = tensor(np.ones((2, 2, 4, 4), np.float32), requires_grad=True)
        with ema.average_parameters():
            y = net(x)
        with pytest.raises(RuntimeError, match="written in place"):
            y.sum().backward()

    def test_inside_nothing_may_be_saved_or_moved(self):
        ema = optim.ExponentialMovingAverage(self.net(), 0.5)
        state = ema.state_dict()
        with ema.average_parameters():
            for f in (ema.update, ema.state_dict, lambda: ema.load_state_dict(state), lambda: ema.average_parameters().__enter__()):
                with pytest.raises(RuntimeError, match="inside `with average_parameters"):
                    f()

    def test_state(self):
        net = self.net()
        ema, other = optim.ExponentialMovingAverage(net, 0.5), optim.ExponentialMovingAverage(self.net(1), 0.5)
        net[0].bias.data += 1
        ema.update()
        other.load_state_dict(ema.state_dict())
        assert all((other.state_dict()[k] == v).all() for k, v in ema.state_dict().items())
        with pytest.raises(ValueError, match="missing: 0.weight"):
            ema.load_state_dict({})

    def test_strict_arrays(self):
        net = self.net().map_arrays_(StrictArray)
        ema = optim.ExponentialMovingAverage(net, 0.5)
        net[0].bias.data = net[0].bias.data + 1
        ema.update()
        ema.load_state_dict(ema.state_dict())
        with ema.average_parameters():
            net(tensor(StrictArray(np.ones((2, 2, 4, 4), np.float32))))

    def test_errors(self):
        with pytest.raises(ValueError, match="decay=1"):
            optim.ExponentialMovingAverage(self.net(), 1.0)
        with pytest.raises(ValueError, match="ReLU has no parameters"):
            optim.ExponentialMovingAverage(nn.ReLU(), 0.9)
        net = self.net()
        ema = optim.ExponentialMovingAverage(net, 0.9)
        net.extra = nn.Linear(2, 2, rng=default_rng(0))
        with pytest.raises(RuntimeError, match="parameters have changed"):
            ema.update()
