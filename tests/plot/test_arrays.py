"""What is to be drawn, before it is drawn. That all of it comes out right in a picture: test_plot.py."""

import numpy as np
import pytest

from tinygen import tensor
from tinygen.plot.arrays import as_images, make_grid, separate_boxes

NUMPY_RNG = np.random.default_rng(0)


def test_images_come_in_many_forms_and_leave_in_one():
    bytes_ = NUMPY_RNG.integers(0, 256, (5, 3, 4, 6), dtype=np.uint8)
    floats = as_images("test", bytes_)
    assert floats.shape == (5, 4, 6, 3)
    np.testing.assert_array_equal(floats, bytes_.transpose(0, 2, 3, 1) / np.float32(255))
    np.testing.assert_array_equal(as_images("test", tensor(bytes_ / np.float32(255))), floats)
    grey = as_images("test", bytes_[:, 0])
    assert grey.shape == (5, 4, 6, 3) and (grey == floats[..., :1]).all()


def test_a_mosaic_has_gaps_between_and_white_where_nothing_is_left():
    images = NUMPY_RNG.random((5, 4, 6, 3), dtype=np.float32)
    mosaic = make_grid(images, 3, 2)
    assert mosaic.shape == (2 * 4 + 2, 3 * 6 + 2 * 2, 3)
    for i, image in enumerate(images):
        np.testing.assert_array_equal(mosaic[i // 3 * 6 :, i % 3 * 8 :][:4, :6], image)
    assert (mosaic[4:6] == 1).all() and (mosaic[6:, 16:] == 1).all()
    assert make_grid(images, 9, 2).shape == (4, 5 * 6 + 4 * 2, 3)  # no more columns than images
    with pytest.raises(ValueError, match="at least 1 column and a gap of at least 0, got 3 and -1"):
        make_grid(images, 3, -1)


def test_boxes_are_pushed_apart_no_further_than_need_be():
    sizes, low, high = np.full((6, 2), (10.0, 4.0)), np.zeros(2), np.full(2, 60.0)
    centres = np.array([[30.0, 30.0]] * 4 + [[50.0, 50.0], [1.0, 1.0]])
    moved = separate_boxes(centres, sizes, low, high)
    between = np.abs(moved[:, None] - moved)
    assert ((between > (10, 4)).any(axis=-1) | np.eye(6, dtype=bool)).all()
    assert np.array_equal(moved[4], centres[4])  # it was alone
    assert np.array_equal(moved[5], (5, 2))  # alone too, and brought inside
    assert np.abs(moved[:4] - 30).max() < 4 * 4.5  # a pile of four
