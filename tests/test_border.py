"""The border around tinygen, by which tests written for NumPy run on CuPy."""

import pathlib

import numpy as np
import pytest

import tinygen
from tinygen import default_rng, nn, ops, tensor


@pytest.fixture
def closed(device):
    """With --backend numpy there is no border."""
    if device == "cpu":
        pytest.skip("needs --backend cupy or fake_cupy")


def test_arrays_are_moved_where_a_test_calls_tinygen(closed):
    x = tensor(np.ones(2))
    assert x.device == nn.BatchNorm2d(3).weight.device == default_rng(0).device == "cuda"
    assert (x * np.ones(2)).device == "cuda"
    for array in (x.data, ops.exp(np.ones(2)), default_rng(0).normal(2), *ops.split(np.ones(4), 2)):
        assert type(array) is np.ndarray


def test_within_tinygen_an_array_on_the_wrong_device_is_an_error(closed):
    code = "def double(x): return x * (2 * np.ones(2))"
    names = {"np": np}
    exec(compile(code, pathlib.Path(tinygen.__file__).with_name("double.py"), "exec"), names)
    with pytest.raises(TypeError, match="arrays on two devices"):
        names["double"](tensor(np.ones(2)))


def test_the_border_is_open_for_a_test_that_makes_arrays_of_cupy(cupy):
    assert tensor(np.ones(2)).device == "cpu"
    assert isinstance(tensor(cupy.ones(2)).data, cupy.ndarray)
