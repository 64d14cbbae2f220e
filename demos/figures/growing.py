"""A network that grows, with its samples of every size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinygen.plot.scheme import Network, Picture, Scheme, Text

SIDE = 64  # pixels of the page for a picture
FIRST_ROW = 0.65  # below the headings


def growth_scheme(samples: Mapping[int, np.ndarray], real: Mapping[int, np.ndarray]) -> Scheme:
    """Return a scheme with a row for each size: the blocks that there are, samples, real pictures.

    Parameters
    ----------
    samples, real : {size: pictures}
        In the order of training; each size is twice the one before. Pictures are arrays
        (n, C, height, width) from 0 to 1, a few of each size.
    """
    sizes = list(samples)
    last = max(sizes).bit_length() - 2  # the number of blocks of 4, 8, 16, ... pixels
    parts = {
        "z": (FIRST_ROW + (len(sizes) - 1) / 2, 0, Text("z")),
        "samples": (0, last + 1, Text("samples")),
        "real": (0, last + 2, Text("real faces")),
    }
    arrows = []
    for row, size in enumerate(sizes, start=1):
        y, path = row - 1 + FIRST_ROW, ["z"]
        for column in range(1, size.bit_length() - 1):
            block = 2 << column
            height = (block / max(sizes)) ** 0.4
            path.append(f"{size}/{block}")
            parts[path[-1]] = (y, column, Network(str(block), height, height))
        path.append(f"samples/{size}")
        parts[path[-1]] = (y, last + 1, Picture(side_by_side(samples[size])))
        parts[f"real/{size}"] = (y, last + 2, Picture(side_by_side(real[size])))
        arrows.append(" ".join(path))
    return Scheme(
        parts,
        arrows,
        side=SIDE,
        title="G grows block by block: the same z at every size",
        note="Numbers are sizes in pixels. D grows in the same way.",
    )


def side_by_side(pictures: np.ndarray) -> np.ndarray:
    """Return one picture (C, height, width) with all of (n, C, height, width), and gaps."""
    padded = np.pad(pictures, ((0, 0), (0, 0), (0, 0), (0, 2)), constant_values=1)
    return np.concatenate(list(padded), axis=2)[..., :-2]
