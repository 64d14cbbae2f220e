"""DCGAN: shapes at every size, the benchmark's parameters, where normalization is, and one step of each network."""

import numpy as np
import pytest

from tinygen import default_rng, grad, losses, nn, no_grad, optim
from tinygen.models.dcgan import DCDiscriminator, DCGenerator


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_shapes(size):
    g = default_rng(0)
    make, judge = DCGenerator(7, 1, size, 4, rng=g), DCDiscriminator(1, size, 4, rng=g)
    x = make(g.normal((3, 7)))
    assert x.shape == (3, 1, size, size) and x.dtype == np.float32 and np.abs(x.numpy()).max() <= 1 and judge(x).shape == (3,)


def test_layers_are_the_papers():
    g = default_rng(0)
    make, judge = DCGenerator(rng=g), DCDiscriminator(rng=g)
    assert [p.shape for p in make.parameters() if len(p.shape) == 4] == [(100, 256, 4, 4), (256, 128, 4, 4), (128, 64, 4, 4), (64, 3, 4, 4)]
    assert [p.shape for p in judge.parameters() if len(p.shape) == 4] == [(64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (1, 256, 4, 4)]
    assert [type(layer) for layer in make.layers] == [*[nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU] * 3, nn.ConvTranspose2d, nn.Tanh]
    assert [type(layer) for layer in judge.layers] == [nn.Conv2d, nn.LeakyReLU, *[nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU] * 2, nn.Conv2d]
    assert {layer.negative_slope for layer in judge.layers if isinstance(layer, nn.LeakyReLU)} == {0.2}
    for model in (make, judge):
        for layer in model.layers:
            if isinstance(layer, nn.BatchNorm2d):
                weight = layer.weight.numpy()
                assert abs(weight.mean() - 1) < 0.01 and 0.01 < weight.std() < 0.03
            elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                assert abs(layer.weight.numpy().mean()) < 2e-3 and abs(layer.weight.numpy().std() - 0.02) < 1e-3


def test_without_normalization_examples_do_not_see_one_another():
    x = default_rng(1).normal((4, 3, 16, 16))
    for normalized in (True, False):
        judge = DCDiscriminator(3, 16, 4, normalized=normalized, rng=default_rng(0))
        apart = np.concatenate([judge(x[i : i + 2]).numpy() for i in (0, 2)])
        assert np.allclose(apart, judge(x).numpy(), rtol=1e-5, atol=1e-6) != normalized
        convolutions = [layer for layer in judge.layers if isinstance(layer, nn.Conv2d)]
        assert [layer.bias is None for layer in convolutions] == [False, normalized, False]


def test_a_step_of_each():
    g = default_rng(0)
    make, judge = DCGenerator(5, 1, 8, 8, rng=g), DCDiscriminator(1, 8, 8, rng=g)
    of_d = optim.Adam(judge.parameters(), lr=1e-2)
    real = np.sign(g.normal((16, 1, 8, 8)))
    before = None
    for _ in range(40):
        with no_grad():
            fake = make(g.normal((16, 5)))
        loss = -losses.minimax_value(judge(real), judge(fake)).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
        before = before or float(loss)
    assert float(loss) < before / 3  # noise and a smooth picture are told apart soon
    weights = [*make.parameters()]
    assert all(np.isfinite(d.numpy()).all() for d in grad(losses.non_saturating(judge(make(g.normal((16, 5))))).mean(), weights))


def test_sizes_that_do_not_halve_to_four():
    assert DCGenerator(size=32.0, width=1, rng=default_rng(0))(np.zeros((1, 100), np.float32)).shape == (1, 3, 32, 32)
    for size in (4, 12, 28, 0, 32.5):
        with pytest.raises(ValueError, match="power of two"):
            DCGenerator(size=size, rng=default_rng(0))
