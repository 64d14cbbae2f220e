"""Array modules and devices."""

import subprocess
import sys

import numpy as np
import pytest

import tinygen
from tinygen import backend


def test_array_module(cupy):
    assert backend.array_module() is np
    assert backend.array_module(np.ones(2), None, 2.0, np.float32(1)) is np
    on_gpu = backend.array_module(cupy.asarray(np.ones(2)))
    assert on_gpu is not np
    two = cupy.asarray(np.ones(2)), cupy.asarray(np.ones(3))
    assert backend.array_module(1.0, None, *two) is on_gpu


def test_mixed_devices_are_an_error_that_teaches(cupy):
    numpy_array, gpu_array = r"numpy\.ndarray of shape \(2,\)", r"cupy\.ndarray of shape \(3,\)"
    message = rf"two devices: {numpy_array}.*{gpu_array}.*\.to\(device\)"
    with pytest.raises(TypeError, match=message):
        backend.array_module(np.ones(2), cupy.asarray(np.ones(3)))


def test_other_types_are_an_error_that_teaches():
    with pytest.raises(TypeError, match=r"expected NumPy or CuPy arrays, got list"):
        backend.array_module(np.ones(2), [1, 2])


def test_devices(cupy):
    x = np.ones(3)
    assert backend.to_device(x, "cpu") is x and backend.to_numpy(x) is x
    assert backend.device_of(x) == "cpu"
    assert type(backend.to_numpy(cupy.asarray(x))) is np.ndarray
    message = 'unknown device \'gpu\'; the devices are "cpu" and "cuda"'
    with pytest.raises(ValueError, match=message):
        backend.to_device(x, "gpu")


def test_cuda_without_cupy_or_gpu_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # makes `import cupy` fail
    with pytest.raises(ImportError, match="pip install"):
        backend.to_device(np.ones(3), "cuda")
    with pytest.raises(ImportError, match="pip install"):
        backend.default_rng(0, "cuda")
    with pytest.raises(ImportError, match="pip install"):
        backend.default_rng(0).to("cuda")


def test_cupy_arrays_are_known_by_their_module_name(monkeypatch):
    """A stand-in for CuPy itself: what the backend does with it, without a GPU."""
    array_type = type(
        "ndarray", (), {"__module__": "cupy", "shape": (2,), "get": lambda self: np.zeros(2)}
    )
    cupy = type(sys)("cupy")
    cupy.ndarray = array_type
    cupy.asarray = lambda a: array_type()
    cupy.cuda = type(sys)("cupy.cuda")
    cupy.cuda.is_available = lambda: False
    monkeypatch.setitem(sys.modules, "cupy", cupy)
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
    """It imports no heavy module, and takes less than a third of the time of importing NumPy."""
    code = """if True:
        import sys, time, importlib.util
        start = time.thread_time()
        import numpy
        numpys, before = time.thread_time() - start, set(sys.modules)
        spec = importlib.util.spec_from_file_location("backend", sys.argv[1])
        module = sys.modules["backend"] = importlib.util.module_from_spec(spec)
        start = time.thread_time()
        spec.loader.exec_module(module)
        own = time.thread_time() - start
        new = set(sys.modules) - before
        assert not new & {"cupy", "concurrent.futures", "matplotlib", "socket"}
        print(own / numpys)
    """
    command = [sys.executable, "-c", code, backend.__file__]
    ratios = []
    for _ in range(3):
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        ratios.append(float(result.stdout))
    assert min(ratios) < 1 / 3


def test_a_masked_array_is_refused():
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    for f in (backend.array_module, tinygen.tensor, tinygen.ops.exp, tinygen.tensor([1.0]).__mul__):
        with pytest.raises(TypeError, match=r"would lose its mask; give array.filled\(value\)"):
            f(masked)


def test_synchronize_waits_for_the_gpu_alone(cupy):
    cupy_counts = pytest.importorskip("cupy_counts")
    with cupy_counts.counting() as counts:
        backend.synchronize("cpu")
        assert counts.waits.total() == 0
        backend.synchronize("cuda")
        assert counts.waits.total() == 1
    with pytest.raises(ValueError, match="unknown device"):
        backend.synchronize("gpu")
