"""The adversarial game in one dimension, as the lecture draws it.

Game      two densities, the discriminator between them, and the optimal transport from one to the
          other
Critic    two densities, and over them a critic or a discriminator
"""

from __future__ import annotations

import numpy as np

from tinygen.plot.arrays import check_finite
from tinygen.plot.canvas import CLASS_COLOURS, FAINT, INK, style_axes
from tinygen.plot.page import LINE, Box, Page, Panel, text_width

__all__ = ["FAKE", "REAL", "Critic", "Game"]

REAL, FAKE = CLASS_COLOURS[:2]
DENSITIES, DISCRIMINATOR, TRANSPORT = 190, 170, 84  # heights in pixels of the page
NUMBERS = 70  # pixels of the page for the numbers at an axis
GAP = 8  # between two plots
SMOOTH = 11  # places x over which q is averaged, where it is compared with p
DASHED = (0, (4, 2))


class Game(Panel):
    """The game at one moment: three plots, one below the other, over the same x.

    - the densities p of the data and q of the generator;
    - the discriminator's D(x), and dashed the optimal one for these densities, p / (p + q). Grey,
      from 1/2 on: the probability with which the best guess is right, max(p, q) / (p + q). The
      guess is "real" where p is larger and "generated" where q is;
    - the optimal transport.

    Where q is below a millionth of the largest p, it counts as 0.

    Parameters
    ----------
    x : array (m,)
        Where all that follows is given.
    p, q : arrays (m,)
        The densities of the data and of the generator's samples.
    d : array (m,)
        The discriminator's D(x).
    arrows : array (k, 2)
        Where mass is and where it must move, for q to become p.
    accuracy, distance : float
        The mean of the grey probability, and the mean length of the arrows.
    top : float
        The largest density that is drawn.
    title : str
        Above the panel.
    """

    def __init__(
        self, x, p, q, d, arrows, *, accuracy: float, distance: float, top: float, title: str = ""
    ):
        self.x, self.p, self.q, self.d, self.arrows = (
            np.asarray(array, np.float64) for array in (x, p, q, d, arrows)
        )
        for array in (self.x, self.p, self.q, self.d, self.arrows):
            check_finite("Game", array)
        shapes = {array.shape for array in (self.x, self.p, self.q, self.d)}
        if len(shapes) > 1 or self.x.ndim != 1 or self.arrows.shape[1:] != (2,):
            raise ValueError(
                f"Game: x, p, q and d are (m,), arrows (k, 2); got {sorted(shapes)} and "
                f"{self.arrows.shape}"
            )
        self.accuracy, self.distance, self.top, self.title = accuracy, distance, top, title

    def size(self, width: float) -> tuple[float, float]:
        return width, DENSITIES + DISCRIMINATOR + TRANSPORT + 4 * LINE + 2 * GAP

    def draw(self, page: Page, box: Box) -> None:
        left, width = box.left + NUMBERS, box.width - NUMBERS
        top = box.top
        _write_key(page, left, top, {"data p": REAL, "and generated samples q": FAKE})
        ax = page.axes(Box(left, top + LINE, width, DENSITIES))
        _draw_densities(ax, self.x, self.p, self.q, self.top)
        ax.set(xticklabels=(), yticks=(0, round(self.top / 2, 1)))
        style_axes(ax)
        top += LINE + DENSITIES + GAP
        guess = f"(dashed: optimal; grey: best guess, {self.accuracy:.0%} right)"
        _write_key(page, left, top, {"D(x)": INK, guess: "#666666"})
        ax = page.axes(Box(left, top + LINE, width, DISCRIMINATOR))
        self._draw_discriminator(ax)
        style_axes(ax)
        top += LINE + DISCRIMINATOR + LINE + GAP
        key = {"optimal transport of q": FAKE, "to p:": REAL}
        key[f"Wasserstein distance {self.distance:.2f}"] = INK
        _write_key(page, left, top, key)
        self._draw_transport(page.axes(Box(left, top + LINE, width, TRANSPORT)))

    def _draw_discriminator(self, ax) -> None:
        x, p = self.x, self.p
        q = np.convolve(self.q, np.ones(SMOOTH) / SMOOTH, mode="same")
        q = np.where(q > 1e-6 * p.max(), q, 0)
        total = np.where(p + q > 0, p + q, np.nan)
        ax.fill_between(x, 0.5, np.maximum(p, q) / total, color="#dddddd", linewidth=0)
        ax.axhline(0.5, color=FAINT, linewidth=1)
        ax.plot(x, p / total, color=INK, linewidth=1.5, linestyle=DASHED)
        ax.plot(x, self.d, color=INK, linewidth=2.8)
        ax.set(xlim=(x[0], x[-1]), ylim=(0, 1.03), yticks=(0, 0.5, 1))

    def _draw_transport(self, ax) -> None:
        style = {"color": INK, "linewidth": 1, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
        for start, end in self.arrows:
            ax.annotate("", (end, 0), (start, 1), arrowprops={"arrowstyle": "-|>", **style})
        ax.axhline(1, color=FAKE, linewidth=3)
        ax.axhline(0, color=REAL, linewidth=3)
        ax.set(xlim=(self.x[0], self.x[-1]), ylim=(-0.08, 1.08))
        ax.set_axis_off()


class Critic(Panel):
    """A critic, or a discriminator, between the densities of data and samples.

    Parameters
    ----------
    x : array (m,)
        Where all that follows is given.
    p, q : arrays (m,)
        The densities of data and samples, drawn filled.
    f, optimal : arrays (m,)
        The output of the critic, and dashed that of the optimal one, if it is given. NaN where they
        are not defined.
    name : str
        What the output is called, above its axis on the right.
    title, note : str
        Above and below the panel.
    """

    def __init__(self, x, p, q, f, optimal=None, *, name: str, title: str = "", note: str = ""):
        optimal = np.full(np.shape(f), np.nan) if optimal is None else optimal
        self.x, self.p, self.q, self.f, self.optimal = (
            np.asarray(array, np.float64) for array in (x, p, q, f, optimal)
        )
        for array in (self.x, self.p, self.q):
            check_finite(f"Critic, {title!r}", array)
        shapes = {array.shape for array in (self.x, self.p, self.q, self.f, self.optimal)}
        if len(shapes) > 1 or self.x.ndim != 1:
            raise ValueError(f"Critic, {title!r}: x, p, q, f and optimal are (m,); got {shapes}")
        self.name, self.title, self.note = name, title, note

    def size(self, width: float) -> tuple[float, float]:
        return width, 0.7 * width + LINE

    def draw(self, page: Page, box: Box) -> None:
        right, height = box.left + box.width, box.height - 2 * LINE
        page.write(self.name, right, box.top, ha="right")
        page.write("x", right - NUMBERS + 10, box.top + LINE + height)
        ax = page.axes(Box(box.left, box.top + LINE, box.width - NUMBERS, height))
        _draw_densities(ax, self.x, self.p, self.q, top=1.3 * float(self.p.max()))
        ax.set(yticks=())
        ax.locator_params(axis="x", integer=True)
        output = ax.twinx()
        output.plot(self.x, self.optimal, color=INK, linewidth=1.5, linestyle=DASHED)
        output.plot(self.x, self.f, color=INK, linewidth=2.8)
        both = np.concatenate([self.f, self.optimal])
        low, high = np.nanmin(both), np.nanmax(both)
        margin = 0.08 * max(high - low, 1e-6)
        output.set(ylim=(low - margin, high + margin))
        output.locator_params(axis="y", nbins=4)
        for a in (ax, output):
            style_axes(a)
        output.spines["right"].set(visible=True, color=FAINT)


def _draw_densities(ax, x: np.ndarray, p: np.ndarray, q: np.ndarray, top: float) -> None:
    """Draw the densities of data and samples, filled, up to the density `top`."""
    for density, colour in ((p, REAL), (q, FAKE)):
        ax.fill_between(x, density, color=colour, alpha=0.3, linewidth=0)
        ax.plot(x, density, color=colour, linewidth=2)
    ax.set(xlim=(x[0], x[-1]), ylim=(0, 1.06 * top))


def _write_key(page: Page, left: float, top: float, words: dict[str, str]) -> None:
    """Write words side by side, each in its colour."""
    for text, colour in words.items():
        page.write(text, left, top, color=colour)
        left += text_width(text + " ")
