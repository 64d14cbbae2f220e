"""Digits: the same from every seed on every call, drawn as the docstring says, and of MNIST's kind."""

import os

import numpy as np
import pytest

from tinygen.data import digits, mnist
from tinygen.data.digits import (
    CHUNK,
    EDGE,
    SEGMENTS,
    TEMPLATES,
    _catmull_rom,
    _choose,
    _compile,
    _pen_paths,
    _render,
)


def classifier_accuracy(train, test):
    """Test accuracy of ridge regression onto one-hot labels: the linear classifier with a closed form."""
    (x, y), (u, v) = ((im.reshape(len(im), -1).astype(np.float32) / 255, label) for im, label in (train, test))
    x, u = (np.concatenate([a, np.ones((len(a), 1), np.float32)], axis=1) for a in (x, u))
    weights = np.linalg.solve(x.T @ x + 10 * np.eye(785, dtype=np.float32), x.T @ np.eye(10, dtype=np.float32)[y])
    return ((u @ weights).argmax(axis=1) == v).mean()


def pca_shares(images):
    """Share of the variance in the first 1, 2, 5, 10, 20 and 50 principal components."""
    values = np.linalg.eigvalsh(np.cov(images.reshape(len(images), -1).T / 255))[::-1]
    return (np.cumsum(values) / values.sum())[[0, 1, 4, 9, 19, 49]]


def test_types_and_ranges():
    images, labels = digits(50)
    assert images.shape == (50, 1, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (50,) and labels.dtype == np.int64
    assert images.min() == 0 and images.max() == 255
    none, empty = digits(0)
    assert none.shape == (0, 1, 28, 28) and empty.shape == (0,)


@pytest.mark.parametrize("k", [1, 5, CHUNK - 1, CHUNK, CHUNK + 1])
def test_the_first_k_of_more_are_the_same(k):
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
    assert ((counts - 300) ** 2 / 300).sum() < 27.9  # chi^2 with 9 degrees of freedom passes 27.9 once in a thousand


def test_ink_is_centred_and_of_mnist_weight():
    ink = digits(2000, seed=1)[0][:, 0] / 255
    axis = np.arange(28)
    mass = ink.sum((1, 2))
    centre = np.stack([ink.sum(1) @ axis, ink.sum(2) @ axis], axis=1) / mass[:, None]
    # MNIST's centres of mass lie at 14.0 +- 0.3, and its mean pixel is 0.13.
    assert np.abs(centre - 14).max() < 2 and np.abs(centre.mean(0) - 14).max() < 0.2
    assert 0.12 < ink.mean() < 0.14
    assert ink[:, [0, -1], :].mean() < 0.005 and ink[:, :, [0, -1]].mean() < 0.005


def test_sizes_show_the_same_digits():
    small, large = (digits(100, seed=2, size=size)[0].astype(float) for size in (28, 112))
    # Pixel i of the small image is centred where pixel 4 i of the large one is; its ramp is four of those wide.
    around = np.pad(large[:, 0], ((0, 0), (2, 2), (2, 2)))
    mean = sum(around[:, i : i + 112 : 4, j : j + 112 : 4] for i in range(5) for j in range(5)) / 25
    assert np.abs(mean - small[:, 0]).mean() < 4
    assert np.corrcoef(mean.ravel(), small.ravel())[0, 1] > 0.99


def test_rendering_against_distances_in_float64():
    rng = np.random.default_rng(0)
    begin, end, radius = (a[:1] for a in _pen_paths(_choose(rng)[1], rng))
    ink = _render(begin, end, radius, 28)
    pixels = np.stack(np.meshgrid(np.arange(28) - 14, np.arange(28) - 14), axis=-1)  # row, column, (x, y)
    depth = np.full((28, 28), np.inf)
    for a, b, r in zip(begin[0].astype(float), end[0].astype(float), radius[0], strict=True):
        t = np.clip((pixels - a) @ (b - a) / max((b - a) @ (b - a), 1e-12), 0, 1)  # the nearest point is a + t (b - a)
        depth = np.minimum(depth, np.linalg.norm(pixels - a - t[..., None] * (b - a), axis=-1) / r)
    expected = 255 * np.clip((1 - depth) * radius[0].mean() / EDGE + 0.5, 0, 1)
    assert np.abs(ink[0] - expected).max() < 1 and ink.max() == 255


def test_catmull_rom_goes_through_its_knots():
    knots = np.random.default_rng(0).normal(size=(5, 2))
    path = _catmull_rom(knots, 16) @ knots
    assert np.allclose(path[::4], knots)
    # Its slope at an inner knot is half the chord of the neighbours, from both sides.
    fine = _catmull_rom(knots, 4000) @ knots
    slope = (knots[2] - knots[0]) / 2
    assert np.allclose((fine[1001] - fine[1000]) * 1000, slope, atol=0.01)
    assert np.allclose((fine[1000] - fine[999]) * 1000, slope, atol=0.01)
    line = np.array([[0.0, 0.0], [1.0, 2.0]])
    assert np.allclose(_catmull_rom(line, 4) @ line, np.linspace(0, 1, 5)[:, None] * [1, 2])


@pytest.mark.parametrize("template", [t for forms in TEMPLATES for t in forms])
def test_templates_are_joined_strokes(template):
    knots, weights = _compile(template)
    assert weights.shape == (2 * SEGMENTS, len(knots))
    assert np.allclose(weights.sum(1), 1)  # moving every knot moves the whole digit
    begin, end = (weights[:SEGMENTS] @ knots, weights[SEGMENTS:] @ knots)
    lifts = (np.linalg.norm(begin[1:] - end[:-1], axis=1) > 1e-9).sum()
    assert lifts <= template.count("|")
    assert np.linalg.norm(end - begin, axis=1).max() < 0.45  # no segment so long that a curve looks broken
    assert np.abs(begin).max() < 1.1


def test_variety_is_that_of_handwriting():
    train, test = digits(4000, seed=1), digits(1000, seed=2)
    assert 0.7 < classifier_accuracy(train, test) < 0.95


@pytest.mark.parametrize("arguments", [dict(n=-1), dict(n=1, seed=-1), dict(n=1, size=7)])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="digits: needs n >= 0"):
        digits(**arguments)


@pytest.mark.skipif("TINYGEN_DATA" not in os.environ, reason="TINYGEN_DATA is not set")
def test_against_mnist():
    images, labels = mnist("test")
    drawn = digits(8000, seed=1)
    assert np.abs(pca_shares(drawn[0]) - pca_shares(images)).max() < 0.05
    assert classifier_accuracy(drawn, (images, labels)) > 0.6  # chance is 0.1; a network reaches 0.9
