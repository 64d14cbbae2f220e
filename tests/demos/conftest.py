"""Makes the files of the demos importable, as they are for the demos, and chooses their device."""

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import FAKE_CUPY
from tests.demos import processes

DEMOS = Path(__file__).parents[2] / "demos"
sys.path[:0] = [str(DEMOS), str(DEMOS / "exercises")]


@pytest.fixture(autouse=True, scope="session")
def device_of_demos(request):
    """With another backend than NumPy, demos in processes of their own compute on "cuda"."""
    backend = request.config.getoption("--backend")
    if backend != "numpy":
        processes.DEVICE += ["--device", "cuda"]
    if backend == "fake_cupy":
        os.environ["PYTHONPATH"] = FAKE_CUPY
