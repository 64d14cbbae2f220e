"""The KL divergences against their integral, and the slide's formula against both."""

import numpy as np
import pytest

from tinygen import losses

from .helpers import gradients, normal_density


@pytest.mark.parametrize(
    "mu1, log_var1, mu2, log_var2",
    [
        (0.3, -1.0, 0.0, 0.0),
        (-2.0, 0.7, 0.0, 0.0),
        (0.5, 0.4, -0.8, -0.6),
        (1.0, -2.0, 0.0, 1.5),
    ],
)
def test_kl_is_the_integral_of_q_log_q_over_p(mu1, log_var1, mu2, log_var2):
    z = np.linspace(-30, 30, 200_001)
    q, p = normal_density(z, mu1, np.exp(log_var1)), normal_density(z, mu2, np.exp(log_var2))
    log_ratio = np.log(np.maximum(q, 1e-300) / np.maximum(p, 1e-300))
    integral = np.sum(np.where(q > 0, q * log_ratio, 0)) * (z[1] - z[0])
    arguments = [np.array([[value]]) for value in (mu1, log_var1, mu2, log_var2)]
    np.testing.assert_allclose(losses.kl_between_normals(*arguments), [integral], atol=1e-9)
    if mu2 == log_var2 == 0:
        kl = losses.kl_to_standard_normal(*arguments[:2])
        np.testing.assert_allclose(kl, [integral], atol=1e-9)


def test_kl_and_its_gradient_are_zero_at_the_prior():
    zero = np.zeros((1, 3))
    assert losses.kl_to_standard_normal(zero, zero) == 0
    assert all((g == 0).all() for g in gradients(losses.kl_to_standard_normal, zero, zero))


def test_kl_keeps_its_digits_near_the_prior():
    """e^v - v - 1 = v^2 / 2 + v^3 / 6. The naive form has one digit of it left in float32."""
    v = np.full((1, 1), 1e-3, np.float32)
    expected = [2.5e-7 + 1e-9 / 12]
    np.testing.assert_allclose(losses.kl_to_standard_normal(0 * v, v), expected, rtol=2e-4)


def test_the_formula_on_the_slide_is_no_divergence():
    """As printed, sum(sigma^2 + mu^2 - log sigma - 1) has its minimum at sigma^2 = 1/2.

    It is negative there. The divergence is smallest, 0, at sigma = 1.
    """
    sigma = np.linspace(0.2, 2, 100_001)
    printed = sigma**2 - np.log(sigma) - 1
    assert abs(sigma[printed.argmin()] ** 2 - 0.5) < 1e-4 and printed.min() < -0.15
    log_var = np.log(sigma**2)[:, None]
    kl = losses.kl_to_standard_normal(np.zeros_like(log_var), log_var)
    assert abs(sigma[kl.argmin()] - 1) < 1e-4 and kl.min() >= 0


@pytest.mark.parametrize(
    "loss, shapes, message",
    [
        (losses.kl_to_standard_normal, [(2, 3), (3,)], r"log_var \(3,\)"),
        (losses.kl_between_normals, [(2, 3), (2, 3), (2, 3), (1, 3)], r"log_var2 \(1, 3\)"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(loss, shapes, message):
    with pytest.raises(ValueError, match=message):
        loss(*(np.zeros(shape) for shape in shapes))
