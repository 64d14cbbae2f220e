"""Clipping of gradients by their joint norm."""

import numpy as np
import pytest

from tests.optim.helpers import make_parameters
from tinygen import optim
from tinygen.autograd.tensor import Tensor


def make_parameters_with_gradients(*grads):
    """Return float32 parameters with these gradients, and one parameter without a gradient."""
    grads = [np.asarray(g, np.float32) for g in grads]
    parameters = make_parameters(*map(np.zeros_like, grads), np.zeros(2, np.float32))
    for p, g in zip(parameters, grads, strict=False):
        p.grad = Tensor(g)
    return parameters


def test_gradients_are_scaled_to_the_joint_norm():
    parameters = make_parameters_with_gradients(np.array([[3.0, 0.0]]), np.array([4.0]))
    assert optim.clip_grad_norm_(parameters, 10) == pytest.approx(5)
    assert parameters[1].grad.data.tolist() == [4]
    assert optim.clip_grad_norm_(parameters, 1) == pytest.approx(5)
    scaled = [*parameters[0].grad.data[0], *parameters[1].grad.data]
    np.testing.assert_allclose(scaled, [0.6, 0, 0.8], rtol=1e-6)
    assert parameters[0].grad.dtype == np.float32 and parameters[2].grad is None
    assert optim.clip_grad_norm_(parameters[2:], 1) == 0


def test_the_norm_of_a_million_float32_numbers_is_accurate():
    g = np.random.default_rng(0).normal(size=(1000, 1000)).astype(np.float32)
    expected = np.linalg.norm(g.astype(np.float64))
    parameters = make_parameters_with_gradients(g.T)
    assert optim.clip_grad_norm_(parameters, 1e9) == pytest.approx(expected, rel=1e-6)


def test_squares_may_overflow():
    parameters = make_parameters_with_gradients(np.array([3e30]), np.array([4e30]))
    assert optim.clip_grad_norm_(parameters, 1) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(parameters[1].grad.data, [0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_raise_and_change_nothing(bad):
    parameters = make_parameters_with_gradients(np.array([3.0]), np.array([1.0, bad]))
    message = r"parameter 1, of shape \(2,\), holds NaN or infinity"
    with pytest.raises(FloatingPointError, match=message):
        optim.clip_grad_norm_(parameters, 1)
    assert parameters[0].grad.data.tolist() == [3]


def test_device_arrays_are_scaled(cupy):
    (p,) = make_parameters(cupy.asarray(np.zeros(2, np.float32)))
    p.grad = Tensor(cupy.asarray(np.array([3, 4], np.float32)))
    assert optim.clip_grad_norm_([p], 1) == pytest.approx(5)
    np.testing.assert_allclose(p.grad.data.get(), [0.6, 0.8], rtol=1e-6)


def test_a_parameter_that_is_listed_twice_raises():
    (p,) = make_parameters(np.ones(3))
    p.grad = Tensor(np.ones(3))
    with pytest.raises(ValueError, match="clip_grad_norm_: a parameter is in the list twice"):
        optim.clip_grad_norm_([p, p], 1.0)


def test_wrong_arguments_raise():
    with pytest.raises(ValueError, match="max_norm=0"):
        optim.clip_grad_norm_([], 0)
    with pytest.raises(TypeError, match="list"):
        optim.clip_grad_norm_(make_parameters(np.ones(2))[0], 1)
