"""Dropped labels, and guidance as a mixture of two predictions and of two scores."""

import numpy as np
import pytest

from tests.models.diffusion.cases import perturb
from tinygen import default_rng
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.guidance import (
    classifier_free_guidance,
    compose,
    drop_labels,
)
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.objectives import PARAMETRIZATIONS, denoiser, to_prediction
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING


def labelled_network():
    return perturb(MLPDenoiser(2, (8,), num_classes=3, rng=default_rng(0)))


def test_one_label_in_ten_is_dropped():
    labels = drop_labels(np.zeros(100_000, np.int64), 3, 0.1, rng=default_rng(1))
    assert labels.dtype == np.int64 and set(np.unique(labels)) == {0, 3}
    assert abs((labels == 3).mean() - 0.1) < 0.005


def test_the_mixture_is_the_same_for_every_parametrization():
    model, rng = labelled_network(), default_rng(1)
    x, t, labels = rng.normal((5, 2)), rng.uniform((5,)), np.array([0, 1, 2, 1, 0])
    conditional = model(x, t, labels).numpy()
    unconditional = model(x, t, np.full(5, 3)).numpy()
    mixture = 2.5 * conditional - 1.5 * unconditional
    guided_network = classifier_free_guidance(model, labels, 3, 2.5)
    np.testing.assert_allclose(guided_network(x, t).numpy(), mixture, rtol=1e-4, atol=1e-5)
    unguided_network = classifier_free_guidance(model, labels)
    np.testing.assert_array_equal(unguided_network(x, t).numpy(), conditional)
    for parametrization in PARAMETRIZATIONS:
        with_label, without_label, mixed = (
            to_prediction(output, parametrization, x, 0.5)
            for output in (conditional, unconditional, mixture)
        )
        expected = 2.5 * with_label.x0 - 1.5 * without_label.x0
        np.testing.assert_allclose(mixed.x0, expected, rtol=1e-4, atol=1e-5)


def test_guidance_of_two_gaussians_is_the_score_of_the_guided_density():
    """p(x | y) is N(1, s^2), and p(x) is half of it and half of N(-1, s^2).

    At any time, the guided score is that of p(x | y) p(y | x)^(w - 1).
    """
    means = np.array([[1.0], [-1.0]])
    both = ExactMixture(np.full(2, 0.5), means, np.full(2, 0.5))
    one = ExactMixture(np.ones(1), means[:1], np.full(1, 0.5))
    x, t, w, h = np.linspace(-2, 2, 9)[:, None], 0.8, 3.0, 1e-6

    def guided_network(x, times):
        return w * one.denoise(x, t).eps + (1 - w) * both.denoise(x, t).eps

    def log_guided(x):
        return w * one.log_density(x, t) - (w - 1) * both.log_density(x, t)

    prediction = denoiser(guided_network, "eps")(x, t)
    score = (log_guided(x + h) - log_guided(x - h)) / (2 * h)
    sigma = VARIANCE_PRESERVING.coefficients(t).sigma
    np.testing.assert_allclose(-prediction.eps[:, 0] / sigma, score, atol=1e-7)


def test_composition_of_three_corners_is_the_score_of_the_fourth():
    """Four Gaussians at the corners of a rectangle: left or right, and up or down.

    The corner "right, up" is composed from the others.
    """
    corners = {"right up": (2, 1), "right down": (2, -1), "left up": (-2, 1), "left down": (-2, -1)}
    mixtures = {
        name: ExactMixture(np.ones(1), np.array([corner], float), np.full(1, 0.5))
        for name, corner in corners.items()
    }

    def network(x, t, label):
        return mixtures[label].denoise(x, t).eps

    x = np.random.default_rng(0).normal(size=(9, 2))
    composed_network = compose(network, "left down", ["right down", "left up"])
    np.testing.assert_allclose(composed_network(x, 0.8), network(x, 0.8, "right up"), atol=1e-12)
    np.testing.assert_array_equal(
        compose(network, "left up", [])(x, 0.8), network(x, 0.8, "left up")
    )


def test_on_a_gpu(cupy):
    found, labels = [], np.array([0, 1, 2, 1])
    for move, device in ((lambda a: a, "cpu"), (cupy.asarray, "cuda")):
        model, rng = labelled_network().map_arrays_(move), default_rng(1, device)
        dropped = drop_labels(move(labels), model.null_label, 0.5, rng=rng)
        guided_network = classifier_free_guidance(model, dropped, model.null_label, 2.0)
        found.append([dropped, guided_network(rng.normal((4, 2)), rng.uniform((4,))).data])
    (labels, output), (gpu_labels, gpu_output) = found
    assert isinstance(gpu_output, cupy.ndarray)
    assert np.array_equal(gpu_labels.get(), labels) and (labels == 3).any()
    np.testing.assert_allclose(gpu_output.get(), output, rtol=1e-4, atol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="the label that means none"):
        classifier_free_guidance(labelled_network(), np.zeros(1, int), guidance_scale=2.0)
