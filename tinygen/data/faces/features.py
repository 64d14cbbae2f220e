"""The features of a face: nose, eyes, eyebrows and mouth."""

from __future__ import annotations

import numpy as np

from .anatomy import Anatomy, parse_colours
from .canvas import Canvas, Patch, arc, ellipse, soft_ellipse, wave

__all__ = ["brows", "eyes", "mouth", "nose"]

EYE_WHITE, EYE_SHADE, PUPIL, WHITE = (
    parse_colours(c).T for c in ("fbf8f4", "b9a8a8", "120d0d", "ffffff")
)
MOUTH, TEETH, TONGUE = (parse_colours(c).T for c in ("4a1a1c", "f7f2ea", "b5565a"))
REFLECTIONS = ((0.022, -0.024, 0.015, 0.95), (-0.020, 0.022, 0.008, 0.6))  # x, y, radius, strength


def nose(canvas: Canvas, face: Anatomy) -> None:
    """Paint a nose: a ridge, a tip between two wings, two nostrils, and the shadow below."""
    tip, _ = face.project(face.zeros, 0.2 * face.ones, 0.10)
    root, _ = face.project(face.zeros, -0.05 * face.ones, 0.02)
    _paint_ridge(canvas, face, root, tip)
    _paint_tip(canvas, face, tip)


def _paint_ridge(canvas: Canvas, face: Anatomy, root: np.ndarray, tip: np.ndarray) -> None:
    """Paint a shaded flank and a highlight from the root of the nose to its tip."""
    ones, size = face.ones, face.nose_size
    shaded_side = np.clip(-3 * face.light - 1.5 * face.sin_yaw, -1, 1)
    half_width = 0.16 * size + np.abs(tip - root)
    patch = canvas.head_patch((tip + root) / 2, 0.09 * ones, half_width, 0.24 * ones)
    t = np.clip(4 * patch.v + 0.56, 0, 1)  # from the root to the tip
    u = patch.u - (root - tip) / 2 - (tip - root) * t
    flank_width = (0.045 + 0.03 * t) * size
    flank_u = u - 0.055 * shaded_side * size
    flank = soft_ellipse(flank_u, patch.v - 0.015, flank_width, 0.20 * ones)
    patch.shade(flank, (0.78, 0.65, 0.62))
    ridge = soft_ellipse(u + 0.012 * shaded_side, patch.v - 0.01, 0.034 * size, 0.19 * ones)
    patch.paint(ridge * 0.28, face.highlight)


def _paint_tip(canvas: Canvas, face: Anatomy, tip: np.ndarray) -> None:
    """Paint the tip of the nose, its wings and nostrils, and the shadow below."""
    ones, size = face.ones, face.nose_size
    patch = canvas.head_patch(tip, 0.205 * ones, 0.16 * size, 0.14 * size)
    u, v = patch.u / size, patch.v / size
    shadow = soft_ellipse(u + 0.05 * face.light, v - 0.065, 0.14 * ones, 0.06 * ones)
    patch.shade(shadow, (0.66, 0.50, 0.47))
    wing = ellipse(np.abs(u) - 0.064, v - 0.018, 0.036 * ones, 0.034 * ones)
    d = np.minimum(wing, ellipse(u, v, 0.062 * ones, 0.058 * ones))
    t = 0.74 + u * face.light * 4 - 6.5 * v - 2.0 * np.abs(u)
    patch.paint(patch.coverage(d, soft=0.02) * 0.8, face.skin_dark, face.skin, t)
    crease = patch.coverage(np.abs(wing + 0.002) - 0.004, soft=0.016)
    patch.shade(crease * np.clip((np.abs(u) - 0.06) * 30, 0, 1), (0.70, 0.56, 0.53))
    highlight = soft_ellipse(u - 0.02 * face.light, v + 0.020, 0.036 * ones, 0.032 * ones)
    patch.paint(highlight * 0.5, face.highlight)
    nostrils = ellipse(np.abs(u) - 0.038, v - 0.045, 0.018 * ones, 0.010 * ones)
    limit = patch.max_coverage(0.018 * size, 0.010 * size)
    patch.shade(patch.coverage(nostrils, limit=limit) * 0.8, (0.35, 0.22, 0.22))


def eyes(canvas: Canvas, face: Anatomy) -> None:
    """Paint both eyes: what is between the lids, the lashes, and the fold of the upper lid."""
    for side in (-1, 1):
        u0, scale = face.project(side * face.eye_x, face.zeros)
        half_width = face.eye_half_width * scale
        patch = canvas.head_patch(u0, face.zeros, half_width + 0.05, 0.14 * face.ones)
        u, v = patch.u, patch.v + 0.04 * side * patch.u  # the outer corners are a little higher
        low = 0.044 * face.ones - 0.012 * face.smile
        upper, lower = arc(u, v, half_width, -face.lid_height), arc(u, v, half_width, low)
        fold = arc(u, v, half_width * 1.08, -0.105 * face.ones)
        lid = patch.band(fold, lower)
        patch.paint(lid * 0.55, face.skin_dark * 0.3 + face.skin * 0.7)

        opening = patch.band(upper, lower)
        t = np.clip(0.30 + 9 * upper, 0, 1)
        t -= 0.35 * soft_ellipse(u + half_width * side, v, half_width * 0.6, face.ones)
        patch.paint(opening, EYE_SHADE, EYE_WHITE, t)
        _paint_iris(patch, face, opening, upper, scale)

        taper = np.clip(1 - (u / (half_width * 1.06)) ** 2, 0, 1)  # lashes and fold thin out
        lash_width = 0.006 + 0.016 * np.sqrt(taper)
        fade = np.minimum(1, taper * 8)
        upper_lashes = patch.band(upper + lash_width, upper - 0.004)
        patch.paint(upper_lashes * fade, face.brow * 0.25 + 0.03)
        lower_lashes = patch.band(lower - 0.006, lower - 0.014)
        patch.shade(lower_lashes * fade * 0.5, (0.6, 0.45, 0.42))
        half = 0.0055 * taper
        patch.shade(patch.band(fold + half, fold - half) * (fade * 0.8), (0.52, 0.40, 0.38))


def _paint_iris(
    patch: Patch, face: Anatomy, opening: np.ndarray, upper: np.ndarray, scale: np.ndarray
) -> None:
    """Paint iris, pupil, the upper lid's shadow and two reflections in the opening of an eye."""
    radius = 0.057 + 0.006 * face.factors["eye_size"]
    gaze_x = 0.042 * face.factors["gaze_x"] + 0.02 * face.sin_yaw
    gaze_y = 0.022 * face.factors["gaze_y"] - 0.010
    u, v = (patch.u - gaze_x) / scale, patch.v - gaze_y
    r = np.sqrt(u * u + v * v)
    t = 0.55 + v * 7 + 1.0 * np.clip(0.75 - r / radius, -0.5, 0.2)
    if patch.px < 0.012:  # the fibres of the iris; the wave's argument stands in for the angle
        fibres = 0.16 * wave(u / (np.abs(u) + np.abs(v) + 1e-4) * 6.5)
        t += fibres * np.clip(r * 30 - 0.6, 0, 1)
    light = np.clip(face.iris * 1.35 + 0.06, 0, 1)
    patch.paint(np.minimum(patch.coverage(r - radius), opening), face.iris * 0.30, light, t)
    patch.paint(np.minimum(patch.coverage(r - radius * 0.46), opening), PUPIL)
    patch.shade(opening * np.clip(1 - upper * 26, 0, 1) * 0.7, (0.55, 0.48, 0.48))
    for x, y, spot_radius, strength in REFLECTIONS:
        a = spot_radius * face.ones
        spot = patch.coverage(ellipse(u - x, v - y, a, a), limit=patch.max_coverage(a, a))
        patch.paint(np.minimum(spot, opening) * strength, WHITE)


def brows(canvas: Canvas, face: Anatomy) -> None:
    """Paint an arch over each eye, thick near the nose and thin at the outer end."""
    y = -0.165 - 0.012 * face.smile + 0.010 * face.frown
    for side in (-1, 1):
        u0, scale = face.project(side * face.eye_x * 1.04, y)
        half_width = 0.150 * scale
        patch = canvas.head_patch(u0, y, half_width + 0.01, 0.10 * face.ones)
        outward = patch.u * (side / half_width)
        v = patch.v + (0.004 + 0.014 * face.frown) * outward
        thickness = 0.020 + 0.009 * face.factors["brows"] + 0.004 * face.old
        half = thickness * np.clip(1 - outward * outward, 0, 1) * (1 - 0.35 * outward)
        d = arc(patch.u, v, half_width, -0.045 * face.ones)
        fraction = patch.band(d + half, d - half)
        if patch.px < 0.008:  # single hairs
            fraction = fraction * (0.92 + 0.08 * wave(patch.u * 50 + patch.v * 60 * side))
        patch.paint(fraction * patch.mask * 0.92, face.brow)


def mouth(canvas: Canvas, face: Anatomy) -> None:
    """Paint lips around an opening with teeth and tongue.

    Smiling lifts the corners and folds the cheeks.
    """
    u0, scale = face.project(face.zeros, face.mouth_y, 0.03)
    half_width = face.mouth_half_width * scale
    y = face.mouth_y - 0.55 * face.mouth_curve
    half_height = 0.12 + face.mouth_open + np.abs(face.mouth_curve)
    patch = canvas.head_patch(u0, y, half_width + 0.06, half_height)
    u, v = patch.u, patch.v
    upper, lower = face.mouth_curve - face.mouth_open * 0.30, face.mouth_curve + face.mouth_open
    notch = 0.35 * face.lip_thickness * np.clip(1 - (u * (1 / (0.30 * half_width))) ** 2, 0, 1)
    thickness = face.lip_thickness * (1 - 0.15 * face.smile)
    top = arc(u, v - notch, half_width * 1.04, upper - thickness)
    bottom = arc(u, v, half_width * 1.02, lower + thickness * 1.25)
    opening_top, opening_bottom = arc(u, v, half_width, upper), arc(u, v, half_width, lower)

    for side in (-1, 1):  # the folds at the corners
        corner_u = u - side * (half_width + 0.012)
        corner = soft_ellipse(corner_u, v, 0.035 * face.ones, 0.045 * face.ones)
        patch.shade(corner * (0.20 + 0.45 * face.smile), (0.70, 0.55, 0.52))
    gleam_v = v - lower - thickness * 0.6
    gleam = soft_ellipse(u + 0.02 * face.ones, gleam_v, half_width * 0.6, thickness * 0.7)
    t = 0.15 + (v > upper) * (0.45 * face.ones) + 0.6 * gleam
    patch.paint(patch.band(top, bottom), face.lips * 0.78, face.lips * 1.10, t)
    opening = patch.band(opening_top, opening_bottom)
    patch.paint(opening, MOUTH)
    if face.mouth_open.any():
        tongue = ellipse(u, v - lower - 0.015, half_width * 0.55, 0.05 * face.ones)
        patch.paint(np.minimum(patch.coverage(tongue, soft=0.02), opening), TONGUE)
        teeth = arc(u, v, half_width, upper + np.minimum(0.055, 0.75 * face.mouth_open))
        patch.paint(np.minimum(patch.coverage(teeth), opening), TEETH)
    half = 0.0055 * np.clip(1 - (u / (half_width * 1.03)) ** 2, 0, 1)
    line = patch.band(opening_top + half, opening_top - half)
    patch.paint(line * 0.85, face.lips * 0.42)
