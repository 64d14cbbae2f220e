"""The adversarial game in one dimension, as the lecture draws it: two densities, the discriminator between them, and the way from one to the other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tinygen.plot.arrays import check_finite
from tinygen.plot.canvas import FAINT, INK, new_figure, save_png, style_axes

__all__ = ["save_game", "save_game_animation"]

REAL, FAKE, CHANCE = "#2b6cb0", "#e8791c", "#999999"
WIDTH, HEIGHT = 5.6, 4.3  # of one frame, inches
KEYS = ("step", "x", "p", "q", "d", "arrows", "note")


def save_game(path, frames: Sequence[Mapping]) -> None:
    """Draw moments of the game, two in a row, as a PNG. A frame has

    step : which it was. x : (m,), where all that follows is given.
    p, q : densities (m,) of the data and of what the generator makes.
    d : the discriminator's D(x), (m,). The best one for these two, p / (p + q), is drawn beside it, dashed; and in grey max(p, q) / (p + q), the chance to be
        right for who says "real" where p is the greater and "fake" where q is.
    arrows : (k, 2), from where to where mass has to move for q to become p. note : a line above.
    """
    frames = [_checked(frame) for frame in frames]
    if not frames:
        raise ValueError("save_game: no frame to draw")
    columns = min(2, len(frames))
    rows = -(-len(frames) // columns)
    figure = new_figure(columns * WIDTH, rows * HEIGHT)
    top = _top(frames)
    for k, frame in enumerate(frames):
        _draw(figure, frame, (k % columns / columns, 1 - (k // columns + 1) / rows, 1 / columns, 1 / rows), top, legend=k == 0)
    save_png(figure, path)


def save_game_animation(path, frames: Sequence[Mapping], *, seconds: float = 8.0) -> None:
    """The same frames one after the other, as a GIF that lasts so many seconds, the last 1.5 of them at the last frame, and begins anew."""
    from PIL import Image

    frames, path = [_checked(frame) for frame in frames], Path(path)
    if not frames or path.suffix != ".gif":
        raise ValueError(f"save_game_animation: needs frames, and a file name that ends in .gif; got {len(frames)} and {path.name}")
    top = _top(frames)
    pictures = []
    for frame in frames:
        figure = new_figure(WIDTH, HEIGHT)
        figure.set_dpi(100)
        _draw(figure, frame, (0, 0, 1, 1), top, legend=True)
        figure.canvas.draw()
        pictures.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]).quantize(64, dither=Image.Dither.NONE))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        each = max(10 * round(100 * (seconds - 1.5) / max(len(pictures) - 1, 1)), 20)  # a GIF counts hundredths
        pictures[0].save(aside, format="GIF", save_all=True, append_images=pictures[1:], duration=[each] * (len(pictures) - 1) + [1500], loop=0)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _top(frames: Sequence[Mapping]) -> float:
    """One scale for all frames: what is a needle beside the data may leave the picture."""
    p, both = (float(max(f[name].max() for f in frames for name in names)) for names in ("p", "pq"))
    return min(both, 2.2 * p)


def _draw(figure, frame: Mapping, place: tuple, top: float, legend: bool) -> None:
    """One frame into the part (left, bottom, width, height) of the figure."""
    left, bottom, width, height = place
    x, p, q = frame["x"], frame["p"], frame["q"]
    ax = figure.add_axes((left + 0.09 * width, bottom + 0.27 * height, 0.82 * width, 0.61 * height))
    for y, colour, label in ((p, REAL, "data, p"), (q, FAKE, "generated, q")):
        ax.fill_between(x, y, color=colour, alpha=0.25, linewidth=0)
        ax.plot(x, y, color=colour, linewidth=1.6, label=label)
    ax.set(xlim=(x[0], x[-1]), ylim=(0, 1.3 * top), ylabel="density")
    right = ax.twinx()
    both = np.where(p + q > 1e-6 * p.max(), p + q, np.nan)  # where neither is, there is nothing to tell apart
    best, chance = p / both, np.maximum(p, q) / both
    right.plot(x, chance, color=CHANCE, linewidth=1.2, label="max(p, q) / (p + q)")
    right.plot(x, best, color=INK, linewidth=1.2, linestyle="--", label="best D = p / (p + q)")
    right.plot(x, frame["d"], color=INK, linewidth=1.8, label="D, learned")
    right.set(ylim=(0, 1.3), yticks=(0, 0.5, 1), ylabel="probability")
    for a in (ax, right):
        style_axes(a)
    right.spines["right"].set(visible=True, color=FAINT)
    if legend:
        lines = [*ax.get_lines(), *right.get_lines()]
        box = {"facecolor": "white", "edgecolor": "none", "framealpha": 0.85}
        right.legend(lines, [x.get_label() for x in lines], fontsize=7.5, ncols=3, loc="upper center", handlelength=1.6, columnspacing=1.2, **box)
    ax.set_title(f"step {frame['step']}:  {frame['note']}", size=8.5, color=INK)
    strip = figure.add_axes((left + 0.09 * width, bottom + 0.06 * height, 0.82 * width, 0.13 * height))
    for start, end in frame["arrows"]:
        strip.annotate("", (end, 0), (start, 1), arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7})
    strip.axhline(1, color=FAKE, linewidth=2)
    strip.axhline(0, color=REAL, linewidth=2)
    strip.set(xlim=(x[0], x[-1]), ylim=(-0.15, 1.15))
    strip.set_axis_off()
    strip.text(0.0, -0.32, "optimal transport: which mass must move where", transform=strip.transAxes, size=7.5, color="#666666", va="center")


def _checked(frame: Mapping) -> dict:
    if missing := set(KEYS) ^ set(frame):
        raise ValueError(f"save_game: a frame has {', '.join(KEYS)}; wrong or missing: {', '.join(sorted(missing))}")
    frame = dict(frame)
    for name in ("x", "p", "q", "d", "arrows"):
        frame[name] = np.asarray(frame[name], np.float64)
        check_finite(f"save_game, {name}", frame[name])
    if not (frame["x"].ndim == 1 and frame["x"].shape == frame["p"].shape == frame["q"].shape == frame["d"].shape and frame["arrows"].shape[1:] == (2,)):
        raise ValueError(f"save_game: x, p, q and d are (m,), arrows (k, 2); got {', '.join(f'{n} {frame[n].shape}' for n in ('x', 'p', 'q', 'd', 'arrows'))}")
    return frame
