"""Devices and random generators."""

import io
import subprocess
import sys

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import backend
from tinygen.backend import arrays
from tinygen.backend import random as random_module

# ---------------------------------------------------------------------------------------------------------------- array modules


def test_array_module():
    assert backend.array_module() is np
    assert backend.array_module(np.ones(2), None, 2.0, np.float32(1)) is np
    strict = backend.array_module(StrictArray(np.ones(2)))
    assert strict is not np
    assert backend.array_module(1.0, None, StrictArray(np.ones(2)), StrictArray(np.ones(3))) is strict


def test_mixed_devices_are_an_error_that_teaches():
    with pytest.raises(TypeError, match=r"two devices: numpy\.ndarray of shape \(2,\).*StrictArray of shape \(3,\).*\.to\(device\)"):
        backend.array_module(np.ones(2), StrictArray(np.ones(3)))


def test_other_types_are_an_error_that_teaches():
    with pytest.raises(TypeError, match=r"expected NumPy or CuPy arrays, got builtins\.list"):
        backend.array_module(np.ones(2), [1, 2])


def test_devices():
    x = np.ones(3)
    assert backend.to_device(x, "cpu") is x and backend.to_numpy(x) is x and backend.device_of(x) == "cpu"
    assert type(backend.to_numpy(StrictArray(x))) is np.ndarray
    with pytest.raises(ValueError, match='unknown device \'gpu\'; the devices are "cpu" and "cuda"'):
        backend.to_device(x, "gpu")


def test_cuda_without_cupy_or_gpu_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # makes `import cupy` fail
    for make in (lambda: backend.to_device(np.ones(3), "cuda"), lambda: backend.default_rng(0, "cuda")):
        with pytest.raises(ImportError, match="pip install"):
            make()


def test_cupy_arrays_are_known_by_their_module_name(monkeypatch):
    """A stand-in for CuPy itself: what the backend does with it, without a GPU."""
    array_type = type("ndarray", (), {"__module__": "cupy", "shape": (2,), "get": lambda self: np.zeros(2)})
    cupy = type(sys)("cupy")
    cupy.ndarray = array_type
    cupy.asarray = lambda a: array_type()
    cupy.cuda = type(sys)("cupy.cuda")
    cupy.cuda.is_available = lambda: False
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(arrays, "_modules", dict(arrays._modules))
    x = array_type()
    assert backend.array_module(x, 1.0) is cupy and backend.device_of(x) == "cuda"
    assert backend.to_device(x, "cuda") is x and type(backend.to_device(x, "cpu")) is np.ndarray
    with pytest.raises(TypeError, match="two devices"):
        backend.array_module(x, np.ones(2))
    with pytest.raises(RuntimeError, match="GPU"):
        backend.to_device(np.ones(2), "cuda")
    cupy.cuda.is_available = lambda: True
    assert type(backend.to_device(np.ones(2), "cuda")) is array_type


def test_import_is_light():
    """It brings in no heavy module, and costs a small part of what NumPy's own import does (the same machine, the same moment)."""
    code = """if True:
        import sys, time, importlib.util
        start = time.process_time()
        import numpy
        numpys, before = time.process_time() - start, set(sys.modules)
        spec = importlib.util.spec_from_file_location("backend", sys.argv[1])
        module = sys.modules["backend"] = importlib.util.module_from_spec(spec)
        start = time.process_time()
        spec.loader.exec_module(module)
        own = time.process_time() - start
        assert not {"cupy", "concurrent.futures", "matplotlib", "socket"} & (set(sys.modules) - before)
        print(own / numpys)
    """
    command = [sys.executable, "-c", code, backend.__file__]
    assert min(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3)) < 0.2


# --------------------------------------------------------------------------------------------------------------- random numbers


def draws(rng):
    return [
        rng.normal((3, 2)), rng.uniform((5,), np.float64), rng.integers(0, 9, (3,)), rng.permutation(6),
        rng.bernoulli(0.4, (2, 4)), rng.normal((), np.float16), rng.bernoulli(np.array([0.0, 1.0]), dtype=np.uint8),
    ]  # fmt: skip


def test_generator_draws():
    normal, uniform, integers, permutation, bernoulli, half, certain = draws(backend.default_rng(3))
    assert normal.dtype == np.float32 and normal.shape == (3, 2)
    assert uniform.dtype == np.float64 and ((0 <= uniform) & (uniform < 1)).all()
    assert integers.dtype == np.int64 and sorted(permutation) == list(range(6))
    assert bernoulli.dtype == np.float32 and set(bernoulli.flat) <= {0, 1}
    assert half.dtype == np.float16 and half.shape == ()
    assert certain.tolist() == [0, 1]
    assert abs(backend.default_rng(0).bernoulli(0.3, (100_000,)).mean() - 0.3) < 0.01


def test_generator_resumes_from_a_file():
    rng, other = backend.default_rng(3), backend.default_rng(4)
    for _ in range(3):
        draws(rng)
    rng.integers(0, 9, (1,)), rng.normal((1,))  # leaves half a word behind, which is state too
    file = io.BytesIO()
    np.savez(file, **rng.state_dict())
    file.seek(0)
    with np.load(file) as state:  # refuses pickles
        other.load_state_dict(state)
    for a, b in zip(draws(rng), draws(other), strict=True):
        assert a.tobytes() == b.tobytes()


def test_generator_refuses_what_it_cannot_use():
    rng = backend.default_rng(0)
    with pytest.raises(ValueError, match=r"numpy\.pcg64; the state is of cupy\.philox"):
        rng.load_state_dict({"kind": "cupy.philox", "words": np.zeros(2, np.uint64)})
    for seed in (-1, 1.5, None, True, 2**64):
        with pytest.raises(ValueError, match="seed"):
            backend.default_rng(seed)


def test_cuda_generator_is_keyed_by_seed_and_draws(monkeypatch):
    """The design for a GPU, run on NumPy: a fresh generator for each draw, so that two ints are the state."""
    random = type(sys)("cupy.random")
    random.Generator, random.Philox4x3210 = np.random.Generator, np.random.Philox
    monkeypatch.setattr(random_module, "cupy_with_gpu", lambda: None)
    monkeypatch.setattr(random_module, "import_cupy", lambda: type("cupy", (), {"random": random}))
    rng, other = backend.default_rng(5, "cuda"), backend.default_rng(6, "cuda")
    first = draws(rng)
    assert first[0].tobytes() != rng.normal((3, 2)).tobytes()
    state = rng.state_dict()
    assert state["words"].tolist() == [5, 8]
    other.load_state_dict(state)
    for a, b in zip(draws(rng), draws(other), strict=True):
        assert a.tobytes() == b.tobytes()


def test_a_generator_takes_its_own_state_only():
    with pytest.raises(ValueError, match="also has 'draws'"):
        backend.default_rng(1).load_state_dict(backend.default_rng(0).state_dict() | {"draws": 3})
