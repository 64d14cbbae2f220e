"""Pages: panels stand where they belong, and texts can be read where a page is shown."""

import numpy as np
import pytest

from tests.plot.pictures import read_png
from tinygen import plot
from tinygen.plot import page
from tinygen.plot.page import (
    GAP,
    LINE,
    MARGIN,
    NOTE_GAP,
    Blank,
    Caption,
    Panel,
    save_animation,
    save_page,
    text_width,
    wrap,
)

pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)


class Coloured(Panel):
    """A rectangle of one colour."""

    def __init__(self, colour, width, height, title="", note=""):
        self.colour, self.extent, self.title, self.note = colour, (width, height), title, note

    def size(self, width):
        return min(self.extent[0], width), self.extent[1]

    def draw(self, page, box):
        ax = page.axes(box)
        ax.set(facecolor=self.colour, xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set_visible(False)


def test_panels_stand_side_by_side_and_one_below_the_other(tmp_path):
    red, green, blue = (
        Coloured("red", 100, 50),
        Coloured("lime", 100, 80),
        Coloured("blue", 260, 40, title="Blue", note="below"),
    )
    save_page(tmp_path / "a.png", [[red, green], blue])
    picture = read_png(tmp_path / "a.png")
    assert picture.shape[1] == 260 + 2 * MARGIN  # as wide as the widest row
    assert picture.shape[0] == 2 * MARGIN + 80 + GAP + LINE + 40 + NOTE_GAP + LINE
    column = (260 - GAP) // 2
    row_left = MARGIN + (column - 100) // 2  # each panel is in the middle of its column
    top = MARGIN
    assert picture[top + 1, row_left + 1].tolist() == [1, 0, 0]
    assert picture[top + 49, row_left + 99].tolist() == [1, 0, 0]
    assert picture[top + 51, row_left + 50].tolist() == [1, 1, 1]
    assert picture[top + 79, row_left + column + GAP + 1].tolist() == [0, 1, 0]
    blue_top = MARGIN + 80 + GAP + LINE
    assert picture[blue_top + 1, MARGIN + 1].tolist() == [0, 0, 1]
    assert picture[blue_top - LINE + 5 : blue_top - 5].min() < 0.5  # the title
    assert picture[blue_top + 45 : blue_top + 65].min() < 0.5  # the note


def test_titles_and_notes_begin_at_the_left_margin(tmp_path):
    narrow = Coloured("red", 100, 50, title="Red", note="below")
    save_page(tmp_path / "a.png", [narrow, Coloured("blue", 500, 50)])
    picture = read_png(tmp_path / "a.png")
    title, note = picture[MARGIN : MARGIN + LINE], picture[MARGIN + LINE + 50 + NOTE_GAP :][:LINE]
    for text in (title, note):
        dark = np.nonzero(text.min(axis=(0, 2)) < 0.5)[0]
        assert MARGIN <= dark.min() < MARGIN + 5


def test_a_blank_keeps_the_others_of_a_row_in_their_columns(tmp_path):
    panels = [Coloured("red", 1000, 50), Blank()]
    save_page(tmp_path / "a.png", [panels])
    picture = read_png(tmp_path / "a.png")
    assert picture.shape[1] == 800
    assert picture[20, MARGIN + 300].tolist() == [1, 0, 0]
    assert (picture[:, 400:] == 1).all()


def test_a_caption_is_broken_into_lines_of_the_width_of_the_page(tmp_path):
    save_page(tmp_path / "a.png", [Coloured("red", 300, 50), Caption("key " * 50)])
    picture = read_png(tmp_path / "a.png")
    assert picture.shape[1] == 800
    lines = round((len(picture) - 2 * MARGIN - 50 - GAP) / LINE)
    assert lines == 4
    assert picture[-MARGIN - LINE : -MARGIN, MARGIN : MARGIN + 50].min() < 0.5
    assert (picture[:, -MARGIN:] == 1).all()


def test_long_titles_and_notes_are_broken_into_lines(tmp_path):
    long = "a title that is much longer than its panel is wide"
    save_page(tmp_path / "a.png", [Coloured("red", 300, 50, title=long, note=long)], title=long)
    picture = read_png(tmp_path / "a.png")
    assert picture.shape[1] == 300 + 2 * MARGIN
    assert len(picture) > 50 + 6 * LINE
    assert (picture[:, -MARGIN:] == 1).all()  # nothing is cut off


def test_lines_are_as_long_as_there_is_room():
    text = "one two three four five six seven eight nine ten"
    lines = wrap(text, 200).split("\n")
    assert " ".join(lines) == text and len(lines) > 2
    assert all(text_width(line) <= 200 for line in lines)
    first_of_next = [line.split()[0] for line in lines[1:]]
    for line, word in zip(lines, first_of_next):
        assert text_width(f"{line} {word}") > 200
    assert wrap("indivisible", 10) == "indivisible" and wrap("a\nb", 100) == "a\nb"


@pytest.mark.parametrize("panels", [[], [[]]])
def test_a_page_needs_a_panel(panels, tmp_path):
    with pytest.raises(ValueError, match="no panel"):
        save_page(tmp_path / "a.png", panels)
    assert not any(tmp_path.iterdir())


def panels_of_each_kind():
    images, plane = RNG.random((8, 9, 9)), (0, 1, 0, 1)
    codes, labels = RNG.normal(size=(60, 2)), np.arange(60) % 10
    yield plot.Grid(images, title="grid", note="note")
    yield plot.Rows([("first", images), ("second\nrow", images)], title="rows")
    yield plot.Sum([("", "a", images[:2]), ("-", "b", images[2:4]), ("=", "c", images[:2])])
    yield plot.Scatter(codes, labels, title="codes")
    yield plot.Posteriors(codes, np.ones((60, 2)), labels)
    yield plot.Curves({"a": (np.arange(60), RNG.random(60)), "b": ([0, 1], [1.0, 2.0])})
    contents = {"points": codes, "labels": labels, "markers": {"star": (0.5, 0.5)}, "note": "n"}
    yield plot.Plane(contents, plane)
    yield plot.PlaneRows({"row": {"one": contents, "two": {}}}, plane, title="Rows", note="note")


@pytest.mark.parametrize("in_columns", [1, 2])
def test_every_text_can_be_read_at_half_of_the_width(in_columns, tmp_path, monkeypatch):
    """The page is at most 800 pixels wide, so letters of 22 pixels are 11 where it is shown."""
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    for panel in panels_of_each_kind():
        save_page(tmp_path / "a.png", [[panel] * in_columns], title="title")
    assert len(figures) == 8
    for figure in figures:
        figure.canvas.draw()
        width, height = figure.get_size_inches() * figure.dpi
        assert width <= 800
        renderer = figure.canvas.get_renderer()
        boxes = [artist.get_tightbbox(renderer) for artist in (*figure.axes, *figure.texts)]
        assert all(-1 < box.x0 and box.x1 < width + 1 for box in boxes)
        assert all(-1 < box.y0 and box.y1 < height + 1 for box in boxes)
        texts = figure.findobj(match=lambda artist: hasattr(artist, "get_fontsize"))
        sizes = [text.get_fontsize() for text in texts if text.get_text()]
        assert sizes and min(sizes) * figure.dpi / 72 >= 22


def test_an_animation_shows_one_page_after_the_other(tmp_path):
    image = pytest.importorskip("PIL.Image")
    colours = ["red", "lime", "blue"]
    pages = [[Coloured(colour, 300, 40)] for colour in colours]
    save_animation(tmp_path / "a.gif", pages, seconds=4.0, title="Colours")
    with image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 3 and film.size[0] == 300 + 2 * MARGIN
        for k, expected in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
            film.seek(k)
            seen = np.array(film.convert("RGB").getpixel((100, MARGIN + LINE + 20)))
            assert abs(seen - expected).max() < 12
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]
