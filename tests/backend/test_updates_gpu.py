"""The steps of the optimizers on a GPU: the bits of their formulas, and few launches."""

from __future__ import annotations

import importlib
from functools import partial

import numpy as np
import pytest

from tinygen import default_rng, nn, optim, tensor
from tinygen.autograd.tensor import Tensor
from tinygen.backend import fused, updates_gpu

from .test_kernels import mistakes

OPTIMIZERS = [
    (optim.SGD, {}),
    (optim.SGD, {"weight_decay": 0.3}),
    (optim.SGD, {"momentum": 0.9, "dampening": 0.2, "weight_decay": 0.3}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (optim.RMSprop, {}),
    (optim.RMSprop, {"momentum": 0.8, "weight_decay": 0.3}),
    (optim.RMSprop, {"centered": True}),
    (optim.RMSprop, {"centered": True, "momentum": 0.8}),
    (optim.Adam, {}),
    (optim.Adam, {"weight_decay": 0.3, "betas": (0.5, 0.99)}),
    (optim.AdamW, {"weight_decay": 0.3}),
]
each_optimizer = pytest.mark.parametrize("optimizer_class, settings", OPTIMIZERS)
SHAPES = [(3, 4), (700,), (), (0, 2), (17, 5, 3, 3), (256,)]


@pytest.fixture
def counting(compiler):
    """`cupy_counts.counting`, where kernels are compiled and launches counted."""
    return pytest.importorskip("cupy_counts").counting


def draw(rng, shapes, dtype):
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]


def parameters_of(cupy, arrays):
    return [tensor(cupy.asarray(a), requires_grad=True) for a in arrays]


def set_gradients(cupy, parameters, grads):
    for p, g in zip(parameters, grads, strict=True):
        p.grad = None if g is None else Tensor(cupy.asarray(g))


@each_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_has_the_bits_of_the_formula(cupy, counting, optimizer_class, settings, dtype):
    """Of small, empty and large parameters; one has no gradient in one step, one has a NaN."""
    rng = np.random.default_rng(0)
    values = draw(rng, SHAPES, dtype)
    optimizer = optimizer_class(parameters_of(cupy, values), lr=0.1, **settings)
    states = [{name: np.zeros_like(p) for name in optimizer.state_names} for p in values]
    times = [0] * len(values)
    for step in range(3):
        grads = draw(rng, SHAPES, dtype)
        if step == 0:
            grads[1][5] = np.nan
        if step == 1:
            grads[0] = None
        set_gradients(cupy, optimizer.parameters, grads)
        with counting() as counts:
            optimizer.step()
        assert counts.launches.total() == (1 if step < 2 else 2), counts.table()  # two times t
        assert counts.copies.total() == counts.waits.total() == 0
        for i, g in enumerate(grads):
            if g is not None:
                times[i] += 1
                values[i], states[i] = optimizer.update(times[i], values[i], g, states[i])
    for p, value in zip(optimizer.parameters, values, strict=True):
        np.testing.assert_array_equal(p.data.get(), value)
    for state, expected in zip(optimizer.state, states, strict=True):
        for name, array in state.items():
            np.testing.assert_array_equal(array.get(), expected[name])


@pytest.mark.parametrize("count", [90, 91, 500])
def test_many_parameters_take_several_tables(cupy, counting, count):
    rng = np.random.default_rng(0)
    shapes = [(int(n),) for n in rng.integers(0, 600, count)]
    values, grads = draw(rng, shapes, np.float32), draw(rng, shapes, np.float32)
    parameters = parameters_of(cupy, values)
    set_gradients(cupy, parameters, grads)
    optimizer = optim.Adam(parameters)
    with counting() as counts:
        optimizer.step()
    assert counts.launches.total() == -(-count // 89)
    zeros = {"m_sum": np.float32(0), "v_sum": np.float32(0)}
    for p, value, g in zip(parameters, values, grads, strict=True):
        np.testing.assert_array_equal(p.data.get(), optimizer.update(1, value, g, zeros)[0])


def test_arrays_in_other_memory_orders(cupy, counting):
    """A gradient is copied; the other arrays are read in the order of their memory."""
    rng = np.random.default_rng(0)
    p, q, g = draw(rng, [(6, 5), (6, 5), (5, 6)], np.float64)
    on_gpu = [
        (cupy.asarray(p), cupy.asarray(g).T),
        (cupy.asfortranarray(cupy.asarray(q)), cupy.ascontiguousarray(cupy.asarray(g).T)),
    ]
    step = partial(fused.sgd_update, lr=0.1, weight_decay=0.0)
    with counting() as counts:
        fused.apply_in_blocks(step, on_gpu)
    assert counts.launches.by_name() == {"cupy_copy": 2, "sgd_update": 1}
    np.testing.assert_array_equal(on_gpu[0][0].get(), p - 0.1 * g.T)
    np.testing.assert_array_equal(on_gpu[1][0].get(), q - 0.1 * g.T)


def test_what_no_kernel_updates_is_updated_array_by_array(cupy):
    """Arrays of float16, mixed dtypes, and other functions."""
    rng = np.random.default_rng(0)
    p, g = draw(rng, [(5,), (5,)], np.float16)
    half, step = cupy.asarray(p), partial(fused.sgd_update, lr=0.5, weight_decay=0)
    fused.apply_in_blocks(step, [(half, cupy.asarray(g))])
    np.testing.assert_array_equal(half.get(), p - np.float16(0.5) * g)

    double = cupy.asarray(p.astype(np.float64))
    fused.apply_in_blocks(step, [(double, cupy.asarray(g.astype(np.float32)))])
    np.testing.assert_allclose(double.get(), p - 0.5 * g.astype(np.float64), rtol=1e-6)

    def add_up(a, b, scratch):
        np.add(a, b, out=a)

    x, y = cupy.ones(3, np.float32), cupy.ones(3)
    fused.apply_in_blocks(add_up, [(x, x), (y, x)])
    assert (x.get() == 2).all() and (y.get() == 3).all()


def test_empty_parameters_take_no_launch(cupy, counting):
    parameters = parameters_of(cupy, [np.ones(0), np.ones((0, 3))])
    set_gradients(cupy, parameters, [np.ones(0), np.ones((0, 3))])
    optimizer = optim.Adam(parameters)
    with counting() as counts:
        optimizer.step()
    assert counts.launches.total() == 0


def test_averages_follow_in_one_launch(cupy, counting):
    rng = default_rng(0, "cuda")
    network = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.BatchNorm1d(3)).to("cuda")
    ema = optim.ExponentialMovingAverage(network, 0.9)
    expected = [p.data.get() for p in network.parameters()]
    for step in range(1, 4):
        for p in network.parameters():
            p.data = p.data * 1.5
        with counting() as counts:
            ema.update()
        assert dict(counts.launches.by_name()) == {"moving_average_update": 1}
        weight = np.float32(1 - min(0.9, (step - 1) / (step + 9)))
        for average, p in zip(expected, network.parameters(), strict=True):
            average += weight * (p.data.get() - average)
    averages = [ema.state_dict()[name].get() for name, _ in network.named_parameters()]
    for average, wanted in zip(averages, expected, strict=True):
        np.testing.assert_array_equal(average, wanted)


@pytest.mark.parametrize("dtypes", [[np.float32] * 5, [np.float32, np.float64] * 3])
def test_the_norm_of_all_gradients_takes_one_wait(cupy, counting, dtypes):
    rng = np.random.default_rng(0)
    shapes = [(40_000,), (3, 4), (), (0,), (70, 11), (2,)][: len(dtypes)]
    grads = [np.asarray(rng.standard_normal(s), d) for s, d in zip(shapes, dtypes, strict=True)]
    parameters = parameters_of(cupy, grads)
    set_gradients(cupy, parameters, grads)
    norm = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads))
    with counting() as counts:
        assert optim.clip_grad_norm_(parameters, 2 * norm) == pytest.approx(norm, rel=1e-14)
        assert optim.clip_grad_norm_(parameters, norm / 2) == pytest.approx(norm, rel=1e-14)
    assert counts.waits.total() == 2, counts.table()  # there are two calls
    assert counts.launches.by_name()["scale_update"] == len(set(dtypes))
    for p, g in zip(parameters, grads, strict=True):
        np.testing.assert_allclose(p.grad.data.get(), g / 2, rtol=4 * np.finfo(g.dtype).eps)


def test_squares_that_overflow_float32_do_not_overflow(cupy):
    (p,) = parameters_of(cupy, [np.zeros(2, np.float32)])
    p.grad = Tensor(cupy.asarray(np.array([3e30, 4e30], np.float32)))
    assert optim.clip_grad_norm_([p], 1) == pytest.approx(5e30)
    np.testing.assert_allclose(p.grad.data.get(), [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_gradients_raise_and_change_nothing(cupy, bad):
    parameters = parameters_of(cupy, [np.zeros(2), np.zeros(1)])
    set_gradients(cupy, parameters, [np.array([3.0, bad]), np.array([1.0])])
    with pytest.raises(FloatingPointError, match="parameter 0"):
        optim.clip_grad_norm_(parameters, 1)
    assert parameters[1].grad.data.get() == [1]


def test_gradients_are_dropped_without_a_launch(cupy, counting):
    optimizer = optim.Adam(parameters_of(cupy, [np.ones(3)]))
    set_gradients(cupy, optimizer.parameters, [np.ones(3)])
    with counting() as counts:
        optimizer.zero_grad()
    assert counts.launches.total() == 0


def test_without_a_compiler_the_twins_take_their_place(cupy, compiler, monkeypatch):
    monkeypatch.setattr(importlib.import_module("cupy._raw_kernel"), "compiler", lambda: None)
    for name in updates_gpu.UPDATES:
        assert agrees_with_its_twin(cupy, name)
    grads = [np.array([3.0, 1.0], np.float32), np.array([]), np.array([1.0, 5.0])]
    parameters = parameters_of(cupy, grads)
    set_gradients(cupy, parameters, grads)
    assert optim.clip_grad_norm_(parameters, 3) == 6
    np.testing.assert_array_equal(parameters[2].grad.data.get(), [0.5, 2.5])


# --------------------------------------------------------------------------------- planted mistakes

ALL_SETTINGS = {  # two for each update, so that no setting is without effect
    "sgd_update": [{"lr": 0.3, "weight_decay": 0.2}],
    "sgd_momentum_update": [
        {"lr": 0.3, "momentum": 0.7, "damping": 0.6, "weight_decay": 0.2, "nesterov": False},
        {"lr": 0.3, "momentum": 0.7, "damping": 1.0, "weight_decay": 0.0, "nesterov": True},
    ],
    "rmsprop_update": [
        {
            **{"lr": 0.3, "alpha": 0.7, "eps": 0.1, "weight_decay": 0.2, "momentum": m},
            "centered": centered,
        }
        for m in (0.0, 0.6)
        for centered in (False, True)
    ],
    "adam_update": [
        {
            **{"beta1": 0.6, "beta2": 0.7, "rate": 0.3, "shift": 0.1},
            **{"weight_decay": 0.2, "shrinkage": 0.9},
        }
    ],
    "moving_average_update": [{"decay": 0.8}],
    "scale_update": [{"factor": 0.3}],
}


def agrees_with_its_twin(cupy, name) -> bool:
    """Return whether a kernel gives the values of the function in fused.py.

    In float64, where a GPU's other rounding cannot be taken for a mistake.
    """
    rng = np.random.default_rng(0)
    for settings in ALL_SETTINGS[name]:
        specifications = [a.partition("?") for a in updates_gpu.UPDATES[name].arrays.split()]
        count = sum(not setting or bool(settings[setting]) for _, _, setting in specifications)
        arrays = [abs(rng.standard_normal((9, 300))) for _ in range(count)]
        on_gpu = [tuple(cupy.asarray(a[i]) for a in arrays) for i in range(9)]
        f = partial(getattr(fused, name), **settings)
        fused.apply_in_blocks(f, on_gpu)
        f(*arrays, np.empty_like(arrays[0]))
        for k, array in enumerate(arrays):
            result = np.stack([vectors[k].get() for vectors in on_gpu])
            if not np.allclose(result, array, rtol=1e-5, atol=1e-6):
                return False
    return True


@pytest.mark.parametrize("name", updates_gpu.UPDATES)
def test_a_kernel_gives_the_values_of_its_twin(cupy, name):
    assert agrees_with_its_twin(cupy, name)


@pytest.mark.parametrize("name", updates_gpu.UPDATES)
def test_a_mistake_in_a_formula_is_noticed(cupy, compiler, name, monkeypatch):
    update = updates_gpu.UPDATES[name]
    bodies = list(mistakes(update.body)) or [update.body.replace("*=", "-=")]
    for body in bodies:
        monkeypatch.setitem(updates_gpu.UPDATES, name, update._replace(body=body))
        updates_gpu.raw_kernel.cache_clear()
        assert not agrees_with_its_twin(cupy, name), body
    updates_gpu.raw_kernel.cache_clear()
