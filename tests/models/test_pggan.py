"""Progressive growing: fade-in at every size up to 1024, the scale of signals, and gradients."""

import time
import tracemalloc

import numpy as np
import pytest

from tests.models.gan_helpers import (
    as_function_of_parameters,
    downsample_by_2,
    repeat_pixels,
    to_float64,
)
from tinygen import check_grads, default_rng, grad, losses, no_grad, tensor
from tinygen.models.gan import minibatch_std
from tinygen.models.pggan import (
    PAPER_CHANNELS,
    PGDiscriminator,
    PGGenerator,
    fade_in,
    growth_stage,
)

CHANNELS = (8, 6, 5, 4)


def networks(channels=CHANNELS, latent_dim=7):
    """Build a small generator and discriminator of the same sizes."""
    G = PGGenerator(latent_dim, channels, rng=default_rng(0))
    return G, PGDiscriminator(channels[:-1], rng=default_rng(1))


# Fade-in


@pytest.mark.parametrize("size", [8, 16, 32])
def test_fade_in_of_g_goes_from_the_old_to_the_new_pictures(size):
    G, _ = networks()
    z = default_rng(2).normal((4, 7))
    old, new = repeat_pixels(G(z, size // 2).data), G(z, size).data
    np.testing.assert_allclose(G(z, size, 0.0).data, old, rtol=0, atol=1e-6)
    np.testing.assert_allclose(G(z, size, 0.3).data, 0.7 * old + 0.3 * new, rtol=0, atol=1e-6)
    assert np.abs(new - old).max() > 0.1


@pytest.mark.parametrize("size", [8, 16, 32])
def test_fade_in_of_d_goes_from_the_old_to_the_new_logits(size):
    _, D = networks()
    x = default_rng(3).normal((4, 3, size, size))
    np.testing.assert_allclose(D(x, 0.0).data, D(downsample_by_2(x)).data, rtol=0, atol=1e-6)
    assert np.abs(D(x, 1.0).data - D(x, 0.0).data).max() > 0.01


@pytest.mark.parametrize("size", [8, 16, 32])
def test_after_the_fade_in_the_old_layers_have_no_effect(size):
    """Their weights are set to 1000, which changes results only while alpha < 1."""
    G, D = networks()
    z, x = default_rng(2).normal((4, 7)), default_rng(3).normal((4, 3, size, size))
    new, logits = G(z, size).data, D(x).data
    index = G.sizes.index(size) - 1
    for layer in (G.to_rgb[index], D.inputs[index]):
        for p in layer.parameters():
            p.data = np.full(p.shape, 1e3, np.float32)
    np.testing.assert_array_equal(G(z, size).data, new)
    np.testing.assert_array_equal(D(x).data, logits)
    assert np.abs(D(x, 0.5).data - logits).max() > 5  # 13 to 1800 with 120 seeds


def test_fade_in_of_real_pictures_changes_only_what_half_the_size_lacks():
    x = default_rng(0).normal((2, 3, 8, 8))
    assert np.array_equal(fade_in(x, 1.0), x)
    half = downsample_by_2(x)
    np.testing.assert_allclose(fade_in(x, 0.25), 0.75 * repeat_pixels(half) + 0.25 * x, atol=1e-6)
    np.testing.assert_allclose(downsample_by_2(fade_in(x, 0.25)), half, atol=1e-6)


# The sizes of the paper


@pytest.mark.cpu_only
def test_the_generator_of_the_paper_at_1024_pixels():
    """A picture takes less than 10 s of a CPU and 4 GB; the network has 23.1 million weights."""
    z = default_rng(2).normal((1, 512))
    tracemalloc.start()
    G = PGGenerator(512, PAPER_CHANNELS, rng=default_rng(0))
    start = time.process_time()
    with no_grad():
        picture = G(z, 1024).data
    seconds = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert picture.shape == (1, 3, 1024, 1024)
    assert np.isfinite(picture).all()
    assert seconds < 10
    assert peak < 4e9
    num_weights = sum(p.size for p in G.parameters())
    assert num_weights == pytest.approx(23.1e6, rel=0.01)  # table 2 of the paper
    with no_grad():
        old = repeat_pixels(G(z, 512).data)
        np.testing.assert_allclose(G(z, 1024, 0.0).data, old, rtol=0, atol=1e-6)


def test_the_discriminator_at_1024_pixels():
    channels = (16, 8, 8, 8, 4, 4, 4, 2)
    D = PGDiscriminator(channels, group_size=2, rng=default_rng(0))
    x = default_rng(1).normal((2, 3, 1024, 1024))
    with no_grad():
        assert D(x, 0.5).shape == (2,)
        np.testing.assert_allclose(D(x, 0.0).data, D(downsample_by_2(x)).data, rtol=0, atol=1e-6)


# Signals


def test_signals_keep_their_scale_at_every_size():
    """Pixel norm gives the features a mean square of 1; pictures and logits are of order 1."""
    G, D = networks((64, 64, 48, 32, 24, 16))
    z = h = default_rng(2).normal((8, 7))
    for block, size in zip(G.blocks, G.sizes, strict=True):
        h = block(h if size == 4 else repeat_pixels(h)).data
        np.testing.assert_allclose((h * h).mean(axis=1), 1, rtol=1e-4)
        x = G(z, size).data
        assert 0.3 < x.std() < 3
        assert 0.02 < np.abs(D(x).data).mean() < 3


def test_the_length_of_z_has_no_effect():
    G, _ = networks((64, 64, 48, 32, 24, 16))
    z = default_rng(2).normal((8, 7))
    np.testing.assert_allclose(G(5 * z, 16).data, G(z, 16).data, atol=3e-5)  # float32 rounds


def test_logits_depend_on_the_group_but_not_on_its_order():
    _, D = networks()
    x, order = default_rng(3).normal((4, 3, 8, 8)), np.array([2, 0, 3, 1])
    logits = D(x).data
    np.testing.assert_allclose(D(x[order]).data, logits[order], rtol=1e-5, atol=1e-6)
    equal_groups = [np.repeat(x[i : i + 1], 4, axis=0) for i in range(4)]
    logits_in_equal_groups = np.concatenate([D(group).data[:1] for group in equal_groups])
    assert np.abs(logits_in_equal_groups - logits).max() > 1e-3


def test_minibatch_std_of_pictures():
    x = default_rng(0).normal((8, 3, 4, 4))
    equal = np.repeat(x[:1], 8, axis=0)
    assert np.abs(minibatch_std(equal, 4)[:, 3]).max() <= 1.001e-4  # the root of its epsilon
    order = np.array([3, 1, 0, 2, 6, 5, 7, 4])  # within each group of 4
    std = minibatch_std(x, 4)[:, 3]
    np.testing.assert_allclose(minibatch_std(x[order], 4)[:, 3], std, rtol=1e-6)
    np.testing.assert_allclose(std[:4], x[:4].std(axis=0).mean(), rtol=1e-5)


# Gradients


def test_only_layers_in_use_get_gradients():
    G, D = networks()
    z = default_rng(2).normal((4, 7))
    D(G(z, 16, 0.5), 0.5).mean().backward(inputs=G.parameters())
    trained = {
        name
        for name, p in G.named_parameters()
        if p.grad is not None and np.abs(p.grad.data).max() > 0
    }
    assert {name.rsplit(".layer")[0] for name in trained} >= {"to_rgb.1", "to_rgb.2"}
    assert not any(name.startswith(("to_rgb.0", "to_rgb.3", "blocks.3")) for name in trained)
    assert all(p.grad is None for p in D.parameters())


def test_gradients_through_a_fade_in():
    """With respect to the inputs, and to the weights of the old pictures."""
    channels, rng = (3, 2), default_rng(2)
    G, D = map(to_float64, networks(channels, 4))
    check_grads(lambda z: G(z, 8, 0.4), rng.normal((2, 4), np.float64), order=1)
    check_grads(lambda x: D(x, 0.4), rng.normal((4, 3, 8, 8), np.float64), order=1)
    first, old = next(G.blocks[0].parameters()), next(G.to_rgb[0].parameters())
    gradients = grad(G(rng.normal((2, 4), np.float64), 8, 0.0).sum(), [first, old])
    assert all(np.abs(g.data).max() > 0 for g in gradients)


def test_gradient_penalty_of_a_growing_critic_to_second_order():
    """In the middle of a fade-in, through the minibatch std, in every parameter."""
    critic = to_float64(PGDiscriminator((3, 2), 1, group_size=2, rng=default_rng(1)))
    rng = default_rng(3)
    real, fake = rng.normal((2, 2, 1, 16, 16), np.float64)
    t = rng.uniform((2,), np.float64)
    f, arrays = as_function_of_parameters(
        critic, lambda: losses.gradient_penalty(lambda x: critic(x, 0.4), real, fake, t)
    )
    check_grads(f, *arrays, order=1)


# Stages


def test_growth_stages_fade_in_during_their_first_half():
    lengths = (2, 4, 6)
    first_two = [growth_stage(i, lengths) for i in range(6)]
    assert first_two == [(4, 1.0), (4, 1.0), (8, 0.5), (8, 1.0), (8, 1.0), (8, 1.0)]
    last = [growth_stage(i, lengths) for i in range(6, 14)]  # two steps more than there are
    assert [size for size, _ in last] == [16] * 8
    np.testing.assert_allclose([alpha for _, alpha in last[:6]], [1 / 3, 2 / 3, 1, 1, 1, 1])


def test_the_first_stage_with_steps_has_nothing_to_fade_in_from():
    assert [growth_stage(i, (0, 0, 4)) for i in range(5)] == [(16, 1.0)] * 5


def test_growth_stage_needs_lengths():
    with pytest.raises(ValueError, match="lengths is empty"):
        growth_stage(0, ())


# Other arrays and errors


def test_runs_on_a_gpu(cupy):
    G, D = networks()
    z, x = default_rng(2).normal((4, 7)), default_rng(3).normal((4, 3, 16, 16))
    for model, inputs, arguments in ((G, z, (16, 0.5)), (D, x, (0.5,))):
        plain = model(tensor(inputs), *arguments).data
        model.to("cuda")
        on_gpu = model(tensor(cupy.asarray(inputs), requires_grad=True), *arguments)
        np.testing.assert_allclose(on_gpu.data.get(), plain, rtol=1e-4, atol=1e-5)
        (on_gpu * on_gpu).sum().backward()


def test_sizes_that_the_networks_lack_are_rejected():
    G, D = networks()
    message = "PGGenerator: pictures of 64 pixels; this one was built for 4, 8, 16, 32"
    with pytest.raises(ValueError, match=message):
        G(default_rng(2).normal((4, 7)), 64)
    with pytest.raises(ValueError, match="PGDiscriminator: pictures of 12 pixels"):
        D(np.zeros((4, 3, 12, 12), np.float32))
