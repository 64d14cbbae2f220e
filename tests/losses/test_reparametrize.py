"""Both estimators of a gradient are unbiased, and have the variances that their file derives."""

import numpy as np
import pytest

from tinygen import grad, losses, ops, tensor

from .helpers import normal_density


def test_sampling_and_kl_use_the_same_sigma():
    """E_q[log q - log p], estimated from reparametrized z, is the KL.

    The most common bug of VAE code is e^log_var as standard deviation in one of the two, and as
    variance in the other.
    """
    rng = np.random.default_rng(0)
    mu, log_var = np.array([[0.5, -1.2]]), np.array([[-1.5, 0.8]])
    num_samples = 100_000

    def log_ratio(z):
        return np.log(normal_density(z, mu, np.exp(log_var)) / normal_density(z, 0, 1)).sum(-1)

    ratios = log_ratio(losses.reparametrize(mu, log_var, rng.normal(size=(num_samples, 1, 2))))
    kl = losses.kl_to_standard_normal(mu, log_var)[0]
    standard_error = ratios.std() / np.sqrt(num_samples)
    assert abs(ratios.mean() - kl) < 4 * standard_error < 0.05
    wrong_z = mu + np.exp(log_var) * rng.normal(size=(num_samples, 1, 2))
    assert abs(log_ratio(wrong_z).mean() - kl) > 40 * standard_error  # the test can tell


def estimate_gradients(baseline=0.0):
    """Return gradient estimates of E[z^2] in mu at mu = sigma = 1, and the weights of a quadrature.

    There is one estimate by reparametrization and one by the score function for each of eight
    values of eps. Their weighted means are exact for polynomials up to degree 15.
    """
    eps, weights = np.polynomial.hermite_e.hermegauss(8)
    mu, log_var = tensor(np.ones(8), requires_grad=True), tensor(np.zeros(8), requires_grad=True)
    z = losses.reparametrize(mu, log_var, eps)
    by_reparametrization = grad((z * z).sum(), mu)[0].numpy()
    sample = z.detach()  # a drawn number, which has no derivative in mu
    log_q = -0.5 * ops.exp(-log_var) * (sample - mu) ** 2 - 0.5 * log_var
    surrogate = losses.score_function(sample * sample - baseline, log_q)
    by_score_function = grad(surrogate.sum(), mu)[0].numpy()
    return by_reparametrization, by_score_function, weights / weights.sum()


def mean_and_variance(estimates, weights):
    mean = (weights * estimates).sum()
    return mean, (weights * (estimates - mean) ** 2).sum()


def test_both_estimators_are_unbiased_with_variances_4_and_30():
    by_reparametrization, by_score_function, weights = estimate_gradients()
    for estimates, expected in ((by_reparametrization, 4), (by_score_function, 30)):
        mean, variance = mean_and_variance(estimates, weights)
        assert abs(mean - 2) < 1e-12  # d(mu^2 + sigma^2)/dmu at mu = 1
        assert abs(variance - expected) < 1e-10


def test_a_baseline_of_4_lowers_the_variance_to_14_without_bias():
    _, estimates, weights = estimate_gradients(baseline=4.0)
    mean, variance = mean_and_variance(estimates, weights)
    assert abs(mean - 2) < 1e-12 and abs(variance - 14) < 1e-10


def test_score_function_sends_no_gradient_to_f():
    f = tensor(np.ones(3), requires_grad=True)
    log_q = tensor(np.ones(3), requires_grad=True)
    losses.score_function(f, log_q).sum().backward()
    assert f.grad is None and (log_q.grad.numpy() == 1).all()


@pytest.mark.parametrize(
    "loss, shapes, message",
    [
        (losses.reparametrize, [(2, 3), (2, 3), (2, 1)], r"eps \(2, 1\)"),
        (losses.score_function, [(3,), (3, 1)], r"log_q \(3, 1\)"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(loss, shapes, message):
    with pytest.raises(ValueError, match=message):
        loss(*(np.zeros(shape) for shape in shapes))
