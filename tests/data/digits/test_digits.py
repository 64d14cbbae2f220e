"""Procedural digits: deterministic, drawn as documented, and similar to MNIST."""

import os

import numpy as np
import pytest

from tinygen.data import digits, mnist
from tinygen.data.digits.handwriting import CHUNK, sample_pen_paths, sample_templates
from tinygen.data.digits.rendering import EDGE, render


def ridge_accuracy(train, test):
    """Return the test accuracy of ridge regression onto one-hot labels, a linear classifier."""
    (x, y), (x_test, y_test) = (
        (images.reshape(len(images), -1).astype(np.float32) / 255, labels)
        for images, labels in (train, test)
    )
    x, x_test = (np.concatenate([a, np.ones((len(a), 1), np.float32)], axis=1) for a in (x, x_test))
    one_hot = np.eye(10, dtype=np.float32)[y]
    weights = np.linalg.solve(x.T @ x + 10 * np.eye(785, dtype=np.float32), x.T @ one_hot)
    return ((x_test @ weights).argmax(axis=1) == y_test).mean()


def explained_variance(images):
    """Return the fraction of variance in the first 1, 2, 5, 10, 20 and 50 principal components."""
    values = np.linalg.eigvalsh(np.cov(images.reshape(len(images), -1).T / 255))[::-1]
    return (np.cumsum(values) / values.sum())[[0, 1, 4, 9, 19, 49]]


def test_types_and_ranges():
    images, labels = digits(50)
    assert images.shape == (50, 1, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (50,) and labels.dtype == np.int64
    assert images.min() == 0 and images.max() == 255
    no_images, no_labels = digits(0)
    assert no_images.shape == (0, 1, 28, 28) and no_labels.shape == (0,)


@pytest.mark.parametrize("k", [1, 5, CHUNK - 1, CHUNK, CHUNK + 1])
def test_the_first_k_digits_do_not_depend_on_n(k):
    images, labels = digits(CHUNK + 10, seed=3)
    few, few_labels = digits(k, seed=3)
    assert np.array_equal(few, images[:k]) and np.array_equal(few_labels, labels[:k])


def test_seeds_and_chunks_differ():
    a, b = digits(CHUNK + 20, seed=0)[0], digits(20, seed=1)[0]
    assert not any(np.array_equal(x, y) for x, y in zip(a[:20], b, strict=True))
    assert not np.array_equal(a[:20], a[CHUNK:])
    assert len(np.unique(a.reshape(len(a), -1), axis=0)) == len(a)


def test_classes_are_uniform():
    counts = np.bincount(digits(3000, seed=5, size=8)[1], minlength=10)
    # chi^2 with 9 degrees of freedom exceeds 27.9 with probability 1/1000.
    assert ((counts - 300) ** 2 / 300).sum() < 27.9


def test_ink_is_centred_and_as_much_as_in_mnist():
    ink = digits(2000, seed=1)[0][:, 0] / 255
    axis = np.arange(28)
    mass = ink.sum((1, 2))
    centre = np.stack([ink.sum(1) @ axis, ink.sum(2) @ axis], axis=1) / mass[:, None]
    # MNIST's centres of mass are 14.0 +- 0.3, and its mean pixel is 0.13.
    assert np.abs(centre - 14).max() < 2 and np.abs(centre.mean(0) - 14).max() < 0.2
    assert 0.12 < ink.mean() < 0.14
    assert ink[:, [0, -1], :].mean() < 0.005 and ink[:, :, [0, -1]].mean() < 0.005


def test_all_sizes_show_the_same_digits():
    small, large = (digits(100, seed=2, size=size)[0].astype(float) for size in (28, 112))
    # Pixel i of the small image is centred where pixel 4 i of the large one is. Its ramp is four
    # large pixels wide, so average windows of 5 x 5.
    padded = np.pad(large[:, 0], ((0, 0), (2, 2), (2, 2)))
    windows = [padded[:, i : i + 112 : 4, j : j + 112 : 4] for i in range(5) for j in range(5)]
    mean = sum(windows) / 25
    assert np.abs(mean - small[:, 0]).mean() < 4
    assert np.corrcoef(mean.ravel(), small.ravel())[0, 1] > 0.99


def test_rendering_agrees_with_distances_in_float64():
    rng = np.random.default_rng(0)
    begin, end, radius = (a[:1] for a in sample_pen_paths(sample_templates(rng)[1], rng))
    ink = render(begin, end, radius, 28)
    axis = np.arange(28) - 14
    pixels = np.stack(np.meshgrid(axis, axis), axis=-1)  # (row, column, (x, y))
    depth = np.full((28, 28), np.inf)
    for a, b, r in zip(begin[0].astype(float), end[0].astype(float), radius[0], strict=True):
        # The nearest point of a segment is a + t (b - a).
        t = np.clip((pixels - a) @ (b - a) / max((b - a) @ (b - a), 1e-12), 0, 1)
        distance = np.linalg.norm(pixels - a - t[..., None] * (b - a), axis=-1)
        depth = np.minimum(depth, distance / r)
    expected = 255 * np.clip((1 - depth) * radius[0].mean() / EDGE + 0.5, 0, 1)
    assert np.abs(ink[0] - expected).max() < 1 and ink.max() == 255


def test_digits_vary_as_handwriting_does():
    train, test = digits(4000, seed=1), digits(1000, seed=2)
    assert 0.7 < ridge_accuracy(train, test) < 0.95


@pytest.mark.parametrize("arguments", [dict(n=-1), dict(n=1, seed=-1), dict(n=1, size=7)])
def test_bad_arguments_are_errors(arguments):
    with pytest.raises(ValueError, match="digits: needs n >= 0"):
        digits(**arguments)


@pytest.mark.skipif("TINYGEN_DATA" not in os.environ, reason="TINYGEN_DATA is not set")
def test_digits_are_similar_to_mnist():
    mnist_test = mnist("test")
    procedural = digits(8000, seed=1)
    difference = explained_variance(procedural[0]) - explained_variance(mnist_test[0])
    assert np.abs(difference).max() < 0.05
    assert ridge_accuracy(procedural, mnist_test) > 0.6  # chance is 0.1; a network reaches 0.9
