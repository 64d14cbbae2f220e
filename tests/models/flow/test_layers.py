"""Single layers of flows: ActNorm, invertible linear map, coupling, autoregressive layer."""

import numpy as np
import pytest

from tests.models.flow.cases import jacobian, perturbed
from tinygen import default_rng
from tinygen.models.flow import (
    ActNorm,
    AffineAutoregressive,
    InvertibleLinear,
    MADENetwork,
    MaskedLinear,
    Permutation,
    checkerboard,
)
from tinygen.models.flow.glow import lu
from tinygen.models.flow.realnvp import soft_clamp


@pytest.mark.parametrize("shape", [(3,), (3, 4, 2)])
def test_actnorm_normalizes_the_batch_it_is_initialized_with(shape):
    """Mean 0 and standard deviation 1 in every channel, whatever the scale of the data."""
    x = 7 * default_rng(0).normal((50, *shape)) - 100
    x[:, 1] *= 0.01
    layer = ActNorm(3)
    layer.initialize(x)
    y = layer(x)[0].numpy()
    axes = (0, *range(2, y.ndim))
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=axes), 1, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 2)])
def test_actnorm_names_what_it_cannot_normalize(shape):
    """Another dtype, one example, a channel with NaN and a constant channel."""
    x = 7 * default_rng(0).normal((50, *shape)) - 100
    layer = ActNorm(3)
    with pytest.raises(ValueError, match="x is float64, the layer float32"):
        layer.initialize(x.astype(np.float64))
    with pytest.raises(ValueError, match="channel 0 of x .* is constant"):  # one example
        layer.initialize(x[:1, ..., :1, :1] if x.ndim == 4 else x[:1])
    x[0, 1] = np.nan
    with pytest.raises(ValueError, match="channel 1 of x .* not finite"):
        layer.initialize(x)
    x[:, 2], x[0, 1] = 5, 0
    with pytest.raises(ValueError, match="channel 2 of x .* is constant"):
        layer.initialize(x)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_lu_factors_have_their_forms_and_their_product_is_the_matrix(n):
    """A permutation, a unit lower triangle with entries up to 1, and an upper triangle."""
    a = np.random.default_rng(n).normal(size=(n, n))
    p, lower, upper = lu(a)
    np.testing.assert_allclose(p @ lower @ upper, a, atol=1e-12)
    assert np.array_equal(np.sort(p, axis=0)[-1], np.ones(n))
    assert p.sum() == n
    assert np.array_equal(lower, np.tril(lower))
    assert np.array_equal(lower.diagonal(), np.ones(n))
    assert np.array_equal(upper, np.triu(upper))
    assert np.abs(lower).max() <= 1


def test_lu_of_a_singular_matrix_raises():
    """It names the column."""
    with pytest.raises(ValueError, match="singular: column 1"):
        lu(np.array([[1.0, 2], [2, 4]]))


def test_invertible_linear_is_a_matrix_with_a_known_determinant():
    """Orthogonal at the start; later log_det is H W log |det W|, and y = W x at each pixel."""
    layer = InvertibleLinear(6, rng=default_rng(0))

    def matrix():
        p, lower, upper = (f.numpy().astype(np.float64) for f in layer.factors())
        return p @ lower @ upper

    np.testing.assert_allclose(matrix() @ matrix().T, np.eye(6), atol=1e-6)
    x = default_rng(1).normal((3, 6, 2, 5))
    assert abs(float(layer(x)[1])) < 1e-5
    for p in layer.parameters():
        p.data = p.data + 0.3 * default_rng(2).normal(p.shape)
    y, log_det = layer(x)
    np.testing.assert_allclose(float(log_det), 10 * np.linalg.slogdet(matrix())[1], rtol=1e-5)
    np.testing.assert_allclose(y.numpy(), np.einsum("ij,njhw->nihw", matrix(), x), atol=1e-5)


@pytest.mark.parametrize("swap", [False, True])
def test_coupling_keeps_one_half(swap):
    """The kept half has Jacobian I, and the changed half a diagonal and a full block."""
    name = "AffineCoupling, swapped" if swap else "AffineCoupling"
    model, x = perturbed(name, dtype=np.float64)
    same, changed = (slice(2, 5), slice(0, 2)) if swap else (slice(0, 2), slice(2, 5))
    y = model(x)[0].numpy()
    np.testing.assert_array_equal(y[:, same], x[:, same])
    j = jacobian(model, x[:1])
    np.testing.assert_array_equal(j[same, same], np.eye(len(j[same])))
    assert np.count_nonzero(j[changed, changed]) == len(j[changed])
    assert np.abs(j[changed, same]).min() > 0


def summed_jacobian(hidden):
    """Sum |dz/dx| over 20 examples, for an autoregressive layer with random weights."""
    rng = default_rng(0)
    layer = AffineAutoregressive(MADENetwork(5, hidden, rng=rng))
    for p in layer.parameters():
        p.data = rng.normal(p.shape)
    x = rng.normal((20, 5))
    return sum(np.abs(jacobian(layer, row)) for row in np.split(x, 20))


@pytest.mark.parametrize("hidden", [(9, 8), (4,), (2,), (40, 3, 17)])
def test_autoregressive_jacobian_is_triangular(hidden):
    """z_i depends on x_i, and on no x_j with j > i."""
    total = summed_jacobian(hidden)
    assert (np.triu(total, 1) == 0).all()
    assert (total.diagonal() > 0).all()


def test_autoregressive_layer_reads_all_inputs_before():
    """With enough units, z_i depends on every x_j with j <= i."""
    assert (summed_jacobian((9, 8))[np.tril_indices(5)] > 0).all()


def test_soft_clamp_is_bounded_and_the_identity_near_zero():
    """-2 and 2 are the limits."""
    s = np.array([-50.0, -0.01, 0.0, 0.01, 50.0])
    np.testing.assert_allclose(soft_clamp(s), [-2, -0.01, 0, 0.01, 2], atol=1e-6)


def test_fan_in_of_a_masked_layer_is_the_mean_number_of_inputs_read():
    """A triangle of 6 x 6 has 21 entries, 3.5 per output."""
    layer = MaskedLinear(np.tril(np.ones((6, 6), bool)), rng=default_rng(0))
    assert layer.fan_in == 3.5


def test_permutation_reorders_the_features_and_back():
    """In the order of a checkerboard, all black squares come before all white ones."""
    order = checkerboard(4, 6)
    colours = np.add(*np.divmod(order, 6)) % 2
    assert sorted(order) == [*range(24)]
    assert (colours == np.repeat([0, 1], 12)).all()
    x = np.arange(24.0)[None]
    layer = Permutation(order)
    np.testing.assert_array_equal(layer(x)[0][0], order)
    np.testing.assert_array_equal(layer.inverse(layer(x)[0]), x)


def test_permutation_of_repeated_indices_raises():
    """Each index must occur once."""
    with pytest.raises(ValueError, match="each of 0 ... C - 1 once"):
        Permutation([0, 2, 2])
