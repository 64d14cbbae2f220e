"""Metrics of the quality of samples, reconstructions and anomaly scores.

The files:

    samples.py      evaluate_samples: a generator's images against real ones, by all measures below,
                    each with its floor
    evaluators/     the small classifiers whose features and predictions it uses
    distances.py    distances between two sets of features: Frechet, kernel; on a line Wasserstein
    precision.py    precision and recall, density and coverage; which samples are like data
    diversity.py    how far samples are from one another, and from the training images; what a
                    classifier learns from them
    modes.py        samples against the known modes of a mixture
    errors.py       the root mean squared error of reconstructions
    motion.py       motion between the frames of clips, by block matching
    roc.py          the ROC curve of a detector of anomalies, and the area under it
    pairwise.py     distances between all pairs of vectors
    features.py     checks of features
"""

from .distances import frechet_distance, kernel_distance, wasserstein_1d
from .diversity import classification_accuracy_score, nearest_neighbours, within_class_distance
from .errors import rmse
from .modes import ModeCounts, count_modes
from .motion import block_motion
from .precision import density_coverage, in_manifold, precision_recall
from .roc import auroc, roc_curve
from .samples import evaluate_samples

__all__ = [
    "ModeCounts",
    "auroc",
    "block_motion",
    "classification_accuracy_score",
    "count_modes",
    "density_coverage",
    "evaluate_samples",
    "frechet_distance",
    "in_manifold",
    "kernel_distance",
    "nearest_neighbours",
    "precision_recall",
    "rmse",
    "roc_curve",
    "wasserstein_1d",
    "within_class_distance",
]
