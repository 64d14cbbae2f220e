"""Motion between the frames of clips, found by comparing blocks of pixels."""

from __future__ import annotations

import itertools

import numpy as np

from ..backend import to_numpy
from .features import refuse_tensors

__all__ = ["block_motion"]


def block_motion(
    clips: np.ndarray, *, block: int = 8, radius: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Find where each block of a frame was in the frame before.

    In a film, most of what a frame shows was in the frame before, a little to one side. So each
    frame is divided into square blocks. A block is compared with all squares of the frame before
    that lie up to `radius` pixels away, in each direction, and the most similar one is taken:

        error(d) = mean over the pixels p of the block of (x_t(p) - x_(t-1)(p - d))^2
        displacement = the d with the least error; the shortest one if several are alike

    Beyond its border, a frame continues with the pixels of its border.

    **What it measures.** The errors are low where objects move smoothly and stay what they are.
    They are high where things appear, vanish, flicker or jump further than the radius. A clip of
    one frame repeated has no error at all. So read them together with the displacements, or with
    the errors of ``radius=0``, which tell how much changes.

    **Source** Jain and Jain, Displacement Measurement and Its Application in Interframe Image
    Coding, 1981. Video coding stores the displacements and what they leave.

    Parameters
    ----------
    clips : array (n, frames, channels, height, width)
        Bytes or finite floats, at least two frames; `block` divides the height and the width.
    block : int
        Height and width of a block.
    radius : int
        The largest displacement in each direction, at least 0.

    Returns
    -------
    displacements : array (n, frames - 1, height / block, width / block, 2) of int64
        Rows down and columns to the right, from the frame before.
    errors : array (n, frames - 1, height / block, width / block) of float64
        The mean squared differences that the displacements leave, in the unit of the pixels
        squared.

    Raises
    ------
    TypeError
        If the clips are neither bytes nor floats.
    ValueError
        If a shape or a setting does not fit, or a pixel is NaN or infinite.
    """
    refuse_tensors("block_motion", clips)
    clips = to_numpy(clips)
    if clips.dtype.kind not in "uif":
        raise TypeError(f"block_motion: needs bytes or floats; got {clips.dtype}")
    if clips.ndim != 5 or clips.shape[1] < 2:
        raise ValueError(
            "block_motion: needs clips (n, frames, channels, height, width) of two frames or more; "
            f"got {clips.shape}"
        )
    n, num_frames, channels, height, width = clips.shape
    if not isinstance(radius, int) or radius < 0:
        raise ValueError(f"block_motion: radius is a whole number from 0; got {radius}")
    if not isinstance(block, int) or block < 1 or height % block or width % block:
        raise ValueError(
            f"block_motion: blocks of {block} pixels do not divide frames of {height} x {width}"
        )
    if num_bad := int((~np.isfinite(clips)).sum()):
        raise ValueError(f"block_motion: {num_bad} of the pixels are NaN or infinite")
    clips = clips.astype(np.float64)
    margin = (radius, radius)
    before = np.pad(clips[:, :-1], ((0, 0), (0, 0), (0, 0), margin, margin), mode="edge")
    rows, columns = height // block, width // block
    errors = np.full((n, num_frames - 1, rows, columns), np.inf)
    displacements = np.zeros((*errors.shape, 2), np.int64)
    candidates = itertools.product(range(-radius, radius + 1), repeat=2)
    for dy, dx in sorted(candidates, key=lambda d: d[0] ** 2 + d[1] ** 2):  # the shortest first
        top, left = radius - dy, radius - dx
        moved = before[..., top : top + height, left : left + width]
        squares = (clips[:, 1:] - moved) ** 2  # (n, num_frames - 1, channels, height, width)
        tiles = squares.reshape(n, num_frames - 1, channels, rows, block, columns, block)
        error = tiles.mean(axis=(2, 4, 6))
        is_better = error < errors
        errors[is_better] = error[is_better]
        displacements[is_better] = dy, dx
    return displacements, errors
