"""Check every public differentiable function: forward, gradients to second order, dtype, devices.

The checks are checked too: every function has a case, and a case fails if any one rule has the
wrong sign.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import types
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tinygen
from tests import ops as case_modules
from tests.cases import CASES, Draw
from tinygen import check_grads, grad, losses, ops, tensor
from tinygen.autograd import backward
from tinygen.autograd import tensor as tensor_module
from tinygen.autograd.primitive import Primitive, parameters
from tinygen.backend import to_device, to_numpy
from tinygen.ops import comparison

for module in pkgutil.iter_modules(case_modules.__path__):
    importlib.import_module(f"tests.ops.{module.name}")


class Case(NamedTuple):
    """A function that draws examples, under one of the names that it checks."""

    name: str
    function: Callable

    def __str__(self):
        return f"{self.name}-{self.function.__name__.removeprefix('draw_')}"

    def draw(self, data, move=lambda a: a):
        """Draw (f, arguments, naive implementation)."""
        return self.function(Draw(data.draw, move))


# Their gradients are declared, and are no derivatives: see test_elementwise.py.
DECLARED = {"stop_gradient", "straight_through", "reverse_gradient"}
# Their results are constants: see test_comparison.py.
CONSTANTS = {
    *comparison.__all__,
    *("argmax", "argmin", "argsort", "ceil", "floor", "floor_divide", "round", "sign"),
}
NUM_GRADIENT_EXAMPLES = 20
ALL = [Case(name, function) for name in sorted(CASES) for function in CASES[name]]
each_case = pytest.mark.parametrize("case", ALL, ids=str)


def run_examples(test, n: int, shrink: bool = True):
    """Run test(data) on n examples that hypothesis draws, the same in every run."""
    configuration = settings(
        max_examples=n,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
        ],
    )
    configuration(given(st.data())(test))()


def outputs_of(f, arguments) -> list:
    """Return the outputs of f as a list."""
    y = f(*arguments)
    return list(y) if isinstance(y, (tuple, list)) else [y]


def differentiable_outputs_of(f, arguments) -> list:
    """Return the outputs of f that require a gradient."""
    return [output for output in outputs_of(f, arguments) if output.requires_grad]


def gradients(outputs: list, leaves: list, create_graph: bool, retain_graph: bool) -> dict:
    """Return the cotangents of the leaves by edge, with cotangents of ones for the outputs."""
    ones = [tensor(np.ones_like(output.data)) for output in outputs]
    return backward.backward_pass(outputs, ones, leaves, create_graph, retain_graph)


def assert_close(name: str, y: list, expected, tolerance: float) -> None:
    """Compare the outputs of an op with those of the naive implementation."""
    expected = expected if isinstance(expected, (tuple, list)) else [expected]
    assert len(y) == len(expected), f"{name}: {len(y)} outputs, expected {len(expected)}"
    for o, e in zip(y, expected):
        assert o.shape == np.shape(e), f"{name}: shape {o.shape}, expected {np.shape(e)}"
        values = to_numpy(o.data)
        np.testing.assert_allclose(values, e, rtol=tolerance, atol=tolerance, err_msg=name)


# -------------------------------------------------------------------------- properties of each case


@each_case
def test_forward_agrees_with_a_naive_implementation(case, device):
    def check(data):
        f, arguments, naive = case.draw(data, lambda a: to_device(a, device))
        y = outputs_of(f, [tensor(to_device(a, device)) for a in arguments])
        assert_close(case.name, y, naive(*arguments), 1e-10)

    run_examples(check, 30)


@each_case
def test_gradients_agree_with_finite_differences_to_second_order(case, device):
    def check(data):
        f, arguments, _ = case.draw(data, lambda a: to_device(a, device))
        check_grads(f, *[to_device(a, device) for a in arguments])

    run_examples(check, NUM_GRADIENT_EXAMPLES)


def as_float32(a):
    """Return a float64 array in float32, and others as they are."""
    return a.astype(np.float32) if a.dtype == np.float64 else a


@each_case
def test_float32_stays_float32(case, device, monkeypatch):
    """All outputs and gradients of first and second order are float32, and near those of float64.

    This includes everything that is recorded on the way, and every cotangent that a rule returns.
    """

    def check(data):
        f, arguments, _ = case.draw(data, lambda a: to_device(as_float32(a), device))
        arrays = [to_device(a.astype(np.float32), device) for a in arguments]
        xs = [tensor(a, requires_grad=True) for a in arrays]
        assert_recorded_in_float32(case.name, f, xs, monkeypatch)
        y, single = assert_cotangents_in_float32(case.name, f, xs, monkeypatch)
        assert_near_float64(case.name, f, xs, y, single)

    run_examples(check, 8)


def assert_recorded_in_float32(name, f, xs, monkeypatch) -> None:
    """Check the dtype of every output that is recorded, to second order."""
    recorded = []
    init = tensor_module.Node.__init__

    def watch(self, op, plan, parents, saved, outputs, versions, argument_versions):
        recorded.extend((op.__name__, dtype) for _, dtype in outputs)
        init(self, op, plan, parents, saved, outputs, versions, argument_versions)

    with monkeypatch.context() as patch:
        patch.setattr(tensor_module.Node, "__init__", watch)
        y = differentiable_outputs_of(f, xs)
        first = gradients(y, xs, True, True)
        differentiable = [g for g in first.values() if g.requires_grad]
        if differentiable:
            gradients(differentiable, xs, False, False)
    wrong = [(op, dtype) for op, dtype in recorded if dtype.kind == "f" and dtype != np.float32]
    assert not wrong, f"{name}: float32 went in, these came out: {wrong}"
    assert all(output.dtype == np.float32 for output in y)


def assert_cotangents_in_float32(name, f, xs, monkeypatch) -> tuple[list, dict]:
    """Check the dtype of every cotangent that a rule returns; return outputs and gradients.

    The check runs on raw arrays, before the engine converts a cotangent to its argument's dtype.
    """
    arrived = []
    add = backward.Cotangents.add

    def watch(cotangents, edge, g, op=None, *rest):
        node, k = edge
        arrived.append((op and op.__name__, getattr(g, "dtype", None), node.outputs[k][1]))
        return add(cotangents, edge, g, op, *rest)

    y = differentiable_outputs_of(f, xs)
    with monkeypatch.context() as patch:
        patch.setattr(backward.Cotangents, "add", watch)
        single = gradients(y, xs, False, False)
    wrong = [
        (op, dtype)
        for op, dtype, wanted in arrived
        if dtype is not None and dtype.kind == "f" and dtype != wanted
    ]
    assert not wrong, f"{name}: cotangents of another dtype than their argument: {wrong}"
    return y, single


def assert_near_float64(name, f, xs, y, single) -> None:
    """Compare float32 outputs and gradients with those of float64."""
    doubles = [tensor(x.data.astype(np.float64), requires_grad=True) for x in xs]
    try:
        z = differentiable_outputs_of(f, doubles)
    except TypeError:
        return  # a constant of the case is float32, and the function takes one dtype
    double = gradients(z, doubles, False, False)
    pairs = list(zip(y, z))
    pairs += [(single[x._edge], double[w._edge]) for x, w in zip(xs, doubles) if x._edge in single]
    for o, e in pairs:
        o, e = to_numpy(o.data), to_numpy(e.data)
        error = np.abs(o - e)
        is_near = error <= 1e-4 * np.maximum(1, np.abs(e))
        assert is_near.all(), f"{name}: float32 is off by {error.max()}"


@each_case
def test_runs_on_a_gpu(cupy, case):
    """Forward, first and second order run on arrays that refuse silent conversion to NumPy."""

    def check(data):
        f, arguments, naive = case.draw(data, cupy.asarray)
        xs = [tensor(cupy.asarray(a), requires_grad=True) for a in arguments]
        y = outputs_of(f, xs)
        assert all(isinstance(o.data, cupy.ndarray) for o in y), f"{case.name} left the device"
        host = [types.SimpleNamespace(shape=o.shape, data=o.data.get()) for o in y]
        assert_close(case.name, host, naive(*arguments), 1e-10)
        first = gradients([o for o in y if o.requires_grad], xs, True, True)
        assert all(isinstance(g.data, cupy.ndarray) for g in first.values())
        differentiable = [g for g in first.values() if g.requires_grad]
        if differentiable:
            second = gradients(differentiable, xs, False, False)
            assert all(isinstance(g.data, cupy.ndarray) for g in second.values())

    run_examples(check, 8)


# ----------------------------------------------------------------------------- checks of the checks


def test_every_public_function_has_a_case():
    public = {name for package in (ops, losses) for name in package.__all__}
    missing = public - set(CASES) - DECLARED - CONSTANTS
    assert not missing, f"write a @case under tests/ops/ for each of {sorted(missing)}"
    assert not set(CASES) - public, f"cases of what is not public: {sorted(set(CASES) - public)}"


def primitives() -> list[Primitive]:
    """Return every primitive of the package, private ones included."""
    found = {}
    for info in pkgutil.walk_packages(tinygen.__path__, "tinygen."):
        if info.name == "tinygen.nn.functional":  # it only raises an ImportError with advice
            continue
        module = importlib.import_module(info.name)
        found |= {id(v): v for v in vars(module).values() if isinstance(v, Primitive)}
    return sorted(found.values(), key=lambda p: p.__name__)


def rules() -> list[tuple[Primitive, str]]:
    """Return (primitive, argument) for every rule, and for each argument of a joint rule."""
    found = []
    for p in primitives():
        found += [(p, argument) for argument, rule in p.rules.items() if rule is not None]
        found += [(p, argument) for argument in p.joint_rule[0]]
    return found


def gradient_check(case: Case):
    """Return a test that compares gradients with finite differences."""

    def check(data):
        f, arguments, _ = case.draw(data)
        check_grads(f, *arguments)

    return check


@pytest.fixture(scope="module")
def coverage():
    """Which cases run which primitive, by the id of the primitive."""
    used: dict[int, dict[Case, None]] = {}
    init = tensor_module.Node.__init__

    def note(node, op, *rest):
        used.setdefault(id(op), {})[current] = None
        init(node, op, *rest)

    tensor_module.Node.__init__ = note
    try:
        for n in (4, 30):  # some releases of hypothesis reach a rare branch only with more examples
            for current in ALL:
                check = gradient_check(current)

                def run(data):
                    with contextlib.suppress(AssertionError):  # a wrong op fails in its own test
                        check(data)

                run_examples(run, n, shrink=False)
            if not {id(p) for p, _ in rules()} - used.keys():
                break
    finally:
        tensor_module.Node.__init__ = init
    return used


def with_result(rule, change):
    """Return change(rule(...)) as a rule with the same parameter names, which the engine reads."""
    names = ", ".join(parameters(rule))
    return eval(f"lambda {names}: change(rule({names}))", {"rule": rule, "change": change})


def negated(cotangent):
    """Return minus a cotangent, or minus each of a tuple; None stays None."""
    if cotangent is None:
        return None
    if isinstance(cotangent, tuple):
        return tuple(map(negated, cotangent))
    return -cotangent


def flip_sign(p: Primitive, argument: str, monkeypatch) -> None:
    """Give the rule of one argument the wrong sign."""
    monkeypatch.setattr(p, "plans", {})
    joint_arguments, joint_rule = p.joint_rule
    if argument not in joint_arguments:
        monkeypatch.setitem(p.rules, argument, with_result(p.rules[argument], negated))
        return
    position = joint_arguments.index(argument)

    def negate_one(cotangents):
        return tuple(negated(g) if i == position else g for i, g in enumerate(cotangents))

    monkeypatch.setattr(p, "joint_rule", (joint_arguments, with_result(joint_rule, negate_one)))


@pytest.mark.parametrize("p, argument", rules(), ids=[f"{p.__name__}-{a}" for p, a in rules()])
@pytest.mark.cpu_only
def test_a_rule_with_the_wrong_sign_is_caught(p, argument, coverage, monkeypatch):
    own_name = p.__name__.strip("_")
    cases = sorted(coverage.get(id(p), ()), key=lambda case: (case.name != own_name, str(case)))
    assert cases, f"no case runs {p.__name__}"
    flip_sign(p, argument, monkeypatch)
    for case in cases:
        try:
            run_examples(gradient_check(case), NUM_GRADIENT_EXAMPLES, shrink=False)
        except AssertionError:
            return
    pytest.fail(f"the rule of {p.__name__} for {argument} can change its sign and no case notices")


def test_a_numpy_array_is_refused_next_to_one_of_the_gpu(cupy):
    x = tensor(cupy.asarray(np.ones(3)), requires_grad=True)
    with pytest.raises(TypeError, match="device|numpy"):
        ops.add(x, np.ones(3))
    with pytest.raises(TypeError):
        np.asarray(x.data)
    assert grad((x * x).sum(), x)[0].data.get().tolist() == [2.0, 2.0, 2.0]
