"""Linear algebra raises LinAlgError on every device, and takes shapes without elements."""

import warnings

import numpy as np
import pytest

from tinygen import ops, tensor
from tinygen.backend import default_rng, linear_algebra, to_device, to_numpy
from tinygen.models.mixture import GaussianMixture

GOOD = np.array([[2.0, 1.0], [1.0, 3.0]])
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
INDEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])
BATCHES = {
    "one matrix": lambda a: a,
    "a batch": lambda a: np.stack([GOOD, a, GOOD]),
    "a batch of batches": lambda a: np.stack([GOOD, a])[:, None],
}
each_batch = pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)


@pytest.fixture(params=["cpu", "cuda"])
def place(request, cupy):
    """Each device in turn."""
    return request.param


@each_batch
def test_singular_matrices_are_an_error(batch, place):
    a = to_device(batch(SINGULAR), place)
    b = to_device(np.ones((*a.shape[:-1], 3)), place)
    for x in (a, tensor(a, requires_grad=True)):
        with pytest.raises(np.linalg.LinAlgError):
            ops.solve(x, b)
        with pytest.raises(np.linalg.LinAlgError):
            ops.inv(x)
    with pytest.raises(np.linalg.LinAlgError):
        linear_algebra.solve(a, b)
    with pytest.raises(np.linalg.LinAlgError):
        linear_algebra.inv(a)


@each_batch
def test_matrices_that_are_not_positive_definite_are_an_error(batch, place):
    a = to_device(batch(INDEFINITE), place)
    with pytest.raises(np.linalg.LinAlgError):
        ops.cholesky(a)
    with pytest.raises(np.linalg.LinAlgError):
        linear_algebra.cholesky(a)


@pytest.mark.parametrize("n", [2, 40])
def test_a_triangle_with_a_zero_on_its_diagonal_is_an_error(n, place):
    a = np.tri(n)
    a[n - 1, n - 1] = 0
    with pytest.raises(np.linalg.LinAlgError):
        ops.solve_triangular(to_device(a, place), to_device(np.ones((n, 1)), place), upper=False)


@each_batch
def test_the_determinant_of_a_singular_matrix_is_zero(batch, place):
    a = batch(SINGULAR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sign, logabsdet = map(to_numpy, ops.slogdet(to_device(a, place)))
    expected = np.linalg.slogdet(a)
    np.testing.assert_array_equal(sign, expected[0])
    np.testing.assert_allclose(logabsdet, expected[1])


@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [((2, 2), (2, 0)), ((3, 2, 2), (3, 2, 0)), ((0, 2, 2), (0, 2, 3)), ((3, 0, 0), (3, 0, 2))],
)
def test_systems_without_elements(a_shape, b_shape, place):
    a = np.broadcast_to(GOOD, a_shape) if a_shape[-1] else np.zeros(a_shape)
    a, b = (tensor(to_device(v.astype(np.float32), place)) for v in (a, np.zeros(b_shape)))
    a.requires_grad = b.requires_grad = True
    x = ops.solve(a, b)
    assert (x.shape, x.dtype, x.device) == (b_shape, np.float32, place)
    x.sum().backward()
    assert not a.grad.numpy().any()
    assert b.grad.shape == b_shape


@pytest.mark.parametrize("function", [ops.inv, ops.cholesky, ops.logdet])
@pytest.mark.parametrize("shape", [(0, 2, 2), (3, 0, 0)])
def test_functions_of_no_matrices(function, shape, place):
    y = function(tensor(np.zeros(shape), device=place))
    assert y.shape == (shape[:1] if function is ops.logdet else shape)
    assert not y.numpy().any()


@each_batch
def test_the_values_are_numpys(batch, place):
    a = batch(GOOD)
    on_device = to_device(a, place)
    for name in ("inv", "cholesky"):
        y = getattr(linear_algebra, name)(on_device)
        np.testing.assert_allclose(to_numpy(y), getattr(np.linalg, name)(a), rtol=1e-12)
    variances, axes = map(to_numpy, linear_algebra.eigh(on_device))
    np.testing.assert_allclose(variances, np.linalg.eigh(a)[0], rtol=1e-9)
    np.testing.assert_allclose((axes * variances[..., None, :]) @ axes.swapaxes(-1, -2), a)


def test_an_error_leaves_the_setting_of_the_library_as_it_was(gpu):
    cupyx = pytest.importorskip("cupyx")
    with pytest.raises(np.linalg.LinAlgError):
        ops.inv(to_device(SINGULAR, gpu))
    assert cupyx.geterr()["linalg"] == "ignore"


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diagonal"])
def test_a_mixture_continues_on_another_device(covariance_type, place):
    x = default_rng(0).normal((50, 3), np.float64)
    settings = {"covariance_type": covariance_type}
    source = GaussianMixture(to_device(x, place), 2, rng=default_rng(0, place), **settings)
    target = GaussianMixture(x + 1, 2, rng=default_rng(1), **settings)
    source.em_step(to_device(x, place))
    target.load_state_dict(source.state_dict())
    log_p = source.log_prob(to_device(x, place))
    np.testing.assert_allclose(target.log_prob(x), to_numpy(log_p), rtol=1e-9)
    source.load_state_dict(target.state_dict())
    np.testing.assert_allclose(to_numpy(source.log_prob(to_device(x, place))), to_numpy(log_p))
