"""Devices, generators, the thread pool and its matrix product."""

import io
import os
import subprocess
import sys
import threading
import time

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tinygen import backend

from .strict import StrictArray


@pytest.fixture(params=[1, 2, 4])
def n_threads(request):
    before = backend.threads()
    backend.set_threads(request.param)
    yield request.param
    backend.set_threads(before)


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
    for make in (lambda: backend.to_device(np.ones(3), "cuda"), lambda: backend.Generator(0, "cuda")):
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
    monkeypatch.setattr(backend, "_modules", dict(backend._modules))
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


def draws(generator):
    return [
        generator.normal((3, 2)), generator.uniform((5,), np.float64), generator.integers(0, 9, (3,)), generator.permutation(6),
        generator.bernoulli(0.4, (2, 4)), generator.normal((), np.float16), generator.bernoulli(np.array([0.0, 1.0]), dtype=np.uint8),
    ]  # fmt: skip


def test_generator_draws():
    normal, uniform, integers, permutation, bernoulli, half, certain = draws(backend.Generator(3))
    assert normal.dtype == np.float32 and normal.shape == (3, 2)
    assert uniform.dtype == np.float64 and ((0 <= uniform) & (uniform < 1)).all()
    assert integers.dtype == np.int64 and sorted(permutation) == list(range(6))
    assert bernoulli.dtype == np.float32 and set(bernoulli.flat) <= {0, 1}
    assert half.dtype == np.float16 and half.shape == ()
    assert certain.tolist() == [0, 1]
    assert abs(backend.Generator(0).bernoulli(0.3, (100_000,)).mean() - 0.3) < 0.01


def test_generator_resumes_from_a_file():
    generator, other = backend.Generator(3), backend.Generator(4)
    for _ in range(3):
        draws(generator)
    generator.integers(0, 9, (1,)), generator.normal((1,))  # leaves half a word behind, which is state too
    file = io.BytesIO()
    np.savez(file, **generator.state_dict())
    file.seek(0)
    with np.load(file) as state:  # refuses pickles
        other.load_state_dict(state)
    for a, b in zip(draws(generator), draws(other), strict=True):
        assert a.tobytes() == b.tobytes()


def test_generator_refuses_what_it_cannot_use():
    generator = backend.Generator(0)
    with pytest.raises(ValueError, match=r"numpy\.pcg64; the state is of cupy\.philox"):
        generator.load_state_dict({"kind": "cupy.philox", "words": np.zeros(2, np.uint64)})
    for seed in (-1, 1.5, None, True, 2**64):
        with pytest.raises(ValueError, match="seed"):
            backend.Generator(seed)


def test_cuda_generator_is_keyed_by_seed_and_draws(monkeypatch):
    """The design for a GPU, run on NumPy: a fresh generator for each draw, so that two ints are the state."""
    random = type(sys)("cupy.random")
    random.Generator, random.Philox4x3210 = np.random.Generator, np.random.Philox
    monkeypatch.setattr(backend, "_gpu", lambda: None)
    monkeypatch.setattr(backend, "_cupy", lambda: type("cupy", (), {"random": random}))
    generator, other = backend.Generator(5, "cuda"), backend.Generator(6, "cuda")
    first = draws(generator)
    assert first[0].tobytes() != generator.normal((3, 2)).tobytes()
    state = generator.state_dict()
    assert state["words"].tolist() == [5, 8]
    other.load_state_dict(state)
    for a, b in zip(draws(generator), draws(other), strict=True):
        assert a.tobytes() == b.tobytes()


# ----------------------------------------------------------------------------------------------------------------------- the pool


def test_parallel_runs_every_chunk_once(n_threads):
    for n in (0, 1, 3, 200):
        count = np.zeros(n, int)

        def run(i, count=count):
            count[i] += 1

        backend.parallel(run, n)
        assert (count == 1).all()


def test_parallel_uses_the_threads_asked_for(n_threads):
    names = set()

    def run(i):
        names.add(threading.current_thread().name)
        time.sleep(0.01)

    backend.parallel(run, 12)
    assert len(names) == n_threads


def test_parallel_raises_what_a_chunk_raised_and_goes_on(n_threads):
    def run(i):
        time.sleep(0.001)
        if i == 3:
            raise ZeroDivisionError("chunk 3")

    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="chunk 3"):
            backend.parallel(run, 8)
    done = []
    backend.parallel(done.append, 8)
    assert sorted(done) == list(range(8))


def test_nested_calls_run_inline(n_threads):
    outer = []

    def run(i):
        me, inner = threading.get_ident(), []
        backend.parallel(lambda j: inner.append(threading.get_ident()), 4)
        assert inner == [me] * 4
        outer.append(i)

    backend.parallel(run, 8)
    assert sorted(outer) == list(range(8))


def test_errstate_holds_in_every_chunk(n_threads):
    zero = np.zeros(1)

    def run(i):
        time.sleep(0.002)
        return np.divide(1.0, zero)

    with np.errstate(divide="ignore"):
        backend.parallel(run, 8)  # a warning would be an error
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        backend.parallel(run, 8)


def test_several_threads_may_call_at_once(n_threads):
    totals = []

    def caller():
        parts = np.zeros(50)

        def run(i):
            parts[i] = i

        for _ in range(20):
            parts[:] = 0
            backend.parallel(run, 50)
        totals.append(parts.sum())

    callers = [threading.Thread(target=caller) for _ in range(4)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert totals == [1225] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_starts_a_pool_of_its_own():
    code = """
import os, warnings
import numpy as np
from tinygen import backend
backend.set_threads(4)
a, b = np.ones((512, 512), np.float32), np.ones((512, 512), np.float32)
expected = backend.matmul(a, b).tobytes()
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of fork with threads: the case tested
pid = os.fork()
if pid == 0:
    os._exit(0 if backend.matmul(a, b).tobytes() == expected and backend._workers else 1)
assert os.waitpid(pid, 0)[1] == 0
assert backend.matmul(a, b).tobytes() == expected
"""
    root = os.path.dirname(os.path.dirname(backend.__file__))
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20, env={**os.environ, "PYTHONPATH": root})


def test_arrays_are_not_kept_alive(n_threads):
    import weakref

    array = np.ones(1000)
    gone = weakref.ref(array)
    backend.parallel(lambda i, array=array: array.sum(), 8)
    del array
    assert gone() is None


def test_thread_count_is_checked(monkeypatch):
    with pytest.raises(ValueError, match="1 or more; got 0"):
        backend.set_threads(0)
    monkeypatch.setenv("TINYGEN_THREADS", "many")
    with pytest.raises(ValueError, match="TINYGEN_THREADS must be a number of threads, 1 or more; it is 'many'"):
        backend._default_threads()
    monkeypatch.setenv("TINYGEN_THREADS", "3")
    assert backend._default_threads() == 3


# ----------------------------------------------------------------------------------------------------------------- matrix products


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(0, 70), inner=st.sampled_from([0, 1, 7, 40, 600]), columns=st.integers(0, 70),
    transposed=st.tuples(st.booleans(), st.booleans()),
    batch=st.sampled_from([((), ()), ((3,), ()), ((), (2,)), ((9,), (9,)), ((2, 1), (3,)), ((1,), (5,)), ((0,), ())]),
    with_out=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_matmul_is_numpys(rows, inner, columns, transposed, batch, with_out, seed):
    rng = np.random.default_rng(seed)

    def make(batch, m, n, swap):
        return rng.standard_normal((*batch, n, m)).swapaxes(-1, -2) if swap else rng.standard_normal((*batch, m, n))

    a, b = make(batch[0], rows, inner, transposed[0]), make(batch[1], inner, columns, transposed[1])
    expected = a @ b
    out = np.empty_like(expected) if with_out else None
    before = backend._CHUNK
    backend._CHUNK = 1 << 8  # so that small products are shared
    try:
        got = backend.matmul(a, b, out)
    finally:
        backend._CHUNK = before
    assert got.shape == expected.shape and got.dtype == expected.dtype and (out is None or got is out)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_matmul_takes_vectors_integers_and_other_modules():
    a, v = np.arange(6).reshape(2, 3), np.arange(3)
    assert (backend.matmul(a, v) == a @ v).all()
    assert isinstance(backend.matmul(StrictArray(a), StrictArray(v)), StrictArray)
    with pytest.raises(ValueError, match="mismatch"):
        backend.matmul(np.ones((400, 300)), np.ones((299, 400)))


@pytest.mark.parametrize("m, k, n", [(128, 784, 400), (784, 128, 400), (1000, 3000, 10), (10, 400_000, 12), (3, 2000, 3000)])
def test_matmul_bits_do_not_depend_on_threads(m, k, n):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((n, k), np.float32).T
    before, results = backend.threads(), []
    try:
        for threads in (1, 2, 4, 4):
            backend.set_threads(threads)
            results.append(backend.matmul(a, b).tobytes())
    finally:
        backend.set_threads(before)
    assert len(set(results)) == 1
