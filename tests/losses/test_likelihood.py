"""The likelihoods against the probabilities from which they are derived."""

import numpy as np
import pytest

from tinygen import losses

from .helpers import gradients


def test_bernoulli_probabilities_sum_to_one():
    """Over all 2^4 images of four pixels."""
    logits = np.random.default_rng(0).normal(size=4)
    images = np.array([[i >> k & 1 for k in range(4)] for i in range(16)], float)
    nll = losses.bernoulli_nll(np.broadcast_to(logits, (16, 4)), images)
    assert abs(np.exp(-nll).sum() - 1) < 1e-14


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "logit, x, nll, derivative",
    [
        (1e4, 1, 0, 0),
        (1e4, 0, 1e4, 1),
        (-1e4, 0, 0, 0),
        (-1e4, 1, 1e4, -1),
        (0, 1, np.log(2), -0.5),
        (40, 1, np.exp(-40), -np.exp(-40)),
    ],
)
def test_bernoulli_is_exact_at_extreme_logits(dtype, logit, x, nll, derivative):
    logits, x = np.array([[logit]], dtype), np.array([[x]], dtype)
    np.testing.assert_allclose(losses.bernoulli_nll(logits, x), [nll], rtol=1e-6)
    d_logits, d_x = gradients(losses.bernoulli_nll, logits, x)
    np.testing.assert_allclose(d_logits, [[derivative]], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(d_x, -logits)


@pytest.mark.parametrize(
    "dtype_logits, dtype_x, rtol",
    [
        (np.float64, np.float16, 1e-12),
        (np.float64, np.float32, 1e-12),
        (np.float32, np.float16, 1e-5),
        (np.float16, np.float32, 1e-2),
    ],
)
def test_bernoulli_takes_pixels_of_another_precision_than_the_logits(dtype_logits, dtype_x, rtol):
    rng = np.random.default_rng(0)
    logits, x = rng.normal(size=(2, 5)) * 3, rng.integers(0, 2, (2, 5)) * 0.5
    y = losses.bernoulli_nll(logits.astype(dtype_logits), x.astype(dtype_x))
    assert y.dtype == np.result_type(dtype_logits, dtype_x)
    np.testing.assert_allclose(y, losses.bernoulli_nll(logits, x), rtol=rtol)


def test_errors_are_negative_log_likelihoods_up_to_a_constant():
    rng = np.random.default_rng(0)
    x, x_hat, s = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), 0.7
    normal = np.exp(-((x - x_hat) ** 2) / (2 * s**2)) / (s * np.sqrt(2 * np.pi))
    constant = 3 * np.log(s * np.sqrt(2 * np.pi))
    scaled_error = losses.squared_error(x, x_hat) / (2 * s**2)
    np.testing.assert_allclose(scaled_error + constant, -np.log(normal).sum(1))
    laplace = np.exp(-np.abs(x - x_hat) / s) / (2 * s)
    scaled_error = losses.absolute_error(x, x_hat) / s
    np.testing.assert_allclose(scaled_error + 3 * np.log(2 * s), -np.log(laplace).sum(1))


def test_absolute_error_has_gradient_zero_at_its_kink():
    x, x_hat = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 1.0, 4.0]])
    dx, dx_hat = gradients(losses.absolute_error, x, x_hat)
    np.testing.assert_array_equal(dx, [[0, 1, -1]])
    np.testing.assert_array_equal(dx_hat, [[0, -1, 1]])


@pytest.mark.parametrize(
    "loss, arguments, message",
    [
        (
            losses.bernoulli_nll,
            (np.zeros((2, 3)), np.zeros((2, 1))),
            r"bernoulli_nll: got logits \(2, 3\), x \(2, 1\).*same shape",
        ),
        (
            losses.bernoulli_nll,
            (np.zeros((2, 3)), np.zeros((2, 3), np.uint8)),
            "x is uint8; give floats from 0 to 1",
        ),
        (losses.squared_error, (np.zeros((2, 3)), 1.0), r"x_hat \(\)"),
        (losses.squared_error, (np.zeros(()), np.zeros(())), "N examples first"),
        (losses.absolute_error, (np.zeros(2), np.zeros((2, 1))), "Nothing is broadcast"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(loss, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        loss(*arguments)
