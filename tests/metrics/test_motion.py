"""Block matching: a known translation is found, and leaves no error."""

import numpy as np
import pytest

from tinygen import tensor
from tinygen.metrics import block_motion


def make_clips(dy, dx, num_frames=4):
    """Cut frames out of one large image of noise, so that all moves by (dy, dx) per frame."""
    images = np.random.default_rng(0).uniform(size=(2, 3, 64, 64))
    windows = [(16 - k * dy, 16 - k * dx) for k in range(num_frames)]
    return np.stack([images[..., i : i + 24, j : j + 32] for i, j in windows], axis=1)


@pytest.mark.parametrize("shift", [(0, 0), (1, -2), (-3, 3)])
def test_a_translation_is_found_by_the_blocks_inside(shift):
    displacements, errors = block_motion(make_clips(*shift))
    assert displacements.shape == (2, 3, 3, 4, 2) and errors.shape == (2, 3, 3, 4)
    inside = np.s_[:, :, 1:-1, 1:-1]  # the others show what was outside of the frame before
    assert (displacements[inside] == shift).all() and not errors[inside].any()
    assert errors.max() == 0 if shift == (0, 0) else errors.max() > 0.01


def test_what_moves_further_than_the_radius_is_not_found():
    clips = make_clips(4, 0)
    _, errors = block_motion(clips)
    assert errors.min() > 0.02  # of the noise, whose variance is 1 / 12
    assert not block_motion(clips, radius=4)[1][:, :, 1:-1, 1:-1].any()


def test_without_a_radius_the_errors_are_those_of_the_frame_before():
    clips = make_clips(1, 1)
    displacements, errors = block_motion(clips, radius=0)
    assert not displacements.any()
    assert errors.mean() == pytest.approx((np.diff(clips, axis=1) ** 2).mean())
    assert (block_motion(clips)[1] <= errors).all()


def test_a_plain_clip_does_not_move_and_bytes_do_not_overflow():
    plain = np.full((1, 2, 1, 8, 8), 255, np.uint8)
    displacements, errors = block_motion(plain)
    assert not displacements.any() and not errors.any()
    plain[:, 1] = 0
    assert (block_motion(plain)[1] == 255**2).all()


def test_errors_say_what_is_expected():
    with pytest.raises(ValueError, match=r"clips \(n, frames, channels, height, width\) of two"):
        block_motion(np.zeros((2, 1, 1, 8, 8)))
    with pytest.raises(ValueError, match="blocks of 8 pixels do not divide frames of 8 x 12"):
        block_motion(np.zeros((2, 2, 1, 8, 12)))
    for radius in (-1, 1.5):
        with pytest.raises(ValueError, match=f"radius is a whole number from 0; got {radius}"):
            block_motion(np.zeros((2, 2, 1, 8, 8)), radius=radius)
    with pytest.raises(ValueError, match="blocks of 8.0 pixels"):
        block_motion(np.zeros((2, 2, 1, 8, 8)), block=8.0)
    with pytest.raises(ValueError, match="1 of the pixels are NaN"):
        block_motion(np.where(np.arange(128).reshape(1, 2, 1, 8, 8) == 5, np.nan, 0.0))
    with pytest.raises(TypeError, match="got complex128"):
        block_motion(np.zeros((1, 2, 1, 8, 8), complex))
    with pytest.raises(TypeError, match="block_motion"):
        block_motion(tensor(np.zeros((2, 2, 1, 8, 8))))
