"""The canvas of `faces`: many small pictures painted at once, shape over shape, each shape a signed distance.

A shape is a function d(u, v): its signed distance at a point, negative within. With px the side of a pixel, the share of
the pixel that a straight edge at distance d covers is clip(1/2 - d/px, 0, 1), and that is the whole of the antialiasing:
the same code draws 32 px and 1024 px. A thin line has two edges, and covers what lies within the one and not the other:
so a line of a fifth of a pixel gets a fifth of the colour and not half of it.

Arrays have the faces last, (rows, columns, faces): every operation then runs over long contiguous rows, however small the
picture. Per-face numbers, shape (faces,), broadcast against it. No operation is used on pixels but + - * / sqrt, min, max,
abs and rounding, which are exact by IEEE 754: the same factors give the same picture, alone or among others.

Coordinates: the picture shows about [-1, 1] x [-1, 1], x to the right, y down. The head has its own (u, v), tilted.
"""

from __future__ import annotations

import numpy as np

__all__: list[str] = []

VIEW = 0.93  # half the side of the picture's square
RISE = -0.03  # y of its middle


class Patch:
    """A window of the canvas around one shape, with coordinates from the shape's centre."""

    def __init__(self, planes: np.ndarray, mask: np.ndarray, u: np.ndarray, v: np.ndarray, px: float):
        self.planes, self.mask, self.u, self.v, self.px = planes, mask, u, v, px

    def cover(self, d: np.ndarray, soft: float | np.ndarray = 0.0, cap: np.ndarray | None = None) -> np.ndarray:
        """Share of each pixel within d < 0; the edge is `soft` wide, or a pixel. `cap`: a tiny shape's share of a pixel."""
        share = d * (-1 / np.maximum(np.float32(self.px), soft))
        share += 0.5
        np.clip(share, 0, 1, out=share)
        if cap is not None:
            share *= cap
        return share

    def dot(self, *radii: np.ndarray) -> np.ndarray:
        """The `cap` of a shape with these half widths: where one is under half a pixel, the shape fills no pixel."""
        share = 1
        for radius in radii:
            share = share * np.clip(2 / self.px * radius, 0, 1)
        return share

    def band(self, above: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Share of each pixel within `below` and not within `above`, two distances to edges: exact for thin lines."""
        share = self.cover(below)
        share -= self.cover(above)
        return np.maximum(share, 0, out=share)

    def ring(self, d: np.ndarray, half: np.ndarray) -> np.ndarray:
        """Share of each pixel within `half` of a shape's outline."""
        return self.band(d + half, d - half)

    def paint(self, share: np.ndarray, colour: np.ndarray, other: np.ndarray | None = None, t: np.ndarray | None = None) -> None:
        """Blend in a colour (3, faces), or at each pixel (1 - t) colour + t other."""
        for c, plane in enumerate(self.planes):
            if t is None:
                change = colour[c] - plane
            else:
                change = t * (other[c] - colour[c])
                change += colour[c]
                change -= plane
            change *= share
            plane += change

    def shade(self, share: np.ndarray, tint: np.ndarray | tuple[float, float, float]) -> None:
        """Multiply by 1 - share (1 - tint): a shadow, or with tint > 1 a light."""
        for c, plane in enumerate(self.planes):
            factor = share * (tint[c] - 1)
            factor += 1
            plane *= factor


class Canvas:
    """Rows `rows` of n pictures of `size` px, whose heads stand at (x, y) and are tilted by `tilt` radians, arrays (n,).

    `planes` (3, rows, columns, n) is the picture, 0 to 1, and `mask` (rows, columns, n) the share of a pixel on the head,
    for what must not be painted beside it.
    """

    def __init__(self, size: int, rows: range, x: np.ndarray, y: np.ndarray, tilt: np.ndarray):
        self.px, self.rows, self.size = 2 * VIEW / size, rows, size
        self.planes = np.empty((3, len(rows), size, len(x)), np.float32)
        self.mask = np.zeros(self.planes.shape[1:], np.float32)
        self.x = ((np.arange(size, dtype=np.float32) + 0.5) * self.px - VIEW)[None, :, None]
        self.y = ((np.asarray(rows, dtype=np.float32) + 0.5) * self.px - VIEW + RISE)[:, None, None]
        self.origin, self.cos, self.sin = (x, y), np.cos(tilt), np.sin(tilt)
        dx, dy = self.x - x, self.y - y
        self.u = self.cos * dx + self.sin * dy
        self.v = self.cos * dy - self.sin * dx

    def whole(self) -> Patch:
        """All of it, in the picture's coordinates."""
        return Patch(self.planes, self.mask, self.x, self.y, self.px)

    def body(self, x: np.ndarray, y: np.ndarray, half_x: np.ndarray, half_y: np.ndarray) -> Patch:
        """The window that holds the boxes (x +- half_x, y +- half_y) of all faces, in the picture's coordinates less (x, y)."""
        across, down = self._columns(x, half_x), self._rows(y, half_y)
        return Patch(self.planes[:, down, across], self.mask[down, across], self.x[:, across] - x, self.y[down] - y, self.px)

    def head(self, u: np.ndarray, v: np.ndarray, half_u: np.ndarray, half_v: np.ndarray) -> Patch:
        """The window that holds the boxes (u +- half_u, v +- half_v) of all faces, in the head's coordinates less (u, v)."""
        cos, sin = self.cos, self.sin
        across = self._columns(self.origin[0] + cos * u - sin * v, np.abs(cos) * half_u + np.abs(sin) * half_v)
        down = self._rows(self.origin[1] + sin * u + cos * v, np.abs(sin) * half_u + np.abs(cos) * half_v)
        here = (down, across)
        return Patch(self.planes[:, down, across], self.mask[here], self.u[here] - u, self.v[here] - v, self.px)

    def _columns(self, centre: np.ndarray, half: np.ndarray) -> slice:
        return self._span(centre + VIEW, half, 0, self.size)

    def _rows(self, centre: np.ndarray, half: np.ndarray) -> slice:
        return self._span(centre + (VIEW - RISE), half, self.rows.start, self.rows.stop)

    def _span(self, centre: np.ndarray, half: np.ndarray, first: int, last: int) -> slice:
        """Pixels first..last that some centre +- half touches, a pixel more at each side, counted from `first`."""
        low, high = float((centre - half).min()), float((centre + half).max())
        begin = min(max(int(low / self.px) - 1, first), last)
        end = min(max(int(high / self.px) + 2, begin), last)
        return slice(begin - first, end - first)


def ellipse(u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distance to an ellipse of half axes a, b, exact on its outline to first order: q (q - 1) / |grad|, q = |(u/a, v/b)|."""
    x, y = u * (1 / a), v * (1 / b)
    x *= x
    y *= y
    q = np.sqrt(x + y)
    x *= 1 / (a * a)
    y *= 1 / (b * b)
    slope = x + y
    slope += 1e-12
    q *= (q - 1) / np.sqrt(slope, out=slope)
    return q


def blob(u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A soft spot: (1 - (u/a)^2 - (v/b)^2)^2 within the ellipse, 0 outside. For light and shadow."""
    x, y = u * (1 / a), v * (1 / b)
    x *= x
    y *= y
    np.subtract(1, x, out=x)
    x = x - y
    np.clip(x, 0, 1, out=x)
    x *= x
    return x


def arc(u: np.ndarray, v: np.ndarray, w: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Distance below the parabola v = height (1 - (u/w)^2), negative above it: to first order, so divided by its steepness."""
    x = u * (1 / w)
    x *= x
    d = v + height * x
    d -= height
    x *= (2 / w * height) ** 2
    x += 1
    d /= np.sqrt(x, out=x)
    return d


def rounded_box(u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Exact distance to a box of half sides a, b with corners of radius r."""
    x, y = np.abs(u) - (a - r), np.abs(v) - (b - r)
    inner = np.minimum(np.maximum(x, y), 0)
    np.maximum(x, 0, out=x)
    np.maximum(y, 0, out=y)
    return np.sqrt(x * x + y * y) + inner - r


def wave(t: np.ndarray) -> np.ndarray:
    """Near enough sin(2 pi t), by two parabolas."""
    s = t - np.rint(t)
    a = np.abs(s)
    a *= -16
    a += 8
    a *= s
    return a
