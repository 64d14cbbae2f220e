"""The U-Net: the benchmark's parameters, shapes, connections, initialization, and learning."""

import numpy as np
import pytest

from tests.models.diffusion.cases import perturb
from tinygen import default_rng, optim
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.unet import AttentionBlock, ResidualBlock, UNet


def test_the_benchmarks_network_has_these_kernels():
    model = UNet(rng=default_rng(0))
    shapes = [p.shape for p in model.parameters() if p.ndim == 4]
    kernels = [(32, 1), (1, 32), (64, 128)]
    kernels += 4 * [(32, 32)] + 2 * [(32, 64)] + [(64, 32)] + 8 * [(64, 64)]
    found = sorted(s for s in shapes if s[2] == 3)
    assert found == sorted((*k, 3, 3) for k in kernels)
    shortcuts = sorted(s for s in shapes if s[2] == 1)
    assert shortcuts == sorted([(64, 32, 1, 1), (64, 128, 1, 1), (32, 64, 1, 1)])


SMALL = {
    "widths": (8, 16),
    "patch_size": 2,
    "attention": False,
    "film": True,
    "in_channels": 3,
    "out_channels": 6,
}


@pytest.mark.parametrize(
    "settings, shape",
    [({}, (1, 28, 28)), (SMALL, (3, 8, 12)), ({"widths": (8, 8, 16, 16)}, (1, 8, 16))],
)
def test_shapes_precision_and_gradients(settings, shape):
    model, rng = UNet(**settings, rng=default_rng(0)), default_rng(1)
    x, t = rng.normal((3, *shape)), rng.uniform((3,))
    y = model(x, t)
    assert y.shape == (3, settings.get("out_channels", shape[0]), *shape[1:])
    assert y.dtype == np.float32 and not y.numpy().any()  # the last layer starts at 0
    y = perturb(model)(x, t)
    (y * y).mean().backward()
    for p in model.parameters():
        assert p.grad.dtype == np.float32 and np.abs(p.grad.numpy()).max() > 0


# ------------------------------------------------------------------------------------------ blocks


@pytest.mark.parametrize("film", [False, True])
def test_a_block_starts_as_its_shortcut(film):
    block, rng = ResidualBlock(8, 16, 12, film, default_rng(0)), default_rng(1)
    x, conditioning = rng.normal((2, 8, 4, 4)), rng.normal((2, 12))
    shortcut = block.shortcut(x).numpy()
    assert np.array_equal(block(x, conditioning).numpy(), shortcut)
    perturb(block.conv2)
    with_conditioning = block(x, conditioning).numpy()
    without = block(x, 0 * conditioning).numpy()
    assert np.array_equal(with_conditioning, without) == film  # FiLM starts without effect
    perturb(block)
    assert not np.allclose(block(x, conditioning).numpy(), block.shortcut(x).numpy(), atol=0.1)


def test_blocks_with_zero_output_weights_return_x_or_its_shortcut():
    rng = default_rng(0)
    x, conditioning = rng.normal((2, 8, 4, 4)), rng.normal((2, 6))
    for film in (False, True):
        same = ResidualBlock(8, 8, 6, film, rng)
        wider = ResidualBlock(8, 16, 6, film, rng)
        attention = AttentionBlock(8, rng)
        for layer in (same.conv2, wider.conv2, attention.attention.out_proj):
            for p in layer.parameters():
                p.data = np.zeros_like(p.data)
        np.testing.assert_array_equal(same(x, conditioning).numpy(), x)
        shortcut = wider.shortcut(x).numpy()
        np.testing.assert_array_equal(wider(x, conditioning).numpy(), shortcut)
        np.testing.assert_array_equal(attention(x).numpy(), x)


def test_film_scales_and_shifts_after_the_normalization():
    rng = default_rng(0)
    block, x = ResidualBlock(8, 8, 1, True, rng), rng.normal((2, 8, 4, 4))
    perturb(block.conv2)
    block.condition_proj.weight.data = np.zeros((16, 1), np.float32)
    block.condition_proj.bias.data = np.repeat(np.float32([-1, 5]), 8)  # scale -1, shift 5
    branch = block(x, np.zeros((2, 1), np.float32)).numpy() - x
    # 1 + scale = 0, so the input of conv2 is silu(5) everywhere
    h = np.full((2, 8, 4, 4), 5 / (1 + np.exp(-5)), np.float32)
    np.testing.assert_allclose(branch, block.conv2(h).numpy(), atol=1e-5)


# ----------------------------------------------------------------------------------------- network


def test_examples_are_independent_and_the_time_matters():
    model, rng = perturb(UNet(widths=(8, 16), rng=default_rng(0))), default_rng(1)
    x, t = rng.normal((4, 1, 8, 8)), rng.uniform((4,))
    singly = np.concatenate([model(x[i : i + 1], t[i : i + 1]).numpy() for i in range(4)])
    np.testing.assert_allclose(singly, model(x, t).numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(model(x, t + np.float32(0.01)).numpy() - singly).max() > 1e-3


def test_each_pixel_influences_all_others_through_the_bottom():
    model, rng = perturb(UNet(widths=(8, 16, 16), rng=default_rng(0))), default_rng(1)
    x, t = rng.normal((1, 1, 32, 32)), rng.uniform((1,))
    y = x.copy()
    y[..., 0, 0] += 1
    assert np.abs(model(y, t).numpy() - model(x, t).numpy())[0, 0, -1, -1] > 1e-5


def test_patches_become_channels():
    """With patches of 2 pixels, the convolutions work on (N, 4, H / 2, W / 2)."""
    model = UNet(widths=(8, 16), patch_size=2, attention=False, rng=default_rng(0))
    assert model.conv_in.weight.shape == (8, 4, 3, 3)
    assert model.conv_out.weight.shape == (4, 8, 3, 3)


def test_labels_and_the_null_label_give_different_outputs():
    model, rng = perturb(UNet(widths=(8, 16), num_classes=3, rng=default_rng(0))), default_rng(1)
    x, t = np.repeat(rng.normal((1, 1, 8, 8)), 4, axis=0), np.full(4, 0.5, np.float32)
    y = model(x, t, np.array([0, 1, 2, model.null_label])).numpy()
    assert all(np.abs(y[i] - y[j]).max() > 1e-3 for i in range(4) for j in range(i))


def test_on_a_gpu(cupy):
    settings, found = {"widths": (8, 16), "patch_size": 2, "film": True, "num_classes": 3}, []
    for move in (lambda a: a, cupy.asarray):
        model, rng = perturb(UNet(**settings, rng=default_rng(0))), default_rng(1)
        model.map_arrays_(move)
        x, t = move(rng.normal((4, 1, 8, 8))), move(rng.uniform((4,)))
        y = model(x, t, move(np.array([0, 1, 3, 2])))
        (y * y).mean().backward()
        found.append([y, *(p.grad for p in model.parameters())])
    for plain, on_gpu in zip(*found, strict=True):
        assert isinstance(on_gpu.data, cupy.ndarray)
        np.testing.assert_allclose(on_gpu.numpy(), plain.numpy(), rtol=1e-3, atol=1e-5)


def test_it_learns_a_single_image():
    """If the data are one image, the best prediction is that image, and v has no error."""
    rng = default_rng(0)
    model = UNet(widths=(8, 16), patch_size=2, attention=False, rng=rng)
    image = np.sign(rng.normal((1, 1, 8, 8)))
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    first_loss = None
    for _ in range(150):
        t, eps = 0.5 + rng.uniform((16,)), rng.normal((16, 1, 8, 8))
        x0 = np.repeat(image, 16, axis=0)
        x, v = VARIANCE_PRESERVING.q_sample(x0, eps, t), VARIANCE_PRESERVING.velocity(x0, eps, t)
        loss = ((model(x, t) - v) ** 2).mean()
        first_loss = first_loss or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * first_loss


def test_errors():
    rng = default_rng(0)
    with pytest.raises(ValueError, match="multiples of 8"):
        UNet(widths=(8, 12), rng=rng)
    model, t = UNet(widths=(8, 16), patch_size=2, rng=rng), np.zeros(1, np.float32)
    with pytest.raises(ValueError, match="multiples of 4"):
        model(np.zeros((1, 1, 6, 8), np.float32), t)
    with pytest.raises(ValueError, match="without labels"):
        model(np.zeros((1, 1, 8, 8), np.float32), t, np.zeros(1, int))
