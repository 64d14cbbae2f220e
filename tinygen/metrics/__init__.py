"""Judging models, on NumPy arrays.

    roc.py    a detector's curve of hits against false alarms, and the area under it
"""

from .roc import auroc, roc_curve

__all__ = ["auroc", "roc_curve"]
