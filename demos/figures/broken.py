"""Panels of broken.py: text, a table of figures, and pairs of bars."""

from __future__ import annotations

from collections.abc import Mapping

from tinygen.plot.canvas import CLASS_COLOURS, INK
from tinygen.plot.page import LINE, Box, Page, Panel, count_lines, text_width, wrap

__all__ = ["Bars", "Measures", "Words", "format_number"]

COLUMN = 130  # pixels: the width of a column of numbers
BAR, GAP = 24, 10  # the height of a bar with its number, and the space between two pairs


def format_number(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


class Words(Panel):
    """Lines of text; those of code keep their line breaks, and have letters of equal width."""

    def __init__(self, text: str, *, code: bool = False, title: str = ""):
        self.text, self.code, self.title = text, code, title

    def _lines(self, width: float) -> str:
        return self.text if self.code else wrap(self.text, width)

    def size(self, width: float) -> tuple[float, float]:
        return width, LINE * count_lines(self._lines(width))

    def draw(self, page: Page, box: Box) -> None:
        style = {"family": "monospace"} if self.code else {}
        page.write(self._lines(box.width), box.left, box.top, **style)


class Measures(Panel):
    """A table: what was measured, with the right code, and with the bug."""

    def __init__(self, measured: Mapping[str, tuple[float, float]]):
        numbers = {what: tuple(map(format_number, pair)) for what, pair in measured.items()}
        self.lines = {"Measured": ("right", "bug"), **numbers}

    def size(self, width: float) -> tuple[float, float]:
        return width, LINE * len(self.lines)

    def draw(self, page: Page, box: Box) -> None:
        end = box.left + box.width
        for i, (what, (right, bug)) in enumerate(self.lines.items()):
            top = box.top + LINE * i
            style = {} if i else {"weight": "bold"}
            page.write(what, box.left, top, **style)
            page.write(right, end - COLUMN, top, ha="right", **style)
            page.write(bug, end, top, ha="right", **style)


class Bars(Panel):
    """Two bars for each quantity, one above the other: the right code (blue), the bug (orange).

    Parameters
    ----------
    measured : {name: (right, bug)}
        Numbers from 0, drawn to three decimals. The longer bar of each pair has the full length.
    """

    def __init__(self, measured: Mapping[str, tuple[float, float]]):
        self.measured = measured

    def size(self, width: float) -> tuple[float, float]:
        return width, len(self.measured) * (2 * BAR + GAP)

    def draw(self, page: Page, box: Box) -> None:
        left = max(map(text_width, self.measured)) + 12
        room = box.width - left - text_width("0.000 right") - 8  # without the numbers at the ends
        ax = page.axes(box)
        ax.set(xlim=(0, box.width), ylim=(box.height, 0))
        ax.axis("off")
        for i, (name, pair) in enumerate(self.measured.items()):
            top = GAP + i * (2 * BAR + GAP)
            page.write(name, box.left, box.top + top + BAR - LINE / 2)
            values = [round(value, 3) for value in pair]
            for k, value in enumerate(values):
                length = room * value / (max(values) or 1)
                colour, middle = CLASS_COLOURS[k], top + (k + 0.5) * BAR
                ax.barh(middle, length, BAR - 5, left=left, color=colour, alpha=0.75)
                text = format_number(value) + (" right", " bug")[k]
                place = box.left + left + length + 8, box.top + middle - LINE / 2
                page.write(text, *place, color=colour)
        ax.plot([left, left], [GAP - 4, box.height], color=INK, linewidth=1)
