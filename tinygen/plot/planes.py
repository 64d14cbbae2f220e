"""Functions and points of the plane: decision boundaries, densities, two-dimensional samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import as_numpy, as_square, blend_colours, check_finite
from .canvas import CLASS_COLOURS, FAINT, INK, TEXT
from .page import LINE, PAGE_WIDTH, Box, Page, Panel, count_lines, wrap

__all__ = ["Plane", "PlaneRows", "grid_points"]

SMALL_GAP = 10  # between two planes of a row
LABEL_WIDTH = 40  # of a label that stands upright on the left of a row
KEYS = {"field", "colours", "contours", "mesh", "points", "labels", "markers", "texts", "note"}


def grid_points(extent: Sequence[float], resolution: int = 200) -> np.ndarray:
    """Return the points at which to evaluate a function for `Plane`.

    Parameters
    ----------
    extent : (left, right, bottom, top)
        The part of the plane.
    resolution : int
        Points per side.

    Returns
    -------
    array (resolution^2, 2)
        Row by row from below.
    """
    left, right, bottom, top = extent
    x, y = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


class Plane(Panel):
    """A part of the plane, in a frame.

    Parameters
    ----------
    contents : Mapping
        What is drawn. It may have:

            field      values (m^2,) at `grid_points(extent, m)`, from 0 to 1, shown as colours
            colours    two or more colours "#rrggbb", from that of 0 to that of 1
            contours   list of (values (m^2,), levels, style), with style "-" or "--"
            mesh       (k, m, 2): k thin lines through m points each, the second half of them red
            points     (n, 2)
            labels     integers (n,): the classes of the points
            markers    {text: (x, y)}: stars with a text
            texts      list of (x, y, text), each with its middle there
            note       a text below
    extent : (left, right, bottom, top)
        The part of the plane.
    title : str
        Above the panel.
    """

    def __init__(
        self,
        contents: Mapping[str, Any],
        extent: Sequence[float],
        *,
        title: str = "",
    ):
        _check_extent(f"Plane, {title!r}", extent)
        self.contents = _check_contents(f"Plane, {title!r}", contents)
        self.extent, self.title = extent, title
        self.note = self.contents.get("note", "")

    def size(self, width: float) -> tuple[float, float]:
        left, right, bottom, top = self.extent
        return width, width * (top - bottom) / (right - left)

    def draw(self, page: Page, box: Box) -> None:
        _draw_contents(page.axes(box), self.contents, self.extent, box.width)


class PlaneRows(Panel):
    """Rows of small planes, with a label on the left of each row.

    Parameters
    ----------
    rows : {label: {heading: contents}}
        The planes of each row, as in `Plane`. Headings that are those of the row
        above are not repeated.
    extent : (left, right, bottom, top)
        The part of the plane, the same for all.
    title, note : str
        Above and below the rows.
    """

    def __init__(
        self,
        rows: Mapping[str, Mapping[str, Mapping]],
        extent: Sequence[float],
        *,
        title: str = "",
        note: str = "",
    ):
        if not rows or not all(rows.values()):
            raise ValueError(f"PlaneRows, {title!r}: no plane to draw")
        _check_extent(f"PlaneRows, {title!r}", extent)
        self.rows = {
            label: {
                heading: _check_contents(f"PlaneRows, {label!r}, {heading!r}", contents)
                for heading, contents in row.items()
            }
            for label, row in rows.items()
        }
        self.extent, self.title, self.note = extent, title, note
        self.label_width = LABEL_WIDTH if any(self.rows) else 0

    def _plane_size(self, width: float) -> tuple[int, int]:
        """Return the width and the height of each plane."""
        left, right, bottom, top = self.extent
        n = max(map(len, self.rows.values()))
        plane = (width - self.label_width - SMALL_GAP * (n - 1)) // n
        return plane, round(plane * (top - bottom) / (right - left))

    def _texts(self, plane_width: float) -> list[tuple[list[str], list[str]]]:
        """Return the headings and the notes of each row, in lines that fit."""
        texts, before = [], None
        for row in self.rows.values():
            headings = [wrap(heading, plane_width) for heading in row]
            notes = [wrap(contents.get("note", ""), plane_width) for contents in row.values()]
            texts.append(([""] * len(row) if headings == before else headings, notes))
            before = headings
        return texts

    def size(self, width: float) -> tuple[float, float]:
        plane_width, plane_height = self._plane_size(width)
        lines = [max(map(count_lines, t)) for pair in self._texts(plane_width) for t in pair]
        num_rows = len(self.rows)
        return width, num_rows * plane_height + LINE * sum(lines) + SMALL_GAP * (num_rows - 1)

    def draw(self, page: Page, box: Box) -> None:
        width, height = self._plane_size(box.width)
        top = box.top
        texts = self._texts(width)
        for (label, row), (headings, notes) in zip(self.rows.items(), texts, strict=True):
            above, below = (LINE * max(map(count_lines, lines)) for lines in (headings, notes))
            if label:
                style = {"rotation": 90, "rotation_mode": "anchor", "ha": "center"}
                middle = top + above + height / 2
                page.write(label, box.left + LABEL_WIDTH / 2 - 4, middle - LINE / 2, **style)
            for i, contents in enumerate(row.values()):
                left = box.left + self.label_width + i * (width + SMALL_GAP)
                page.write(headings[i], left + width / 2, top, ha="center")
                page.write(notes[i], left + width / 2, top + above + height, ha="center")
                ax = page.axes(Box(left, top + above, width, height))
                _draw_contents(ax, contents, self.extent, width)
            top += above + height + below + SMALL_GAP


def _draw_contents(ax, contents: Mapping, extent: Sequence[float], width: float) -> None:
    """Draw a frame and what a plane contains, which is `width` pixels wide on the page."""
    left, right, bottom, top = extent
    scale = min(2 * width / PAGE_WIDTH, 1)  # smaller planes have smaller points
    _draw_field(ax, contents, extent, scale)
    if "points" in contents:
        _draw_points(ax, contents, scale)
    _draw_markers(ax, contents.get("markers", {}), (left + right) / 2)
    for x, y, text in contents.get("texts", ()):
        ax.text(x, y, text, size=TEXT, color=INK, ha="center", va="center", parse_math=False)
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=(), yticks=())
    for spine in ax.spines.values():
        spine.set_color(FAINT)


def _draw_field(ax, panel: Mapping, extent: Sequence[float], scale: float) -> None:
    """Draw a panel's field as colours, and its contours and mesh as lines."""
    left, right, bottom, top = extent
    if "field" in panel:
        colours = blend_colours(as_square(panel["field"]), panel["colours"])
        style = {"interpolation": "bilinear", "aspect": "auto", "zorder": 0}
        ax.imshow(colours, extent=extent, origin="lower", **style)
    for values, levels, line in panel.get("contours", ()):
        z = as_square(as_numpy(values))
        x, y = np.linspace(left, right, len(z)), np.linspace(bottom, top, len(z))
        style = {"colors": INK, "linestyles": line, "linewidths": 1.2, "zorder": 2}
        ax.contour(x, y, z, levels=levels, **style)
    mesh = panel.get("mesh", ())
    for i, line in enumerate(mesh):
        colour = INK if i < len(mesh) / 2 else CLASS_COLOURS[2]
        style = {"linewidth": min(27 / len(mesh), 1.8) * scale, "alpha": 0.75}  # few are thick
        ax.plot(*line.T, color=colour, zorder=0.5, **style)  # points lie on top


def _draw_points(ax, panel: Mapping, scale: float) -> None:
    """Draw the points of a panel."""
    points, labels = panel["points"], panel["labels"]
    # In random order, so that no class lies on top of another.
    order = np.random.default_rng(0).permutation(len(labels))
    size = float(np.clip(6_000 / max(len(labels), 1), 4, 30)) * scale
    colours = np.array(CLASS_COLOURS)[labels % len(CLASS_COLOURS)]
    style = {"linewidths": 0, "alpha": 0.75, "zorder": 1, "rasterized": True}
    ax.scatter(*points[order].T, c=colours[order].tolist(), s=size, **style)


def _draw_markers(ax, markers: Mapping[str, Sequence[float]], middle: float) -> None:
    """Draw stars, each with its text below it on the side that has more room."""
    for text, (x, y) in markers.items():
        star = {"marker": "*", "markersize": 15, "markeredgecolor": INK, "markeredgewidth": 0.9}
        ax.plot([x], [y], color="#ffe14d", zorder=3, **star)
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}
        style = {"size": TEXT, "color": INK, "zorder": 3, "bbox": box, "va": "top"}
        side = "right" if x > middle else "left"
        ax.annotate(text, (x, y), (0, -12), textcoords="offset points", ha=side, **style)


def _check_extent(name: str, extent: Sequence[float]) -> None:
    left, right, bottom, top = extent
    if not (left < right and bottom < top):
        raise ValueError(f"{name}: extent is (left, right, bottom, top); got {tuple(extent)}")


def _check_contents(name: str, panel: Mapping) -> dict:
    """Return the contents of a panel with NumPy arrays, or raise an error that names it."""
    if unknown := set(panel) - KEYS:
        raise ValueError(
            f"{name}: a panel does not have {', '.join(sorted(unknown))}; "
            f"it may have {', '.join(sorted(KEYS))}"
        )
    keys = [key for key in ("field", "mesh", "points", "labels") if key in panel]
    arrays = {key: as_numpy(panel[key]) for key in keys}
    for key, array in arrays.items():
        check_finite(f"{name}, {key}", array)
    if "field" in arrays:
        _check_field(name, arrays["field"], panel.get("colours", ()))
    if "mesh" in arrays and arrays["mesh"].shape[2:] != (2,):
        raise ValueError(f"{name}: a mesh is lines (k, m, 2), got {arrays['mesh'].shape}")
    if "points" in arrays:
        _check_points(name, arrays["points"], arrays.get("labels", np.zeros(0, int)))
    return {**panel, **arrays}


def _check_field(name: str, field: np.ndarray, colours: Sequence[str]) -> None:
    as_square(field)  # raises an error for another number of values
    if len(colours) < 2 or field.min() < -1e-6 or field.max() > 1 + 1e-6:
        raise ValueError(
            f"{name}: a field has values from 0 to 1, and the panel has two colours or more"
        )


def _check_points(name: str, points: np.ndarray, labels: np.ndarray) -> None:
    is_plane = points.ndim == 2 and points.shape[1] == 2
    if not is_plane or labels.shape != points.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: needs points (n, 2) and integer labels (n,), got {points.shape} and "
            f"{labels.dtype} {labels.shape}"
        )
