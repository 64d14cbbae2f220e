"""Short clips, drawn from a seed: people who turn, talk and blink, and digits that bounce.

Within a clip of a person, only the state changes (`data.faces`); the person stays the same. Within
a clip of a digit, only the position changes.
"""

from __future__ import annotations

import numpy as np

from .affine import affine
from .digits import digits
from .faces import sample_factors

__all__ = ["NUM_FRAMES", "bouncing_positions", "digit_clips", "face_clip_factors"]

NUM_FRAMES = 12
SIZE = 32  # height and width of a frame with a digit
DIGIT_SIZE = 22  # height and width of the image of the digit; the digit itself is smaller
LIMIT = 7.0  # largest distance from the middle of the frame, in each direction
SPEEDS = (1.0, 2.0)  # pixels per frame
# Fine differences between people, which 32 pixels hardly show: the same for all.
CONSTANT = {
    **dict.fromkeys(("face_width", "face_length", "jaw", "eye_spacing", "nose_size", "brows"), 0),
    **dict.fromkeys(("tilt", "gaze_x", "gaze_y", "light", "night", "hat", "glasses"), 0),
    **{"eye_size": 1, "lips": 1, "age": 30, "beard_style": 0, "neckline": 1},
}
HAIR_STYLES = (0, 1, 4, 5)  # cropped, parted, bobbed, long


def face_clip_factors(n: int, seed: int = 0) -> np.ndarray:
    """Draw the factors of n clips of people, for `faces.render`.

    Skin, hair, iris, beard, clothes and background differ between clips. Within a clip:

    - the head turns as a sine of 0.6 to 1.2 periods,
    - the smile comes or goes, as a sine of 0.4 to 0.8 periods,
    - for one person in two, by chance, the mouth opens and closes two or three times,
    - the eyes blink once, for about two frames.

    Parameters
    ----------
    n : int
        How many clips.
    seed : int
        At least 0; use another one for a test set.

    Returns
    -------
    array (n, NUM_FRAMES) of `faces.DTYPE`
    """
    factors = np.repeat(sample_factors(n, seed)[:, None], NUM_FRAMES, axis=1)
    rng = np.random.default_rng((seed, 0, 2))  # other numbers than those of sample_factors
    frames = np.arange(NUM_FRAMES)  # (NUM_FRAMES,)

    def uniform(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (n, 1))

    def sine(least_periods: float, most_periods: float) -> np.ndarray:
        periods = uniform(least_periods, most_periods)
        return np.sin(2 * np.pi * (periods * frames / NUM_FRAMES + uniform(0, 1)))

    for name, value in CONSTANT.items():
        factors[name] = value
    factors["hair_style"] = rng.choice(HAIR_STYLES, (n, 1))
    factors["yaw"] = uniform(0.5, 1) * sine(0.6, 1.2)
    factors["smile"] = uniform(0.6, 1) * sine(0.4, 0.8)
    factors["mouth_open"] = rng.integers(0, 2, (n, 1)) * (1 + sine(2, 3)) / 2
    factors["blink"] = np.exp(-(((frames - uniform(1, NUM_FRAMES - 2)) / 0.8) ** 2))
    return factors


def bouncing_positions(n: int, seed: int = 0) -> np.ndarray:
    """Draw positions of n points that move with constant velocity and bounce at four walls.

    Let x be a coordinate, v its velocity, and L the distance of the walls from the middle. Without
    walls, the point would be at u = x + v t. Unfold the path: each wall is a mirror, and behind the
    mirror the room begins again, mirrored. So u has the period 4 L: from -L to L it is the position
    itself, and from L to 3 L the way back. Both are

        L - |((u + L) mod 4 L) - 2 L|.

    The direction of the velocity is uniform, and its length is uniform on SPEEDS.

    Returns
    -------
    array (n, NUM_FRAMES, 2)
        Rows down and columns to the right, from the middle of the frame: from -LIMIT to LIMIT.
    """
    rng = np.random.default_rng((seed, 0, 3))  # other numbers than those of `digits`
    start = rng.uniform(-LIMIT, LIMIT, (n, 1, 2))
    angle = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    direction = np.concatenate([np.sin(angle), np.cos(angle)], axis=2)
    velocity = rng.uniform(*SPEEDS, (n, 1, 1)) * direction  # (n, 1, 2)
    unfolded = start + velocity * np.arange(NUM_FRAMES)[:, None]  # (n, NUM_FRAMES, 2)
    return LIMIT - np.abs((unfolded + LIMIT) % (4 * LIMIT) - 2 * LIMIT)


def digit_clips(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw n clips of handwritten digits that move and bounce (`bouncing_positions`).

    Parameters
    ----------
    n : int
        How many clips.
    seed : int
        At least 0; use another one for a test set.

    Returns
    -------
    clips : array (n, NUM_FRAMES, 1, SIZE, SIZE) of uint8
        0 is the background and 255 is ink.
    labels : array (n,) of int64
        The digits, uniform on 0 to 9.
    """
    images, labels = digits(n, seed, DIGIT_SIZE)
    margin = (SIZE - DIGIT_SIZE) // 2
    images = np.pad(images, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    frames = images.repeat(NUM_FRAMES, axis=0)  # (n * NUM_FRAMES, 1, SIZE, SIZE), in the middle
    identity = np.broadcast_to(np.eye(2), (len(frames), 2, 2))
    frames = affine(frames, identity, bouncing_positions(n, seed).reshape(-1, 2))
    return frames.reshape(n, NUM_FRAMES, 1, SIZE, SIZE), labels
