"""Drawing the faces of `faces`: some thirty layers of shapes, from the background to the hat, on the canvas of canvas.py.

`draw` takes factors to pictures. Each function after it paints one part of the portrait, in the order of `LAYERS`: what is
painted later lies in front. Measures and colours come from anatomy.py; hair and what is worn stand in accessories.py.

Light comes from above, from the front, and from the side that the factor says. Every part has a shadow colour and a light
one, mixed by how much light falls there; the head is lit as an ellipsoid.
"""

from __future__ import annotations

import numpy as np

from .accessories import arms, back_hair, beard, glasses, hair, hat
from .anatomy import STYLES, Anatomy, palette
from .canvas import Canvas, Patch, arc, blob, ellipse, wave

__all__: list[str] = []

BLOCK = 128  # small faces painted at a time
PIXELS = 131072  # of all of them together: a plane is 512 kB; smaller ones cost more in calls than they save in cache

BACKGROUND = palette("b4c0ac", "adbcc8", "cbbfa9", "bdb0bf", "b9babb", "ccb5a6")
NIGHT = palette("2b3450").T
EYE_WHITE, EYE_SHADE, PUPIL, WHITE = (palette(c).T for c in ("fbf8f4", "b9a8a8", "120d0d", "ffffff"))
MOUTH, TEETH, TONGUE = (palette(c).T for c in ("4a1a1c", "f7f2ea", "b5565a"))
LAMPS = [  # of the night, out of focus: x, y, radius, colour
    (-0.78, -0.62, 0.13, palette("f2c46d").T),
    (0.82, -0.30, 0.10, palette("e88f6a").T),
    (0.60, -0.84, 0.07, palette("f6e3a8").T),
    (-0.88, 0.12, 0.08, palette("8fb4e8").T),
]


def draw(factors: np.ndarray, size: int) -> np.ndarray:
    """Pictures uint8 (n, 3, size, size) of n faces, small ones many at a time, large ones one by one in bands of rows.

    Faces that have the same things are painted together, so that a layer which none of them has is left out, and those that
    look the same way, so that the windows around their features are small: a fifth of the time is saved.
    """
    images = np.empty((len(factors), 3, size, size), np.uint8)
    block = BLOCK if size < 128 else 1
    height = max(1, PIXELS // (size * block))
    kind = STYLES[factors["hair_style"], 8] > 0
    order = np.lexsort((factors["yaw"], factors["glasses"], factors["beard"], kind, factors["hat"]))
    for i in range(0, len(factors), block):
        some = order[i : i + block]
        face = Anatomy(factors[some])
        for top in range(0, size, height):
            rows = range(top, min(top + height, size))
            canvas = Canvas(size, rows, face.x, face.y, face.tilt)
            for layer in LAYERS:
                layer(canvas, face)
            planes = canvas.planes
            planes *= 255
            planes += 0.5
            np.clip(planes, 0, 255, out=planes)
            images[some, :, top : rows.stop] = np.moveaxis(planes.astype(np.uint8), -1, 0)
    return images


def background(canvas: Canvas, face: Anatomy) -> None:
    """A wall, lighter behind the head and on the light's side; at night a dark one with a few lights out of focus."""
    patch = canvas.whole()
    wall = BACKGROUND[face.f["background"]].T
    wall = wall + face.night * (NIGHT + 0.12 * (wall - 0.7) - wall)
    glow = blob(patch.u - 0.3 * face.side, patch.v + 0.15, 1.6 * face.one, 1.6 * face.one)
    for c, plane in enumerate(patch.planes):
        np.multiply(glow, 0.13 * wall[c], out=plane)
        plane += 0.92 * wall[c]
    if face.night.any():
        for x, y, r, tint in LAMPS:
            spot = canvas.body(x * face.one, y * face.one, r * face.one, r * face.one)
            share = spot.cover(ellipse(spot.u, spot.v, r * face.one, r * face.one), soft=0.03)
            spot.paint(share * (0.55 * face.night), tint)


def ears(canvas: Canvas, face: Anatomy) -> None:
    """Both ears: the one turned away is hidden by the head, which is painted later."""
    size = 1 + 0.15 * face.old
    for side in (-1, 1):
        u, a, b = side * (face.w + 0.015) - 0.11 * face.sin, 0.075 * size, 0.125 * size
        patch = canvas.head(u, 0.07 * face.one, a + 0.01, b + 0.01)
        t = 0.55 + side * face.side * 0.35 - patch.v * 1.2
        lean = patch.u + 0.18 * side * patch.v
        patch.paint(patch.cover(ellipse(lean, patch.v, a, b)), face.skin_dark, face.skin, np.clip(t, 0, 1))
        hollow = blob(lean + 0.012 * side, patch.v - 0.005, a * 0.75, b * 0.72)
        patch.shade(hollow, (0.72, 0.55, 0.52))


def body(canvas: Canvas, face: Anatomy) -> None:
    """Neck and shoulders, and the shadow of the chin on them."""
    one = face.one
    chin_x, chin_y = canvas.origin[0] - canvas.sin * face.chin - 0.08 * face.side, canvas.origin[1] + canvas.cos * face.chin

    def shadow(patch: Patch, x: np.ndarray, y: np.ndarray, share: np.ndarray) -> None:
        patch.shade(blob(patch.u + x - chin_x, patch.v + y - chin_y, 0.50 * one, 0.26 * one) * share, (0.46, 0.38, 0.40))

    x, y = 0.4 * face.x, 0.75 * one
    neck = 0.230 + 0.02 * face.f["jaw"]
    patch = canvas.body(x, y, neck + 0.1, 0.5 * one)
    width = neck + 0.5 * np.maximum(patch.v + 0.05, 0) ** 2
    t = 0.52 + face.side * patch.u * 1.3 - 3.0 * patch.u * patch.u + 0.4 * (patch.v + 0.1)
    share = patch.cover(np.maximum(np.abs(patch.u) - width, -0.4 - patch.v))
    patch.paint(share, face.skin_dark, face.skin, np.clip(t, 0, 1))
    shadow(patch, x, y, share)

    patch = canvas.body(face.zero, one, one, 0.42 * one)
    u, v = patch.u, patch.v
    uu = u * u
    d = (v + 0.28 - 0.38 * uu * (1 + uu)) / np.sqrt(1 + 0.58 * uu)  # the shoulders fall away from the neck
    jumper, shirt = ((face.f["neckline"] == k).astype(np.float32) for k in (1, 2))
    hole = ellipse(u, v + 0.34, 0.30 * one, 0.17 * one)
    vee = (np.abs(u) + 1.3 * v + 0.13) / 1.64
    hole += jumper * (vee - hole)
    folds = wave(u * 1.3 + v * 0.8 + face.phase) * wave(u * 0.9 - 0.3)
    t = 0.62 + face.side * u * 0.5 - 0.5 * (v + 0.1) + 0.10 * folds
    cloth = np.minimum(patch.cover(-d), patch.cover(-hole))
    patch.paint(cloth, face.cloth * 0.62, face.cloth * 1.12, np.clip(t, 0, 1))
    trim = np.minimum(patch.ring(hole - 0.024, 0.021 * one), cloth)
    patch.shade(trim * (1 - shirt), (0.80, 0.80, 0.80))
    if shirt.any():  # two flaps beside the opening
        flap = np.maximum(np.abs(np.abs(u) - 0.17) + 0.55 * v - 0.06, hole - 0.11)
        patch.shade(np.minimum(patch.cover(flap - 0.012, soft=0.03), cloth) * shirt, (0.75, 0.75, 0.75))
        patch.paint(np.minimum(patch.cover(flap), cloth) * shirt, np.minimum(face.cloth * 1.22 + 0.05, 1))
    shadow(patch, face.zero, one, cloth)


def head(canvas: Canvas, face: Anatomy) -> None:
    """The head, lit as an ellipsoid; from here on the canvas's mask tells where it is."""
    patch = canvas.head(face.zero, (face.chin - face.top) / 2, face.w + 0.06, (face.chin + face.top) / 2 + 0.02)
    d, x, y, depth = face.skull(patch.u, patch.v + (face.chin - face.top) / 2)
    t = 0.36 + 0.46 * depth + face.side * 0.38 * x - 0.16 * y
    patch.mask[:] = patch.cover(d)
    patch.paint(patch.mask, face.skin_dark, face.skin, np.clip(t, 0, 1))


def flesh(canvas: Canvas, face: Anatomy) -> None:
    """Soft relief: cheeks, brow, sockets, chin; and the lines that years draw."""
    one, dark, red = face.one, (0.80, 0.68, 0.64), (1.02, 0.82, 0.82)

    def soft(x: np.ndarray, y: np.ndarray, a: float, b: float, strength: np.ndarray | float, tint: tuple = ()) -> None:
        """A soft shadow of this tint, or a gleam, of half widths a and b at the head's point (x, y)."""
        u, narrow = face.at(x, y)
        patch = canvas.head(u, y, a * narrow, b * one)
        share = blob(patch.u, patch.v, a * narrow, b * one)
        share *= strength
        share *= patch.mask
        if tint:
            patch.shade(share, tint)
        else:
            patch.paint(share, face.gleam)

    for side in (-1, 1):
        x = side * face.eye_x
        soft(1.35 * x, 0.20 * one, 0.17, 0.13, 0.5 + 0.5 * face.smile, red)
        soft(1.2 * x, 0.12 * one - 0.01 * face.smile, 0.13, 0.06, 0.16 + side * face.side * 0.2)
        soft(x, -0.03 * one, 0.20, 0.13, 0.45 - side * face.side * 0.25, dark)
        if face.old.any():
            soft(0.95 * x, 0.105 * one, 0.12, 0.05, 0.7 * face.old, dark)
    soft(0.12 * face.side, -0.33 * one, 0.28, 0.16, 0.22)
    soft(face.zero, face.mouth_y + 0.10, 0.15, 0.05, 0.8, dark)
    soft(0.05 * face.side, face.chin - 0.09, 0.12, 0.07, 0.18)

    def line(x: np.ndarray, y: np.ndarray, w: float, height: float, turn: float, strength: np.ndarray) -> None:
        """A soft crease of half width w, bent by `height` and turned by `turn` radians."""
        u, narrow = face.at(x, y)
        patch = canvas.head(u, y, (w + 0.03) * one, (w + 0.03) * one)
        c, s = float(np.cos(turn)), float(np.sin(turn))
        a, b = c * patch.u / narrow + s * patch.v, c * patch.v - s * patch.u
        half = 0.010 * np.clip(1 - (a / w) ** 2, 0, 1)
        d = np.abs(arc(a, b, w * one, height * one)) - half
        patch.shade(patch.cover(d, soft=0.018) * patch.mask * (half > 0) * strength, (0.66, 0.52, 0.49))

    for side in (-1, 1):  # from the nose to the corners of the mouth: in a smile, and with age
        strength = 0.35 * face.smile + 0.5 * face.old
        line(side * (0.145 + 0.02 * face.smile), 0.275 * one, 0.10, -0.025 * side, side * 0.95, strength)
    if not face.old.any():
        return
    for y, w in ((-0.29, 0.22), (-0.235, 0.25)):
        line(face.zero, y * one, w, -0.02, 0.0, 0.7 * face.old)
    for side in (-1, 1):
        for turn in (-0.45, 0.0, 0.45):
            line(side * (face.eye_x + 0.16), (0.015 + 0.07 * turn) * one, 0.04, 0.0, side * turn, 0.8 * face.old)
        line(side * face.eye_x * 0.97, 0.085 * one, 0.10, 0.025, 0.0, 0.7 * face.old)


def nose(canvas: Canvas, face: Anatomy) -> None:
    """A ridge with a lit side and a shaded one, a ball between two wings, two nostrils, and the shadow below."""
    one, size = face.one, face.nose
    tip, _ = face.at(face.zero, 0.2 * one, 0.10)
    root, _ = face.at(face.zero, -0.05 * one, 0.02)
    away = np.clip(-3 * face.side - 1.5 * face.sin, -1, 1)  # the side in the shade
    patch = canvas.head((tip + root) / 2, 0.09 * one, 0.16 * size + np.abs(tip - root), 0.24 * one)
    along = np.clip(4 * patch.v + 0.56, 0, 1)  # from the root to the tip
    u = patch.u - (root - tip) / 2 - (tip - root) * along
    flank = blob(u - 0.055 * away * size, patch.v - 0.015, (0.045 + 0.03 * along) * size, 0.20 * one)
    patch.shade(flank, (0.78, 0.65, 0.62))
    patch.paint(blob(u + 0.012 * away, patch.v - 0.01, 0.034 * size, 0.19 * one) * 0.28, face.gleam)

    patch = canvas.head(tip, 0.205 * one, 0.16 * size, 0.14 * size)
    u, v = patch.u / size, patch.v / size
    patch.shade(blob(u + 0.05 * face.side, v - 0.065, 0.14 * one, 0.06 * one), (0.66, 0.50, 0.47))
    wing = ellipse(np.abs(u) - 0.064, v - 0.018, 0.036 * one, 0.034 * one)
    shape = np.minimum(wing, ellipse(u, v, 0.062 * one, 0.058 * one))
    t = 0.74 + u * face.side * 4 - 6.5 * v - 2.0 * np.abs(u)
    patch.paint(patch.cover(shape, soft=0.02) * 0.8, face.skin_dark, face.skin, np.clip(t, 0, 1))
    crease = patch.cover(np.abs(wing + 0.002) - 0.004, soft=0.016) * np.clip((np.abs(u) - 0.06) * 30, 0, 1)
    patch.shade(crease, (0.70, 0.56, 0.53))
    patch.paint(blob(u - 0.02 * face.side, v + 0.020, 0.036 * one, 0.032 * one) * 0.5, face.gleam)
    holes = ellipse(np.abs(u) - 0.038, v - 0.045, 0.018 * one, 0.010 * one)
    patch.shade(patch.cover(holes, cap=patch.dot(0.018 * size, 0.010 * size)) * 0.8, (0.35, 0.22, 0.22))


def eyes(canvas: Canvas, face: Anatomy) -> None:
    """White, iris, pupil and gleams within the opening between two lids; lashes along the upper lid; and its fold."""
    one = face.one
    low = 0.044 * one - 0.012 * face.smile
    for side in (-1, 1):
        u0, narrow = face.at(side * face.eye_x, face.zero)
        w = face.eye_w * narrow
        patch = canvas.head(u0, face.zero, w + 0.05, 0.14 * one)
        u, v = patch.u, patch.v + 0.04 * side * patch.u  # outer corners a little higher
        upper, lower = arc(u, v, w, -face.lid), arc(u, v, w, low)
        fold = arc(u, v, w * 1.08, -0.105 * one)
        patch.paint(patch.band(fold, lower) * 0.55, face.skin_dark * 0.3 + face.skin * 0.7)

        within = patch.band(upper, lower)
        white = np.clip(0.30 + 9 * upper, 0, 1)
        white -= 0.35 * blob(u + w * side, v, w * 0.6, one)
        patch.paint(within, EYE_SHADE, EYE_WHITE, np.clip(white, 0, 1))
        r = 0.057 + 0.006 * face.f["eye_size"]
        gx = 0.042 * face.f["gaze_x"] + 0.02 * face.sin
        gy = 0.022 * face.f["gaze_y"] - 0.010
        iu, iv = (u - gx) / narrow, patch.v - gy
        dist = np.sqrt(iu * iu + iv * iv)
        t = 0.55 + iv * 7 + 1.0 * np.clip(0.75 - dist / r, -0.5, 0.2)
        if patch.px < 0.012:  # the iris's fibres, by a stand-in for the angle
            t += 0.16 * wave(iu / (np.abs(iu) + np.abs(iv) + 1e-4) * 6.5) * np.clip(dist * 30 - 0.6, 0, 1)
        light = np.clip(face.iris * 1.35 + 0.06, 0, 1)
        patch.paint(np.minimum(patch.cover(dist - r), within), face.iris * 0.30, light, np.clip(t, 0, 1))
        patch.paint(np.minimum(patch.cover(dist - r * 0.46), within), PUPIL)
        patch.shade(within * np.clip(1 - upper * 26, 0, 1) * 0.7, (0.55, 0.48, 0.48))  # the lid's shadow
        for dx, dy, gleam, strength in ((0.022, -0.024, 0.015, 0.95), (-0.020, 0.022, 0.008, 0.6)):
            a = gleam * one
            share = patch.cover(ellipse(iu - dx, iv - dy, a, a), cap=patch.dot(a, a))
            patch.paint(np.minimum(share, within) * strength, WHITE)

        taper = np.clip(1 - (u / (w * 1.06)) ** 2, 0, 1)
        lash = 0.006 + 0.016 * np.sqrt(taper)
        shown = np.minimum(1, taper * 8)
        patch.paint(patch.band(upper + lash, upper - 0.004) * shown, face.brow * 0.25 + 0.03)
        patch.shade(patch.band(lower - 0.006, lower - 0.014) * shown * 0.5, (0.6, 0.45, 0.42))
        half = 0.0055 * taper
        patch.shade(patch.band(fold + half, fold - half) * (shown * 0.8), (0.52, 0.40, 0.38))


def brows(canvas: Canvas, face: Anatomy) -> None:
    """An arch over each eye, thick within and thin without."""
    for side in (-1, 1):
        x, y = side * face.eye_x * 1.04, -0.165 - 0.012 * face.smile + 0.010 * face.frown
        u0, narrow = face.at(x, y)
        w = 0.150 * narrow
        patch = canvas.head(u0, y, w + 0.01, 0.10 * face.one)
        outward = patch.u * (side / w)
        v = patch.v + (0.004 + 0.014 * face.frown) * outward
        bulk = 0.020 + 0.009 * face.f["brows"] + 0.004 * face.old
        half = bulk * np.clip(1 - outward * outward, 0, 1) * (1 - 0.35 * outward)
        d = arc(patch.u, v, w, -0.045 * face.one)
        share = patch.band(d + half, d - half)
        if patch.px < 0.008:
            share = share * (0.92 + 0.08 * wave(patch.u * 50 + patch.v * 60 * side))
        patch.paint(share * patch.mask * 0.92, face.brow)


def mouth(canvas: Canvas, face: Anatomy) -> None:
    """Lips around an opening with teeth and tongue; smiling lifts the corners and folds the cheeks."""
    one = face.one
    u0, narrow = face.at(face.zero, face.mouth_y, 0.03)
    w = face.mouth_w * narrow
    rise = 0.55 * face.curve
    y = face.mouth_y - rise
    patch = canvas.head(u0, y, w + 0.06, 0.12 + face.open + np.abs(face.curve))
    u, v = patch.u, patch.v
    upper, lower = face.curve - face.open * 0.30, face.curve + face.open
    notch = 0.35 * face.lip * np.clip(1 - (u * (1 / (0.30 * w))) ** 2, 0, 1)
    full = face.lip * (1 - 0.15 * face.smile)
    top = arc(u, v - notch, w * 1.04, upper - full)
    bottom = arc(u, v, w * 1.02, lower + full * 1.25)
    gap_top, gap_bottom = arc(u, v, w, upper), arc(u, v, w, lower)

    for side in (-1, 1):  # folds at the corners
        corner = blob(u - side * (w + 0.012), v, 0.035 * one, 0.045 * one)
        patch.shade(corner * (0.20 + 0.45 * face.smile), (0.70, 0.55, 0.52))
    t = 0.15 + (v > upper) * (0.45 * one) + 0.6 * blob(u + 0.02 * one, v - lower - full * 0.6, w * 0.6, full * 0.7)
    patch.paint(patch.band(top, bottom), face.lips * 0.78, face.lips * 1.10, np.clip(t, 0, 1))
    gap = patch.band(gap_top, gap_bottom)
    patch.paint(gap, MOUTH)
    if face.open.any():
        tongue = ellipse(u, v - lower - 0.015, w * 0.55, 0.05 * one)
        patch.paint(np.minimum(patch.cover(tongue, soft=0.02), gap), TONGUE)
        teeth = arc(u, v, w, upper + np.minimum(0.055, 0.75 * face.open))
        patch.paint(np.minimum(patch.cover(teeth), gap), TEETH)
    seam = 0.0055 * np.clip(1 - (u / (w * 1.03)) ** 2, 0, 1)
    patch.paint(patch.band(gap_top + seam, gap_top - seam) * 0.85, face.lips * 0.42)


def nightfall(canvas: Canvas, face: Anatomy) -> None:
    """At night all is darker and bluer, with a warm light from the side."""
    if not face.night.any():
        return
    for c, (dark, warm) in enumerate(((0.62, 0.22), (0.66, 0.12), (0.88, -0.06))):
        lit = dark - 1 + warm * np.clip(canvas.x * np.where(face.side > 0, 1, -1).astype(np.float32), 0, 1)
        canvas.planes[c] *= 1 + face.night * lit


LAYERS = (background, ears, back_hair, body, head, flesh, nose, eyes, beard, mouth, brows, arms, hair, glasses, hat, nightfall)
