"""DCGAN: shapes at every size, the layers of the paper, batch normalization, one step of each."""

import numpy as np
import pytest

from tinygen import default_rng, losses, nn, no_grad, optim
from tinygen.models.dcgan import DCDiscriminator, DCGenerator


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_shapes(size):
    rng = default_rng(0)
    G, D = DCGenerator(7, 1, size, 4, rng=rng), DCDiscriminator(1, size, 4, rng=rng)
    x = G(rng.normal((3, 7)))
    assert x.shape == (3, 1, size, size)
    assert x.dtype == np.float32
    assert np.abs(x.numpy()).max() <= 1
    assert D(x).shape == (3,)


def test_layers_are_those_of_the_paper():
    rng = default_rng(0)
    G, D = DCGenerator(rng=rng), DCDiscriminator(rng=rng)
    hidden_g = [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    hidden_d = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert [type(layer) for layer in G.layers] == [*hidden_g * 3, nn.ConvTranspose2d, nn.Tanh]
    assert [type(layer) for layer in D.layers] == [
        nn.Conv2d,
        nn.LeakyReLU,
        *hidden_d * 2,
        nn.Conv2d,
    ]
    leaky_relus = [layer for layer in D.layers if isinstance(layer, nn.LeakyReLU)]
    assert {layer.negative_slope for layer in leaky_relus} == {0.2}


def kernel_shapes(model):
    """Return the shapes of all convolution weights."""
    return [p.shape for p in model.parameters() if len(p.shape) == 4]


def test_channels_double_at_each_smaller_size():
    rng = default_rng(0)
    expected_g = [(100, 256, 4, 4), (256, 128, 4, 4), (128, 64, 4, 4), (64, 3, 4, 4)]
    expected_d = [(64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (1, 256, 4, 4)]
    assert kernel_shapes(DCGenerator(rng=rng)) == expected_g
    assert kernel_shapes(DCDiscriminator(rng=rng)) == expected_d


def test_initial_weights_have_standard_deviation_0_02():
    rng = default_rng(0)
    for model in (DCGenerator(rng=rng), DCDiscriminator(rng=rng)):
        for layer in model.layers:
            if isinstance(layer, nn.BatchNorm2d):
                weight = layer.weight.numpy()
                assert abs(weight.mean() - 1) < 0.01
                assert 0.01 < weight.std() < 0.03
            elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                weight = layer.weight.numpy()
                assert abs(weight.mean()) < 2e-3
                assert abs(weight.std() - 0.02) < 1e-3


@pytest.mark.parametrize("batch_norm", [True, False])
def test_logits_depend_on_the_batch_only_with_batch_norm(batch_norm):
    x = default_rng(1).normal((4, 3, 16, 16))
    D = DCDiscriminator(3, 16, 4, batch_norm=batch_norm, rng=default_rng(0))
    separate = np.concatenate([D(x[i : i + 2]).numpy() for i in (0, 2)])
    assert np.allclose(separate, D(x).numpy(), rtol=1e-5, atol=1e-6) != batch_norm
    convolutions = [layer for layer in D.layers if isinstance(layer, nn.Conv2d)]
    assert [layer.bias is None for layer in convolutions] == [False, batch_norm, False]


def test_d_learns_and_g_gets_gradients_through_it():
    """D soon separates noise from the smooth pictures of G: its loss falls to a third."""
    rng = default_rng(0)
    G, D = DCGenerator(5, 1, 8, 8, rng=rng), DCDiscriminator(1, 8, 8, rng=rng)
    optimizer_d = optim.Adam(D.parameters(), lr=1e-2)
    real = np.sign(rng.normal((16, 1, 8, 8)))
    loss_history = []
    for _ in range(40):
        with no_grad():
            fake = G(rng.normal((16, 5)))
        loss_d = -losses.minimax_value(D(real), D(fake)).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        loss_history.append(float(loss_d))
    assert loss_history[-1] < loss_history[0] / 3
    loss_g = losses.non_saturating(D(G(rng.normal((16, 5))))).mean()
    loss_g.backward(inputs=G.parameters())
    assert all(np.isfinite(p.grad.numpy()).all() for p in G.parameters())


def test_sizes_that_do_not_halve_to_four_are_rejected():
    G = DCGenerator(size=32.0, width=1, rng=default_rng(0))
    assert G(np.zeros((1, 100), np.float32)).shape == (1, 3, 32, 32)
    for size in (4, 12, 28, 0, 32.5):
        with pytest.raises(ValueError, match="power of two"):
            DCGenerator(size=size, rng=default_rng(0))
