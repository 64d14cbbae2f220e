"""Head and shoulders: ears, neck, clothes, the skull, and the soft relief of its surface."""

from __future__ import annotations

import numpy as np

from .anatomy import Anatomy
from .canvas import Canvas, Patch, arc, ellipse, soft_ellipse, wave

__all__ = ["ears", "head", "relief", "shoulders"]

SHADOW, REDNESS = (0.80, 0.68, 0.64), (1.02, 0.82, 0.82)  # tints of the relief
CREASE = (0.66, 0.52, 0.49)


def ears(canvas: Canvas, face: Anatomy) -> None:
    """Paint both ears; the one turned away is hidden by the head, which is painted later."""
    size = 1 + 0.15 * face.old
    a, b = 0.075 * size, 0.125 * size
    for side in (-1, 1):
        u = side * (face.half_width + 0.015) - 0.11 * face.sin_yaw
        patch = canvas.head_patch(u, 0.07 * face.ones, a + 0.01, b + 0.01)
        t = 0.55 + side * face.light * 0.35 - patch.v * 1.2
        slanted = patch.u + 0.18 * side * patch.v
        coverage = patch.coverage(ellipse(slanted, patch.v, a, b))
        patch.paint(coverage, face.skin_dark, face.skin, t)
        hollow = soft_ellipse(slanted + 0.012 * side, patch.v - 0.005, a * 0.75, b * 0.72)
        patch.shade(hollow, (0.72, 0.55, 0.52))


def shoulders(canvas: Canvas, face: Anatomy) -> None:
    """Paint neck and shoulders, and the chin's shadow on them."""
    _paint_neck(canvas, face)
    _paint_clothes(canvas, face)


def _chin_shadow(
    canvas: Canvas,
    face: Anatomy,
    patch: Patch,
    x: np.ndarray,
    y: np.ndarray,
    fraction: np.ndarray,
) -> None:
    """Shade a patch whose centre is (x, y) where the chin keeps off the light."""
    chin_x = canvas.origin[0] - canvas.sin * face.chin - 0.08 * face.light
    chin_y = canvas.origin[1] + canvas.cos * face.chin
    u, v = patch.u + x - chin_x, patch.v + y - chin_y
    shadow = soft_ellipse(u, v, 0.50 * face.ones, 0.26 * face.ones)
    patch.shade(shadow * fraction, (0.46, 0.38, 0.40))


def _paint_neck(canvas: Canvas, face: Anatomy) -> None:
    x, y = 0.4 * face.origin_x, 0.75 * face.ones
    half_width = 0.230 + 0.02 * face.factors["jaw"]
    patch = canvas.picture_patch(x, y, half_width + 0.1, 0.5 * face.ones)
    u, v = patch.u, patch.v
    width = half_width + 0.5 * np.maximum(v + 0.05, 0) ** 2
    t = 0.52 + face.light * u * 1.3 - 3.0 * u * u + 0.4 * (v + 0.1)
    coverage = patch.coverage(np.maximum(np.abs(u) - width, -0.4 - v))
    patch.paint(coverage, face.skin_dark, face.skin, t)
    _chin_shadow(canvas, face, patch, x, y, coverage)


def _paint_clothes(canvas: Canvas, face: Anatomy) -> None:
    ones = face.ones
    patch = canvas.picture_patch(face.zeros, ones, ones, 0.42 * ones)
    u, v = patch.u, patch.v
    uu = u * u
    # The shoulders fall away from the neck.
    depth = (v + 0.28 - 0.38 * uu * (1 + uu)) / np.sqrt(1 + 0.58 * uu)
    jumper, shirt = ((face.factors["neckline"] == k).astype(np.float32) for k in (1, 2))
    neckline = ellipse(u, v + 0.34, 0.30 * ones, 0.17 * ones)
    v_neck = (np.abs(u) + 1.3 * v + 0.13) / 1.64
    neckline += jumper * (v_neck - neckline)
    folds = wave(u * 1.3 + v * 0.8 + face.strand_phase) * wave(u * 0.9 - 0.3)
    t = 0.62 + face.light * u * 0.5 - 0.5 * (v + 0.1) + 0.10 * folds
    cloth = np.minimum(patch.coverage(-depth), patch.coverage(-neckline))
    patch.paint(cloth, face.clothes * 0.62, face.clothes * 1.12, t)
    trim = np.minimum(patch.outline(neckline - 0.024, 0.021 * ones), cloth)
    patch.shade(trim * (1 - shirt), (0.80, 0.80, 0.80))
    if shirt.any():  # the collar: two flaps beside the opening
        flap = np.maximum(np.abs(np.abs(u) - 0.17) + 0.55 * v - 0.06, neckline - 0.11)
        shadow = np.minimum(patch.coverage(flap - 0.012, soft=0.03), cloth) * shirt
        patch.shade(shadow, (0.75, 0.75, 0.75))
        collar = np.minimum(patch.coverage(flap), cloth) * shirt
        patch.paint(collar, np.minimum(face.clothes * 1.22 + 0.05, 1))
    _chin_shadow(canvas, face, patch, face.zeros, ones, cloth)


def head(canvas: Canvas, face: Anatomy) -> None:
    """Paint the head, lit as an ellipsoid, and note in the canvas's mask where it is."""
    centre_y, half_height = (face.chin - face.top) / 2, (face.chin + face.top) / 2
    patch = canvas.head_patch(face.zeros, centre_y, face.half_width + 0.06, half_height + 0.02)
    d, x, y, depth = face.skull_distance(patch.u, patch.v + centre_y)
    t = 0.36 + 0.46 * depth + face.light * 0.38 * x - 0.16 * y
    patch.mask[:] = patch.coverage(d)
    patch.paint(patch.mask, face.skin_dark, face.skin, t)


def relief(canvas: Canvas, face: Anatomy) -> None:
    """Paint the soft relief of cheeks, brow, eye sockets and chin, and the wrinkles of age."""

    def spot(
        x: np.ndarray,
        y: np.ndarray,
        a: float,
        b: float,
        strength: np.ndarray | float,
        tint: tuple[float, float, float] | None = None,
    ) -> None:
        """Shade a spot around (x, y) of half widths a and b, or without a tint highlight it."""
        u, scale = face.project(x, y)
        patch = canvas.head_patch(u, y, a * scale, b * face.ones)
        fraction = soft_ellipse(patch.u, patch.v, a * scale, b * face.ones)
        fraction *= strength
        fraction *= patch.mask
        if tint is None:
            patch.paint(fraction, face.highlight)
        else:
            patch.shade(fraction, tint)

    ones = face.ones
    for side in (-1, 1):
        x = side * face.eye_x
        spot(1.35 * x, 0.20 * ones, 0.17, 0.13, 0.5 + 0.5 * face.smile, REDNESS)
        spot(1.2 * x, 0.12 * ones - 0.01 * face.smile, 0.13, 0.06, 0.16 + side * face.light * 0.2)
        spot(x, -0.03 * ones, 0.20, 0.13, 0.45 - side * face.light * 0.25, SHADOW)
        if face.old.any():
            spot(0.95 * x, 0.105 * ones, 0.12, 0.05, 0.7 * face.old, SHADOW)
    spot(0.12 * face.light, -0.33 * ones, 0.28, 0.16, 0.22)
    spot(face.zeros, face.mouth_y + 0.10, 0.15, 0.05, 0.8, SHADOW)
    spot(0.05 * face.light, face.chin - 0.09, 0.12, 0.07, 0.18)
    _wrinkles(canvas, face)


def _wrinkles(canvas: Canvas, face: Anatomy) -> None:
    """Paint the folds beside the nose, and the lines on forehead and around the eyes."""

    def crease(
        x: np.ndarray,
        y: np.ndarray,
        half_width: float,
        height: float,
        angle: float,
        strength: np.ndarray,
    ) -> None:
        """Shade a soft line around (x, y), bent by `height` and rotated by `angle` (radians)."""
        u, scale = face.project(x, y)
        half_window = (half_width + 0.03) * face.ones
        patch = canvas.head_patch(u, y, half_window, half_window)
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        a, b = cos * patch.u / scale + sin * patch.v, cos * patch.v - sin * patch.u
        half = 0.010 * np.clip(1 - (a / half_width) ** 2, 0, 1)
        d = np.abs(arc(a, b, half_width * face.ones, height * face.ones)) - half
        coverage = patch.coverage(d, soft=0.018)
        patch.shade(coverage * patch.mask * (half > 0) * strength, CREASE)

    ones, old = face.ones, face.old
    for side in (-1, 1):  # from the nose to the corners of the mouth: in a smile, and with age
        x = side * (0.145 + 0.02 * face.smile)
        strength = 0.35 * face.smile + 0.5 * old
        crease(x, 0.275 * ones, 0.10, -0.025 * side, side * 0.95, strength)
    if not old.any():
        return
    for y, half_width in ((-0.29, 0.22), (-0.235, 0.25)):  # the forehead
        crease(face.zeros, y * ones, half_width, -0.02, 0.0, 0.7 * old)
    for side in (-1, 1):
        for angle in (-0.45, 0.0, 0.45):  # beside the eyes
            x, y = side * (face.eye_x + 0.16), (0.015 + 0.07 * angle) * ones
            crease(x, y, 0.04, 0.0, side * angle, 0.8 * old)
        crease(side * face.eye_x * 0.97, 0.085 * ones, 0.10, 0.025, 0.0, 0.7 * old)
