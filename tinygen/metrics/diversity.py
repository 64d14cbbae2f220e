"""Three questions that a sample's beauty does not answer: is it always the same one, is it a copy, and is there all that there is?

    within_class_distance            how far apart are two samples of one class? Far less than two real ones: the generator has collapsed within its classes
    nearest_neighbours                          which training picture is most like a sample, how far off? Nearer than from unseen real pictures: it was learned by heart
    classification_accuracy_score    does who learned to read from samples alone read real digits?

Beside each stands the figure of real data: the first two of the test set, the third of the training set. The distances are Euclidean, of the pictures
themselves: they see little of what pictures show, but copies they do see.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import array_module, to_numpy
from .distances import _expanded
from .evaluators import train_digit_classifier

__all__ = ["classification_accuracy_score", "nearest_neighbours", "within_class_distance"]

Array = Any
BLOCK = 500  # rows whose distances to all others are held at a time


def within_class_distance(images: Array, labels: Array) -> float:
    """The mean of |a - b| over all pairs of different examples of one class, then over the classes.

    images : (n, ...), labels : (n,), integers. Each class that occurs has at least two examples.
    """
    labels = to_numpy(labels)
    classes, count = np.unique(labels, return_counts=True)
    if labels.shape != images.shape[:1] or not len(classes) or count.min() < 2:
        raise ValueError(f"within_class_distance: needs a label for each of {len(images)} images, and two images or more of each class; got labels "
                         f"{labels.shape}, the rarest {count.min() if len(count) else 0} times")  # fmt: skip
    means = []
    for k, n in zip(classes, count, strict=True):
        rows = _flat(images[array_module(images).asarray(np.flatnonzero(labels == k))])
        means.append(float(sum(d.sum() for d in _distances(rows, rows)) / (n * (n - 1))))
    return float(np.mean(means))


def nearest_neighbours(images: Array, among: Array) -> tuple[Array, Array]:
    """For each of the images (n, ...) the index in `among` (m, ...) of the one nearest to it, and their distance: (n,), (n,)."""
    if images.shape[1:] != among.shape[1:] or not len(images) or not len(among):
        raise ValueError(f"nearest_neighbours: needs two collections of pictures of one size, got {images.shape} and {among.shape}")
    xp = array_module(images, among)
    found = [(d.argmin(axis=1), d.min(axis=1)) for d in _distances(_flat(images), _flat(among))]
    index, distance = (xp.concatenate(parts) for parts in zip(*found, strict=True))
    return index, distance


def classification_accuracy_score(images: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, *, steps: int = 500,
                                  device: str = "cpu") -> float:  # fmt: skip
    """The share of `test` that a classifier trained on `images` alone reads right (Ravuri and Vinyals, 2019, of samples of a conditional generator).

    It is lost twice: by samples that are not of the class they were asked for, and by real pictures of which there are no samples. The first also
    shows where a classifier trained on real pictures reads the samples; the second does not, for what is easy to read, it reads.

    images, labels : what to learn from, as for `train_digit_classifier`, whose recipe is always the same. test, test_labels : real ones. steps, device : of it.
    """
    if len(test) != len(test_labels) or not len(test):
        raise ValueError(f"classification_accuracy_score: needs a label for each test picture, got {len(test)} pictures and {len(test_labels)} labels")
    classifier = train_digit_classifier(images, labels, steps=steps, device=device)
    return float((classifier.probabilities(test, device).argmax(axis=1) == test_labels).mean())


def _flat(images: Array) -> Array:
    return images.reshape(len(images), -1).astype(np.float64)


def _distances(a: Array, b: Array):
    """|a_i - b_j| as blocks of rows (500, m)."""
    middle = b.mean(axis=0)
    a, b = a - middle, b - middle
    for i in range(0, len(a), BLOCK):
        yield np.sqrt(_expanded(a[i : i + BLOCK], b))
