"""Distances among pictures: against loops, and what must come out for copies and for data. What can be learned from pictures with right labels and wrong ones."""

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import data
from tinygen.metrics import (
    classification_accuracy_score,
    nearest_neighbours,
    within_class_distance,
)

NUMPY_RNG = np.random.default_rng(0)


def test_within_a_class_against_a_loop():
    x, y = NUMPY_RNG.normal(size=(23, 1, 3, 2)), np.arange(23) % 4
    x[y == 1] += 1000  # classes apart count for nothing; far from the origin
    means = []
    for k in range(4):
        own = x[y == k]
        means.append(np.mean([np.linalg.norm(a - b) for i, a in enumerate(own) for j, b in enumerate(own) if i != j]))
    assert within_class_distance(x, y) == pytest.approx(np.mean(means), rel=1e-8)


def test_nearest_against_a_loop():
    x, among = NUMPY_RNG.normal(size=(1201, 5)), NUMPY_RNG.normal(size=(40, 5))  # more than two blocks
    index, distance = nearest_neighbours(x, among)
    looped = np.stack([np.linalg.norm(among - a, axis=1) for a in x])
    assert np.array_equal(index, looped.argmin(axis=1))
    np.testing.assert_allclose(distance, looped.min(axis=1), rtol=1e-8)


def test_collapse_and_copies_are_seen():
    train, labels = data.digits(600, seed=1)
    test, test_labels = data.digits(300, seed=2)
    real = within_class_distance(test, test_labels)
    assert abs(within_class_distance(train, labels) / real - 1) < 0.05
    one = np.stack([test[test_labels == k][0] for k in range(10)])
    collapsed = np.concatenate([one, one])
    assert within_class_distance(collapsed, np.arange(20) % 10) == 0
    held_out = nearest_neighbours(test, train)[1]
    index, copied = nearest_neighbours(train[:50], train)
    assert copied.max() < 1e-3 * held_out.mean() and np.array_equal(index, np.arange(50))
    assert held_out[:150].mean() == pytest.approx(held_out.mean(), rel=0.1)


def test_one_learns_to_read_from_what_is_there():
    train, labels = data.digits(2000, seed=1)
    test, test_labels = data.digits(500, seed=2)
    whole = classification_accuracy_score(train, labels, test, test_labels, steps=80)
    assert whole > 0.75
    half = labels < 5  # classes that were never seen are never read
    assert classification_accuracy_score(train[half], labels[half], test, test_labels, steps=80) < (test_labels < 5).mean() + 1e-9
    one = np.stack([train[labels == k][0] for k in range(10)])  # collapsed within its classes: all rightly labelled
    assert classification_accuracy_score(np.tile(one, (20, 1, 1, 1)), np.tile(np.arange(10), 20), test, test_labels, steps=80) < whole - 0.2
    assert classification_accuracy_score(train, (labels + 1) % 10, test, test_labels, steps=80) < 0.1


def test_on_an_array_type_that_refuses_silent_conversion():
    x, y, among = NUMPY_RNG.normal(size=(23, 1, 3, 2)), np.arange(23) % 4, NUMPY_RNG.normal(size=(9, 1, 3, 2))
    assert within_class_distance(StrictArray(x), StrictArray(y)) == pytest.approx(within_class_distance(x, y))
    for strict, plain in zip(nearest_neighbours(StrictArray(x), StrictArray(among)), nearest_neighbours(x, among), strict=True):
        assert isinstance(strict, StrictArray)
        np.testing.assert_allclose(strict.get(), plain)


def test_what_does_not_fit_is_refused():
    x = np.zeros((4, 1, 2, 2))
    with pytest.raises(ValueError, match="two images or more"):
        within_class_distance(x, np.array([0, 0, 0, 1]))
    with pytest.raises(ValueError, match="label for each of 4"):
        within_class_distance(x, np.zeros(3, int))
    with pytest.raises(ValueError, match="one size"):
        nearest_neighbours(x, np.zeros((4, 1, 3, 3)))
    with pytest.raises(ValueError, match="one size"):
        nearest_neighbours(x, x[:0])
    with pytest.raises(ValueError, match="label for each test picture"):
        classification_accuracy_score(x, np.zeros(4, int), x, np.zeros(3, int))
