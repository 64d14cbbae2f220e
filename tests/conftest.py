import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--backend",
        default="numpy",
        choices=["numpy", "cupy"],
        help="array library that the cases run on",
    )


@pytest.fixture(scope="session")
def device(request):
    """The device that the cases run on: "cuda" under --backend cupy, which fails where there is no GPU."""
    return "cuda" if request.config.getoption("--backend") == "cupy" else "cpu"
