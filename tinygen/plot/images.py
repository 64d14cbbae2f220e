"""Images: grids, labelled rows, and sums of images. Each image pixel is drawn as a square."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import as_images, blend_colours, make_grid
from .canvas import CLASS_COLOURS
from .page import LINE, PAGE_WIDTH, Box, Page, Panel, count_lines, save_page, text_width, wrap

__all__ = ["Grid", "Rows", "Sum", "draw_frames", "save_grid", "save_rows"]

LABEL_GAP = 14  # between a label and its row, in pixels of the page
ROW_GAP = 2  # between two images of rows, in image pixels
FRAME_WIDTH = 2  # of `draw_frames`, in image pixels
MEANS_GAP = 8  # between means and the images above them, in pixels of the page


class Grid(Panel):
    """Images in a grid, row by row.

    Parameters
    ----------
    images : array or Tensor (n, channels, height, width) or (n, height, width)
        1 or 3 channels; uint8, or floats from 0 to 1.
    columns : int, optional
        Images per row; by default about the square root of n.
    scale : int, optional
        Pixels of the page per image pixel; by default as many as fit. Images for which there is no
        room are drawn smaller.
    gap : int
        White image pixels between two images.
    title, note : str
        Above and below the grid.
    """

    def __init__(
        self,
        images,
        *,
        columns: int | None = None,
        scale: int | None = None,
        gap: int = 2,
        title: str = "",
        note: str = "",
    ):
        images = as_images("Grid", images)
        self.mosaic = make_grid(images, columns or math.ceil(math.sqrt(len(images))), gap)
        self.scale, self.title, self.note = scale, title, note

    def size(self, width: float) -> tuple[float, float]:
        rows, columns, _ = self.mosaic.shape
        scale = self.scale or largest_scale(width, columns)
        return round(scale * columns), round(scale * rows)

    def draw(self, page: Page, box: Box) -> None:
        draw_pixels(page, box, self.mosaic)


class Rows(Panel):
    """Rows of images with a label on the left of each.

    Parameters
    ----------
    rows : {label: images}, or a sequence of (label, images)
        Images as in `Grid`; each row has the same number of images of the same size. A label may
        have several lines.
    heads : sequence of str
        Above the columns, one line each.
    scale : int, optional
        As in `Grid`.
    title, note : str
        Above and below the rows.
    """

    def __init__(
        self,
        rows: Mapping[str, Any] | Sequence[tuple[str, Any]],
        *,
        heads: Sequence[str] = (),
        scale: int | None = None,
        title: str = "",
        note: str = "",
    ):
        pairs = list(rows.items() if isinstance(rows, Mapping) else rows)
        self.labels = [label for label, _ in pairs]
        stacks = [as_images(f"Rows, {label!r}", images) for label, images in pairs]
        if len({images.shape for images in stacks}) != 1:
            shapes = {label: images.shape for label, images in zip(self.labels, stacks)}
            raise ValueError(
                "Rows: rows need the same number of images of the same size, "
                f"got {shapes or 'none'}"
            )
        if heads and len(heads) != len(stacks[0]):
            raise ValueError(f"Rows: {len(heads)} heads for {len(stacks[0])} columns")
        self.heads = list(heads)
        self.mosaic = make_grid(np.concatenate(stacks), len(stacks[0]), ROW_GAP)
        self.label_width = max(label_width(label) for label in self.labels)
        self.scale, self.title, self.note = scale, title, note

    def size(self, width: float) -> tuple[float, float]:
        rows, columns, _ = self.mosaic.shape
        scale = self.scale or largest_scale(width - self.label_width, columns)
        above = LINE if self.heads else 0
        return self.label_width + round(scale * columns), above + round(scale * rows)

    def draw(self, page: Page, box: Box) -> None:
        left, above = box.left + self.label_width, LINE if self.heads else 0
        pixels = Box(left, box.top + above, box.width - self.label_width, box.height - above)
        draw_pixels(page, pixels, self.mosaic)
        for j, head in enumerate(self.heads):
            middle = left + (j + 0.5) * pixels.width / len(self.heads)
            page.write(head, middle, box.top, ha="center")
        for i, label in enumerate(self.labels):
            middle = pixels.top + (i + 0.5) * pixels.height / len(self.labels)
            top = middle - LINE * count_lines(label) / 2
            page.write(label, left - LABEL_GAP, top, ha="right")


class Sum(Panel):
    """Images that are added or mapped, in columns: a - b + c = d, or a -> b. A row per example.

    Parameters
    ----------
    terms : sequence of (sign, label, images)
        From left to right: the sign before it ("" for the first, "-", "+", "=", "->"), what it is,
        and its images, as in `Grid`; each has the same number of images of the same size.
    means_of : sequence of images
        Where the first terms are means: of which images, as many of each. They are drawn in half
        the size, above the means.
    scale : int, optional
        As in `Grid`.
    title, note : str
        Above the labels, and below the images.
    """

    SIGN_WIDTH = 44  # pixels of the page

    def __init__(
        self,
        terms: Sequence[tuple[str, str, Any]],
        *,
        means_of: Sequence[Any] = (),
        scale: int | None = None,
        title: str = "",
        note: str = "",
    ):
        self.signs = [sign for sign, _, _ in terms]
        self.labels = [label for _, label, _ in terms]
        stacks = [as_images(f"Sum, {label!r}", images) for _, label, images in terms]
        if len({images.shape for images in stacks}) != 1:
            shapes = {label: images.shape for label, images in zip(self.labels, stacks)}
            raise ValueError(
                "Sum: terms need the same number of images of the same size, "
                f"got {shapes or 'none'}"
            )
        self.num_rows = len(stacks[0])
        self.columns = [make_grid(images, 1, ROW_GAP) for images in stacks]
        examples = [as_images("Sum, means_of", images) for images in means_of]
        if len({images.shape for images in examples}) > 1 or len(examples) > len(terms):
            raise ValueError(
                f"Sum: means_of has as many images of each of the first of {len(terms)} terms; "
                f"got {[images.shape for images in examples]}"
            )
        self.examples = [make_grid(images, 1, ROW_GAP) for images in examples]
        self.scale, self.title, self.note = scale, title, note

    def _column_width(self, width: float) -> int:
        """Return the width of each column; a label may be wider than its images."""
        n, images_width = len(self.columns), self.columns[0].shape[1]
        room = (width - self.SIGN_WIDTH * (n - 1)) / n
        return round((self.scale or largest_scale(room, images_width)) * images_width)

    def size(self, width: float) -> tuple[float, float]:
        column = self._column_width(width)
        n, (rows, columns, _) = len(self.columns), self.columns[0].shape
        height = self._labels_height(column) + self._examples_height(column)
        height += round(column / columns * rows)
        return column * n + self.SIGN_WIDTH * (n - 1), height

    def _labels_height(self, column: float) -> int:
        """Return the height of the labels, which are wrapped to the width of a column."""
        lines = [wrap(label, column + self.SIGN_WIDTH) for label in self.labels]
        return LINE * max(map(count_lines, lines))

    def _examples_height(self, column: float) -> int:
        """Return the height of the images above the means, with a gap below them."""
        if not self.examples:
            return 0
        rows, columns, _ = self.examples[0].shape
        return round(column / 2 / columns * rows) + MEANS_GAP

    def draw(self, page: Page, box: Box) -> None:
        column = self._column_width(box.width)
        top = box.top + self._labels_height(column)
        above = self._examples_height(column)
        for i, (sign, label, mosaic) in enumerate(
            zip(self.signs, self.labels, self.columns, strict=True)
        ):
            left = box.left + i * (column + self.SIGN_WIDTH)
            label_top = box.top
            if i < len(self.examples):
                half = round(column / 2)
                examples = Box(left + round(column / 4), top, half, above - MEANS_GAP)
                draw_pixels(page, examples, self.examples[i])
            else:  # nothing between the label and the images
                label_top += above
            text = wrap(label, column + self.SIGN_WIDTH)
            page.write(text, left + column / 2, label_top, ha="center")
            place = Box(left, top + above, column, box.top + box.height - top - above)
            draw_pixels(page, place, mosaic)
            for row in range(self.num_rows if sign else 0):
                middle = place.top + (row + 0.5) * place.height / self.num_rows
                x = left - self.SIGN_WIDTH / 2
                text = {"-": "\u2212", "->": "\u2192"}.get(sign, sign)
                page.write(text, x, middle - LINE / 2, ha="center", size=16)


def draw_frames(images, is_framed) -> np.ndarray:
    """Draw a violet frame over the border of some images, for example of those that fail.

    Parameters
    ----------
    images : array or Tensor (n, channels, height, width) or (n, height, width)
        As in `Grid`.
    is_framed : array (n,) of bool
        Which of them get a frame.

    Returns
    -------
    array (n, 3, height, width)
        Floats from 0 to 1.
    """
    result = as_images("draw_frames", images).transpose(0, 3, 1, 2).copy()
    w = FRAME_WIDTH
    is_border = np.ones(result.shape[2:], bool)
    is_border[w:-w, w:-w] = False
    violet = blend_colours(np.zeros(()), [CLASS_COLOURS[4]] * 2)  # (3,)
    mask = np.asarray(is_framed, bool)[:, None, None, None] & is_border
    return np.where(mask, violet[:, None, None], result)


def largest_scale(room: float, width: int) -> float:
    """Return how many times as large images are drawn: a whole number, or below 1."""
    return room // width if room >= width else room / width


def draw_pixels(page: Page, box: Box, mosaic: np.ndarray) -> None:
    """Draw an array (height, width, 3), each of its pixels as the same square."""
    scale = round(box.width / mosaic.shape[1])
    ax = page.axes(box)
    if scale > 1:
        mosaic = np.repeat(np.repeat(mosaic, scale, axis=0), scale, axis=1)
    interpolation = "nearest" if mosaic.shape[1] == box.width else "antialiased"
    ax.imshow(mosaic, interpolation=interpolation, aspect="auto")
    ax.set_axis_off()


def label_width(label: str) -> int:
    """Return the pixels that a label needs on the left of its row."""
    if not label:
        return 0
    return round(max(text_width(line) for line in label.split("\n"))) + LABEL_GAP


def save_grid(path, images, *, width: int = PAGE_WIDTH, **options) -> None:
    """Draw images in a grid on a page of this width; other options are those of `Grid`."""
    save_page(path, [Grid(images, **options)], width=width)


def save_rows(path, rows, *, width: int = PAGE_WIDTH, **options) -> None:
    """Draw rows of images with a label on the left of each; other options are those of `Rows`."""
    save_page(path, [Rows(rows, **options)], width=width)
