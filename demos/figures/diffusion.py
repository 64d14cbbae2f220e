"""Data on their way to noise and back: densities on a line as time goes, clouds of points in the plane as an animation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tinygen.plot.arrays import as_numpy, check_finite
from tinygen.plot.canvas import CLASS_COLOURS, INK, new_figure, save_png, style_axes

__all__ = ["save_scatter_animation", "save_evolution"]

EXACT, FOUND = "#2b6cb0", "#e8791c"


def save_evolution(path, x: np.ndarray, panels: Mapping[str, Mapping], *, ends: Sequence[str] = ("data", "noise")) -> None:
    """Draw {title: panel} one below the other: a density on a line as it changes from data, at the left, to noise, at the right. A panel has

    density : (k, m), at x (k,) and m moments; shown as colour, each moment's greatest as dark. paths : (p, m), the ways of p points.
    exact, estimated : pairs of densities (k,), of the data and of the noise, drawn at the left and at the right; the first filled, the second a line, or None.
    note : a line below. ends : what stands below both ends.
    """
    x = as_numpy(x)
    if not panels:
        raise ValueError("save_evolution: no panel to draw")
    panels = {title: _evolution(title, x, panel) for title, panel in panels.items()}
    width, tall = 9.6, 2.75
    figure = new_figure(width, tall * len(panels))
    for i, (title, panel) in enumerate(panels.items()):
        bottom = 1 - (i + 1) / len(panels)
        low, high = bottom + 0.15 / len(panels), 0.73 / len(panels)
        ax = figure.add_axes((0.17, low, 0.68, high))
        density = panel["density"] / np.maximum(panel["density"].max(axis=0), 1e-12)
        ax.imshow(density**0.7, extent=(0, 1, x[0], x[-1]), origin="lower", aspect="auto", cmap="Blues", vmin=0, vmax=1.25, interpolation="bilinear")
        moments = np.linspace(0, 1, panel["density"].shape[1])
        for k, line in enumerate(panel["paths"]):
            ax.plot(moments, line, color=CLASS_COLOURS[k % len(CLASS_COLOURS)], linewidth=1.1, alpha=0.9)
        ax.set(xlim=(0, 1), ylim=(x[0], x[-1]), xticks=(), yticks=())
        ax.set_title(title, size=11, color=INK, weight="bold")
        ax.text(0.5, -0.08, panel["note"], transform=ax.transAxes, ha="center", va="center", size=8.5, color=INK)
        for k, left in enumerate((0.035, 0.86)):
            side = figure.add_axes((left, low, 0.125, high), sharey=ax)
            side.fill_betweenx(x, panel["exact"][k], color=EXACT, alpha=0.3, linewidth=0)
            side.plot(panel["exact"][k], x, color=EXACT, linewidth=1.2)
            if panel["estimated"][k] is not None:
                side.plot(panel["estimated"][k], x, color=FOUND, linewidth=1.6)
            side.set(xlim=(0, 1.15 * panel["exact"][k].max()), xticks=(), yticks=())
            if k == 0:
                side.invert_xaxis()
            side.set_xlabel(ends[k])
            side.spines[["left" if k == 0 else "right"]].set_visible(False)
            style_axes(side)
    save_png(figure, path)


def _evolution(title: str, x: np.ndarray, panel: Mapping) -> dict:
    if missing := {"density", "paths", "exact", "estimated", "note"} ^ set(panel):
        raise ValueError(f"save_evolution, {title!r}: a panel has density, paths, exact, estimated and note; wrong or missing: {', '.join(sorted(missing))}")
    density, paths = as_numpy(panel["density"]), as_numpy(panel["paths"])
    curves = [c for pair in (panel["exact"], panel["estimated"]) for c in pair if c is not None]
    if x.ndim != 1 or density.shape[:1] != x.shape or density.ndim != 2 or paths.shape[1:] != density.shape[1:] or any(c.shape != x.shape for c in curves):
        raise ValueError(f"save_evolution, {title!r}: needs x (k,), density (k, m), paths (p, m) and curves (k,); got {x.shape}, {density.shape}, {paths.shape}")
    for a in (density, paths, *curves):
        check_finite(f"save_evolution, {title!r}", a)
    return {**panel, "density": density, "paths": paths}


def save_scatter_animation(path, frames: Sequence[tuple], extent: Sequence[float], *, seconds: float = 8.0) -> None:
    """Frames (points (n, 2), labels (n,), text) one after the other over extent = (left, right, bottom, top), as a GIF; the last one stays a little."""
    from PIL import Image

    path = Path(path)
    if not frames or path.suffix != ".gif":
        raise ValueError(f"save_scatter_animation: needs frames, and a file name that ends in .gif; got {len(frames)} and {path.name}")
    left, right, bottom, top = extent
    pictures = []
    for points, labels, text in frames:
        points, labels = as_numpy(points), as_numpy(labels)
        if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
            raise ValueError(f"save_scatter_animation: a frame has points (n, 2), labels (n,) and a text; got {points.shape} and {labels.shape}")
        check_finite("save_scatter_animation", points)
        figure = new_figure(4.2, 4.2 * (top - bottom) / (right - left) + 0.4)
        figure.set_dpi(90)
        ax = figure.add_axes((0.02, 0.02, 0.96, 0.9))
        ax.scatter(*points.T, c=np.array(CLASS_COLOURS)[labels % len(CLASS_COLOURS)].tolist(), s=5, linewidths=0, alpha=0.8)
        ax.set(xlim=(left, right), ylim=(bottom, top), xticks=(), yticks=())
        ax.set_title(text, size=10, color=INK)
        figure.canvas.draw()
        pictures.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]).quantize(64, dither=Image.Dither.NONE))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        each = max(int(1000 * seconds / len(pictures)), 20)
        pictures[0].save(aside, format="GIF", save_all=True, append_images=pictures[1:], duration=[each] * (len(pictures) - 1) + [1500], loop=0)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
