"""What a face wears: glasses and hats."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .anatomy import Anatomy, parse_colours
from .canvas import Canvas, arc, ellipse, rounded_box, wave

__all__ = ["glasses", "glasses_arms", "hat"]

WHITE = parse_colours("ffffff").T
FRAMES = parse_colours("24587c", "26221f", "8e2f34")  # by the style of the glasses
# Glasses, one row per style: half width and half height of a lens, radius of its corners, half the
# thickness of the rim.
LENSES = np.array(
    [[0.160, 0.150, 0.149, 0.014], [0.165, 0.115, 0.045, 0.019], [0.178, 0.155, 0.110, 0.015]],
    np.float32,
)
LENS_X = 0.212  # the centre of a lens
HAT_COLOURS = parse_colours("b5423c", "3e6391", "55805a", "d9a93f", "7d4a72", "45474d")
STRAW = parse_colours("dcc08a")
HAT_SHADOW = (0.6, 0.5, 0.5)


def glasses_arms(canvas: Canvas, face: Anatomy) -> None:
    """Paint the arms of the glasses, from the rims to the ears; the hair is painted later."""
    is_worn = face.factors["glasses"].astype(np.float32)
    if not is_worn.any():
        return
    style = face.factors["glasses_style"]
    for side in (-1, 1):
        hinge, scale = face.project(side * LENS_X * face.ones, face.zeros, 0.06)
        begin = hinge + side * LENSES[style, 0] * scale
        end = side * (face.half_width - 0.005) - 0.06 * face.sin_yaw
        half_length = np.maximum(side * (end - begin), 0) / 2
        middle = (begin + end) / 2
        window = (half_length + 0.02, 0.05 * face.ones)
        patch = canvas.head_patch(middle, -0.015 * face.ones, *window)
        line = patch.outline(patch.v, LENSES[style, 3] * 0.8)
        line = np.minimum(line, patch.coverage(np.abs(patch.u) - half_length))
        patch.paint(line * (half_length > 0) * is_worn, FRAMES[style].T)


def glasses(canvas: Canvas, face: Anatomy) -> None:
    """Paint two rims with a faint reflection in each lens, and a bridge between them."""
    is_worn = face.factors["glasses"].astype(np.float32)
    if not is_worn.any():
        return
    style = face.factors["glasses_style"]
    rim = FRAMES[style].T
    lens_a, b, corner_radius, rim_half = LENSES[style].T
    y = 0.015 * face.ones
    bridge_ends = []
    for side in (-1, 1):
        x, scale = face.project(side * LENS_X * face.ones, face.zeros, 0.06)
        a = lens_a * scale
        bridge_ends.append(x - side * a)
        patch = canvas.head_patch(x, y, a + 0.04, b + 0.05)
        d = rounded_box(patch.u, patch.v, a, b, np.minimum(corner_radius, a))
        lens = patch.coverage(d) * is_worn
        patch.paint(lens * 0.16, WHITE)
        streak = np.abs(patch.u + 0.55 * patch.v + 0.03) - 0.028
        patch.paint(np.minimum(patch.coverage(streak), lens) * 0.22, WHITE)
        rim_coverage = patch.outline(d, rim_half) * is_worn
        patch.paint(rim_coverage, rim * 0.75, rim * 1.35 + 0.04, 0.5 - patch.v * 4)
    left, right = bridge_ends
    half_width = np.maximum((right - left) / 2, 0.01) + 0.01
    patch = canvas.head_patch((left + right) / 2, y - 0.02, half_width, 0.06 * face.ones)
    d = arc(patch.u, patch.v, half_width, -0.03 * face.ones)
    bridge = patch.band(d + rim_half, d - rim_half)
    patch.paint(bridge * (np.abs(patch.u) < half_width) * is_worn, rim)


class Hat(NamedTuple):
    """Measures and colours of n hats: arrays (n,), colours (3, n)."""

    is_worn: np.ndarray  # 1 or 0, as are the next three
    is_wool: np.ndarray
    is_cap: np.ndarray
    is_straw: np.ndarray
    colour: np.ndarray  # of the cloth, or of a straw hat's ribbon
    base: np.ndarray  # of the crown and the brim
    edge: np.ndarray  # y of the lower edge of the crown
    shift: np.ndarray  # x of the middle
    a: np.ndarray  # half width of the crown
    b: np.ndarray  # height of the crown


def hat(canvas: Canvas, face: Anatomy) -> None:
    """Paint a hat: a crown, a cuff or ribbon around it, a brim or visor, and a pompom."""
    if not face.hat.any():
        return
    style = face.factors["hat_style"]
    wool, cap, straw = ((style == k).astype(np.float32) for k in range(3))
    colour = HAT_COLOURS[face.factors["hat_color"]].T
    measures = Hat(
        is_worn=face.hat,
        is_wool=wool,
        is_cap=cap,
        is_straw=straw,
        colour=colour,
        base=colour + straw * (STRAW.T - colour),
        edge=-0.33 * face.ones,
        shift=face.lean * 0.2,
        a=face.half_width + 0.075 + 0.03 * wool - 0.05 * straw - 0.025 * cap,
        b=0.46 + 0.03 * wool - 0.02 * cap,
    )
    _paint_pompom(canvas, face, measures)
    _paint_crown(canvas, face, measures)
    _paint_cuff(canvas, face, measures)
    _paint_brim(canvas, face, measures)


def _texture_fade(px: float) -> float:
    """Return how visible the texture of a hat is, 0 to 1, at pixels of this size."""
    return min(max(0.11 / px / 2 - 0.5, 0), 1)


def _paint_pompom(canvas: Canvas, face: Anatomy, hat: Hat) -> None:
    """Paint the pompom of a woollen hat; the crown is painted later, in front of it."""
    if not hat.is_wool.any():
        return
    half = 0.14 * face.ones
    patch = canvas.head_patch(hat.shift, hat.edge - hat.b - 0.02, half, half)
    u, v = patch.u, patch.v
    fluff = 0.010 * wave(u * 12) * wave(v * 12)
    coverage = patch.coverage(ellipse(u, v, 0.115 * face.ones, 0.105 * face.ones) + fluff)
    dark, light = hat.colour * 0.75 + 0.12, hat.colour * 0.6 + 0.5
    t = 0.6 - v * 4 + face.light * u * 3
    patch.paint(coverage * (hat.is_worn * hat.is_wool), dark, light, t)


def _paint_crown(canvas: Canvas, face: Anatomy, hat: Hat) -> None:
    """Paint the crown over the skull: round, or flat for a straw hat."""
    a, b = hat.a, hat.b
    patch = canvas.head_patch(hat.shift, hat.edge - b / 2, a + 0.03, b / 2 + 0.04)
    u, v = patch.u, patch.v - b / 2
    round_crown = ellipse(u, v, a, b)
    flat_crown = rounded_box(u, v + b * 0.45, a * (0.92 + 0.12 * v / b), b * 0.5, 0.15 * face.ones)
    d = round_crown + hat.is_straw * (flat_crown - round_crown)
    d = np.maximum(d, v + hat.is_cap * (0.07 * (u / a) ** 2 - 0.06))
    t = 0.40 - 0.9 * (v + b * 0.5) + face.light * u * 0.6
    fade = _texture_fade(patch.px)
    if fade > 0:
        knit, weave = wave(u / (1.3 + v) * 14), wave(u * 18) * wave(v * 18)
        t = t + 0.16 * fade * (knit * hat.is_wool + weave * (0.8 * hat.is_straw))
    seam = np.clip(1 - np.abs(np.abs(u) - 0.16 - 0.1 * v) * 60, 0, 1)
    t = t - hat.is_cap * 0.35 * seam
    light = np.clip(hat.base * 1.15 + 0.04, 0, 1)
    patch.paint(patch.coverage(d) * hat.is_worn, hat.base * 0.58, light, t)


def _paint_cuff(canvas: Canvas, face: Anatomy, hat: Hat) -> None:
    """Paint the cuff of a woollen hat, with its shadow, or the ribbon of a straw hat."""
    height = 0.075 * hat.is_wool + 0.05 * hat.is_straw + 0.001 * hat.is_cap
    middle = hat.edge - 0.03 * hat.is_straw
    patch = canvas.head_patch(hat.shift, middle, hat.a + 0.04, height + 0.06)
    u, v = patch.u, patch.v
    bent = v + 0.05 * (u / hat.a) ** 2
    half_width = hat.a + 0.022 * hat.is_wool - 0.09 * hat.a * hat.is_straw
    d = rounded_box(u, bent, half_width, height, 0.05 * hat.is_wool + 0.001)
    on_head = np.abs(u) < face.half_width * 0.95
    shadow = patch.coverage(d, soft=0.10) * (hat.is_worn * hat.is_wool * 0.4)
    patch.shade(shadow * on_head, HAT_SHADOW)
    t = 0.6 - v * 3 + face.light * u * 0.6
    t = t + 0.25 * _texture_fade(patch.px) * wave(u * 9) * hat.is_wool
    light = np.clip(hat.colour * 1.2 + 0.05, 0, 1)
    patch.paint(patch.coverage(d) * (hat.is_worn * (1 - hat.is_cap)), hat.colour * 0.6, light, t)


def _paint_brim(canvas: Canvas, face: Anatomy, hat: Hat) -> None:
    """Paint the brim of a straw hat or the visor of a cap, and its shadow."""
    shift, _ = face.project(face.zeros, -0.35 * face.ones, 0.15)
    patch = canvas.head_patch(hat.shift, hat.edge + 0.02, 0.85 * face.ones, 0.2 * face.ones)
    u, v = patch.u - (shift * 0.75) * hat.is_cap, patch.v
    a = 0.43 * hat.is_cap + 0.82 * hat.is_straw + 0.1 * hat.is_wool
    b = 0.105 * hat.is_cap + 0.075 * hat.is_straw + 0.1 * hat.is_wool
    d = ellipse(u, v - 0.015 * hat.is_cap, a, b)
    is_visible = hat.is_worn * (1 - hat.is_wool)
    shadow = patch.coverage(ellipse(u, v - 0.05, 0.85 * a, b + 0.02), soft=0.08)
    shadow = shadow * patch.coverage(-d)
    shadow *= np.abs(patch.u) < face.half_width * 0.97
    patch.shade(shadow * is_visible * 0.45, HAT_SHADOW)
    t = 0.45 - v * 5 + face.light * u * 0.4
    light = np.clip(hat.base * 1.12 + 0.03, 0, 1)
    patch.paint(patch.coverage(d) * is_visible, hat.base * 0.50, light, t)
