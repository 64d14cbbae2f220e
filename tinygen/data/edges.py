"""Line drawings of pictures: where brightness or colour changes fastest. The half of a pair that pix2pix is given to paint."""

from __future__ import annotations

import numpy as np

__all__ = ["edges"]

BLOCK = 1000  # pictures at a time


def edges(images: np.ndarray, threshold: float = 0.1) -> np.ndarray:
    """Thin lines along the edges of pictures, 0 on a ground of 255: uint8 (n, channels, h, w) to uint8 (n, 1, h, w).

    1. The slope of each channel, by Sobel's differences, its size as a part of an upright step's from 0 to 255; in each pixel the channel with the largest counts.
    2. A line is one pixel wide: only those pixels stay that are steepest among the three in the slope's direction (of eight: along, across, diagonal).
       Of two neighbours as steep the first stays.
    3. What is under the `threshold`, from 0 to 1, is no edge.

    Nothing is smoothed first, nothing followed along a line, and there is no second threshold: the steps of Canny (1986) that are left out.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or min(images.shape[2:], default=0) < 2:
        raise ValueError(f"edges: needs pictures, uint8 (n, channels, height, width), 2 pixels or more each way; got {images.dtype} {images.shape}")
    if not 0 < threshold < 1:
        raise ValueError(f"edges: threshold is above 0 and below 1; got {threshold}")
    drawn = np.empty((len(images), 1, *images.shape[2:]), np.uint8)
    for i in range(0, len(images), BLOCK):
        drawn[i : i + BLOCK, 0] = np.where(_lines(images[i : i + BLOCK], threshold), 0, 255)
    return drawn


def _lines(images: np.ndarray, threshold: float) -> np.ndarray:
    """bool (n, h, w)."""
    h, w = images.shape[2:]
    p = np.pad(images.astype(np.float32), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    across, down = p[..., 2:] - p[..., :-2], p[..., 2:, :] - p[..., :-2, :]  # central differences ...
    across = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]  # ... smoothed the other way
    down = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    steep = across**2 + down**2
    channel = steep.argmax(axis=1)[:, None]
    across, down, steep = (np.take_along_axis(a, channel, axis=1)[:, 0] for a in (across, down, steep))

    rim = np.pad(steep, ((0, 0), (1, 1), (1, 1)))

    def beside(dy: int, dx: int) -> np.ndarray:
        return rim[:, 1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w]

    x, y = np.abs(across), np.abs(down)
    flat = np.tan(np.pi / 8)  # within 22.5 degrees of an axis
    ways = [(y <= flat * x, 0, 1), (x <= flat * y, 1, 0), (across * down > 0, 1, 1), (across * down < 0, 1, -1)]
    before, after = (np.select([way for way, *_ in ways], [beside(s * dy, s * dx) for _, dy, dx in ways], 0) for s in (-1, 1))
    return (steep >= (threshold * 4 * 255) ** 2) & (steep > before) & (steep >= after)
