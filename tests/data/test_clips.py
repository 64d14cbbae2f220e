"""Clips: reproducible, one person or digit in each, and the motion that is documented."""

import numpy as np

from tinygen.data import digits
from tinygen.data.clips import (
    DIGIT_SIZE,
    LIMIT,
    NUM_FRAMES,
    SPEEDS,
    bouncing_positions,
    digit_clips,
    face_clip_factors,
)
from tinygen.data.faces import FACTORS, render

MOVING = {"yaw", "smile", "mouth_open", "blink"}


def test_a_person_stays_and_only_the_state_changes():
    factors = face_clip_factors(200, seed=3)
    assert factors.shape == (200, NUM_FRAMES)
    for name in FACTORS:
        is_constant = (factors[name] == factors[name][:, :1]).all()
        assert is_constant == (name not in MOVING), name
    for name in ("skin", "hair_style", "hair_color", "iris", "beard", "clothes", "background"):
        assert len(np.unique(factors[name][:, 0])) > 1, name
    render(factors[:2].reshape(-1))  # raises if a factor is out of its range


def test_everybody_blinks_once_and_half_of_the_people_speak():
    factors = face_clip_factors(1000, seed=4)
    assert (factors["blink"].max(axis=1) > 0.6).all()
    are_shut = factors["blink"] > 0.5
    assert ((np.diff(are_shut.astype(int), axis=1) == 1).sum(axis=1) <= 1).all()
    speak = factors["mouth_open"].max(axis=1) > 0
    assert abs(speak.mean() - 0.5) < 0.08  # five standard deviations


def test_other_seeds_give_other_clips_and_the_same_seed_the_same():
    assert (face_clip_factors(5, seed=1) == face_clip_factors(5, seed=1)).all()
    assert (face_clip_factors(5, seed=1)["yaw"] != face_clip_factors(5, seed=2)["yaw"]).any()


def test_points_move_with_constant_velocity_but_where_they_bounce():
    positions = bouncing_positions(500, seed=5)
    assert positions.shape == (500, NUM_FRAMES, 2) and abs(positions).max() <= LIMIT
    steps = np.diff(positions, axis=1)
    is_far = abs(positions[:, 1:-1]) < LIMIT - SPEEDS[1]  # too far to reach a wall in one frame
    assert is_far.mean() > 0.5
    accelerations = np.diff(steps, axis=1)
    assert abs(accelerations[is_far]).max() < 1e-12
    assert abs(accelerations[~is_far]).max() > SPEEDS[1]  # a bounce reverses the velocity
    lengths = np.linalg.norm(steps, axis=2).max(axis=1)  # a step with a bounce is shorter
    assert lengths.min() > SPEEDS[0] - 1e-12 and lengths.max() < SPEEDS[1] + 1e-12
    assert lengths.min() < 1.05 and lengths.max() > 1.95


def test_a_digit_of_a_clip_is_the_image_at_these_positions():
    clips, labels = digit_clips(30, seed=5)
    assert clips.shape == (30, NUM_FRAMES, 1, 32, 32) and clips.dtype == np.uint8
    images, expected_labels = digits(30, 5, DIGIT_SIZE)
    assert (labels == expected_labels).all()
    x = clips[:, :, 0] / 255
    rows = np.arange(32) - 15.5
    centres = np.stack([(x.sum(axis=3) @ rows), (x.sum(axis=2) @ rows)], axis=-1)
    centres /= x.sum(axis=(2, 3))[..., None]
    offsets = centres - bouncing_positions(30, seed=5)  # of the ink from the middle of its image
    assert abs(offsets).max() < 1.5
    changes = offsets.max(axis=1) - offsets.min(axis=1)
    assert np.median(changes) < 0.01 and changes.max() < 0.5  # a wide digit is cut off at a wall
    ink = x.sum(axis=(2, 3)) / (images.sum(axis=(1, 2, 3))[:, None] / 255)
    assert ink.max() < 1.01 and ink.min() > 0.9
