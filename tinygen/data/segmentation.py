"""Segmentation maps stored as images, with one colour per class.

An example are the CMP facades, where windows are one shade of blue and walls another (Tylecek and
Sara, 2013). Resizing such images blurs the borders between colours, so the classes have to be
found again.
"""

from __future__ import annotations

import numpy as np

__all__ = ["find_palette", "label_pixels"]

BLOCK = 100  # maps labelled at a time
BIN_SIZE = 16  # levels of a channel that count as one colour when colours are counted
MAX_RARITY = 1000  # a colour this many times rarer than the most frequent one is no class


def find_palette(maps: np.ndarray, max_colours: int = 12, min_distance: float = 50) -> np.ndarray:
    """Find the colours of the classes: frequent colours that differ clearly from each other.

    Colours are counted in bins of 16 levels per channel. From the most frequent bin down, the
    median colour of a bin is a class if it is far enough from all classes so far.

    At a resized border there are many mixed colours, which are near to no class. Each mixed colour
    is rarer than a class. So set `max_colours` to the number of classes, or mixed colours are
    returned too. Colours a thousand times rarer than the first are ignored.

    Parameters
    ----------
    maps : array (n, channels, height, width) of uint8
        Segmentation maps.
    max_colours : int
        The largest number of colours to return.
    min_distance : float
        The smallest Euclidean distance between two of them, in levels from 0 to 255.

    Returns
    -------
    array (k, channels) of uint8
        The colours, most frequent first.

    Raises
    ------
    ValueError
        If the maps have another type or shape, or if only one colour is found.
    """
    if maps.dtype != np.uint8 or maps.ndim != 4 or not maps.size:
        raise ValueError(
            "find_palette: needs maps, uint8 (n, channels, height, width); "
            f"got {maps.dtype} {maps.shape}"
        )
    channels = maps.shape[1]
    pixels = maps.transpose(0, 2, 3, 1).reshape(-1, channels)  # (n * height * width, channels)
    num_levels = 256 // BIN_SIZE
    bin_numbers = (pixels // BIN_SIZE) @ num_levels ** np.arange(channels)  # an integer per bin
    _, bins, counts = np.unique(bin_numbers, return_inverse=True, return_counts=True)
    palette: list[np.ndarray] = []
    for b in counts.argsort(kind="stable")[::-1]:
        if len(palette) == max_colours or counts[b] < counts.max() / MAX_RARITY:
            break
        colour = np.median(pixels[bins == b], axis=0)
        if all(((colour - other) ** 2).sum() >= min_distance**2 for other in palette):
            palette.append(colour)
    if len(palette) < 2:
        raise ValueError(
            f"find_palette: all {len(maps)} maps are of one colour, "
            f"or of colours less than {min_distance} apart"
        )
    return np.array(palette).round().astype(np.uint8)


def label_pixels(maps: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Return for each pixel the index of the nearest colour.

    Parameters
    ----------
    maps : array (n, channels, height, width)
        Segmentation maps.
    colours : array (k, channels)
        One colour per class, as `find_palette` returns them.

    Returns
    -------
    array (n, height, width) of int64

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    if maps.ndim != 4 or colours.ndim != 2 or maps.shape[1] != colours.shape[1]:
        raise ValueError(
            "label_pixels: needs maps (n, channels, height, width) and colours (k, channels); "
            f"got {maps.shape} and {colours.shape}"
        )
    labels = np.empty((len(maps), *maps.shape[2:]), np.int64)
    columns = colours.astype(np.int32)[:, :, None, None]  # (k, channels, 1, 1)
    for i in range(0, len(maps), BLOCK):  # k distances per pixel: not for all maps at once
        block = maps[i : i + BLOCK].astype(np.int32)
        squared_distances = [((block - colour) ** 2).sum(axis=1) for colour in columns]
        labels[i : i + BLOCK] = np.stack(squared_distances).argmin(axis=0)
    return labels
