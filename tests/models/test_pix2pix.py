"""Pix2pix: shapes, what a patch is, what skips carry, where noise comes from, and one step of each network."""

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import default_rng, grad, losses, no_grad, optim, tensor
from tinygen.models.pix2pix import PatchDiscriminator, UNet
from tinygen.ops import concatenate, conv2d, conv_transpose2d, leaky_relu, relu, tanh


@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes(size):
    g = default_rng(0)
    G, D = UNet(1, 3, size, 2, rng=g), PatchDiscriminator(4, 2, rng=g)
    x = g.normal((2, 1, size, size))
    y = G(x)
    assert y.shape == (2, 3, size, size) and y.dtype == np.float32 and np.abs(y.numpy()).max() <= 1
    assert D(x, y).shape == (2, 1, size // 4, size // 4) and D(x, y).dtype == np.float32
    both = np.concatenate([x, y.numpy()], axis=1)
    assert np.array_equal(D(both).numpy(), D(x, y).numpy())


@pytest.mark.parametrize("halvings, patch", [(1, 8), (2, 18), (3, 38)])
def test_a_verdict_depends_on_its_patch_alone(halvings, patch):
    D = PatchDiscriminator(1, 4, halvings, rng=default_rng(0))
    x = tensor(default_rng(1).normal((1, 1, 64, 64)), requires_grad=True)
    middle = (64 >> halvings) // 2
    slope = grad(D(x)[0, 0, middle, middle], x).numpy()[0, 0]
    seen = [np.flatnonzero(np.abs(slope).max(axis=axis)) for axis in (0, 1)]
    assert all(len(s) == patch and s[-1] - s[0] == patch - 1 for s in seen)


def test_x_itself_reaches_the_last_layer():
    """A line one pixel wide is seen there as it is: with all else cut, the picture still changes with x, and only near the pixel that changed."""
    G = UNet(1, 1, 32, 4, rng=default_rng(0)).eval()
    G.output[0].weight.data = G.output[0].weight.data * np.r_[np.zeros(4), 1].astype(np.float32)[:, None, None]
    x = np.zeros((1, 1, 32, 32), np.float32)
    y = G(x).numpy()
    x[0, 0, 9, 20] = 1
    changed = np.argwhere(np.abs(G(x).numpy() - y)[0, 0] > 1e-6)
    assert len(changed) == 9 and np.abs(changed - [9, 20]).max() == 1


def test_the_signal_keeps_its_size():
    """At first: verdicts near 1 in size, pictures near grey but not without contrast."""
    g = default_rng(0)
    G, D = UNet(3, 3, 64, 16, rng=g), PatchDiscriminator(6, 16, rng=g)
    x = 2 * g.uniform((8, 3, 64, 64)) - 1
    y = G(x)
    assert 0.03 < y.numpy().std() < 0.3 and 0.2 < D(x, y).numpy().std() < 3


def test_without_skips_nothing_could_be_placed_to_the_pixel():
    """Each skip carries something: cut, the picture is another; and the outermost carries what a pixel is."""
    G = UNet(1, 1, 32, 4, rng=default_rng(0)).eval()
    x = default_rng(1).normal((1, 1, 32, 32))
    y = G(x).numpy()
    for k in (1, 2):
        a = G.up_blocks[k].forward
        half = G.up_blocks[k][0].in_channels // 2
        G.up_blocks[k].forward = lambda h, a=a, half=half: a(h * np.r_[np.ones(half), np.zeros(half)].astype(np.float32)[:, None, None])
        assert np.abs(G(x).numpy() - y).max() > 0.01
        G.up_blocks[k].forward = a
    assert np.array_equal(G(x).numpy(), y)


def test_dropout_is_the_noise():
    G = UNet(1, 1, 32, 8, rng=default_rng(0))
    x = default_rng(1).normal((2, 1, 32, 32))
    assert np.abs(G(x).numpy() - G(x).numpy()).max() > 0.01
    G.eval()
    assert np.array_equal(G(x).numpy(), G(x).numpy())
    sure = UNet(1, 1, 32, 8, dropout=0.0, rng=default_rng(0))
    assert np.array_equal(sure(x).numpy(), sure(x).numpy())


def test_what_l1_alone_answers():
    """Ten in sixteen pictures that belong to a blank one are dark, four light, two grey: the best single answer to L1 is dark, their median, and it is reached."""
    g = default_rng(0)
    G = UNet(1, 1, 16, 4, dropout=0.0, rng=g)
    y = np.repeat(np.array([-0.9, 0.9, 0.0], np.float32), [10, 4, 2])[:, None, None, None] * np.ones((16, 1, 16, 16), np.float32)
    x, of_g = np.ones((16, 1, 16, 16), np.float32), optim.Adam(G.parameters(), lr=1e-2)
    for step in range(150):
        loss = losses.absolute_error(y, G(x)).mean() / y[0].size
        of_g.zero_grad()
        loss.backward()
        of_g.lr = 1e-2 * optim.cosine_decay(step, steps=150)
        of_g.step()
    assert np.abs(G(x).numpy() + 0.9).mean() < 0.1 and abs(float(loss) - (4 * 1.8 + 2 * 0.9) / 16) < 0.03


def test_d_judges_the_pair():
    """Real pairs are (x, x), fakes (x, another x): y alone says nothing, together they are told apart."""
    g = default_rng(0)
    D = PatchDiscriminator(2, 8, rng=g)
    of_d = optim.Adam(D.parameters(), lr=3e-3)
    for _ in range(60):
        x = np.sign(g.normal((16, 1, 1, 1))) * np.ones((1, 1, 16, 16), np.float32)
        loss = -losses.minimax_value(D(x, x), D(x, -x)).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
    assert float(loss) < 0.1  # 2 log 2 = 1.39 for one who sees y alone
    assert losses.r1(lambda y: D(x, y), x).shape == (16,)


def test_a_step_of_g_moves_g_alone():
    g = default_rng(0)
    G, D = UNet(1, 1, 16, 4, rng=g), PatchDiscriminator(2, 4, rng=g)
    x, weights = g.normal((2, 1, 16, 16)), [*G.parameters()]
    y = G(x)
    gradients = grad(losses.non_saturating(D(x, y)).mean() + losses.absolute_error(x, y).mean(), weights)
    assert all(np.abs(d.numpy()).max() > 0 for d in gradients) and all(w.grad is None for w in D.parameters())


def test_on_other_arrays():
    g = default_rng(0)
    G, D = UNet(1, 3, 16, 2, rng=g).eval(), PatchDiscriminator(4, 2, rng=g)
    x = g.normal((2, 1, 16, 16))
    with no_grad():
        y, verdict = G(x).numpy(), D(x, G(x)).numpy()
        for network in (G, D):
            network.map_arrays_(StrictArray)
        strict = G(StrictArray(x))
        assert isinstance(strict.data, StrictArray)
        np.testing.assert_allclose(strict.data.get(), y, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(D(StrictArray(x), strict).data.get(), verdict, rtol=1e-4, atol=1e-4)


def test_the_u_net_written_out():
    """Layer by layer from its weights: slopes, where skips are put, tanh at the end; dropout at 8x8 alone; widths to 8 times."""
    G = UNet(1, 3, 32, 2, rng=default_rng(0)).eval()
    down, up = ([layer[0] for layer in part] for part in (G.down_blocks, G.up_blocks))
    h = default_rng(1).normal((2, 1, 32, 32))
    kept = [h]
    for c in down:
        h = leaky_relu(conv2d(h, c.weight, c.bias, stride=2, padding=1), negative_slope=0.2)
        kept.append(h)
    h = kept.pop()
    for c in up:
        h = concatenate(relu(conv_transpose2d(h, c.weight, c.bias, stride=2, padding=1)), kept.pop(), axis=1)
    y = tanh(conv2d(h, G.output[0].weight, G.output[0].bias, padding=1))
    whole, weights = G(default_rng(1).normal((2, 1, 32, 32))), [*G.parameters()]
    np.testing.assert_allclose(whole.numpy(), y.numpy(), atol=1e-6)
    for a, b in zip(grad((whole**2).sum(), weights), grad((y**2).sum(), weights), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4)
    assert [type(layer[1]).__name__ for layer in G.up_blocks] == ["Dropout", "Identity", "Identity"]
    assert [c[0].out_channels for c in UNet(1, 3, 256, 2, rng=default_rng(0)).down_blocks] == [2, 4, 8, 16, 16, 16]


def test_pictures_of_another_size():
    G = UNet(1, 3, 32, 2, rng=default_rng(0))
    for shape in ((2, 1, 20, 20), (2, 1, 64, 64), (2, 1, 32, 16)):
        with pytest.raises(ValueError, match=r"built for \(N, channels, 32, 32\)"):
            G(np.zeros(shape, np.float32))


def test_sizes_that_do_not_halve_to_four():
    for size in (8, 28, 48, 0):
        with pytest.raises(ValueError, match="power of two from 16"):
            UNet(1, 3, size, rng=default_rng(0))
