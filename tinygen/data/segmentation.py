"""Maps: pictures whose few colours are kinds of things, as in the CMP facades (windows one blue, walls another; Tylecek and Sara, 2013)."""

from __future__ import annotations

import numpy as np

__all__ = ["find_palette", "label_pixels"]


def find_palette(maps: np.ndarray, max_colours: int = 12, min_distance: float = 50) -> np.ndarray:
    """The colours that are frequent in maps, uint8 (n, channels, h, w), and differ by at least `min_distance`: uint8 (k, channels), k at most `max_colours`, frequent first.

    What lies between two colours at a border that was resized is near neither, and there is much of it; but each such mixture is rarer than a kind: let `max_colours` be
    the number of kinds, or they count too. Colours a thousand times as rare as the first do not. Raises ValueError where all is of one colour: no map.
    """
    if maps.dtype != np.uint8 or maps.ndim != 4 or not maps.size:
        raise ValueError(f"find_palette: needs maps, uint8 (n, channels, height, width); got {maps.dtype} {maps.shape}")
    pixels = maps.transpose(0, 2, 3, 1).reshape(-1, maps.shape[1])
    coarse = (pixels // 16) @ 16 ** np.arange(maps.shape[1])  # one number for each box of 16 levels a side
    _, box, counts = np.unique(coarse, return_inverse=True, return_counts=True)
    found: list[np.ndarray] = []
    for b in counts.argsort(kind="stable")[::-1]:
        if len(found) == max_colours or counts[b] < counts.max() / 1000:
            break
        colour = np.median(pixels[box == b], axis=0)
        if all(((colour - other) ** 2).sum() >= min_distance**2 for other in found):
            found.append(colour)
    if len(found) < 2:
        raise ValueError(f"find_palette: all {len(maps)} maps are of one colour, or of colours less than {min_distance} apart")
    return np.array(found).round().astype(np.uint8)


def label_pixels(maps: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Which of `colours` (k, channels) is nearest to each pixel of maps (n, channels, h, w): int64 (n, h, w)."""
    if maps.ndim != 4 or colours.ndim != 2 or maps.shape[1] != colours.shape[1]:
        raise ValueError(f"label_pixels: needs maps (n, channels, height, width) and colours (k, channels); got {maps.shape} and {colours.shape}")
    found = np.empty((len(maps), *maps.shape[2:]), np.int64)
    for i in range(0, len(maps), 100):  # a number for each colour and pixel: not of all maps at once
        block = maps[i : i + 100].astype(np.int32)
        found[i : i + 100] = np.stack([((block - c.astype(np.int32)[:, None, None]) ** 2).sum(axis=1) for c in colours]).argmin(axis=0)
    return found
