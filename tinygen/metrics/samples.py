"""Judging a generator that has no density: its samples beside real pictures, as a small classifier of this package sees both.

Published figures (FID, KID) take as features the 2048 numbers of an Inception network trained on photographs. Here they are the 64 of a hidden layer of the
`evaluator` (models/classifier.py), trained in seconds on the very data: **no figure of this file can be compared with a published one**. What they are good for is
comparing two generators of the same data by the same judge. So all have a name that begins with "judge", and beside each stands its *floor*: the same
figure of real pictures against other real ones, as many. Copies of training pictures reach the floor and are not seen here: `diversity.nearest_neighbours` looks
for them. Precision, density, coverage and certainty can exceed theirs: samples crowded in the middle of the data do, and recall tells.

The classes say what distances cannot: whether a digit is missing. A generator that has collapsed shows it as one class with a large share.
"""

from __future__ import annotations

import numpy as np

from .distances import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from .evaluators import AttributeClassifier, DigitClassifier, SegmentationEvaluator

__all__ = ["evaluate_samples"]


def evaluate_samples(evaluator: DigitClassifier | AttributeClassifier | SegmentationEvaluator, real: np.ndarray, fake: np.ndarray, *, device: str = "cpu") -> tuple[dict[str, float], str]:
    """All figures with their floors, for metrics.json, and the same as a table to print.

    The real pictures are dealt into two halves, every other one: the samples are held against the first, and for the floor the second is. The figures:

        evaluator_frechet, evaluator_kernel       distances (distances.py): for the same distribution 0 in the mean the second, a little above it the first
        evaluator_precision, evaluator_recall     share of the samples that are like data; share of the data that is like samples
        evaluator_density, evaluator_coverage     the same two, less disturbed by outliers
        evaluator_confidence                   the largest of the ten probabilities, in the mean
        evaluator_num_classes                     how many of the ten classes have at least a quarter of their share in the real half, as in `count_modes`
        evaluator_largest_class               share of the most frequent class
        evaluator_class_entropy               of the classes' shares, in nats: log 10 = 2.303 where all are as frequent, 0 where there is one

    and for each name one with "_floor" behind it. The last four are a classifier's; a judge of attributes has none. Features are divided by one number,
    that their variance over the real half be 1 in the mean: figures do not depend on how long a judge was trained to raise its voice.

    Parameters
    ----------
    judge : trained on the training split.
    real : test pictures (2n, channels, height, width), bytes or floats from 0 to 1. fake : samples (n, ...): as many as each half has, since all
        distances depend on n. Pictures of another size than the judge's (a DCGAN's digits, 32 pixels) lose their rim, which is then not judged, or get a black one.
    device : where the judge lies.

    Raises ValueError for numbers of pictures that do not fit.
    """
    if len(real) != 2 * len(fake) or len(fake) < 6:
        raise ValueError(f"evaluate_samples: needs twice as many real pictures as samples, at least 12, for the floor; got {len(real)} and {len(fake)}")
    pictures = {"real": real[::2], "floor": real[1::2], "fake": fake}
    pictures = {name: _framed(images, evaluator.shape) for name, images in pictures.items()}
    features = {name: evaluator.extract_features(images, device).astype(np.float64) for name, images in pictures.items()}
    scale = np.sqrt(features["real"].var(axis=0).mean())
    if not scale > 1e-5 * np.abs(features["real"]).max():  # less is float32's rounding, which may differ with the place in a batch
        raise ValueError("evaluate_samples: the judge sees no difference between any two of the real pictures; was it trained, and on bytes or 0 to 1 as these?")
    features = {name: f / scale for name, f in features.items()}
    figures = {}
    for name, end in (("fake", ""), ("floor", "_floor")):
        x, y = features["real"], features[name]
        found = {"frechet": frechet_distance(x, y), "kernel": kernel_distance(x, y)}
        found["precision"], found["recall"] = precision_recall(x, y)
        found["density"], found["coverage"] = density_coverage(x, y)
        if isinstance(evaluator, DigitClassifier):
            p = evaluator.predict_proba(pictures[name], device)
            share, expected = (np.bincount(q.argmax(axis=1), minlength=p.shape[1]) / len(q) for q in (p, evaluator.predict_proba(pictures["real"], device)))
            found["confidence"] = float(p.max(axis=1).mean(dtype=np.float64))
            found["num_classes"] = int((share[expected > 0] >= expected[expected > 0] / 4).sum())
            found["largest_class"] = float(share.max())
            found["class_entropy"] = float(-(share[share > 0] * np.log(share[share > 0])).sum()) + 0.0  # without -0.0
        figures |= {f"evaluator_{key}{end}": value for key, value in found.items()}
    rows = [f"  {key.replace('_', ' '):14s} {figures[f'evaluator_{key}']:10.4g} {figures[f'evaluator_{key}_floor']:12.4g}" for key in found]
    return figures, "\n".join([f"By the judge's {x.shape[1]} features:", f"  {'':14s} {'samples':>10s} {'real (floor)':>12s}", *rows])


def _framed(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Images (n, c, h, w) to (n, *shape), the middle where it was: rims cut off, or black ones put on."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] != shape[0] or any((a - b) % 2 for a, b in zip(images.shape[2:], shape[1:], strict=True)):
        raise ValueError(f"evaluate_samples: pictures {images.shape} cannot be framed to (n, {', '.join(map(str, shape))}), with as much at either side")
    for axis in (2, 3):
        more = (shape[axis - 1] - images.shape[axis]) // 2  # at either side
        if more < 0:
            images = images.take(range(-more, images.shape[axis] + more), axis=axis)
        else:
            images = np.pad(images, [(more, more) if a == axis else (0, 0) for a in range(4)])
    return images
