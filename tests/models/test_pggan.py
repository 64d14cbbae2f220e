"""Progressive growing: what a grown network has in common with the one it grew from, at every size to 1024; signals, gradients, the order of sizes."""

import time
import tracemalloc

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import check_grads, default_rng, grad, losses, no_grad, tensor
from tinygen.models.gan import minibatch_std
from tinygen.models.pggan import PAPER, PGDiscriminator, PGGenerator, faded, stage

CHANNELS = (8, 6, 5, 4)


def networks(channels=CHANNELS, latent_dim=7, **settings):
    return PGGenerator(latent_dim, channels, rng=default_rng(0), **settings), PGDiscriminator(channels, rng=default_rng(1), **settings)


def twice(x):
    return x.repeat(2, axis=2).repeat(2, axis=3)


def halved(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))


@pytest.mark.parametrize("size", [8, 16, 32])
def test_a_grown_network_is_the_old_one_at_first_and_the_new_one_at_last(size):
    make, judge = networks()
    z, x = default_rng(2).normal((4, 7)), default_rng(3).normal((4, 3, size, size))
    old, new = make(z, size // 2).data, make(z, size).data
    np.testing.assert_allclose(make(z, size, 0.0).data, twice(old), rtol=0, atol=1e-6)
    np.testing.assert_allclose(make(z, size, 0.3).data, 0.7 * twice(old) + 0.3 * new, rtol=0, atol=1e-6)
    assert np.abs(new - twice(old)).max() > 0.1
    np.testing.assert_allclose(judge(x, 0.0).data, judge(halved(x)).data, rtol=0, atol=1e-6)
    assert np.abs(judge(x, 1.0).data - judge(x, 0.0).data).max() > 0.01
    # at 1 nothing is left of the old layers at its end: they may be anything
    for p in (*make.pictures[make.sizes.index(size) - 1].parameters(), *judge.pictures[judge.sizes.index(size) - 1].parameters()):
        p.data = np.full(p.shape, 1e3, np.float32)
    np.testing.assert_array_equal(make(z, size).data, new)
    assert np.abs(judge(x).data).max() < 100 < np.abs(judge(x, 0.5).data).max()


def test_at_1024_pixels():
    """The paper's networks, 23 million parameters each: a picture in under 10 s of a CPU and 4 GB, and a fade-in that begins with the picture of 512."""
    z = default_rng(2).normal((1, 512))
    tracemalloc.start()
    make = PGGenerator(512, PAPER, rng=default_rng(0))
    begun = time.process_time()
    with no_grad():
        whole = make(z, 1024).data
    took = time.process_time() - begun
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert whole.shape == (1, 3, 1024, 1024) and np.isfinite(whole).all() and took < 10 and peak < 4e9, (took, peak)
    assert sum(p.size for p in make.parameters()) == pytest.approx(23.1e6, rel=0.01)  # the paper's table 2
    with no_grad():
        np.testing.assert_allclose(make(z, 1024, 0.0).data, twice(make(z, 512).data), rtol=0, atol=1e-6)


def test_the_discriminator_at_1024_pixels():
    judge = PGDiscriminator((16, 8, 8, 8, 4, 4, 4, 2, 2), group=2, rng=default_rng(0))
    x = default_rng(1).normal((2, 3, 1024, 1024))
    with no_grad():
        assert judge(x, 0.5).shape == (2,)
        np.testing.assert_allclose(judge(x, 0.0).data, judge(halved(x)).data, rtol=0, atol=1e-6)


def test_signals_neither_die_nor_grow():
    """Equalized layers and pixel norm: at each size the vectors at a pixel have length 1 (mean square), and what D says of pictures is of size 1."""
    make, judge = networks((64, 64, 48, 32, 24, 16))
    z = h = default_rng(2).normal((8, 7))
    for block, size in zip(make.blocks, make.sizes, strict=True):
        h = block(h if size == 4 else twice(h)).data
        np.testing.assert_allclose((h * h).mean(axis=1), 1, rtol=1e-4)
        x = make(z, size).data
        assert 0.3 < x.std() < 3 and 0.02 < np.abs(judge(x).data).mean() < 3
    np.testing.assert_allclose(make(5 * z, 16).data, make(z, 16).data, atol=1e-5)  # z's length does not matter


def test_the_discriminator_sees_the_spread_of_a_group_whatever_its_order():
    _, judge = networks()
    x = default_rng(3).normal((4, 3, 8, 8))
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(judge(x[order]).data, judge(x).data[order], rtol=1e-5, atol=1e-6)
    alone = np.concatenate([judge(np.repeat(x[i : i + 1], 4, axis=0)).data[:1] for i in range(4)])
    assert np.abs(alone - judge(x).data).max() > 1e-3  # four alike are judged otherwise


def test_minibatch_std_of_pictures():
    x = default_rng(0).normal((8, 3, 4, 4))
    same, order = np.repeat(x[:1], 8, axis=0), np.array([3, 1, 0, 2, 6, 5, 7, 4])
    assert np.abs(minibatch_std(same, 4)[:, 3]).max() <= 1.001e-4  # the 1e-8 under its root
    np.testing.assert_allclose(minibatch_std(x[order], 4)[:, 3], minibatch_std(x, 4)[:, 3], rtol=1e-6)
    np.testing.assert_allclose(minibatch_std(x, 4)[:4, 3], x[:4].std(axis=0).mean(), rtol=1e-5)


def test_only_layers_in_use_are_differentiated():
    make, judge = networks()
    z = default_rng(2).normal((4, 7))
    judge.requires_grad_(False)
    judge(make(z, 16, 0.5), 0.5).mean().backward()
    awake = {name for name, p in make.named_parameters() if p.grad is not None and np.abs(p.grad.data).max() > 0}
    assert {name.rsplit(".layer")[0] for name in awake} >= {"pictures.1", "pictures.2"} and not any(n.startswith(("pictures.0", "pictures.3", "blocks.3")) for n in awake)
    assert all(p.grad is None for p in judge.parameters())


def test_both_halves_of_a_fade_are_differentiated():
    """In what comes in, and in the weights that the old picture is made with."""
    make, judge = networks((3, 2), 4)
    for model in (make, judge):
        model.map_arrays_(lambda a: a.astype(np.float64))
    g = default_rng(2)
    check_grads(lambda z: make(z, 8, 0.4), g.normal((2, 4), np.float64), order=1)
    check_grads(lambda x: judge(x, 0.4), g.normal((4, 3, 8, 8), np.float64), order=1)
    first, old = next(make.blocks[0].parameters()), next(make.pictures[0].parameters())
    slope = grad(make(g.normal((2, 4), np.float64), 8, 0.0).sum(), [first, old])
    assert all(np.abs(s.data).max() > 0 for s in slope)


def test_the_penalty_of_a_growing_critic_to_second_order():
    """The gradient of a gradient penalty in the middle of a fade-in, through the minibatch standard deviation, in every parameter."""
    judge = PGDiscriminator((3, 2), colours=1, group=2, rng=default_rng(1))
    judge.map_arrays_(lambda a: a.astype(np.float64))
    g = default_rng(3)
    real, fake, t = g.normal((2, 1, 8, 8), np.float64), g.normal((2, 1, 8, 8), np.float64), g.uniform((2,), np.float64)
    places = [(module, own) for _, module in judge.named_modules() for own, _ in module.named_parameters(recurse=False)]

    def f(*parameters):
        for (module, own), p in zip(places, parameters, strict=True):
            vars(module)[own] = p
        return losses.gradient_penalty(lambda x: judge(x, 0.4), real, fake, t)

    check_grads(f, *[getattr(module, own).data for module, own in places], order=1)


def test_real_pictures_fade_likewise():
    x = default_rng(0).normal((2, 3, 8, 8))
    assert faded(x, 1.0) is x
    np.testing.assert_allclose(faded(x, 0.25), 0.75 * twice(halved(x)) + 0.25 * x, atol=1e-6)
    np.testing.assert_allclose(halved(faded(x, 0.25)), halved(x), atol=1e-6)  # what is seen in half the size stays


def test_stages():
    lengths = (2, 4, 6)
    assert [stage(i, lengths) for i in range(6)] == [(4, 1.0), (4, 1.0), (8, 0.5), (8, 1.0), (8, 1.0), (8, 1.0)]
    assert [size for size, _ in (stage(i, lengths) for i in range(6, 14))] == [16] * 8  # and for ever
    np.testing.assert_allclose([alpha for _, alpha in (stage(i, lengths) for i in range(6, 12))], [1 / 3, 2 / 3, 1, 1, 1, 1])
    assert [stage(i, (0, 0, 4)) for i in range(5)] == [(16, 1.0)] * 5  # nothing was learned before, from which to fade
    with pytest.raises(ValueError, match="lengths is empty"):
        stage(0, ())


def test_other_arrays_and_wrong_sizes():
    make, judge = networks()
    z, x = default_rng(2).normal((4, 7)), default_rng(3).normal((4, 3, 16, 16))
    for model, arguments in ((make, (z, 16, 0.5)), (judge, (x, 0.5))):
        plain = model(tensor(arguments[0]), *arguments[1:]).data
        model.map_arrays_(StrictArray)
        strict = model(tensor(StrictArray(arguments[0]), requires_grad=True), *arguments[1:])
        np.testing.assert_allclose(strict.data.get(), plain, rtol=1e-4, atol=1e-5)
        (strict * strict).sum().backward()
    with pytest.raises(ValueError, match="PGGenerator: pictures of 64 pixels; this one was built for 4, 8, 16, 32"):
        make(z, 64)
    with pytest.raises(ValueError, match="PGDiscriminator: pictures of 12 pixels"):
        judge(x[..., :12, :12])
