"""Data on their way to noise and back: densities on a line."""

from __future__ import annotations

import numpy as np

from tinygen.plot.arrays import as_numpy, check_finite
from tinygen.plot.canvas import CLASS_COLOURS, FAINT
from tinygen.plot.page import LINE, Box, Page, Panel

__all__ = ["Evolution"]

EXACT, ESTIMATED, *PATH_COLOURS = CLASS_COLOURS
END_WIDTH, GAP = 116, 8  # pixels of the page: the densities at both ends, and beside them
HEIGHT = 206  # of a panel without the text below


class Evolution(Panel):
    """Densities on a line as they change from data, on the left, to noise, on the right.

    Parameters
    ----------
    x : array (k,)
        Where the densities are given.
    density : array (k, m)
        At x and at m times, shown as colour; each time's largest value is equally dark.
    paths : array (p, m)
        The trajectories of p points.
    exact : pair of arrays (k,)
        The densities of data and of noise, drawn filled on the left and right.
    estimated : array (k,), optional
        An estimate of the density of the data, drawn as a line over the exact one.
    direction : str
        What is written below, between the times 0 and T.
    title : str
        Above the panel.
    """

    def __init__(self, x, density, paths, exact, *, estimated=None, direction: str, title: str):
        name = f"Evolution, {title!r}"
        self.x, self.density, self.paths = as_numpy(x), as_numpy(density), as_numpy(paths)
        self.exact = [as_numpy(curve) for curve in exact]
        self.estimated = None if estimated is None else as_numpy(estimated)
        self.direction, self.title = direction, title
        curves = [*self.exact, *([] if estimated is None else [self.estimated])]
        is_right = (
            self.x.ndim == 1
            and self.density.ndim == 2
            and len(self.density) == len(self.x)
            and self.paths.shape[1:] == self.density.shape[1:]
            and all(curve.shape == self.x.shape for curve in curves)
        )
        if not is_right:
            raise ValueError(
                f"{name}: needs x (k,), density (k, m), paths (p, m) and curves (k,); "
                f"got {self.x.shape}, {self.density.shape}, {self.paths.shape} and "
                f"{[curve.shape for curve in curves]}"
            )
        for array in (self.density, self.paths, *curves):
            check_finite(name, array)

    def size(self, width: float) -> tuple[float, float]:
        return width, HEIGHT + LINE

    def draw(self, page: Page, box: Box) -> None:
        middle = Box(box.left + END_WIDTH + GAP, box.top, box.width - 2 * (END_WIDTH + GAP), HEIGHT)
        self._draw_evolution(page.axes(middle))
        self._draw_end(page, box._replace(width=END_WIDTH), "data")
        right = Box(middle.left + middle.width + GAP, box.top, END_WIDTH, HEIGHT)
        self._draw_end(page, right, "noise")
        y = box.top + HEIGHT
        page.write(self.direction, middle.left + middle.width / 2, y, ha="center")
        page.write("t = 0", middle.left, y)
        page.write("t = T", middle.left + middle.width, y, ha="right")

    def _draw_evolution(self, ax) -> None:
        """Draw the densities at all times, and the paths."""
        relative = self.density / np.maximum(self.density.max(axis=0), 1e-12)
        extent = (0, 1, self.x[0], self.x[-1])
        style = {"cmap": "Blues", "vmin": 0, "vmax": 1.5, "interpolation": "bilinear"}
        ax.imshow(relative**0.7, extent=extent, origin="lower", aspect="auto", **style)
        times = np.linspace(0, 1, self.density.shape[1])
        for k, line in enumerate(self.paths):
            colour = PATH_COLOURS[k % len(PATH_COLOURS)]
            ax.plot(times, line, color="white", linewidth=2.6, alpha=0.6)
            ax.plot(times, line, color=colour, linewidth=1.3)
        ax.set(xlim=(0, 1), ylim=(self.x[0], self.x[-1]), xticks=(), yticks=())
        for spine in ax.spines.values():
            spine.set_color(FAINT)

    def _draw_end(self, page: Page, box: Box, end: str) -> None:
        """Draw the exact density of data or noise, and the estimate over that of the data."""
        exact = self.exact[0 if end == "data" else 1]
        ax = page.axes(box._replace(height=HEIGHT))
        ax.fill_betweenx(self.x, exact, color=EXACT, alpha=0.3, linewidth=0)
        ax.set(xlim=(0, 1.15 * exact.max()), ylim=(self.x[0], self.x[-1]))
        ax.set_axis_off()
        curve, colour, text = exact, EXACT, end
        if end == "data":
            ax.invert_xaxis()
            if self.estimated is not None:
                curve, colour, text = self.estimated, ESTIMATED, "samples"
        ax.plot(curve, self.x, color=colour, linewidth=1.6)
        place = box.left + box.width / 2, box.top + HEIGHT
        page.write(text, *place, ha="center", color=colour, weight="bold")
