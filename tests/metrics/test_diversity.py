"""Diversity of samples: distances against loops, collapse, copies and a classifier's score."""

import numpy as np
import pytest

from tinygen import data
from tinygen.metrics import (
    classification_accuracy_score,
    nearest_neighbours,
    within_class_distance,
)


def test_within_class_distance_agrees_with_a_loop():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(23, 1, 3, 2)), np.arange(23) % 4
    x[labels == 1] += 1000  # distances between classes do not count; and far from the origin
    means = []
    for k in range(4):
        images = x[labels == k]
        pairs = [(a, b) for i, a in enumerate(images) for j, b in enumerate(images) if i != j]
        means.append(np.mean([np.linalg.norm(a - b) for a, b in pairs]))
    assert within_class_distance(x, labels) == pytest.approx(np.mean(means), rel=1e-8)


def test_nearest_neighbours_agree_with_a_loop():
    rng = np.random.default_rng(0)
    x, candidates = rng.normal(size=(1201, 5)), rng.normal(size=(40, 5))  # more than two blocks
    indices, distances = nearest_neighbours(x, candidates)
    expected = np.stack([np.linalg.norm(candidates - a, axis=1) for a in x])
    assert np.array_equal(indices, expected.argmin(axis=1))
    np.testing.assert_allclose(distances, expected.min(axis=1), rtol=1e-8)


def test_collapse_within_a_class_is_detected():
    train, labels = data.digits(600, seed=1)
    test, test_labels = data.digits(300, seed=2)
    real = within_class_distance(test, test_labels)
    assert abs(within_class_distance(train, labels) / real - 1) < 0.05
    one_of_each = np.stack([test[test_labels == k][0] for k in range(10)])
    collapsed = np.concatenate([one_of_each, one_of_each])
    assert within_class_distance(collapsed, np.arange(20) % 10) == 0


def test_copies_of_training_images_are_detected():
    train, test = data.digits(600, seed=1)[0], data.digits(300, seed=2)[0]
    _, test_distances = nearest_neighbours(test, train)
    indices, copy_distances = nearest_neighbours(train[:50], train)
    assert copy_distances.max() < 1e-3 * test_distances.mean()
    assert np.array_equal(indices, np.arange(50))
    assert test_distances[:150].mean() == pytest.approx(test_distances.mean(), rel=0.1)


def test_classification_accuracy_score_falls_with_missing_and_wrong_samples():
    train, labels = data.digits(2000, seed=1)
    test, test_labels = data.digits(500, seed=2)

    def score(images, labels):
        return classification_accuracy_score(images, labels, test, test_labels, steps=80)

    full = score(train, labels)
    assert full > 0.75
    half = labels < 5  # a class without samples is never predicted
    assert score(train[half], labels[half]) < (test_labels < 5).mean() + 1e-9
    # collapsed within its classes, but with the right labels
    one_of_each = np.stack([train[labels == k][0] for k in range(10)])
    collapsed = np.tile(one_of_each, (20, 1, 1, 1))
    assert score(collapsed, np.tile(np.arange(10), 20)) < full - 0.2
    wrong = (labels + 1) % 10
    assert score(train, wrong) < 0.1


def test_device_arrays_give_the_values_of_numpy(cupy):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(23, 1, 3, 2)), np.arange(23) % 4
    candidates = rng.normal(size=(9, 1, 3, 2))
    on_device = within_class_distance(cupy.asarray(x), cupy.asarray(labels))
    assert on_device == pytest.approx(within_class_distance(x, labels))
    on_device = nearest_neighbours(cupy.asarray(x), cupy.asarray(candidates))
    for array, expected in zip(on_device, nearest_neighbours(x, candidates), strict=True):
        assert isinstance(array, cupy.ndarray)
        np.testing.assert_allclose(array.get(), expected)


def test_wrong_arguments_raise():
    x = np.zeros((4, 1, 2, 2))
    with pytest.raises(ValueError, match="two images or more"):
        within_class_distance(x, np.array([0, 0, 0, 1]))
    with pytest.raises(ValueError, match="label for each of 4"):
        within_class_distance(x, np.zeros(3, int))
    with pytest.raises(ValueError, match="one size"):
        nearest_neighbours(x, np.zeros((4, 1, 3, 3)))
    with pytest.raises(ValueError, match="one size"):
        nearest_neighbours(x, x[:0])
    with pytest.raises(ValueError, match="label for each test image"):
        classification_accuracy_score(x, np.zeros(4, int), x, np.zeros(3, int))
