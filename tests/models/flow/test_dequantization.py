"""Bytes to logits and back, and bits per dimension."""

import numpy as np
import pytest

from tinygen.models.flow import bits_per_dimension, to_logits, to_pixels


def test_to_pixels_undoes_to_logits():
    """To 1e-6, and the ends of the interval are finite."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 1, 5, 5)).astype(np.uint8)
    u = rng.random((7, 1, 5, 5))
    y = to_logits(images, u)
    assert y.dtype == np.float32
    assert y.shape == images.shape
    v = 1e-6 + (1 - 2e-6) * (images + u) / 256
    np.testing.assert_allclose(y, np.log(v / (1 - v)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(to_pixels(y), (images + u) / 256, atol=1e-6)
    assert (np.floor(to_pixels(y) * 256 + 1e-3 * (0.5 - u)) == images).mean() > 0.99
    ends = to_logits(np.array([[0, 255]], np.uint8), np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(ends, [[np.log(1e-6), -np.log(1e-6)]], rtol=1e-5)
    extreme = np.float32([-1000, 1000])  # of a bad sample: no overflow warning
    assert np.array_equal(to_pixels(extreme), [0, 1])


def test_uniform_density_has_eight_bits_per_dimension():
    """The uniform density over the cube, expressed for logits by dx/dy."""
    images = np.random.default_rng(0).integers(0, 256, (5, 9)).astype(np.uint8)
    y = to_logits(images, np.random.default_rng(1).random((5, 9))).astype(np.float64)
    h = 1e-5
    log_p = np.log((to_pixels(y + h) - to_pixels(y - h)) / (2 * h)).sum(axis=1)
    np.testing.assert_allclose(bits_per_dimension(log_p, y), 8, rtol=1e-6)
    # Twice the density in each dimension is one bit less.
    np.testing.assert_allclose(bits_per_dimension(log_p + 9 * np.log(2), y), 7, rtol=1e-6)


def test_logits_of_black_pixels_are_exponential():
    """Their mean is -log 256 - 1 and their standard deviation 1."""
    images = np.zeros((1, 200_000), np.uint8)
    y = to_logits(images, np.random.default_rng(0).random((1, 200_000))).astype(np.float64)
    np.testing.assert_allclose([y.mean(), y.std()], [-np.log(256) - 1, 1], atol=0.01)


def test_dequantization_on_a_gpu(cupy):
    """On another array type the results are the same, and no array is converted silently."""
    images, u = np.arange(12, dtype=np.uint8).reshape(3, 4), np.random.default_rng(0).random((3, 4))
    y = to_logits(cupy.asarray(images), cupy.asarray(u))
    np.testing.assert_array_equal(y.get(), to_logits(images, u))
    np.testing.assert_allclose(to_pixels(y).get(), to_pixels(y.get()))
    log_p = np.zeros(3)
    bits = bits_per_dimension(cupy.asarray(log_p), y)
    np.testing.assert_allclose(bits.get(), bits_per_dimension(log_p, y.get()))


@pytest.mark.parametrize(
    "images, u, message",
    [
        (np.zeros((2, 3)), np.zeros((2, 3)), "takes bytes"),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 1)), "noise of the same shape"),
    ],
)
def test_invalid_images_or_noise_raise(images, u, message):
    """Floats, or noise of another shape."""
    with pytest.raises(ValueError, match=message):
        to_logits(images, u)
