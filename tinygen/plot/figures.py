"""Pictures of data, latent spaces and training, as PNG files. The only file of the package that imports matplotlib, and only when a picture is drawn.

    save_grid      many images in a grid
    save_rows      rows of images with a label each: originals over reconstructions
    save_scatter       a scatter of two-dimensional codes, coloured by class
    save_posteriors    maps of q(z|x) with its ellipses, side by side, each over the pictures decoded from the prior
    discriminants  a view of codes of more dimensions, for save_scatter
    save_curves    training curves, smoothed over the raw

Figures are made without pyplot: no window, no global state, nothing to close. A file appears whole or not at all. Images are (n, channels, height,
width), 1 channel for grey or 3 for colour, or (n, height, width); bytes, or floats from 0 to 1; arrays of any device, or Tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .arrays import (
    as_images,
    as_numpy,
    check_finite,
    linear_discriminants,
    make_grid,
    separate_boxes,
)
from .canvas import CLASS_COLOURS, DPI, INK, new_figure, save_png, style_axes

__all__ = ["CLASS_COLOURS", "linear_discriminants", "save_posteriors", "save_curves", "save_grid", "save_scatter", "save_rows"]


def save_grid(path, images, *, columns: int | None = None, scale: int | None = None, gap: int = 2, title: str = "") -> None:
    """Draw n images in a grid, row by row, under the title if there is one.

    columns : by default near the square root of n; scale : screen pixels an image pixel, by default so that the picture is some 900 pixels wide;
    gap : image pixels of white between two.
    """
    images = as_images("save_grid", images)
    columns = columns or math.ceil(math.sqrt(len(images)))
    mosaic = make_grid(images, columns, gap)
    _draw_mosaic(path, mosaic, scale, labels=None, title=title)


def save_rows(path, rows: Mapping[str, object], *, scale: int | None = None, gap: int = 2) -> None:
    """Draw one row of images for each entry of {label: images}, the label, of one line or more, on its left. All rows have as many images of one size."""
    stacks = {label: as_images(f"save_rows, row {label!r}", images) for label, images in rows.items()}
    shapes = {label: images.shape for label, images in stacks.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(f"save_rows: rows need the same number of images of the same size, got {shapes or 'none'}")
    columns = len(next(iter(stacks.values())))
    mosaic = make_grid(np.concatenate([*stacks.values()]), columns, gap)
    _draw_mosaic(path, mosaic, scale, labels=[*stacks])


def save_scatter(path, codes, labels, *, title: str = "", axes: Sequence[str] = ("$z_1$", "$z_2$"), names: Sequence[str] | None = None) -> None:
    """Scatter two-dimensional codes (n, 2), coloured by class, each class's name at its median, or beside it where two would overlap.

    labels : integers (n,) from 0; names : what the classes are called, by default their numbers; axes : what the two axes are.
    """
    codes, labels = as_numpy(codes), as_numpy(labels)
    if codes.ndim != 2 or codes.shape[1] != 2 or labels.shape != codes.shape[:1] or labels.dtype.kind not in "iu" or not len(codes):
        raise ValueError(f"save_scatter: needs codes (n, 2) and integer labels (n,), got {codes.shape} and {labels.dtype} {labels.shape}; "
                         "reduce more dimensions to two first, or choose two")
    check_finite("save_scatter", codes)
    figure = new_figure(6.0, 5.6)
    ax = figure.add_axes((0.09, 0.09, 0.88, 0.84 if title else 0.88))
    order = np.random.default_rng(0).permutation(len(codes))  # so that no class lies on top of all others
    palette = np.array([CLASS_COLOURS[k % len(CLASS_COLOURS)] for k in range(int(labels.max()) + 1)])
    size = float(np.clip(20_000 / len(codes), 3, 30))
    ax.scatter(*codes[order].T, c=palette[labels[order]].tolist(), s=size, linewidths=0, alpha=0.6, rasterized=True)
    low, high = codes.min(0), codes.max(0)
    margin = 0.04 * np.maximum(high - low, 1e-6)
    ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    _name_classes(ax, {k: np.median(codes[labels == k], axis=0) for k in np.unique(labels)}, names)
    ax.set_xlabel(axes[0])
    ax.set_ylabel(axes[1], rotation=0 if axes[1].startswith("$") else 90)  # a symbol stands upright, words run along the axis
    if title:
        ax.set_title(title, size=min(11, 640 / len(title)), color=INK)  # a long one is set smaller rather than cut off
    style_axes(ax)
    save_png(figure, path)


def save_posteriors(path, panels: Mapping[str, tuple], labels, *, notes: Mapping[str, str] | None = None, ellipses: int = 250) -> None:
    """Draw {title: (mu, sigma, images)} side by side: the plane of z with the clouds q(z|x), and below it what the decoder makes of a square grid of z.

    mu and sigma (n, 2) : of each example's q; `ellipses` of them are drawn as the ellipse of one sigma, all as points. labels (n,) : classes, for colours.
    images : a square number of them. notes : {title: text}, below the pictures. The dashed circle holds 86 % of the prior N(0, I): radius 2.
    """
    labels = as_numpy(labels)
    panels = {title: (as_numpy(mu), as_numpy(sigma), as_images(f"save_posteriors, {title!r}", images)) for title, (mu, sigma, images) in panels.items()}
    for title, (mu, sigma, images) in panels.items():
        if mu.ndim != 2 or mu.shape[1] != 2 or sigma.shape != mu.shape or labels.shape != mu.shape[:1] or math.isqrt(len(images)) ** 2 != len(images):
            raise ValueError(f"save_posteriors, {title!r}: needs mu and sigma (n, 2), labels (n,) and a square number of images; got {mu.shape}, {sigma.shape}, "
                             f"{labels.shape} and {len(images)}")
        check_finite(f"save_posteriors, {title!r}", mu)
        check_finite(f"save_posteriors, {title!r}", sigma)
    from matplotlib.collections import EllipseCollection
    from matplotlib.patches import Circle

    side, gap = 3.7, 0.5
    width, height = len(panels) * (side + gap) + 0.15, 2 * side + 1.95
    figure = new_figure(width, height)
    colours = np.array(CLASS_COLOURS)[labels % len(CLASS_COLOURS)]
    for k, (title, (mu, sigma, images)) in enumerate(panels.items()):
        left = (gap + k * (side + gap)) / width
        ax = figure.add_axes((left, (side + 1.35) / height, side / width, side / height))
        reach = max(2.2, 1.06 * float(np.quantile(np.abs(mu) + sigma, 0.998)))
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
        ax.scatter(*mu.T, c=colours.tolist(), s=4, linewidths=0, alpha=0.8, rasterized=True, zorder=2)
        few = slice(0, ellipses)
        ax.add_collection(EllipseCollection(2 * sigma[few, 0], 2 * sigma[few, 1], np.zeros(len(mu[few])), units="xy", offsets=mu[few],
                          offset_transform=ax.transData, facecolors="none", edgecolors=[c + "a0" for c in colours[few]], linewidths=0.8))
        ax.add_patch(Circle((0, 0), 2, fill=False, edgecolor=INK, linestyle="--", linewidth=1.1, zorder=3))
        medians = {int(c): np.median(mu[labels == c], axis=0) for c in np.unique(labels)}
        if np.std([*medians.values()]) > 0.03 * reach:  # else they are all in one place
            _name_classes(ax, medians, None)
        ax.set_title(title, size=12, color=INK, weight="bold")
        style_axes(ax)
        n = math.isqrt(len(images))
        below = figure.add_axes((left, 0.85 / height, side / width, side / height))
        below.imshow(make_grid(images, n, 0), interpolation="nearest" if n * images.shape[1] < 300 else "antialiased", aspect="auto")
        below.set_axis_off()
        below.text(0.5, -0.025, (notes or {}).get(title, ""), transform=below.transAxes, size=9, color=INK, ha="center", va="top", linespacing=1.35)
    save_png(figure, path)


def save_curves(path, curves: Mapping[str, tuple], *, ylabel: str = "loss", xlabel: str = "step", title: str = "", smooth: bool = True, log: str = "") -> None:
    """Draw {label: (steps, values)}: the raw values faint, a running mean over a fiftieth of them on top.

    The range shown leaves out the first steps' fall, so that the rest can be read. With `smooth=False`, or under 50 values, points are joined as they are,
    and all are shown. `log` : "x", "y" or "xy", the axes that are logarithmic.
    """
    series = {label: (as_numpy(steps), as_numpy(values)) for label, (steps, values) in curves.items()}
    for label, (steps, values) in series.items():
        if steps.shape != values.shape or steps.ndim != 1 or not len(steps):
            raise ValueError(f"save_curves: {label!r} needs as many steps as values, at least one; got {steps.shape} and {values.shape}")
        check_finite(f"save_curves, {label!r}", values)
    figure = new_figure(6.4, 3.8)
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
        settled.append(values[len(values) // 20 if smooth else 0 :])  # without the fall of the first twentieth
    shown = np.concatenate(settled)
    low, high = float(shown.min()), float(shown.max())
    margin = 0.06 * max(high - low, 1e-6)
    for axis in log:
        ax.set(**{f"{axis}scale": "log"})
    if "y" not in log:
        ax.set_ylim(low - margin, high + margin)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if title:
        ax.set_title(title, size=min(11, 700 / len(title)), color=INK)
    if len(series) > 1:
        ax.legend(frameon=False, fontsize=9)
    ax.grid(axis="y", color="#eeeeee", linewidth=0.8)
    ax.set_axisbelow(True)
    style_axes(ax)
    save_png(figure, path)


# --------------------------------------------------------------------------------------------------------------------------- helpers


def _name_classes(ax, places: Mapping[int, np.ndarray], names: Sequence[str] | None) -> None:
    """Write each class's name at its place in the plane, in its colour; names that would overlap stand beside each other. The axes' limits are set."""
    import matplotlib.patheffects as effects
    from matplotlib.colors import to_rgb

    texts = []
    for k, place in places.items():
        colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
        light = np.dot(to_rgb(colour), (0.3, 0.6, 0.1)) > 0.6  # a pale letter wants a dark rim, a dark one a pale rim
        rim = effects.withStroke(linewidth=2.5 if light else 3.5, foreground=INK if light else "white")
        name = str(k) if names is None else names[k]
        texts.append(ax.text(*place, name, color=colour, size=15, weight="bold", ha="center", va="center", path_effects=[rim]))
    renderer = ax.figure.canvas.get_renderer()
    sizes = np.array([[box.width + 4, box.height] for box in (text.get_window_extent(renderer) for text in texts)])
    frame = ax.get_window_extent(renderer)
    pixels = separate_boxes(ax.transData.transform([*places.values()]), sizes, frame.min, frame.max)
    for text, place in zip(texts, ax.transData.inverted().transform(pixels), strict=True):
        text.set_position(place)


def _draw_mosaic(path, mosaic: np.ndarray, scale: int | None, labels: list[str] | None, title: str = "") -> None:
    """Every image pixel is a square of `scale` screen pixels, exactly: sizes are computed, not left to a layout."""
    h, w, _ = mosaic.shape
    scale = scale or max(1, round(900 / w))
    left = 0 if labels is None else int(max(len(line) for label in labels for line in label.split("\n")) * 11.5) + 24
    width, height, rim, top = left + w * scale, h * scale, 2 * scale, 34 if title else 0
    whole = (width + 2 * rim, height + 2 * rim + top)
    figure = new_figure(whole[0] / DPI, whole[1] / DPI)
    ax = figure.add_axes(((rim + left) / whole[0], rim / whole[1], w * scale / whole[0], height / whole[1]))
    if title:  # a long one is set smaller rather than cut off
        size = min(11, 1.7 * 72 / DPI * whole[0] / len(title))
        figure.text(0.5, 1 - (rim + top / 2 - 4) / whole[1], title, ha="center", va="center", size=size, color=INK)
    ax.imshow(np.repeat(np.repeat(mosaic, scale, 0), scale, 1), interpolation="nearest", aspect="auto")
    ax.set_axis_off()
    for k, label in enumerate(labels or ()):
        ax.text(-12 / (w * scale), 1 - (k + 0.5) / len(labels), label, transform=ax.transAxes, ha="right", va="center", size=9, color=INK)
    save_png(figure, path)
