"""Whole training steps of the benchmark: bits, dtypes and memory layouts."""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

import _benchmark_scaling
import _benchmark_tables
import _benchmark_tinygen as benchmark
import numpy as np
import pytest
from _benchmark_machine import warn_of_mixed
from _benchmark_worker import measure_in_turns, time_turn

from tests.demos.processes import DEMOS, run_python
from tinygen import default_rng, nn, optim, tensor
from tinygen.autograd import backward as engine
from tinygen.backend import threads


def optimizers_of(step) -> list[optim.Optimizer]:
    """Return the optimizers that a step holds."""
    values = [cell.cell_contents for cell in step.train.__closure__]
    return [value for value in values if isinstance(value, optim.Optimizer)]


def parameters_of(step) -> list:
    """Return the parameters of all networks of a step."""
    return [p for network in step.networks.values() for p in network.parameters()]


@pytest.fixture
def recorded(monkeypatch):
    """Lists of (op, array): every value that the engine saves, every cotangent that arrives."""
    arrays = {"forward": [], "backward": []}
    tensor_init, add = engine.Tensor.__init__, engine.Cotangents.add

    def record_value(self, data, edge=None, version=None):
        tensor_init(self, data, edge, version)
        if edge is not None and edge[0].op is not None:
            arrays["forward"].append((edge[0].op.__name__, data))

    def record_cotangent(cotangents, edge, g, op=None):
        add(cotangents, edge, g, op)
        name = op.__name__ if op else "start"
        arrays["backward"].append((name, cotangents.sums[edge]))

    monkeypatch.setattr(engine.Tensor, "__init__", record_value)
    monkeypatch.setattr(engine.Cotangents, "add", record_cotangent)
    return arrays


@pytest.mark.parametrize("name", ["mlp_vae", "conv_vae", "cyclegan", "stylegan2"])
def test_bits_do_not_depend_on_the_number_of_threads(name):
    results, before = [], threads.threads()
    try:
        for n in (1, 2, 4):
            threads.set_threads(n)
            step = benchmark.STEPS[name]()
            for _ in range(3):
                step()
            results.append([p.numpy().tobytes() for p in parameters_of(step)])
    finally:
        threads.set_threads(before)
    assert results[0] == results[1] == results[2]


def is_float(array) -> bool:
    return array.dtype.kind == "f"


@pytest.mark.parametrize("name", [name for name in benchmark.STEPS if name != "sampling"])
def test_a_float32_step_has_no_float64_anywhere(name, recorded):
    step = benchmark.STEPS[name]()
    step()
    assert recorded["forward"] and recorded["backward"]
    for op, array in recorded["forward"] + recorded["backward"]:
        assert not is_float(array) or array.dtype == np.float32, (op, array.dtype)
    assert optimizers_of(step)
    for optimizer in optimizers_of(step):
        state = optimizer.state_dict().values()
        state = [v for v in state if isinstance(v, np.ndarray) and is_float(v) and v.ndim]
        assert state and all(v.dtype == np.float32 for v in state)


def test_sampling_records_no_graph(recorded):
    """Images are drawn without gradients, in float32."""
    (images,) = benchmark.STEPS["sampling"]()()
    assert images.dtype == np.float32 and not recorded["forward"]


def is_channels_last(array) -> bool:
    """Tell whether a batch of images lies in memory as (N, H, W, C)."""
    return array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_the_layout_changes_only_at_the_edges(recorded):
    """Between convolutions, activations and their cotangents lie channels-last.

    Flatten and unflatten, whose meaning is in terms of NCHW, convert once each way.
    """
    benchmark.STEPS["conv_vae"]()()
    changes = set()
    for phase, arrays in recorded.items():
        for op, a in arrays:
            is_batch = a.ndim == 4 and len(a) == 128 and a.shape[1] > 1 and a.shape[2] > 1
            if is_batch and not is_channels_last(a):
                changes.add((phase, op))
    assert changes <= {("forward", "reshape"), ("backward", "reshape")}, changes


def test_a_linear_layer_learns_the_least_squares_solution():
    """Plain SGD reaches the closed-form solution."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype(np.float32)
    w = rng.normal(size=(2, 3)).astype(np.float32)
    y = x @ w.T + 0.5
    layer = nn.Linear(3, 2, rng=default_rng(0))
    optimizer = optim.SGD(layer.parameters(), lr=0.2, momentum=0.9)
    for _ in range(200):
        error = layer(tensor(x)) - y
        optimizer.zero_grad()
        (error * error).mean().backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.numpy(), w, atol=1e-4)
    np.testing.assert_allclose(layer.bias.numpy(), 0.5, atol=1e-4)


NOTHING_IS_INSTALLED = """
import importlib.util, os, runpy, sys
importlib.util.find_spec = lambda name: None
sys.argv[:] = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_comparison_with_a_missing_library_is_refused_first():
    benchmark_file = DEMOS / "benchmark.py"
    result = run_python("-c", NOTHING_IS_INSTALLED, benchmark_file, "--against", "torch")
    assert result.returncode == 2 and not result.stdout
    assert "PyTorch is not installed" in result.stderr and "Traceback" not in result.stderr
    assert max(map(len, result.stderr.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "nothing here is called nothing"),
        (["--turns", 0], "at least one"),
        (["mlp_vae", "--scaling"], "leave NAME out"),
        (["--scaling", "--against", "jax"], "only with --against torch"),
        (["--device", "cuda", "op"], "op can be measured on the CPU only"),
        (["--device", "cuda", "--scaling"], "--scaling runs on the CPU only"),
        (["--device", "cuda", "--against", "jax"], "--against jax runs on the CPU only"),
        (["--scaling", "--against", "torch", "--against", "compile"], "only with --against torch"),
    ],
)
def test_what_it_cannot_do_is_refused_in_short_lines(arguments, message):
    result = run_python(DEMOS / "benchmark.py", *arguments)
    assert result.returncode == 2 and not result.stdout
    assert message in result.stderr and "Traceback" not in result.stderr
    assert max(map(len, result.stderr.splitlines())) <= 80


def test_the_help_fits_a_terminal():
    result = run_python(DEMOS / "benchmark.py", "--help")
    assert result.returncode == 0 and max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("numpy", "products", "torch", "convolutions", "is_mixed"),
    [
        ("AVX512_ICL", "OpenBLAS for SkylakeX", "AVX512", "Intel AVX-512 with VNNI", False),
        ("X86_V3", "OpenBLAS for Haswell", "AVX2", "Intel AVX2", False),
        ("AVX512_ICL", "OpenBLAS for Haswell", "AVX512", "Intel AVX-512 with VNNI", True),
        ("X86_V4", "OpenBLAS for SkylakeX", "AVX2", "Intel AVX-512 with VNNI", True),
        ("AVX512_ICL", "mkl-sdl", "AVX512", "unknown instructions", False),
        ("ASIMD", "accelerate", "DEFAULT", "unknown instructions", False),
    ],
)
def test_mixed_instructions_bring_a_warning(numpy, products, torch, convolutions, is_mixed):
    parts = {"a": numpy, "b": products, "c": torch, "d": convolutions}
    warning = warn_of_mixed(parts)
    assert (warning is not None) == is_mixed
    if is_mixed:
        narrow = "b" if "Haswell" in products else "c"
        assert f"but AVX2 in {narrow};" in warning and "\n" not in warning


def test_scaling_gives_each_library_its_turns_and_takes_the_better_format(monkeypatch, tmp_path):
    calls = []

    def measure_in_turns(libraries, name, turns, **settings):
        calls.append((tuple(libraries), name, turns, tuple(settings.values())))
        times = {"tinygen": 3.0, "a": 5.0, "b": 4.0}
        return {key: {"median_ms": times[key], "peak_mib": 10 / times[key]} for key in libraries}

    monkeypatch.setattr(_benchmark_scaling, "measure_in_turns", measure_in_turns)
    pytest.importorskip("matplotlib")
    libraries = {"tinygen": ["tinygen"], "PyTorch": ["a", "b"]}
    results = _benchmark_scaling.benchmark_scaling(tmp_path, libraries, 7)
    assert {call[:3] for call in calls} == {(("tinygen", "a", "b"), "conv_vae", 7)}
    assert len({call[3] for call in calls}) == len(calls) == 10
    assert results["width"]["PyTorch"] == 4 * [{"median_ms": 4.0, "peak_mib": 2.0}]
    assert [p.name for p in tmp_path.iterdir()] == ["scaling.png"]


def test_each_step_on_a_gpu_ends_when_its_work_is_done():
    """And the time to enqueue it is a part of its time."""
    calls = []

    def step():
        calls.append("step")
        time.sleep(0.01)

    def synchronize():
        calls.append("synchronize")
        time.sleep(0.02)

    times = time_turn(step, synchronize)
    assert calls == len(calls) // 2 * ["step", "synchronize"]
    assert times and all(t >= 30 and 10 <= enqueue <= t - 20 for t, enqueue in times)


def test_on_a_gpu_each_step_runs_at_two_batches_without_tf32_and_with_it(monkeypatch, capsys):
    """PyTorch's figures are those of its better format; a step that stops does not end the rest."""
    times = {"tinygen": 4.0, "tinygen TF32": 2.0, "torch contiguous": 3.0}
    times |= {"torch contiguous TF32": 3.0, "torch channels_last": 2.0}

    def measure_in_turns(libraries, name, turns, device, batch):
        assert device == "cuda" and turns == 7
        results = {library: {"error": "Traceback\nno memory"} for library in libraries}
        if batch == 128:
            for library, t in times.items():
                figures = {"median_ms": t, "min_ms": t, "enqueue_ms": t / 2, "peak_mib": t}
                results[library] = figures
        return results

    monkeypatch.setattr(_benchmark_tables, "measure_in_turns", measure_in_turns)
    figures = _benchmark_tables.benchmark_on_gpu(["mlp_vae"], ["torch"], 7)
    assert list(figures) == ["mlp_vae, batch 128", "mlp_vae, batch 1280"]
    assert figures["mlp_vae, batch 128"]["ratio"]["median_ms"] == 2
    assert figures["mlp_vae, batch 128"]["ratio TF32"]["median_ms"] == 2 / 3
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    first = ["mlp_vae", "128", "4.00", "2.00", "2.00", "4", "2.00", "3.00", "1.00", "2"]
    assert rows[2:] == [[*first, "2.00", "0.67"], ["mlp_vae", "1280", *10 * ["-"]]]
    assert "mlp_vae, batch 128 is not available in torch channels_last TF32: no memory" in lines


def test_the_figures_of_a_step_and_of_an_op_are_written(tmp_path):
    """And the head says what the library runs on."""
    result = run_python(DEMOS / "benchmark.py", "op", "mlp_vae", "--turns", 1, "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Processor: ") and "threads" in result.stdout
    figures = json.loads((tmp_path / "benchmark.json").read_text())
    assert set(figures["op"]) == {"forward", "backward"}
    own = figures["mlp_vae"]["tinygen"]
    assert set(own) == {"min_ms", "median_ms", "enqueue_ms", "peak_mib"}
    assert 0 < own["min_ms"] <= own["median_ms"]


def test_a_worker_that_stops_says_why():
    results = measure_in_turns(["tinygen"], "nothing", 1)
    assert "KeyError: 'nothing'" in results["tinygen"]["error"]


def resident_mib() -> float:
    """Return the memory that this process has now."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 2**10


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
@pytest.mark.parametrize("name", ["mlp_vae", "cyclegan"])
def test_memory_does_not_grow_with_the_number_of_steps(name):
    """Also without Python's collector of cycles: what a step leaves is freed at once."""
    step = benchmark.STEPS[name]()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            step()
        before = resident_mib()
        for _ in range(100):
            step()
        assert resident_mib() - before < 2
    finally:
        gc.enable()


def test_the_benchmark_asks_a_question_and_answers_it_at_the_end_of_the_file():
    text = (DEMOS / "benchmark.py").read_text(encoding="utf-8")
    assert "Question to predict" in text[:300]
    assert "Three changes to try" in text
    last = text.split("# %% [markdown]\n")[-1]
    assert last.startswith("# ## What you should see\n#\n")
    assert all(line.startswith("#") for line in last.splitlines())
