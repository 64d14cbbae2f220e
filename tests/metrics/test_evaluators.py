"""The evaluation networks: they learn, always the same, and refuse what they cannot learn from."""

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

FACES = np.zeros((200, 3, 32, 32), np.uint8)  # images that show nothing


# ---------------------------------------------------------------------------------- digits


def test_the_digit_classifier_learns_and_is_the_same_every_time():
    images, labels = data.digits(3000, seed=1)
    test_images, test_labels = data.digits(500, seed=2)
    evaluator = train_digit_classifier(images, labels, steps=120)
    p = evaluator.predict_proba(test_images)
    assert p.shape == (500, 10) and p.dtype == np.float32
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert (p.argmax(1) == test_labels).mean() > 0.85  # guessing: 0.1
    np.testing.assert_allclose(evaluator.predict_proba(test_images / np.float32(255)), p)
    again = train_digit_classifier(images, labels, steps=120)
    for a, b in zip(evaluator.parameters(), again.parameters(), strict=True):
        assert np.array_equal(a.data, b.data)


@pytest.mark.parametrize(
    "images, labels",
    [
        (np.zeros((200, 1, 32, 32), np.uint8), np.zeros(200, int)),
        (np.zeros((200, 1, 28, 28), np.uint8), np.zeros(100, int)),
    ],
)
def test_training_on_other_images_than_digits_raises(images, labels):
    with pytest.raises(ValueError, match="needs images"):
        train_digit_classifier(images, labels)


def test_the_digit_classifier_takes_no_images_of_another_size_or_type():
    evaluator = DigitClassifier(rng=default_rng(0))
    with pytest.raises(ValueError):
        evaluator.predict_proba(np.zeros((2, 1, 20, 20), np.float32))
    with pytest.raises(TypeError, match="not int64"):
        evaluator.predict_proba(np.zeros((2, 1, 28, 28), np.int64))


def test_an_empty_array_has_no_predictions():
    evaluator = DigitClassifier(rng=default_rng(0))
    assert evaluator.predict_proba(np.zeros((0, 1, 28, 28), np.uint8)).shape == (0, 10)


# ---------------------------------------------------------------------------------- faces


def test_the_attribute_classifier_learns():
    factors, test_factors = sample_factors(2500, seed=1), sample_factors(300, seed=2)
    for f in (factors, test_factors):
        f["yaw"] = f["tilt"] = 0  # upright faces are easier
    names = ("glasses", "hat")
    attributes, test_attributes = (
        np.stack([has_attribute(f, name) for name in names], axis=1)
        for f in (factors, test_factors)
    )
    images, test_images = render(factors), render(test_factors)
    evaluator = train_attribute_classifier(images, attributes, steps=300)
    predictions = evaluator.predict(test_images)
    assert predictions.shape == (300, 2) and predictions.dtype == bool
    accuracies = (predictions == test_attributes).mean(axis=0)
    assert (accuracies > 0.9).all(), accuracies  # of the constant "no": 0.65 and 0.75
    assert np.array_equal(evaluator.predict(test_images / np.float32(255)), predictions)
    assert evaluator.predict(test_images[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    "kaiming_init, std", [(False, (1 / 48 / 3) ** 0.5), (True, (2 / 48) ** 0.5)]
)
def test_kaiming_init_decides_the_size_of_the_first_weights(kaiming_init, std):
    factors = sample_factors(150, seed=1)
    hats = has_attribute(factors, "hat")[:, None]
    evaluator = train_attribute_classifier(
        render(factors), hats, steps=1, kaiming_init=kaiming_init
    )
    assert abs(evaluator.layers[0].weight.numpy().std() / std - 1) < 0.1


@pytest.mark.parametrize(
    "images, attributes, message",
    [
        (FACES[:, :1], np.zeros((200, 2), bool), "needs images"),
        (FACES, np.zeros(200, bool), "needs images"),
        (
            FACES,
            np.arange(400).reshape(200, 2) == np.array([4, -1]),
            "attribute 1 is the same in all 200",
        ),
        (FACES, np.where(np.arange(200)[:, None] % 2, 1, -1), "make attributes > 0"),
    ],
)
def test_attributes_that_cannot_be_learned_raise(images, attributes, message):
    with pytest.raises(ValueError, match=message):
        train_attribute_classifier(images, attributes)


def make_turned_faces(n, seed):
    """Return faces that differ in their turn to the left or right and in their skin."""
    factors = np.resize(sample_factors(1), n)
    rng = np.random.default_rng(seed)
    factors["yaw"], factors["skin"] = rng.uniform([[-1], [0]], 1, (2, n))
    values = np.stack([(factors["yaw"] + 1) / 2, factors["skin"]], axis=1)
    return render(factors), values


def test_the_state_regressor_learns_how_far_and_to_which_side_a_head_is_turned():
    images, values = make_turned_faces(1000, seed=0)
    test_images, test_values = make_turned_faces(200, seed=1)
    regressor = train_state_regressor(images, values, steps=150)
    predictions = regressor.predict(test_images)
    assert predictions.shape == (200, 2) and predictions.dtype == np.float32
    error = ((predictions - test_values) ** 2).mean(axis=0) / test_values.var(axis=0)
    assert (error < 0.3).all(), error  # of a constant: 1
    assert np.array_equal(regressor.predict(test_images / np.float32(255)), predictions)


def make_gazes(n, seed):
    """Return faces, all of one person, that differ only in where they look."""
    factors = np.resize(sample_factors(1), n)
    factors["glasses"] = factors["blink"] = factors["yaw"] = factors["tilt"] = 0
    factors["gaze_x"], factors["gaze_y"] = np.random.default_rng(seed).uniform(-1, 1, (2, n))
    values = np.stack([(factors["gaze_x"] + 1) / 2, (factors["gaze_y"] + 1) / 2], axis=1)
    return render(factors), values


def test_the_state_regressor_learns_a_gaze_with_most_of_its_units():
    images, values = make_gazes(1000, seed=0)
    test_images, test_values = make_gazes(200, seed=1)
    regressor = train_state_regressor(images, values, steps=200)
    predictions = regressor.predict(test_images)
    error = ((predictions - test_values) ** 2).mean(axis=0) / test_values.var(axis=0)
    assert (error < 0.1).all(), error  # of a constant: 1
    # 16 of 64 if the last layer begins with other weights than 0 and the colours are positive
    active = (regressor.extract_features(test_images) > 0).any(axis=0).sum()
    assert active > 24, active


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((9, 2)), "needs images"),
        (np.full((200, 2), 2.0), "values are from 0 to 1; .* scale them"),
    ],
)
def test_values_of_another_number_or_range_raise(values, message):
    with pytest.raises(ValueError, match=message):
        train_state_regressor(FACES, values)


# ---------------------------------------------------------------------------------- segmentation


def make_squares(n, seed):
    """Return images of bright squares on dark walls of any colour, and maps: 1 in the square."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((n, 16, 16), np.int64)
    for i, (a, b) in enumerate(rng.integers(0, 10, (n, 2))):
        maps[i, a : a + 6, b : b + 6] = 1
    walls = rng.integers(0, 90, (n, 3, 1, 1))
    images = walls + 130 * maps[:, None] + rng.integers(0, 30, (n, 3, 16, 16))
    return images.astype(np.uint8), maps


def test_the_segmentation_evaluator_learns():
    evaluator = train_segmentation_evaluator(*make_squares(200, seed=1), steps=80)
    images, maps = make_squares(50, seed=2)
    predictions = evaluator.predict(images)
    assert predictions.shape == maps.shape and predictions.dtype == np.int64
    accuracy, accuracy_of_zeros = (predictions == maps).mean(), (maps == 0).mean()
    assert accuracy > 0.95 > accuracy_of_zeros
    # 0.75 if the images, but not the maps, are mirrored in training
    assert (predictions == maps)[maps == 1].mean() > 0.85
    assert np.array_equal(evaluator.predict(images / np.float32(255)), predictions)
    features = evaluator.extract_features(images)
    assert features.shape == (16 * 50, 32) and features.dtype == np.float32
    features_of_3 = evaluator.extract_features(images[3:4])
    np.testing.assert_allclose(features_of_3, features[48:64], rtol=1e-4, atol=1e-4)


def test_the_segmentation_evaluator_is_the_same_every_time():
    squares = make_squares(20, seed=1)
    a, b = (train_segmentation_evaluator(*squares, steps=3).state_dict() for _ in range(2))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_wrong_segmentations_raise():
    images, maps = make_squares(20, seed=1)
    needs = "train_segmentation_evaluator: needs"
    for wrong_images, wrong_maps, message in (
        (images, maps[:, :8], needs),
        (images[:, :1], maps, needs),
        (images, maps.astype(float), needs),
        (images[..., :8], maps, needs),
        (images[:0], maps[:0], "got 0"),
        (images, maps - 1, "got 20, with a class -1"),
    ):
        with pytest.raises(ValueError, match=message):
            train_segmentation_evaluator(wrong_images, wrong_maps)
