"""Shared by the tests of threads, of what runs on them, and of CUDA kernels."""

import importlib
import pathlib
import sys

import pytest

from tinygen.backend import arrays
from tinygen.backend import threads as pool
from tinygen.backend.kernels import KERNELS
from tinygen.backend.updates_gpu import raw_kernel

FAKE_CUPY = str(pathlib.Path(__file__).parents[1] / "fake_cupy")


@pytest.fixture(params=[1, 2, 4])
def n_threads(request):
    """The test runs with so many threads."""
    before = pool.threads()
    pool.set_threads(request.param)
    yield request.param
    pool.set_threads(before)


@pytest.fixture(scope="module")
def cupy(request):
    """CuPy; or its stand-in, which is forgotten after the file where only that file uses it."""
    if request.config.getoption("--backend") != "numpy":
        yield importlib.import_module("cupy")
        return
    types, modules = dict(arrays._modules), dict(sys.modules)
    sys.path.insert(0, FAKE_CUPY)
    try:
        yield importlib.import_module("cupy")
    finally:
        sys.path.remove(FAKE_CUPY)
        for name in set(sys.modules) - set(modules):
            if name.partition(".")[0].startswith("cupy"):
                del sys.modules[name]
        for kernel in KERNELS.values():
            vars(kernel).pop("compiled", None)
        raw_kernel.cache_clear()
        arrays._modules.clear()
        arrays._modules.update(types)


@pytest.fixture
def compiler(request, cupy):
    """The module of the stand-in that compiles kernels. Skips the tests of a GPU."""
    if request.config.getoption("--backend") == "cupy":
        pytest.skip("a test of kernels that run on the CPU")
    module = importlib.import_module("cupy._cpp")
    if module.compiler() is None:
        pytest.skip("needs a C++ compiler, g++")
    return module
