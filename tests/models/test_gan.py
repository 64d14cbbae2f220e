"""The networks of a GAN: shapes, precision, and whose weights a step differentiates."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, grad, losses, nn, no_grad, optim
from tinygen.models.gan import MLPDiscriminator, MLPGenerator, minibatch_std, pack


def test_shapes_and_precision():
    g = default_rng(0)
    make, judge = MLPGenerator(3, (8, 5), (1, 4, 4), rng=g), MLPDiscriminator((5, 8), (1, 4, 4), nn.Tanh, rng=g)
    for n in (0, 1, 3):
        x = make(g.normal((n, 3)))
        assert x.shape == (n, 1, 4, 4) and x.dtype == np.float32 and judge(x).shape == (n,)
    with pytest.raises(ValueError):
        make(g.normal((2, 4)))


def test_no_hidden_layer_is_a_linear_map():
    g = default_rng(0)
    make, judge = MLPGenerator(2, (), (3,), rng=g), MLPDiscriminator((), (3,), rng=g)
    z = g.normal((4, 2))
    np.testing.assert_allclose(make(2 * z).numpy() + make(0 * z).numpy(), 2 * make(z).numpy(), atol=1e-6)
    assert len([*make.parameters()]) == len([*judge.parameters()]) == 2 and judge(make(z)).shape == (4,)


def test_each_step_differentiates_its_own_network():
    g = default_rng(0)
    make, judge = MLPGenerator(2, (8,), (2,), rng=g), MLPDiscriminator((8,), (2,), rng=g)
    z = g.normal((4, 2))
    with no_grad():
        fake = make(z)
    losses.saturating(judge(fake)).mean().backward()
    assert all(w.grad is None for w in make.parameters()) and all(w.grad is not None for w in judge.parameters())
    judge.zero_grad()
    weights = [*make.parameters()]
    assert all(np.abs(d.numpy()).max() > 0 for d in grad(losses.saturating(judge(make(z))).mean(), weights))
    assert all(w.grad is None for w in judge.parameters())


def test_algorithm_1_moves_the_generator_to_the_data():
    """One Gaussian at 2, the generator's at 0: after 300 steps its mean and deviation are the data's, near enough."""
    g = default_rng(0)
    make, judge = MLPGenerator(1, (16,), (1,), nn.Tanh, rng=g), MLPDiscriminator((16,), (1,), nn.Tanh, rng=g)
    of_d, of_g = optim.SGD(judge.parameters(), lr=0.1, momentum=0.5), optim.SGD(make.parameters(), lr=0.05, momentum=0.5)
    for _ in range(300):
        for _ in range(5):
            with no_grad():
                fake = make(g.normal((128, 1)))
            of_d.zero_grad()
            (-losses.minimax_value(judge(2 + 0.5 * g.normal((128, 1))), judge(fake))).mean().backward()
            of_d.step()
        weights = [*make.parameters()]
        for w, d in zip(weights, grad(losses.saturating(judge(make(g.normal((128, 1))))).mean(), weights), strict=True):
            w.grad = d
        of_g.step()
    x = make(g.normal((5000, 1))).numpy()
    assert abs(x.mean() - 2) < 0.25 and 0.25 < x.std() < 0.8, (x.mean(), x.std())


def test_a_pack_is_examples_one_after_the_other():
    assert pack(np.arange(12.0).reshape(6, 2), 3).tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert pack(np.zeros((4, 3, 8, 8)), 2).shape == (2, 6, 8, 8) and pack(np.zeros((0, 2)), 2).shape == (0, 4)
    for shape, m in (((5, 2), 2), ((4, 2), 0), ((4, 2), -2), ((4,), 2)):
        with pytest.raises(ValueError, match="pack: x is .* which divides N; got"):
            pack(np.zeros(shape), m)


def test_the_spread_of_a_group_stands_in_each_of_it():
    x = np.random.default_rng(0).normal(size=(6, 2, 3))
    y = minibatch_std(x, 3)
    assert y.shape == (6, 3, 3) and np.array_equal(y[:, :2], x)
    for i in (0, 3):
        np.testing.assert_allclose(y[i : i + 3, 2], x[i : i + 3].std(axis=0).mean(), rtol=1e-7)
    check_grads(lambda x: minibatch_std(x, 3), x)
    same = minibatch_std(np.ones((4, 2), np.float32), 4)
    assert same.dtype == np.float32 and np.allclose(same[:, 2], 1e-4)
    for shape, group in (((5, 2), 4), ((4, 2), 0), ((4, 2), -2), ((4,), 2)):
        with pytest.raises(ValueError, match="minibatch_std: x is .* which divides N; got"):
            minibatch_std(np.zeros(shape), group)
