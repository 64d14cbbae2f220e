"""Principal components and Gaussians: dense formulas, exact moments and a published figure."""

import os
import time

import numpy as np
import pytest

from tests.models.gaussian_cases import dense_log_prob, gaussian_points
from tinygen import data, default_rng
from tinygen.models.gaussian import Gaussian, principal_components
from tinygen.models.ppca import PPCA

# ----------------------------------------------------------------------------- principal components


@pytest.mark.parametrize("n, d", [(50, 6), (7, 6), (6, 6), (5, 12), (2, 3), (9, 1)])
def test_principal_components_are_the_eigenvectors_of_the_covariance(n, d):
    """By the covariance or, if there are no more examples than features, by the Gram matrix."""
    x = gaussian_points(n, d)
    mean, variances, u = principal_components(x)
    s = np.cov(x.T, bias=True).reshape(d, d)
    r = min(n - 1, d)
    assert variances.shape == (r,)
    assert u.shape == (d, r)
    assert (np.diff(variances) <= 0).all()
    np.testing.assert_allclose(mean, x.mean(0), atol=1e-14)
    np.testing.assert_allclose(u.T @ u, np.eye(r), atol=1e-12)
    np.testing.assert_allclose(s @ u, u * variances, atol=1e-13)
    np.testing.assert_allclose((u * variances) @ u.T, s, atol=1e-13)
    assert (u[np.abs(u).argmax(0), np.arange(r)] > 0).all()


@pytest.mark.parametrize("n, d", [(50, 6), (7, 6), (6, 6), (5, 12), (2, 3), (9, 1)])
def test_rank_limits_the_components_but_not_the_variances(n, d):
    """With rank 1 there is one component, the first, and all variances."""
    x = gaussian_points(n, d)
    _, variances, u = principal_components(x)
    _, variances_of_rank_1, u_of_rank_1 = principal_components(x, 1)
    np.testing.assert_allclose(variances_of_rank_1, variances, atol=1e-14)
    np.testing.assert_allclose(u_of_rank_1, u[:, :1], atol=1e-12)


def test_components_without_variance_are_orthonormal_too():
    """8 examples that span only 3 directions have 7 orthonormal components."""
    x = np.concatenate([gaussian_points(4, 9)] * 2)
    _, variances, u = principal_components(x)
    assert (variances[3:] < 1e-15).all()
    assert (variances >= 0).all()
    np.testing.assert_allclose(u.T @ u, np.eye(7), atol=1e-12)


# ------------------------------------------------------------------------------------- one Gaussian


@pytest.mark.parametrize(
    "n, d, noise_variance", [(200, 5, 0.0), (200, 5, 0.1), (4, 12, 0.05), (3, 200, 1e-6)]
)
def test_log_likelihood_equals_the_dense_formula(n, d, noise_variance):
    """log_prob and covariance agree with the formulas for a full covariance matrix."""
    x, y = gaussian_points(n, d), gaussian_points(30, d, seed=1)
    model = Gaussian.fit(x, noise_variance=noise_variance)
    covariance = np.cov(x.T, bias=True) + noise_variance * np.eye(d)
    np.testing.assert_allclose(model.covariance, covariance, atol=1e-13)
    np.testing.assert_allclose(
        model.log_prob(y), dense_log_prob(y, x.mean(0), covariance), rtol=1e-9
    )


def test_fit_has_the_maximum_likelihood():
    """20 random changes of the mean and of the covariance all lower the likelihood."""
    d = 5
    x, rng = gaussian_points(60, d), np.random.default_rng(1)
    model = Gaussian.fit(x)
    best = model.log_prob(x).mean()
    np.testing.assert_allclose(
        best, dense_log_prob(x, model.mean, model.covariance).mean(), rtol=1e-10
    )
    for _ in range(20):
        a = np.eye(d) + 0.05 * rng.normal(size=(d, d))
        assert dense_log_prob(x, model.mean, a @ model.covariance @ a.T).mean() < best
        mean = model.mean + 0.05 * rng.normal(size=d)
        assert dense_log_prob(x, mean, model.covariance).mean() < best


@pytest.mark.parametrize(
    "fit",
    [
        lambda x: Gaussian.fit(x),
        lambda x: Gaussian.fit(x, noise_variance=0.3),
        lambda x: PPCA.fit(x, 2),
    ],
)
def test_samples_have_the_moments_of_the_model(fit):
    """Mean and covariance, and the fourth moments of a Gaussian after whitening."""
    model = fit(gaussian_points(100, 4))
    x = model.sample(200_000, default_rng(0))
    np.testing.assert_allclose(x.mean(0), model.mean, atol=0.012)
    np.testing.assert_allclose(np.cov(x.T), model.covariance, atol=0.02)
    white = np.linalg.solve(np.linalg.cholesky(model.covariance), (x - model.mean).T)
    np.testing.assert_allclose((white**4).mean(1), 3, atol=0.1)


def test_samples_stay_in_the_span_of_few_examples():
    """4 examples of 20 numbers span 3 directions, and samples add no other."""
    x = gaussian_points(4, 20)
    samples = Gaussian.fit(x).sample(10, default_rng(0))
    centred = np.concatenate([x, samples]) - x.mean(0)
    assert np.linalg.matrix_rank(centred, tol=1e-8) == 3


def test_gaussian_on_logit_mnist():
    """Reproduce -1366.9 (+- 1.4) nats, the figure of table 3 of the MAF paper.

    Papamakarios, Pavlakou and Murray, Masked Autoregressive Flow for Density Estimation, 2017.
    Theirs is the log-density of the *logits*, without the change of variables back to pixels, which
    would add 4620 nats on average. The seed of the dequantization noise matters: theirs (NumPy's
    MT19937 with seed 42, drawn for 50,000 training, 10,000 validation and then the test pictures)
    gives -1366.90, other seeds -1366.2 to -1366.6.
    """
    if not os.path.isdir(os.path.join(os.environ.get("TINYGEN_DATA", ""), "mnist")):
        pytest.skip("TINYGEN_DATA with mnist/ is not set")
    start = time.process_time()  # of this process: wall time would count other programs too
    rng = np.random.RandomState(42)

    def logits(images):
        x = (images.reshape(len(images), -1) + rng.rand(len(images), 784)) / 256
        y = 1e-6 + (1 - 2e-6) * x
        return np.log(y / (1 - y))

    train = logits(data.mnist("train")[0][:50_000])
    rng.rand(10_000, 784)  # the noise of their validation pictures
    test = logits(data.mnist("test")[0])
    assert abs(Gaussian.fit(train).log_prob(test).mean() - -1366.90) < 0.1
    assert time.process_time() - start < 20  # 8 seconds when the test was written


@pytest.mark.parametrize(
    "x",
    [
        gaussian_points(3, 5),
        np.hstack([gaussian_points(50, 2), np.ones((50, 1))]),
        gaussian_points(50, 2)[:, [0, 1, 1]],
        np.ones((5, 2)),
    ],
    ids=["few examples", "a constant feature", "a repeated feature", "equal examples"],
)
def test_singular_covariance_raises_in_log_prob(x):
    """A singular Gaussian has no density, but it has samples; noise makes it regular."""
    with pytest.raises(ValueError, match="no density.*give noise"):
        Gaussian.fit(x).log_prob(x)
    assert np.isfinite(Gaussian.fit(x, noise_variance=1e-3).log_prob(x)).all()
    assert Gaussian.fit(x).sample(3, default_rng(0)).shape == (3, x.shape[1])


def test_small_noise_has_a_density_in_float32():
    """In 3072 dimensions eps D is 4e-4: a threshold for eigenvalues, not for a given noise."""
    x = (data.faces(300, seed=1)[0].reshape(300, -1) / 255).astype(np.float64)
    exact = PPCA.fit(x, 10)
    arrays = (a.astype(np.float32) for a in (exact.mean, exact.components, exact.variances))
    single = PPCA(*arrays, exact.noise_variance)
    few = x[:5].astype(np.float32)
    np.testing.assert_allclose(single.log_prob(few), exact.log_prob(x[:5]), atol=0.05)
    model = Gaussian.fit(x.astype(np.float32), noise_variance=1e-2)
    assert np.isfinite(model.log_prob(few)).all()


def test_gaussian_without_components_is_isotropic():
    """With r = 0 the covariance is the noise alone."""
    g = Gaussian(np.zeros(3), np.zeros((3, 0)), np.zeros(0), noise_variance=2.0)
    np.testing.assert_allclose(g.log_prob(np.ones((1, 3))), -0.75 - 1.5 * np.log(4 * np.pi))


# ---------------------------------------------------------------- array types, precision, bad input


def test_gaussian_on_a_gpu(cupy):
    """On another array type the results are the same, and no array is converted silently."""
    x = gaussian_points(40, 3)
    plain = Gaussian.fit(x[:3], noise_variance=0.1)
    on_gpu = Gaussian.fit(cupy.asarray(x[:3]), noise_variance=0.1)
    np.testing.assert_allclose(on_gpu.covariance.get(), plain.covariance)
    np.testing.assert_allclose(
        on_gpu.sample(5, default_rng(1, "cuda")).get(), plain.sample(5, default_rng(1))
    )
    np.testing.assert_allclose(on_gpu.log_prob(cupy.asarray(x)).get(), plain.log_prob(x))


def test_float32_stays_float32():
    """Samples, densities and covariances have the precision of the data."""
    x = gaussian_points(40, 3).astype(np.float32)
    for model in (Gaussian.fit(x), Gaussian.fit(x[:3], noise_variance=0.1)):
        assert model.log_prob(x).dtype == np.float32
        assert model.sample(2, default_rng(0)).dtype == np.float32
        assert model.covariance.dtype == np.float32


@pytest.mark.parametrize("fit", [Gaussian.fit, principal_components])
def test_invalid_examples_raise(fit):
    """One example, NaN, a wrong shape and integers are named in the error."""
    x = gaussian_points(5, 3)
    with pytest.raises(ValueError, match="1 example; a covariance needs at least 2"):
        fit(x[:1])
    with pytest.raises(ValueError, match="NaN or infinite"):
        fit(np.where(np.arange(15).reshape(5, 3) == 7, np.nan, x))
    with pytest.raises(ValueError, match=r"expected \(n, D\).*reshape"):
        fit(x.reshape(5, 1, 3))
    with pytest.raises(TypeError, match="uint8.*x / 255"):
        fit(np.zeros((5, 3), np.uint8))


def test_invalid_settings_raise():
    """A rank, a noise variance or shapes that do not fit."""
    x = gaussian_points(5, 3)
    with pytest.raises(ValueError, match="rank is 4"):
        principal_components(x, 4)
    with pytest.raises(ValueError, match="noise_variance is a variance"):
        Gaussian.fit(x, noise_variance=-1.0)
    with pytest.raises(ValueError, match="expected .D,., .D, r. and .r,."):
        Gaussian(np.zeros(3), np.eye(3)[:, :2], np.ones(3))


def test_log_prob_checks_the_number_of_features_and_accepts_no_examples():
    """(n, 4) raises for a Gaussian in 3 dimensions; (0, 3) gives (0,)."""
    model = Gaussian.fit(gaussian_points(5, 3))
    with pytest.raises(ValueError, match=r"expected \(n, 3\)"):
        model.log_prob(np.zeros((2, 4)))
    assert model.log_prob(np.zeros((0, 3))).shape == (0,)
