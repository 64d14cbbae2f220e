"""The measures and colours of the faces of `faces`, from their factors: what the layers of layers.py paint.

The measures are those of a portrait drawn by hand, in half sides of the picture: the eyes lie half way down a head 1.24 high
and 0.96 wide, and an eye is a quarter of its width. The head turns by moving what lies on it: a point at depth z moves by
z sin(yaw) sideways, and what lies there is foreshortened.
"""

from __future__ import annotations

import numpy as np

__all__: list[str] = []


def palette(*colours: str) -> np.ndarray:
    """Colours "rrggbb" as float32 (colours, 3), 0 to 1."""
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)] for c in colours], np.float32)


SKIN = palette("fbdcc9", "f6c9a4", "dfa176", "b0754a", "774a30", "533426")  # along the factor, interpolated
HAIR = palette("1f1a1d", "3f2a20", "67452c", "a44f26", "d9a95b", "ecd6a2")
GREY = palette("cdcac6")
IRIS = palette("5e3a1e", "8a6a2f", "5b8a4e", "4a86bd", "7d8e99")
CLOTHES = palette("4a6b8f", "5b7f63", "a85f3f", "c49a45", "735371", "66696f", "3f7c7f", "b7727d")

# Hair, a row a style: volume above and at the sides; flare of the sides; how far down they reach in front; half width of the
# opening for the face, of the head's; its top at the part; slope to both sides; place of the part; length behind (0: none);
# its width beyond the head's; bumps of the outline; curl of the strands; bun.
STYLES = np.array(
    [
        [0.030, 0.005, 0.00, 0.00, 0.93, -0.42, 0.10, 0.00, 0.00, 0.00, 0.000, 0.1, 0.0],  # cropped
        [0.100, 0.040, 0.00, 0.04, 0.90, -0.44, 0.45, -0.22, 0.00, 0.00, 0.004, 0.0, 0.0],  # parted
        [0.170, 0.030, 0.00, 0.02, 0.90, -0.36, 0.12, 0.10, 0.00, 0.00, 0.012, 0.0, 0.0],  # swept up
        [0.190, 0.140, 0.02, 0.16, 0.86, -0.36, 0.25, 0.00, 0.20, 0.13, 0.030, 1.0, 0.0],  # curly
        [0.110, 0.090, 0.10, 0.46, 0.82, -0.24, 0.06, 0.00, 0.46, 0.12, 0.004, 0.0, 0.0],  # bobbed
        [0.090, 0.060, 0.06, 0.90, 0.84, -0.47, 0.75, 0.00, 0.95, 0.10, 0.004, 0.0, 0.0],  # long
        [0.120, 0.090, 0.10, 0.80, 0.84, -0.42, 0.60, 0.16, 0.92, 0.16, 0.026, 0.4, 0.0],  # wavy
        [0.050, 0.015, 0.00, 0.02, 0.92, -0.44, 0.15, 0.00, 0.00, 0.00, 0.002, 0.0, 1.0],  # tied up
    ],
    np.float32,
)


class Anatomy:
    """Measures (n,) and colours (3, n) of n faces, all float32."""

    def __init__(self, factors: np.ndarray):
        self.f = f = {name: np.ascontiguousarray(factors[name]) for name in factors.dtype.names}
        self.zero, self.one = np.zeros(len(factors), np.float32), np.ones(len(factors), np.float32)
        old = np.clip((f["age"] - 40) / 35, 0, 1)
        self.old = old

        # State: pose and light.
        turn = 0.46 * f["yaw"]
        self.sin, self.cos = np.sin(turn), np.cos(turn)
        self.tilt = 0.15 * f["tilt"]
        self.x, self.y = 0.7 * np.sin(self.tilt), 0.72 - 0.7 * np.cos(self.tilt)  # pivots at the neck
        self.night = f["night"].astype(np.float32)
        self.side = 0.9 * f["light"]

        # Head: half width, half heights above and below the eyes, how it narrows to the chin and how square it is there.
        self.w = 0.475 + 0.040 * f["face_width"] + 0.01 * old
        self.top = 0.63 * self.one
        self.chin = 0.615 + 0.045 * f["face_length"]
        self.narrow = 0.23 - 0.08 * f["jaw"] - 0.03 * old
        self.square = 0.28 + 0.24 * f["jaw"] + 0.08 * old
        self.lean = 0.20 * self.sin

        # Features.
        smile = f["smile"]
        self.smile, self.frown = np.maximum(smile, self.zero), np.maximum(-smile, self.zero)
        self.eye_w = 0.118 + 0.018 * f["eye_size"] - 0.008 * old
        self.eye_x = 0.205 + 0.022 * f["eye_spacing"]
        self.lid = (0.066 + 0.014 * f["eye_size"] - 0.010 * old) * (1 - f["blink"]) - 0.030 * f["blink"]
        self.nose = 1 + 0.22 * f["nose_size"] + 0.12 * old
        self.mouth_y = 0.365 + 0.02 * f["face_length"]
        self.mouth_w = 0.155 + 0.065 * self.smile - 0.005 * self.frown
        self.curve = 0.036 + 0.084 * smile
        self.open = 0.11 * f["mouth_open"] + 0.065 * np.maximum(smile - 0.25, 0)
        self.lip = (0.034 + 0.012 * f["lips"]) * (1 - 0.25 * old)

        # Colours: a shadow and a light of each, mixed by how much light falls there.
        place = f["skin"] * (len(SKIN) - 1)
        low = np.minimum(place.astype(np.int64), len(SKIN) - 2)
        part = (place - low).astype(np.float32)[:, None]
        skin = ((1 - part) * SKIN[low] + part * SKIN[low + 1]).T
        self.skin = np.minimum(skin * 1.05, 1)
        self.skin_dark = skin * np.array([[0.70], [0.53], [0.48]], np.float32)
        self.gleam = self.skin * 0.66 + 0.34
        self.lips = skin * np.array([[0.86], [0.56], [0.55]], np.float32) + np.array([[0.05], [0.02], [0.03]], np.float32)
        grey = np.clip((f["age"] - 45) / 20, 0, 1) * 0.85
        hair = ((1 - grey[:, None]) * HAIR[f["hair_color"]] + grey[:, None] * GREY).T
        self.hair = hair * 1.15 + 0.07
        self.hair_dark = hair * np.array([[0.52], [0.47], [0.47]], np.float32)
        self.brow = hair * 0.62 + self.skin_dark * 0.12
        self.iris = IRIS[f["iris"]].T
        self.cloth = CLOTHES[f["clothes"]].T

        # Hair: a hat presses it down.
        style = STYLES[f["hair_style"]].T
        self.above, self.beside, self.flare, self.reach, self.opening, self.line, self.slope = style[:7]
        self.part, self.back, self.broad, self.bumps, self.curl, self.bun = style[7:]
        self.cropped = (f["hair_style"] == 0).astype(np.float32)
        self.tight = (self.curl > 0.5).astype(np.float32)
        self.hat = f["hat"].astype(np.float32)
        self.above = np.minimum(self.above, 1 - 0.97 * self.hat)
        self.line = self.line - 0.03 * old
        # The strands of a head differ from another's, not from the same head's at another moment.
        self.phase = 7 * f["face_width"] + 5 * f["jaw"]

    def at(self, x: np.ndarray, y: np.ndarray, rise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Where the head's point (x, y) stands after the turn, and its foreshortening; `rise`: how far it stands out of the head."""
        z = 0.52 * np.sqrt(np.maximum(1 - (x / self.w) ** 2 - (y / 0.8) ** 2, 0.06))
        steep = -0.27 * x / (self.w**2 * z)
        return x * self.cos + (z + rise) * self.sin, np.clip(self.cos + steep * self.sin, 0.5, 1.15)

    def skull(self, u: np.ndarray, v: np.ndarray, grow: np.ndarray | float = 0.0) -> tuple[np.ndarray, ...]:
        """Distance to the head's outline, its chin longer by `grow`; place in it, x and y from -1 to 1; depth there, 0 to 1.

        The outline is a squared circle, x^2 + y^2 - k x^2 y^2 = 1, that narrows and leans to the chin.
        """
        chin = self.chin + grow
        down = np.maximum(v, 0)
        y = down / chin
        x = (u - self.lean * down) / ((self.w + 0.35 * grow) * (1 - self.narrow * np.minimum(y * y, 1.2)))
        y = y + (v - down) / self.top
        xx, yy = x * x, y * y
        square = 0.28 + (v > 0) * (self.square - 0.28)
        q = xx + yy - square * xx * np.minimum(yy, 1)
        depth = np.sqrt(np.clip(1 - q, 0, 1))
        q = np.sqrt(np.maximum(q, 0))
        slope = np.sqrt(xx / self.w**2 + yy / chin**2)
        return q * (q - 1) / (slope + 1e-6), x, y, depth
