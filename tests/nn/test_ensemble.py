"""EnsembleLinear: as many independent linear layers as it has networks."""

import numpy as np
import pytest

import tinygen
from tests.nn.cases import new_rng
from tinygen import default_rng, nn, tensor

SEEDS = (5, 6, 5)


def make_normalized_ensemble():
    return nn.EnsembleLinear(3, 2, spectral_norm=True, rngs=[new_rng(), new_rng()])


def make_separate_layers(ensemble, spectral_norm):
    """Give the ensemble new weights, and return ordinary layers with the same ones."""
    rng, layers = np.random.default_rng(0), []
    for i, seed in enumerate(SEEDS):
        layer = nn.Linear(4, 2, rng=default_rng(seed), dtype=np.float64)
        np.testing.assert_array_equal(ensemble.weight.data[i], layer.weight.data)
        np.testing.assert_array_equal(ensemble.bias.data[i], layer.bias.data)
        layer.weight.data = w = rng.normal(size=(2, 4))
        ensemble.weight[i] = w
        if spectral_norm:
            layer = nn.SpectralNorm(layer, rng=default_rng(0))
            layer.u[...] = ensemble.u.data[i]
        layers.append(layer)
    return layers


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_the_networks_are_independent_layers(spectral_norm):
    """Outputs and gradients are those of separate layers, for different inputs and losses."""
    rngs = [default_rng(seed) for seed in SEEDS]
    ensemble = nn.EnsembleLinear(4, 2, spectral_norm=spectral_norm, rngs=rngs, dtype=np.float64)
    layers = make_separate_layers(ensemble, spectral_norm)
    rng = np.random.default_rng(1)
    for training in (
        True,
        True,
        True,
        False,
    ):  # the last call uses the u and v of the third
        for module in (ensemble, *layers):
            module.train(training)
        x = rng.normal(size=(3, 5, 4))
        y, ys = (
            ensemble(tensor(x)),
            [layer(tensor(a)) for layer, a in zip(layers, x, strict=True)],
        )
        if spectral_norm:
            v = [layer.v.data for layer in layers]
            np.testing.assert_allclose(ensemble.v.data, v, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(y.data, [a.data for a in ys], rtol=1e-12, atol=1e-12)
        loss = sum((k + 1) * (y[k] ** 2).sum() for k in range(3))
        grads = tinygen.grad(loss, [ensemble.weight, ensemble.bias])
        for k, layer in enumerate(layers):
            parameters = [*layer.parameters()]
            own_grads = tinygen.grad((k + 1) * (ys[k] ** 2).sum(), parameters)
            for grad, own_grad in zip(grads, own_grads, strict=True):
                np.testing.assert_allclose(grad.data[k], own_grad.data, rtol=1e-9, atol=1e-12)


def test_two_calls_before_one_backward_pass():
    ensemble = make_normalized_ensemble()
    x = tensor(np.ones((2, 1, 3), np.float32))
    (ensemble(x) + ensemble(x)).sum().backward()


def test_a_later_call_leaves_the_gradient_of_an_earlier_one():
    ensemble = make_normalized_ensemble().eval()
    x = tensor(np.ones((2, 1, 3), np.float32))
    first = ensemble(x)
    grad = tinygen.grad(first.sum(), ensemble.weight, retain_graph=True)[0].data
    ensemble.train()(x)  # which writes u and v
    assert (tinygen.grad(first.sum(), ensemble.weight)[0].data == grad).all()


def test_the_first_sigma_is_nearly_the_largest_singular_value():
    """With 800 weights, half of the errors were below 2e-6, and the largest was 9 %."""
    rngs = [default_rng(seed) for seed in range(20)]
    ensemble = nn.EnsembleLinear(8, 6, spectral_norm=True, rngs=rngs, dtype=np.float64)
    w = ensemble.weight.data
    sigma = np.einsum("ci,cij,cj->c", ensemble.u.data, w, ensemble.v.data)
    error = 1 - sigma / np.linalg.svd(w)[1][:, 0]
    assert np.median(error) < 1e-4 and error.max() < 0.12


def test_the_networks_take_the_same_examples_or_one_batch_each():
    ensemble = nn.EnsembleLinear(3, 2, rngs=[new_rng(), new_rng()])
    assert ensemble(tensor(np.ones((5, 3), np.float32))).shape == (2, 5, 2)
    for shape in ((1, 5, 3), (3, 5, 3), (2, 5, 4), (3,), (2, 2, 5, 3)):
        with pytest.raises(ValueError, match=r"x is \(N, 3\) .* or \(2, N, 3\)"):
            ensemble(tensor(np.ones(shape, np.float32)))


def test_a_single_rng_raises():
    with pytest.raises(TypeError, match="as a list"):
        nn.EnsembleLinear(3, 2, rngs=new_rng())
