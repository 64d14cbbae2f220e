"""demos/engine_in_steps: each step is short, learns, and has the gradients of the real engine."""

import ast
import importlib.util
import re
from operator import attrgetter

import numpy as np
import pytest

from tests.demos.processes import DEMOS, run_python
from tinygen import grad, ops, tensor

FOLDER = DEMOS / "engine_in_steps"
STEPS = ["1_scalars", "2_arrays", "3_primitives", "4_any_order"]
PRINTS = {
    "1_scalars": r"-1, 1, 1, -1 were wanted: -1\.00, 1\.00, 1\.00, -1\.00; loss 0\.0",
    "2_arrays": r"mean squared error 0\.00\d\d; the constant 0 has 0\.4922",
    "3_primitives": r"9[5-9]% of the points are classified correctly",
    "4_any_order": r"mean derivative 1\.(19|20)\d; the best is .* = 1\.2",
}
SHAPES = [(3, 4), (4,), (3, 1), ()]  # they broadcast with one another


def load(step):
    """Import the file of a step."""
    spec = importlib.util.spec_from_file_location(f"step_{step}", FOLDER / f"{step}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_program(rng, num_inputs, length=12):
    """Return a list of (op, place, place): each result is put at the end of a list of values."""
    program = []
    for n in range(num_inputs, num_inputs + length):
        op = str(rng.choice(["add", "mul", "tanh"]))
        program.append((op, int(rng.integers(n)), int(rng.integers(n))))
    # Every input counts: with the last result, their product is the output.
    return program + [("mul", i, len(program) + num_inputs - 1 + i) for i in range(num_inputs)]


def run(program, inputs, tanh):
    """Run a program on Scalars, arrays or Tensors, and return its last value."""
    values = list(inputs)
    for op, i, j in program:
        a, b = values[i], values[j]
        values.append(tanh(a) if op == "tanh" else a + b if op == "add" else a * b)
    return values[-1]


def real_gradients(program, arrays, reduce, order=1, directions=None):
    """Return the gradients of the real engine; of a higher order, along directions."""
    xs = [tensor(a, requires_grad=True) for a in arrays]
    output = reduce(run(program, xs, ops.tanh))
    for _ in range(order - 1):
        gradients = grad(output, xs, create_graph=True)
        output = sum((g * v).sum() for g, v in zip(gradients, directions))
    return [g.data for g in grad(output, xs, allow_unused=True)]


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_has_at_most_60_lines_of_code(step):
    """Blank lines, comments and docstrings are not counted."""
    source = (FOLDER / f"{step}.py").read_text(encoding="utf-8")
    prose = set()
    for node in ast.walk(ast.parse(source)):
        may_have_one = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if may_have_one and ast.get_docstring(node):
            prose |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = [
        line
        for number, line in enumerate(source.splitlines(), 1)
        if number not in prose and line.strip() and not line.strip().startswith("#")
    ]
    assert len(lines) <= 60


@pytest.mark.parametrize("step", STEPS)
def test_a_step_runs_as_a_program_and_learns(step, tmp_path):
    result = run_python("-W", "error", FOLDER / f"{step}.py")
    assert result.returncode == 0, result.stderr
    assert re.match(PRINTS[step], result.stdout), result.stdout


@pytest.mark.parametrize("seed", range(20))
def test_scalars_have_the_gradients_of_the_real_engine(seed):
    step = load("1_scalars")
    rng = np.random.default_rng(seed)
    program, arrays = random_program(rng, 3), rng.normal(size=3)
    xs = [step.Scalar(float(a)) for a in arrays]
    found = step.grad(run(program, xs, step.Scalar.tanh), xs)
    assert_equal(found, real_gradients(program, arrays, lambda y: y))


@pytest.mark.parametrize("seed", range(20))
def test_arrays_have_the_gradients_of_the_real_engine(seed):
    step = load("2_arrays")
    rng = np.random.default_rng(seed)
    program, arrays = random_program(rng, 4), [rng.normal(size=shape) for shape in SHAPES]
    xs = [step.Tensor(a) for a in arrays]
    found = step.grad(run(program, xs, step.Tensor.tanh).sum(), xs)
    assert_equal(found, real_gradients(program, arrays, ops.sum))


@pytest.mark.parametrize("seed", range(20))
def test_primitives_have_the_gradients_of_the_real_engine(seed):
    step = load("3_primitives")
    rng = np.random.default_rng(seed)
    program, arrays = random_program(rng, 4), [rng.normal(size=shape) for shape in SHAPES]
    xs = [step.Tensor(a) for a in arrays]
    found = step.grad(step.mean(step.softplus(run(program, xs, step.tanh))), xs)
    assert_equal(found, real_gradients(program, arrays, lambda y: ops.softplus(y).mean()))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("seed", range(10))
def test_any_order_has_the_derivatives_of_the_real_engine(seed, order):
    step = load("4_any_order")
    rng = np.random.default_rng(seed)
    program, arrays = random_program(rng, 4), [rng.normal(size=shape) for shape in SHAPES]
    directions = [rng.normal(size=shape) for shape in SHAPES]
    xs = [step.Tensor(a) for a in arrays]
    output = step.sum_to(run(program, xs, step.tanh), ())
    for _ in range(order - 1):
        gradients = step.grad(output, xs, create_graph=True)
        output = sum(step.sum_to(g * v, ()) for g, v in zip(gradients, directions))
    found = step.grad(output, xs)
    assert all(type(g) is np.ndarray or np.isscalar(g) for g in found)
    assert_equal(found, real_gradients(program, arrays, ops.sum, order, directions))


@pytest.mark.parametrize(
    "step, tanh, reduce, real_reduce",
    [
        ("2_arrays", "Tensor.tanh", "Tensor.sum", ops.sum),
        ("3_primitives", "tanh", "mean", ops.mean),
    ],
)
def test_matrix_products_have_the_gradients_of_the_real_engine(step, tanh, reduce, real_reduce):
    step = load(step)
    tanh, reduce = attrgetter(tanh)(step), attrgetter(reduce)(step)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in ((5, 2), (2, 3), (3,), (3, 1), (1,))]

    def network(tanh, x, W, b, V, c):
        return tanh(x @ W + b) @ V + c

    xs = [step.Tensor(a) for a in arrays]
    leaves = [tensor(a, requires_grad=True) for a in arrays]
    found = step.grad(reduce(network(tanh, *xs)), xs)
    expected = grad(real_reduce(network(ops.tanh, *leaves)), leaves)
    assert_equal(found, [g.data for g in expected])


def test_an_input_that_the_output_does_not_depend_on():
    step = load("4_any_order")
    x, other = step.Tensor([1.0, 2.0]), step.Tensor([[3.0], [4.0]])
    output = step.sum_to(x * x, ())
    for create_graph, kind in ((False, np.ndarray), (True, step.Tensor)):
        found = step.grad(output, [x, other], create_graph)
        assert all(type(g) is kind for g in found) and found[1].shape == (2, 1)
        assert not step.raw(found[1]).any()


@pytest.mark.parametrize("step, derivative", [(STEPS[1], 6), (STEPS[2], 6), (STEPS[3], 200)])
def test_when_the_values_are_looked_up(step, derivative):
    """In steps 2 and 3 in the forward pass, in step 4 in the backward pass, as it says."""
    step = load(step)
    x = step.Tensor(3.0)
    y = x * x
    x.data = np.asarray(100.0)
    assert step.grad(y, [x]) == [derivative]


def test_step_3_saves_only_what_the_rules_name():
    step = load("3_primitives")
    a, b = step.Tensor([1.0, 2.0]), step.Tensor([3.0, 4.0])
    assert (a + b).saved == {}
    assert sorted((a * b).saved) == ["a", "b"]
    assert sorted(step.tanh(a).saved) == ["y"]


def test_the_readme_names_what_exists():
    """Each symbol that the table gives for the real engine is in the file beside it."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"{step}.py" in text for step in STEPS)
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("|"))
    places = re.findall(r"\[`(\w+\.py)`\]\(([^)]+)\): ((?:`[\w.]+`(?:, )?)+)", text)
    assert len(places) >= 8
    for name, target, symbols in places:
        path = (FOLDER / target).resolve()
        assert path.name == name
        source = path.read_text(encoding="utf-8")
        for symbol in re.findall(r"`([\w.]+)`", symbols):
            last = symbol.split(".")[-1]
            assert re.search(rf"(def|class) {last}\b|\b{last}\b *=", source), f"{name}: {symbol}"
