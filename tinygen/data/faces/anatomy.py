"""Lengths, angles and colours of faces, computed from their factors. The layers paint with them.

The proportions are those of a portrait drawn by hand. The unit is half the side of the picture. A
head is 1.24 high and 0.96 wide, the eyes lie half way down, and an eye is a quarter of the head's
width.

The head turns by moving what lies on it. A point at depth z moves by z sin(yaw) to the side, and
what lies there is foreshortened.
"""

from __future__ import annotations

import numpy as np

__all__ = ["Anatomy", "has_back_hair", "parse_colours"]


def parse_colours(*colours: str) -> np.ndarray:
    """Convert colours "rrggbb" to float32 (colours, 3), from 0 to 1."""
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)] for c in colours], np.float32)


# From light to dark, interpolated.
SKIN = parse_colours("fbdcc9", "f6c9a4", "dfa176", "b0754a", "774a30", "533426")
HAIR = parse_colours("1f1a1d", "3f2a20", "67452c", "a44f26", "d9a95b", "ecd6a2")
GREY = parse_colours("cdcac6")
IRIS = parse_colours("5e3a1e", "8a6a2f", "5b8a4e", "4a86bd", "7d8e99")
CLOTHES = parse_colours(
    "4a6b8f", "5b7f63", "a85f3f", "c49a45", "735371", "66696f", "3f7c7f", "b7727d"
)

# One row per hair style; the columns are, in this order:
#   hair_above, hair_beside   volume above the head and at its sides
#   hair_flare                how much wider the sides become downwards
#   hair_reach                how far down the sides reach in front
#   face_opening              half width of the opening for the face, as a fraction of the head's
#   hairline, hairline_slope  top of the opening at the parting, and its slope to both sides
#   parting                   place of the parting
#   back_length, back_width   length of the hair behind the head (0: none), width beyond the head's
#   outline_bumps, curl       bumps of the outline, curl of the strands
#   bun                       1 if there is a bun
BACK_LENGTH = 8  # the column
HAIR_STYLES = np.array(
    [
        [0.03, 0.005, 0.00, 0.00, 0.93, -0.42, 0.10, 0.00, 0.00, 0.00, 0.000, 0.1, 0],  # cropped
        [0.10, 0.040, 0.00, 0.04, 0.90, -0.44, 0.45, -0.22, 0.00, 0.00, 0.004, 0.0, 0],  # parted
        [0.17, 0.030, 0.00, 0.02, 0.90, -0.36, 0.12, 0.10, 0.00, 0.00, 0.012, 0.0, 0],  # swept up
        [0.19, 0.140, 0.02, 0.16, 0.86, -0.36, 0.25, 0.00, 0.20, 0.13, 0.030, 1.0, 0],  # curly
        [0.11, 0.090, 0.10, 0.46, 0.82, -0.24, 0.06, 0.00, 0.46, 0.12, 0.004, 0.0, 0],  # bobbed
        [0.09, 0.060, 0.06, 0.90, 0.84, -0.47, 0.75, 0.00, 0.95, 0.10, 0.004, 0.0, 0],  # long
        [0.12, 0.090, 0.10, 0.80, 0.84, -0.42, 0.60, 0.16, 0.92, 0.16, 0.026, 0.4, 0],  # wavy
        [0.05, 0.015, 0.00, 0.02, 0.92, -0.44, 0.15, 0.00, 0.00, 0.00, 0.002, 0.0, 1],  # tied up
    ],
    np.float32,
)


def has_back_hair(factors: np.ndarray) -> np.ndarray:
    """Return whose hair is visible behind the head: bool (n,)."""
    return HAIR_STYLES[factors["hair_style"], BACK_LENGTH] > 0


class Anatomy:
    """The lengths and angles (n,) and the colours (3, n) of n faces, all float32.

    Parameters
    ----------
    factors : array (n,) of `DTYPE`
        The factors of the faces.
    """

    def __init__(self, factors: np.ndarray):
        n = len(factors)
        self.factors = {name: np.ascontiguousarray(factors[name]) for name in factors.dtype.names}
        self.zeros, self.ones = np.zeros(n, np.float32), np.ones(n, np.float32)
        self.old = np.clip((self.factors["age"] - 40) / 35, 0, 1)  # 0 up to the age of 40, 1 at 75
        self._set_state()
        self._set_head()
        self._set_features()
        self._set_skin()
        self._set_hair()

    def _set_state(self) -> None:
        """Set pose and light."""
        f = self.factors
        yaw = 0.46 * f["yaw"]
        self.sin_yaw, self.cos_yaw = np.sin(yaw), np.cos(yaw)
        self.tilt = 0.15 * f["tilt"]
        # The head's origin: it pivots at the neck.
        self.origin_x, self.origin_y = 0.7 * np.sin(self.tilt), 0.72 - 0.7 * np.cos(self.tilt)
        self.night = f["night"].astype(np.float32)
        self.light = 0.9 * f["light"]  # from the left (negative) or the right

    def _set_head(self) -> None:
        """Set the shape of the head."""
        f, old = self.factors, self.old
        self.half_width = 0.475 + 0.040 * f["face_width"] + 0.01 * old
        self.top = 0.63 * self.ones  # half height above the eyes
        self.chin = 0.615 + 0.045 * f["face_length"]  # half height below the eyes
        self.taper = 0.23 - 0.08 * f["jaw"] - 0.03 * old  # how the head narrows to the chin
        self.squareness = 0.28 + 0.24 * f["jaw"] + 0.08 * old  # of the chin
        self.lean = 0.20 * self.sin_yaw

    def _set_features(self) -> None:
        """Set eyes, nose and mouth."""
        f, old, smile = self.factors, self.old, self.factors["smile"]
        self.smile, self.frown = np.maximum(smile, self.zeros), np.maximum(-smile, self.zeros)
        self.eye_half_width = 0.118 + 0.018 * f["eye_size"] - 0.008 * old
        self.eye_x = 0.205 + 0.022 * f["eye_spacing"]
        open_lid = 0.066 + 0.014 * f["eye_size"] - 0.010 * old
        self.lid_height = open_lid * (1 - f["blink"]) - 0.030 * f["blink"]
        self.nose_size = 1 + 0.22 * f["nose_size"] + 0.12 * old
        self.mouth_y = 0.365 + 0.02 * f["face_length"]
        self.mouth_half_width = 0.155 + 0.065 * self.smile - 0.005 * self.frown
        self.mouth_curve = 0.036 + 0.084 * smile
        self.mouth_open = 0.11 * f["mouth_open"] + 0.065 * np.maximum(smile - 0.25, 0)
        self.lip_thickness = (0.034 + 0.012 * f["lips"]) * (1 - 0.25 * old)

    def _set_skin(self) -> None:
        """Set colours of skin, lips, eyes and clothes.

        Skin and hair have a light and a dark colour, mixed by how much light falls there.
        """
        f = self.factors
        position = f["skin"] * (len(SKIN) - 1)
        low = np.minimum(position.astype(np.int64), len(SKIN) - 2)
        t = (position - low).astype(np.float32)[:, None]
        skin = ((1 - t) * SKIN[low] + t * SKIN[low + 1]).T  # (3, n)
        self.skin = np.minimum(skin * 1.05, 1)
        self.skin_dark = skin * _per_channel(0.70, 0.53, 0.48)
        self.highlight = self.skin * 0.66 + 0.34
        self.lips = skin * _per_channel(0.86, 0.56, 0.55) + _per_channel(0.05, 0.02, 0.03)
        self.iris = IRIS[f["iris"]].T
        self.clothes = CLOTHES[f["clothes"]].T

    def _set_hair(self) -> None:
        """Set the colours of the hair and the measures of its style."""
        f = self.factors
        grey = np.clip((f["age"] - 45) / 20, 0, 1) * 0.85
        hair = ((1 - grey[:, None]) * HAIR[f["hair_color"]] + grey[:, None] * GREY).T  # (3, n)
        self.hair = hair * 1.15 + 0.07
        self.hair_dark = hair * _per_channel(0.52, 0.47, 0.47)
        self.brow = hair * 0.62 + self.skin_dark * 0.12

        style = HAIR_STYLES[f["hair_style"]].T  # (columns, n)
        self.hair_above, self.hair_beside, self.hair_flare, self.hair_reach = style[:4]
        self.face_opening, self.hairline, self.hairline_slope, self.parting = style[4:8]
        self.back_length, self.back_width, self.outline_bumps, self.curl, self.bun = style[8:]
        self.is_cropped = (f["hair_style"] == 0).astype(np.float32)
        self.is_curly = (self.curl > 0.5).astype(np.float32)
        self.hat = f["hat"].astype(np.float32)
        self.hair_above = np.minimum(self.hair_above, 1 - 0.97 * self.hat)  # a hat presses it down
        self.hairline = self.hairline - 0.03 * self.old
        # Strands differ from head to head, but not from one moment to another of the same head.
        self.strand_phase = 7 * f["face_width"] + 5 * f["jaw"]

    def project(
        self, x: np.ndarray, y: np.ndarray, rise: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Turn a point on the head's surface by the yaw.

        **Math** The surface is an ellipsoid of half axes w (half the head's width), 0.8 and 0.52.
        The point has the depth z, and the yaw a moves it to x':

            z  = 0.52 sqrt(1 - (x / w)^2 - (y / 0.8)^2)
            x' = x cos(a) + (z + rise) sin(a)

        Widths there are multiplied by the derivative:

            dx'/dx = cos(a) + dz/dx sin(a),    dz/dx = -0.52^2 x / (w^2 z)

        At the rim of the ellipsoid, the root and this factor are kept within limits.

        Parameters
        ----------
        x, y : arrays (n,)
            The point on the head when it faces us.
        rise : float
            How far the point stands out of the head.

        Returns
        -------
        x : array (n,)
            Where it is after the turn; y does not change.
        foreshortening : array (n,)
            The factor by which widths there appear narrower.
        """
        z = 0.52 * np.sqrt(np.maximum(1 - (x / self.half_width) ** 2 - (y / 0.8) ** 2, 0.06))
        dz_dx = -0.27 * x / (self.half_width**2 * z)
        foreshortening = np.clip(self.cos_yaw + dz_dx * self.sin_yaw, 0.5, 1.15)
        return x * self.cos_yaw + (z + rise) * self.sin_yaw, foreshortening

    def skull_distance(
        self, u: np.ndarray, v: np.ndarray, growth: np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, ...]:
        """Return the distance to the head's outline, and the coordinates inside it.

        **Math** The outline is a squared circle

            q^2 = x^2 + y^2 - k x^2 y^2 = 1,

        which narrows and leans to the chin. The distance is approximated as in `canvas.ellipse`:
        q (q - 1) / |(x / a, y / b)| with the half axes a and b.

        Parameters
        ----------
        u, v : arrays (rows, columns, n)
            Points, in the head's coordinates.
        growth : array (n,) or float
            How much longer the chin is, for a beard.

        Returns
        -------
        d, x, y, depth : arrays (rows, columns, n)
            The signed distance; the place in the head, from -1 to 1 each; the depth of the surface
            there, from 0 to 1.
        """
        chin = self.chin + growth
        down = np.maximum(v, 0)
        y = down / chin
        narrowing = 1 - self.taper * np.minimum(y * y, 1.2)
        x = (u - self.lean * down) / ((self.half_width + 0.35 * growth) * narrowing)
        y = y + (v - down) / self.top
        xx, yy = x * x, y * y
        k = 0.28 + (v > 0) * (self.squareness - 0.28)
        q = xx + yy - k * xx * np.minimum(yy, 1)
        depth = np.sqrt(np.clip(1 - q, 0, 1))
        q = np.sqrt(np.maximum(q, 0))
        gradient_norm = np.sqrt(xx / self.half_width**2 + yy / chin**2)
        return q * (q - 1) / (gradient_norm + 1e-6), x, y, depth


def _per_channel(red: float, green: float, blue: float) -> np.ndarray:
    """Return one number per channel as (3, 1)."""
    return np.array([[red], [green], [blue]], np.float32)
