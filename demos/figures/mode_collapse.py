"""How many samples each mode of a mixture gets.

ModeShares  at each mode a disc whose area is its part of the samples, and those at no mode as dots
"""

from __future__ import annotations

import numpy as np

from tinygen.plot.arrays import check_finite
from tinygen.plot.canvas import CLASS_COLOURS, FAINT, INK, TEXT
from tinygen.plot.page import Box, Page, Panel

__all__ = ["ModeShares", "disc_radii"]

DATA, SAMPLES = CLASS_COLOURS[:2]
FAIR_RADIUS = 0.22  # of the disc of a fair share, in distances between neighbouring modes


class ModeShares(Panel):
    """Modes of equal weight, and what part of the samples each gets.

    A blue circle at each mode has the area of its fair share of the samples, and an orange disc
    the area of its real share.

    Parameters
    ----------
    modes : array (k, 2)
        Their centres.
    percentages : array (k,)
        Of the samples that are at each mode.
    others : array (n, 2)
        Samples at no mode, drawn as dots.
    places : array (k, 2)
        Where the percentages are written.
    extent : (left, right, bottom, top)
        The part of the plane.
    title, note : str
        Above and below the panel.
    """

    def __init__(self, modes, percentages, others, places, extent, *, title="", note=""):
        self.modes, self.percentages, self.others, self.places = (
            np.asarray(array, np.float64) for array in (modes, percentages, others, places)
        )
        for array in (self.modes, self.percentages, self.others, self.places):
            check_finite(f"ModeShares, {title!r}", array)
        if not len(self.modes) == len(self.percentages) == len(self.places):
            raise ValueError(
                f"ModeShares, {title!r}: each mode needs a percentage and a place for it; got "
                f"{len(self.modes)}, {len(self.percentages)} and {len(self.places)}"
            )
        self.extent, self.title, self.note = extent, title, note

    def size(self, width: float) -> tuple[float, float]:
        left, right, bottom, top = self.extent
        return width, width * (top - bottom) / (right - left)

    def draw(self, page: Page, box: Box) -> None:
        from matplotlib.patches import Circle

        ax = page.axes(box)
        left, right, bottom, top = self.extent
        ax.set(xlim=(left, right), ylim=(bottom, top), xticks=(), yticks=())
        for spine in ax.spines.values():
            spine.set_color(FAINT)
        ax.scatter(*self.others.T, color=SAMPLES, s=6, linewidths=0)
        fair, radii = disc_radii(self.modes, self.percentages)
        style = {"facecolor": "none", "edgecolor": DATA, "linewidth": 2.2, "zorder": 3}
        for mode, radius in zip(self.modes, radii, strict=True):
            ax.add_patch(Circle(mode, radius, facecolor=SAMPLES, zorder=2))
            ax.add_patch(Circle(mode, fair, **style))
        for (x, y), percentage in zip(self.places, self.percentages, strict=True):
            ax.text(x, y, f"{percentage:.0f}", size=TEXT, color=INK, ha="center", va="center")


def disc_radii(modes: np.ndarray, percentages: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the radius of the disc of a fair share, and those of the real shares (k,)."""
    distances = np.sqrt(((modes[:, None] - modes) ** 2).sum(axis=2))
    fair = FAIR_RADIUS * float(distances[distances > 0].min())
    return fair, fair * np.sqrt(percentages * len(modes) / 100)
