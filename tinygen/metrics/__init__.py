"""Judging models by what they draw.

    distances.py   samples against data, as clouds of features: Frechet and kernel distance, precision and recall, density and coverage
    modes.py       samples against the known modes of a mixture
    roc.py         a detector's curve of hits against false alarms, and the area under it
"""

from .distances import density_coverage, frechet_distance, kernel_distance, precision_recall
from .modes import Modes, count_modes
from .roc import auroc, roc_curve

__all__ = ["Modes", "auroc", "count_modes", "density_coverage", "frechet_distance", "kernel_distance", "precision_recall", "roc_curve"]
