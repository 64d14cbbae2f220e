"""Optimizers: their recursions, the fused form, memory layouts, devices, states and errors."""

import math

import numpy as np
import pytest

from tests.optim import reference
from tests.optim.helpers import make_parameters, take_steps
from tinygen import default_rng, nn, optim, set_threads
from tinygen.autograd.tensor import Tensor
from tinygen.backend import to_numpy
from tinygen.backend.threads import threads

RULES = [
    (optim.SGD, reference.sgd, {"lr": 0.1}),
    (optim.SGD, reference.sgd, {"lr": 0.1, "momentum": 0.9}),
    (
        optim.SGD,
        reference.sgd,
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1},
    ),
    (
        optim.SGD,
        reference.sgd,
        {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True},
    ),
    (optim.RMSprop, reference.rmsprop, {}),
    (
        optim.RMSprop,
        reference.rmsprop,
        {"lr": 0.03, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.5},
    ),
    (
        optim.RMSprop,
        reference.rmsprop,
        {"momentum": 0.5, "centered": True, "weight_decay": 0.1},
    ),
    (optim.Adam, reference.adam, {}),
    (
        optim.Adam,
        reference.adam,
        {"lr": 0.1, "betas": (0.0, 0.9), "eps": 1e-2, "weight_decay": 0.1},
    ),
    (optim.Adam, reference.adam, {"lr": 0.1, "betas": (0.5, 0.999)}),
    (optim.AdamW, reference.adamw, {}),
    (optim.AdamW, reference.adamw, {"lr": 0.1, "weight_decay": 0.5}),
]
each_rule = pytest.mark.parametrize(
    "optimizer_class, recursion, settings",
    RULES,
    ids=[f"{rule[0].__name__}-{i}" for i, rule in enumerate(RULES)],
)
CLASSES = [
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.RMSprop, {"momentum": 0.5, "centered": True}),
    (optim.Adam, {}),
    (optim.AdamW, {}),
]
each_class = pytest.mark.parametrize(
    "optimizer_class, settings", CLASSES, ids=[c.__name__ for c, _ in CLASSES]
)


@each_rule
def test_parameters_follow_the_recursion(optimizer_class, recursion, settings):
    """A parameter without a gradient at some steps is left alone, and so is its step count."""
    rng = np.random.default_rng(0)
    initial = [rng.normal(size=shape) for shape in ((3, 4), (), (2, 3, 1))]
    grads = [[rng.normal(size=p.shape) for p in initial] for _ in range(7)]
    for t in (0, 3):
        grads[t][1] = None
    parameters = make_parameters(*initial)
    take_steps(optimizer_class(parameters, **settings), grads)
    for i, p in enumerate(parameters):
        own_grads = [row[i] for row in grads if row[i] is not None]
        expected = recursion(initial[i], own_grads, **settings)
        np.testing.assert_allclose(p.data, expected, rtol=1e-12, atol=1e-13)


@each_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (5,), (70, 1003)])
@pytest.mark.cpu_only
def test_the_fused_update_has_the_bits_of_the_formula(
    optimizer_class, recursion, settings, dtype, shape
):
    rng = np.random.default_rng(0)
    p, *grads = (np.asarray(rng.normal(size=shape), dtype) for _ in range(5))
    optimizer = optimizer_class(make_parameters(p), **settings)
    state = {name: np.zeros_like(p) for name in optimizer.state_names}
    for t, g in enumerate(grads, 1):
        take_steps(optimizer, [[g]])
        p, state = optimizer.update(t, p, g, state)
        assert p.dtype == dtype
        np.testing.assert_array_equal(optimizer.parameters[0].data, p, strict=shape != ())
        assert state.keys() == optimizer.state[0].keys()
        for name, array in optimizer.state[0].items():
            np.testing.assert_array_equal(array, state[name], strict=shape != ())


@each_rule
def test_many_small_parameters_are_updated_as_each_alone(optimizer_class, recursion, settings):
    """They are gathered in blocks, whose number, dtypes and memory order make no difference."""
    rng = np.random.default_rng(0)
    shapes = [(int(n),) for n in rng.integers(0, 4097, 70)] + [(), (4, 1024), (0, 3)]
    initial = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    initial += [rng.normal(size=(7, 5)), rng.normal(size=(5, 7)).T]  # float64, one not C-contiguous
    grads = [[rng.normal(size=p.shape) for p in initial] for _ in range(3)]
    grads[1][3] = None  # from here on it is one update behind
    optimizer = optimizer_class(make_parameters(*initial), **settings)
    take_steps(optimizer, grads)
    for i, p in enumerate(initial):
        alone = optimizer_class(make_parameters(p), **settings)
        take_steps(alone, [[row[i]] for row in grads])
        np.testing.assert_array_equal(optimizer.parameters[i].data, alone.parameters[0].data)
        for name in optimizer.state_names:
            array, expected = to_numpy(optimizer.state[i][name]), to_numpy(alone.state[0][name])
            np.testing.assert_array_equal(array, expected)


@each_rule
def test_large_float32_parameters_keep_dtype_and_layout(optimizer_class, recursion, settings):
    """They go through several blocks, in the order of their memory, whatever the gradient's is."""
    rng = np.random.default_rng(0)
    initial = [rng.normal(size=shape).astype(np.float32) for shape in ((70, 1003), (40, 3, 5, 60))]
    channels_last = np.ascontiguousarray(np.moveaxis(initial[1], 1, -1))
    parameters = [
        nn.module.parameter(initial[0].copy()),
        nn.module.parameter(np.moveaxis(channels_last, -1, 1)),
    ]
    grads = [[rng.normal(size=p.shape) for p in initial] for _ in range(3)]
    optimizer = optimizer_class(parameters, **settings)

    def arrays_of(i):
        return [parameters[i].data, *optimizer.state[i].values()]

    strides = [[a.strides for a in arrays_of(i)] for i in range(2)]
    take_steps(optimizer, grads)
    # centered: v - a^2 is of the size of rounding errors at the first step, where the step is steep
    atol = 1e-3 if settings.get("centered") else 5e-6
    for i, p in enumerate(parameters):
        own_grads = [row[i].astype(np.float32).astype(np.float64) for row in grads]
        expected = recursion(initial[i].astype(np.float64), own_grads, **settings)
        np.testing.assert_allclose(p.data, expected, rtol=2e-5, atol=atol)
        assert len(arrays_of(i)) == 1 + len(optimizer.state_names)
        assert all(a.dtype == np.float32 for a in arrays_of(i))
        assert [a.strides for a in arrays_of(i)] == strides[i] and len(set(strides[i])) == 1


@each_rule
def test_a_parameter_may_change_its_layout(optimizer_class, recursion, settings):
    """An array assigned to `data` may lie in another order than the state, or not densely."""
    rng = np.random.default_rng(0)
    initial = rng.normal(size=(3, 4))
    grads = [[rng.normal(size=(3, 4))] for _ in range(4)]
    (p,) = make_parameters(initial)
    optimizer = optimizer_class([p], **settings)
    take_steps(optimizer, grads[:2])
    p.data = np.asfortranarray(p.data)
    take_steps(optimizer, grads[2:3])
    p.data = np.repeat(p.data, 2, axis=1)[:, ::2]
    take_steps(optimizer, grads[3:])
    expected = recursion(initial, [row[0] for row in grads], **settings)
    np.testing.assert_allclose(p.data, expected, rtol=1e-12)


@each_class
def test_bits_do_not_depend_on_the_number_of_threads(optimizer_class, settings):
    rng = np.random.default_rng(0)
    initial = rng.normal(size=(300, 1001)).astype(np.float32)
    grads = [[rng.normal(size=(300, 1001))] for _ in range(2)]
    before, results = threads(), []
    try:
        for n in (1, 2, 4):
            set_threads(n)
            parameters = make_parameters(initial)
            take_steps(optimizer_class(parameters, **settings), grads)
            results.append(parameters[0].data)
    finally:
        set_threads(before)
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()


@each_class
def test_device_arrays_are_updated_and_take_numpy_states(cupy, optimizer_class, settings):
    rng = np.random.default_rng(0)
    initial = rng.normal(size=(3, 4))
    grads = [[rng.normal(size=(3, 4))] for _ in range(3)]
    numpy_parameters = make_parameters(initial)
    device_parameters = make_parameters(cupy.asarray(initial))
    on_numpy = optimizer_class(numpy_parameters, **settings)
    on_device = optimizer_class(device_parameters, **settings)
    take_steps(on_numpy, grads)
    take_steps(on_device, [[cupy.asarray(g) for g in row] for row in grads])
    np.testing.assert_allclose(
        device_parameters[0].data.get(), numpy_parameters[0].data, rtol=1e-12
    )
    on_device.load_state_dict(on_numpy.state_dict())  # the arrays move to the device
    first = on_numpy.state_names[0]
    np.testing.assert_allclose(on_device.state[0][first].get(), on_numpy.state[0][first])
    device_parameters[0].grad = Tensor(np.ones((3, 4)))
    with pytest.raises(TypeError, match="two devices"):
        on_device.step()


@each_class
def test_gradients_are_only_read(optimizer_class, settings):
    (p,) = make_parameters(np.ones(3))
    optimizer = optimizer_class([p], **(settings | {"weight_decay": 0.1}))
    take_steps(optimizer, [[np.array([1.0, -2.0, 3.0])]])
    assert p.grad.data.tolist() == [1, -2, 3]
    optimizer.zero_grad()
    assert p.grad is None


@each_class
def test_nan_in_a_gradient_reaches_its_own_element_only(optimizer_class, settings):
    (p,) = make_parameters(np.ones(3))
    take_steps(optimizer_class([p], **settings), [[np.array([1.0, np.nan, 1.0])]])
    assert np.isnan(p.data).tolist() == [False, True, False]


@each_class
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(optimizer_class, settings):
    """The state includes the learning rate that was set last."""
    rng = np.random.default_rng(0)
    grads = [[rng.normal(size=(3, 4)), rng.normal(size=5)] for _ in range(6)]
    parameters = make_parameters(np.ones((3, 4), np.float32), np.ones(5, np.float32))
    optimizer = optimizer_class(parameters, **settings)
    take_steps(optimizer, grads[:3])
    optimizer.lr *= 0.5
    resumed_parameters = make_parameters(*[p.data for p in parameters])
    resumed = optimizer_class(resumed_parameters, **(settings | {"lr": 9.0}))
    arrays = [array for state in resumed.state for array in state.values()]
    resumed.load_state_dict(optimizer.state_dict())
    now = [array for state in resumed.state for array in state.values()]
    assert all(a is b for a, b in zip(arrays, now, strict=True))
    take_steps(optimizer, grads[3:])
    take_steps(resumed, grads[3:])
    for p, q in zip(parameters, resumed_parameters, strict=True):
        assert (p.data == q.data).all()
    values = optimizer.state_dict().values()
    assert all(isinstance(value, (str, float, np.ndarray)) for value in values)


def test_a_state_dict_holds_copies():
    optimizer = optim.Adam(make_parameters(np.ones(2)))
    state = optimizer.state_dict()
    take_steps(optimizer, [[np.ones(2)]])
    assert state["0.m_sum"].tolist() == [0, 0] and state["num_updates"].tolist() == [0]


def test_a_state_of_another_optimizer_raises_and_changes_nothing():
    optimizer = optim.Adam(make_parameters(np.ones(3), np.ones(2)))
    take_steps(optimizer, [[np.ones(3), np.ones(2)]])
    before = optimizer.state_dict()
    adamw = optim.AdamW(make_parameters(np.ones(3), np.ones(2)))
    one_parameter = optim.Adam(make_parameters(np.ones(3)))
    other_shape = optim.Adam(make_parameters(np.ones(3), np.ones(4)))
    for state, message in [
        (adamw.state_dict(), "of a AdamW, this is a Adam"),
        (
            one_parameter.state_dict(),
            r"missing: 1.m_sum, 1.v_sum\n.*num_updates: expected int64 \(2,\), .* int64 \(1,\)",
        ),
        (
            other_shape.state_dict(),
            r"1.m_sum: expected float64 \(2,\), the state has float64 \(4,\)",
        ),
        ({}, "missing: kind, lr, num_updates"),
    ]:
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert all(np.array_equal(before[key], after[key]) for key in before)


def test_a_step_between_forward_and_backward_raises():
    (p,) = make_parameters(np.ones(3))
    optimizer = optim.SGD([p], lr=0.1)
    y = (p * p).sum()
    take_steps(optimizer, [[np.ones(3)]])
    with pytest.raises(RuntimeError, match="written in place"):
        y.backward()


def test_the_values_of_a_differentiable_gradient_are_used():
    (p,) = make_parameters(np.array(2.0))
    (p * p * p).backward(create_graph=True)
    optim.SGD([p], lr=0.1).step()
    assert p.data == pytest.approx(2 - 0.1 * 12)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda p: [], ValueError, "no parameter to optimize"),
        (lambda p: p, TypeError, "as a list"),
        (
            lambda p: nn.Linear(2, 2, rng=default_rng(0)),
            TypeError,
            r"model.parameters\(\), not a Linear",
        ),
        (lambda p: [p, p], ValueError, "in the list twice"),
        (
            lambda p: [p, p * 2.0],
            ValueError,
            "parameter 1, of shape .* result of a computation",
        ),
        (
            lambda p: [p.detach()],
            ValueError,
            "requires no gradient, so it would never change",
        ),
        (lambda p: [np.ones(3)], TypeError, "parameter 0 is a ndarray"),
        (lambda p: [("weight", p)], TypeError, "not named_parameters"),
    ],
)
def test_wrong_lists_of_parameters_raise(make, error, message):
    with pytest.raises(error, match=message):
        optim.Adam(make(make_parameters(np.ones(3))[0]))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda p: optim.SGD(p, lr=-1), "SGD: lr=-1 must be at least 0"),
        (lambda p: optim.SGD(p, lr=math.nan), "lr=nan"),
        (lambda p: optim.SGD(p, 0.1, nesterov=True), "momentum > 0"),
        (
            lambda p: optim.Adam(p, betas=(0.9, 1.0)),
            "Adam: beta2=1.0 must be at least 0 and less than 1",
        ),
        (lambda p: optim.AdamW(p, eps=-1), "AdamW: eps"),
        (lambda p: optim.RMSprop(p, alpha=1.5), "alpha"),
    ],
)
def test_wrong_settings_raise(make, message):
    with pytest.raises(ValueError, match=message):
        make(make_parameters(np.ones(3)))
