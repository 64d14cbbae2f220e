"""The networks: the benchmark's parameters, shapes, what may not be seen, gradients, labels and guidance."""

import numpy as np
import pytest

from tests.strict import StrictArray, StrictRNG
from tinygen import RNG, check_grads, default_rng, optim
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.guidance import drop_labels, classifier_free_guidance
from tinygen.models.diffusion.objectives import denoiser, predict
from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING
from tinygen.models.diffusion.unet import Perceptron, UNet, _Attention, _Block, timestep_embedding


def stirred(model, seed=1):
    """Weights that are no zeros, scales that are no ones."""
    g = default_rng(seed)
    for p in model.parameters():
        if p.ndim == 1 or not p.numpy().any():
            p.data += 0.3 * g.normal(p.shape)
    return model


def test_the_benchmarks_network():
    model = UNet(rng=default_rng(0))
    shapes = sorted(p.shape for p in model.parameters() if p.ndim == 4)
    kernels = [(32, 1), (32, 32), (32, 32), (32, 32), (64, 32), (64, 64), (64, 64), (64, 64), (64, 64), (64, 64), (64, 64), (64, 64), (64, 128), (64, 64),
               (32, 64), (32, 64), (32, 32), (1, 32)]  # fmt: skip
    assert sorted(s for s in shapes if s[2] == 3) == sorted((*k, 3, 3) for k in kernels)
    assert sorted(s for s in shapes if s[2] == 1) == sorted([(64, 32, 1, 1), (64, 128, 1, 1), (32, 64, 1, 1)])


@pytest.mark.parametrize("settings, shape", [
    ({}, (1, 28, 28)), ({"widths": (8, 16), "patch": 2, "attention": False, "film": True, "colours": 3, "outputs": 6}, (3, 8, 12)),
    ({"widths": (8, 8, 16, 16)}, (1, 8, 16)),
])  # fmt: skip
def test_shapes_and_precision(settings, shape):
    model, g = UNet(**settings, rng=default_rng(0)), default_rng(1)
    x, t = g.normal((3, *shape)), g.uniform((3,))
    y = model(x, t)
    assert y.shape == (3, settings.get("outputs", shape[0]), *shape[1:]) and y.dtype == np.float32 and not y.numpy().any()  # begins at 0
    y = stirred(model)(x, t)
    (y * y).mean().backward()
    assert all(p.grad is not None and p.grad.dtype == np.float32 and np.abs(p.grad.numpy()).max() > 0 for p in model.parameters())


@pytest.mark.parametrize("film", [False, True])
def test_a_block_begins_as_what_goes_past_it(film):
    block, g = _Block(8, 16, 12, film, default_rng(0)), default_rng(1)
    x, told = g.normal((2, 8, 4, 4)), g.normal((2, 12))
    assert np.array_equal(block(x, told).numpy(), block.past(x).numpy())
    stirred(block.conv2)
    assert np.array_equal(block(x, told).numpy(), block(x, 0 * told).numpy()) == film  # FiLM does not listen yet
    stirred(block)
    assert not np.allclose(block(x, told).numpy(), block.past(x).numpy(), atol=0.1)


def test_examples_do_not_see_one_another_and_levels_count():
    model, g = stirred(UNet(widths=(8, 16), rng=default_rng(0))), default_rng(1)
    x, t = g.normal((4, 1, 8, 8)), g.uniform((4,))
    apart = np.concatenate([model(x[i : i + 1], t[i : i + 1]).numpy() for i in range(4)])
    np.testing.assert_allclose(apart, model(x, t).numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(model(x, t + np.float32(0.01)).numpy() - apart).max() > 1e-3


def test_pixels_see_all_others_through_the_bottom():
    model, g = stirred(UNet(widths=(8, 16, 16), rng=default_rng(0))), default_rng(1)
    x, t = g.normal((1, 1, 32, 32)), g.uniform((1,))
    y = x.copy()
    y[..., 0, 0] += 1
    assert np.abs(model(y, t).numpy() - model(x, t).numpy())[0, 0, -1, -1] > 1e-5


def test_a_patch_is_a_rearrangement():
    """Of squares of 2 pixels: what the network sees is (N, 4, H / 2, W / 2), and a shift by two pixels is one there."""
    model = stirred(UNet(widths=(8, 16), patch=2, attention=False, rng=default_rng(0)))
    assert model.enter.weight.shape == (8, 4, 3, 3) and model.leave.weight.shape == (4, 8, 3, 3)


def test_blocks_and_attention_change_what_they_are_given():
    """x itself goes past both: with their last weights at 0 they give it back, or what a 1x1 convolution makes of it."""
    g = default_rng(0)
    x, told = g.normal((2, 8, 4, 4)), g.normal((2, 6))
    for film in (False, True):
        same, other, look = _Block(8, 8, 6, film, g), _Block(8, 16, 6, film, g), _Attention(8, g)
        for layer in (same.conv2, other.conv2, look.look.out_proj):
            for p in layer.parameters():
                p.data = np.zeros_like(p.data)
        np.testing.assert_array_equal(same(x, told).numpy(), x)
        np.testing.assert_array_equal(other(x, told).numpy(), other.past(x).numpy())
        np.testing.assert_array_equal(look(x).numpy(), x)


def test_film_scales_and_shifts_after_the_normalization():
    g = default_rng(0)
    block, x = _Block(8, 8, 1, True, g), g.normal((2, 8, 4, 4))
    stirred(block.conv2)
    block.told.weight.data, block.told.bias.data = np.zeros((16, 1), np.float32), np.repeat(np.float32([-1, 5]), 8)
    y = block(x, np.zeros((2, 1), np.float32)).numpy() - x  # a scale of 1 - 1 and a shift of 5: all that conv2 sees is silu(5)
    seen = np.full((2, 8, 4, 4), 5 / (1 + np.exp(-5)), np.float32)
    np.testing.assert_allclose(y, block.conv2(seen).numpy(), atol=1e-5)


def test_a_perceptrons_octaves():
    model, x, seen = Perceptron(2, (8,), octaves=3, rng=default_rng(0)), np.float32([[0.3, -1.1]]), []
    first = model.layers[0]
    model.layers[0].forward = lambda a: (seen.append(a), type(first).forward(first, a))[1]
    model(x, np.float32([0.5]))
    right = {float(v) for v in np.concatenate([x, *(f(2**k * x) for k in range(3) for f in (np.sin, np.cos))], axis=1)[0].round(4)}
    assert {float(v) for v in np.asarray(getattr(seen[0], "data", seen[0]))[0].round(4)} == right and len(right) == 14


@pytest.mark.parametrize("film", [False, True])
def test_gradients(film):
    model = stirred(Perceptron(2, (4, 4), film=film, classes=3, rng=default_rng(0)))
    for p in model.parameters():
        p._data = p._data.astype(np.float64)
    t, y = np.array([0.2, 1.1, 0.7]), np.array([0, 3, 1])
    check_grads(lambda x: model(x, t, y), np.random.default_rng(0).normal(size=(3, 2)))


def test_waves_tell_levels_apart():
    t = np.linspace(0, 1.57, 1001).astype(np.float32)
    w = timestep_embedding(t, 32)
    assert w.shape == (1001, 32) and w.dtype == np.float32 and np.abs(w).max() <= 1
    a = 1000 * 0.001 / 10_000 ** (np.arange(16) / 16)
    np.testing.assert_allclose(timestep_embedding(np.float32([0.001]), 32)[0], [*np.sin(a), *np.cos(a)], atol=1e-6)
    gaps = ((w[:, None] - w) ** 2).sum(axis=2) + 100 * np.eye(1001)
    assert gaps.min() > 0.1


def test_film_begins_without_a_condition_and_learns_one():
    model, g = Perceptron(2, (8, 8, 4), film=True, classes=3, rng=default_rng(0)), default_rng(1)
    x, t, y = np.repeat(g.normal((1, 2)), 3, axis=0), np.array([0.2, 1.1, 0.2], np.float32), np.array([0, 0, 1])
    first = model(x, t, y).numpy()
    np.testing.assert_allclose(first, first[[0, 0, 0]], rtol=1e-6)
    after = stirred(model)(x, t, y).numpy()
    assert np.abs(after[1] - after[0]).max() > 1e-3 < np.abs(after[2] - after[0]).max()


@pytest.mark.parametrize("kind, settings, shape", [
    (UNet, {"widths": (8, 16), "patch": 2, "film": True}, (1, 8, 8)), (Perceptron, {"dimensions": 2}, (2,)), (Perceptron, {"dimensions": 2, "film": True}, (2,)),
])  # fmt: skip
def test_on_a_strict_array_type(kind, settings, shape):
    found = []
    for move in (lambda a: a, StrictArray):
        model, g = stirred(kind(**settings, classes=3, rng=default_rng(0))), default_rng(1)
        model.map_arrays_(move)
        y = model(move(g.normal((4, *shape))), move(g.uniform((4,))), move(np.array([0, 1, 3, 2])))
        (y * y).mean().backward()
        found.append([y, *(p.grad for p in model.parameters())])
    for plain, strict in zip(*found, strict=True):
        assert isinstance(strict.data, StrictArray)
        np.testing.assert_allclose(strict.numpy(), plain.numpy(), rtol=1e-3, atol=1e-5)


def test_labels_and_none():
    model, g = stirred(UNet(widths=(8, 16), classes=3, rng=default_rng(0))), default_rng(1)
    x, t = np.repeat(g.normal((1, 1, 8, 8)), 4, axis=0), np.full(4, 0.5, np.float32)
    y = model(x, t, np.array([0, 1, 2, model.none])).numpy()
    assert all(np.abs(y[i] - y[j]).max() > 1e-3 for i in range(4) for j in range(i))
    kept = drop_labels(np.zeros(100_000, np.int64), 3, 0.1, rng=g)
    assert kept.dtype == np.int64 and set(np.unique(kept)) == {0, 3} and abs((kept == 3).mean() - 0.1) < 0.005


def test_guidance_on_a_strict_array_type():
    found, labels = [], np.array([0, 1, 2, 1])
    for move, kind in ((lambda a: a, RNG), (StrictArray, StrictRNG)):
        model, g = stirred(Perceptron(2, (8,), classes=3, rng=default_rng(0))).map_arrays_(move), kind(1)
        kept = drop_labels(move(labels), model.none, 0.5, rng=g)
        found.append([kept, classifier_free_guidance(model, kept, model.none, 2.0)(g.normal((4, 2)), g.uniform((4,))).data])
    assert isinstance(found[1][1], StrictArray) and np.array_equal(found[1][0].get(), found[0][0]) and (found[0][0] == 3).any()
    np.testing.assert_allclose(found[1][1].get(), found[0][1], rtol=1e-4, atol=1e-5)


def test_guidance_mixes_the_two_answers_whatever_was_asked():
    model, g = stirred(Perceptron(2, (8,), classes=3, rng=default_rng(0))), default_rng(1)
    x, t, labels = g.normal((5, 2)), g.uniform((5,)), np.array([0, 1, 2, 1, 0])
    with_label, without = model(x, t, labels).numpy(), model(x, t, np.full(5, 3)).numpy()
    np.testing.assert_allclose(classifier_free_guidance(model, labels, 3, 2.5)(x, t).numpy(), 2.5 * with_label - 1.5 * without, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(classifier_free_guidance(model, labels)(x, t).numpy(), with_label)
    for kind in ("noise", "data", "velocity"):
        told, untold, mixed = (predict(a, kind, x, 0.5) for a in (with_label, without, 2.5 * with_label - 1.5 * without))
        np.testing.assert_allclose(mixed.x0, 2.5 * told.x0 - 1.5 * untold.x0, rtol=1e-4, atol=1e-5)


def test_guidance_of_two_gaussians_is_the_score_of_the_tilted_density():
    """p(x | y) N(1, s^2), p(x) the half of it and of N(-1, s^2): the guided score is that of p(x | y) p(y | x)^(w - 1), at any level."""
    both, one = (ExactMixture(np.full(k, 1 / k), np.array([[1.0], [-1.0]])[:k], np.full(k, 0.5)) for k in (2, 1))
    x, t, w, h = np.linspace(-2, 2, 9)[:, None], 0.8, 3.0, 1e-6
    guess = denoiser(lambda x, levels: w * one.denoise(x, t).eps + (1 - w) * both.denoise(x, t).eps, "noise")(x, t)

    def log_tilted(x):
        return w * one.log_density(x, t) - (w - 1) * both.log_density(x, t)

    slope = (log_tilted(x + h) - log_tilted(x - h)) / (2 * h)
    np.testing.assert_allclose(-guess.eps[:, 0] / VARIANCE_PRESERVING.mix(t).sigma, slope, atol=1e-7)


def test_it_learns_a_picture():
    """Data that are one picture: the best answer is it, and the velocity's error falls to nothing."""
    g = default_rng(0)
    model = UNet(widths=(8, 16), patch=2, attention=False, rng=g)
    picture = np.sign(g.normal((1, 1, 8, 8)))
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    first = None
    for _ in range(150):
        t, eps = 0.5 + g.uniform((16,)), g.normal((16, 1, 8, 8))
        x0 = np.repeat(picture, 16, axis=0)
        m = VARIANCE_PRESERVING.at(t, x0)
        loss = ((model(m.alpha * x0 + m.sigma * eps, t) - (m.d_alpha * x0 + m.d_sigma * eps)) ** 2).mean()
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * first


def test_errors():
    g = default_rng(0)
    with pytest.raises(ValueError, match="multiples of 8"):
        UNet(widths=(8, 12), rng=g)
    model = UNet(widths=(8, 16), patch=2, rng=g)
    with pytest.raises(ValueError, match="multiples of 4"):
        model(np.zeros((1, 1, 6, 8), np.float32), np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="knows no labels"):
        model(np.zeros((1, 1, 8, 8), np.float32), np.zeros(1, np.float32), np.zeros(1, int))
    with pytest.raises(ValueError, match="needs labels"):
        Perceptron(2, classes=2, rng=g)(np.zeros((1, 2), np.float32), np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="which label means none"):
        classifier_free_guidance(model, np.zeros(1, int), weight=2.0)
