"""Pix2pix: shapes, receptive fields, skip connections, dropout as noise, and training steps."""

import numpy as np
import pytest

from tinygen import default_rng, grad, losses, no_grad, optim, tensor
from tinygen.models.pix2pix import PatchDiscriminator, UNet, mean_absolute_error
from tinygen.ops import concatenate, conv2d, conv_transpose2d, leaky_relu, relu, tanh


def channel_mask(*values):
    """Return float32 factors (C, 1, 1), one for each channel."""
    return np.concatenate(values).astype(np.float32)[:, None, None]


@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes(size):
    rng = default_rng(0)
    G, D = UNet(1, 3, size, 2, rng=rng), PatchDiscriminator(4, 2, rng=rng)
    x = rng.normal((2, 1, size, size))
    y = G(x)
    assert y.shape == (2, 3, size, size)
    assert y.dtype == np.float32
    assert np.abs(y.numpy()).max() <= 1
    logits = D(x, y)
    assert logits.shape == (2, 1, size // 4, size // 4)
    assert logits.dtype == np.float32
    concatenated = np.concatenate([x, y.numpy()], axis=1)
    assert np.array_equal(D(concatenated).numpy(), logits.numpy())


@pytest.mark.parametrize("num_downsamplings, patch_size", [(1, 8), (2, 18), (3, 38)])
def test_each_logit_depends_on_its_patch_alone(num_downsamplings, patch_size):
    D = PatchDiscriminator(1, 4, num_downsamplings, rng=default_rng(0))
    x = tensor(default_rng(1).normal((1, 1, 64, 64)), requires_grad=True)
    middle = (64 >> num_downsamplings) // 2
    gradient = grad(D(x)[0, 0, middle, middle], x)[0].numpy()[0, 0]
    for axis in (0, 1):
        positions = np.flatnonzero(np.abs(gradient).max(axis=axis))
        assert len(positions) == patch_size
        assert positions[-1] - positions[0] == patch_size - 1


def test_the_output_layer_sees_x_itself():
    """Without all other inputs, one changed pixel of x changes the 3x3 pixels around it."""
    G = UNet(1, 1, 32, 4, rng=default_rng(0)).eval()
    output = G.output[0]
    output.weight.data = output.weight.data * channel_mask(np.zeros(4), [1])
    x = np.zeros((1, 1, 32, 32), np.float32)
    y = G(x).numpy()
    x[0, 0, 9, 20] = 1
    changed = np.argwhere(np.abs(G(x).numpy() - y)[0, 0] > 1e-6)
    assert len(changed) == 9
    assert np.abs(changed - [9, 20]).max() == 1


def test_initial_outputs_have_a_moderate_scale():
    """Pictures start near grey but with some contrast, and logits are of the order of 1."""
    rng = default_rng(0)
    G, D = UNet(3, 3, 64, 16, rng=rng), PatchDiscriminator(6, 16, rng=rng)
    x = 2 * rng.uniform((8, 3, 64, 64)) - 1
    y = G(x)
    assert 0.03 < y.numpy().std() < 0.3
    assert 0.2 < D(x, y).numpy().std() < 3


@pytest.mark.parametrize("k", [1, 2])
def test_each_skip_connection_changes_the_output(k):
    G = UNet(1, 1, 32, 4, rng=default_rng(0)).eval()
    x = default_rng(1).normal((1, 1, 32, 32))
    y = G(x).numpy()
    block = G.up_blocks[k]
    original_forward, half = block.forward, block[0].in_channels // 2
    without_skip = channel_mask(np.ones(half), np.zeros(half))
    block.forward = lambda h: original_forward(h * without_skip)
    assert np.abs(G(x).numpy() - y).max() > 0.01
    block.forward = original_forward
    assert np.array_equal(G(x).numpy(), y)


def test_dropout_is_the_only_noise():
    G = UNet(1, 1, 32, 8, rng=default_rng(0))
    x = default_rng(1).normal((2, 1, 32, 32))
    assert np.abs(G(x).numpy() - G(x).numpy()).max() > 0.01
    G.eval()
    assert np.array_equal(G(x).numpy(), G(x).numpy())
    deterministic = UNet(1, 1, 32, 8, dropout=0.0, rng=default_rng(0))
    assert np.array_equal(deterministic(x).numpy(), deterministic(x).numpy())


def test_the_l1_loss_alone_finds_the_median():
    """Of 16 pictures y for one x, 10 are dark, 4 are light and 2 are grey. The median is dark."""
    rng = default_rng(0)
    G = UNet(1, 1, 16, 4, dropout=0.0, rng=rng)
    levels = np.repeat(np.array([-0.9, 0.9, 0.0], np.float32), [10, 4, 2])
    y = levels[:, None, None, None] * np.ones((16, 1, 16, 16), np.float32)
    x = np.ones((16, 1, 16, 16), np.float32)
    optimizer = optim.Adam(G.parameters(), lr=1e-2)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=150)
    for step in range(150):
        schedule.set(step)
        loss = losses.absolute_error(y, G(x)).mean() / y[0].size
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.abs(G(x).numpy() + 0.9).mean() < 0.1
    assert abs(float(loss) - (4 * 1.8 + 2 * 0.9) / 16) < 0.03


def test_mean_absolute_error_is_a_mean_over_all_numbers():
    x = np.random.default_rng(0).normal(size=(4, 3, 2, 2))
    assert float(mean_absolute_error(x, x - 0.125)) == pytest.approx(0.125)


def test_d_separates_pairs_that_differ_only_together():
    """Real pairs are (x, x) and fake pairs (x, -x). One picture alone gives 2 log 2 = 1.39."""
    rng = default_rng(0)
    D = PatchDiscriminator(2, 8, rng=rng)
    optimizer_d = optim.Adam(D.parameters(), lr=3e-3)
    for _ in range(60):
        x = np.sign(rng.normal((16, 1, 1, 1))) * np.ones((1, 1, 16, 16), np.float32)
        loss_d = -losses.minimax_value(D(x, x), D(x, -x)).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
    assert float(loss_d) < 0.1
    assert losses.r1(lambda y: D(x, y), x).shape == (16,)


def test_a_step_of_g_differentiates_g_alone():
    rng = default_rng(0)
    G, D = UNet(1, 1, 16, 4, rng=rng), PatchDiscriminator(2, 4, rng=rng)
    x = rng.normal((2, 1, 16, 16))
    y = G(x)
    loss_g = losses.non_saturating(D(x, y)).mean() + losses.absolute_error(x, y).mean()
    loss_g.backward(inputs=G.parameters())
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in G.parameters())
    assert all(p.grad is None for p in D.parameters())


def test_runs_on_a_gpu(cupy):
    rng = default_rng(0)
    G, D = UNet(1, 3, 16, 2, rng=rng).eval(), PatchDiscriminator(4, 2, rng=rng)
    x = rng.normal((2, 1, 16, 16))
    with no_grad():
        y, logits = G(x).numpy(), D(x, G(x)).numpy()
        for network in (G, D):
            network.to("cuda")
        gpu_y = G(cupy.asarray(x))
        assert isinstance(gpu_y.data, cupy.ndarray)
        np.testing.assert_allclose(gpu_y.data.get(), y, rtol=1e-4, atol=1e-5)
        gpu_logits = D(cupy.asarray(x), gpu_y)
        np.testing.assert_allclose(gpu_logits.data.get(), logits, rtol=1e-4, atol=1e-4)


def unet_by_hand(G, x):
    """Compute a U-Net layer by layer from its weights."""
    skips = [x]
    for conv, _ in G.down_blocks:
        h = conv2d(skips[-1], conv.weight, conv.bias, stride=2, padding=1)
        skips.append(leaky_relu(h, negative_slope=0.2))
    h = skips.pop()
    for conv, _, _ in G.up_blocks:
        h = relu(conv_transpose2d(h, conv.weight, conv.bias, stride=2, padding=1))
        h = concatenate(h, skips.pop(), axis=1)
    conv = G.output[0]
    return tanh(conv2d(h, conv.weight, conv.bias, padding=1))


def test_unet_equals_its_layers_computed_by_hand():
    """The outputs and the gradients of all weights agree."""
    G = UNet(1, 3, 32, 2, rng=default_rng(0)).eval()
    x, parameters = default_rng(1).normal((2, 1, 32, 32)), [*G.parameters()]
    y, expected = G(x), unet_by_hand(G, x)
    np.testing.assert_allclose(y.numpy(), expected.numpy(), atol=1e-6)
    gradients = grad((y**2).sum(), parameters)
    expected_gradients = grad((expected**2).sum(), parameters)
    for a, b in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4)


def test_unet_has_dropout_at_the_smallest_level_and_at_most_8_times_the_width():
    G = UNet(1, 3, 32, 2, rng=default_rng(0))
    kinds = [type(block[1]).__name__ for block in G.up_blocks]
    assert kinds == ["Dropout", "Identity", "Identity"]
    large = UNet(1, 3, 256, 2, rng=default_rng(0))
    assert [block[0].out_channels for block in large.down_blocks] == [2, 4, 8, 16, 16, 16]


def test_pictures_of_another_size_are_rejected():
    G = UNet(1, 3, 32, 2, rng=default_rng(0))
    for shape in ((2, 1, 20, 20), (2, 1, 64, 64), (2, 1, 32, 16)):
        with pytest.raises(ValueError, match=r"built for \(N, channels, 32, 32\)"):
            G(np.zeros(shape, np.float32))


def test_sizes_that_do_not_halve_to_four_are_rejected():
    for size in (8, 28, 48, 0):
        with pytest.raises(ValueError, match="power of two from 16"):
            UNet(1, 3, size, rng=default_rng(0))
