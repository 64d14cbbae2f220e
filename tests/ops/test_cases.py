"""Every public differentiable function, held to the same truths: its forward, its gradients to second order, its dtype, any device's arrays.

And the checks themselves are checked: no function without a case, and with the sign of any one rule flipped a case fails.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import types

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tinygen
from tests import ops as case_modules
from tests.cases import CASES, Draw
from tests.strict import StrictArray
from tinygen import check_grads, grad, losses, ops, tensor
from tinygen.autograd import backward
from tinygen.autograd import tensor as tensor_module
from tinygen.autograd.primitive import Primitive
from tinygen.backend import to_device, to_numpy

for module in pkgutil.iter_modules(case_modules.__path__):
    importlib.import_module(f"tests.ops.{module.name}")

DECLARED = {"stop_gradient", "straight_through", "reverse_gradient"}  # gradients that are not derivatives, by declaration: tests/autograd/test_backward.py
ALL = [(name, k) for name, cases in sorted(CASES.items()) for k in range(len(cases))]
each_case = pytest.mark.parametrize("name, k", ALL, ids=[f"{name}-{k}" for name, k in ALL])


def examples(test, n: int, shrink: bool = True):
    """Run test(data) on n examples that hypothesis draws, the same in every run."""
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    settings(max_examples=n, derandomize=True, database=None, deadline=None, phases=phases, suppress_health_check=checks)(given(st.data())(test))()


def drawn(name, k, data, move=lambda a: a):
    return CASES[name][k](Draw(data.draw, move))


def outputs_of(f, args) -> list:
    y = f(*args)
    return list(y) if isinstance(y, (tuple, list)) else [y]


def assert_close(name, y, expected, tolerance):
    expected = expected if isinstance(expected, (tuple, list)) else [expected]
    assert len(y) == len(expected), f"{name}: {len(y)} outputs, expected {len(expected)}"
    for o, e in zip(y, expected):
        assert o.shape == np.shape(e), f"{name}: shape {o.shape}, expected {np.shape(e)}"
        np.testing.assert_allclose(to_numpy(o.data), e, rtol=tolerance, atol=tolerance, err_msg=name)


@each_case
def test_forward_agrees_with_a_naive_implementation(name, k, device):
    def check(data):
        f, args, naive = drawn(name, k, data, lambda a: to_device(a, device))
        y = outputs_of(f, [tensor(to_device(a, device)) for a in args])
        assert_close(name, y, naive(*args), 1e-10)

    examples(check, 30)


@each_case
def test_gradients_to_second_order(name, k, device):
    def check(data):
        f, args, _ = drawn(name, k, data, lambda a: to_device(a, device))
        check_grads(f, *[to_device(a, device) for a in args])

    examples(check, 20)


@each_case
def test_float32_stays_float32(name, k, device, monkeypatch):
    """No float64 anywhere: outputs and first- and second-order gradients are float32, by any rule, and near those of float64."""

    def check(data):
        f, args, naive = drawn(name, k, data, lambda a: to_device(a.astype(np.float32) if a.dtype == np.float64 else a, device))
        made = []
        init = tensor_module.Node.__init__

        def watch(self, op, plan, parents, saved, outputs, versions, argument_versions):
            made.extend((op.__name__, dtype) for _, dtype in outputs)
            init(self, op, plan, parents, saved, outputs, versions, argument_versions)

        xs = [tensor(to_device(a.astype(np.float32), device), requires_grad=True) for a in args]
        tensor_module.Node.__init__ = watch
        try:
            y = [o for o in outputs_of(f, xs) if o.requires_grad]
            gs = backward.backward_pass(y, [tensor(np.ones_like(o.data)) for o in y], xs, True, True)
            live = [g for g in gs.values() if g.requires_grad]
            if live:
                backward.backward_pass(live, [tensor(np.ones_like(g.data)) for g in live], xs, False, False)
        finally:
            tensor_module.Node.__init__ = init
        wrong = [(op, dtype) for op, dtype in made if dtype.kind == "f" and dtype != np.float32]
        assert not wrong, f"{name}: float32 went in, these came out: {wrong}"
        assert all(o.dtype == np.float32 for o in y)
        add, came = backward.Cotangents.add, []

        def note(cotangents, edge, g, op=None, *rest):
            came.append((op and op.__name__, getattr(g, "dtype", None), edge[0].outputs[edge[1]][1]))
            return add(cotangents, edge, g, op, *rest)

        monkeypatch.setattr(backward.Cotangents, "add", note)  # on raw arrays, before the engine casts to the argument's dtype
        y = [o for o in outputs_of(f, xs) if o.requires_grad]
        single = backward.backward_pass(y, [tensor(np.ones_like(o.data)) for o in y], xs, False, False)
        monkeypatch.setattr(backward.Cotangents, "add", add)
        wrong = [(op, dtype) for op, dtype, wanted in came if dtype is not None and dtype.kind == "f" and dtype != wanted]
        assert not wrong, f"{name}: cotangents of another dtype than their argument: {wrong}"
        doubles = [tensor(x.data.astype(np.float64), requires_grad=True) for x in xs]
        try:
            z = [o for o in outputs_of(f, doubles) if o.requires_grad]
        except TypeError:
            return  # a constant of the case is float32 and the function takes one dtype
        double = backward.backward_pass(z, [tensor(np.ones_like(o.data)) for o in z], doubles, False, False)
        pairs = [*zip(y, z), *((single[x._edge], double[w._edge]) for x, w in zip(xs, doubles) if x._edge in single)]
        for o, e in pairs:
            o, e = to_numpy(o.data), to_numpy(e.data)
            assert (np.abs(o - e) <= 1e-4 * np.maximum(1, np.abs(e))).all(), f"{name}: float32 is off by {np.abs(o - e).max()}"

    examples(check, 8)


@each_case
def test_runs_on_a_strict_array_type(name, k):
    """Forward, first and second order on an array type that refuses silent conversion to NumPy, with the values that NumPy gives."""

    def check(data):
        f, args, naive = drawn(name, k, data, lambda a: StrictArray(a))
        xs = [tensor(StrictArray(a), requires_grad=True) for a in args]
        y = outputs_of(f, xs)
        assert all(isinstance(o.data, StrictArray) for o in y), f"{name} left the device"
        assert_close(name, [types.SimpleNamespace(shape=o.shape, data=o.data.get()) for o in y], naive(*args), 1e-10)
        y = [o for o in y if o.requires_grad]
        gs = backward.backward_pass(y, [tensor(np.ones_like(o.data)) for o in y], xs, True, True)
        assert all(isinstance(g.data, StrictArray) for g in gs.values())
        live = [g for g in gs.values() if g.requires_grad]
        if live:
            seconds = backward.backward_pass(live, [tensor(np.ones_like(g.data)) for g in live], xs, False, False)
            assert all(isinstance(g.data, StrictArray) for g in seconds.values())

    examples(check, 8)


def test_every_public_function_has_a_case():
    public = {name for package in (ops, losses) for name in package.__all__}
    missing = public - set(CASES) - DECLARED
    assert not missing, f"public functions without a check: {sorted(missing)} (write a @case for each under tests/ops/)"
    assert not set(CASES) - public, f"cases of what is not public: {sorted(set(CASES) - public)}"


def primitives() -> list[Primitive]:
    """Every primitive of the package, private ones included."""
    found = {}
    for info in pkgutil.walk_packages(tinygen.__path__, "tinygen."):
        module = importlib.import_module(info.name)
        found |= {id(v): v for v in vars(module).values() if isinstance(v, Primitive)}
    return sorted(found.values(), key=lambda p: p.__name__)


def rules() -> list[tuple[Primitive, str]]:
    """(primitive, argument) for every rule, each argument of a joint rule included."""
    return [(p, a) for p in primitives() for a in [*(a for a, r in p.rules.items() if r is not None), *p.joint_rule[0]]]


@pytest.fixture(scope="module")
def coverage():
    """Which cases run which primitive: {primitive: [(name, k), ...]}, the primitive's own case first."""
    used: dict[int, dict] = {}
    init = tensor_module.Node.__init__

    def note(node, op, *args):
        used.setdefault(id(op), {})[current] = None
        init(node, op, *args)

    tensor_module.Node.__init__ = note
    try:
        for current in ALL:

            def run(data):
                f, args, _ = drawn(*current, data)
                with contextlib.suppress(AssertionError):  # a wrong op fails in its own test
                    check_grads(f, *args)

            examples(run, 4, shrink=False)
    finally:
        tensor_module.Node.__init__ = init
    return used


def negated(rule):
    """The rule with its sign flipped, with the same parameter names (the engine reads them)."""

    def flip(v):
        return None if v is None else tuple(map(flip, v)) if isinstance(v, tuple) else -v

    namespace = {"rule": rule, "flip": flip}
    names = ", ".join(rule.__code__.co_varnames[: rule.__code__.co_argcount])
    return eval(f"lambda {names}: flip(rule({names}))", namespace)


def negated_joint(rule, position):
    namespace = {"rule": rule, "flip": lambda vs: tuple(v if i != position or v is None else -v for i, v in enumerate(vs))}
    names = ", ".join(rule.__code__.co_varnames[: rule.__code__.co_argcount])
    return eval(f"lambda {names}: flip(rule({names}))", namespace)


@pytest.mark.parametrize("p, argument", rules(), ids=[f"{p.__name__}-{a}" for p, a in rules()])
def test_a_flipped_sign_is_caught(p, argument, coverage, monkeypatch):
    cases = sorted(coverage.get(id(p), ()), key=lambda c: (c[0] != p.__name__.strip("_"), c))
    assert cases, f"no case runs {p.__name__}"
    monkeypatch.setattr(p, "plans", {})
    if argument in p.joint_rule[0]:
        monkeypatch.setattr(p, "joint_rule", (p.joint_rule[0], negated_joint(p.joint_rule[1], p.joint_rule[0].index(argument))))
    else:
        monkeypatch.setitem(p.rules, argument, negated(p.rules[argument]))
    for current in cases:

        def run(data):
            f, args, _ = drawn(*current, data)
            check_grads(f, *args)

        try:
            examples(run, 10, shrink=False)
        except AssertionError:
            return
    pytest.fail(f"the rule of {p.__name__} for {argument} can change its sign and no case notices")


def test_a_stray_array_is_refused_beside_a_strict_one():
    x = tensor(StrictArray(np.ones(3)), requires_grad=True)
    with pytest.raises(TypeError, match="device|numpy"):
        ops.add(x, np.ones(3))
    with pytest.raises(TypeError):
        np.asarray(x.data)
    assert grad((x * x).sum(), x).data.get().tolist() == [2.0, 2.0, 2.0]
