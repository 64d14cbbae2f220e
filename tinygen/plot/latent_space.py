"""Latent spaces of two dimensions: scatter plots of codes, and the posteriors q(z|x)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .arrays import as_images, as_numpy, check_finite, make_grid, separate_boxes
from .canvas import CLASS_COLOURS, INK, new_figure, save_png, style_axes

__all__ = ["save_posteriors", "save_scatter"]

SIDE, GAP = 3.7, 0.5  # of a panel, and between two panels, in inches
NUM_ELLIPSES = 250  # posteriors of a panel that are drawn as ellipses


def save_scatter(
    path,
    codes,
    labels,
    *,
    names: Sequence[str] = (),
    title: str = "",
    axes: Sequence[str] = ("$z_1$", "$z_2$"),
) -> None:
    """Draw a scatter plot of two-dimensional codes, coloured by class.

    The number or name of each class stands at its median, or next to it where they would overlap.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    codes : array or Tensor (n, 2)
        The points.
    labels : array (n,) of integers from 0
        Their classes.
    names : sequence of str, optional
        Of the classes; by default their numbers.
    title : str
        Above the plot.
    axes : two str
        Labels of the axes.
    """
    codes, labels = as_numpy(codes), as_numpy(labels)
    is_plane = codes.ndim == 2 and codes.shape[1] == 2 and len(codes) > 0
    if not is_plane or labels.shape != codes.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"save_scatter: needs codes (n, 2) and integer labels (n,), got {codes.shape} and "
            f"{labels.dtype} {labels.shape}; reduce more dimensions to two first, or choose two"
        )
    check_finite("save_scatter", codes)
    figure = new_figure(6.0, 5.6)
    ax = figure.add_axes((0.09, 0.09, 0.88, 0.84 if title else 0.88))
    # In random order, so that no class lies on top of all others.
    order = np.random.default_rng(0).permutation(len(codes))
    palette = [CLASS_COLOURS[k % len(CLASS_COLOURS)] for k in range(int(labels.max()) + 1)]
    colours = np.array(palette)[labels[order]].tolist()
    size = float(np.clip(20_000 / len(codes), 3, 30))
    style = {"linewidths": 0, "alpha": 0.6, "rasterized": True}
    ax.scatter(*codes[order].T, c=colours, s=size, **style)
    low, high = codes.min(0), codes.max(0)
    margin = 0.04 * np.maximum(high - low, 1e-6)
    low, high = low - margin, high + margin
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    medians = {int(k): np.median(codes[labels == k], axis=0) for k in np.unique(labels)}
    _write_names(ax, medians, names)
    ax.set_xlabel(axes[0])
    # A symbol stands upright; words run along the axis.
    ax.set_ylabel(axes[1], rotation=0 if axes[1].startswith("$") else 90)
    if title:  # a long title is set smaller instead of being cut off
        ax.set_title(title, size=min(11, 640 / len(title)), color=INK)
    style_axes(ax)
    save_png(figure, path)


def save_posteriors(
    path,
    panels: Mapping[str, tuple],
    labels,
    *,
    names: Sequence[str] = (),
    notes: Mapping[str, str] | None = None,
) -> None:
    """Draw the posteriors q(z|x) of models side by side, and below each what its decoder makes.

    Every example's mean is a point, and 250 posteriors are drawn as ellipses of one sigma. The
    dashed circle of radius 2 holds 86 % of the prior N(0, I). Below, the images are decoded from
    a square grid of z.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    panels : {title: (mu, sigma, images)}
        Mean and standard deviation (n, 2) of each example's posterior; and a square number of
        images, as in `save_grid`.
    labels : array (n,) of integers from 0
        Classes of the examples, for colours.
    names : sequence of str, optional
        Of the classes; by default their numbers.
    notes : {title: text}, optional
        Below the images.
    """
    labels = as_numpy(labels)
    panels = {title: _check_panel(title, panel, labels) for title, panel in panels.items()}
    width, height = len(panels) * (SIDE + GAP) + 0.15, 2 * SIDE + 1.95
    figure = new_figure(width, height)
    for k, (title, (mu, sigma, images)) in enumerate(panels.items()):
        left = (GAP + k * (SIDE + GAP)) / width
        size = (SIDE / width, SIDE / height)
        ax = figure.add_axes((left, (SIDE + 1.35) / height, *size))
        _draw_posteriors(ax, mu, sigma, labels, names)
        ax.set_title(title, size=12, color=INK, weight="bold")
        style_axes(ax)
        below = figure.add_axes((left, 0.85 / height, *size))
        _draw_decoded(below, images, (notes or {}).get(title, ""))
    save_png(figure, path)


def _check_panel(title: str, panel: tuple, labels: np.ndarray) -> tuple:
    """Return the arrays of a panel of `save_posteriors`, or raise an error that names it."""
    name = f"save_posteriors, {title!r}"
    mu, sigma, images = panel
    mu, sigma, images = as_numpy(mu), as_numpy(sigma), as_images(name, images)
    is_plane = mu.ndim == 2 and mu.shape[1] == 2 and sigma.shape == mu.shape
    is_square = math.isqrt(len(images)) ** 2 == len(images)
    if not is_plane or labels.shape != mu.shape[:1] or not is_square:
        raise ValueError(
            f"{name}: needs mu and sigma (n, 2), labels (n,) and a square number of images; "
            f"got {mu.shape}, {sigma.shape}, {labels.shape} and {len(images)}"
        )
    check_finite(name, mu)
    check_finite(name, sigma)
    return mu, sigma, images


def _draw_posteriors(
    ax, mu: np.ndarray, sigma: np.ndarray, labels: np.ndarray, names: Sequence[str]
) -> None:
    from matplotlib.collections import EllipseCollection
    from matplotlib.patches import Circle

    limit = max(2.2, 1.06 * float(np.quantile(np.abs(mu) + sigma, 0.998)))
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    colours = np.array(CLASS_COLOURS)[labels % len(CLASS_COLOURS)]
    style = {"linewidths": 0, "alpha": 0.8, "rasterized": True, "zorder": 2}
    ax.scatter(*mu.T, c=colours.tolist(), s=4, **style)
    few = slice(0, NUM_ELLIPSES)
    ax.add_collection(
        EllipseCollection(
            2 * sigma[few, 0],
            2 * sigma[few, 1],
            np.zeros(len(mu[few])),  # angles
            units="xy",
            offsets=mu[few],
            offset_transform=ax.transData,
            facecolors="none",
            edgecolors=[colour + "a0" for colour in colours[few]],
            linewidths=0.8,
        )
    )
    circle = {"fill": False, "edgecolor": INK, "linestyle": "--", "linewidth": 1.1, "zorder": 3}
    ax.add_patch(Circle((0, 0), 2, **circle))
    medians = {int(c): np.median(mu[labels == c], axis=0) for c in np.unique(labels)}
    if np.std([*medians.values()]) > 0.03 * limit:  # otherwise they are all in one place
        _write_names(ax, medians, names)


def _draw_decoded(ax, images: np.ndarray, note: str) -> None:
    n = math.isqrt(len(images))
    is_small = n * images.shape[1] < 300
    interpolation = "nearest" if is_small else "antialiased"
    ax.imshow(make_grid(images, n, 0), interpolation=interpolation, aspect="auto")
    ax.set_axis_off()
    style = {"size": 9, "color": INK, "ha": "center", "va": "top", "linespacing": 1.35}
    ax.text(0.5, -0.025, note, transform=ax.transAxes, **style)


def _write_names(ax, places: Mapping[int, np.ndarray], names: Sequence[str]) -> None:
    """Write the name of each class at its place, in its colour, and separate those that overlap.

    Without names, a class has its number. The limits of the axes must be set before.
    """
    import matplotlib.patheffects as effects
    from matplotlib.colors import to_rgb

    texts = []
    for k, place in places.items():
        colour = CLASS_COLOURS[k % len(CLASS_COLOURS)]
        # A pale letter needs a dark outline, a dark letter a pale one.
        is_pale = np.dot(to_rgb(colour), (0.3, 0.6, 0.1)) > 0.6
        width, foreground = (2.5, INK) if is_pale else (3.5, "white")
        outline = effects.withStroke(linewidth=width, foreground=foreground)
        name = names[k] if names else str(k)
        style = {"color": colour, "weight": "bold", "ha": "center", "va": "center"}
        style |= {"size": max(8, 15 - max(0, len(name) - 3)), "parse_math": False}
        texts.append(ax.text(*place, name, path_effects=[outline], **style))
    renderer = ax.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in texts]
    sizes = np.array([[box.width + 4, box.height] for box in boxes])
    frame = ax.get_window_extent(renderer)
    centres = ax.transData.transform([*places.values()])
    pixels = separate_boxes(centres, sizes, frame.min, frame.max)
    for text, place in zip(texts, ax.transData.inverted().transform(pixels), strict=True):
        text.set_position(place)
