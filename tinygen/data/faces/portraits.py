"""Procedural faces: RGB portraits of any size, drawn from factors that are known, so that the truth of an edit is known too.

A face is a record of **factors** (a NumPy structured array, one field a factor) and `render` is a function of nothing else:

    images, factors = faces(1000)                         # (1000, 3, 32, 32) uint8, and what they show
    edited = render(switch(factors, "glasses", True))     # the same faces, all with glasses: the right answer of an edit
    frames = resample(np.repeat(factors[:1], 50), "state")  # one person, fifty moments

`FACTORS` lists them with their ranges, in three groups kept apart: *identity* (who), *state* (this moment), *accessories*
(what comes off). They are drawn independently, but for `correlation`, which ties the beard to dark hair: a vector "with beard
minus without" then also darkens hair, as it does in collected photographs. `has_attribute` and `set_attribute` read and set the yes-or-no
attributes of `ATTRIBUTES`. Numbers behind an attribute (age, smile) leave out the middle of their range, so that nobody is
half old; to switch one is to mirror it in that middle, so that switching twice changes nothing. All faces are drawn by day:
one in ten at night would take half of all variance, and the first eigenface with it; night comes by `set_attribute`.

How a face is drawn: canvas.py (what on), anatomy.py (measures and colours), layers.py (layer after layer) and
accessories.py (hair, glasses, hats). What people would write under it: captions.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .layers import draw

__all__ = ["ATTRIBUTES", "DTYPE", "FACTORS", "faces", "has_attribute", "render", "resample_factors", "sample_aligned_factors", "sample_factors", "set_attribute"]


class Factor(NamedTuple):
    """One factor: its group, its range (a number from low to high, or one of `names` by position) and its meaning."""

    group: str
    low: float
    high: float
    names: tuple[str, ...]
    meaning: str


def _number(group: str, low: float, high: float, meaning: str) -> Factor:
    return Factor(group, low, high, (), meaning)


def _choice(group: str, names: str, meaning: str) -> Factor:
    options = tuple(names.split(", "))
    return Factor(group, 0, len(options) - 1, options, meaning)


FACTORS: dict[str, Factor] = {
    "face_width": _number("identity", -1, 1, "narrow to wide"),
    "face_length": _number("identity", -1, 1, "short to long chin"),
    "jaw": _number("identity", -1, 1, "pointed to square"),
    "eye_size": _number("identity", -1, 1, "small to large"),
    "eye_spacing": _number("identity", -1, 1, "close to far"),
    "nose_size": _number("identity", -1, 1, "small to large"),
    "lips": _number("identity", -1, 1, "thin to full"),
    "brows": _number("identity", -1, 1, "thin to bushy"),
    "skin": _number("identity", 0, 1, "light to dark"),
    "hair_style": _choice("identity", "cropped, parted, swept-up, curly, bobbed, long, wavy, tied-up", "the cut"),
    "hair_color": _choice("identity", "black, dark brown, brown, red, blond, fair", "the first three are dark"),
    "iris": _choice("identity", "brown, hazel, green, blue, grey", "colour of the eyes"),
    "age": _number("identity", 20, 80, "years: hair greys from 45 to 65, wrinkles come from 40 on; old is over 50"),
    "yaw": _number("state", -1, 1, "head turned to the picture's left or right, by up to 26 degrees"),
    "tilt": _number("state", -1, 1, "head leaning to the left or right, by up to 9 degrees"),
    "smile": _number("state", -1, 1, "corners of the mouth down or up"),
    "mouth_open": _number("state", 0, 1, "closed to wide open"),
    "blink": _number("state", 0, 1, "eyes open to shut"),
    "gaze_x": _number("state", -1, 1, "looks to the picture's left or right"),
    "gaze_y": _number("state", -1, 1, "looks up or down"),
    "light": _number("state", -1, 1, "light from the picture's left or right"),
    "night": _choice("state", "by day, at night", "time of day"),
    "glasses": _choice("accessories", "no, yes", "wears glasses"),
    "glasses_style": _choice("accessories", "round, square, large", "which, if any"),
    "beard": _choice("accessories", "no, yes", "has a beard"),
    "beard_style": _choice("accessories", "a full beard, a short beard, a goatee", "which, if any"),
    "hat": _choice("accessories", "no, yes", "wears a hat"),
    "hat_style": _choice("accessories", "woollen hat, cap, straw hat", "which, if any"),
    "hat_color": _choice("accessories", "red, blue, green, yellow, plum, charcoal", "of the hat, or of a straw hat's ribbon"),
    "neckline": _choice("accessories", "t-shirt, jumper, shirt", "kind of clothes"),
    "clothes": _choice("accessories", "blue, green, rust, mustard, plum, grey, teal, rose", "their colour"),
    "background": _choice("accessories", "sage, blue, sand, mauve, grey, peach", "its colour, muted"),
}
"""Every factor: group, low, high, names of the choices (empty for a number), meaning."""

DTYPE = np.dtype([(name, np.int8 if factor.names else np.float32) for name, factor in FACTORS.items()])
"""The record of one face: choices as int8, numbers as float32."""

ATTRIBUTES: dict[str, str] = {
    "glasses": "glasses",
    "beard": "beard",
    "hat": "hat",
    "night": "night",
    "old": "age",
    "smiling": "smile",
}
"""The yes-or-no attributes and the factor behind each: yes is the upper half of its range."""

GROUPS = ("identity", "state", "accessories")
CHUNK = 1000  # faces drawn from one generator: only the last chunk draws more than it gives
RARE = {"glasses": 0.35, "beard": 0.4, "hat": 0.25, "night": 0.0}  # shares of yes
SIDES = {"age": (0.65, 0.35), "smile": (0.5, 0.25)}  # share of the lower side, width of each side, of the whole range


def faces(n: int, size: int = 32, seed: int = 0, correlation: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``n`` faces.

    Parameters
    ----------
    n : how many, at least 0; the first k of ``faces(n)`` are ``faces(k)``.
    size : side of the pictures in pixels, 32 to 1024.
    seed : a non-negative integer; use another one for a test set.
    correlate : 0 to 1. Dark hair has a beard with probability 0.4 (1 + correlate), other hair with 0.4 (1 - correlate);
        every other factor is the same for all values of it.

    Returns
    -------
    images : uint8 (n, 3, size, size), red, green, blue.
    factors : (n,) of `DTYPE`; ``factors["smile"]`` is an array, ``FACTORS["smile"]`` says what it means.

    Raises
    ------
    ValueError if ``n`` or ``seed`` is negative, or ``size`` or ``correlate`` out of its range.
    """
    _check_size("faces", size)
    factors = sample_factors(n, seed, correlation)
    return draw(factors, size), factors


def render(factors: np.ndarray, size: int = 32) -> np.ndarray:
    """Pictures, uint8 (n, 3, size, size), of the faces that ``factors``, (n,) of `DTYPE`, describes.

    A picture depends on its own factors alone. Raises ValueError where ``factors`` is no such array or holds a value out of
    its range (any value between a factor's low and high is drawn, also those that `sample_factors` leaves out), and for a ``size``
    that is not 32 to 1024.
    """
    _check_size("render", size)
    _check("render", factors)
    return draw(factors, size)


def sample_factors(n: int, seed: int = 0, correlation: float = 0.0) -> np.ndarray:
    """The factors of ``faces(n, seed=seed, correlate=correlate)``, without the pictures."""
    if n < 0 or seed < 0:
        raise ValueError(f"faces: needs n >= 0 and seed >= 0; got n={n}, seed={seed}")
    if not 0 <= correlation <= 1:
        raise ValueError(f"faces: correlation is between 0 (beards on any hair alike) and 1 (on dark hair only); got {correlation}")
    return _sample(n, (seed,), correlation)


def sample_aligned_factors(n: int, seed: int = 0) -> np.ndarray:
    """The factors of n faces that look straight at us, heads upright, as collections of photographs are aligned; else as `sample_factors`."""
    factors = sample_factors(n, seed)
    factors["yaw"] = factors["tilt"] = 0
    return factors


def _sample(n: int, seeds: tuple[int, ...], correlation: float = 0.0) -> np.ndarray:
    """n faces in chunks, always whole ones: what is drawn must not depend on n."""
    chunks = [_sample_chunk(np.random.default_rng((*seeds, chunk)), correlation) for chunk in range(-(-n // CHUNK))]
    return np.concatenate([*chunks, np.empty(0, DTYPE)])[:n]


def _sample_chunk(rng: np.random.Generator, correlation: float) -> np.ndarray:
    """CHUNK faces. Whatever the options, each factor takes the same numbers from ``rng``."""
    drawn = np.empty(CHUNK, DTYPE)
    for name, factor in FACTORS.items():
        u, side = rng.random(CHUNK), rng.random(CHUNK)
        if name in RARE:
            share = RARE[name]
            if name == "beard":
                share = share * (1 + correlation * np.where(drawn["hair_color"] < 3, 1, -1))
            drawn[name] = u < share
        elif factor.names:
            drawn[name] = u * len(factor.names)
        else:
            if name in SIDES:
                share, width = SIDES[name]
                u = np.where(side < share, width * u, 1 - width * u)
            elif name in ("mouth_open", "blink"):  # mostly closed lips and open eyes
                u = np.where(side < (0.35 if name == "mouth_open" else 0.08), 0.5 + 0.5 * u, 0.15 * u)
            drawn[name] = factor.low + (factor.high - factor.low) * u
    return drawn


def resample_factors(factors: np.ndarray, group: str, seed: int = 0) -> np.ndarray:
    """A copy of ``factors`` with one group drawn anew: "identity", "state" or "accessories"; the others stay.

    One person in fifty states: ``resample(np.repeat(factors[:1], 50), "state")``.
    """
    _check("resample_factors", factors)
    if group not in GROUPS or seed < 0:
        raise ValueError(f"resample_factors: needs a group of {', '.join(GROUPS)} and seed >= 0; got {group!r} and seed={seed}")
    new, drawn = factors.copy(), _sample(len(factors), (seed, 1))  # not the numbers that sample(n, seed) took
    for name, factor in FACTORS.items():
        if factor.group == group:
            new[name] = drawn[name]
    return new


def has_attribute(factors: np.ndarray, attribute: str) -> np.ndarray:
    """Which faces have a yes-or-no attribute of `ATTRIBUTES`: bool (n,)."""
    _check("has_attribute", factors)
    name = _behind("has_attribute", attribute)
    return factors[name] > (FACTORS[name].low + FACTORS[name].high) / 2


def set_attribute(factors: np.ndarray, attribute: str, on: bool | np.ndarray) -> np.ndarray:
    """A copy of ``factors`` where all faces (or each as ``on``, bool (n,), says) have or lack an attribute of `ATTRIBUTES`.

    Faces that are so already stay as they are; in the others one factor changes, to its mirror image in its range (0 to 1, 1
    to 0, age 25 to 75), and every other factor is the same bit for bit.
    """
    _check("set_attribute", factors)
    name, new = _behind("set_attribute", attribute), factors.copy()
    if np.shape(on) not in ((), factors.shape):
        raise ValueError(f"set_attribute: on is True, False or one bool a face, shape {factors.shape}; got shape {np.shape(on)}")
    mirrored = FACTORS[name].low + FACTORS[name].high - factors[name]
    new[name] = np.where(has_attribute(factors, attribute) != np.asarray(on, bool), mirrored, factors[name])
    return new


def _behind(function: str, attribute: str) -> str:
    if attribute not in ATTRIBUTES:
        known = ", ".join(ATTRIBUTES)
        raise ValueError(f"{function}: no attribute {attribute!r}; there are {known}. Set other factors by hand: factors['yaw'] = 0.5")
    return ATTRIBUTES[attribute]


def _check_size(function: str, size: int) -> None:
    if not isinstance(size, (int, np.integer)) or not 32 <= size <= 1024:
        raise ValueError(f"{function}: size is 32 to 1024 pixels, a whole number; got {size}")


def _check(function: str, factors: np.ndarray) -> None:
    names = getattr(getattr(factors, "dtype", None), "names", None)
    if names is None:
        raise ValueError(f"{function}: factors is a structured array of faces.DTYPE, as sample_factors(n) makes it; got {type(factors).__name__}")
    if factors.dtype != DTYPE:
        unknown, missing = [x for x in names if x not in FACTORS], [x for x in FACTORS if x not in names]
        raise ValueError(f"{function}: factors has not the fields of faces.DTYPE: unknown {unknown}, missing {missing}, or other types or order")
    if factors.ndim != 1:
        raise ValueError(f"{function}: factors has one axis, a face each; got shape {factors.shape}. Take factors[i : i + 1] for one face")
    for name, factor in FACTORS.items():
        wrong = ~((factors[name] >= factor.low) & (factors[name] <= factor.high))  # ~ so that nan is wrong
        if wrong.any():
            i = int(wrong.argmax())
            raise ValueError(f"{function}: {name} is {factor.low:g} to {factor.high:g} ({factor.meaning}); face {i} has {factors[name][i]:g}")
