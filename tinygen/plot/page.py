"""A page: panels one below the other or side by side, at the width at which it is read.

A page is drawn 800 pixels wide, and shown at half of that where it is an illustration of a text.
Its letters are then still 11 pixels high.

A panel has a size, a way to draw itself, and perhaps a title above and a note below. It stands in
the middle of its column, and these texts at the column's left edge. It may be of images, curves or
codes, and several kinds can stand on one page:

    save_page("a.png", [Rows(examples, title="Test digits"), Scatter(codes, labels)])
    save_page("b.png", [[Plane(before), Plane(after)], Curves(losses)])    two, and below them one
    save_animation("c.gif", [[Plane(step)] for step in steps], seconds=8)  page after page

All lengths are in pixels, and places are counted from the top left, as in an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from .canvas import DPI, INK, TEXT, TITLE, new_figure, rasterize, save_gif, save_png

__all__ = [
    "LINE",
    "PAGE_WIDTH",
    "Blank",
    "Box",
    "Caption",
    "Page",
    "Panel",
    "count_lines",
    "save_animation",
    "save_page",
    "text_width",
    "wrap",
]

PAGE_WIDTH = 800
MARGIN = 12  # around the page
GAP = 24  # between two panels
NOTE_GAP = 6  # between a panel and the note below it, and below the title of the page
LINE = 30  # from one line of text to the next
BOLD = {"size": TITLE, "weight": "bold"}


class Box(NamedTuple):
    """A place on the page."""

    left: float
    top: float
    width: float
    height: float


class Panel(Protocol):
    """What a page needs to know of a panel."""

    title: str = ""  # above it, in bold
    note: str = ""  # below it

    def size(self, width: float) -> tuple[float, float]:
        """Return the width and the height that the panel takes, of at most this width."""

    def draw(self, page: Page, box: Box) -> None:
        """Draw the panel there."""


class Blank(Panel):
    """An empty place, in a row with fewer panels than others."""

    def size(self, width: float) -> tuple[float, float]:
        return 0, 0

    def draw(self, page: Page, box: Box) -> None:
        pass


class Caption(Panel):
    """Lines of text across the page, such as a key of the panels above."""

    def __init__(self, text: str):
        self.text = text

    def size(self, width: float) -> tuple[float, float]:
        return width, LINE * count_lines(wrap(self.text, width))

    def draw(self, page: Page, box: Box) -> None:
        page.write(wrap(self.text, box.width), box.left, box.top)


class Page:
    """A figure with places in pixels, from the top left."""

    def __init__(self, width: float, height: float):
        self.width, self.height = width, height
        self.figure = new_figure(width / DPI, height / DPI)

    def axes(self, box: Box):
        """Return new matplotlib axes there."""
        return self.figure.add_axes(self._fractions(box))

    def _fractions(self, box: Box) -> tuple[float, float, float, float]:
        """Return left, bottom, width and height in fractions of the page."""
        bottom = self.height - box.top - box.height
        width, height = box.width / self.width, box.height / self.height
        return box.left / self.width, bottom / self.height, width, height

    def fit(self, ax, box: Box) -> None:
        """Shrink axes until their labels and numbers are inside the box, too."""
        renderer = self.figure.canvas.get_renderer()
        for _ in range(2):  # other numbers may stand at the axes after the first time
            outer, inner = ax.get_tightbbox(renderer), ax.get_window_extent(renderer)
            left, right = inner.x0 - outer.x0, outer.x1 - inner.x1
            above, below = outer.y1 - inner.y1, inner.y0 - outer.y0
            frame = Box(
                box.left + left,
                box.top + above,
                box.width - left - right,
                box.height - above - below,
            )
            ax.set_position(self._fractions(frame))

    def write(self, text: str, left: float, top: float, **style) -> None:
        """Write lines of text, LINE apart. A $ begins no formula: it may be in a file's name."""
        style = {"size": TEXT, "color": INK, "ha": "left", "va": "center"} | style
        for i, line in enumerate(text.split("\n")):
            y = 1 - (top + (i + 0.5) * LINE) / self.height
            self.figure.text(left / self.width, y, line, parse_math=False, **style)


def save_page(
    path,
    panels: Sequence[Panel | Sequence[Panel]],
    *,
    title: str = "",
    width: int = PAGE_WIDTH,
) -> None:
    """Draw panels one below the other; those of a list stand side by side.

    Parameters
    ----------
    path : str or Path
        Of the PNG file.
    panels : sequence of Panel, or of sequences of Panel
        From above to below, and from left to right.
    title : str
        Above all of them.
    width : int
        The largest width, in pixels. What is wider than the default cannot be read where it is
        shown at half of the default width.
    """
    save_png(_draw_page(panels, title, width), path)


def save_animation(
    path,
    pages: Sequence[Sequence],
    *,
    seconds: float,
    title: str = "",
    many_colours: bool = False,
) -> None:
    """Draw pages of the same size one after the other, as an animated GIF.

    Parameters
    ----------
    path : str or Path
        Ends in .gif.
    pages : sequence of pages
        The panels of each page, as in `save_page`.
    seconds : float
        How long one repetition lasts; see `canvas.save_gif`.
    title : str
        Above all panels.
    many_colours : bool
        As in `canvas.save_gif`, for pages with faces.
    """
    frames = [rasterize(_draw_page(panels, title, PAGE_WIDTH)) for panels in pages]
    save_gif(path, frames, seconds=seconds, many_colours=many_colours)


def _draw_page(panels: Sequence[Panel | Sequence[Panel]], title: str, width: int):
    """Return the figure of a page."""
    rows = [list(row) if isinstance(row, (list, tuple)) else [row] for row in panels]
    if not rows or not all(rows):
        raise ValueError("save_page: no panel to draw")
    inner = width - 2 * MARGIN
    columns = [(inner - GAP * (len(row) - 1)) / len(row) for row in rows]
    sizes = [[p.size(column) for p in row] for row, column in zip(rows, columns, strict=True)]
    row_widths = [max(size[0] for size in row) * len(row) + GAP * (len(row) - 1) for row in sizes]
    if max(row_widths) < 0.9 * inner:
        inner = max(row_widths)  # no wider than what is on it
    title = wrap(title, inner, TITLE)
    top = MARGIN + LINE * count_lines(title) + (NOTE_GAP if title else 0)
    placed, texts = [], [(title, MARGIN, MARGIN, BOLD)]
    for row, row_sizes in zip(rows, sizes, strict=True):
        column = (inner - GAP * (len(row) - 1)) / len(row)
        lefts = [round(MARGIN + i * (column + GAP)) for i in range(len(row))]  # of all text
        titles = [wrap(panel.title, column, TITLE) for panel in row]
        notes = [wrap(panel.note, column) for panel in row]
        above, below = (LINE * max(map(count_lines, lines)) for lines in (titles, notes))
        height = max(panel_height for _, panel_height in row_sizes) + (NOTE_GAP if below else 0)
        for i, (panel, size) in enumerate(zip(row, row_sizes, strict=True)):
            middle = round(lefts[i] + (column - size[0]) / 2)
            placed.append((panel, Box(middle, top + above, *size)))
            texts.append((titles[i], lefts[i], top, BOLD))
            texts.append((notes[i], lefts[i], top + above + height, {}))
        top += above + height + below + GAP
    page = Page(round(inner + 2 * MARGIN), round(top - GAP + MARGIN))
    for text, left, y, style in texts:
        page.write(text, left, y, **style)
    for panel, box in placed:
        panel.draw(page, box)
    return page.figure


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = TEXT) -> float:
    """Return the width of a line in pixels; one of the size of titles is bold."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(size=size, weight="bold" if size == TITLE else "normal")
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return width * DPI / 72


def count_lines(text: str) -> int:
    """Return the number of lines of a text, 0 if it is empty."""
    return len(text.split("\n")) if text else 0


def wrap(text: str, width: float, size: float = TEXT) -> str:
    """Break a text into lines that are no wider than this; a word stays whole."""
    lines = []
    for line in text.split("\n"):
        words = line.split(" ")
        current = words[0]
        for word in words[1:]:
            if text_width(f"{current} {word}", size) <= width:
                current = f"{current} {word}"
            else:
                lines.append(current)
                current = word
        lines.append(current)
    return "\n".join(lines)
