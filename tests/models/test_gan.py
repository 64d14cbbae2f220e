"""The networks of a GAN: shapes, precision, gradients of one network at a time, Algorithm 1."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, losses, nn, no_grad, optim
from tinygen.models.gan import MLPDiscriminator, MLPGenerator, minibatch_std, pack


def test_shapes_and_precision():
    rng = default_rng(0)
    G = MLPGenerator(3, (8, 5), (1, 4, 4), rng=rng)
    D = MLPDiscriminator((5, 8), (1, 4, 4), nn.Tanh, rng=rng)
    for n in (0, 1, 3):
        x = G(rng.normal((n, 3)))
        assert x.shape == (n, 1, 4, 4)
        assert x.dtype == np.float32
        assert D(x).shape == (n,)
    with pytest.raises(ValueError):
        G(rng.normal((2, 4)))


def test_networks_without_hidden_layers_are_affine_maps():
    rng = default_rng(0)
    G, D = MLPGenerator(2, (), (3,), rng=rng), MLPDiscriminator((), (3,), rng=rng)
    z = rng.normal((4, 2))
    np.testing.assert_allclose(G(2 * z).numpy() + G(0 * z).numpy(), 2 * G(z).numpy(), atol=1e-6)
    assert len([*G.parameters()]) == len([*D.parameters()]) == 2
    assert D(G(z)).shape == (4,)


def test_each_step_differentiates_its_own_network():
    rng = default_rng(0)
    G, D = MLPGenerator(2, (8,), (2,), rng=rng), MLPDiscriminator((8,), (2,), rng=rng)
    z = rng.normal((4, 2))
    with no_grad():
        fake = G(z)
    losses.saturating(D(fake)).mean().backward()
    assert all(p.grad is None for p in G.parameters())
    assert all(p.grad is not None for p in D.parameters())
    D.zero_grad()
    losses.saturating(D(G(z))).mean().backward(inputs=G.parameters())
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in G.parameters())
    assert all(p.grad is None for p in D.parameters())


def test_algorithm_1_moves_the_generator_to_the_data():
    """The data are N(2, 0.5^2). After 300 steps, G has about their mean and standard deviation."""
    rng = default_rng(0)
    G = MLPGenerator(1, (16,), (1,), nn.Tanh, rng=rng)
    D = MLPDiscriminator((16,), (1,), nn.Tanh, rng=rng)
    optimizer_d = optim.SGD(D.parameters(), lr=0.1, momentum=0.5)
    optimizer_g = optim.SGD(G.parameters(), lr=0.05, momentum=0.5)
    for _ in range(300):
        for _ in range(5):
            with no_grad():
                fake = G(rng.normal((128, 1)))
            optimizer_d.zero_grad()
            real = 2 + 0.5 * rng.normal((128, 1))
            (-losses.minimax_value(D(real), D(fake))).mean().backward()
            optimizer_d.step()
        loss_g = losses.saturating(D(G(rng.normal((128, 1))))).mean()
        optimizer_g.zero_grad()
        loss_g.backward(inputs=G.parameters())
        optimizer_g.step()
    x = G(rng.normal((5000, 1))).numpy()
    assert abs(x.mean() - 2) < 0.25, x.mean()
    assert 0.25 < x.std() < 0.8, x.std()


def test_pack_concatenates_successive_examples():
    packed = pack(np.arange(12.0).reshape(6, 2), 3)
    assert packed.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert pack(np.zeros((4, 3, 8, 8)), 2).shape == (2, 6, 8, 8)
    assert pack(np.zeros((0, 2)), 2).shape == (0, 4)


@pytest.mark.parametrize("shape, pack_size", [((5, 2), 2), ((4, 2), 0), ((4, 2), -2), ((4,), 2)])
def test_pack_rejects_shapes_that_do_not_divide(shape, pack_size):
    with pytest.raises(ValueError, match="pack: x is .* which divides N; got"):
        pack(np.zeros(shape), pack_size)


def test_minibatch_std_appends_the_same_number_to_each_example_of_a_group():
    x = np.random.default_rng(0).normal(size=(6, 2, 3))
    y = minibatch_std(x, 3)
    assert y.shape == (6, 3, 3)
    assert np.array_equal(y[:, :2], x)
    for i in (0, 3):
        np.testing.assert_allclose(y[i : i + 3, 2], x[i : i + 3].std(axis=0).mean(), rtol=1e-7)
    check_grads(lambda x: minibatch_std(x, 3), x)


def test_minibatch_std_of_equal_examples_is_the_root_of_its_epsilon():
    same = minibatch_std(np.ones((4, 2), np.float32), 4)
    assert same.dtype == np.float32
    assert np.allclose(same[:, 2], 1e-4)


@pytest.mark.parametrize("shape, group_size", [((5, 2), 4), ((4, 2), 0), ((4, 2), -2), ((4,), 2)])
def test_minibatch_std_rejects_shapes_that_do_not_divide(shape, group_size):
    with pytest.raises(ValueError, match="minibatch_std: x is .* which divides N; got"):
        minibatch_std(np.zeros(shape), group_size)
