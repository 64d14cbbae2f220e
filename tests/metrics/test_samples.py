"""Samples by a judge: what must come out for samples whose quality is known."""

import numpy as np
import pytest

from tinygen import data, default_rng
from tinygen.metrics import judge_samples
from tinygen.metrics.evaluators import AttributeJudge, train_classifier

N = 300


@pytest.fixture(scope="module")
def scene():
    """A judge, 2 N test digits, and N others."""
    judge = train_classifier(*data.digits(3000, seed=1), steps=120)
    return judge, data.digits(2 * N, seed=2)[0], data.digits(N, seed=3)[0]


def noisy(images, sigma):
    eps = np.random.default_rng(0).normal(size=images.shape)
    return np.clip(images / 255 + sigma * eps, 0, 1).astype(np.float32)


def test_real_digits_reach_the_floor(scene):
    judge, real, others = scene
    figures, table = judge_samples(judge, real, others)
    assert 0 < figures["judge_frechet_floor"] < 1.5 and figures["judge_frechet"] < 2 * figures["judge_frechet_floor"]
    for name in ("precision", "recall", "density", "coverage", "certainty", "class_entropy"):
        assert abs(figures[f"judge_{name}"] - figures[f"judge_{name}_floor"]) < 0.1, name
    assert figures["judge_classes"] == figures["judge_classes_floor"] == 10 and figures["judge_class_entropy"] > 2.2
    assert f"{figures['judge_coverage']:.4g}" in table and f"{figures['judge_coverage_floor']:.4g}" in table and "64 features" in table
    assert {type(value) for value in figures.values()} == {float, int}  # JSON takes these


def test_the_same_pictures_are_at_no_distance(scene):
    judge, real, _ = scene
    figures, _ = judge_samples(judge, real, real[::2])
    assert abs(figures["judge_frechet"]) < 1e-4 and figures["judge_precision"] == figures["judge_recall"] == figures["judge_coverage"] == 1


def test_the_more_noise_the_further(scene):
    judge, real, others = scene
    found = [judge_samples(judge, real, noisy(others, sigma))[0] for sigma in (0, 0.15, 0.3, 0.6)]
    for name in ("frechet", "kernel"):
        distances = [f[f"judge_{name}"] for f in found]
        assert distances == sorted(distances) and distances[1] > 2 * abs(found[0][f"judge_{name}_floor"]), (name, distances)
    assert found[-1]["judge_precision"] < 0.5 < found[0]["judge_precision"]
    assert len({f["judge_frechet_floor"] for f in found}) == 1  # the floor knows nothing of the samples


def test_one_class_alone(scene):
    judge, real, others = scene
    second = real[1::2]
    sevens = second[judge.probabilities(second).argmax(axis=1) == 7]  # so the judge calls them
    figures, _ = judge_samples(judge, real, np.resize(sevens, others.shape))
    assert figures["judge_largest_class"] == 1 and figures["judge_classes"] == 1 and figures["judge_class_entropy"] == 0
    assert figures["judge_precision"] > 0.7 and figures["judge_recall"] < 0.35 and figures["judge_coverage"] < 0.35
    assert figures["judge_frechet"] > 10 * figures["judge_frechet_floor"]


def test_a_class_counts_from_a_quarter_of_its_share(scene):
    judge, real, others = scene
    expected = (judge.probabilities(real[::2]).argmax(axis=1) == 7).sum()
    called = judge.probabilities(others).argmax(axis=1)
    for part, classes in ((1 / 5, 1), (1 / 3, 2)):
        sevens = others[called == 7][: round(part * expected)]
        fakes = np.concatenate([sevens, np.resize(others[called == 0], (N - len(sevens), *others.shape[1:]))])
        assert judge_samples(judge, real, fakes)[0]["judge_classes"] == classes


def test_pictures_of_another_size(scene):
    """What stands in a rim of 32 pixels around 28 is not seen; 24 pixels get a black rim."""
    judge, real, others = scene
    wide = np.pad(others, [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=200)
    assert judge_samples(judge, real, wide) == judge_samples(judge, real, others)
    narrow = others[..., 2:-2, 2:-2]
    assert judge_samples(judge, real, narrow) == judge_samples(judge, real, np.pad(narrow, [(0, 0), (0, 0), (2, 2), (2, 2)]))
    with pytest.raises(ValueError, match="framed"):
        judge_samples(judge, real, others[..., 1:])


def test_a_judge_of_faces_has_no_classes():
    judge = AttributeJudge(3, rng=default_rng(0))
    faces = np.random.default_rng(0).random((36, 3, 32, 32)).astype(np.float32)
    figures, _ = judge_samples(judge, faces[:24], faces[24:])
    assert "judge_frechet" in figures and "judge_classes" not in figures


def test_what_cannot_be_judged(scene):
    judge, real, others = scene
    with pytest.raises(ValueError, match="twice as many"):
        judge_samples(judge, real[:N], others)
    with pytest.raises(ValueError, match="framed"):
        judge_samples(judge, real, np.repeat(others, 3, axis=1))
    with pytest.raises(ValueError, match="no difference"):
        judge_samples(judge, np.zeros_like(real), others)
    with pytest.raises(TypeError, match="int64"):
        judge_samples(judge, real, others.astype(int))
    with pytest.raises(ValueError, match="NaN"):
        judge_samples(judge, real, np.full(others.shape, np.nan, np.float32))
