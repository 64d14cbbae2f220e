"""The multilayer perceptron: Fourier features, gradients, conditioning."""

import numpy as np
import pytest

from tests.models.diffusion.cases import perturb
from tinygen import Tensor, check_grads, default_rng
from tinygen.backend import to_numpy
from tinygen.models.diffusion.mlp import MLPDenoiser


def test_the_first_layer_receives_the_fourier_features(monkeypatch):
    model = MLPDenoiser(2, (8,), num_frequencies=3, rng=default_rng(0))
    x, inputs, first = np.float32([[0.3, -1.1]]), [], model.layers[0]

    def watch(h):
        inputs.append(h)
        return type(first).forward(first, h)

    monkeypatch.setattr(first, "forward", watch)
    model(x, np.float32([0.5]))
    features = [x, *(f(2**k * x) for k in range(3) for f in (np.sin, np.cos))]
    expected = {float(v) for v in np.concatenate(features, axis=1)[0].round(4)}
    h = inputs[0]
    received = (h.numpy() if isinstance(h, Tensor) else to_numpy(h))[0]
    assert {float(v) for v in received.round(4)} == expected and len(expected) == 14


@pytest.mark.parametrize("film", [False, True])
def test_gradients(film):
    model = perturb(MLPDenoiser(2, (4, 4), film=film, num_classes=3, rng=default_rng(0)))
    model.map_arrays_(lambda a: a.astype(np.float64))
    t, labels = np.array([0.2, 1.1, 0.7]), np.array([0, 3, 1])
    x = np.random.default_rng(0).normal(size=(3, 2))
    check_grads(lambda x: model(x, t, labels), x)


def test_film_starts_without_the_conditioning_and_learns_it():
    model = MLPDenoiser(2, (8, 8, 4), film=True, num_classes=3, rng=default_rng(0))
    x = np.repeat(default_rng(1).normal((1, 2)), 3, axis=0)
    t, labels = np.array([0.2, 1.1, 0.2], np.float32), np.array([0, 0, 1])
    before = model(x, t, labels).numpy()
    np.testing.assert_allclose(before, before[[0, 0, 0]], rtol=1e-6)
    after = perturb(model)(x, t, labels).numpy()
    assert np.abs(after[1] - after[0]).max() > 1e-3  # another time
    assert np.abs(after[2] - after[0]).max() > 1e-3  # another label


@pytest.mark.parametrize("film", [False, True])
def test_on_a_gpu(cupy, film):
    found = []
    for move in (lambda a: a, cupy.asarray):
        model = perturb(MLPDenoiser(2, film=film, num_classes=3, rng=default_rng(0)))
        rng = default_rng(1)
        model.map_arrays_(move)
        x, t = move(rng.normal((4, 2))), move(rng.uniform((4,)))
        y = model(x, t, move(np.array([0, 1, 3, 2])))
        (y * y).mean().backward()
        found.append([y, *(p.grad for p in model.parameters())])
    for plain, on_gpu in zip(*found, strict=True):
        assert isinstance(on_gpu.data, cupy.ndarray)
        np.testing.assert_allclose(on_gpu.numpy(), plain.numpy(), rtol=1e-3, atol=1e-5)


def test_errors():
    x, t = np.zeros((1, 2), np.float32), np.zeros(1, np.float32)
    with pytest.raises(ValueError, match="needs them"):
        MLPDenoiser(2, num_classes=2, rng=default_rng(0))(x, t)
