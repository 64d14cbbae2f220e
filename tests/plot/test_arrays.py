"""Arrays to be drawn: converted, tiled, separated and projected."""

import numpy as np
import pytest

from tinygen import plot, tensor
from tinygen.plot.arrays import as_images, make_grid, separate_boxes

RNG = np.random.default_rng(0)


def test_all_forms_of_images_become_one():
    images = RNG.integers(0, 256, (5, 3, 4, 6), dtype=np.uint8)
    floats = as_images("test", images)
    assert floats.shape == (5, 4, 6, 3)
    np.testing.assert_array_equal(floats, images.transpose(0, 2, 3, 1) / np.float32(255))
    np.testing.assert_array_equal(as_images("test", tensor(images / np.float32(255))), floats)
    grey = as_images("test", images[:, 0])
    assert grey.shape == (5, 4, 6, 3) and (grey == floats[..., :1]).all()


def test_a_grid_has_gaps_between_images_and_white_in_empty_places():
    images = RNG.random((5, 4, 6, 3), dtype=np.float32)
    grid = make_grid(images, columns=3, gap=2)
    assert grid.shape == (2 * 4 + 2, 3 * 6 + 2 * 2, 3)
    for i, image in enumerate(images):
        top, left = i // 3 * 6, i % 3 * 8
        np.testing.assert_array_equal(grid[top : top + 4, left : left + 6], image)
    assert (grid[4:6] == 1).all() and (grid[6:, 16:] == 1).all()


def test_a_grid_has_no_more_columns_than_images():
    images = RNG.random((5, 4, 6, 3), dtype=np.float32)
    assert make_grid(images, columns=9, gap=2).shape == (4, 5 * 6 + 4 * 2, 3)
    with pytest.raises(ValueError, match="at least 1 column and a gap of at least 0, got 3 and -1"):
        make_grid(images, columns=3, gap=-1)


def test_boxes_are_separated_and_moved_no_further_than_needed():
    sizes, low, high = np.full((6, 2), (10.0, 4.0)), np.zeros(2), np.full(2, 60.0)
    centres = np.array([[30.0, 30.0]] * 4 + [[50.0, 50.0], [1.0, 1.0]])
    moved = separate_boxes(centres, sizes, low, high)
    difference = np.abs(moved[:, None] - moved)
    is_separate = (difference > (10, 4)).any(axis=-1)
    assert (is_separate | np.eye(6, dtype=bool)).all()
    assert np.array_equal(moved[4], centres[4])  # it overlapped with none
    assert np.array_equal(moved[5], (5, 2))  # neither did this, but it was outside
    assert np.abs(moved[:4] - 30).max() < 4 * 4.5  # a pile of four


def test_linear_discriminants_find_the_plane_in_which_the_classes_differ():
    """Three classes differ in two of five coordinates; the third varies a hundred times more."""
    labels = RNG.integers(0, 3, 900)
    means = np.array([[0, 0], [6, 0], [0, 6]])
    codes = RNG.normal(size=(900, 5)) * [1, 1, 100, 1, 1]
    codes[:, :2] += means[labels]
    view = plot.linear_discriminants(codes, labels + 4)
    assert view.shape == (900, 2)
    centres = np.stack([view[labels == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(view[:, None] - centres, axis=-1).argmin(axis=1)
    assert (nearest == labels).mean() > 0.98


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(3), "3 classes and 3 codes of 5 dimensions"),
        (np.zeros(3), "integer labels"),
    ],
)
def test_too_few_codes_or_wrong_labels_are_errors(labels, message):
    with pytest.raises(ValueError, match=message):
        plot.linear_discriminants(np.zeros((3, 5)), labels)
