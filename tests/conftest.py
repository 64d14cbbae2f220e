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
    """The device of the cases: "cuda" with --backend cupy, which fails without a GPU."""
    return "cuda" if request.config.getoption("--backend") == "cupy" else "cpu"
