"""Ink from the path of a pen: each pixel's distance to the nearest segment."""

from __future__ import annotations

import numpy as np

__all__ = ["EDGE", "render"]

EDGE = 1.0  # width of the ramp from ink to paper, in pixels of a 28-pixel image


def render(begin: np.ndarray, end: np.ndarray, radius: np.ndarray, size: int) -> np.ndarray:
    """Draw the ink of n digits.

    **Math** A segment has middle m, half length h and unit direction u. A pixel p has the
    coordinates

        t = (p - m) . u     along the segment,
        v = (p - m) x u     across it.

    Its distance d to the segment follows from d^2 = v^2 + max(|t| - h, 0)^2. Both t and v are a
    term of the column plus a term of the row, so each costs one addition per pixel.

    Lengths are divided by the segment's radius first. So the smallest d / radius over the segments
    says at once how deep in the ink a pixel lies.

    Arrays have the digits last: then every operation runs over long contiguous rows, however small
    the image.

    Parameters
    ----------
    begin, end : arrays (n, S, 2) of float32
        The S segments, in pixels of a 28-pixel image, from its centre.
    radius : array (n, S) of float32
        The pen's radius in each segment, in the same pixels.
    size : int
        Side of the images.

    Returns
    -------
    array (n, size, size) of uint8
        0 is paper, 255 is ink.
    """
    scale = np.float32(size / 28)
    begin, end = (np.ascontiguousarray(point.T) * scale for point in (begin, end))  # (2, S, n)
    radius = np.ascontiguousarray(radius.T) * scale  # (S, n)
    depth = _squared_distances(begin, end, radius, size)  # (row, column, n)
    np.sqrt(depth, out=depth)  # in radii: below 1 is ink
    mean_radius = radius.mean(axis=0)
    edge = max(EDGE * scale, np.float32(1))
    ink = np.clip((1 - depth) * mean_radius / edge + np.float32(0.5), 0, 1)
    return np.moveaxis((255 * ink + np.float32(0.5)).astype(np.uint8), -1, 0)


def _squared_distances(
    begin: np.ndarray, end: np.ndarray, radius: np.ndarray, size: int
) -> np.ndarray:
    """Return min over segments of (d / radius)^2 for each pixel: (size, size, n)."""
    middle, half = (begin + end) / 2, (end - begin) / 2
    length = np.maximum(np.hypot(*half), np.float32(1e-6))
    ux, uy = (half / (length * radius))[:, :, None]  # (S, 1, n)
    h = (length / radius)[:, None]
    # MNIST's centre is pixel 14 of 0 to 27.
    axis = np.arange(size, dtype=np.float32)[:, None] - np.float32(size / 2)
    x, y = axis - middle[:, :, None]  # (S, size, n): from a segment's middle to a column, a row
    t_column, v_column = x * ux, x * uy
    t_row, v_row = (
        np.ascontiguousarray((y * u).swapaxes(0, 1))[:, :, None] for u in (uy, ux)
    )  # (size, S, 1, n)

    result = np.empty((size, size, radius.shape[1]), np.float32)
    t, v = np.empty((2, *x.shape), np.float32)  # (S, columns, n), reused for each row
    zero = np.zeros_like(t)  # np.maximum is five times slower with a scalar
    for row in range(size):
        np.add(t_column, t_row[row], out=t)
        np.subtract(v_column, v_row[row], out=v)
        np.abs(t, out=t)
        t -= h
        np.maximum(t, zero, out=t)
        t *= t
        v *= v
        t += v
        t.min(axis=0, out=result[row])
    return result
