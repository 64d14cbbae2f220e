"""Judging models by what they draw.

    distances.py   samples against data, as clouds of features: Frechet and kernel distance, precision and recall, density and
                   coverage; on a line, Wasserstein's
    modes.py       samples against the known modes of a mixture
    samples.py     a generator's pictures beside real ones, by all of these on the features of a small classifier, each with its floor
    diversity.py   how far samples are from one another, and from the training pictures; what a classifier learns from them
    errors.py      reconstructions beside their originals: the root mean squared error
    roc.py         a detector's curve of hits against false alarms, and the area under it
"""

from .distances import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
    wasserstein_1d,
)
from .diversity import classification_accuracy_score, nearest_neighbours, within_class_distance
from .errors import rmse
from .modes import ModeCounts, count_modes
from .roc import auroc, roc_curve
from .samples import evaluate_samples

__all__ = [
    "ModeCounts", "auroc", "classification_accuracy_score", "count_modes", "density_coverage", "frechet_distance", "evaluate_samples", "kernel_distance",
    "nearest_neighbours", "precision_recall", "rmse", "roc_curve", "wasserstein_1d", "within_class_distance",
]  # fmt: skip
