"""Line drawings: one line at one step, none where nothing changes, and the same lines however the picture is turned or dyed."""

import numpy as np
import pytest

from tinygen.data import edges, faces


def step(low, high, shape=(8, 8), at=4):
    picture = np.full((1, 1, *shape), low, np.uint8)
    picture[..., at:] = high
    return picture


def test_a_step_gives_one_line_one_pixel_wide():
    drawn = edges(step(0, 255))
    assert drawn.dtype == np.uint8 and drawn.shape == (1, 1, 8, 8) and set(drawn.ravel().tolist()) == {0, 255}
    assert np.array_equal(drawn[0, 0] == 0, np.arange(8)[None] == np.full((8, 1), 3))  # both sides of the step are as steep: the first
    ramp = np.repeat(np.arange(0, 256, 32, dtype=np.uint8)[None], 8, axis=0)[None, None]
    assert (edges(ramp, threshold=0.3) == 255).all()  # 32 a pixel, a quarter of an upright step


def test_the_threshold_is_a_part_of_the_steepest_step():
    for height, line in ((27, True), (24, False)):
        assert (edges(step(100, 100 + height), threshold=0.1) == 0).any() == line
    assert (edges(step(0, 255), threshold=0.99) == 0).any() and (edges(np.full((2, 3, 4, 4), 77, np.uint8)) == 255).all()


def test_a_diagonal_is_a_thin_line():
    picture = 255 * np.tri(16, dtype=np.uint8)[None, None]
    for turned in (picture, picture[..., ::-1]):
        lines = edges(turned)[0, 0, 2:-2, 2:-2] == 0
        assert set(lines.sum(axis=0)) | set(lines.sum(axis=1)) <= {1, 2}  # a staircase


def test_turned_transposed_and_dyed():
    """Of two neighbours as steep the first stays, and mirrored that is the other: so pictures with noise, which have none."""
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 20, 24), dtype=np.uint8)
    drawn = edges(images)
    for change in (lambda a: np.rot90(a, 1, (2, 3)), lambda a: np.rot90(a, 2, (2, 3)), lambda a: a[..., ::-1], lambda a: a.swapaxes(2, 3)):
        assert (edges(change(images).copy()) != change(drawn)).mean() < 0.001
    assert np.array_equal(edges(images[:, ::-1]), drawn) and np.array_equal(edges(255 - images), drawn)
    assert np.array_equal(edges(np.repeat(images, 300, axis=0))[299::300], drawn)  # more than one block


def test_a_colour_may_change_where_brightness_does_not():
    picture = np.concatenate([step(200, 100), step(100, 200), step(128, 128)], axis=1)
    assert np.array_equal(edges(picture), edges(step(200, 100)))


def test_pixel_by_pixel():
    """Of noise, by loops: the channel that is steepest there, the neighbours in the nearest of eight directions."""
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 9, 11), dtype=np.uint8)
    padded = np.pad(images.astype(int), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    slope = np.zeros((*images.shape, 2))
    for n, c, y, x in np.ndindex(images.shape):
        slope[n, c, y, x] = [(padded[n, c, y : y + 3, x : x + 3] * kernel).sum() for kernel in (sobel, sobel.T)]
    steep, expected = (slope**2).sum(axis=-1), np.full((2, 1, 9, 11), 255)
    most = np.pad(steep.max(axis=1), ((0, 0), (1, 1), (1, 1)))  # one further in
    for n, y, x in np.ndindex(2, 9, 11):
        across, down = slope[n, steep[n, :, y, x].argmax(), y, x]
        dy, dx = ((0, 1), (1, 1), (1, 0), (1, -1))[round(np.arctan2(down, across) / (np.pi / 4)) % 4]
        here, before, after = (most[n, 1 + y + s * dy, 1 + x + s * dx] for s in (0, -1, 1))
        if here >= 102**2 and here > before and here >= after:
            expected[n, 0, y, x] = 0
    assert np.array_equal(edges(images), expected) and 0.1 < (expected == 0).mean() < 0.5


def test_faces_become_drawings():
    drawn = edges(faces(50)[0])
    assert 0.05 < (drawn == 0).mean() < 0.25  # ink, not hatching


@pytest.mark.parametrize("images, threshold, message", [
    (np.zeros((2, 3, 8, 8)), 0.1, "uint8"), (np.zeros((3, 8, 8), np.uint8), 0.1, "channels"), (np.zeros((2, 3, 1, 8), np.uint8), 0.1, "2 pixels"),
    (np.zeros((2, 3, 8, 8), np.uint8), 0, "above 0"), (np.zeros((2, 3, 8, 8), np.uint8), 1.0, "below 1"),
])  # fmt: skip
def test_what_cannot_be_drawn(images, threshold, message):
    with pytest.raises(ValueError, match=message):
        edges(images, threshold)
