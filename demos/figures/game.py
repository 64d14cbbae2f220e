"""The adversarial game in one dimension, as the lecture draws it.

A frame shows two densities, the discriminator between them, and the optimal transport from one to
the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinygen.plot.arrays import check_finite
from tinygen.plot.canvas import (
    FAINT,
    INK,
    new_figure,
    rasterize,
    save_gif,
    save_png,
    style_axes,
)

__all__ = ["FAKE", "REAL", "save_game", "save_game_animation"]

REAL, FAKE, BAYES = "#2b6cb0", "#e8791c", "#999999"
WIDTH, HEIGHT = 5.6, 4.3  # of one frame, inches
SECONDS = 8.0  # of one repetition of the animation
KEYS = ("step", "x", "p", "q", "d", "arrows", "note")
ARRAYS = ("x", "p", "q", "d", "arrows")


def save_game(path, frames: Sequence[Mapping]) -> None:
    """Draw several steps of the game, two in a row.

    Two more curves are drawn next to D(x). The optimal discriminator for p and q,

        D*(x) = p / (p + q),

    is dashed. The probability with which the best guess is right, max(p, q) / (p + q), is grey: the
    guess is "real" where p is larger and "fake" where q is.

    Each frame is a dict that has:

        step      the number of the step
        x         (m,): where all that follows is given
        p, q      densities (m,) of the data and of the generator's samples
        d         (m,): the discriminator's D(x)
        arrows    (k, 2): where mass is and where it must move, for q to become p
        note      a line above

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    frames : sequence of dicts
        What to draw.
    """
    frames = [_check_frame(frame) for frame in frames]
    if not frames:
        raise ValueError("save_game: no frame to draw")
    columns = min(2, len(frames))
    rows = -(-len(frames) // columns)  # rounded up
    figure = new_figure(columns * WIDTH, rows * HEIGHT)
    top = _top(frames)
    for k, frame in enumerate(frames):
        row, column = divmod(k, columns)
        place = (column / columns, 1 - (row + 1) / rows, 1 / columns, 1 / rows)
        _draw_frame(figure, frame, place, top, has_legend=k == 0)
    save_png(figure, path)


def save_game_animation(path, frames: Sequence[Mapping]) -> None:
    """Draw the frames of `save_game` one after the other, as an animated GIF of 8 seconds.

    Parameters
    ----------
    path : str or Path
        Ends in .gif.
    frames : sequence of dicts
        As in `save_game`.
    """
    frames = [_check_frame(frame) for frame in frames]
    top = _top(frames) if frames else 1.0
    images = []
    for frame in frames:
        figure = new_figure(WIDTH, HEIGHT, dpi=100)
        _draw_frame(figure, frame, (0, 0, 1, 1), top, has_legend=True)
        images.append(rasterize(figure))
    save_gif(path, images, seconds=SECONDS)


def _top(frames: Sequence[Mapping]) -> float:
    """Return the upper limit of the densities, the same for all frames.

    A generated density that is much higher than the data's may leave the picture.
    """
    max_p = float(max(frame["p"].max() for frame in frames))
    max_q = float(max(frame["q"].max() for frame in frames))
    return min(max(max_p, max_q), 2.2 * max_p)


def _draw_frame(figure, frame: Mapping, place: tuple, top: float, has_legend: bool) -> None:
    """Draw one frame into the part (left, bottom, width, height) of the figure."""
    left, bottom, width, height = place
    left, width = left + 0.09 * width, 0.82 * width
    ax = figure.add_axes((left, bottom + 0.27 * height, width, 0.61 * height))
    _draw_densities(ax, frame, top)
    right = ax.twinx()
    _draw_discriminators(right, frame)
    for a in (ax, right):
        style_axes(a)
    right.spines["right"].set(visible=True, color=FAINT)
    if has_legend:
        lines = [*ax.get_lines(), *right.get_lines()]
        style = {"fontsize": 7.5, "ncols": 3, "handlelength": 1.6, "columnspacing": 1.2}
        box = {"facecolor": "white", "edgecolor": "none", "framealpha": 0.85}
        labels = [line.get_label() for line in lines]
        right.legend(lines, labels, loc="upper center", **style, **box)
    ax.set_title(f"step {frame['step']}:  {frame['note']}", size=8.5, color=INK)
    strip = figure.add_axes((left, bottom + 0.06 * height, width, 0.13 * height))
    _draw_transport(strip, frame)


def _draw_densities(ax, frame: Mapping, top: float) -> None:
    x = frame["x"]
    for density, colour, label in (
        (frame["p"], REAL, "data, p"),
        (frame["q"], FAKE, "generated, q"),
    ):
        ax.fill_between(x, density, color=colour, alpha=0.25, linewidth=0)
        ax.plot(x, density, color=colour, linewidth=1.6, label=label)
    ax.set(xlim=(x[0], x[-1]), ylim=(0, 1.3 * top), ylabel="density")


def _draw_discriminators(ax, frame: Mapping) -> None:
    x, p, q = frame["x"], frame["p"], frame["q"]
    # Where neither density is, the optimal discriminator is not defined.
    total = np.where(p + q > 1e-6 * p.max(), p + q, np.nan)
    optimal, best_guess = p / total, np.maximum(p, q) / total
    ax.plot(x, best_guess, color=BAYES, linewidth=1.2, label="max(p, q) / (p + q)")
    style = {"color": INK, "linewidth": 1.2, "linestyle": "--"}
    ax.plot(x, optimal, label="optimal D = p / (p + q)", **style)
    ax.plot(x, frame["d"], color=INK, linewidth=1.8, label="D, learned")
    ax.set(ylim=(0, 1.3), yticks=(0, 0.5, 1), ylabel="probability")


def _draw_transport(ax, frame: Mapping) -> None:
    x = frame["x"]
    style = {"color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
    for start, end in frame["arrows"]:
        ax.annotate("", (end, 0), (start, 1), arrowprops={"arrowstyle": "-|>", **style})
    ax.axhline(1, color=FAKE, linewidth=2)
    ax.axhline(0, color=REAL, linewidth=2)
    ax.set(xlim=(x[0], x[-1]), ylim=(-0.15, 1.15))
    ax.set_axis_off()
    text = "optimal transport: which mass must move where"
    ax.text(0.0, -0.32, text, transform=ax.transAxes, size=7.5, color="#666666", va="center")


def _check_frame(frame: Mapping) -> dict:
    """Return the frame with NumPy arrays, or raise an error."""
    if wrong := set(KEYS) ^ set(frame):
        raise ValueError(
            f"save_game: a frame has {', '.join(KEYS)}; "
            f"wrong or missing: {', '.join(sorted(wrong))}"
        )
    frame = dict(frame)
    for name in ARRAYS:
        frame[name] = np.asarray(frame[name], np.float64)
        check_finite(f"save_game, {name}", frame[name])
    is_right = frame["x"].ndim == 1 and frame["arrows"].shape[1:] == (2,)
    if not is_right or any(frame[name].shape != frame["x"].shape for name in "pqd"):
        shapes = ", ".join(f"{name} {frame[name].shape}" for name in ARRAYS)
        raise ValueError(f"save_game: x, p, q and d are (m,), arrows (k, 2); got {shapes}")
    return frame
