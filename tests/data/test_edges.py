"""Edge maps: one line per step, none elsewhere, independent of rotation and colour."""

import numpy as np
import pytest

from tinygen.data import edges, faces


def step_image(low, high, shape=(8, 8), column=4):
    """Return one image whose left part has the value `low` and the right part `high`."""
    image = np.full((1, 1, *shape), low, np.uint8)
    image[..., column:] = high
    return image


def test_a_step_gives_one_line_one_pixel_wide():
    lines = edges(step_image(0, 255))
    assert lines.dtype == np.uint8 and lines.shape == (1, 1, 8, 8)
    assert set(lines.ravel().tolist()) == {0, 255}
    # Both sides of the step have the same gradient norm: the first one stays.
    assert np.array_equal(lines[0, 0] == 0, np.arange(8)[None] == np.full((8, 1), 3))


def test_a_slow_ramp_gives_no_line():
    ramp = np.repeat(np.arange(0, 256, 32, dtype=np.uint8)[None], 8, axis=0)[None, None]
    # 32 per pixel are a quarter of the gradient norm at a step from 0 to 255.
    assert (edges(ramp, threshold=0.3) == 255).all()


def test_the_threshold_is_a_fraction_of_the_largest_step():
    for height, has_line in ((27, True), (24, False)):
        assert (edges(step_image(100, 100 + height), threshold=0.1) == 0).any() == has_line
    assert (edges(step_image(0, 255), threshold=0.99) == 0).any()
    assert (edges(np.full((2, 3, 4, 4), 77, np.uint8)) == 255).all()


def test_a_diagonal_is_a_thin_line():
    image = 255 * np.tri(16, dtype=np.uint8)[None, None]
    for flipped in (image, image[..., ::-1]):
        is_edge = edges(flipped)[0, 0, 2:-2, 2:-2] == 0
        assert set(is_edge.sum(axis=0)) | set(is_edge.sum(axis=1)) <= {1, 2}  # a staircase


ROTATIONS = [
    lambda a: np.rot90(a, 1, (2, 3)),
    lambda a: np.rot90(a, 2, (2, 3)),
    lambda a: a[..., ::-1],
    lambda a: a.swapaxes(2, 3),
]


def noise_images(shape=(5, 3, 20, 24), seed=0):
    """Return images of noise: practically no two neighbours have equal gradient norms."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_edges_rotate_with_the_image(rotate):
    images = noise_images()
    assert (edges(rotate(images).copy()) != rotate(edges(images))).mean() < 0.001


def test_edges_do_not_depend_on_the_order_or_sign_of_colours():
    images = noise_images()
    assert np.array_equal(edges(images[:, ::-1]), edges(images))
    assert np.array_equal(edges(255 - images), edges(images))


def test_blocks_of_images_are_independent():
    images = noise_images()
    assert np.array_equal(edges(np.repeat(images, 300, axis=0))[299::300], edges(images))


def test_a_change_of_colour_alone_is_an_edge():
    channels = [step_image(200, 100), step_image(100, 200), step_image(128, 128)]
    assert np.array_equal(edges(np.concatenate(channels, axis=1)), edges(step_image(200, 100)))


def test_edges_agree_with_loops_over_pixels():
    images = noise_images((2, 3, 9, 11), seed=1)
    padded = np.pad(images.astype(int), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    gradient = np.zeros((*images.shape, 2))
    for n, c, y, x in np.ndindex(images.shape):
        window = padded[n, c, y : y + 3, x : x + 3]
        gradient[n, c, y, x] = [(window * kernel).sum() for kernel in (sobel, sobel.T)]
    squared_norm, expected = (gradient**2).sum(axis=-1), np.full((2, 1, 9, 11), 255)
    largest = np.pad(squared_norm.max(axis=1), ((0, 0), (1, 1), (1, 1)))
    directions = ((0, 1), (1, 1), (1, 0), (1, -1))
    for n, y, x in np.ndindex(2, 9, 11):
        dx, dy = gradient[n, squared_norm[n, :, y, x].argmax(), y, x]
        i, j = directions[round(np.arctan2(dy, dx) / (np.pi / 4)) % 4]
        here, before, after = (largest[n, 1 + y + s * i, 1 + x + s * j] for s in (0, -1, 1))
        if here >= 102**2 and here > before and here >= after:
            expected[n, 0, y, x] = 0
    assert np.array_equal(edges(images), expected) and 0.1 < (expected == 0).mean() < 0.5


def test_faces_become_line_drawings():
    assert 0.05 < (edges(faces(50)[0]) == 0).mean() < 0.25


@pytest.mark.parametrize(
    ("images", "threshold", "message"),
    [
        (np.zeros((2, 3, 8, 8)), 0.1, "uint8"),
        (np.zeros((3, 8, 8), np.uint8), 0.1, "channels"),
        (np.zeros((2, 3, 1, 8), np.uint8), 0.1, "2 pixels"),
        (np.zeros((2, 3, 8, 8), np.uint8), 0, "above 0"),
        (np.zeros((2, 3, 8, 8), np.uint8), 1.0, "below 1"),
    ],
)
def test_bad_arguments_are_errors(images, threshold, message):
    with pytest.raises(ValueError, match=message):
        edges(images, threshold)
