"""The judge: always the same, and able to read."""

import numpy as np
import pytest

from tinygen import Generator, data
from tinygen.models.classifier import Classifier, train_classifier


def test_it_reads_digits_it_has_not_seen_and_is_the_same_every_time():
    images, labels = data.digits(3000, seed=1)
    unseen, truth = data.digits(500, seed=2)
    judge = train_classifier(images, labels, steps=120)
    p = judge.probabilities(unseen)
    assert p.shape == (500, 10) and p.dtype == np.float32
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert (p.argmax(1) == truth).mean() > 0.85  # guessing: 0.1
    np.testing.assert_allclose(judge.probabilities(unseen / np.float32(255)), p)  # bytes or floats
    again = train_classifier(images, labels, steps=120)
    assert all(np.array_equal(a.data, b.data) for a, b in zip(judge.parameters(), again.parameters(), strict=True))


def test_what_is_no_digit_is_refused():
    with pytest.raises(ValueError, match="needs images"):
        train_classifier(np.zeros((200, 1, 32, 32), np.uint8), np.zeros(200, int))
    with pytest.raises(ValueError, match="needs images"):
        train_classifier(np.zeros((200, 1, 28, 28), np.uint8), np.zeros(100, int))
    with pytest.raises(ValueError):
        Classifier(generator=Generator(0)).probabilities(np.zeros((2, 1, 20, 20), np.float32))
    assert Classifier(generator=Generator(0)).probabilities(np.zeros((0, 1, 28, 28), np.uint8)).shape == (0, 10)
