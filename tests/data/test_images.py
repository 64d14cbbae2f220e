"""Conversions between ranges of images: exact, and inverse to each other."""

import numpy as np
import pytest

from tinygen import default_rng
from tinygen.data import (
    binarize,
    denormalize,
    downsample,
    normalize,
    to_bytes,
    to_float,
)

BYTES = np.arange(256, dtype=np.uint8)


def test_to_float_divides_by_255_and_leaves_floats_alone():
    x = to_float(BYTES)
    assert x.dtype == np.float32 and x.min() == 0 and x.max() == 1
    np.testing.assert_array_equal(x, BYTES / np.float32(255))
    np.testing.assert_array_equal(to_float(x), x)
    with pytest.raises(TypeError, match="not int64"):
        to_float(np.zeros(3, np.int64))


def test_normalize_takes_bytes_and_floats():
    x = normalize(BYTES)
    assert x.dtype == np.float32 and x.min() == -1 and x.max() == 1
    np.testing.assert_array_equal(x, BYTES / np.float32(127.5) - 1)
    np.testing.assert_array_equal(normalize(to_float(BYTES)), 2 * to_float(BYTES) - 1)
    np.testing.assert_allclose(normalize(to_float(BYTES)), x, atol=2e-7)


def test_denormalize_inverts_normalize_and_clips():
    np.testing.assert_allclose(denormalize(normalize(BYTES)), to_float(BYTES), atol=1e-7)
    assert denormalize(np.array([-3.0, 3.0])).tolist() == [0, 1]


def test_denormalize_does_not_depend_on_the_way_it_is_written():
    x = np.random.default_rng(0).uniform(-1.2, 1.2, 10_000).astype(np.float32)
    np.testing.assert_array_equal(denormalize(x), np.clip(x / 2 + 0.5, 0, 1))
    np.testing.assert_array_equal(denormalize(x), (np.clip(x, -1, 1) + 1) / 2)


def test_bytes_come_back_unchanged_from_both_ranges():
    np.testing.assert_array_equal(to_bytes(to_float(BYTES)), BYTES)
    np.testing.assert_array_equal(to_bytes(denormalize(normalize(BYTES))), BYTES)
    assert to_bytes(np.array([-1.0, 2.0])).tolist() == [0, 255]


def test_to_bytes_rounds_from_both_ranges_alike():
    x = np.random.default_rng(0).uniform(-1.2, 1.2, 10_000).astype(np.float32)
    direct = np.round(127.5 * (np.clip(x, -1, 1) + 1)).astype(np.uint8)
    np.testing.assert_array_equal(to_bytes(denormalize(x)), direct)


def test_binarize_draws_ink_with_the_probability_of_the_grey_level():
    images = np.repeat(BYTES[[0, 51, 255]], 10_000)
    pixels = binarize(images, default_rng(0, "cpu")).reshape(3, 10_000)
    assert pixels.dtype == np.float32 and set(np.unique(pixels)) == {0, 1}
    assert not pixels[0].any() and pixels[2].all()
    assert abs(pixels[1].mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 10_000)


def test_downsample_takes_means_of_squares():
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 8, 8), dtype=np.uint8)
    small = downsample(images, 4)
    assert small.shape == (3, 2, 4, 4) and small.dtype == np.float32
    assert small[1, 1, 2, 3] == images[1, 1, 4:6, 6:8].mean()
    np.testing.assert_array_equal(downsample(images, 8), images)
    for wrong in (images[0], images[..., :6], images[..., :6, :6]):
        with pytest.raises(ValueError, match="a multiple of 4"):
            downsample(wrong, 4)
