"""Latent spaces of two dimensions: scatter plots of codes, and the posteriors q(z|x)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from .arrays import as_numpy, check_finite, separate_boxes
from .canvas import CLASS_COLOURS, FAINT, INK, TEXT, style_axes
from .page import PAGE_WIDTH, Box, Page, Panel, save_page

__all__ = ["Posteriors", "Scatter", "save_scatter"]

NUM_ELLIPSES = 250  # posteriors of a panel that are drawn as ellipses
SMALL = 300  # pixels: in a narrower panel there is no room for numbers at the axes


class Scatter(Panel):
    """A scatter plot of two-dimensional codes, coloured by class.

    The number or name of each class stands at its median, or next to it where they would overlap.
    A class with several clusters has its median between them: then `names_at` is better "mode".

    Parameters
    ----------
    codes : array or Tensor (n, 2)
        The points.
    labels : array (n,) of integers from 0
        Their classes.
    names : sequence of str, optional
        Of the classes; by default their numbers.
    title, note : str
        Above and below the plot.
    axes : two str
        Labels of the axes.
    extent : (left, right, bottom, top), optional
        The part of the plane; by default as far as the codes. Classes whose median is outside have
        no name.
    frame : (left, right, bottom, top), optional
        A part that is framed. Classes whose median is in it have no name, since another plot shows
        that part enlarged.
    names_at : {"median", "mode"}
        Where names stand; the mode is the code with most others of its class around it.
    height : int, optional
        In pixels of the page; by default the plot is square.
    """

    def __init__(
        self,
        codes,
        labels,
        *,
        names: Sequence[str] = (),
        title: str = "",
        note: str = "",
        axes: Sequence[str] = ("$z_1$", "$z_2$"),
        extent: Sequence[float] | None = None,
        frame: Sequence[float] | None = None,
        names_at: str = "median",
        height: int | None = None,
    ):
        codes, labels = as_numpy(codes), as_numpy(labels)
        is_plane = codes.ndim == 2 and codes.shape[1] == 2 and len(codes) > 0
        if not is_plane or labels.shape != codes.shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"Scatter: needs codes (n, 2) and integer labels (n,), got {codes.shape} and "
                f"{labels.dtype} {labels.shape}; reduce more dimensions to two first, or choose two"
            )
        check_finite("Scatter", codes)
        self.codes, self.labels, self.names = codes, labels, names
        self.title, self.note, self.axes, self.height = title, note, axes, height
        self.extent, self.frame, self.names_at = extent, frame, names_at

    def size(self, width: float) -> tuple[float, float]:
        return width, self.height or width

    def draw(self, page: Page, box: Box) -> None:
        from matplotlib.patches import Rectangle

        codes, labels = self.codes, self.labels
        extent = self.extent or _extent(codes)
        ax = page.axes(box)
        # In random order, so that no class lies on top of all others.
        order = np.random.default_rng(0).permutation(len(codes))
        order = order[_is_inside(codes[order], extent)]
        colours = np.array(CLASS_COLOURS)[labels[order] % len(CLASS_COLOURS)].tolist()
        size = float(np.clip(20_000 / max(len(order), 1), 3, 30)) * box.width / PAGE_WIDTH
        style = {"linewidths": 0, "alpha": 0.6, "rasterized": True}
        ax.scatter(*codes[order].T, c=colours, s=size, **style)
        ax.set(xlim=extent[:2], ylim=extent[2:])
        if box.width <= PAGE_WIDTH / 2:
            ax.locator_params(nbins=5)
        ax.set_xlabel(self.axes[0])
        # A symbol stands upright; words run along the axis.
        ax.set_ylabel(self.axes[1], rotation=0 if self.axes[1].startswith("$") else 90)
        style_axes(ax)
        page.fit(ax, box)
        centre = _find_mode if self.names_at == "mode" else partial(np.median, axis=0)
        centres = {int(k): centre(codes[labels == k]) for k in np.unique(labels)}
        visible = {k: c for k, c in centres.items() if _is_inside(c, extent)}
        if self.frame:
            left, right, bottom, top = self.frame
            ax.add_patch(Rectangle((left, bottom), right - left, top - bottom, fill=False))
            visible = {k: m for k, m in visible.items() if not _is_inside(m, self.frame)}
        if visible:
            _write_names(ax, visible, self.names)


class Posteriors(Panel):
    """The posteriors q(z|x) of a model.

    Every example's mean is a point, and 250 posteriors are drawn as ellipses of one sigma. The
    dashed circle of radius 2 holds 86 % of the prior N(0, I). A small panel has no numbers at its
    axes: its scale is that of the circle.

    Parameters
    ----------
    mu, sigma : arrays or Tensors (n, 2)
        Mean and standard deviation of each example's posterior.
    labels : array (n,) of integers from 0
        Classes of the examples, for colours.
    names : sequence of str, optional
        Of the classes; by default their numbers. None: they are not written.
    limit : float, optional
        The plane reaches from -limit to limit; by default as far as the posteriors.
    title, note : str
        Above and below the plot.
    """

    def __init__(
        self,
        mu,
        sigma,
        labels,
        *,
        names: Sequence[str] | None = (),
        limit: float | None = None,
        title: str = "",
        note: str = "",
    ):
        mu, sigma, labels = as_numpy(mu), as_numpy(sigma), as_numpy(labels)
        name = f"Posteriors, {title!r}"
        is_plane = mu.ndim == 2 and mu.shape[1] == 2 and sigma.shape == mu.shape
        if not is_plane or labels.shape != mu.shape[:1]:
            raise ValueError(
                f"{name}: needs mu and sigma (n, 2) and labels (n,); "
                f"got {mu.shape}, {sigma.shape} and {labels.shape}"
            )
        check_finite(name, mu)
        check_finite(name, sigma)
        self.mu, self.sigma, self.labels, self.names = mu, sigma, labels, names
        self.limit, self.title, self.note = limit, title, note

    def size(self, width: float) -> tuple[float, float]:
        return width, width

    def draw(self, page: Page, box: Box) -> None:
        from matplotlib.collections import EllipseCollection
        from matplotlib.patches import Circle

        mu, sigma, labels = self.mu, self.sigma, self.labels
        ax = page.axes(box)
        limit = self.limit or max(2.2, 1.06 * float(np.quantile(np.abs(mu) + sigma, 0.998)))
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
        if box.width < SMALL:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_color(FAINT)
        else:
            ax.locator_params(nbins=4)
            style_axes(ax)
            page.fit(ax, box)
        colours = np.array(CLASS_COLOURS)[labels % len(CLASS_COLOURS)]
        style = {"linewidths": 0, "alpha": 0.8, "rasterized": True, "zorder": 2}
        ax.scatter(*mu.T, c=colours.tolist(), s=20 * box.width / PAGE_WIDTH, **style)
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
                linewidths=1,
            )
        )
        for colour, width in (("white", 3.5), (INK, 1.6)):  # white edges separate it from points
            circle = {"fill": False, "edgecolor": colour, "linewidth": width, "zorder": 3}
            ax.add_patch(Circle((0, 0), 2, linestyle=(0, (4, 2.5)), **circle))
        if self.names is None:
            return
        medians = {int(c): np.median(mu[labels == c], axis=0) for c in np.unique(labels)}
        if np.std([*medians.values()]) > 0.03 * limit:  # otherwise they are all in one place
            _write_names(ax, medians, self.names, 12 if box.width < SMALL else 15)


def _find_mode(points: np.ndarray) -> np.ndarray:
    """Return the point (2,) of (n, 2) around which most others lie: within 0.3 of their spread."""
    points = points[:2000]  # the distances of all pairs are computed
    scaled = points / np.maximum(points.std(axis=0), 1e-12)
    squares = ((scaled[:, None] - scaled) ** 2).sum(axis=2)  # (n, n)
    return points[(squares < 0.3**2).sum(axis=1).argmax()]


def _extent(codes: np.ndarray) -> tuple[float, float, float, float]:
    """Return (left, right, bottom, top) of all codes, with a margin."""
    low, high = codes.min(0), codes.max(0)
    margin = 0.04 * np.maximum(high - low, 1e-6)
    (left, bottom), (right, top) = low - margin, high + margin
    return left, right, bottom, top


def _is_inside(points: np.ndarray, extent: Sequence[float]) -> np.ndarray:
    """Tell which points (..., 2) are within (left, right, bottom, top)."""
    left, right, bottom, top = extent
    x, y = points[..., 0], points[..., 1]
    return (left < x) & (x < right) & (bottom < y) & (y < top)


def save_scatter(path, codes, labels, **options) -> None:
    """Draw a scatter plot of two-dimensional codes; the options are those of `Scatter`."""
    save_page(path, [Scatter(codes, labels, **options)])


def _write_names(
    ax, places: Mapping[int, np.ndarray], names: Sequence[str], size: float = 15
) -> None:
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
        style |= {"size": max(TEXT, size - max(0, len(name) - 3)), "parse_math": False}
        texts.append(ax.text(*place, name, path_effects=[outline], **style))
    renderer = ax.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in texts]
    sizes = np.array([[box.width + 4, box.height] for box in boxes])
    frame = ax.get_window_extent(renderer)
    centres = ax.transData.transform([*places.values()])
    pixels = separate_boxes(centres, sizes, frame.min, frame.max)
    for text, place in zip(texts, ax.transData.inverted().transform(pixels), strict=True):
        text.set_position(place)
