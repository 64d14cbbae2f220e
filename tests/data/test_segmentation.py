"""Maps: their colours are found, most frequent first, blurred borders notwithstanding; every pixel is of the nearest kind."""

import numpy as np
import pytest

from tinygen.data.segmentation import find_palette, label_pixels

COLOURS = np.array([[0, 48, 255], [0, 0, 222], [255, 80, 0], [0, 128, 255]], np.uint8)


def drawn(seed=0):
    """Maps of blocks in four colours, ever less frequent, each number a little off, and what each pixel is."""
    rng = np.random.default_rng(seed)
    right = rng.choice(4, p=[0.5, 0.3, 0.15, 0.05], size=(20, 8, 8)).repeat(4, 1).repeat(4, 2)
    maps = COLOURS[right].transpose(0, 3, 1, 2).astype(int) + rng.integers(-3, 4, (20, 3, 32, 32))
    return maps.clip(0, 255).astype(np.uint8), right


def test_the_colours_and_the_kinds():
    maps, right = drawn()
    found = find_palette(maps)
    assert found.dtype == np.uint8 and found.shape == (4, 3) and np.abs(found.astype(int) - COLOURS).max() <= 12
    assert np.array_equal(label_pixels(maps, found), right)
    assert np.array_equal(find_palette(maps, max_colours=2), found[:2]) and len(find_palette(maps, min_distance=70)) == 3  # (0, 0, 222) is 58 from the first, (0, 128, 255) 80


def test_what_lies_between_two_colours_is_no_kind():
    maps, right = drawn()
    blurred = (maps.astype(int) + np.roll(maps, 1, axis=3)) // 2
    found = find_palette(blurred.astype(np.uint8), max_colours=4)
    assert np.abs(found.astype(int)[:, None] - COLOURS).max(axis=2).min(axis=1).max() <= 12
    within = right == np.roll(right, 1, axis=2)
    order = np.abs(found.astype(int)[:, None] - COLOURS).max(axis=2).argmin(axis=1)
    assert (order[label_pixels(blurred, found)] == right)[within].all()


def test_what_is_rare_is_no_kind():
    """Less than a thousandth of the most frequent colour: a stray pixel, however far from all others."""
    maps = np.zeros((1, 3, 64, 64), np.uint8)
    maps[:, 0, :32] = 255
    maps[0, 1, 0, :2] = 255  # of 2048
    assert len(find_palette(maps)) == 2
    maps[0, 1, 0, :3] = 255
    assert find_palette(maps).tolist()[2:] == [[255, 255, 0]]


def test_what_is_no_map():
    with pytest.raises(ValueError, match="one colour"):
        find_palette(np.full((2, 3, 8, 8), 9, np.uint8))
    for wrong in (np.zeros((2, 3, 8, 8)), np.zeros((3, 8, 8), np.uint8), np.zeros((0, 3, 8, 8), np.uint8)):
        with pytest.raises(ValueError, match="needs maps"):
            find_palette(wrong)
    with pytest.raises(ValueError, match="needs maps"):
        label_pixels(np.zeros((2, 3, 8, 8), np.uint8), np.zeros((4, 1), np.uint8))
