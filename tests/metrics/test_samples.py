"""evaluate_samples, on samples whose quality is known."""

import numpy as np
import pytest

from tinygen import data, default_rng
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import AttributeClassifier, train_digit_classifier

N = 300


@pytest.fixture(scope="module")
def evaluator():
    return train_digit_classifier(*data.digits(3000, seed=1), steps=120)


@pytest.fixture(scope="module")
def real():
    return data.digits(2 * N, seed=2)[0]


@pytest.fixture(scope="module")
def others():
    """Other real digits."""
    return data.digits(N, seed=3)[0]


def add_noise(images, sigma):
    eps = np.random.default_rng(0).normal(size=images.shape)
    return np.clip(images / 255 + sigma * eps, 0, 1).astype(np.float32)


def pad(images, value=0):
    return np.pad(images, [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=value)


def test_real_digits_reach_the_floor(evaluator, real, others):
    figures, table = evaluate_samples(evaluator, real, others)
    floor = figures["evaluator_frechet_floor"]
    assert 0 < floor < 1.5 and figures["evaluator_frechet"] < 2 * floor
    for name in ("precision", "recall", "density", "coverage", "confidence", "class_entropy"):
        difference = figures[f"evaluator_{name}"] - figures[f"evaluator_{name}_floor"]
        assert abs(difference) < 0.1, name
    assert figures["evaluator_num_classes"] == figures["evaluator_num_classes_floor"] == 10
    assert figures["evaluator_class_entropy"] > 2.2
    assert {type(value) for value in figures.values()} == {float, int}  # JSON takes these
    for key in ("evaluator_coverage", "evaluator_coverage_floor"):
        assert f"{figures[key]:.4g}" in table
    assert "64 features" in table


def test_the_distance_of_the_same_images_is_zero(evaluator, real):
    figures, _ = evaluate_samples(evaluator, real, real[::2])
    assert abs(figures["evaluator_frechet"]) < 1e-4
    for name in ("precision", "recall", "coverage"):
        assert figures[f"evaluator_{name}"] == 1


def test_distances_grow_with_noise(evaluator, real, others):
    results = [
        evaluate_samples(evaluator, real, add_noise(others, sigma))[0]
        for sigma in (0, 0.15, 0.3, 0.6)
    ]
    for name in ("frechet", "kernel"):
        distances = [figures[f"evaluator_{name}"] for figures in results]
        floor = abs(results[0][f"evaluator_{name}_floor"])
        assert distances == sorted(distances) and distances[1] > 2 * floor, (name, distances)
    assert results[-1]["evaluator_precision"] < 0.5 < results[0]["evaluator_precision"]
    floors = {figures["evaluator_frechet_floor"] for figures in results}
    assert len(floors) == 1  # the floor does not depend on the samples


def test_a_single_class_is_detected(evaluator, real, others):
    second = real[1::2]
    sevens = second[evaluator.predict_proba(second).argmax(axis=1) == 7]
    figures, _ = evaluate_samples(evaluator, real, np.resize(sevens, others.shape))
    assert figures["evaluator_largest_class"] == 1
    assert figures["evaluator_num_classes"] == 1
    assert figures["evaluator_class_entropy"] == 0
    assert figures["evaluator_precision"] > 0.7
    assert figures["evaluator_recall"] < 0.35 and figures["evaluator_coverage"] < 0.35
    assert figures["evaluator_frechet"] > 10 * figures["evaluator_frechet_floor"]


@pytest.mark.parametrize("fraction, num_classes", [(1 / 5, 1), (1 / 3, 2)])
def test_a_class_counts_from_a_quarter_of_its_fraction(
    evaluator, real, others, fraction, num_classes
):
    num_sevens = (evaluator.predict_proba(real[::2]).argmax(axis=1) == 7).sum()
    predictions = evaluator.predict_proba(others).argmax(axis=1)
    sevens = others[predictions == 7][: round(fraction * num_sevens)]
    zeros = np.resize(others[predictions == 0], (N - len(sevens), *others.shape[1:]))
    figures, _ = evaluate_samples(evaluator, real, np.concatenate([sevens, zeros]))
    assert figures["evaluator_num_classes"] == num_classes


def test_larger_images_are_cropped_and_smaller_ones_padded(evaluator, real, others):
    expected = evaluate_samples(evaluator, real, others)
    assert evaluate_samples(evaluator, real, pad(others, value=200)) == expected
    narrow = others[..., 2:-2, 2:-2]
    expected = evaluate_samples(evaluator, real, pad(narrow))
    assert evaluate_samples(evaluator, real, narrow) == expected
    with pytest.raises(ValueError, match="cropped or padded"):
        evaluate_samples(evaluator, real, others[..., 1:])


def test_an_evaluator_of_faces_has_no_figures_of_classes():
    evaluator = AttributeClassifier(3, rng=default_rng(0))
    faces = np.random.default_rng(0).random((36, 3, 32, 32)).astype(np.float32)
    figures, _ = evaluate_samples(evaluator, faces[:24], faces[24:])
    assert "evaluator_frechet" in figures and "evaluator_num_classes" not in figures


def test_wrong_images_raise(evaluator, real, others):
    with pytest.raises(ValueError, match="twice as many"):
        evaluate_samples(evaluator, real[:N], others)
    with pytest.raises(ValueError, match="cropped or padded"):
        evaluate_samples(evaluator, real, np.repeat(others, 3, axis=1))
    with pytest.raises(ValueError, match="no difference"):
        evaluate_samples(evaluator, np.zeros_like(real), others)
    with pytest.raises(TypeError, match="int64"):
        evaluate_samples(evaluator, real, others.astype(int))
    with pytest.raises(ValueError, match="NaN"):
        evaluate_samples(evaluator, real, np.full(others.shape, np.nan, np.float32))
