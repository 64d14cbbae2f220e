"""Panels of the plane: everything is drawn where it belongs, and wrong panels are errors."""

import numpy as np
import pytest

from tinygen.plot.planes import grid_points, save_planes

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")

DPI, GAP, SIDE, BELOW = 150, 0.45, 3.7, 0.75  # how save_planes arranges its panels


def test_grid_points_run_row_by_row_from_below():
    expected = [[x, y] for y in (-1, 0, 1) for x in (0, 1, 2)]
    assert grid_points((0, 2, -1, 1), 3).tolist() == expected


def test_fields_points_contours_and_markers_are_where_they_belong(tmp_path):
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
    panels = {"functions": functions, "points": points}
    save_planes(tmp_path / "a.png", panels, extent, names=("only",))
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)

    def colour_at(x, y, panel=0):
        column = (GAP + panel * (SIDE + GAP) + (x + 2) / 4 * SIDE) * DPI
        return picture[round(len(picture) - (BELOW + (y + 1) / 4 * SIDE) * DPI), round(column)]

    assert colour_at(-1, 1).tolist() == [255, 0, 0] and colour_at(1, 1).tolist() == [0, 0, 255]
    assert colour_at(1, 2).max() < 80  # the contour y = 2
    assert colour_at(-1, 0)[1] > 180  # the yellow star
    white = [255, 255, 255]
    assert colour_at(1, 2, panel=1).tolist() != white
    assert colour_at(-1, 1, panel=1).tolist() == white


def test_panels_are_arranged_in_rows(tmp_path):
    extent = (0.0, 1.0, 0.0, 1.0)
    save_planes(tmp_path / "a.png", {str(k): {} for k in range(3)}, extent, columns=2)
    save_planes(tmp_path / "b.png", {"alone": {}}, extent)
    with Image.open(tmp_path / "a.png") as three, Image.open(tmp_path / "b.png") as one:
        assert abs(three.height - 2 * one.height) < 2
        assert one.width < three.width < 2 * one.width  # the margin is there once


def test_a_mesh_is_drawn_as_lines(tmp_path):
    extent = (0.0, 1.0, 0.0, 1.0)
    t = np.linspace(0, 1, 50)
    low, high = 0.25, 0.75
    mesh = np.stack([np.stack([t, 0 * t + y], axis=1) for y in (low, high)])
    panels = {"0": {}, "1": {}, "2": {"mesh": mesh}}  # the third panel is below the first
    save_planes(tmp_path / "a.png", panels, extent, columns=2)
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("L")).astype(int)
    rows = [round(len(picture) - (BELOW + SIDE * y) * DPI) for y in (low, 0.5, high)]
    column = round((GAP + SIDE / 2) * DPI)
    is_dark = [picture[row - 2 : row + 3, column].min() < 150 for row in rows]
    assert is_dark == [True, False, True]


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
def test_a_wrong_panel_is_an_error(panel, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_planes(tmp_path / "a.png", {"this": panel}, (0, 1, 0, 1))
    assert not list(tmp_path.iterdir())


def test_an_empty_extent_and_no_panel_are_errors(tmp_path):
    with pytest.raises(ValueError, match="left, right, bottom, top"):
        save_planes(tmp_path / "a.png", {"this": {}}, (1, 0, 0, 1))
    with pytest.raises(ValueError, match="no panel"):
        save_planes(tmp_path / "a.png", {}, (0, 1, 0, 1))
