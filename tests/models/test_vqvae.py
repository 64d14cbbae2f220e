"""VQ-VAE: its gradients are the declared ones, its codebook lives, and it learns. And the convolutional VAE's shapes."""

import numpy as np
import pytest

from tinygen import default_rng, grad, no_grad, ops, optim, tensor
from tinygen.models.conv_vae import ConvVAE
from tinygen.models.vae import elbo
from tinygen.models.vqvae import VQVAE, VectorQuantizer, vq_loss

NUMPY_RNG = np.random.default_rng(0)


def quantizer(codes=5, features=3, seed=0):
    q = VectorQuantizer(codes, features, rng=default_rng(seed))
    q.weight.data = np.random.default_rng(seed).normal(size=(codes, features)).astype(np.float32)
    return q


def test_every_vector_gets_the_nearest_code():
    q, z = quantizer(), NUMPY_RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
    out = q(tensor(z))
    for n in range(2):
        for i in range(4):
            for j in range(5):
                distances = [float(((z[n, :, i, j] - e) ** 2).sum()) for e in q.weight.numpy()]
                assert out.indices[n, i, j] == int(np.argmin(distances))
                np.testing.assert_array_equal(out.z_q.numpy()[n, :, i, j], q.weight.numpy()[np.argmin(distances)])
    np.testing.assert_allclose(out.codebook.numpy(), ((z - out.z_q.numpy()) ** 2).sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(out.codebook.numpy(), out.commitment.numpy())


def test_gradients_are_the_declared_ones():
    """What comes to z_q goes to z_e as it is and not to the codebook; the codebook's term moves the codebook alone; the commitment moves z_e alone."""
    q = quantizer()
    z = tensor(NUMPY_RNG.normal(size=(2, 3, 4, 5)).astype(np.float32), requires_grad=True)
    out, g = q(z), NUMPY_RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(grad(out.z_q, z, g, retain_graph=True).numpy(), g)
    with pytest.raises(ValueError, match="do not depend"):
        grad(out.z_q.sum(), q.weight, retain_graph=True)
    with pytest.raises(ValueError, match="do not depend"):
        grad(out.codebook.sum(), z, retain_graph=True)
    with pytest.raises(ValueError, match="do not depend"):
        grad(out.commitment.sum(), q.weight, retain_graph=True)
    e = out.z_q.numpy()
    np.testing.assert_allclose(grad(out.commitment.sum(), z, retain_graph=True).numpy(), 2 * (z.numpy() - e), rtol=1e-5, atol=1e-6)
    expected = np.zeros((5, 3))
    for index in np.ndindex(2, 4, 5):
        k = out.indices[index]
        expected[k] += 2 * (q.weight.numpy()[k] - z.numpy()[index[0], :, index[1], index[2]])
    np.testing.assert_allclose(grad(out.codebook.sum(), q.weight).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_the_objective_sends_each_gradient_where_it_belongs():
    model = VQVAE(codes=4, features=3, channels=4, shape=(1, 8, 8), rng=default_rng(0))
    x = NUMPY_RNG.random((2, 1, 8, 8)).astype(np.float32)
    loss, quantized = vq_loss(model, x, beta=0.5)
    x_hat = ops.sigmoid(model.decode(quantized.z_q)).numpy()
    distance = ((model.encode(x).numpy() - quantized.z_q.numpy()) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(loss.numpy(), ((x - x_hat) ** 2).sum((1, 2, 3)) + 1.5 * distance, rtol=1e-4)
    loss.mean().backward()
    assert all(np.abs(p.grad.numpy()).sum() > 0 for p in model.parameters())
    only = VQVAE(codes=4, features=3, channels=4, shape=(1, 8, 8), rng=default_rng(0))
    only.quantizer(only.encode(x)).codebook.mean().backward()
    np.testing.assert_allclose(only.quantizer.weight.grad.numpy(), model.quantizer.weight.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_dead_codes_come_back_to_life():
    q = quantizer(codes=6)
    q.weight.data = np.concatenate([q.weight.data[:2], q.weight.data[2:] + 100])  # four codes far from everything
    z = tensor(NUMPY_RNG.normal(size=(4, 3, 2, 2)).astype(np.float32))
    for _ in range(3):
        q(z)
    alive = sorted({*q(z).indices.ravel().tolist()})
    assert [k for k in range(6) if q.idle.numpy()[k] == 0] == alive and (q.idle.numpy()[2:] == 4).all()
    before = q.weight.numpy()
    assert q.revive(z, patience=4, rng=default_rng(0)) == 0 and np.array_equal(q.weight.numpy(), before)
    assert q.revive(z, patience=3, rng=default_rng(0)) == 6 - len(alive)
    np.testing.assert_array_equal(q.weight.numpy()[alive], before[alive])
    vectors = np.moveaxis(z.numpy(), 1, -1).reshape(-1, 3)
    assert all((e == vectors).all(1).any() for e in q.weight.numpy()[2:])
    assert len({*q(z).indices.ravel().tolist()}) > len(alive) and q.idle.numpy().max() <= 1
    q.eval()
    idle = q.idle.numpy()
    q(z)
    np.testing.assert_array_equal(q.idle.numpy(), idle)  # evaluation counts nothing


def test_it_learns_a_small_problem():
    """Pictures of four tiles, each one of four patterns: 256 pictures, 8 bits, from a book of 8 codes on a grid of 2 x 2."""
    rng = default_rng(0)
    tiles = np.stack([np.eye(4), 1 - np.eye(4), np.tri(4), np.zeros((4, 4))]).astype(np.float32)
    which = NUMPY_RNG.integers(0, 4, (300, 2, 2))
    pictures = tiles[which].transpose(0, 1, 3, 2, 4).reshape(300, 1, 8, 8)
    model = VQVAE(codes=8, features=4, channels=16, shape=(1, 8, 8), rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    for step in range(400):
        x = pictures[rng.integers(0, 200, (32,))]
        loss, _ = vq_loss(model, x)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        if step < 200:
            with no_grad():
                model.quantizer.revive(model.encode(x), 20, rng)
    model.eval()
    with no_grad():
        unseen = pictures[200:]
        quantized = model.quantizer(model.encode(unseen))
        shown = ops.sigmoid(model.decode_indices(quantized.indices)).numpy()
    np.testing.assert_array_equal(model.decode(quantized.z_q).numpy(), model.decode_indices(quantized.indices).numpy())
    wrong = (np.abs(shown - unseen) > 0.5).mean()
    assert wrong < 0.02, wrong
    assert len(np.unique(quantized.indices)) >= 4


def test_vq_errors_and_precision():
    model = VQVAE(codes=4, features=3, channels=4, shape=(3, 8, 12), rng=default_rng(0))
    loss, quantized = vq_loss(model, np.zeros((2, 3, 8, 12), np.float32))
    assert loss.dtype == np.float32 and quantized.indices.shape == (2, 2, 3) and quantized.indices.dtype.kind == "i"
    state = model.state_dict()
    assert "quantizer.idle" in state and "quantizer.weight" in state
    with pytest.raises(ValueError, match="multiples of 4"):
        VQVAE(shape=(1, 30, 28), rng=default_rng(0))
    with pytest.raises(ValueError, match="VectorQuantizer: z_e"):
        model.quantizer(np.zeros((2, 4, 2, 2), np.float32))


def test_conv_vae_has_the_benchmarks_shapes():
    model = ConvVAE(rng=default_rng(0))
    assert [p.shape for p in model.parameters()] == [
        (32, 1, 4, 4), (32,), (64, 32, 4, 4), (64,), (32, 3136), (32,), (32, 3136), (32,), (3136, 32), (3136,), (64, 32, 4, 4), (32,), (32, 1, 4, 4), (1,),
    ]  # fmt: skip
    for n in (0, 3):
        bound, kl = elbo(model, np.zeros((n, 1, 28, 28), np.float32), np.zeros((n, 32), np.float32))
        assert bound.shape == kl.shape == (n,) and bound.dtype == np.float32
    bound.mean().backward()
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in model.parameters())
    with pytest.raises(ValueError, match="multiples of 4"):
        ConvVAE(shape=(1, 28, 30), rng=default_rng(0))


def test_conv_vae_learns():
    rng = default_rng(0)
    model = ConvVAE(latent_dim=1, channels=(4, 8), shape=(3, 8, 8), rng=rng)
    pictures = (np.random.default_rng(1).random((2, 3, 8, 8)) < 0.5).astype(np.float32)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        x = pictures[rng.integers(0, 2, (32,))]
        loss = -elbo(model, x, rng.normal((32, 1)))[0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.numpy() < 10  # 192 fair coins cost 133 nats; which of the two pictures it is, log 2
