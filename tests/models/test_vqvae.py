"""VQ-VAE: its gradients are the declared ones, dead codes restart, and it learns."""

import numpy as np
import pytest

from tinygen import default_rng, grad, no_grad, ops, optim, tensor
from tinygen.models.vqvae import VQVAE, VectorQuantizer, vqvae_loss


def make_quantizer(num_codes=5, code_dim=3):
    quantizer = VectorQuantizer(num_codes, code_dim, rng=default_rng(0))
    codes = np.random.default_rng(0).normal(size=(num_codes, code_dim))
    quantizer.weight.data = codes.astype(np.float32)
    return quantizer


def random_array(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_every_vector_is_replaced_by_the_nearest_code():
    quantizer, z_e = make_quantizer(), random_array(2, 3, 4, 5)
    quantized = quantizer(tensor(z_e))
    codes, z_q = quantizer.weight.numpy(), quantized.z_q.numpy()
    for n, i, j in np.ndindex(2, 4, 5):
        distances = [float(((z_e[n, :, i, j] - code) ** 2).sum()) for code in codes]
        nearest = int(np.argmin(distances))
        assert quantized.indices[n, i, j] == nearest
        np.testing.assert_array_equal(z_q[n, :, i, j], codes[nearest])


def test_both_losses_are_the_squared_distance():
    quantizer, z_e = make_quantizer(), random_array(2, 3, 4, 5)
    quantized = quantizer(tensor(z_e))
    codebook_loss = quantized.codebook_loss.numpy()
    distance = ((z_e - quantized.z_q.numpy()) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(codebook_loss, distance, rtol=1e-5)
    np.testing.assert_array_equal(codebook_loss, quantized.commitment_loss.numpy())


def test_the_gradient_of_z_q_goes_to_z_e_unchanged_and_not_to_the_codebook():
    quantizer, g = make_quantizer(), random_array(2, 3, 4, 5)
    z_e = tensor(random_array(2, 3, 4, 5), requires_grad=True)
    z_q = quantizer(z_e).z_q
    np.testing.assert_array_equal(grad(z_q, z_e, g, retain_graph=True)[0].numpy(), g)
    with pytest.raises(ValueError, match="do not depend"):
        grad(z_q.sum(), quantizer.weight)


def test_the_commitment_loss_moves_the_encoder_alone():
    quantizer = make_quantizer()
    z_e = tensor(random_array(2, 3, 4, 5), requires_grad=True)
    quantized = quantizer(z_e)
    loss = quantized.commitment_loss.sum()
    expected = 2 * (z_e.numpy() - quantized.z_q.numpy())
    gradient = grad(loss, z_e, retain_graph=True)[0].numpy()
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="do not depend"):
        grad(loss, quantizer.weight)


def test_the_codebook_loss_moves_the_codebook_alone():
    quantizer = make_quantizer()
    z_e = tensor(random_array(2, 3, 4, 5), requires_grad=True)
    quantized = quantizer(z_e)
    loss = quantized.codebook_loss.sum()
    expected = np.zeros((5, 3))
    for n, i, j in np.ndindex(2, 4, 5):
        k = quantized.indices[n, i, j]
        expected[k] += 2 * (quantizer.weight.numpy()[k] - z_e.numpy()[n, :, i, j])
    gradient = grad(loss, quantizer.weight, retain_graph=True)[0].numpy()
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="do not depend"):
        grad(loss, z_e)


def make_small_vqvae():
    return VQVAE(num_codes=4, code_dim=3, channels=4, shape=(1, 8, 8), rng=default_rng(0))


def test_the_objective_is_the_sum_of_its_three_terms():
    model, x = make_small_vqvae(), np.random.default_rng(1).random((2, 1, 8, 8)).astype(np.float32)
    loss, quantized = vqvae_loss(model, x, beta=0.5)
    x_hat = ops.sigmoid(model.decode(quantized.z_q)).numpy()
    distance = ((model.encode(x).numpy() - quantized.z_q.numpy()) ** 2).sum((1, 2, 3))
    expected = ((x - x_hat) ** 2).sum((1, 2, 3)) + 1.5 * distance
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-4)


def test_all_parameters_learn_and_the_codebook_from_its_own_term_alone():
    model, x = make_small_vqvae(), np.random.default_rng(1).random((2, 1, 8, 8)).astype(np.float32)
    vqvae_loss(model, x, beta=0.5)[0].mean().backward()
    assert all(np.abs(p.grad.numpy()).sum() > 0 for p in model.parameters())
    other = make_small_vqvae()
    other.quantizer(other.encode(x)).codebook_loss.mean().backward()
    expected, gradient = other.quantizer.weight.grad.numpy(), model.quantizer.weight.grad.numpy()
    np.testing.assert_allclose(expected, gradient, rtol=1e-5, atol=1e-6)


def test_dead_codes_restart():
    quantizer = make_quantizer(num_codes=6)
    codes = quantizer.weight.data
    quantizer.weight.data = np.concatenate([codes[:2], codes[2:] + 100])  # four are far from all z
    z_e = tensor(random_array(4, 3, 2, 2))
    for _ in range(3):
        quantizer(z_e)
    used = sorted(set(quantizer(z_e).indices.ravel().tolist()))
    steps_unused = quantizer.steps_unused.numpy()
    assert np.flatnonzero(steps_unused == 0).tolist() == used and (steps_unused[2:] == 4).all()

    before = quantizer.weight.numpy()
    assert quantizer.restart_dead_codes(z_e, patience=4, rng=default_rng(0)) == 0
    assert np.array_equal(quantizer.weight.numpy(), before)

    num_restarted = quantizer.restart_dead_codes(z_e, patience=3, rng=default_rng(0))
    assert num_restarted == 6 - len(used)
    np.testing.assert_array_equal(quantizer.weight.numpy()[used], before[used])
    vectors = np.moveaxis(z_e.numpy(), 1, -1).reshape(-1, 3)
    assert all((code == vectors).all(1).any() for code in quantizer.weight.numpy()[2:])
    assert len(set(quantizer(z_e).indices.ravel().tolist())) > len(used)
    assert quantizer.steps_unused.numpy().max() <= 1


def test_evaluation_does_not_count_unused_steps():
    quantizer, z_e = make_quantizer(num_codes=6), tensor(random_array(4, 3, 2, 2))
    quantizer(z_e)
    quantizer.eval()
    before = quantizer.steps_unused.numpy()
    quantizer(z_e)
    np.testing.assert_array_equal(quantizer.steps_unused.numpy(), before)


def test_it_learns_images_of_four_tiles():
    """Each tile is one of four patterns: 256 images, 8 bits, from 8 codes on a grid of 2 x 2."""
    rng = default_rng(0)
    tiles = np.stack([np.eye(4), 1 - np.eye(4), np.tri(4), np.zeros((4, 4))]).astype(np.float32)
    choices = np.random.default_rng(0).integers(0, 4, (300, 2, 2))
    images = tiles[choices].transpose(0, 1, 3, 2, 4).reshape(300, 1, 8, 8)
    model = VQVAE(num_codes=8, code_dim=4, channels=16, shape=(1, 8, 8), rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    for step in range(400):
        x = images[rng.integers(0, 200, (32,))]
        loss, _ = vqvae_loss(model, x)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        if step < 200:
            with no_grad():
                model.quantizer.restart_dead_codes(model.encode(x), 20, rng)
    model.eval()
    with no_grad():
        held_out = images[200:]
        quantized = model.quantizer(model.encode(held_out))
        logits = model.decode_indices(quantized.indices)
        expected = model.decode(quantized.z_q)
        reconstructions = ops.sigmoid(logits).numpy()
    np.testing.assert_array_equal(logits.numpy(), expected.numpy())
    error_rate = (np.abs(reconstructions - held_out) > 0.5).mean()
    assert error_rate < 0.02, error_rate
    assert len(np.unique(quantized.indices)) >= 4


def test_shapes_precision_and_state():
    model = VQVAE(num_codes=4, code_dim=3, channels=4, shape=(3, 8, 12), rng=default_rng(0))
    loss, quantized = vqvae_loss(model, np.zeros((2, 3, 8, 12), np.float32))
    assert loss.dtype == np.float32
    assert quantized.indices.shape == (2, 2, 3) and quantized.indices.dtype.kind == "i"
    assert {"quantizer.steps_unused", "quantizer.weight"} <= model.state_dict().keys()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        VQVAE(shape=(1, 30, 28), rng=default_rng(0))
    with pytest.raises(ValueError, match="VectorQuantizer: z_e"):
        make_quantizer(code_dim=3)(np.zeros((2, 4, 2, 2), np.float32))
