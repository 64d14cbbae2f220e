"""Shared by the tests of threads and of what runs on them."""

import pytest

from tinygen.backend import threads as pool


@pytest.fixture(params=[1, 2, 4])
def n_threads(request):
    """The test runs with so many threads."""
    before = pool.threads()
    pool.set_threads(request.param)
    yield request.param
    pool.set_threads(before)
