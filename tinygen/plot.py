"""Pictures of data, latent spaces and training, as PNG files. The only file of the package that imports matplotlib, and only when a picture is drawn.

    save_grid      many images in a grid
    save_rows      rows of images with a label each: originals over reconstructions
    save_map       a scatter of two-dimensional codes, coloured by class
    save_curves    training curves, smoothed over the raw

Figures are made without pyplot: no window, no global state, nothing to close. A file appears whole or not at all. Images are (n, channels, height,
width), 1 channel for grey or 3 for colour, or (n, height, width); bytes, or floats from 0 to 1; arrays of any device, or Tensors.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .backend import to_numpy
from .engine import Tensor

__all__ = ["CLASS_COLOURS", "save_curves", "save_grid", "save_map", "save_rows"]

# Ten colours that stay apart for readers with any of the usual colour-vision deficiencies: Petroff, "Accessible color sequences for data
# visualization", 2021.
CLASS_COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
INK, FAINT = "#222222", "#bbbbbb"
DPI = 150


def save_grid(path, images, *, columns: int | None = None, scale: int | None = None, gap: int = 2) -> None:
    """Draw n images in a grid, row by row.

    columns : by default near the square root of n; scale : screen pixels an image pixel, by default so that the picture is some 900 pixels wide;
    gap : image pixels of white between two.
    """
    images = _images("save_grid", images)
    columns = columns or math.ceil(math.sqrt(len(images)))
    mosaic = _mosaic(images, columns, gap)
    _draw_mosaic(path, mosaic, scale, labels=None)


def save_rows(path, rows: Mapping[str, object], *, scale: int | None = None, gap: int = 2) -> None:
    """Draw one row of images for each entry of {label: images}, the label on its left. All rows have as many images of one size."""
    stacks = {label: _images(f"save_rows, row {label!r}", images) for label, images in rows.items()}
    shapes = {label: images.shape for label, images in stacks.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(f"save_rows: rows need the same number of images of the same size, got {shapes or 'none'}")
    columns = len(next(iter(stacks.values())))
    mosaic = _mosaic(np.concatenate([*stacks.values()]), columns, gap)
    _draw_mosaic(path, mosaic, scale, labels=[*stacks])


def save_map(path, codes, labels, *, title: str = "", axes: Sequence[str] = ("$z_1$", "$z_2$"), names: Sequence[str] | None = None) -> None:
    """Scatter two-dimensional codes (n, 2), coloured by class, each class's name at its median.

    labels : integers (n,) from 0; names : what the classes are called, by default their numbers; axes : what the two axes are.
    """
    codes, labels = _array(codes), _array(labels)
    if codes.ndim != 2 or codes.shape[1] != 2 or labels.shape != codes.shape[:1] or labels.dtype.kind not in "iu" or not len(codes):
        raise ValueError(f"save_map: needs codes (n, 2) and integer labels (n,), got {codes.shape} and {labels.dtype} {labels.shape}; "
                         "reduce more dimensions to two first, or choose two")
    _check_finite("save_map", codes)
    import matplotlib.patheffects as effects

    figure = _figure(6.0, 5.6)
    ax = figure.add_axes((0.09, 0.09, 0.88, 0.84 if title else 0.88))
    order = np.random.default_rng(0).permutation(len(codes))  # so that no class lies on top of all others
    palette = np.array([CLASS_COLOURS[k % len(CLASS_COLOURS)] for k in range(int(labels.max()) + 1)])
    size = float(np.clip(20_000 / len(codes), 3, 30))
    ax.scatter(*codes[order].T, c=palette[labels[order]].tolist(), s=size, linewidths=0, alpha=0.6, rasterized=True)
    for k in np.unique(labels):
        name = str(k) if names is None else names[k]
        ax.text(*np.median(codes[labels == k], axis=0), name, color=palette[k], size=15, weight="bold", ha="center", va="center",
                path_effects=[effects.withStroke(linewidth=3.5, foreground="white")])
    low, high = codes.min(0), codes.max(0)
    margin = 0.04 * np.maximum(high - low, 1e-6)
    ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    ax.set_xlabel(axes[0])
    ax.set_ylabel(axes[1], rotation=0 if axes[1].startswith("$") else 90)  # a symbol stands upright, words run along the axis
    if title:
        ax.set_title(title, size=min(11, 640 / len(title)), color=INK)  # a long one is set smaller rather than cut off
    _tidy(ax)
    _save(figure, path)


def save_curves(path, curves: Mapping[str, tuple], *, ylabel: str = "loss", xlabel: str = "step", title: str = "", smooth: bool = True) -> None:
    """Draw {label: (steps, values)}: the raw values faint, a running mean over a fiftieth of them on top.

    The range shown leaves out the first steps' fall, so that the rest can be read. With `smooth=False`, or under 50 values, points are joined as they are.
    """
    series = {label: (_array(steps), _array(values)) for label, (steps, values) in curves.items()}
    for label, (steps, values) in series.items():
        if steps.shape != values.shape or steps.ndim != 1 or not len(steps):
            raise ValueError(f"save_curves: {label!r} needs as many steps as values, at least one; got {steps.shape} and {values.shape}")
        _check_finite(f"save_curves, {label!r}", values)
    figure = _figure(6.4, 3.8)
    ax = figure.add_axes((0.11, 0.14, 0.86, 0.76 if title else 0.82))
    settled = []
    for k, (label, (steps, values)) in enumerate(series.items()):
        colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
        if smooth and len(values) >= 50:
            window = max(5, len(values) // 50)
            total = np.cumsum(np.concatenate([[0.0], values.astype(np.float64)]))
            means = (total[window:] - total[:-window]) / window
            middle = np.convolve(steps, np.ones(window) / window, mode="valid")
            ax.plot(steps, values, color=colour, alpha=0.25, linewidth=0.6)
            ax.plot(middle, means, color=colour, linewidth=1.8, label=label)
        else:
            ax.plot(steps, values, color=colour, linewidth=1.8, marker="o" if len(values) < 50 else None, markersize=4, label=label)
        settled.append(values[len(values) // 20 :])  # without the fall of the first twentieth
    shown = np.concatenate(settled)
    low, high = float(shown.min()), float(shown.max())
    margin = 0.06 * max(high - low, 1e-6)
    ax.set_ylim(low - margin, high + margin)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if title:
        ax.set_title(title, size=min(11, 700 / len(title)), color=INK)
    if len(series) > 1:
        ax.legend(frameon=False, fontsize=9)
    ax.grid(axis="y", color="#eeeeee", linewidth=0.8)
    ax.set_axisbelow(True)
    _tidy(ax)
    _save(figure, path)


# --------------------------------------------------------------------------------------------------------------------------- helpers


def _array(a) -> np.ndarray:
    return to_numpy(a.data if isinstance(a, Tensor) else a)


def _images(name: str, images) -> np.ndarray:
    """(n, height, width, 3) floats from 0 to 1."""
    a = _array(images)
    a = a[:, None] if a.ndim == 3 else a
    if a.ndim != 4 or a.shape[1] not in (1, 3) or 0 in a.shape:
        raise ValueError(f"{name}: got shape {a.shape}; needs images (n, 1 or 3, height, width) or (n, height, width), at least one")
    if a.dtype == np.uint8:
        a = a / np.float32(255)
    if a.dtype.kind not in "fb":
        raise TypeError(f"{name}: images are {a.dtype}; give uint8, or floats from 0 to 1")
    _check_finite(name, a)
    if a.min() < -1e-3 or a.max() > 1 + 1e-3:
        raise ValueError(f"{name}: images go from {a.min():.3g} to {a.max():.3g}, expected 0 to 1: clip them, or for tanh's range show (x + 1) / 2")
    return np.broadcast_to(np.clip(a, 0, 1).transpose(0, 2, 3, 1), (len(a), *a.shape[2:], 3))


def _check_finite(name: str, a: np.ndarray) -> None:
    bad = a.size - np.count_nonzero(np.isfinite(a))
    if bad:
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(a))[0])
        raise ValueError(f"{name}: {bad} of {a.size} values are NaN or infinite, the first at {where}; did training diverge? (detect_nan names the op)")


def _mosaic(images: np.ndarray, columns: int, gap: int) -> np.ndarray:
    """One picture of them all on white, a gap between neighbours and none at the rim."""
    n, h, w, _ = images.shape
    if columns < 1 or gap < 0:
        raise ValueError(f"needs at least 1 column and a gap of at least 0, got {columns} and {gap}")
    rows, columns = math.ceil(n / columns), min(columns, n)
    mosaic = np.ones((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), np.float32)
    for i, image in enumerate(images):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        mosaic[top : top + h, left : left + w] = image
    return mosaic


def _draw_mosaic(path, mosaic: np.ndarray, scale: int | None, labels: list[str] | None) -> None:
    """Every image pixel is a square of `scale` screen pixels, exactly: sizes are computed, not left to a layout."""
    h, w, _ = mosaic.shape
    scale = scale or max(1, round(900 / w))
    left = 0 if labels is None else int(max(len(label) for label in labels) * 11.5) + 24
    width, height, rim = left + w * scale, h * scale, 2 * scale
    figure = _figure((width + 2 * rim) / DPI, (height + 2 * rim) / DPI)
    box = ((rim + left) / (width + 2 * rim), rim / (height + 2 * rim), w * scale / (width + 2 * rim), height / (height + 2 * rim))
    ax = figure.add_axes(box)
    ax.imshow(np.repeat(np.repeat(mosaic, scale, 0), scale, 1), interpolation="nearest", aspect="auto")
    ax.set_axis_off()
    for k, label in enumerate(labels or ()):
        ax.text(-12 / (w * scale), 1 - (k + 0.5) / len(labels), label, transform=ax.transAxes, ha="right", va="center", size=9, color=INK)
    _save(figure, path)


def _figure(width: float, height: float):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("drawing needs matplotlib: pip install matplotlib, or install tinygen with its extra: tinygen[demos]") from error
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _tidy(ax) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    ax.tick_params(colors="#666666", labelsize=8, length=3)
    ax.xaxis.label.set(color=INK, size=10)
    ax.yaxis.label.set(color=INK, size=10)


def _save(figure, path) -> None:
    """Write aside, then move into place: an interrupted run leaves the old picture, not half a new one."""
    path = Path(path)
    if path.suffix != ".png":
        raise ValueError(f"pictures are written as PNG: name the file {path.stem}.png, not {path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        figure.savefig(aside, format="png", dpi=DPI, metadata={"Software": None})
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
