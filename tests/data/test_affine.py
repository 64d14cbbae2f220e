"""Affine maps of images: known maps are exact, and random ones stay within their bounds."""

import numpy as np
import pytest

from tinygen import default_rng
from tinygen.data import affine, random_affine

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 2, 7, 6), dtype=np.uint8)
IDENTITY = np.broadcast_to(np.eye(2), (3, 2, 2))
NO_SHIFT = np.zeros((3, 2))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_the_identity_changes_nothing(dtype):
    images = IMAGES.astype(dtype)
    result = affine(images, IDENTITY, NO_SHIFT)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, images)


def test_whole_shifts_move_pixels_and_fill_with_zeros():
    shifts = np.array([[2, -1], [0, 3], [-9, 0]])
    result = affine(IMAGES, IDENTITY, shifts)
    expected = np.zeros_like(IMAGES)
    expected[0, :, 2:, :-1] = IMAGES[0, :, :-2, 1:]  # two rows down, one column to the left
    expected[1, :, :, 3:] = IMAGES[1, :, :, :-3]
    np.testing.assert_array_equal(result, expected)  # the third is shifted out of the frame


def test_half_a_pixel_is_the_mean_of_two():
    result = affine(IMAGES.astype(np.float32), IDENTITY, np.tile([0, 0.5], (3, 1)))
    x = IMAGES.astype(np.float32)
    np.testing.assert_allclose(result[..., 1:], (x[..., 1:] + x[..., :-1]) / 2, rtol=1e-6)
    np.testing.assert_allclose(result[..., 0], x[..., 0] / 2, rtol=1e-6)


def test_a_quarter_turn_is_exact_about_the_centre():
    square = IMAGES[:, :, :6]
    quarter = np.broadcast_to([[0, -1], [1, 0]], (3, 2, 2))
    # The result at (r, c) is the image at row 5 - c, column r.
    rotated = np.swapaxes(square[:, :, ::-1], 2, 3)
    np.testing.assert_array_equal(affine(square, quarter, NO_SHIFT), rotated)


def test_a_linear_image_is_interpolated_exactly():
    rows, columns = np.indices((15, 15))
    image = (3.0 * rows - 2.0 * columns + 50)[None, None]
    matrix, shift = np.array([[[0.9, 0.2], [-0.1, 1.1]]]), np.array([[0.3, -0.7]])
    result = affine(image, matrix, shift)[0, 0]
    p = np.stack([rows, columns], -1) - 7
    q = 7 + p @ matrix[0].T - shift[0]
    inside = ((q >= 0) & (q <= 14)).all(-1)
    assert inside.sum() > 150
    np.testing.assert_allclose(result[inside], (3 * q[..., 0] - 2 * q[..., 1] + 50)[inside], 1e-5)


def test_content_is_shifted_and_then_mapped_by_the_inverse():
    """A blob at q ends at p = c + A^-1 (q + t - c)."""
    c, q, t = np.array([30, 30]), np.array([34, 25]), np.array([2.5, -1.0])
    matrix = np.array([[0.9, 0.4], [-0.3, 1.2]])
    offsets = np.indices((61, 61)) - q[:, None, None]
    blob = np.exp(-(offsets**2).sum(axis=0) / (2 * 3.0**2))[None, None]
    result = affine(blob, matrix[None], t[None])[0, 0]
    centre = (result * np.indices((61, 61))).sum(axis=(1, 2)) / result.sum()
    np.testing.assert_allclose(centre, c + np.linalg.solve(matrix, q + t - c), atol=0.01)


def test_random_maps_with_bounds_of_zero_change_nothing():
    result = random_affine(IMAGES, default_rng(0), degrees=0, scale=1, shear=0, shift=0)
    np.testing.assert_array_equal(result, IMAGES)


def test_random_shifts_stay_within_their_bound_and_reach_it():
    images = np.zeros((2000, 1, 21, 21), np.float32)
    images[:, :, 10, 10] = 1
    result = random_affine(images, default_rng(1), degrees=0, scale=1, shear=0, shift=3)
    mass = result[:, 0]
    np.testing.assert_allclose(mass.sum((1, 2)), 1, rtol=1e-5)
    centre = np.einsum("nij,kij->nk", mass, np.indices((21, 21)) - 10)
    assert np.abs(centre).max() <= 3 + 1e-5
    assert centre.max() > 2.9 and centre.min() < -2.9 and np.abs(centre.mean()) < 0.1


@pytest.mark.parametrize(("bound", "largest"), [({"scale": 1.5}, 1.5), ({"degrees": 20}, 1)])
def test_the_area_changes_with_the_scale_alone(bound, largest):
    rows, columns = np.indices((61, 61)) - 30
    blob = np.exp(-(rows**2 + columns**2) / (2 * 5.0**2))  # smooth: its sum is its integral
    images = np.tile(blob, (500, 1, 1, 1))
    bounds = {"degrees": 0, "scale": 1, "shear": 0, "shift": 0} | bound
    size = np.sqrt(random_affine(images, default_rng(2), **bounds).sum((1, 2, 3)) / blob.sum())
    assert 1 / largest - 0.01 < size.min() and size.max() < largest + 0.01
    assert size.max() > largest - 0.05


def test_the_seed_decides_the_maps_and_each_image_has_its_own():
    images = np.repeat(IMAGES[:1], 2, axis=0)
    first = random_affine(images, default_rng(5))
    np.testing.assert_array_equal(first, random_affine(images, default_rng(5)))
    assert (first != random_affine(images, default_rng(6))).any() and (first[0] != first[1]).any()


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="uint8 or floats; got int64"):
        affine(IMAGES.astype(np.int64), IDENTITY, NO_SHIFT)
    with pytest.raises(ValueError, match=r"got \(7, 6\)"):
        affine(IMAGES[0, 0], IDENTITY, NO_SHIFT)
    with pytest.raises(ValueError, match=r"matrices \(3, 2, 2\)"):
        affine(IMAGES, IDENTITY[:2], NO_SHIFT)
    with pytest.raises(ValueError, match="scale at least 1"):
        random_affine(IMAGES, default_rng(0), scale=0.9)
    with pytest.raises(ValueError, match="at least 0"):
        random_affine(IMAGES, default_rng(0), shift=-1)
