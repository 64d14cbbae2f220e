"""Arrays to be drawn: checked, converted, tiled and projected. NumPy only, no matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..autograd.tensor import Tensor
from ..backend import to_numpy

__all__ = [
    "as_images",
    "as_numpy",
    "as_square",
    "blend_colours",
    "check_finite",
    "linear_discriminants",
    "make_grid",
    "separate_boxes",
]


def as_numpy(array) -> np.ndarray:
    """Return a Tensor, or an array of any device, as a NumPy array."""
    return to_numpy(array.data if isinstance(array, Tensor) else array)


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise ValueError if the array contains NaN or infinity; `name` opens the message."""
    num_bad = array.size - np.count_nonzero(np.isfinite(array))
    if num_bad:
        first = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{name}: {num_bad} of {array.size} values are NaN or infinite, the first at {first}; "
            "did training diverge? (detect_nan names the op)"
        )


def as_images(name: str, images) -> np.ndarray:
    """Convert images to floats from 0 to 1 with three channels, last.

    Parameters
    ----------
    name : str
        Opens the message of an error.
    images : array or Tensor (n, channels, height, width) or (n, height, width)
        1 or 3 channels; uint8, or floats from 0 to 1.

    Returns
    -------
    array (n, height, width, 3)

    Raises
    ------
    ValueError, TypeError
        For another shape, type or range, or for NaN and infinity.
    """
    a = as_numpy(images)
    a = a[:, None] if a.ndim == 3 else a
    if a.ndim != 4 or a.shape[1] not in (1, 3) or 0 in a.shape:
        raise ValueError(
            f"{name}: got shape {a.shape}; needs images (n, 1 or 3, height, width) or "
            "(n, height, width), at least one"
        )
    if a.dtype == np.uint8:
        a = a / np.float32(255)
    if a.dtype.kind not in "fb":
        raise TypeError(f"{name}: images are {a.dtype}; give uint8, or floats from 0 to 1")
    check_finite(name, a)
    if a.min() < -1e-3 or a.max() > 1 + 1e-3:
        raise ValueError(
            f"{name}: images range from {a.min():.3g} to {a.max():.3g}, expected 0 to 1: clip "
            "them, or if they are in the range of tanh, show (x + 1) / 2"
        )
    channels_last = np.clip(a, 0, 1).transpose(0, 2, 3, 1)
    return np.broadcast_to(channels_last, (*channels_last.shape[:3], 3))


def make_grid(images: np.ndarray, columns: int, gap: int) -> np.ndarray:
    """Arrange images row by row on white, with a gap between neighbours and none around.

    Parameters
    ----------
    images : array (n, height, width, 3)
        As `as_images` returns them.
    columns : int
        Images per row; fewer if there are fewer images.
    gap : int
        White pixels between two images.

    Returns
    -------
    array (rows * (height + gap) - gap, columns * (width + gap) - gap, 3) of float32
    """
    n, height, width, _ = images.shape
    if columns < 1 or gap < 0:
        raise ValueError(
            f"needs at least 1 column and a gap of at least 0, got {columns} and {gap}"
        )
    rows, columns = math.ceil(n / columns), min(columns, n)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    grid = np.ones(shape, np.float32)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        top, left = row * (height + gap), column * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid


def as_square(values: np.ndarray) -> np.ndarray:
    """Reshape values (m^2,) at the points `grid_points(extent, m)` to (m, m)."""
    m = round(values.size**0.5)
    if values.ndim != 1 or m * m != values.size:
        raise ValueError(
            f"values of shape {values.shape} are not those at `grid_points(extent, m)`, "
            "which are m^2 in a row"
        )
    return values.reshape(m, m)


def blend_colours(values: np.ndarray, colours: Sequence[str]) -> np.ndarray:
    """Map values from 0 to 1 to colours (..., 3) that run through the given ones, "#rrggbb"."""
    stops = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    positions = np.linspace(0, 1, len(colours))
    channels = [np.interp(values, positions, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1)


def separate_boxes(centres: np.ndarray, sizes: np.ndarray, low, high) -> np.ndarray:
    """Push boxes apart until none overlap, and keep them within limits.

    Two boxes are pushed along the axis in which they overlap less. If there is too little room,
    the search ends after 200 rounds, and some boxes still overlap.

    Parameters
    ----------
    centres, sizes : arrays (n, 2)
        The boxes.
    low, high : arrays (2,)
        The limits.

    Returns
    -------
    array (n, 2)
        The new centres.
    """
    centres = np.array(centres, np.float64)
    for _ in range(200):
        has_moved = False
        for j in range(len(centres)):
            for i in range(j):
                difference = centres[j] - centres[i]
                overlap = (sizes[i] + sizes[j]) / 2 - abs(difference)
                if (overlap > 0).all():
                    axis, has_moved = overlap.argmin(), True
                    sign = 1 if difference[axis] >= 0 else -1
                    push = (overlap[axis] / 2 + 0.5) * sign
                    centres[i, axis] -= push
                    centres[j, axis] += push
        lowest = low + sizes / 2
        centres = np.clip(centres, lowest, np.maximum(high - sizes / 2, lowest))
        if not has_moved:
            break
    return centres


def linear_discriminants(codes, labels) -> np.ndarray:
    """Project codes on the two directions in which the classes differ most (Fisher, 1936).

    **Math** Let S = L L^T be the covariance of the codes about the means of their classes.

    1. Whiten: z -> L^-1 z. About the means of their classes the codes now have covariance I, that
       is, they vary equally in all directions.
    2. Take the two directions in which the class means vary most: the first two principal
       components of the class means.

    This view is chosen by the labels, not by the codes.

    Parameters
    ----------
    codes : array or Tensor (n, d)
        With d at least 2, and n larger than d plus the number of classes.
    labels : array (n,) of integers
        At least 3 different ones.

    Returns
    -------
    array (n, 2)

    Raises
    ------
    ValueError
        For other shapes or types, too few classes or codes, or NaN and infinity.
    """
    codes, labels = as_numpy(codes), as_numpy(labels)
    has_matrix = codes.ndim == 2 and codes.shape[1] >= 2
    if not has_matrix or labels.shape != codes.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            "linear_discriminants: needs codes (n, 2 or more) and integer labels (n,), "
            f"got {codes.shape} and {labels.dtype} {labels.shape}"
        )
    check_finite("linear_discriminants", codes)
    classes, which = np.unique(labels, return_inverse=True)
    if len(classes) < 3 or len(codes) <= codes.shape[1] + len(classes):
        raise ValueError(
            f"linear_discriminants: {len(classes)} classes and {len(codes)} codes of "
            f"{codes.shape[1]} dimensions; needs at least 3 classes, and more codes than "
            "dimensions and classes together"
        )
    means = np.stack([codes[which == k].mean(axis=0) for k in range(len(classes))])
    whitening = np.linalg.inv(np.linalg.cholesky(np.cov((codes - means[which]).T)))
    _, _, directions = np.linalg.svd((means - means.mean(axis=0)) @ whitening.T)
    return codes @ whitening.T @ directions[:2].T
