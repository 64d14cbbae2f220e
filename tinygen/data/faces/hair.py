"""What grows on a head: hair and beard.

The hair is the head itself, drawn larger, less an opening for the face. `HAIR_STYLES` of anatomy.py
holds its measures. The strands are waves across the direction in which the hair falls, in several
octaves. An octave is left out where pixels could not show it.
"""

from __future__ import annotations

import numpy as np

from .anatomy import Anatomy
from .canvas import Canvas, Patch, ellipse, rounded_box, soft_ellipse, wave

__all__ = ["back_hair", "beard", "hair"]

OCTAVES = ((1.0, 0.40), (2.7, 0.30), (6.1, 0.25), (13.0, 0.2))  # frequency, strength


def _strands(
    patch: Patch, u: np.ndarray, v: np.ndarray, face: Anatomy, frequency: float
) -> np.ndarray | float:
    """Return the lightness of strands, -1 to 1, that run down from a point high above the head."""
    across = (u - face.parting) / (v + 1.5)
    along = v * (2.0 + 3.0 * face.is_curly) + u * (1 + 2.5 * face.is_curly)
    if face.is_curly.any():
        along += 0.4 * face.is_curly * wave(u * 1.9 + v)
    across += face.strand_phase + (0.006 + 0.035 * face.curl) * wave(along)
    total = 0.0
    for multiple, strength in OCTAVES:
        pixels_per_strand = 1 / (frequency * multiple) / patch.px / 2
        fade = min(max(pixels_per_strand - 0.5, 0), 1)
        if fade > 0:
            total = total + wave(across * (frequency * multiple)) * (fade * strength)
    return total


def back_hair(canvas: Canvas, face: Anatomy) -> None:
    """Paint the hair behind head and neck, and a bun."""
    if face.bun.any():
        y = -(face.top + 0.10) + 0.4 * face.hat
        patch = canvas.head_patch(face.lean * -0.5, y, 0.2 * face.ones, 0.2 * face.ones)
        u, v = patch.u, patch.v
        size = 0.165 * face.ones
        coverage = patch.coverage(ellipse(u, v, size, size * 0.92))
        t = 0.45 - v * 2 + face.light * u * 2 + 0.25 * wave(u * 3 + v * 7)
        patch.paint(coverage * face.bun, face.hair_dark, face.hair, t)
    if face.back_length.any():
        half_width = face.half_width + face.back_width
        height = (1 - face.hat) * (face.top + face.hair_above) + 0.40 * face.hat
        half_height, middle = (face.back_length + height) / 2, (face.back_length - height) / 2
        patch = canvas.head_patch(face.zeros, middle, half_width + 0.04, half_height + 0.03)
        u, v = patch.u, patch.v
        bumpy = u + face.outline_bumps * wave((v + middle) * 2.2 + face.strand_phase)
        radius = np.minimum(half_width, half_height) * 0.75
        coverage = patch.coverage(rounded_box(bumpy, v, half_width, half_height, radius))
        t = 0.10 + 0.12 * _strands(patch, u, v + middle, face, 5.0) + 0.2 * np.abs(u)
        patch.paint(coverage * (face.back_length > 0), face.hair_dark, face.hair, t)


def beard(canvas: Canvas, face: Anatomy) -> None:
    """Paint a full beard, a short beard or a goatee; the mouth is painted later."""
    is_worn = face.factors["beard"].astype(np.float32)
    if not is_worn.any():
        return
    style = face.factors["beard_style"]
    full, short, goatee = ((style == k).astype(np.float32) for k in range(3))
    growth = 0.085 * full + 0.012 * short + 0.04 * goatee
    middle, height = 0.42 * face.ones, 0.47 + growth
    half_width = face.half_width + 0.09 + growth
    patch = canvas.head_patch(face.lean * 0.4, middle, half_width, height)
    u, v = patch.u + face.lean * 0.4, patch.v + middle
    jaw, x, _, _ = face.skull_distance(u, v, growth)
    centre, _ = face.project(face.zeros, face.mouth_y, 0.02)
    off = np.abs(u - centre)
    upper_edge = 0.275 + 0.05 * short
    upper_edge = upper_edge - 0.9 * np.clip(off - 0.20, 0, 1) ** 2
    upper_edge = upper_edge - 1.3 * np.clip(off - 0.36, 0, 1)
    ragged = wave(u * 9 + face.strand_phase) * 0.008
    d = np.maximum(upper_edge + ragged, 0.02) - v
    chin = ellipse(u - centre, v - 0.47, 0.21 * face.ones, 0.26 * face.ones)
    d = np.maximum(d, goatee * (chin + 1) - 1)  # a goatee is limited to the chin
    strands = _strands(patch, u * 1.6, v, face, 9.0)
    t = 0.40 - 0.20 * short + face.light * x * 0.3 - 0.25 * (v - 0.45) + 0.22 * strands
    on_jaw = patch.coverage(jaw + (0.010 - 0.010 * short) * strands, 0.015)
    coverage = np.minimum(on_jaw, patch.coverage(d, 0.015 + 0.085 * short))
    patch.paint(coverage * (is_worn * (0.95 - 0.20 * short)), face.hair_dark, face.hair, t)


def hair(canvas: Canvas, face: Anatomy) -> None:
    """Paint the hair over the head, and before it its shadow on the forehead."""
    reach = np.maximum(face.hair_reach, 0.05)
    high, low = face.top + face.hair_above + 0.04, reach + 0.03
    middle, half_height = (low - high) / 2, (low + high) / 2
    half_width = face.half_width + face.hair_beside + face.hair_flare + 0.05
    patch = canvas.head_patch(face.zeros, middle, half_width, half_height)
    u, v = patch.u, patch.v + middle
    outer = _hair_outline(face, u, v, reach)
    d = np.maximum(outer, -_face_opening(face, u, v))

    coverage = patch.coverage(d)
    shadow = patch.coverage(d - 0.035, soft=0.09) * patch.coverage(outer + 0.02, soft=0.05)
    patch.shade(shadow * (1 - coverage) * 0.6, (0.62, 0.50, 0.48))
    sheen_u, sheen_v = u - 0.25 * face.light, v + 0.50 - 0.25 * u * u
    sheen = soft_ellipse(sheen_u, sheen_v, 0.42 * face.ones, 0.12 * face.ones)
    t = 0.36 - 0.22 * v + 0.55 * face.light * u + 0.40 * sheen
    t = t + 0.30 * _strands(patch, u, v, face, 5.0)
    coverage *= face.ones - 0.14 * face.is_cropped  # the skin shows through the shortest hair
    patch.paint(coverage, face.hair_dark, face.hair, t)


def _hair_outline(face: Anatomy, u: np.ndarray, v: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return the signed distance to the outline of the hair: a larger head, cut off below."""
    up, down = np.minimum(v, 0), np.maximum(v, 0)
    bump = 0.0
    if face.outline_bumps.any():
        shape = wave(u * 2.1 - v * 0.9 + face.strand_phase) + wave(v * 2.6 + u * 0.7)
        bump = face.outline_bumps * shape
    a, b = face.half_width + face.hair_beside, face.top + face.hair_above
    x, y = (u - face.lean * -0.15) / (a + face.hair_flare * down), up / b
    xx, yy = x * x, y * y
    q = np.sqrt(xx + yy - 0.40 * xx * np.minimum(yy, 1))
    d = q * (q - 1) / (np.sqrt(xx / (a * a) + yy / (b * b)) + 1e-6) + bump
    # The sides end in rounded tips, in the middle between the opening and the outline.
    tip = 0.5 * (_opening_half_width(face) + a + (face.hair_flare + 0.10) * reach)
    d = np.maximum(d, v - reach + 5 * np.clip(np.abs(u) - tip, -0.3, 0.3) ** 2)
    if face.hat.any():
        d = np.maximum(d, face.hat * (0.65 - v) - 1)  # nothing above the edge of the hat
    return d


def _opening_half_width(face: Anatomy) -> np.ndarray:
    return face.half_width * face.face_opening * (1 - 0.10 * np.abs(face.sin_yaw))


def _face_opening(face: Anatomy, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the signed distance to the opening for the face."""
    down = np.maximum(v, 0)
    shift, _ = face.project(face.zeros, -0.3 * face.ones)
    x = u - 0.75 * shift
    sides = np.abs(x) - _opening_half_width(face) - 0.10 * down
    bent = np.clip(v, -0.5, 0.5)
    outside_head = np.abs(u - face.lean * down) + face.half_width * (1.2 * bent * bent - 0.975)
    sides = np.maximum(sides, outside_head)  # no opening outside the head
    off = np.abs(x - face.parting)
    fringe = face.hairline + face.hairline_slope * off * np.clip(off * 3, 0, 1) - v
    rounding = 0.16  # radius of the corner between the sides and the fringe
    squares = np.maximum(sides + rounding, 0) ** 2 + np.maximum(fringe + rounding, 0) ** 2
    corner = np.sqrt(squares) - rounding
    return corner + (0.006 + 0.5 * face.outline_bumps) * wave(u * 6 + face.strand_phase)
