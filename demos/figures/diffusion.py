"""Data on their way to noise and back: densities on a line, and clouds of points in the plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinygen.plot.arrays import as_numpy, check_finite
from tinygen.plot.canvas import (
    CLASS_COLOURS,
    INK,
    new_figure,
    rasterize,
    save_gif,
    save_png,
    style_axes,
)

__all__ = ["save_evolution", "save_scatter_animation"]

EXACT, ESTIMATED = "#2b6cb0", "#e8791c"
WIDTH, PANEL_HEIGHT = 9.6, 2.75  # inches
SECONDS = 9.5  # of one repetition of an animation
KEYS = {"density", "paths", "exact", "estimated", "note"}


def save_evolution(path, x: np.ndarray, panels: Mapping[str, Mapping]) -> None:
    """Draw densities on a line as they change from data, on the left, to noise, on the right.

    Each panel is a dict that has:

        density      (k, m), at x and at m times, shown as colour; each time's largest value is
                     equally dark
        paths        (p, m): the trajectories of p points
        exact        pair of densities (k,), of data and noise, drawn filled on the left and right
        estimated    pair of densities (k,) or None, drawn as lines over the exact ones
        note         a line below

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    x : array (k,)
        Where the densities are given.
    panels : {title: panel}
        Drawn one below the other.
    """
    x = as_numpy(x)
    if not panels:
        raise ValueError("save_evolution: no panel to draw")
    panels = {title: _check_panel(title, x, panel) for title, panel in panels.items()}
    n = len(panels)
    figure = new_figure(WIDTH, PANEL_HEIGHT * n)
    for i, (title, panel) in enumerate(panels.items()):
        bottom, height = 1 - (i + 1) / n + 0.15 / n, 0.73 / n
        ax = figure.add_axes((0.17, bottom, 0.68, height))
        _draw_evolution(ax, x, panel)
        ax.set_title(title, size=11, color=INK, weight="bold")
        for k, (end, left) in enumerate((("data", 0.035), ("noise", 0.86))):
            side = figure.add_axes((left, bottom, 0.125, height), sharey=ax)
            _draw_end(side, x, panel["exact"][k], panel["estimated"][k])
            if k == 0:
                side.invert_xaxis()
            side.set_xlabel(end)
            side.spines[["left" if k == 0 else "right"]].set_visible(False)
            style_axes(side)
    save_png(figure, path)


def _draw_evolution(ax, x: np.ndarray, panel: Mapping) -> None:
    """Draw the densities at all times, and the paths."""
    relative = panel["density"] / np.maximum(panel["density"].max(axis=0), 1e-12)
    extent = (0, 1, x[0], x[-1])
    style = {"cmap": "Blues", "vmin": 0, "vmax": 1.25, "interpolation": "bilinear"}
    ax.imshow(relative**0.7, extent=extent, origin="lower", aspect="auto", **style)
    times = np.linspace(0, 1, panel["density"].shape[1])
    for k, line in enumerate(panel["paths"]):
        colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
        ax.plot(times, line, color=colour, linewidth=1.1, alpha=0.9)
    ax.set(xlim=(0, 1), ylim=(x[0], x[-1]), xticks=(), yticks=())
    style = {"ha": "center", "va": "center", "size": 8.5, "color": INK}
    ax.text(0.5, -0.08, panel["note"], transform=ax.transAxes, **style)


def _draw_end(ax, x: np.ndarray, exact: np.ndarray, estimated: np.ndarray | None) -> None:
    """Draw the exact and the estimated density at one end."""
    ax.fill_betweenx(x, exact, color=EXACT, alpha=0.3, linewidth=0)
    ax.plot(exact, x, color=EXACT, linewidth=1.2)
    if estimated is not None:
        ax.plot(estimated, x, color=ESTIMATED, linewidth=1.6)
    ax.set(xlim=(0, 1.15 * exact.max()), xticks=(), yticks=())


def _check_panel(title: str, x: np.ndarray, panel: Mapping) -> dict:
    """Return the panel with NumPy arrays, or raise an error that names it."""
    name = f"save_evolution, {title!r}"
    if wrong := KEYS ^ set(panel):
        raise ValueError(
            f"{name}: a panel has density, paths, exact, estimated and note; "
            f"wrong or missing: {', '.join(sorted(wrong))}"
        )
    density, paths = as_numpy(panel["density"]), as_numpy(panel["paths"])
    curves = [c for key in ("exact", "estimated") for c in panel[key] if c is not None]
    is_right = (
        x.ndim == 1
        and density.ndim == 2
        and density.shape[0] == len(x)
        and paths.shape[1:] == density.shape[1:]
        and all(curve.shape == x.shape for curve in curves)
    )
    if not is_right:
        raise ValueError(
            f"{name}: needs x (k,), density (k, m), paths (p, m) and curves (k,); "
            f"got {x.shape}, {density.shape}, {paths.shape}"
        )
    for array in (density, paths, *curves):
        check_finite(name, array)
    return {**panel, "density": density, "paths": paths}


def save_scatter_animation(path, frames: Sequence[tuple], extent: Sequence[float]) -> None:
    """Draw clouds of points one after the other, as an animated GIF of 9.5 seconds.

    Parameters
    ----------
    path : str or Path
        Ends in .gif.
    frames : sequence of (points, labels, text)
        Points (n, 2), their classes (n,), and the title of the frame.
    extent : (left, right, bottom, top)
        The part of the plane.
    """
    frames = [_check_frame(*frame) for frame in frames]
    images = [_draw_frame(*frame, extent) for frame in frames]
    save_gif(path, images, seconds=SECONDS)


def _check_frame(points, labels, text: str) -> tuple[np.ndarray, np.ndarray, str]:
    points, labels = as_numpy(points), as_numpy(labels)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(
            "save_scatter_animation: a frame has points (n, 2), labels (n,) and a text; "
            f"got {points.shape} and {labels.shape}"
        )
    check_finite("save_scatter_animation", points)
    return points, labels, text


def _draw_frame(
    points: np.ndarray, labels: np.ndarray, text: str, extent: Sequence[float]
) -> np.ndarray:
    """Return one frame as uint8 (height, width, 3)."""
    left, right, bottom, top = extent
    figure = new_figure(4.2, 4.2 * (top - bottom) / (right - left) + 0.4, dpi=90)
    ax = figure.add_axes((0.02, 0.02, 0.96, 0.9))
    colours = np.array(CLASS_COLOURS)[labels % len(CLASS_COLOURS)].tolist()
    ax.scatter(*points.T, c=colours, s=5, linewidths=0, alpha=0.8)
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=(), yticks=())
    ax.set_title(text, size=10, color=INK)
    return rasterize(figure)
