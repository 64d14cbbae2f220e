"""Edge maps of images: the half of a pair from which pix2pix paints the other half."""

from __future__ import annotations

import numpy as np

__all__ = ["edges"]

BLOCK = 1000  # images processed at a time
SOBEL_SCALE = 4 * 255  # Sobel's response to a vertical step from 0 to 255


def edges(images: np.ndarray, threshold: float = 0.1) -> np.ndarray:
    """Draw thin lines along the edges of images, black on white.

    1. **Gradient.** Sobel's differences give each channel's gradient. In each pixel the channel
       with the largest gradient norm counts.
    2. **Non-maximum suppression.** A pixel stays only if its gradient norm is the largest among
       the three pixels along its gradient's direction (horizontal, vertical or diagonal). So lines
       are one pixel wide. If two neighbours have equal norms, the first of them stays.
    3. **Threshold.** A norm below `threshold`, as a fraction of the norm at a vertical step from
       0 to 255, is no edge.

    Canny's detector (1986) also smooths the image first, uses a second, lower threshold, and
    follows lines with it. These steps are left out.

    Parameters
    ----------
    images : array (n, channels, height, width) of uint8
        At least 2 pixels high and wide.
    threshold : float
        Between 0 and 1, both excluded.

    Returns
    -------
    array (n, 1, height, width) of uint8
        0 on edges, 255 elsewhere.

    Raises
    ------
    ValueError
        If the images have another type or shape, or the threshold is out of range.
    """
    min_side = min(images.shape[2:], default=0)
    if images.dtype != np.uint8 or images.ndim != 4 or min_side < 2:
        raise ValueError(
            "edges: needs images, uint8 (n, channels, height, width), at least 2 pixels high and "
            f"wide; got {images.dtype} {images.shape}"
        )
    if not 0 < threshold < 1:
        raise ValueError(f"edges: threshold is above 0 and below 1; got {threshold}")
    result = np.empty((len(images), 1, *images.shape[2:]), np.uint8)
    for i in range(0, len(images), BLOCK):
        is_edge = _find_edges(images[i : i + BLOCK], threshold)
        result[i : i + BLOCK, 0] = np.where(is_edge, 0, 255)
    return result


def _find_edges(images: np.ndarray, threshold: float) -> np.ndarray:
    """Return which pixels are edges: bool (n, h, w)."""
    dx, dy, squared_norm = _largest_gradient(images)
    before, after = _neighbours_along_gradient(dx, dy, squared_norm)
    is_strong = squared_norm >= (threshold * SOBEL_SCALE) ** 2
    return is_strong & (squared_norm > before) & (squared_norm >= after)


def _largest_gradient(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dx, dy and dx^2 + dy^2 of the channel where it is largest, each (n, h, w)."""
    one_around = ((0, 0), (0, 0), (1, 1), (1, 1))
    padded = np.pad(images.astype(np.float32), one_around, mode="edge")
    # Central differences in one direction, smoothed by (1, 2, 1) in the other.
    dx = padded[..., 2:] - padded[..., :-2]
    dx = dx[..., :-2, :] + 2 * dx[..., 1:-1, :] + dx[..., 2:, :]
    dy = padded[..., 2:, :] - padded[..., :-2, :]
    dy = dy[..., :-2] + 2 * dy[..., 1:-1] + dy[..., 2:]
    squared_norm = dx**2 + dy**2  # (n, channels, h, w)
    channel = squared_norm.argmax(axis=1)[:, None]
    dx, dy, squared_norm = (
        np.take_along_axis(a, channel, axis=1)[:, 0] for a in (dx, dy, squared_norm)
    )
    return dx, dy, squared_norm


def _neighbours_along_gradient(
    dx: np.ndarray, dy: np.ndarray, squared_norm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared norms of the two pixels next to each in its gradient's direction."""
    h, w = squared_norm.shape[1:]
    padded = np.pad(squared_norm, ((0, 0), (1, 1), (1, 1)))

    def shifted(rows: int, columns: int) -> np.ndarray:
        return padded[:, 1 + rows : 1 + rows + h, 1 + columns : 1 + columns + w]

    x, y = np.abs(dx), np.abs(dy)
    # A direction within 22.5 degrees of an axis counts as that axis.
    ratio = np.tan(np.pi / 8)
    directions = {  # (rows, columns) to the next pixel: where the gradient points that way
        (0, 1): y <= ratio * x,
        (1, 0): x <= ratio * y,
        (1, 1): dx * dy > 0,
        (1, -1): dx * dy < 0,
    }
    conditions = [*directions.values()]
    before = np.select(conditions, [shifted(-r, -c) for r, c in directions], 0)
    after = np.select(conditions, [shifted(r, c) for r, c in directions], 0)
    return before, after
