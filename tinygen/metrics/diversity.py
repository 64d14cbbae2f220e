"""Three questions that the quality of a single sample does not answer.

    within_class_distance            How far apart are two samples of one class? If far less than
                                     two real examples, the generator has collapsed within
                                     its classes.
    nearest_neighbours               Which training image is most like a sample, and how far is it?
                                     If nearer than to unseen real images, the sample is a copy.
    classification_accuracy_score    How well does a classifier, trained on samples alone,
                                     classify real images?

Read each figure together with that of real data: of the test set for the first two, of the training
set for the third. The distances are Euclidean distances between images. They hardly measure what an
image shows, but they do detect copies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import to_numpy
from .evaluators import train_digit_classifier
from .pairwise import distance_blocks

__all__ = ["classification_accuracy_score", "nearest_neighbours", "within_class_distance"]

Array = Any


def within_class_distance(images: Array, labels: Array) -> float:
    """Return the mean distance |a - b| of different examples of one class, averaged over classes.

    Parameters
    ----------
    images : (n, ...).
    labels : integers (n,). Each class that occurs has at least two examples.
    """
    labels = to_numpy(labels)
    classes, counts = np.unique(labels, return_counts=True)
    if labels.shape != images.shape[:1] or not len(classes) or counts.min() < 2:
        smallest = counts.min() if len(counts) else 0
        raise ValueError(
            f"within_class_distance: needs a label for each of {len(images)} images, and two "
            f"images or more of each class; got labels {labels.shape}, the rarest {smallest} times"
        )
    means = []
    for k, n in zip(classes, counts, strict=True):
        rows = _as_rows(images[np.flatnonzero(labels == k)])
        total = sum(block.sum() for block in distance_blocks(rows, rows))
        means.append(float(total / (n * (n - 1))))
    return float(np.mean(means))


def nearest_neighbours(images: Array, candidates: Array) -> tuple[Array, Array]:
    """Find the candidate nearest to each image.

    Parameters
    ----------
    images : (n, ...).
    candidates : (m, ...), of the same size.

    Returns
    -------
    indices : (n,), of the nearest candidates.
    distances : (n,), to them.
    """
    if images.shape[1:] != candidates.shape[1:] or not len(images) or not len(candidates):
        raise ValueError(
            "nearest_neighbours: needs two collections of images of one size, got "
            f"{images.shape} and {candidates.shape}"
        )
    indices, distances = [], []
    for block in distance_blocks(_as_rows(images), _as_rows(candidates)):  # (500, m)
        indices.append(block.argmin(axis=1))
        distances.append(block.min(axis=1))
    return np.concatenate(indices), np.concatenate(distances)


def classification_accuracy_score(
    images: np.ndarray,
    labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    *,
    steps: int = 500,
    device: str = "cpu",
) -> float:
    """Return the accuracy on real images of a classifier trained on samples alone.

    The score falls for two reasons: samples that are not of the requested class, and real images
    of a kind that is missing among the samples. A classifier trained on *real* images detects the
    first one, when it classifies the samples. It does not detect the second one, because the
    samples that do exist may all be easy to classify.

    **Source** Ravuri and Vinyals, Classification Accuracy Score for Conditional Generative Models,
    2019.

    Parameters
    ----------
    images, labels : the samples and their requested classes, as for `train_digit_classifier`. The
        training recipe is always the same.
    test_images, test_labels : real images and their classes.
    steps, device : of the training.
    """
    if len(test_images) != len(test_labels) or not len(test_images):
        raise ValueError(
            "classification_accuracy_score: needs a label for each test image, got "
            f"{len(test_images)} images and {len(test_labels)} labels"
        )
    classifier = train_digit_classifier(images, labels, steps=steps, device=device)
    predictions = classifier.predict_proba(test_images, device).argmax(axis=1)
    return float((predictions == test_labels).mean())


def _as_rows(images: Array) -> Array:
    """(n, ...) to (n, d), in float64."""
    return images.reshape(len(images), -1).astype(np.float64)
