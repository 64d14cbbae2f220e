import pathlib
import sys

import pytest

FAKE_CUPY = str(pathlib.Path(__file__).parent / "fake_cupy")


def pytest_addoption(parser):
    parser.addoption(
        "--backend",
        default="numpy",
        choices=["numpy", "cupy", "fake_cupy"],
        help='array library that the cases run on; "fake_cupy" stands in for CuPy without a GPU',
    )


def pytest_configure(config):
    if config.getoption("--backend") == "fake_cupy":
        sys.path.insert(0, FAKE_CUPY)


@pytest.fixture(scope="session")
def device(request):
    """The device of the cases: "cpu" with --backend numpy, else "cuda"."""
    return "cpu" if request.config.getoption("--backend") == "numpy" else "cuda"


@pytest.fixture(scope="session")
def gpu(device):
    """The device "cuda", for tests of what is only there; with --backend numpy they are skipped."""
    if device == "cpu":
        pytest.skip("needs --backend cupy or fake_cupy")
    return device
