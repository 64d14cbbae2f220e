"""Pictures of codes, for autoencoder_vs_vae.py, and of their KL divergence, for vae.py."""

from __future__ import annotations

import numpy as np

from tinygen.plot import CLASS_COLOURS, grid_points
from tinygen.plot.arrays import check_finite
from tinygen.plot.canvas import FAINT, INK, style_axes
from tinygen.plot.page import LINE, Box, Page, Panel, text_width

__all__ = ["KLTerm", "draw_code"]

RESOLUTION = 108  # pixels per side of the picture
DOT, RED_DOT = 2, 5  # radii in pixels
RED, GREY = np.array([0.75, 0.1, 0.1]), np.array([0.62, 0.66, 0.72])


def draw_code(others: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Draw N(mu, sigma^2) in the plane, among the codes of other pictures that are near.

    Parameters
    ----------
    others : array (n, 2)
        The other codes: grey dots. The picture reaches as far as their standard deviation.
    mu, sigma : arrays (2,)
        Of the distribution: a red dot at mu, and around it red as dense as exp(-d^2 / 2), where d
        is the distance in units of sigma. With a small sigma only the dot is seen.

    Returns
    -------
    array (3, height, width)
        From 0 to 1.
    """
    (left, bottom), (right, top) = mu - others.std(), mu + others.std()
    points = grid_points((left, right, bottom, top), RESOLUTION)
    pixel = (right - left) / RESOLUTION
    squares = ((points[:, None] - others) ** 2).sum(axis=2).min(axis=1)  # to the nearest code
    dots = (squares < (DOT * pixel) ** 2)[:, None]
    from_mu = points - mu
    distance = from_mu / np.maximum(sigma, pixel)
    density = np.exp(-0.5 * (distance**2).sum(axis=1, keepdims=True))
    density = np.where(density > 0.13, 0.7 * density, 0)  # as far as two sigma
    density[(from_mu**2).sum(axis=1) < (RED_DOT * pixel) ** 2] = 1
    image = np.where(dots, GREY, 1.0) * (1 - density) + RED * density
    image = image.reshape(RESOLUTION, RESOLUTION, 3)
    image[[0, -1]] = image[:, [0, -1]] = GREY  # a frame
    return image[::-1].transpose(2, 0, 1)  # rows from above, as in an image


class KLTerm(Panel):
    """The KL divergence of one code from the prior, dimension by dimension, the largest first.

    Above, the densities of N(0, 1), grey, and of N(mu_i, sigma_i^2), blue, upright as violins, each
    as wide as its largest value. Below, the divergence of each dimension i as a bar:

        KL_i = 1/2 (sigma_i^2 + mu_i^2 - log sigma_i^2 - 1)

    Parameters
    ----------
    mu, sigma : arrays (k,)
        Of the code.
    title : str
        Above the panel.
    """

    DENSITIES, BARS, NUMBERS = 150, 56, 70  # pixels of the page

    def __init__(self, mu: np.ndarray, sigma: np.ndarray, *, title: str = ""):
        for array in (mu, sigma):
            check_finite(f"KLTerm, {title!r}", array)
        kl = 0.5 * (sigma**2 + mu**2 - np.log(sigma**2) - 1)
        order = np.argsort(-kl)
        self.mu, self.sigma, self.kl, self.title = mu[order], sigma[order], kl[order], title

    def size(self, width: float) -> tuple[float, float]:
        return width, LINE + self.DENSITIES + 10 + self.BARS + LINE

    def draw(self, page: Page, box: Box) -> None:
        left, width = box.left + self.NUMBERS, box.width - self.NUMBERS
        x = left
        for text, colour in (("grey: N(0, 1)", "#666666"), ("blue: N(μ, σ²)", CLASS_COLOURS[0])):
            page.write(text, x, box.top, color=colour)
            x += text_width(text + "    ")
        positions = np.arange(len(self.kl))
        limits = (-0.6, len(self.kl) - 0.4)
        ax = page.axes(Box(left, box.top + LINE, width, self.DENSITIES))
        z = np.linspace(-3, 3, 300)
        for i, mu, sigma in zip(positions, self.mu, self.sigma, strict=True):
            for centre, scale, colour in ((0, 1, "#dddddd"), (mu, sigma, CLASS_COLOURS[0])):
                half = 0.44 * np.exp(-0.5 * ((z - centre) / scale) ** 2)
                ax.fill_betweenx(z, i - half, i + half, color=colour, linewidth=0)
        ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
        ax.set(xlim=limits, ylim=(-3, 3), xticks=(), yticks=(-2, 0, 2), ylabel="z")
        style_axes(ax)
        ax.yaxis.label.set(rotation=0)
        top = box.top + LINE + self.DENSITIES + 10
        ax = page.axes(Box(left, top, width, self.BARS))
        ax.bar(positions, self.kl, color=INK, width=0.6)
        ax.set(xlim=limits, xticks=())
        ax.locator_params(axis="y", nbins=2)
        style_axes(ax)
        page.write("KL of each dimension: ½ (σ² + μ² - log σ² - 1)", left, top + self.BARS)
