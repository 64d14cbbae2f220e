"""Panels of families.py: a model with its samples, and a table of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinygen.plot import Grid, Scheme
from tinygen.plot.canvas import TITLE
from tinygen.plot.page import GAP, LINE, Box, Page, Panel, text_width

__all__ = ["Family", "Table"]

COLUMN_GAP = 28  # pixels between two columns of the table; heads are bold and wider


class Family(Panel):
    """The scheme of a model below its title, and samples on the right of both.

    Parameters
    ----------
    scheme : Scheme
        With a title.
    samples : array (n, channels, height, width)
        Four in a row.
    head : str
        Above the samples.
    """

    SAMPLES = 230  # pixels: the width of the samples

    def __init__(self, scheme: Scheme, samples, *, head: str = ""):
        self.scheme, self.head = scheme, head
        self.grid = Grid(samples, columns=4, gap=1)

    def size(self, width: float) -> tuple[float, float]:
        _, scheme_height = self.scheme.size(width - self.SAMPLES - GAP)
        _, grid_height = self.grid.size(self.SAMPLES)
        return width, LINE + max(scheme_height, grid_height - (0 if self.head else LINE))

    def draw(self, page: Page, box: Box) -> None:
        page.write(self.scheme.title, box.left, box.top, size=TITLE, weight="bold")
        size = self.scheme.size(box.width - self.SAMPLES - GAP)
        self.scheme.draw(page, Box(box.left, box.top + LINE, *size))
        left = box.left + box.width - self.SAMPLES
        page.write(self.head, left, box.top)
        top = box.top + (LINE if self.head else 0)
        self.grid.draw(page, Box(left, top, *self.grid.size(self.SAMPLES)))


class Table(Panel):
    """A table of figures.

    Parameters
    ----------
    heads : sequence of str
        Of the columns.
    rows : {label: cells}
        As many texts as heads.
    note : str
        Below the table.
    """

    def __init__(self, heads: Sequence[str], rows: Mapping[str, Sequence[str]], *, note: str = ""):
        self.lines, self.note = {"": heads, **rows}, note

    def size(self, width: float) -> tuple[float, float]:
        return width, LINE * len(self.lines)

    def draw(self, page: Page, box: Box) -> None:
        columns = list(zip(*self.lines.values(), strict=True))
        widths = [max(map(text_width, column)) + COLUMN_GAP for column in columns]
        for i, (label, cells) in enumerate(self.lines.items()):
            right, top = box.left + box.width - sum(widths), box.top + LINE * i
            page.write(label, box.left, top)
            for cell, cell_width in zip(cells, widths, strict=True):
                right += cell_width
                page.write(cell, right, top, ha="right", weight="normal" if i else "bold")
