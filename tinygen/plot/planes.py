"""Functions and points on the plane, side by side: decision boundaries, densities, samples of two-dimensional models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .arrays import as_numpy, check_finite
from .canvas import CLASS_COLOURS, INK, new_figure, save_png, style_axes

__all__ = ["grid_points", "save_planes"]


def grid_points(extent: Sequence[float], resolution: int = 200) -> np.ndarray:
    """Where to evaluate a function for `save_planes`: (resolution^2, 2), a grid over extent = (left, right, bottom, top), rows from below."""
    left, right, bottom, top = extent
    x, y = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def save_planes(path, panels: Mapping[str, Mapping], extent: Sequence[float], *, names: Sequence[str] = (), columns: int | None = None) -> None:
    """Draw {title: panel} over the same extent = (left, right, bottom, top), side by side or so many in a row. A panel may have

    field : values (m^2,) at `grid_points(extent, m)`, from 0 to 1, shown as colours; colours : those of 0 and 1, and any between them.
    contours : [(values (m^2,), levels, style)]; style "-" or "--".
    mesh : (k, m, 2), k thin lines through m points each.
    points : (n, 2), and labels : integers (n,), their classes, which are called `names`.
    markers : {text: (x, y)}, stars with the text beside them.
    note : a line or two below.
    """
    if not panels:
        raise ValueError("save_planes: no panel to draw")
    left, right, bottom, top = extent
    if not (left < right and bottom < top):
        raise ValueError(f"save_planes: extent is (left, right, bottom, top); got {tuple(extent)}")
    panels = {title: _checked(title, panel) for title, panel in panels.items()}
    side, gap = 3.7, 0.45
    tall = side * (top - bottom) / (right - left)
    columns = min(columns or len(panels), len(panels))
    rows = -(-len(panels) // columns)
    width, height = columns * (side + gap) + 0.1, rows * (tall + 1.15)
    figure = new_figure(width, height)
    for i, (title, panel) in enumerate(panels.items()):
        row, column = divmod(i, columns)
        below = 0.75 + (rows - 1 - row) * (tall + 1.15)
        ax = figure.add_axes(((gap + column * (side + gap)) / width, below / height, side / width, tall / height))
        if "field" in panel:
            colours = blend_colours(as_square(panel["field"]), panel["colours"])
            ax.imshow(colours, extent=extent, origin="lower", interpolation="bilinear", aspect="auto", zorder=0)
        for values, levels, style in panel.get("contours", ()):
            z = as_square(as_numpy(values))
            x, y = np.linspace(left, right, len(z)), np.linspace(bottom, top, len(z))
            ax.contour(x, y, z, levels=levels, colors=INK, linestyles=style, linewidths=1.2, zorder=2)
        for line in panel.get("mesh", ()):
            ax.plot(*line.T, color=INK, linewidth=0.6, alpha=0.7, zorder=2)
        if "points" in panel:
            labels = panel["labels"]
            order = np.random.default_rng(0).permutation(len(labels))  # so that no class lies on top of another
            size = float(np.clip(6_000 / max(len(labels), 1), 4, 30))
            colours = np.array(CLASS_COLOURS)[labels % len(CLASS_COLOURS)]
            ax.scatter(*panel["points"][order].T, c=colours[order].tolist(), s=size, linewidths=0, alpha=0.75, zorder=1, rasterized=True)
            for k in np.unique(labels):
                if i == 0 and k < len(names):
                    ax.scatter([], [], c=CLASS_COLOURS[k % len(CLASS_COLOURS)], s=25, label=names[k])
            if i == 0 and len(names):
                ax.legend(frameon=False, fontsize=9, loc="lower left", handletextpad=0.2, labelcolor=INK)
        for text, (x, y) in panel.get("markers", {}).items():
            ax.plot([x], [y], marker="*", markersize=15, color="#ffe14d", markeredgecolor=INK, markeredgewidth=0.9, zorder=3)
            side_of = "right" if 2 * x > left + right else "left"
            box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}
            ax.annotate(text, (x, y), (0, -12), textcoords="offset points", ha=side_of, va="top", size=9.5, color=INK, zorder=3, bbox=box)
        ax.set(xlim=(left, right), ylim=(bottom, top))
        ax.set_title(title, size=12, color=INK, weight="bold")
        ax.text(0.5, -0.5 / tall, panel.get("note", ""), transform=ax.transAxes, size=9, color=INK, ha="center", va="center", linespacing=1.4)
        style_axes(ax)
    save_png(figure, path)


def _checked(title: str, panel: Mapping) -> dict:
    """The panel's arrays as NumPy arrays, or an error that names it."""
    known = {"field", "colours", "contours", "mesh", "points", "labels", "markers", "note"}
    if unknown := set(panel) - known:
        raise ValueError(f"save_planes, {title!r}: no such thing in a panel as {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    arrays = {key: as_numpy(panel[key]) for key in ("field", "mesh", "points", "labels") if key in panel}
    for key, a in arrays.items():
        check_finite(f"save_planes, {title!r}, {key}", a)
    if "field" in arrays and (len(panel.get("colours", ())) < 2 or arrays["field"].min() < -1e-6 or arrays["field"].max() > 1 + 1e-6):
        raise ValueError(f"save_planes, {title!r}: a field has values from 0 to 1, and `colours`, two colours or more")
    if "mesh" in arrays and arrays["mesh"].shape[2:] != (2,):
        raise ValueError(f"save_planes, {title!r}: a mesh is lines (k, m, 2), got {arrays['mesh'].shape}")
    if "points" in arrays:
        points, labels = arrays["points"], arrays.get("labels", np.zeros(0, int))
        if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1] or labels.dtype.kind not in "iu":
            came = f"{points.shape} and {labels.dtype} {labels.shape}"
            raise ValueError(f"save_planes, {title!r}: needs points (n, 2) and integer labels (n,), got {came}")
    return {**panel, **arrays}


def as_square(values: np.ndarray) -> np.ndarray:
    m = round(values.size**0.5)
    if values.ndim != 1 or m * m != values.size:
        raise ValueError(f"save_planes: values of shape {values.shape} are not those at `grid_points(extent, m)`, which are m^2 in a row")
    return values.reshape(m, m)


def blend_colours(values: np.ndarray, between: Sequence[str]) -> np.ndarray:
    """Values from 0 to 1 as colours (..., 3) along a line through those `colours`, given as "#rrggbb"."""
    stops = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in between])
    at = np.linspace(0, 1, len(between))
    return np.stack([np.interp(values, at, stops[:, channel]) for channel in range(3)], axis=-1)
