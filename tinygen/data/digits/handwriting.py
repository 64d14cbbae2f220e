"""Random handwriting: a template for each digit, and how its strokes vary."""

from __future__ import annotations

import numpy as np

from .rendering import render
from .templates import SEGMENTS, TEMPLATES, template_tables

__all__ = ["CHUNK", "digits", "sample_pen_paths", "sample_templates"]

# Digits that share one random number generator. Random numbers are drawn for whole chunks; of the
# last chunk only the digits that were asked for are rendered.
CHUNK = 1000
BLOCK = 64  # digits rendered at a time: a few arrays of 32 x 28 x 64 floats (230 kB) fit the cache

# Lengths are in half heights of a digit, or in pixels of a 28-pixel image.
JITTER = (0.06, 0.10)  # standard deviation of a knot's shift, half heights: uniform on this range
WARP = 0.155  # amplitude of each wave of the smooth warp, half heights
ASPECT = 0.18  # standard deviation of log(width)
SLANT = (0.14, 0.22)  # mean and standard deviation of the shear dx/dy
ROTATION = 0.10  # standard deviation of the angle, radians
BOX = (17.0, 1.0)  # longer side of the pen's path, pixels: mean and standard deviation
RADIUS = (1.3, 0.27)  # the pen's radius: median in pixels, standard deviation of its logarithm
PRESSURE = 0.18  # standard deviation of the relative change of radius from first to last segment


def digits(n: int, seed: int = 0, size: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """Draw handwritten digits.

    Parameters
    ----------
    n : int
        How many, at least 0. The first k of ``digits(n)`` are ``digits(k)``.
    seed : int
        At least 0; use another one for a test set.
    size : int
        Side of the images in pixels, at least 8; everything scales with it.

    Returns
    -------
    images : array (n, 1, size, size) of uint8
        0 is paper and 255 is ink, as in MNIST.
    labels : array (n,) of int64
        Uniform on 0 to 9.

    Raises
    ------
    ValueError
        If `n` or `seed` is negative, or `size` is less than 8.
    """
    if n < 0 or seed < 0 or size < 8:
        raise ValueError(
            f"digits: needs n >= 0, seed >= 0 and size >= 8; got n={n}, seed={seed}, size={size}"
        )
    images = np.empty((n, 1, size, size), np.uint8)
    labels = np.empty(n, np.int64)
    for chunk, start in enumerate(range(0, n, CHUNK)):
        count = min(CHUNK, n - start)
        rng = np.random.default_rng((seed, chunk))
        # Always draw the whole chunk, so that the numbers drawn do not depend on n.
        label, template = sample_templates(rng)
        begin, end, radius = sample_pen_paths(template, rng)
        labels[start : start + count] = label[:count]
        for i in range(0, count, BLOCK):
            block = slice(i, min(i + BLOCK, count))
            ink = render(begin[block], end[block], radius[block], size)
            images[start + i : start + i + len(ink), 0] = ink
    return images, labels


def sample_templates(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels (CHUNK,) and template numbers (CHUNK,), both uniform."""
    label = rng.integers(0, 10, CHUNK)
    first = np.cumsum([0] + [len(forms) for forms in TEMPLATES])  # each class's first template
    num_forms = np.diff(first)[label]
    return label, first[label] + (rng.random(CHUNK) * num_forms).astype(np.int64)


def sample_pen_paths(
    template: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the pen's path for each of n template numbers.

    Parameters
    ----------
    template : array (n,) of int64
        Template numbers.
    rng : numpy.random.Generator
        Source of the variations.

    Returns
    -------
    begin, end : arrays (n, S, 2) of float32
        The S segments, in pixels of a 28-pixel image, from its centre.
    radius : array (n, S) of float32
        The pen's radius in each segment, in the same pixels.
    """
    n = len(template)

    def normal(*shape: int) -> np.ndarray:
        # Clipped at two standard deviations: nobody writes a five-sigma digit.
        return rng.standard_normal((n, *shape), dtype=np.float32).clip(-2, 2)

    def uniform(low: float, high: float, *shape: int) -> np.ndarray:
        return (low + (high - low) * rng.random((n, *shape))).astype(np.float32)

    # 1. Jitter of the knots.
    knots, weights = (table[template] for table in template_tables())  # (n, K, 2), (n, 2 S, K)
    knots = knots + normal(*knots.shape[1:]) * uniform(*JITTER, 1, 1)
    path = weights @ knots  # (n, 2 S, 2): where the S segments begin, then where they end

    # 2. Warp: two plane waves of random direction, phase and length. The length is 2 half heights,
    # the height of the digit, or more: 2 pi / (2.2 sqrt(2)) = 2.02 at least.
    for _ in range(2):
        phase = path @ uniform(-2.2, 2.2, 2, 1) + uniform(0, 2 * np.pi, 1, 1)
        path = path + np.sin(phase) * (WARP * normal(1, 2))

    # 3. Stretch, slant (y points down, so a slant to the right lowers x below) and rotation.
    path[..., 0] *= np.exp(ASPECT * normal(1))
    path[..., 0] -= (SLANT[0] + SLANT[1] * normal(1)) * path[..., 1]
    angle = ROTATION * normal(1)
    x, y = path[..., 0], path[..., 1]
    path = np.stack(
        [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=-1
    )

    # 4. Scale, and 5. the pen's radius.
    longer_side = np.ptp(path, axis=1).max(axis=1)[:, None, None]
    path *= (BOX[0] + BOX[1] * normal(1, 1)) / longer_side
    drift = np.linspace(-0.5, 0.5, SEGMENTS, dtype=np.float32)
    radius = RADIUS[0] * np.exp(RADIUS[1] * normal(1) + PRESSURE * normal(1) * drift)

    # Move the centre of mass to the origin. A segment's mass is its ink: length times width.
    begin, end = path[:, :SEGMENTS], path[:, SEGMENTS:]
    mass = (np.linalg.norm(end - begin, axis=-1) * radius)[..., None]
    total_mass = mass.sum(axis=1, keepdims=True)
    centre = (mass * (begin + end)).sum(axis=1, keepdims=True) / (2 * total_mass)
    return begin - centre, end - centre, radius
