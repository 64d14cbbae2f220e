"""From factors to pictures: about thirty layers of shapes, from the background to the hat.

Light comes from above, from the front, and from the side that the factor `light` says. Every part
has a dark colour and a light one, mixed by how much light falls there. The head is lit as an
ellipsoid.
"""

from __future__ import annotations

import numpy as np

from .accessories import glasses, glasses_arms, hat
from .anatomy import Anatomy, has_back_hair
from .canvas import Canvas
from .features import brows, eyes, mouth, nose
from .hair import back_hair, beard, hair
from .head import ears, head, relief, shoulders
from .scene import background, night

__all__ = ["BLOCK", "LAYERS", "draw"]

BLOCK = 128  # small faces painted at a time
# Pixels painted at a time, of all faces together: a plane is then 512 kB. With smaller planes,
# function calls cost more than the cache saves.
PIXELS = 131072

# What is painted later lies in front.
LAYERS = (
    background,
    ears,
    back_hair,
    shoulders,
    head,
    relief,
    nose,
    eyes,
    beard,
    mouth,
    brows,
    glasses_arms,
    hair,
    glasses,
    hat,
    night,
)


def draw(factors: np.ndarray, size: int) -> np.ndarray:
    """Draw n faces: small pictures many at a time, large ones one by one in bands of rows.

    Similar faces are painted together, which saves a fifth of the time. If they have the same
    accessories, a layer that none of them has is left out. If they look the same way, the windows
    around their features are small.

    Parameters
    ----------
    factors : array (n,) of `DTYPE`
        The factors, checked by the caller.
    size : int
        Side of the pictures in pixels.

    Returns
    -------
    array (n, 3, size, size) of uint8
    """
    images = np.empty((len(factors), 3, size, size), np.uint8)
    block = BLOCK if size < 128 else 1
    height = max(1, PIXELS // (size * block))
    accessories = (factors["beard"], has_back_hair(factors), factors["hat"])
    order = np.lexsort((factors["yaw"], factors["glasses"], *accessories))
    for i in range(0, len(factors), block):
        indices = order[i : i + block]
        face = Anatomy(factors[indices])
        for top in range(0, size, height):
            rows = range(top, min(top + height, size))
            planes = _paint_rows(face, size, rows)  # (3, rows, columns, faces)
            images[indices, :, top : rows.stop] = np.moveaxis(planes, -1, 0)
    return images


def _paint_rows(face: Anatomy, size: int, rows: range) -> np.ndarray:
    """Paint all layers in some rows of the pictures: uint8 (3, rows, columns, faces)."""
    canvas = Canvas(size, rows, face.origin_x, face.origin_y, face.tilt)
    for layer in LAYERS:
        layer(canvas, face)
    planes = canvas.planes
    planes *= 255
    planes += 0.5
    np.clip(planes, 0, 255, out=planes)
    return planes.astype(np.uint8)
