"""Mixtures of Gaussians: EM never lowers the likelihood, and densities equal dense formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.gaussian_cases import dense_log_prob, gaussian_points
from tinygen import default_rng
from tinygen.models.mixture import GaussianMixture

each_covariance_type = pytest.mark.parametrize("covariance_type", ["full", "tied", "diagonal"])


def full_covariances(mixture):
    """Expand the covariances of a mixture to K matrices (D, D)."""
    if mixture.covariance_type == "full":
        return [*mixture.covariances]
    if mixture.covariance_type == "tied":
        return [mixture.covariances] * len(mixture.weights)
    return [np.diag(v) for v in mixture.covariances]


@each_covariance_type
@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2, 60),
    d=st.integers(1, 4),
    k=st.integers(1, 6),
    floor=st.sampled_from([1e-4, 1e-2, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_em_never_lowers_the_likelihood(covariance_type, n, d, k, floor, seed):
    """Also for clusters, lines and repeated points.

    There components collapse onto the floor or lose all their examples.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * rng.choice([0.01, 1, 10], d) + 5 * rng.integers(0, 3, (n, 1))
    x = x[rng.integers(0, n, n)] if seed % 3 == 0 else x
    if np.ptp(x, axis=0).max() == 0:
        return
    mixture = GaussianMixture(
        x,
        min(k, n),
        covariance_type=covariance_type,
        variance_floor=floor,
        rng=default_rng(seed % 1000),
    )
    values = [mixture.em_step(x) for _ in range(15)]
    values.append(float(mixture.log_prob(x).mean()))
    assert np.isfinite(values).all()
    assert (np.diff(values) > -1e-8 * np.maximum(1, np.abs(values[1:]))).all()
    assert np.isclose(mixture.weights.sum(), 1)
    smallest_variance = np.linalg.eigvalsh(np.stack(full_covariances(mixture))).min()
    assert smallest_variance > floor * (1 - 1e-6)


@each_covariance_type
def test_densities_and_responsibilities_equal_the_dense_formulas(covariance_type):
    """p(x) = sum_k pi_k N(x; mu_k, Sigma_k), and the responsibilities are its normalized terms."""
    x, y = gaussian_points(40, 3), gaussian_points(9, 3, seed=2)
    mixture = GaussianMixture(x, 3, covariance_type=covariance_type, rng=default_rng(0))
    mixture.em_step(x)
    components = zip(mixture.weights, mixture.means, full_covariances(mixture), strict=True)
    p = np.stack([w * np.exp(dense_log_prob(y, m, c)) for w, m, c in components], axis=1)
    np.testing.assert_allclose(mixture.log_prob(y), np.log(p.sum(1)), rtol=1e-9)
    np.testing.assert_allclose(
        mixture.responsibilities(y), p / p.sum(1, keepdims=True), rtol=1e-8, atol=1e-12
    )


@each_covariance_type
def test_one_component_is_the_maximum_likelihood_gaussian(covariance_type):
    """With K = 1 the first M-step gives the mean and the covariance of the data."""
    x, y = gaussian_points(40, 3), gaussian_points(9, 3, seed=2)
    one = GaussianMixture(x, 1, covariance_type=covariance_type, rng=default_rng(0))
    s = np.cov(x.T, bias=True)
    s = np.diag(np.diag(s)) if covariance_type == "diagonal" else s
    np.testing.assert_allclose(one.log_prob(y), dense_log_prob(y, x.mean(0), s), rtol=1e-9)


@each_covariance_type
def test_the_density_integrates_to_one(covariance_type):
    """A Riemann sum over the plane."""
    second = gaussian_points(60, 2, seed=1) * 0.5 + [3, -2]
    x = np.concatenate([gaussian_points(60, 2), second])
    mixture = GaussianMixture(x, 4, covariance_type=covariance_type, rng=default_rng(0))
    for _ in range(5):
        mixture.em_step(x)
    axis = np.linspace(-12, 12, 1201)
    plane = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    integral = np.exp(mixture.log_prob(plane)).sum() * (axis[1] - axis[0]) ** 2
    np.testing.assert_allclose(integral, 1, atol=1e-6)


@each_covariance_type
def test_em_finds_the_clusters_and_samples_have_their_moments(covariance_type):
    """Three clusters of known weights, means and covariances."""
    rng = np.random.default_rng(0)
    centres, weights = np.array([[0, 0], [6, 0], [0, 8.0]]), np.array([0.5, 0.3, 0.2])
    diagonal = covariance_type == "diagonal"
    scale = np.array([[1.0, 0], [0, 1]] if diagonal else [[1.0, 0], [0.8, 0.6]])
    x = centres[rng.choice(3, 4000, p=weights)] + rng.normal(size=(4000, 2)) @ scale.T
    mixture = GaussianMixture(x, 3, covariance_type=covariance_type, rng=default_rng(1))
    for _ in range(20):
        mixture.em_step(x)
    order = np.argsort(-mixture.weights)
    np.testing.assert_allclose(mixture.weights[order], weights, atol=0.03)
    np.testing.assert_allclose(mixture.means[order], centres, atol=0.12)
    samples, component = mixture.sample(100_000, default_rng(2))
    for k, covariance in enumerate(full_covariances(mixture)):
        cluster = samples[component == k]
        np.testing.assert_allclose(len(cluster) / 1e5, mixture.weights[k], atol=0.005)
        np.testing.assert_allclose(cluster.mean(0), mixture.means[k], atol=0.03)
        np.testing.assert_allclose(np.cov(cluster.T), covariance, atol=0.04)


@each_covariance_type
def test_component_without_examples_gets_weight_zero(covariance_type):
    """Data at two places leave two of four components unused, and everything stays finite."""
    x = np.repeat(np.array([[0.0, 0], [1, 2]]), 5, axis=0)
    mixture = GaussianMixture(x, 4, covariance_type=covariance_type, rng=default_rng(0))
    for _ in range(3):
        mixture.em_step(x)
    unused = mixture.weights == 0
    assert unused.sum() == 2
    assert np.isfinite(mixture.means).all()
    assert np.isfinite(mixture.covariances).all()
    assert np.isfinite(mixture.log_prob(x)).all()
    assert (mixture.responsibilities(x)[:, unused] == 0).all()
    assert set(mixture.sample(1000, default_rng(0))[1]) == set(np.flatnonzero(mixture.weights))


def test_log_prob_is_finite_far_from_all_components():
    """There every density underflows to 0, but its logarithm does not."""
    mixture = GaussianMixture(gaussian_points(30, 2), 3, rng=default_rng(0))
    far = np.full((1, 2), 1e6)
    assert np.isfinite(mixture.log_prob(far))
    assert mixture.log_prob(far) < -1e9
    np.testing.assert_allclose(mixture.responsibilities(far).sum(), 1)


@each_covariance_type
def test_state_can_be_loaded_into_another_mixture(covariance_type):
    """Then both make the same step; a mixture of another size refuses the state."""
    x = gaussian_points(40, 3)
    a, b = (
        GaussianMixture(x, 3, covariance_type=covariance_type, rng=default_rng(seed))
        for seed in (0, 1)
    )
    a.em_step(x)
    b.load_state_dict(a.state_dict())
    assert a.em_step(x) == b.em_step(x)
    assert all((a.state_dict()[k] == v).all() for k, v in b.state_dict().items())
    smaller = GaussianMixture(x, 2, covariance_type=covariance_type, rng=default_rng(0))
    with pytest.raises(ValueError, match="weights has shape"):
        smaller.load_state_dict(a.state_dict())


# ---------------------------------------------------------------- array types, precision, bad input


@each_covariance_type
def test_mixture_on_a_gpu(cupy, covariance_type):
    """On another array type the results are the same, and no array is converted silently."""
    x = gaussian_points(40, 3)
    gpu_x = cupy.asarray(x)
    plain = GaussianMixture(x, 3, covariance_type=covariance_type, rng=default_rng(0))
    on_gpu = GaussianMixture(gpu_x, 3, covariance_type=covariance_type, rng=default_rng(0, "cuda"))
    assert np.isclose(plain.em_step(x), on_gpu.em_step(gpu_x))
    gpu_samples, samples = (
        on_gpu.sample(5, default_rng(1, "cuda"))[0],
        plain.sample(5, default_rng(1))[0],
    )
    np.testing.assert_allclose(gpu_samples.get(), samples)
    np.testing.assert_allclose(on_gpu.log_prob(gpu_x).get(), plain.log_prob(x))


@each_covariance_type
def test_float32_stays_float32(covariance_type):
    """Parameters, densities and samples have the precision of the data."""
    x = gaussian_points(40, 3).astype(np.float32)
    mixture = GaussianMixture(x, 2, covariance_type=covariance_type, rng=default_rng(0))
    mixture.em_step(x)
    assert {v.dtype for v in mixture.state_dict().values()} == {np.dtype(np.float32)}
    assert mixture.log_prob(x).dtype == np.float32
    assert mixture.sample(2, default_rng(0))[0].dtype == np.float32


def test_the_default_floor_is_allowed_in_float32():
    """It is above what float32 can distinguish from 0."""
    x = np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32)
    for covariance_type in ("full", "tied", "diagonal"):
        mixture = GaussianMixture(x, 3, covariance_type=covariance_type, rng=default_rng(0))
        mixture.em_step(x)
        assert np.isfinite(mixture.log_prob(x)).all()


def test_invalid_examples_raise():
    """One example, NaN, a wrong shape and integers are named in the error."""
    x = gaussian_points(5, 3)
    with pytest.raises(ValueError, match="1 example; a covariance needs at least 2"):
        GaussianMixture(x[:1], 1, rng=default_rng(0))
    with pytest.raises(ValueError, match="NaN or infinite"):
        bad = np.where(np.arange(15).reshape(5, 3) == 7, np.nan, x)
        GaussianMixture(bad, 1, rng=default_rng(0))
    with pytest.raises(ValueError, match=r"expected \(n, D\).*reshape"):
        GaussianMixture(x.reshape(5, 1, 3), 1, rng=default_rng(0))
    with pytest.raises(TypeError, match="uint8.*x / 255"):
        GaussianMixture(np.zeros((5, 3), np.uint8), 1, rng=default_rng(0))


def test_invalid_settings_raise():
    """More components than examples, an unknown covariance type, a floor that is no variance."""
    x = gaussian_points(5, 3)
    with pytest.raises(ValueError, match="6 components for 5 examples"):
        GaussianMixture(x, 6, rng=default_rng(0))
    with pytest.raises(ValueError, match="one of full, tied, diagonal"):
        GaussianMixture(x, 2, covariance_type="spherical", rng=default_rng(0))
    for floor in (0.0, -1.0, np.nan, 1e-30):
        with pytest.raises(ValueError, match="variance_floor is a variance above 0"):
            GaussianMixture(x, 2, variance_floor=floor, rng=default_rng(0))
    with pytest.raises(ValueError, match="all examples are the same"):
        GaussianMixture(np.ones((5, 3)), 2, rng=default_rng(0))


def test_log_prob_checks_the_number_of_features_and_accepts_no_examples():
    """(n, 4) raises for a mixture in 3 dimensions; (0, 3) gives (0,)."""
    mixture = GaussianMixture(gaussian_points(5, 3), 2, rng=default_rng(0))
    with pytest.raises(ValueError, match=r"expected \(n, 3\)"):
        mixture.log_prob(np.zeros((2, 4)))
    assert mixture.log_prob(np.zeros((0, 3))).shape == (0,)
