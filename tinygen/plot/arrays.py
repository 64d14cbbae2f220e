"""What is to be drawn, as arrays: checked, put side by side, pushed apart, seen from where it shows most. NumPy alone; `plot` and its neighbours draw it."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.tensor import Tensor
from ..backend import to_numpy

__all__ = ["linear_discriminants"]


def as_numpy(a) -> np.ndarray:
    return to_numpy(a.data if isinstance(a, Tensor) else a)


def as_images(name: str, images) -> np.ndarray:
    """(n, height, width, 3) floats from 0 to 1."""
    a = as_numpy(images)
    a = a[:, None] if a.ndim == 3 else a
    if a.ndim != 4 or a.shape[1] not in (1, 3) or 0 in a.shape:
        raise ValueError(f"{name}: got shape {a.shape}; needs images (n, 1 or 3, height, width) or (n, height, width), at least one")
    if a.dtype == np.uint8:
        a = a / np.float32(255)
    if a.dtype.kind not in "fb":
        raise TypeError(f"{name}: images are {a.dtype}; give uint8, or floats from 0 to 1")
    check_finite(name, a)
    if a.min() < -1e-3 or a.max() > 1 + 1e-3:
        raise ValueError(f"{name}: images go from {a.min():.3g} to {a.max():.3g}, expected 0 to 1: clip them, or for tanh's range show (x + 1) / 2")
    return np.broadcast_to(np.clip(a, 0, 1).transpose(0, 2, 3, 1), (len(a), *a.shape[2:], 3))


def check_finite(name: str, a: np.ndarray) -> None:
    bad = a.size - np.count_nonzero(np.isfinite(a))
    if bad:
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(a))[0])
        raise ValueError(f"{name}: {bad} of {a.size} values are NaN or infinite, the first at {where}; did training diverge? (detect_nan names the op)")


def make_grid(images: np.ndarray, columns: int, gap: int) -> np.ndarray:
    """One picture of them all on white, a gap between neighbours and none at the rim."""
    n, h, w, _ = images.shape
    if columns < 1 or gap < 0:
        raise ValueError(f"needs at least 1 column and a gap of at least 0, got {columns} and {gap}")
    rows, columns = math.ceil(n / columns), min(columns, n)
    mosaic = np.ones((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), np.float32)
    for i, image in enumerate(images):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        mosaic[top : top + h, left : left + w] = image
    return mosaic


def separate_boxes(centres: np.ndarray, sizes: np.ndarray, low, high) -> np.ndarray:
    """Centres (n, 2) of boxes of these sizes, pushed apart where they overlap, each pair along the axis where less is needed, and kept from low to high."""
    centres = np.array(centres, np.float64)
    for _ in range(200):
        still = True
        for j in range(len(centres)):
            for i in range(j):
                between = centres[j] - centres[i]
                overlap = (sizes[i] + sizes[j]) / 2 - abs(between)
                if (overlap > 0).all():
                    axis, still = overlap.argmin(), False
                    push = (overlap[axis] / 2 + 0.5) * (1 if between[axis] >= 0 else -1)
                    centres[i, axis] -= push
                    centres[j, axis] += push
        centres = np.clip(centres, low + sizes / 2, np.maximum(high - sizes / 2, low + sizes / 2))
        if still:
            break
    return centres


def linear_discriminants(codes, labels) -> np.ndarray:
    """(n, 2): codes (n, d) of more dimensions than a page has, seen along the two directions in which the classes lie furthest apart (Fisher 1936).

    First all codes are stretched so that within a class they spread alike in every direction: with their scatter about their class's mean S = L L^T,
    z -> L^-1 z has scatter I. There the two directions are those in which the class means vary most: their principal components. The labels choose
    this view, not the codes.
    """
    codes, labels = as_numpy(codes), as_numpy(labels)
    if codes.ndim != 2 or codes.shape[1] < 2 or labels.shape != codes.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"linear_discriminants: needs codes (n, 2 or more) and integer labels (n,), got {codes.shape} and {labels.dtype} {labels.shape}")
    check_finite("linear_discriminants", codes)
    classes, which = np.unique(labels, return_inverse=True)
    if len(classes) < 3 or len(codes) <= codes.shape[1] + len(classes):
        raise ValueError(f"linear_discriminants: {len(classes)} classes and {len(codes)} codes of {codes.shape[1]} dimensions; it takes 3 classes, and more "
                         "codes than dimensions and classes together")  # fmt: skip
    means = np.stack([codes[which == k].mean(axis=0) for k in range(len(classes))])
    stretch = np.linalg.inv(np.linalg.cholesky(np.cov((codes - means[which]).T)))
    _, _, directions = np.linalg.svd((means - means.mean(axis=0)) @ stretch.T)
    return codes @ stretch.T @ directions[:2].T
