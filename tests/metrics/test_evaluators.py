"""The judge: always the same, and able to read."""

import numpy as np
import pytest

from tinygen import data, default_rng
from tinygen.data.faces import has_attribute, render, sample_factors
from tinygen.metrics.evaluators import (
    DigitClassifier,
    train_attribute_classifier,
    train_digit_classifier,
    train_segmentation_evaluator,
    train_state_regressor,
)


def test_it_reads_digits_it_has_not_seen_and_is_the_same_every_time():
    images, labels = data.digits(3000, seed=1)
    unseen, truth = data.digits(500, seed=2)
    evaluator = train_digit_classifier(images, labels, steps=120)
    p = evaluator.predict_proba(unseen)
    assert p.shape == (500, 10) and p.dtype == np.float32
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert (p.argmax(1) == truth).mean() > 0.85  # guessing: 0.1
    np.testing.assert_allclose(evaluator.predict_proba(unseen / np.float32(255)), p)  # bytes or floats
    again = train_digit_classifier(images, labels, steps=120)
    assert all(np.array_equal(a.data, b.data) for a, b in zip(evaluator.parameters(), again.parameters(), strict=True))


def test_what_is_no_digit_is_refused():
    with pytest.raises(ValueError, match="needs images"):
        train_digit_classifier(np.zeros((200, 1, 32, 32), np.uint8), np.zeros(200, int))
    with pytest.raises(ValueError, match="needs images"):
        train_digit_classifier(np.zeros((200, 1, 28, 28), np.uint8), np.zeros(100, int))
    with pytest.raises(ValueError):
        DigitClassifier(rng=default_rng(0)).predict_proba(np.zeros((2, 1, 20, 20), np.float32))
    assert DigitClassifier(rng=default_rng(0)).predict_proba(np.zeros((0, 1, 28, 28), np.uint8)).shape == (0, 10)


def test_the_judge_of_faces_reads_attributes():
    factors, truth = sample_factors(2500, seed=1), sample_factors(300, seed=2)
    for f in (factors, truth):
        f["yaw"] = f["tilt"] = 0  # upright: easier
    images, unseen = render(factors), render(truth)
    names = ("glasses", "hat")
    evaluator = train_attribute_classifier(images, np.stack([has_attribute(factors, a) for a in names], axis=1), steps=300)
    sees = evaluator.predict(unseen)
    assert sees.shape == (300, 2) and sees.dtype == bool
    right = (sees == np.stack([has_attribute(truth, a) for a in names], axis=1)).mean(axis=0)
    assert (right > 0.9).all(), right  # always saying no: 0.65 and 0.75
    assert np.array_equal(evaluator.predict(unseen / np.float32(255)), sees)
    assert evaluator.predict(unseen[:0]).shape == (0, 2)


@pytest.mark.parametrize("kaiming_init, deviation", [(False, (1 / 48 / 3) ** 0.5), (True, (2 / 48) ** 0.5)])
def test_where_attributes_are_rare_the_first_weights_keep_the_signal(kaiming_init, deviation):
    factors = sample_factors(150, seed=1)
    weights = train_attribute_classifier(render(factors), has_attribute(factors, "hat")[:, None], steps=1, kaiming_init=kaiming_init).layers[0].weight.numpy()
    assert abs(weights.std() / deviation - 1) < 0.1


def test_the_judge_of_faces_refuses_what_it_cannot_learn_from():
    images = np.zeros((200, 3, 32, 32), np.uint8)
    with pytest.raises(ValueError, match="needs images"):
        train_attribute_classifier(images[:, :1], np.zeros((200, 2), bool))
    with pytest.raises(ValueError, match="needs images"):
        train_attribute_classifier(images, np.zeros(200, bool))
    with pytest.raises(ValueError, match="attribute 1 is the same in all 200"):
        train_attribute_classifier(images, np.arange(400).reshape(200, 2) == np.array([4, -1]))


def test_the_reader_of_faces_reads_how_far_a_head_is_turned_and_to_which_side():
    factors, truth = (np.resize(sample_factors(1), n) for n in (1000, 200))
    for seed, f in enumerate((factors, truth)):
        f["yaw"], f["skin"] = np.random.default_rng(seed).uniform([[-1], [0]], 1, (2, len(f)))
    numbers = lambda f: np.stack([(f["yaw"] + 1) / 2, f["skin"]], axis=1)  # noqa: E731
    images, unseen = render(factors), render(truth)
    regressor = train_state_regressor(images, numbers(factors), steps=150)
    read = regressor.predict(unseen)
    assert read.shape == (200, 2) and read.dtype == np.float32
    error = ((read - numbers(truth)) ** 2).mean(axis=0) / numbers(truth).var(axis=0)
    assert (error < 0.3).all(), error  # a constant: 1
    assert np.array_equal(regressor.predict(unseen / np.float32(255)), read)
    for bad, message in ((numbers(factors)[:9], "needs images"), (2 * numbers(factors), "numbers are from 0 to 1; .* scale them")):
        with pytest.raises(ValueError, match=message):
            train_state_regressor(images, bad)


def test_judges_refuse_other_codings():
    images = np.zeros((200, 3, 32, 32), np.uint8)
    with pytest.raises(ValueError, match="make attributes > 0"):
        train_attribute_classifier(images, np.where(np.arange(200)[:, None] % 2, 1, -1))
    with pytest.raises(TypeError, match="not at int64"):
        DigitClassifier(rng=default_rng(0)).predict_proba(np.zeros((2, 1, 28, 28), np.int64))


def squares(n, seed):
    """Photographs of walls of any colour with bright squares on them, and maps: 1 where a square is."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((n, 16, 16), np.int64)
    for i, (a, b) in enumerate(rng.integers(0, 10, (n, 2))):
        maps[i, a : a + 6, b : b + 6] = 1
    images = rng.integers(0, 90, (n, 3, 1, 1)) + 130 * maps[:, None] + rng.integers(0, 30, (n, 3, 16, 16))
    return images.astype(np.uint8), maps


def test_the_judge_of_maps_reads_what_it_has_not_seen():
    evaluator = train_segmentation_evaluator(*squares(200, seed=1), steps=80)
    images, maps = squares(50, seed=2)
    read = evaluator.predict(images)
    assert read.shape == maps.shape and read.dtype == np.int64 and (read == maps).mean() > 0.95 > (maps == 0).mean()
    assert (read == maps)[maps == 1].mean() > 0.85  # mirrored pictures with maps that are not: 0.75
    assert np.array_equal(evaluator.predict(images / np.float32(255)), read)
    features = evaluator.extract_features(images)
    assert features.shape == (16 * 50, 32) and features.dtype == np.float32
    np.testing.assert_allclose(evaluator.extract_features(images[3:4]), features[48:64], rtol=1e-4, atol=1e-4)  # sixteen rows a picture, one after the other


def test_the_judge_of_maps_is_always_the_same():
    data = squares(20, seed=1)
    a, b = (train_segmentation_evaluator(*data, steps=3).state_dict() for _ in range(2))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_what_is_no_map_for_the_judge():
    images, maps = squares(20, seed=1)
    for wrong in ((images, maps[:, :8]), (images[:, :1], maps), (images, maps.astype(float)), (images[..., :8], maps)):
        with pytest.raises(ValueError, match="train_segmentation_evaluator: needs"):
            train_segmentation_evaluator(*wrong)
    for wrong, message in (((images[:0], maps[:0]), "got 0"), ((images, maps - 1), "got 20, with a class -1")):
        with pytest.raises(ValueError, match=message):
            train_segmentation_evaluator(*wrong)
