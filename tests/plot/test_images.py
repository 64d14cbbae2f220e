"""Grids and rows of images: every image pixel in its place."""

import numpy as np
import pytest

from tests.plot.pictures import read_png
from tinygen import plot, tensor
from tinygen.plot.images import MEANS_GAP
from tinygen.plot.page import LINE, MARGIN

pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_puts_every_pixel_in_its_place(tmp_path, channels):
    images = RNG.integers(0, 256, (5, channels, 4, 6), dtype=np.uint8)
    plot.save_grid(tmp_path / "a.png", images, columns=3, scale=2, gap=1)
    picture = read_png(tmp_path / "a.png")
    margin = MARGIN
    height, width = (2 * 4 + 1) * 2, (3 * 6 + 2) * 2
    assert picture.shape == (height + 2 * margin, width + 2 * margin, 3)
    pixels = picture[margin:-margin, margin:-margin][::2, ::2]
    for i, image in enumerate(images):
        top, left = i // 3 * 5, i % 3 * 7
        expected = np.broadcast_to(image.transpose(1, 2, 0) / 255, (4, 6, 3))
        result = pixels[top : top + 4, left : left + 6]
        np.testing.assert_allclose(result, expected, atol=0.003)
    assert (pixels[4] == 1).all()  # the gap
    assert (pixels[5:, 14:] == 1).all()  # the empty sixth place


def test_a_grid_takes_tensors_floats_and_images_without_channels(tmp_path):
    images = RNG.random((4, 5, 5), dtype=np.float32)
    for name, argument in (("a", images), ("b", images[:, None]), ("c", tensor(images))):
        plot.save_grid(tmp_path / f"{name}.png", argument)
    a, b, c = (read_png(tmp_path / f"{name}.png") for name in "abc")
    assert (a == b).all() and (a == c).all()


def test_labels_stand_on_the_left_of_their_rows(tmp_path):
    dark, pale = np.zeros((3, 1, 8, 8)), np.full((3, 1, 8, 8), 0.75)
    plot.save_rows(tmp_path / "a.png", {"input": dark, "reconstruction": pale}, scale=10)
    picture = read_png(tmp_path / "a.png")
    column = picture[:, -60]
    assert (column[40] == 0).all() and np.allclose(column[-40], 0.75, atol=0.01)
    assert picture[:, :100].min() < 0.5  # the labels
    # With two lines, the longest has 9 letters and not 14. The same label may come twice.
    rows = [("recon-\nstruction", dark), ("recon-\nstruction", pale)]
    plot.save_rows(tmp_path / "b.png", rows, scale=10)
    assert 40 < picture.shape[1] - read_png(tmp_path / "b.png").shape[1] < 90


def test_a_title_stands_above_the_images_and_moves_none(tmp_path):
    images = RNG.random((6, 9, 9), dtype=np.float32)
    plot.save_grid(tmp_path / "without.png", images, scale=12)
    plot.save_grid(tmp_path / "with.png", images, scale=12, title="drawn from the prior")
    without, titled = read_png(tmp_path / "without.png"), read_png(tmp_path / "with.png")
    assert len(titled) == len(without) + LINE
    assert (titled[LINE + MARGIN :] == without[MARGIN:]).all()
    assert titled[: LINE + MARGIN].min() < 0.5


def test_heads_stand_above_the_columns_and_move_no_image(tmp_path):
    rows = {"row": RNG.random((4, 20, 20), dtype=np.float32)}
    plot.save_rows(tmp_path / "without.png", rows, scale=4)
    plot.save_rows(tmp_path / "with.png", rows, scale=4, heads=["0", "", "2", ""])
    without, headed = read_png(tmp_path / "without.png"), read_png(tmp_path / "with.png")
    assert len(headed) == len(without) + LINE
    assert (headed[LINE + MARGIN :, -352:] == without[MARGIN:, -352:]).all()
    above = headed[MARGIN : MARGIN + LINE, -352 - MARGIN : -MARGIN].min(axis=(0, 2))
    dark = [columns.min() < 0.5 for columns in np.split(above, 4)]  # one above each column
    assert dark == [True, False, True, False]
    with pytest.raises(ValueError, match="2 heads for 4 columns"):
        plot.save_rows(tmp_path / "a.png", rows, heads=["0", "1"])


def test_frames_cover_the_border_of_the_chosen_images_alone():
    images = RNG.random((3, 1, 8, 9), dtype=np.float32)
    framed = plot.draw_frames(images, np.array([False, True, False]))
    assert framed.shape == (3, 3, 8, 9)
    expected = np.broadcast_to(images, framed.shape)
    np.testing.assert_array_equal(framed[[0, 2]], expected[[0, 2]])
    np.testing.assert_array_equal(framed[1, :, 2:-2, 2:-2], expected[1, :, 2:-2, 2:-2])
    violet = np.array([0x99, 0x44, 0xFF]) / 255
    for border in (framed[1, :, :2], framed[1, :, -2:], framed[1, :, :, :2], framed[1, :, :, -2:]):
        assert np.allclose(border, violet[:, None, None])


def test_images_without_room_are_drawn_smaller(tmp_path):
    plot.save_grid(tmp_path / "a.png", np.full((100, 1, 100, 100), 0.5), columns=10)
    picture = read_png(tmp_path / "a.png")
    assert picture.shape[1] == 800
    assert np.allclose(picture[50, 50], 0.5, atol=0.01)


def test_the_signs_of_a_sum_stand_between_its_columns(tmp_path):
    terms = [
        (sign, label, np.full((2, 1, 8, 8), grey))
        for sign, label, grey in (("", "a", 0.2), ("-", "b", 0.4), ("->", "c", 0.6))
    ]
    plot.save_page(tmp_path / "a.png", [plot.Sum(terms, scale=10)])
    picture = read_png(tmp_path / "a.png")
    sign_width = plot.Sum.SIGN_WIDTH
    assert picture.shape[:2] == (2 * MARGIN + LINE + 180, 2 * MARGIN + 240 + 2 * sign_width)
    row = picture[MARGIN + LINE + 40, :, 0]
    for i, grey in enumerate((0.2, 0.4, 0.6)):
        left = MARGIN + i * (80 + sign_width)
        assert np.allclose(row[left : left + 80], grey, atol=0.01)
    for top in (MARGIN + LINE, MARGIN + LINE + 100):  # a minus sign in both rows
        assert picture[top : top + 80, MARGIN + 80 : MARGIN + 80 + sign_width].min() < 0.5


def test_a_sum_draws_what_its_means_are_of_in_half_the_size(tmp_path):
    terms = [("", "a", np.full((1, 1, 8, 8), 0.2)), ("=", "b", np.full((1, 1, 8, 8), 0.6))]
    examples = [np.full((3, 1, 8, 8), 0.4)]
    plot.save_page(tmp_path / "a.png", [plot.Sum(terms, means_of=examples, scale=10)])
    picture = read_png(tmp_path / "a.png")[MARGIN + LINE : -MARGIN, MARGIN:-MARGIN]
    height = 3 * 40 + 2 * 10  # three images, and two gaps of two pixels in half the size
    assert len(picture) == height + MEANS_GAP + 80
    assert np.allclose(picture[:40, 20:60], 0.4, atol=0.01)
    assert np.allclose(picture[-80:, :80], 0.2, atol=0.01)
    assert np.allclose(picture[-80:, -80:], 0.6, atol=0.01)
    assert picture[: -80 - MEANS_GAP, -80:].min() < 0.5  # the label of the result is above it
    with pytest.raises(ValueError, match="as many images of each"):
        plot.Sum(terms, means_of=[np.zeros((3, 8, 8)), np.zeros((2, 8, 8))])


def images_with_nan():
    images = np.zeros((4, 1, 3, 3))
    images[2, 0, 1, 1] = np.nan
    return images


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 4)), r"Grid: got shape \(3, 4\); needs images"),
        (np.zeros((3, 2, 4, 4)), r"\(3, 2, 4, 4\)"),
        (np.zeros((0, 1, 4, 4)), "at least one"),
        (
            images_with_nan(),
            r"1 of 36 values are NaN or infinite, the first at \(2, 0, 1, 1\)",
        ),
        (-np.ones((1, 1, 4, 4)), r"from -1 to -1.*\(x \+ 1\) / 2"),
        (np.zeros((1, 1, 4, 4), int), "int64; give uint8, or floats"),
    ],
)
def test_bad_images_are_errors(images, message, tmp_path):
    with pytest.raises((ValueError, TypeError), match=message):
        plot.save_grid(tmp_path / "a.png", images)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"a": np.zeros((3, 1, 4, 4)), "b": np.zeros((2, 1, 4, 4))},
            "same number of images",
        ),
        ({}, "got none"),
    ],
)
def test_rows_of_different_shapes_are_errors(rows, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot.save_rows(tmp_path / "a.png", rows)
    assert not any(tmp_path.iterdir())


def test_a_grid_needs_a_column(tmp_path):
    with pytest.raises(ValueError, match="at least 1 column"):
        plot.save_grid(tmp_path / "a.png", np.zeros((1, 1, 4, 4)), columns=-1)
    assert not any(tmp_path.iterdir())


def test_a_wider_page_has_room_for_larger_images(tmp_path):
    images = np.zeros((20, 1, 28, 28))
    for width in (800, 1300):
        plot.save_rows(tmp_path / f"{width}.png", {"a": images}, width=width)
    small, large = (read_png(tmp_path / f"{width}.png") for width in (800, 1300))
    assert small.shape[1] < 800 < large.shape[1] <= 1300
