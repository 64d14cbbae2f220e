"""The factors of a face: what there is to know about it, as a record with one field per factor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = [
    "ATTRIBUTES",
    "DTYPE",
    "FACTORS",
    "GROUPS",
    "Factor",
    "check_factors",
    "has_attribute",
    "set_attribute",
]

GROUPS = ("identity", "state", "accessories")


class Factor(NamedTuple):
    """One factor of a face.

    A numeric factor lies between `low` and `high`. A categorical factor is an index into `names`.
    """

    group: str
    low: float
    high: float
    names: tuple[str, ...]
    meaning: str


def _numeric(group: str, low: float, high: float, meaning: str) -> Factor:
    return Factor(group, low, high, (), meaning)


def _categorical(group: str, names: str, meaning: str) -> Factor:
    options = tuple(names.split(", "))
    return Factor(group, 0, len(options) - 1, options, meaning)


HAIR_STYLES = "cropped, parted, swept-up, curly, bobbed, long, wavy, tied-up"
HAIR_COLOURS = "black, dark brown, brown, red, blond, fair"
IRIS_COLOURS = "brown, hazel, green, blue, grey"
AGE = "years: hair greys from 45 to 65, wrinkles come from 40 on; old is over 50"
HAT_COLOURS = "red, blue, green, yellow, plum, charcoal"
CLOTHES = "blue, green, rust, mustard, plum, grey, teal, rose"
BACKGROUNDS = "sage, blue, sand, mauve, grey, peach"

FACTORS: dict[str, Factor] = {
    "face_width": _numeric("identity", -1, 1, "narrow to wide"),
    "face_length": _numeric("identity", -1, 1, "short to long chin"),
    "jaw": _numeric("identity", -1, 1, "pointed to square"),
    "eye_size": _numeric("identity", -1, 1, "small to large"),
    "eye_spacing": _numeric("identity", -1, 1, "close to far"),
    "nose_size": _numeric("identity", -1, 1, "small to large"),
    "lips": _numeric("identity", -1, 1, "thin to full"),
    "brows": _numeric("identity", -1, 1, "thin to bushy"),
    "skin": _numeric("identity", 0, 1, "light to dark"),
    "hair_style": _categorical("identity", HAIR_STYLES, "the cut"),
    "hair_color": _categorical("identity", HAIR_COLOURS, "the first three are dark"),
    "iris": _categorical("identity", IRIS_COLOURS, "colour of the eyes"),
    "age": _numeric("identity", 20, 80, AGE),
    "yaw": _numeric("state", -1, 1, "head turned to the picture's left or right, up to 26 degrees"),
    "tilt": _numeric("state", -1, 1, "head leaning to the left or right, up to 9 degrees"),
    "smile": _numeric("state", -1, 1, "corners of the mouth down or up"),
    "mouth_open": _numeric("state", 0, 1, "closed to wide open"),
    "blink": _numeric("state", 0, 1, "eyes open to shut"),
    "gaze_x": _numeric("state", -1, 1, "looks to the picture's left or right"),
    "gaze_y": _numeric("state", -1, 1, "looks up or down"),
    "light": _numeric("state", -1, 1, "light from the picture's left or right"),
    "night": _categorical("state", "by day, at night", "time of day"),
    "glasses": _categorical("accessories", "no, yes", "wears glasses"),
    "glasses_style": _categorical("accessories", "round, square, large", "which, if any"),
    "beard": _categorical("accessories", "no, yes", "has a beard"),
    "beard_style": _categorical(
        "accessories", "a full beard, a short beard, a goatee", "which, if any"
    ),
    "hat": _categorical("accessories", "no, yes", "wears a hat"),
    "hat_style": _categorical("accessories", "woollen hat, cap, straw hat", "which, if any"),
    "hat_color": _categorical(
        "accessories", HAT_COLOURS, "of the hat, or of the ribbon of a straw hat"
    ),
    "neckline": _categorical("accessories", "t-shirt, jumper, shirt", "kind of clothes"),
    "clothes": _categorical("accessories", CLOTHES, "their colour"),
    "background": _categorical("accessories", BACKGROUNDS, "its colour, muted"),
}
"""Every factor by its name, with its group, range, categories and meaning."""

DTYPE = np.dtype([(name, np.int8 if f.names else np.float32) for name, f in FACTORS.items()])
"""The record of one face: categorical factors as int8, numeric ones as float32."""

ATTRIBUTES: dict[str, str] = {
    "glasses": "glasses",
    "beard": "beard",
    "hat": "hat",
    "night": "night",
    "old": "age",
    "smiling": "smile",
}
"""The binary attributes and the factor behind each: yes is the upper half of its range."""


def has_attribute(factors: np.ndarray, attribute: str) -> np.ndarray:
    """Return which faces have a binary attribute of `ATTRIBUTES`: bool (n,)."""
    check_factors("has_attribute", factors)
    name = _factor_behind("has_attribute", attribute)
    return factors[name] > (FACTORS[name].low + FACTORS[name].high) / 2


def set_attribute(factors: np.ndarray, attribute: str, value: bool | np.ndarray) -> np.ndarray:
    """Return a copy of the factors in which an attribute has the given value.

    Faces that have this value already do not change. In the others one factor changes, to its
    mirror image in the middle of its range: 0 to 1, 1 to 0, an age of 25 to 75. All other factors
    stay the same, bit for bit.

    Parameters
    ----------
    factors : array (n,) of `DTYPE`
        The factors of the faces.
    attribute : str
        A name in `ATTRIBUTES`.
    value : bool or array (n,) of bool
        Whether the faces are to have the attribute.

    Returns
    -------
    array (n,) of `DTYPE`

    Raises
    ------
    ValueError
        For an unknown attribute, wrong factors, or a value of another shape.
    """
    check_factors("set_attribute", factors)
    name, changed = _factor_behind("set_attribute", attribute), factors.copy()
    if np.shape(value) not in ((), factors.shape):
        raise ValueError(
            "set_attribute: value is True, False or one bool per face, shape "
            f"{factors.shape}; got shape {np.shape(value)}"
        )
    mirrored = FACTORS[name].low + FACTORS[name].high - factors[name]
    must_change = has_attribute(factors, attribute) != np.asarray(value, bool)
    changed[name] = np.where(must_change, mirrored, factors[name])
    return changed


def _factor_behind(function: str, attribute: str) -> str:
    """Return the name of the factor that decides an attribute."""
    if attribute not in ATTRIBUTES:
        raise ValueError(
            f"{function}: no attribute {attribute!r}; there are {', '.join(ATTRIBUTES)}. "
            "Set other factors by hand: factors['yaw'] = 0.5"
        )
    return ATTRIBUTES[attribute]


def check_factors(function: str, factors: np.ndarray) -> None:
    """Raise ValueError unless `factors` is an array (n,) of `DTYPE` with values in their ranges."""
    names = getattr(getattr(factors, "dtype", None), "names", None)
    if names is None:
        raise ValueError(
            f"{function}: factors is a structured array of faces.DTYPE, as sample_factors(n) "
            f"returns it; got {type(factors).__name__}"
        )
    if factors.dtype != DTYPE:
        unknown = [name for name in names if name not in FACTORS]
        missing = [name for name in FACTORS if name not in names]
        raise ValueError(
            f"{function}: factors does not have the fields of faces.DTYPE: unknown {unknown}, "
            f"missing {missing}, or other types or order"
        )
    if factors.ndim != 1:
        raise ValueError(
            f"{function}: factors has one axis, of faces; got shape {factors.shape}. "
            "Take factors[i : i + 1] for one face"
        )
    for name, factor in FACTORS.items():
        values = factors[name]
        is_wrong = ~((values >= factor.low) & (values <= factor.high))  # also where it is nan
        if is_wrong.any():
            i = int(is_wrong.argmax())
            raise ValueError(
                f"{function}: {name} is {factor.low:g} to {factor.high:g} ({factor.meaning}); "
                f"face {i} has {values[i]:g}"
            )
