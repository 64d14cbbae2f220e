"""The canvas of the faces: many small pictures painted at once, one shape over another.

**Shapes** A shape is a signed distance d(u, v), negative inside. Let px be the side of a pixel. A
straight edge at distance d covers the fraction clip(1/2 - d / px, 0, 1) of a pixel. This is all of
the antialiasing, and the same code draws 32 px and 1024 px. A thin line has two edges and covers
what lies inside the one and not the other. So a line of a fifth of a pixel gets a fifth of the
colour, not half of it.

**Arrays** have the faces last: (rows, columns, faces). Then every operation runs over long
contiguous rows, however small the picture. Numbers per face, of shape (faces,), broadcast against
them.

**Numerics** The only operations on pixels are + - * / sqrt, min, max, abs and rounding, which are
exact by IEEE 754. So the same factors give the same picture, alone or among others.

**Coordinates.** The picture shows about [-1, 1] x [-1, 1], with x to the right and y down. The head
has its own coordinates (u, v), which are tilted.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "CENTRE_Y",
    "HALF_SIDE",
    "Canvas",
    "Patch",
    "arc",
    "ellipse",
    "rounded_box",
    "soft_ellipse",
    "wave",
]

HALF_SIDE = 0.93  # of the square that the picture shows
CENTRE_Y = -0.03  # y of its centre


class Patch:
    """A window of the canvas around one shape, with coordinates from the shape's centre.

    Parameters
    ----------
    planes : array (3, rows, columns, faces)
        The window's red, green and blue, from 0 to 1; painting changes them in place.
    mask : array (rows, columns, faces)
        The fraction of each pixel that lies on the head.
    u, v : arrays that broadcast to (rows, columns, faces)
        The coordinates of the pixels.
    px : float
        The side of a pixel.
    """

    def __init__(
        self, planes: np.ndarray, mask: np.ndarray, u: np.ndarray, v: np.ndarray, px: float
    ):
        self.planes, self.mask, self.u, self.v, self.px = planes, mask, u, v, px

    def coverage(
        self, d: np.ndarray, soft: float | np.ndarray = 0.0, limit: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the fraction of each pixel inside d < 0.

        Parameters
        ----------
        d : array
            Signed distances.
        soft : float or array
            Width of the edge, if it is wider than a pixel.
        limit : array, optional
            The largest fraction, from `max_coverage`, for shapes smaller than a pixel.
        """
        fraction = d * (-1 / np.maximum(np.float32(self.px), soft))
        fraction += 0.5
        np.clip(fraction, 0, 1, out=fraction)
        if limit is not None:
            fraction *= limit
        return fraction

    def max_coverage(self, *half_widths: np.ndarray) -> np.ndarray:
        """Return the fraction of a pixel that a shape with these half widths can cover."""
        fraction = 1
        for half_width in half_widths:
            fraction = fraction * np.clip(2 / self.px * half_width, 0, 1)
        return fraction

    def band(self, above: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Return the fraction of each pixel inside `below` and not inside `above`.

        Both are signed distances. The result is exact for thin lines.
        """
        fraction = self.coverage(below)
        fraction -= self.coverage(above)
        return np.maximum(fraction, 0, out=fraction)

    def outline(self, d: np.ndarray, half_width: np.ndarray) -> np.ndarray:
        """Return the fraction of each pixel within `half_width` of the outline d = 0."""
        return self.band(d + half_width, d - half_width)

    def paint(
        self,
        fraction: np.ndarray,
        colour: np.ndarray,
        other: np.ndarray | None = None,
        t: np.ndarray | None = None,
    ) -> None:
        """Blend in a colour (3, faces), or at each pixel (1 - t) colour + t other.

        t is clipped to 0..1 first.
        """
        if t is not None:
            t = np.clip(t, 0, 1)
        for c, plane in enumerate(self.planes):
            if t is None:
                change = colour[c] - plane
            else:
                change = t * (other[c] - colour[c])
                change += colour[c]
                change -= plane
            change *= fraction
            plane += change

    def shade(self, fraction: np.ndarray, tint: np.ndarray | tuple[float, float, float]) -> None:
        """Multiply by 1 - fraction (1 - tint): a shadow, or with tint > 1 a light."""
        for c, plane in enumerate(self.planes):
            factor = fraction * (tint[c] - 1)
            factor += 1
            plane *= factor


class Canvas:
    """Some rows of n pictures, each with a tilted head.

    Parameters
    ----------
    size : int
        Side of the pictures in pixels.
    rows : range
        The rows of the pictures that are painted.
    x, y : arrays (n,)
        Where the heads' origins are.
    tilt : array (n,)
        Angle of the heads in radians.

    Attributes
    ----------
    planes : array (3, rows, columns, n) of float32
        The pictures, from 0 to 1.
    mask : array (rows, columns, n) of float32
        The fraction of each pixel that lies on the head, for what must not be painted beside it.
    """

    def __init__(self, size: int, rows: range, x: np.ndarray, y: np.ndarray, tilt: np.ndarray):
        self.px, self.rows, self.size = 2 * HALF_SIDE / size, rows, size
        self.planes = np.empty((3, len(rows), size, len(x)), np.float32)
        self.mask = np.zeros(self.planes.shape[1:], np.float32)
        column_numbers = np.arange(size, dtype=np.float32)
        row_numbers = np.asarray(rows, dtype=np.float32)
        self.x = ((column_numbers + 0.5) * self.px - HALF_SIDE)[None, :, None]
        self.y = ((row_numbers + 0.5) * self.px - HALF_SIDE + CENTRE_Y)[:, None, None]
        self.origin, self.cos, self.sin = (x, y), np.cos(tilt), np.sin(tilt)
        dx, dy = self.x - x, self.y - y
        self.u = self.cos * dx + self.sin * dy  # (rows, columns, n)
        self.v = self.cos * dy - self.sin * dx

    def whole_patch(self) -> Patch:
        """Return all of the canvas, in the picture's coordinates."""
        return Patch(self.planes, self.mask, self.x, self.y, self.px)

    def picture_patch(
        self, x: np.ndarray, y: np.ndarray, half_x: np.ndarray, half_y: np.ndarray
    ) -> Patch:
        """Return the window that holds the boxes (x +- half_x, y +- half_y) of all faces.

        Its coordinates are the picture's, less (x, y).
        """
        columns, rows = self._columns(x, half_x), self._rows(y, half_y)
        return Patch(
            self.planes[:, rows, columns],
            self.mask[rows, columns],
            self.x[:, columns] - x,
            self.y[rows] - y,
            self.px,
        )

    def head_patch(
        self, u: np.ndarray, v: np.ndarray, half_u: np.ndarray, half_v: np.ndarray
    ) -> Patch:
        """Return the window that holds the boxes (u +- half_u, v +- half_v) of all faces.

        Its coordinates are the head's, less (u, v).
        """
        cos, sin = self.cos, self.sin
        columns = self._columns(
            self.origin[0] + cos * u - sin * v, np.abs(cos) * half_u + np.abs(sin) * half_v
        )
        rows = self._rows(
            self.origin[1] + sin * u + cos * v, np.abs(sin) * half_u + np.abs(cos) * half_v
        )
        window = (rows, columns)
        return Patch(
            self.planes[:, rows, columns],
            self.mask[window],
            self.u[window] - u,
            self.v[window] - v,
            self.px,
        )

    def _columns(self, centre: np.ndarray, half: np.ndarray) -> slice:
        return self.pixel_span(centre + HALF_SIDE, half, 0, self.size)

    def _rows(self, centre: np.ndarray, half: np.ndarray) -> slice:
        return self.pixel_span(
            centre + (HALF_SIDE - CENTRE_Y), half, self.rows.start, self.rows.stop
        )

    def pixel_span(self, centre: np.ndarray, half: np.ndarray, first: int, last: int) -> slice:
        """Return which pixels of first..last any face's centre +- half touches.

        The slice has one more pixel at each side and counts from `first`.
        """
        low, high = float((centre - half).min()), float((centre + half).max())
        begin = min(max(int(low / self.px) - 1, first), last)
        end = min(max(int(high / self.px) + 2, begin), last)
        return slice(begin - first, end - first)


def ellipse(u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the signed distance to an ellipse of half axes a and b.

    **Math** With q = |(u / a, v / b)| it is q (q - 1) / |(u / a^2, v / b^2)|, which on the outline
    is exact to first order.
    """
    x, y = u * (1 / a), v * (1 / b)
    x *= x
    y *= y
    q = np.sqrt(x + y)
    x *= 1 / (a * a)
    y *= 1 / (b * b)
    gradient_norm = x + y
    gradient_norm += 1e-12
    q *= (q - 1) / np.sqrt(gradient_norm, out=gradient_norm)
    return q


def soft_ellipse(u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return (1 - (u/a)^2 - (v/b)^2)^2 inside an ellipse and 0 outside, for light and shadow."""
    x, y = u * (1 / a), v * (1 / b)
    x *= x
    y *= y
    np.subtract(1, x, out=x)
    x = x - y
    np.clip(x, 0, 1, out=x)
    x *= x
    return x


def arc(u: np.ndarray, v: np.ndarray, half_width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return the distance below the parabola v = height (1 - (u / half_width)^2).

    It is negative above the parabola. It is exact to first order: the vertical distance is divided
    by the length of the gradient.
    """
    x = u * (1 / half_width)
    x *= x
    d = v + height * x
    d -= height
    x *= (2 / half_width * height) ** 2
    x += 1
    d /= np.sqrt(x, out=x)
    return d


def rounded_box(
    u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """Return the signed distance to a box of half sides a and b with rounded corners."""
    x, y = np.abs(u) - (a - radius), np.abs(v) - (b - radius)
    inside = np.minimum(np.maximum(x, y), 0)
    np.maximum(x, 0, out=x)
    np.maximum(y, 0, out=y)
    return np.sqrt(x * x + y * y) + inside - radius


def wave(t: np.ndarray) -> np.ndarray:
    """Approximate sin(2 pi t) by two parabolas per period."""
    s = t - np.rint(t)
    a = np.abs(s)
    a *= -16
    a += 8
    a *= s
    return a
