"""Whole training steps, as the benchmark defines them: the same bits on any number of threads, one dtype, one memory layout."""

from __future__ import annotations

import importlib.util
import pathlib

import numpy as np
import pytest

from tinygen import nn, optim, tensor
from tinygen.autograd import backward as engine
from tinygen.backend import threads as pool

PATH = pathlib.Path(__file__).parents[2] / "demos" / "benchmark.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parameters_of(step) -> list:
    """The parameters of the optimizer that the step holds."""
    [optimizer] = [c.cell_contents for c in step.__closure__ if isinstance(c.cell_contents, optim.Optimizer)]
    return optimizer.parameters


@pytest.fixture
def record(monkeypatch):
    """Every value that the engine records and every cotangent that arrives: lists of (op, dtype, array or None)."""
    made = {"forward": [], "backward": []}
    tensor_init, add = engine.Tensor.__init__, engine.Cotangents.add

    def watch_tensor(self, data, edge=None, version=None):
        tensor_init(self, data, edge, version)
        if edge is not None and edge[0].op is not None:
            made["forward"].append((edge[0].op.__name__, data))

    def watch_add(cotangents, edge, g, op=None, unshared=False):
        add(cotangents, edge, g, op, unshared)
        made["backward"].append((op.__name__ if op else "start", cotangents.sums[edge]))

    monkeypatch.setattr(engine.Tensor, "__init__", watch_tensor)
    monkeypatch.setattr(engine.Cotangents, "add", watch_add)
    return made


@pytest.mark.parametrize("name", ["mlp_vae", "conv_vae"])
def test_bits_do_not_depend_on_the_number_of_threads(benchmark, name):
    results, before = [], pool.threads()
    try:
        for n in (1, 2, 4):
            pool.set_threads(n)
            step = benchmark.STEPS[name]()
            for _ in range(3):
                step()
            results.append([p.numpy().tobytes() for p in parameters_of(step)])
    finally:
        pool.set_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", ["mlp_vae", "conv_vae"])
def test_a_float32_step_has_no_float64_anywhere(benchmark, name, record):
    step = benchmark.STEPS[name]()
    step()
    assert record["forward"] and record["backward"]
    wrong = {(op, str(a.dtype)) for op, a in record["forward"] + record["backward"] if a.dtype.kind == "f" and a.dtype != np.float32}
    assert not wrong
    [optimizer] = [c.cell_contents for c in step.__closure__ if isinstance(c.cell_contents, optim.Optimizer)]
    state = [v for v in optimizer.state_dict().values() if isinstance(v, np.ndarray) and v.dtype.kind == "f" and v.ndim]
    assert state and all(v.dtype == np.float32 for v in state)


def test_layouts_change_at_the_edges_alone(benchmark, record):
    """Between convolutions activations and their cotangents lie channels-last; flatten and unflatten, NCHW by their meaning, convert once each way."""
    step = benchmark.STEPS["conv_vae"]()
    step()
    changes = {
        (phase, op)
        for phase, arrays in record.items()
        for op, a in arrays
        if a.ndim == 4 and a.shape[1] > 1 and a.shape[2] > 1 and len(a) == 128 and not a.transpose(0, 2, 3, 1).flags.c_contiguous
    }
    assert changes <= {("forward", "reshape"), ("backward", "reshape")}, changes


def test_a_network_learns_what_it_should():
    """Least squares by a linear layer and plain SGD reaches the closed-form solution."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(64, 3)).astype(np.float32), rng.normal(size=(2, 3)).astype(np.float32)
    y = x @ w.T + 0.5
    from tinygen import default_rng

    layer = nn.Linear(3, 2, rng=default_rng(0))
    optimizer = optim.SGD(layer.parameters(), lr=0.2, momentum=0.9)
    for _ in range(200):
        error = layer(tensor(x)) - y
        optimizer.zero_grad()
        (error * error).mean().backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.numpy(), w, atol=1e-4)
    np.testing.assert_allclose(layer.bias.numpy(), 0.5, atol=1e-4)
