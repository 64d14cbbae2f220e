"""Pictures of codes, for autoencoder_vs_vae.py."""

from __future__ import annotations

import numpy as np

from tinygen.plot import grid_points

__all__ = ["draw_code"]

RESOLUTION, DOT = 96, 3  # pixels per side of the picture, and of a dot
RED, GREY = np.array([0.75, 0.1, 0.1]), np.array([0.62, 0.66, 0.72])


def draw_code(others: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Draw N(mu, sigma^2) in the plane, among the codes of other pictures that are near.

    Parameters
    ----------
    others : array (n, 2)
        The other codes: grey dots. The picture reaches as far as their standard deviation.
    mu, sigma : arrays (2,)
        Of the distribution: red, as dense as exp(-d^2 / 2), where d is the distance in units of
        sigma. With a small sigma it is a dot.

    Returns
    -------
    array (3, height, width)
        From 0 to 1.
    """
    (left, bottom), (right, top) = mu - others.std(), mu + others.std()
    bins = [np.linspace(a, b, RESOLUTION // DOT + 1) for a, b in ((left, right), (bottom, top))]
    counts, _, _ = np.histogram2d(*others.T, bins=bins)
    dots = np.kron(counts.T, np.ones((DOT, DOT)))[..., None] > 0
    points = grid_points((left, right, bottom, top), RESOLUTION)
    pixel = (right - left) / RESOLUTION
    distance = (points - mu) / np.maximum(sigma, 2.5 * pixel)  # at least some pixels
    density = np.exp(-0.5 * (distance**2).sum(axis=1)).reshape(RESOLUTION, RESOLUTION, 1)
    density = np.where(density > 0.13, density, 0)  # as far as two sigma
    image = np.where(dots, GREY, 1.0) * (1 - density) + RED * density
    image[[0, -1]] = image[:, [0, -1]] = GREY  # a frame
    return image[::-1].transpose(2, 0, 1)  # rows from above, as in an image
