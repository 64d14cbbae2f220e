"""What grows on a face and what it wears: hair and beard, glasses and hats, painted on the canvas of canvas.py.

Hair is the head itself, drawn larger, less an opening for the face; the table STYLES of anatomy.py has its measures. Its
strands are waves across the direction it falls, several octaves of them, each left out where pixels could not show it.
"""

from __future__ import annotations

import numpy as np

from .anatomy import Anatomy, palette
from .canvas import Canvas, Patch, arc, blob, ellipse, rounded_box, wave

__all__: list[str] = []

HATS = palette("b5423c", "3e6391", "55805a", "d9a93f", "7d4a72", "45474d")
STRAW = palette("dcc08a")
FRAMES = palette("24587c", "26221f", "8e2f34")  # by the style of the glasses
WHITE = palette("ffffff").T

# Glasses, a row a style: half width and half height of a lens, radius of its corners, half the thickness of the rim.
LENS = np.array([[0.160, 0.150, 0.149, 0.014], [0.165, 0.115, 0.045, 0.019], [0.178, 0.155, 0.110, 0.015]], np.float32)


def strands(patch: Patch, u: np.ndarray, v: np.ndarray, face: Anatomy, rate: float) -> np.ndarray | float:
    """Light and dark strands of hair that run down from a point high above, -1 to 1; finer ones only where pixels show them."""
    across = (u - face.part) / (v + 1.5)
    along = v * (2.0 + 3.0 * face.tight) + u * (1 + 2.5 * face.tight)
    if face.tight.any():
        along += 0.4 * face.tight * wave(u * 1.9 + v)
    across += face.phase + (0.006 + 0.035 * face.curl) * wave(along)
    total = 0.0
    for times, strength in ((1.0, 0.40), (2.7, 0.30), (6.1, 0.25), (13.0, 0.2)):
        fade = min(max(1 / (rate * times) / patch.px / 2 - 0.5, 0), 1)  # by how many pixels a strand is wide
        if fade > 0:
            total = total + wave(across * (rate * times)) * (fade * strength)
    return total


def back_hair(canvas: Canvas, face: Anatomy) -> None:
    """The hair behind head and neck, down to its length; and a bun."""
    if face.bun.any():
        y = -(face.top + 0.10) + 0.4 * face.hat
        patch = canvas.head(face.lean * -0.5, y, 0.2 * face.one, 0.2 * face.one)
        size = 0.165 * face.one
        d = ellipse(patch.u, patch.v, size, size * 0.92)
        t = 0.45 - patch.v * 2 + face.side * patch.u * 2 + 0.25 * wave(patch.u * 3 + patch.v * 7)
        patch.paint(patch.cover(d) * face.bun, face.hair_dark, face.hair, np.clip(t, 0, 1))
    if face.back.any():
        half = face.w + face.broad
        high = (1 - face.hat) * (face.top + face.above) + 0.40 * face.hat
        height, middle = (face.back + high) / 2, (face.back - high) / 2
        patch = canvas.head(face.zero, middle, half + 0.04, height + 0.03)
        u, v = patch.u, patch.v
        d = rounded_box(u + face.bumps * wave((v + middle) * 2.2 + face.phase), v, half, height, np.minimum(half, height) * 0.75)
        t = 0.10 + 0.12 * strands(patch, u, v + middle, face, 5.0) + 0.2 * np.abs(u)
        patch.paint(patch.cover(d) * (face.back > 0), face.hair_dark, face.hair, np.clip(t, 0, 1))


def beard(canvas: Canvas, face: Anatomy) -> None:
    """Hair on cheeks, chin and lip, as the style says; painted before the mouth."""
    share = face.f["beard"].astype(np.float32)
    if not share.any():
        return
    style = face.f["beard_style"]
    full, short, goatee = ((style == k).astype(np.float32) for k in range(3))
    one = face.one
    grow = 0.085 * full + 0.012 * short + 0.04 * goatee
    middle, height = 0.42 * one, 0.47 + grow
    patch = canvas.head(face.lean * 0.4, middle, face.w + 0.09 + grow, height)
    u, v = patch.u + face.lean * 0.4, patch.v + middle
    jaw, x, _, _ = face.skull(u, v, grow)
    centre, _ = face.at(face.zero, face.mouth_y, 0.02)
    off = np.abs(u - centre)
    edge = 0.275 + 0.05 * short - 0.9 * np.clip(off - 0.20, 0, 1) ** 2 - 1.3 * np.clip(off - 0.36, 0, 1)
    ragged = wave(u * 9 + face.phase) * 0.008
    d = np.maximum(edge + ragged, 0.02) - v
    d = np.maximum(d, goatee * (ellipse(u - centre, v - 0.47, 0.21 * one, 0.26 * one) + 1) - 1)
    lines = strands(patch, u * 1.6, v, face, 9.0)
    t = 0.40 - 0.20 * short + face.side * x * 0.3 - 0.25 * (v - 0.45) + 0.22 * lines
    inside = np.minimum(patch.cover(jaw + (0.010 - 0.010 * short) * lines, 0.015), patch.cover(d, 0.015 + 0.085 * short))
    patch.paint(inside * (share * (0.95 - 0.20 * short)), face.hair_dark, face.hair, np.clip(t, 0, 1))


def hair(canvas: Canvas, face: Anatomy) -> None:
    """The hair over the head: a larger head, less an opening for the face; first its shadow on the forehead."""
    reach = np.maximum(face.reach, 0.05)
    high, low = face.top + face.above + 0.04, reach + 0.03
    middle = (low - high) / 2
    patch = canvas.head(face.zero, middle, face.w + face.beside + face.flare + 0.05, (low + high) / 2)
    u, v = patch.u, patch.v + middle
    up, down = np.minimum(v, 0), np.maximum(v, 0)
    lean = face.lean * -0.15
    bump = 0.0
    if face.bumps.any():
        bump = face.bumps * (wave(u * 2.1 - v * 0.9 + face.phase) + wave(v * 2.6 + u * 0.7))
    a, b = face.w + face.beside, face.top + face.above
    x, y = (u - lean) / (a + face.flare * down), up / b
    xx, yy = x * x, y * y
    q = np.sqrt(xx + yy - 0.40 * xx * np.minimum(yy, 1))
    outer = q * (q - 1) / (np.sqrt(xx / (a * a) + yy / (b * b)) + 1e-6) + bump

    shift, _ = face.at(face.zero, -0.3 * face.one)
    p = u - 0.75 * shift
    half = face.w * face.opening * (1 - 0.10 * np.abs(face.sin))
    lock = 0.5 * (half + a + (face.flare + 0.10) * reach)  # where the sides end, in rounded tips
    outer = np.maximum(outer, v - reach + 5 * np.clip(np.abs(u) - lock, -0.3, 0.3) ** 2)
    sides = np.abs(p) - half - 0.10 * down
    bent = np.clip(v, -0.5, 0.5)  # no opening beside the head
    sides = np.maximum(sides, np.abs(u - face.lean * down) + face.w * (1.2 * bent * bent - 0.975))
    off = np.abs(p - face.part)
    fringe = face.line + face.slope * off * np.clip(off * 3, 0, 1) - v
    corner = np.sqrt(np.maximum(sides + 0.16, 0) ** 2 + np.maximum(fringe + 0.16, 0) ** 2) - 0.16
    opening = corner + (0.006 + 0.5 * face.bumps) * wave(u * 6 + face.phase)
    if face.hat.any():
        outer = np.maximum(outer, face.hat * (0.65 - v) - 1)  # nothing above the edge of the hat
    cut = np.maximum(outer, -opening)

    share = patch.cover(cut)
    shadow = patch.cover(cut - 0.035, soft=0.09) * patch.cover(outer + 0.02, soft=0.05)
    patch.shade(shadow * (1 - share) * 0.6, (0.62, 0.50, 0.48))
    sheen = blob(u - 0.25 * face.side, v + 0.50 - 0.25 * u * u, 0.42 * face.one, 0.12 * face.one)
    t = 0.36 - 0.22 * v + 0.55 * face.side * u + 0.40 * sheen + 0.30 * strands(patch, u, v, face, 5.0)
    share *= face.one - 0.14 * face.cropped  # the skin shows through the shortest
    patch.paint(share, face.hair_dark, face.hair, np.clip(t, 0, 1))


def arms(canvas: Canvas, face: Anatomy) -> None:
    """The arms of the glasses, from the rims to the ears: under the hair."""
    share = face.f["glasses"].astype(np.float32)
    if not share.any():
        return
    style = face.f["glasses_style"]
    for side in (-1, 1):
        hinge, narrow = face.at(side * 0.212 * face.one, face.zero, 0.06)
        begin = hinge + side * LENS[style, 0] * narrow
        end = side * (face.w - 0.005) - 0.06 * face.sin
        length = np.maximum(side * (end - begin), 0) / 2
        patch = canvas.head((begin + end) / 2, -0.015 * face.one, length + 0.02, 0.05 * face.one)
        half = LENS[style, 3] * 0.8
        line = np.minimum(patch.ring(patch.v, half), patch.cover(np.abs(patch.u) - length)) * (length > 0)
        patch.paint(line * share, FRAMES[style].T)


def glasses(canvas: Canvas, face: Anatomy) -> None:
    """Two rims with a faint gleam in each, and a bridge."""
    share = face.f["glasses"].astype(np.float32)
    if not share.any():
        return
    style = face.f["glasses_style"]
    rim = FRAMES[style].T
    a0, b, r, half = LENS[style].T
    y = 0.015 * face.one
    bridge = []
    for side in (-1, 1):
        u0, narrow = face.at(side * 0.212 * face.one, face.zero, 0.06)
        a = a0 * narrow
        bridge.append(u0 - side * a)
        patch = canvas.head(u0, y, a + 0.04, b + 0.05)
        d = rounded_box(patch.u, patch.v, a, b, np.minimum(r, a))
        glass = patch.cover(d) * share
        patch.paint(glass * 0.16, WHITE)
        streak = np.abs(patch.u + 0.55 * patch.v + 0.03) - 0.028
        patch.paint(np.minimum(patch.cover(streak), glass) * 0.22, WHITE)
        patch.paint(patch.ring(d, half) * share, rim * 0.75, rim * 1.35 + 0.04, np.clip(0.5 - patch.v * 4, 0, 1))
    left, right = bridge
    w = np.maximum((right - left) / 2, 0.01) + 0.01
    patch = canvas.head((left + right) / 2, y - 0.02, w, 0.06 * face.one)
    d = arc(patch.u, patch.v, w, -0.03 * face.one)
    patch.paint(patch.band(d + half, d - half) * (np.abs(patch.u) < w) * share, rim)


def hat(canvas: Canvas, face: Anatomy) -> None:
    """A crown over the skull, a cuff or ribbon around it, a brim or visor, a pompom."""
    share = face.hat
    if not share.any():
        return
    style, one = face.f["hat_style"], face.one
    wool, cap, straw = ((style == k).astype(np.float32) for k in range(3))
    tint = HATS[face.f["hat_color"]].T
    base = tint + straw * (STRAW.T - tint)
    edge = -0.33 * one
    shift = face.lean * 0.2
    a = face.w + 0.075 + 0.03 * wool - 0.05 * straw - 0.025 * cap
    b = 0.46 + 0.03 * wool - 0.02 * cap
    if wool.any():  # pompom, behind the crown
        y = edge - b - 0.02
        patch = canvas.head(shift, y, 0.14 * one, 0.14 * one)
        d = ellipse(patch.u, patch.v, 0.115 * one, 0.105 * one) + 0.010 * wave(patch.u * 12) * wave(patch.v * 12)
        t = 0.6 - patch.v * 4 + face.side * patch.u * 3
        patch.paint(patch.cover(d) * (share * wool), tint * 0.75 + 0.12, tint * 0.6 + 0.5, np.clip(t, 0, 1))
    patch = canvas.head(shift, edge - b / 2, a + 0.03, b / 2 + 0.04)
    u, v = patch.u, patch.v - b / 2
    crown = ellipse(u, v, a, b)
    flat = rounded_box(u, v + b * 0.45, a * (0.92 + 0.12 * v / b), b * 0.5, 0.15 * one)
    crown = np.maximum(crown + straw * (flat - crown), v + cap * (0.07 * (u / a) ** 2 - 0.06))
    t = 0.40 - 0.9 * (v + b * 0.5) + face.side * u * 0.6
    fade = min(max(0.11 / patch.px / 2 - 0.5, 0), 1)
    if fade > 0:
        knit = wave(u / (1.3 + v) * 14) * wool + wave(u * 18) * wave(v * 18) * (0.8 * straw)
        t = t + 0.16 * fade * knit
    t = t - cap * 0.35 * np.clip(1 - np.abs(np.abs(u) - 0.16 - 0.1 * v) * 60, 0, 1)
    patch.paint(patch.cover(crown) * share, base * 0.58, np.clip(base * 1.15 + 0.04, 0, 1), np.clip(t, 0, 1))

    high = 0.075 * wool + 0.05 * straw + 0.001 * cap  # cuff or ribbon
    patch = canvas.head(shift, edge - 0.03 * straw, a + 0.04, high + 0.06)
    bend = patch.v + 0.05 * (patch.u / a) ** 2
    d = rounded_box(patch.u, bend, a + 0.022 * wool - 0.09 * a * straw, high, 0.05 * wool + 0.001)
    patch.shade(patch.cover(d, soft=0.10) * (share * wool * 0.4) * (np.abs(patch.u) < face.w * 0.95), (0.6, 0.5, 0.5))
    t = 0.6 - patch.v * 3 + face.side * patch.u * 0.6 + 0.25 * fade * wave(patch.u * 9) * wool
    patch.paint(patch.cover(d) * (share * (1 - cap)), tint * 0.6, np.clip(tint * 1.2 + 0.05, 0, 1), np.clip(t, 0, 1))

    turn, _ = face.at(face.zero, -0.35 * one, 0.15)  # visor or brim
    patch = canvas.head(shift, edge + 0.02, 0.85 * one, 0.2 * one)
    u = patch.u - (turn * 0.75) * cap
    w, h = 0.43 * cap + 0.82 * straw + 0.1 * wool, 0.105 * cap + 0.075 * straw + 0.1 * wool
    brim = ellipse(u, patch.v - 0.015 * cap, w, h)
    below = patch.cover(ellipse(u, patch.v - 0.05, 0.85 * w, h + 0.02), soft=0.08) * patch.cover(-brim)
    below *= np.abs(patch.u) < face.w * 0.97
    patch.shade(below * (share * (1 - wool)) * 0.45, (0.6, 0.5, 0.5))
    brim = patch.cover(brim) * (share * (1 - wool))
    t = 0.45 - patch.v * 5 + face.side * u * 0.4
    patch.paint(brim, base * 0.50, np.clip(base * 1.12 + 0.03, 0, 1), np.clip(t, 0, 1))
