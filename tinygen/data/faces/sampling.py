"""Random faces: factors drawn independently of each other."""

from __future__ import annotations

import numpy as np

from .factors import DTYPE, FACTORS, GROUPS, Factor, check_factors

__all__ = ["CHUNK", "resample_factors", "sample_aligned_factors", "sample_factors"]

# Faces that share one random number generator. Factors are drawn for whole chunks; of the last one
# only the faces that were asked for are used.
CHUNK = 1000
NUM_DARK_HAIR_COLOURS = 3  # the first ones of the factor hair_color

# Probabilities of yes, for the attributes that are rarer than 1/2. All faces are drawn by day: one
# in ten at night would take half of all variance, and with it the first eigenface.
PROBABILITIES = {"glasses": 0.35, "beard": 0.4, "hat": 0.25, "night": 0.0}
# Numeric factors behind an attribute leave out the middle of their range, so that nobody is half
# old. Here: probability of the lower side, and the width of each side as a fraction of the range.
SIDES = {"age": (0.65, 0.35), "smile": (0.5, 0.25)}
# Numeric factors that are mostly low: the probability of the upper half.
MOSTLY_LOW = {"mouth_open": 0.35, "blink": 0.08}


def sample_factors(n: int, seed: int = 0, correlation: float = 0.0) -> np.ndarray:
    """Draw the factors of ``faces(n, seed=seed, correlation=correlation)``, without pictures.

    Parameters
    ----------
    n : int
        How many faces, at least 0. The first k of n are ``sample_factors(k)``.
    seed : int
        At least 0; use another one for a test set.
    correlation : float
        From 0 to 1. Dark hair comes with a beard with probability 0.4 (1 + correlation), other
        hair with 0.4 (1 - correlation). All other factors are the same for every value of it.

    Returns
    -------
    array (n,) of `DTYPE`

    Raises
    ------
    ValueError
        If `n` or `seed` is negative, or `correlation` is out of its range.
    """
    if n < 0 or seed < 0:
        raise ValueError(f"faces: needs n >= 0 and seed >= 0; got n={n}, seed={seed}")
    if not 0 <= correlation <= 1:
        raise ValueError(
            "faces: correlation is between 0 (beards with any hair alike) and 1 (with dark hair "
            f"only); got {correlation}"
        )
    return _sample(n, (seed,), correlation)


def sample_aligned_factors(n: int, seed: int = 0) -> np.ndarray:
    """Draw the factors of faces that look straight at us, with upright heads.

    Collections of photographs are aligned in this way. All factors but yaw and tilt are those of
    ``sample_factors(n, seed)``.
    """
    factors = sample_factors(n, seed)
    factors["yaw"] = factors["tilt"] = 0
    return factors


def resample_factors(factors: np.ndarray, group: str, seed: int = 0) -> np.ndarray:
    """Return a copy of the factors in which one group is drawn again.

    One person in fifty states: ``resample_factors(np.repeat(factors[:1], 50), "state")``.

    Parameters
    ----------
    factors : array (n,) of `DTYPE`
        The factors of the faces.
    group : {"identity", "state", "accessories"}
        The group to draw; the others stay.
    seed : int
        At least 0.

    Returns
    -------
    array (n,) of `DTYPE`

    Raises
    ------
    ValueError
        For an unknown group, a negative seed or wrong factors.
    """
    check_factors("resample_factors", factors)
    if group not in GROUPS or seed < 0:
        raise ValueError(
            f"resample_factors: needs a group of {', '.join(GROUPS)} and seed >= 0; "
            f"got {group!r} and seed={seed}"
        )
    # The seed (seed, 1) gives other numbers than sample_factors(n, seed) used.
    changed, new = factors.copy(), _sample(len(factors), (seed, 1))
    for name, factor in FACTORS.items():
        if factor.group == group:
            changed[name] = new[name]
    return changed


def _sample(n: int, seeds: tuple[int, ...], correlation: float = 0.0) -> np.ndarray:
    """Draw n faces in chunks. Chunks are always whole, so the numbers drawn do not depend on n."""
    chunks = [np.empty(0, DTYPE)]
    for chunk in range(-(-n // CHUNK)):  # rounded up
        rng = np.random.default_rng((*seeds, chunk))
        chunks.append(_sample_chunk(rng, correlation))
    return np.concatenate(chunks)[:n]


def _sample_chunk(rng: np.random.Generator, correlation: float) -> np.ndarray:
    """Draw CHUNK faces. Each factor takes the same numbers from `rng`, whatever the options."""
    faces = np.empty(CHUNK, DTYPE)
    for name, factor in FACTORS.items():
        u, side = rng.random(CHUNK), rng.random(CHUNK)
        if name in PROBABILITIES:
            p = PROBABILITIES[name]
            if name == "beard":
                is_dark = faces["hair_color"] < NUM_DARK_HAIR_COLOURS
                p = p * (1 + correlation * np.where(is_dark, 1, -1))
            faces[name] = u < p
        elif factor.names:
            faces[name] = u * len(factor.names)
        else:
            faces[name] = _numeric_values(name, factor, u, side)
    return faces


def _numeric_values(name: str, factor: Factor, u: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Map uniform numbers u to values of a numeric factor; uniform `side` chooses a side of it."""
    if name in SIDES:
        p_lower, width = SIDES[name]
        u = np.where(side < p_lower, width * u, 1 - width * u)
    elif name in MOSTLY_LOW:
        u = np.where(side < MOSTLY_LOW[name], 0.5 + 0.5 * u, 0.15 * u)
    return factor.low + (factor.high - factor.low) * u
