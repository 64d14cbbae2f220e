"""Panels of the plane: everything is drawn where it belongs, and wrong panels are errors."""

import numpy as np
import pytest

from tinygen.plot import page
from tinygen.plot.canvas import rasterize
from tinygen.plot.planes import Plane, PlaneRows, grid_points

pytest.importorskip("matplotlib")


def to_pixels(figure, panel, x, y):
    """Return (row, column) of the pixel at a point of a panel of a figure."""
    left, bottom = figure.axes[panel].transData.transform((x, y))
    return round(figure.get_figheight() * figure.dpi - bottom), round(left)


@pytest.fixture
def save(tmp_path, monkeypatch):
    """`save_page` of planes side by side, which returns the figure and its pixels."""

    def save(contents, extent):
        figures = []
        monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
        page.save_page(tmp_path / "a.png", [[Plane(plane, extent) for plane in contents]])
        return figures[0], rasterize(figures[0]).astype(int)

    return save


def test_grid_points_run_row_by_row_from_below():
    expected = [[x, y] for y in (-1, 0, 1) for x in (0, 1, 2)]
    assert grid_points((0, 2, -1, 1), 3).tolist() == expected


def test_fields_points_contours_and_markers_are_where_they_belong(save):
    extent = (-2.0, 2.0, -1.0, 3.0)
    x = grid_points(extent, 50)
    functions = {
        "field": (x[:, 0] > 0) * 1.0,
        "colours": ("#ff0000", "#0000ff"),
        "contours": [(x[:, 1], [2.0], "-")],
        "markers": {"here": (-1.0, 0.0)},
    }
    points = {
        "points": np.array([[1.0, 2.0]] * 50),
        "labels": np.zeros(50, int),
        "note": "fifty in one place",
    }
    figure, picture = save([functions, points], extent)

    def colour_at(x, y, panel=0):
        return picture[to_pixels(figure, panel, x, y)]

    assert colour_at(-1, 1).tolist() == [255, 0, 0] and colour_at(1, 1).tolist() == [0, 0, 255]
    assert colour_at(1, 2).max() < 80  # the contour y = 2
    assert colour_at(-1, 0)[1] > 180  # the yellow star
    white = [255, 255, 255]
    assert colour_at(1, 2, panel=1).tolist() != white
    assert colour_at(-1, 1, panel=1).tolist() == white


def test_texts_have_their_middle_where_they_belong(save):
    figure, _ = save([{"texts": [(0.25, 0.75, "$12$"), (0.5, 0.5, "b")]}], (0.0, 1.0, 0.0, 1.0))
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["$12$", "b"]
    box = ax.texts[0].get_window_extent()
    middle = ax.transData.inverted().transform(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
    assert abs(middle - (0.25, 0.75)).max() < 0.02


def test_a_mesh_is_drawn_as_lines(save):
    extent = (0.0, 1.0, 0.0, 1.0)
    t = np.linspace(0, 1, 50)
    low, high = 0.25, 0.75
    mesh = np.stack([np.stack([t, 0 * t + y], axis=1) for y in (low, high)])
    figure, picture = save([{}, {"mesh": mesh}], extent)
    places = [to_pixels(figure, 1, 0.5, y) for y in (low, 0.5, high)]
    is_dark = [picture[row - 2 : row + 3, column].min() < 150 for row, column in places]
    assert is_dark == [True, False, True]
    for (row, column), is_red in zip(places[::2], (False, True), strict=True):
        line = picture[row - 2 : row + 3, column]
        assert (np.ptp(line[line.sum(axis=1).argmin()]) > 50) == is_red


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        ({"field": np.zeros(5), "colours": ("#000000", "#ffffff")}, "m\\^2 in a row"),
        ({"field": np.full(4, 2.0), "colours": ("#000000", "#ffffff")}, "from 0 to 1"),
        ({"field": np.zeros(4)}, "two colours"),
        ({"field": np.array([0, np.nan, 0, 0])}, "NaN"),
        ({"points": np.zeros((3, 2))}, "integer labels"),
        ({"points": np.zeros((3, 3)), "labels": np.zeros(3, int)}, "points"),
        ({"mesh": np.zeros((3, 2))}, "a mesh is lines"),
        ({"mesh": np.full((1, 3, 2), np.inf)}, "NaN or infinite"),
        ({"heat": 1}, "a panel does not have heat"),
    ],
)
def test_wrong_contents_are_errors(panel, message):
    with pytest.raises(ValueError, match=message):
        Plane(panel, (0, 1, 0, 1))


def test_an_empty_extent_is_an_error():
    with pytest.raises(ValueError, match="left, right, bottom, top"):
        Plane({}, (1, 0, 0, 1))


def test_rows_of_planes_have_labels_headings_and_notes(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    extent = (0.0, 1.0, 0.0, 1.0)
    blue = {"field": np.zeros(4), "colours": ("#0000ff", "#ffffff")}
    rows = {
        "first": {"one": {}, "two": blue},
        "second": {"one": {"note": "a note"}, "two": {}},
        "third": {"other": {}, "two": {}},
    }
    page.save_page(tmp_path / "a.png", [PlaneRows(rows, extent, title="Title", note="Note")])
    figure = figures[0]
    texts = [text.get_text() for text in figure.texts if text.get_text()]
    assert sorted(texts) == sorted(
        ["Title", "Note", "first", "second", "third", "one", "two", "a note", "other", "two"]
    )  # the second row does not repeat the headings
    picture = rasterize(figure).astype(int)
    assert picture.shape[1] == 800
    assert picture[to_pixels(figure, 1, 0.5, 0.5)].tolist() == [0, 0, 255]
    assert picture[to_pixels(figure, 2, 0.5, 0.5)].tolist() == [255, 255, 255]
    lefts = [to_pixels(figure, k, 0, 0)[1] for k in range(6)]
    tops = [to_pixels(figure, k, 0, 1)[0] for k in range(6)]
    assert lefts[0] == lefts[2] == lefts[4] < lefts[1] == lefts[3] == lefts[5]
    assert tops[0] == tops[1] < tops[2] == tops[3] < tops[4] == tops[5]


@pytest.mark.parametrize("rows", [{}, {"a": {}}])
def test_rows_without_planes_are_errors(rows):
    with pytest.raises(ValueError, match="no plane"):
        PlaneRows(rows, (0, 1, 0, 1))


def test_wrong_contents_of_a_row_are_errors():
    with pytest.raises(ValueError, match="'row', 'one'"):
        PlaneRows({"row": {"one": {"points": np.zeros(3)}}}, (0, 1, 0, 1))
    with pytest.raises(ValueError, match="left, right, bottom, top"):
        PlaneRows({"row": {"one": {}}}, (1, 0, 0, 1))
