"""Segmentation maps: their palette is found even with blurred borders, and pixels are labelled."""

import numpy as np
import pytest

from tinygen.data.segmentation import find_palette, label_pixels

COLOURS = np.array([[0, 48, 255], [0, 0, 222], [255, 80, 0], [0, 128, 255]], np.uint8)


def noisy_maps(seed=0):
    """Return maps of blocks in four colours, from frequent to rare, with noise; and the labels."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice(4, p=[0.5, 0.3, 0.15, 0.05], size=(20, 8, 8))
    labels = blocks.repeat(4, 1).repeat(4, 2)
    maps = COLOURS[labels].transpose(0, 3, 1, 2).astype(int) + rng.integers(-3, 4, (20, 3, 32, 32))
    return maps.clip(0, 255).astype(np.uint8), labels


def test_the_palette_and_the_labels_are_found():
    maps, labels = noisy_maps()
    palette = find_palette(maps)
    assert palette.dtype == np.uint8 and palette.shape == (4, 3)
    assert np.abs(palette.astype(int) - COLOURS).max() <= 12
    assert np.array_equal(label_pixels(maps, palette), labels)


def test_the_number_of_colours_and_their_distance_can_be_limited():
    maps, _ = noisy_maps()
    assert np.array_equal(find_palette(maps, max_colours=2), find_palette(maps)[:2])
    # (0, 0, 222) is 58 from the first colour, (0, 128, 255) is 80.
    assert len(find_palette(maps, min_distance=70)) == 3


def test_mixed_colours_at_borders_are_no_classes():
    maps, labels = noisy_maps()
    blurred = ((maps.astype(int) + np.roll(maps, 1, axis=3)) // 2).astype(np.uint8)
    palette = find_palette(blurred, max_colours=4)
    distances = np.abs(palette.astype(int)[:, None] - COLOURS).max(axis=2)
    assert distances.min(axis=1).max() <= 12
    inside = labels == np.roll(labels, 1, axis=2)
    order = distances.argmin(axis=1)
    assert (order[label_pixels(blurred, palette)] == labels)[inside].all()


def test_colours_a_thousand_times_rarer_than_the_first_are_ignored():
    maps = np.zeros((1, 3, 64, 64), np.uint8)
    maps[:, 0, :32] = 255
    maps[0, 1, 0, :2] = 255  # of 2048
    assert len(find_palette(maps)) == 2
    maps[0, 1, 0, :3] = 255
    assert find_palette(maps).tolist()[2:] == [[255, 255, 0]]


def test_bad_maps_are_errors():
    with pytest.raises(ValueError, match="one colour"):
        find_palette(np.full((2, 3, 8, 8), 9, np.uint8))
    wrong_type, wrong_shape = np.zeros((2, 3, 8, 8)), np.zeros((3, 8, 8), np.uint8)
    for wrong in (wrong_type, wrong_shape, np.zeros((0, 3, 8, 8), np.uint8)):
        with pytest.raises(ValueError, match="needs maps"):
            find_palette(wrong)
    with pytest.raises(ValueError, match="needs maps"):
        label_pixels(np.zeros((2, 3, 8, 8), np.uint8), np.zeros((4, 1), np.uint8))
