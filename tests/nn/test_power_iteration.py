"""Power iteration finds the largest singular value, for one matrix or a stack of them."""

import numpy as np
import pytest

from tinygen.nn.power_iteration import power_iteration


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (3, 5, 2)])
def test_singular_vectors_are_found(shape):
    rng = np.random.default_rng(0)
    w, u = rng.normal(size=shape), rng.normal(size=shape[:-1])
    u, v = power_iteration(w, u, num_steps=300)
    left, sigma, right = np.linalg.svd(w)
    np.testing.assert_allclose((u[..., None, :] @ w @ v[..., None])[..., 0, 0], sigma[..., 0])
    np.testing.assert_allclose(np.abs((u * left[..., :, 0]).sum(-1)), 1)
    np.testing.assert_allclose(np.abs((v * right[..., 0, :]).sum(-1)), 1)


def test_a_stack_has_the_bits_of_its_matrices():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 50, 70)).astype(np.float32)
    u = rng.normal(size=(3, 50)).astype(np.float32)
    stacked_u, stacked_v = power_iteration(w, u)
    for i in range(3):
        single_u, single_v = power_iteration(w[i], u[i])
        assert (stacked_u[i] == single_u).all() and (stacked_v[i] == single_v).all()


def test_a_matrix_of_zeros_gives_zeros():
    u, v = power_iteration(np.zeros((2, 3)), np.ones(2))
    assert (u == 0).all() and (v == 0).all()
