"""Probabilistic PCA: the dense Gaussian, its optimum in closed form, and Bayes' rule."""

import numpy as np
import pytest

from tests.models.gaussian_cases import dense_log_prob, gaussian_points
from tinygen import default_rng
from tinygen.models.ppca import PPCA


@pytest.mark.parametrize("n, d, q", [(100, 6, 1), (100, 6, 5), (5, 20, 3), (12, 12, 4)])
def test_ppca_equals_the_dense_gaussian(n, d, q):
    """The covariance is W W^T + sigma^2 I, and sigma^2 the mean of the discarded eigenvalues."""
    x, y = gaussian_points(n, d), gaussian_points(20, d, seed=1)
    model = PPCA.fit(x, q)
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    np.testing.assert_allclose(model.noise_variance, eigenvalues[q:].mean(), rtol=1e-10)
    w = model.weight
    c = w @ w.T + model.noise_variance * np.eye(d)
    np.testing.assert_allclose(model.covariance, c, atol=1e-12)
    np.testing.assert_allclose(model.log_prob(y), dense_log_prob(y, x.mean(0), c), rtol=1e-9)


@pytest.mark.parametrize("n, d, q", [(100, 6, 1), (100, 6, 5), (5, 20, 3), (12, 12, 4)])
def test_maximum_likelihood_depends_on_the_eigenvalues_alone(n, d, q):
    """At the optimum trace(C^-1 S) = D, as derived in `PPCA.fit`."""
    x = gaussian_points(n, d)
    model = PPCA.fit(x, q)
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    log_det = np.log(eigenvalues[:q]).sum() + (d - q) * np.log(model.noise_variance)
    value = -0.5 * (log_det + d + d * np.log(2 * np.pi))
    np.testing.assert_allclose(model.log_prob(x).mean(), value, rtol=1e-10)


def test_fit_has_the_maximum_likelihood():
    """20 random changes of the mean and of W with the noise all lower the likelihood."""
    d = 30
    x, rng = gaussian_points(8, d), np.random.default_rng(1)
    model = PPCA.fit(x, 3)
    best = model.log_prob(x).mean()
    np.testing.assert_allclose(
        best, dense_log_prob(x, model.mean, model.covariance).mean(), rtol=1e-10
    )
    for _ in range(20):
        w = model.weight + 0.05 * rng.normal(size=model.weight.shape)
        noise_variance = model.noise_variance * np.exp(0.2 * rng.normal())
        covariance = w @ w.T + noise_variance * np.eye(d)
        assert dense_log_prob(x, model.mean, covariance).mean() < best
        mean = model.mean + 0.05 * rng.normal(size=d)
        assert dense_log_prob(x, mean, model.covariance).mean() < best


def test_posterior_satisfies_bayes_rule():
    """At any z, log p(x) = log p(x|z) + log p(z) - log p(z|x)."""
    model, y = PPCA.fit(gaussian_points(50, 7), 3), gaussian_points(5, 7, seed=1)
    mean, variance = model.posterior(y)
    noise = model.noise_variance * np.eye(7)
    for z in (mean, mean + 1, np.zeros_like(mean)):
        log_likelihood = dense_log_prob(y - model.decode(z), np.zeros(7), noise)
        log_prior = dense_log_prob(z, np.zeros(3), np.eye(3))
        log_posterior = dense_log_prob(z - mean, np.zeros(3), np.diag(variance))
        np.testing.assert_allclose(
            log_likelihood + log_prior - log_posterior, model.log_prob(y), rtol=1e-10
        )


def test_ppca_on_a_gpu(cupy):
    """On another array type the results are the same, and no array is converted silently."""
    x = gaussian_points(40, 3)
    plain, on_gpu = PPCA.fit(x, 2), PPCA.fit(cupy.asarray(x), 2)
    np.testing.assert_allclose(on_gpu.covariance.get(), plain.covariance)
    np.testing.assert_allclose(
        on_gpu.sample(5, default_rng(1, "cuda")).get(), plain.sample(5, default_rng(1))
    )
    np.testing.assert_allclose(on_gpu.log_prob(cupy.asarray(x)).get(), plain.log_prob(x))


def test_float32_stays_float32():
    """Samples, densities and covariances have the precision of the data."""
    x = gaussian_points(40, 3).astype(np.float32)
    model = PPCA.fit(x, 1)
    assert model.log_prob(x).dtype == np.float32
    assert model.sample(2, default_rng(0)).dtype == np.float32
    assert model.covariance.dtype == np.float32


def test_data_without_noise_raise():
    """Equal examples vary in no direction, and points on a line in one."""
    with pytest.raises(ValueError, match="vary in 0 directions"):
        PPCA.fit(np.ones((10, 5)), 2)
    line = np.outer(np.linspace(-1, 1, 10), np.arange(1.0, 6))
    with pytest.raises(ValueError, match="vary in 1 directions"):
        PPCA.fit(line, 2)


def test_invalid_examples_raise():
    """One example, NaN, a wrong shape and integers are named in the error."""
    x = gaussian_points(5, 3)
    with pytest.raises(ValueError, match="1 example; a covariance needs at least 2"):
        PPCA.fit(x[:1], 1)
    with pytest.raises(ValueError, match="NaN or infinite"):
        PPCA.fit(np.where(np.arange(15).reshape(5, 3) == 7, np.nan, x), 1)
    with pytest.raises(ValueError, match=r"expected \(n, D\).*reshape"):
        PPCA.fit(x.reshape(5, 1, 3), 1)
    with pytest.raises(TypeError, match="uint8.*x / 255"):
        PPCA.fit(np.zeros((5, 3), np.uint8), 1)


@pytest.mark.parametrize("latent_dim", [0, 3, 4])
def test_invalid_latent_dim_raises(latent_dim):
    """5 examples of 3 numbers allow 1 or 2 dimensions."""
    with pytest.raises(ValueError, match="latent_dim is .* allow 1 to 2"):
        PPCA.fit(gaussian_points(5, 3), latent_dim)


def test_log_prob_checks_the_number_of_features_and_accepts_no_examples():
    """(n, 4) raises for a model in 3 dimensions; (0, 3) gives (0,)."""
    model = PPCA.fit(gaussian_points(5, 3), 1)
    with pytest.raises(ValueError, match=r"expected \(n, 3\)"):
        model.log_prob(np.zeros((2, 4)))
    assert model.log_prob(np.zeros((0, 3))).shape == (0,)
