"""Schemes of models: parts are in their places, and wrong ones are errors."""

import numpy as np
import pytest

from tinygen.plot import page
from tinygen.plot.canvas import rasterize
from tinygen.plot.page import LINE, MARGIN, save_page
from tinygen.plot.scheme import Code, Network, Picture, Scheme, Text

pytest.importorskip("matplotlib")


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Draw a scheme, and return the figure and its pixels."""

    def draw(scheme):
        figures = []
        monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
        save_page(tmp_path / "a.png", [scheme])
        return figures[0], rasterize(figures[0]).astype(int)

    return draw


def test_a_fixed_network_is_pale(draw):
    parts = {"G": (0, 0, Network("G", fixed=True)), "D": (0, 1, Network("D"))}
    _, picture = draw(Scheme(parts, side=100))
    left, right = picture[MARGIN + 20, MARGIN + 10], picture[MARGIN + 20, -MARGIN - 10]
    assert left.tolist() == [255, 255, 255] and right[2] > right[0]


def test_parts_are_in_their_places(draw):
    black, grey = np.zeros((8, 8)), np.full((3, 8, 8), 0.5)
    parts = {
        "x": (0, 0, Picture(black)),
        "D": (0.5, 1, Network("D", 1, 0.3)),
        "y": (1, 2, Picture(grey)),
    }
    _, picture = draw(Scheme(parts, ["x D y"], side=100))
    left, right = MARGIN, 800 - MARGIN
    assert picture.shape == (2 * MARGIN + 210, 800, 3)
    assert (picture[MARGIN + 2 : MARGIN + 98, left + 2 : left + 98] == 0).all()
    assert abs(picture[MARGIN + 112 : -MARGIN - 2, right - 98 : right - 2] - 127.5).max() < 1
    blue = picture[MARGIN + 80 : MARGIN + 120, 380:420].reshape(-1, 3)  # the box of the network
    assert (blue[:, 2] > blue[:, 0]).mean() > 0.5
    between = picture[MARGIN + 30 : MARGIN + 120, left + 130 : 350]
    assert between.min() < 100  # the arrow from the first row to the network


def test_sloping_arrows_end_apart_and_some_are_dashed(draw):
    parts = {"a": (0, 0, Text("a")), "b": (1, 0, Text("b")), "D": (0.5, 1, Network("D"))}
    figure, _ = draw(Scheme(parts, ["a D"], dashed=["b D"], side=100))
    first, second = (text for text in figure.axes[0].texts if hasattr(text, "arrow_patch"))
    assert 40 < second.xy[1] - first.xy[1] < 100  # the height of D
    assert (first.arrow_patch.get_linestyle(), second.arrow_patch.get_linestyle()) == ("-", "--")


def test_no_room_is_left_below_a_text(draw):
    parts = {"x": (0, 0, Picture(np.zeros((8, 8)))), "y": (0.5, 1, Text("y"))}
    _, picture = draw(Scheme(parts, side=100))
    assert len(picture) == 2 * MARGIN + 120  # the text is 30 high, and its middle at 105


def test_two_pictures_side_by_side_are_twice_as_wide(draw):
    parts = {"pair": (0, 0, Picture(np.zeros((8, 16)))), "end": (0, 1, Text("end"))}
    _, picture = draw(Scheme(parts, ["pair end"], side=100))
    assert (picture[MARGIN + 2 : MARGIN + 98, MARGIN + 2 : MARGIN + 198] == 0).all()
    assert (picture[MARGIN + 20, MARGIN + 203 :] == 255).all()


def test_a_small_network_and_the_loops_over_it_stay_below_the_title(draw):
    levels = {str(k): (0, k, Network(str(k), h, h)) for k, h in enumerate((1, 0.5, 0.25, 0.5, 1))}
    plain, looped = (
        draw(Scheme(levels, ["0 1 2 3 4"], loops=loops, side=64, title="a title"))[1]
        for loops in ([], ["0 4", "1 3"])
    )
    rise = len(looped) - len(plain)
    assert 70 < rise < 100
    assert (looped[MARGIN + LINE - 2 : MARGIN + LINE + 2] == 255).all()  # below the title
    assert looped[MARGIN + LINE + 2 : MARGIN + LINE + rise - 4].min() < 100  # the loops


def test_a_loop_from_a_lower_part_is_drawn(draw):
    parts = {
        "G": (0, 0, Network("G")),
        "x": (1, 1, Picture(np.zeros((8, 8)))),
        "t": (0.5, 2, Text("t")),
    }
    plain, looped = (draw(Scheme(parts, loops=loops))[1] for loops in ([], ["t G"]))
    first = np.flatnonzero((plain[:, 400] < 200).any(axis=1))[0]  # the top of the black picture
    assert (plain[:first, 300] == 255).all()
    assert (looped[: first + len(looped) - len(plain), 250:350] < 100).any()


def test_labels_and_loops_are_inside_the_page(draw):
    parts = {
        "z": (0, 0, Code(np.arange(10.0), "a long label\nof a narrow code")),
        "G": (0, 1, Network("G", 0.3, 1)),
        "t": (0, 2, Text("two\nlines", "this label is also long")),
    }
    scheme = Scheme(parts, ["z G t"], loops=["t G", "z t"], title="title", note="note")
    figure, picture = draw(scheme)
    width, height = figure.get_size_inches() * figure.dpi
    for text in [*figure.texts, *figure.axes[0].texts]:
        box = text.get_window_extent()
        if text.get_text():
            assert text.get_fontsize() >= 11
            assert box.x0 > 0 and box.x1 < width and box.y0 > 0 and box.y1 < height
    assert (picture[:4] == 255).all()  # no arc is cut off above


@pytest.mark.parametrize(("value", "channel"), [(2.5, 0), (-2.5, 2)])
def test_the_sign_of_a_number_decides_its_colour(draw, value, channel):
    _, picture = draw(Scheme({"z": (0, 0, Code(np.full((28, 28), value)))}))
    pixels = picture.reshape(-1, 3)
    coloured = pixels[(pixels.max(axis=1) - pixels.min(axis=1)) > 100]
    assert len(coloured) > 1000 and (coloured.argmax(axis=1) == channel).all()


@pytest.mark.parametrize(
    ("part", "arrows", "message"),
    [
        ("x", [], "got str"),
        (Code(np.full(3, np.nan)), [], "NaN"),
        (Code(np.zeros((2, 2, 2))), [], r"\(2, 2, 2\)"),
        (Picture(np.full((8, 8), 3.0)), [], "0 to 1"),
        (Text("a"), ["a b"], "an arrow needs a part 'b'; there are 'a'"),
    ],
)
def test_wrong_parts_and_arrows_are_errors(part, arrows, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Scheme({"a": (0, 0, part)}, arrows)


def test_an_empty_scheme_is_an_error():
    with pytest.raises(ValueError, match="no part"):
        Scheme({})
