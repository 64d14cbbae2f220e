"""The importance-weighted bound against exact values, for a Gaussian whose evidence is known.

The example is x = 2 with z ~ N(0, 1) and x|z ~ N(z, 1), and q is the prior.
"""

import numpy as np
import pytest

from tinygen import grad, losses, tensor

LOG_EVIDENCE = -0.5 * np.log(2 * np.pi * 2) - 2**2 / 4  # x = 2 under N(0, 2): -2.2655


def example_log_weights(z):
    """Return log w = log p(x|z), since q is the prior."""
    return -0.5 * np.log(2 * np.pi) - (2 - z) ** 2 / 2


def exact_bound(k):
    """Return E[log(1/k sum_i w_i)] by quadrature.

    log s is the integral over t > 0 of (e^-t - e^-ts) / t. For s = sum_i w_i with independent w_i,
    the mean of e^-ts is phi(t)^k, where phi(t) = E[e^-tw]. Substitute t = e^u, so dt / t = du.
    """
    z = np.linspace(-12, 12, 4001)
    density = np.exp(-(z**2) / 2)
    u = np.linspace(-40, 80, 3001)
    exponentials = np.exp(-np.exp(u)[:, None] * np.exp(example_log_weights(z)))
    phi = exponentials @ (density / density.sum())
    return (np.exp(-np.exp(u)) - phi**k).sum() * (u[1] - u[0]) - np.log(k)


def test_exact_bounds_grow_from_the_elbo_to_the_evidence():
    elbo = -0.5 * np.log(2 * np.pi) - 2.5  # E[log p(x|z)], as E[(2 - z)^2] = 5
    np.testing.assert_allclose(exact_bound(1), elbo, atol=1e-9)
    bounds = [exact_bound(k) for k in (1, 2, 5, 50, 500)]
    assert (np.diff([*bounds, LOG_EVIDENCE]) > 0).all()
    known = [-3.41894, -2.75790, -2.42216, -2.27827, -2.26676]
    np.testing.assert_allclose(bounds, known, atol=1e-5)


@pytest.mark.parametrize("k, repeats", [(1, 400_000), (5, 200_000), (50, 20_000)])
def test_the_mean_of_the_bound_is_the_exact_one(k, repeats):
    z = np.random.default_rng(k).standard_normal((k, repeats))
    bounds = losses.iwae_bound(example_log_weights(z))
    error = bounds.std() / repeats**0.5
    assert error < 0.004 and abs(bounds.mean() - exact_bound(k)) < 4 * error


def test_the_gradient_is_the_normalized_weights():
    values = np.random.default_rng(0).normal(-100, 3, (7, 3)).astype(np.float32)
    log_w = tensor(values, requires_grad=True)
    normalized = grad(losses.iwae_bound(log_w).sum(), log_w)[0].numpy()
    w = np.exp(values.astype(np.float64) + 100)
    np.testing.assert_allclose(normalized, w / w.sum(0), rtol=1e-5)


def test_the_bound_and_its_gradient_are_exact_for_extreme_weights():
    log_w = tensor(np.array([[-1e4], [-2e4], [-1e4]], np.float32), requires_grad=True)
    bound = losses.iwae_bound(log_w)
    np.testing.assert_allclose(bound.numpy(), -1e4 + np.log(2 / 3), rtol=1e-6)
    np.testing.assert_allclose(grad(bound.sum(), log_w)[0].numpy(), [[0.5], [0], [0.5]], 1e-6)


def test_the_bound_is_minus_infinity_if_no_sample_explains_the_example():
    assert losses.iwae_bound(np.full((3, 1), -np.inf)).tolist() == [-np.inf]
    assert losses.iwae_bound(np.zeros((2, 0))).shape == (0,)


def test_the_gradient_contains_no_denormal_number():
    """Multiplied by a network's derivatives, small weights would become denormal numbers.

    They would make the backward pass many times slower.
    """
    log_w = tensor(np.linspace(-200, 0, 400, dtype=np.float32)[:, None], requires_grad=True)
    normalized = grad(losses.iwae_bound(log_w).sum(), log_w)[0].numpy()
    assert ((normalized == 0) | (normalized > 1e-21)).all()
    assert 0 < (normalized == 0).sum() < 400
    np.testing.assert_allclose(normalized.sum(), 1, rtol=1e-6)


def test_log_weights_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="iwae_bound"):
        losses.iwae_bound(np.zeros(3))
