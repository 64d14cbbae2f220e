"""Panels over the plane: drawn where they belong, refused where they do not fit."""

import numpy as np
import pytest

from tinygen.plot.planes import grid_points, save_planes

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


def test_plane_goes_row_by_row_from_below():
    assert grid_points((0, 2, -1, 1), 3).tolist() == [[x, y] for y in (-1, 0, 1) for x in (0, 1, 2)]


def test_fields_points_lines_and_marks_are_where_they_belong(tmp_path):
    extent = (-2.0, 2.0, -1.0, 3.0)
    x = grid_points(extent, 50)
    field = {"field": (x[:, 0] > 0) * 1.0, "colours": ("#ff0000", "#0000ff"), "contours": [(x[:, 1], [2.0], "-")], "markers": {"here": (-1.0, 0.0)}}
    points = {"points": np.array([[1.0, 2.0]] * 50), "labels": np.zeros(50, int), "note": "fifty in one place"}
    save_planes(tmp_path / "a.png", {"field": field, "points": points}, extent, names=("only",))
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    dpi = 150
    left, bottom, side = 0.45 * dpi, 0.75 * dpi, 3.7 * dpi  # as save_planes lays out its first panel

    def at(x, y, panel=0):
        column = left + panel * (3.7 + 0.45) * dpi + (x + 2) / 4 * side
        return picture[round(len(picture) - bottom - (y + 1) / 4 * side), round(column)]

    assert at(-1, 1).tolist() == [255, 0, 0] and at(1, 1).tolist() == [0, 0, 255]
    assert at(1, 2).max() < 80  # the line y = 2
    assert at(-1, 0)[1] > 180  # the yellow star
    assert at(1, 2, 1).tolist() != [255, 255, 255] and at(-1, 1, 1).tolist() == [255, 255, 255]


def test_rows_of_panels_and_a_mesh(tmp_path):
    extent = (0.0, 1.0, 0.0, 1.0)
    t = np.linspace(0, 1, 50)
    mesh = {"mesh": np.stack([np.stack([t, 0 * t + y], axis=1) for y in (0.25, 0.75)])}
    save_planes(tmp_path / "a.png", {str(k): mesh if k == 2 else {} for k in range(3)}, extent, columns=2)
    save_planes(tmp_path / "b.png", {"alone": {}}, extent)
    with Image.open(tmp_path / "a.png") as four, Image.open(tmp_path / "b.png") as one:
        assert abs(four.height - 2 * one.height) < 2 and one.width < four.width < 2 * one.width  # the rim is there once
        picture = np.asarray(four.convert("L")).astype(int)
    dpi, (low, high) = 150, (0.25, 0.75)
    rows, column = [round(len(picture) - (0.75 + 3.7 * y) * dpi) for y in (low, 0.5, high)], round((0.45 + 3.7 / 2) * dpi)
    dark = [picture[r - 2 : r + 3, column].min() < 150 for r in rows]  # the third panel, below the first
    assert dark == [True, False, True]


@pytest.mark.parametrize("panel, message", [
    ({"field": np.zeros(5), "colours": ("#000000", "#ffffff")}, "m\\^2 in a row"),
    ({"field": np.full(4, 2.0), "colours": ("#000000", "#ffffff")}, "from 0 to 1"),
    ({"field": np.zeros(4)}, "two colours"),
    ({"field": np.array([0, np.nan, 0, 0])}, "NaN"),
    ({"points": np.zeros((3, 2))}, "integer labels"),
    ({"points": np.zeros((3, 3)), "labels": np.zeros(3, int)}, "points"),
    ({"mesh": np.zeros((3, 2))}, "a mesh is lines"),
    ({"mesh": np.full((1, 3, 2), np.inf)}, "NaN or infinite"),
    ({"heat": 1}, "no such thing in a panel as heat"),
])  # fmt: skip
def test_what_does_not_fit_is_named(panel, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_planes(tmp_path / "a.png", {"this": panel}, (0, 1, 0, 1))
    assert not list(tmp_path.iterdir())


def test_an_empty_extent_and_no_panel_are_refused(tmp_path):
    with pytest.raises(ValueError, match="left, right, bottom, top"):
        save_planes(tmp_path / "a.png", {"this": {}}, (1, 0, 0, 1))
    with pytest.raises(ValueError, match="no panel"):
        save_planes(tmp_path / "a.png", {}, (0, 1, 0, 1))
