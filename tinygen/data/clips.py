"""Short clips, drawn from a seed, of people who turn, talk and blink.

Within a clip, only the state changes (`data.faces`); the person stays the same.
"""

from __future__ import annotations

import numpy as np

from .faces import sample_factors

__all__ = ["NUM_FRAMES", "face_clip_factors"]

NUM_FRAMES = 12
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
    - the mouth of every other person opens and closes two or three times,
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
