import contextlib
import importlib
import pathlib
import sys

import pytest

from tests import border

FAKE_CUPY = str(pathlib.Path(__file__).parent / "fake_cupy")


def pytest_addoption(parser):
    parser.addoption(
        "--backend",
        default="numpy",
        choices=["numpy", "cupy", "fake_cupy"],
        help='array library that the cases run on; "fake_cupy" stands in for CuPy without a GPU',
    )


def pytest_configure(config):
    backend = config.getoption("--backend")
    if backend == "fake_cupy":
        sys.path.insert(0, FAKE_CUPY)
    if backend != "numpy":
        border.install("cuda")
    config.addinivalue_line("markers", "cpu_only: the test is about the CPU, such as its threads")


def pytest_runtest_setup(item):
    if item.get_closest_marker("cpu_only") and item.config.getoption("--backend") != "numpy":
        pytest.skip("is about the CPU")


tests_on_gpu = set()


@pytest.fixture(autouse=True)
def open_border(request):
    """No border for a test that makes arrays of CuPy by itself. Note which tests use the GPU."""
    makes_own, before = "cupy" in request.fixturenames, border.num_calls
    with border.opened() if makes_own else contextlib.nullcontext():
        yield
    if makes_own or border.num_calls > before:
        tests_on_gpu.add(request.node.nodeid)


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--backend") != "numpy":
        terminalreporter.write_line(f"{len(tests_on_gpu)} tests gave tinygen work for the GPU")


@pytest.fixture(scope="session")
def device(request):
    """The device of the cases: "cpu" with --backend numpy, else "cuda"."""
    return "cpu" if request.config.getoption("--backend") == "numpy" else "cuda"


@pytest.fixture(scope="module")
def cupy(device):
    """CuPy; with --backend numpy, the stand-in, which can be imported in this file's tests only."""
    if device == "cuda":
        yield importlib.import_module("cupy")
        return
    with stand_in() as module:
        yield module


_stand_in_modules = {}  # they stay the same in all files, so that an array has one type


@contextlib.contextmanager
def stand_in():
    """Let `import cupy` find the stand-in within a block."""

    def take() -> dict:
        parts = ("cupy", "cupyx", "cupy_backends", "cupy_counts")
        return {n: sys.modules.pop(n) for n in list(sys.modules) if n.partition(".")[0] in parts}

    installed = take()  # the real CuPy, if a test imported it
    sys.modules.update(_stand_in_modules)
    sys.path.insert(0, FAKE_CUPY)
    try:
        yield importlib.import_module("cupy")
    finally:
        sys.path.remove(FAKE_CUPY)
        _stand_in_modules.update(take())
        sys.modules.update(installed)


@pytest.fixture(scope="module")
def gpu(cupy):
    """The device "cuda": the GPU of `cupy`, for tests of what the CPU does not have."""
    return "cuda"
