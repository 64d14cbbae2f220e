"""Samples by a judge: what must come out for samples whose quality is known."""

import numpy as np
import pytest

from tinygen import data, default_rng
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import AttributeClassifier, train_digit_classifier

N = 300


@pytest.fixture(scope="module")
def scene():
    """A judge, 2 N test digits, and N others."""
    evaluator = train_digit_classifier(*data.digits(3000, seed=1), steps=120)
    return evaluator, data.digits(2 * N, seed=2)[0], data.digits(N, seed=3)[0]


def noisy(images, sigma):
    eps = np.random.default_rng(0).normal(size=images.shape)
    return np.clip(images / 255 + sigma * eps, 0, 1).astype(np.float32)


def test_real_digits_reach_the_floor(scene):
    evaluator, real, others = scene
    figures, table = evaluate_samples(evaluator, real, others)
    assert 0 < figures["evaluator_frechet_floor"] < 1.5 and figures["evaluator_frechet"] < 2 * figures["evaluator_frechet_floor"]
    for name in ("precision", "recall", "density", "coverage", "confidence", "class_entropy"):
        assert abs(figures[f"evaluator_{name}"] - figures[f"evaluator_{name}_floor"]) < 0.1, name
    assert figures["evaluator_num_classes"] == figures["evaluator_num_classes_floor"] == 10 and figures["evaluator_class_entropy"] > 2.2
    assert f"{figures['evaluator_coverage']:.4g}" in table and f"{figures['evaluator_coverage_floor']:.4g}" in table and "64 features" in table
    assert {type(value) for value in figures.values()} == {float, int}  # JSON takes these


def test_the_same_pictures_are_at_no_distance(scene):
    evaluator, real, _ = scene
    figures, _ = evaluate_samples(evaluator, real, real[::2])
    assert abs(figures["evaluator_frechet"]) < 1e-4 and figures["evaluator_precision"] == figures["evaluator_recall"] == figures["evaluator_coverage"] == 1


def test_the_more_noise_the_further(scene):
    evaluator, real, others = scene
    found = [evaluate_samples(evaluator, real, noisy(others, sigma))[0] for sigma in (0, 0.15, 0.3, 0.6)]
    for name in ("frechet", "kernel"):
        distances = [f[f"evaluator_{name}"] for f in found]
        assert distances == sorted(distances) and distances[1] > 2 * abs(found[0][f"evaluator_{name}_floor"]), (name, distances)
    assert found[-1]["evaluator_precision"] < 0.5 < found[0]["evaluator_precision"]
    assert len({f["evaluator_frechet_floor"] for f in found}) == 1  # the floor knows nothing of the samples


def test_one_class_alone(scene):
    evaluator, real, others = scene
    second = real[1::2]
    sevens = second[evaluator.predict_proba(second).argmax(axis=1) == 7]  # so the judge calls them
    figures, _ = evaluate_samples(evaluator, real, np.resize(sevens, others.shape))
    assert figures["evaluator_largest_class"] == 1 and figures["evaluator_num_classes"] == 1 and figures["evaluator_class_entropy"] == 0
    assert figures["evaluator_precision"] > 0.7 and figures["evaluator_recall"] < 0.35 and figures["evaluator_coverage"] < 0.35
    assert figures["evaluator_frechet"] > 10 * figures["evaluator_frechet_floor"]


def test_a_class_counts_from_a_quarter_of_its_share(scene):
    evaluator, real, others = scene
    expected = (evaluator.predict_proba(real[::2]).argmax(axis=1) == 7).sum()
    called = evaluator.predict_proba(others).argmax(axis=1)
    for part, classes in ((1 / 5, 1), (1 / 3, 2)):
        sevens = others[called == 7][: round(part * expected)]
        fakes = np.concatenate([sevens, np.resize(others[called == 0], (N - len(sevens), *others.shape[1:]))])
        assert evaluate_samples(evaluator, real, fakes)[0]["evaluator_num_classes"] == classes


def test_pictures_of_another_size(scene):
    """What stands in a rim of 32 pixels around 28 is not seen; 24 pixels get a black rim."""
    evaluator, real, others = scene
    wide = np.pad(others, [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=200)
    assert evaluate_samples(evaluator, real, wide) == evaluate_samples(evaluator, real, others)
    narrow = others[..., 2:-2, 2:-2]
    assert evaluate_samples(evaluator, real, narrow) == evaluate_samples(evaluator, real, np.pad(narrow, [(0, 0), (0, 0), (2, 2), (2, 2)]))
    with pytest.raises(ValueError, match="framed"):
        evaluate_samples(evaluator, real, others[..., 1:])


def test_a_judge_of_faces_has_no_classes():
    evaluator = AttributeClassifier(3, rng=default_rng(0))
    faces = np.random.default_rng(0).random((36, 3, 32, 32)).astype(np.float32)
    figures, _ = evaluate_samples(evaluator, faces[:24], faces[24:])
    assert "evaluator_frechet" in figures and "evaluator_num_classes" not in figures


def test_what_cannot_be_judged(scene):
    evaluator, real, others = scene
    with pytest.raises(ValueError, match="twice as many"):
        evaluate_samples(evaluator, real[:N], others)
    with pytest.raises(ValueError, match="framed"):
        evaluate_samples(evaluator, real, np.repeat(others, 3, axis=1))
    with pytest.raises(ValueError, match="no difference"):
        evaluate_samples(evaluator, np.zeros_like(real), others)
    with pytest.raises(TypeError, match="int64"):
        evaluate_samples(evaluator, real, others.astype(int))
    with pytest.raises(ValueError, match="NaN"):
        evaluate_samples(evaluator, real, np.full(others.shape, np.nan, np.float32))
