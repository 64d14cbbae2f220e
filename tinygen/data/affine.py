"""Affine maps of images: shifts, turns, scales and shears, the classical data augmentation."""

from __future__ import annotations

import numpy as np

from ..backend import RNG, to_numpy

__all__ = ["affine", "random_affine"]

BLOCK = 1000  # images processed at a time


def affine(images: np.ndarray, matrices: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Map each image by a matrix and a shift of its own.

    **Math** Let p = (row, column) be a position in the result and c the centre of the image. The
    result at p is the image at the position

        q = c + A (p - c) - t.

    So each pixel of the result asks where it comes from. Solved for p, the same equation says where
    the content at q goes:

        q + t - c = A (p - c),    p = c + A^-1 (q + t - c).

    So the content is first moved by t, that is t[0] rows down and t[1] columns to the right, and
    then mapped about the centre by the *inverse* of A. With A = 2 I it becomes half as large.

    q lies between four pixels. Let f be the fractional part of q. Bilinear interpolation gives the
    four pixels the weights (1 - f_0)(1 - f_1), (1 - f_0) f_1, f_0 (1 - f_1) and f_0 f_1, whose sum
    is 1. Outside of the image all values are 0.

    Parameters
    ----------
    images : array (n, channels, height, width)
        uint8, or floats.
    matrices : array (n, 2, 2)
        A of each image.
    shifts : array (n, 2)
        t of each image, in pixels.

    Returns
    -------
    array (n, channels, height, width)
        Of the type of the images; bytes are rounded.

    Raises
    ------
    TypeError
        If the images are neither uint8 nor floats.
    ValueError
        If a shape does not fit.
    """
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise TypeError(f"affine: needs images of uint8 or floats; got {images.dtype}")
    if images.ndim != 4:
        raise ValueError(f"affine: needs images (n, channels, height, width); got {images.shape}")
    n = len(images)
    if matrices.shape != (n, 2, 2) or shifts.shape != (n, 2):
        raise ValueError(
            f"affine: {n} images need matrices ({n}, 2, 2) and shifts ({n}, 2); "
            f"got {matrices.shape} and {shifts.shape}"
        )
    result = np.empty_like(images)
    for i in range(0, len(images), BLOCK):
        block = slice(i, i + BLOCK)
        values = _interpolate(images[block], matrices[block], shifts[block])
        result[block] = values.round() if images.dtype == np.uint8 else values
    return result


def _interpolate(images: np.ndarray, matrices: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the values of the images at the positions q, floats (n, channels, height, width)."""
    n, channels, height, width = images.shape
    centre = (np.array([height, width]) - 1) / 2
    p = np.moveaxis(np.indices((height, width)), 0, -1).reshape(-1, 2)  # (height * width, 2)
    # (n, height * width, 2)
    q = centre + (p - centre) @ np.swapaxes(matrices, 1, 2) - shifts[:, None]
    q = np.clip(q, -1, (height, width))  # outside, all positions are alike
    corner = np.floor(q).astype(np.int64)
    f = q - corner

    padded = np.pad(images, ((0, 0), (0, 0), (1, 2), (1, 2)))  # zeros around
    padded = np.moveaxis(padded, 1, -1)  # (n, height + 3, width + 3, channels)
    result = np.zeros((n, height * width, channels))
    rows = np.arange(n)[:, None]
    for i in (0, 1):
        for j in (0, 1):
            weight = np.abs(1 - i - f[..., 0]) * np.abs(1 - j - f[..., 1])  # (n, height * width)
            values = padded[rows, corner[..., 0] + 1 + i, corner[..., 1] + 1 + j]
            result += weight[..., None] * values
    return np.swapaxes(result, 1, 2).reshape(images.shape)


def random_affine(
    images: np.ndarray,
    rng: RNG,
    *,
    degrees: float = 15.0,
    scale: float = 1.15,
    shear: float = 0.2,
    shift: float = 2.0,
) -> np.ndarray:
    """Shift, turn, shear and scale each image by numbers of its own, drawn at random.

    **Math** With an angle a, a shear k and a factor s of the size, the matrix of `affine` is

        A = R S / s,    R = [[cos a, -sin a], [sin a, cos a]],    S = [[1, 0], [k, 1]].

    Its inverse s S^-1 R^-1 is what is seen: after the shift, the image is turned, then sheared and
    scaled. All numbers are uniform between two bounds; s is so on a logarithmic scale.

    What a label says must not depend on them: a digit that is turned by 15 degrees is the same
    digit, one that is turned by 180 degrees is not.

    **Source** Simard, Steinkraus and Platt, Best Practices for Convolutional Neural Networks
    Applied to Visual Document Analysis, 2003.

    Parameters
    ----------
    images : array (n, channels, height, width)
        uint8, or floats.
    rng : RNG
        Decides the maps.
    degrees : float
        The largest angle, in both directions.
    scale : float
        The largest factor of the size; the smallest is its inverse. At least 1.
    shear : float
        By how many pixels, at most, a row is moved along itself relative to the next row.
    shift : float
        The largest shift in each direction, in pixels, before the image is turned and scaled.

    Returns
    -------
    array (n, channels, height, width)
        Of the type of the images.

    Raises
    ------
    TypeError, ValueError
        As `affine`; and ValueError if a bound is negative, or `scale` below 1.
    """
    if min(degrees, shear, shift) < 0 or scale < 1:
        raise ValueError(
            "random_affine: degrees, shear and shift are at least 0, scale at least 1; got "
            f"{degrees}, {shear}, {shift} and {scale}"
        )
    u = 2 * to_numpy(rng.uniform((len(images), 5), np.float64)) - 1  # from -1 to 1
    angle, k = np.radians(degrees) * u[:, 0], shear * u[:, 1]
    size = scale ** u[:, 2]
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2)
    shearing = np.stack([k**0, 0 * k, k, k**0], axis=1).reshape(-1, 2, 2)
    matrices = rotation @ shearing / size[:, None, None]
    return affine(images, matrices, shift * u[:, 3:])
