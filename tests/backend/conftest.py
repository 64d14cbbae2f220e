"""Shared by the tests of threads, of what runs on them, and of CUDA kernels."""

import importlib

import pytest

from tinygen.backend import threads as pool


@pytest.fixture(params=[1, 2, 4])
def n_threads(request):
    """The test runs with so many threads."""
    before = pool.threads()
    pool.set_threads(request.param)
    yield request.param
    pool.set_threads(before)


@pytest.fixture
def compiler(request, cupy):
    """The module of the stand-in that compiles kernels. Skips the tests of a GPU."""
    if request.config.getoption("--backend") == "cupy":
        pytest.skip("a test of kernels that run on the CPU")
    module = importlib.import_module("cupy._cpp")
    if module.compiler() is None:
        pytest.skip("needs a C++ compiler, g++")
    return module
