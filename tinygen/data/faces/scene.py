"""What surrounds a face: the background, and the darkness of the night."""

from __future__ import annotations

import numpy as np

from .anatomy import Anatomy, parse_colours
from .canvas import Canvas, ellipse, soft_ellipse

__all__ = ["background", "night"]

WALLS = parse_colours("b4c0ac", "adbcc8", "cbbfa9", "bdb0bf", "b9babb", "ccb5a6")
NIGHT_WALL = parse_colours("2b3450").T
LAMPS = [  # of the night, out of focus: x, y, radius, colour
    (-0.78, -0.62, 0.13, parse_colours("f2c46d").T),
    (0.82, -0.30, 0.10, parse_colours("e88f6a").T),
    (0.60, -0.84, 0.07, parse_colours("f6e3a8").T),
    (-0.88, 0.12, 0.08, parse_colours("8fb4e8").T),
]
NIGHT_LIGHT = ((0.62, 0.22), (0.66, 0.12), (0.88, -0.06))  # per channel: dimming, warm light


def background(canvas: Canvas, face: Anatomy) -> None:
    """Paint a wall, lighter behind the head and on the light's side; at night with lamps."""
    patch = canvas.whole_patch()
    wall = WALLS[face.factors["background"]].T
    wall = wall + face.night * (NIGHT_WALL + 0.12 * (wall - 0.7) - wall)
    radius = 1.6 * face.ones
    glow = soft_ellipse(patch.u - 0.3 * face.light, patch.v + 0.15, radius, radius)
    for c, plane in enumerate(patch.planes):
        np.multiply(glow, 0.13 * wall[c], out=plane)
        plane += 0.92 * wall[c]
    if not face.night.any():
        return
    for x, y, lamp_radius, colour in LAMPS:
        radius = lamp_radius * face.ones
        spot = canvas.picture_patch(x * face.ones, y * face.ones, radius, radius)
        coverage = spot.coverage(ellipse(spot.u, spot.v, radius, radius), soft=0.03)
        spot.paint(coverage * (0.55 * face.night), colour)


def night(canvas: Canvas, face: Anatomy) -> None:
    """Make all of the picture darker and bluer at night, with a warm light from the side."""
    if not face.night.any():
        return
    lit_side = np.where(face.light > 0, 1, -1).astype(np.float32)
    for c, (dimming, warmth) in enumerate(NIGHT_LIGHT):
        change = dimming - 1 + warmth * np.clip(canvas.x * lit_side, 0, 1)
        canvas.planes[c] *= 1 + face.night * change
