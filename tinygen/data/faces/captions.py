"""Captions of the faces: each names some of what a picture shows, in words and order of its own.

    captions, mentions = write_captions(factors)
                                    "an elderly woman in a blue shirt, with glasses", ...;
                                    and what each caption says, (n, 19)
    tokens = tokenize(captions)     one integer per word, (n, 24), 0 after the end

`PROPERTIES` are what a caption can name. Each is true or false of a face (`has_properties`). A
caption mentions a subject, such as the age or the hat, with probability 1/2. What it does not
mention can be either way. It says that something is absent where people do so: "clean-shaven",
"without glasses or a hat".

**The order of the words matters.** Hats and clothes have the same colours, so a model that mixes up
the words mixes up the garments. And "with glasses, without a hat" has the same words as "with a
hat, without glasses".

**Man or woman?** The drawn faces have no sex. Here a man may have a beard and a woman has none;
nothing else depends on it. Half of all captions say "person".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ..errors import DataError
from .factors import FACTORS, has_attribute

__all__ = [
    "MAX_LENGTH",
    "PROPERTIES",
    "VOCABULARY",
    "contrast_captions",
    "has_properties",
    "tokenize",
    "write_captions",
]

HAT_COLOURS, CLOTHES_COLOURS = FACTORS["hat_color"].names, FACTORS["clothes"].names
HAT_STYLES, GARMENTS = FACTORS["hat_style"].names, FACTORS["neckline"].names
STRAW_HAT = HAT_STYLES.index("straw hat")
BINARY = ("glasses", "beard", "hat", "old", "smiling")
PROPERTIES: tuple[str, ...] = (
    *BINARY,
    *(f"{colour} hat" for colour in HAT_COLOURS),
    *(f"{colour} clothes" for colour in CLOTHES_COLOURS),
)
"""What a caption can name. A straw hat has no colour but that of straw."""

# How each subject is expressed: where in the caption, and the words. The place is before the noun,
# or after one of the words that open a group.
PRESENT = {
    "old": (("before", "old"), ("before", "elderly")),
    "smiling": (("before", "smiling"), ("before", "happy"), ("", "smiling"), ("with", "a smile")),
    "beard": (("before", "bearded"), ("with", "a beard")),
    "glasses": (("with", "glasses"), ("wearing", "glasses")),
    "hat": (("with", "a {hat}"), ("wearing", "a {hat}"), ("in", "a {hat}")),
    "clothes": (("in", "a {clothes}"), ("wearing", "a {clothes}")),
}
ABSENT = {
    "old": (("before", "young"),),
    "smiling": (
        ("before", "frowning"),
        ("before", "sad"),
        ("", "frowning"),
        ("without", "a smile"),
    ),
    "beard": (("before", "clean-shaven"), ("without", "a beard")),
    "glasses": (("without", "glasses"),),
    "hat": (("before", "bareheaded"), ("without", "a hat")),
}
GROUP_WORDS = ("with", "wearing", "in", "without")


def _list_vocabulary() -> tuple[str, ...]:
    """Collect all words from the tables above."""
    words = {*"a an and or person man woman hat".split(), *GROUP_WORDS}
    words |= {*HAT_COLOURS, *CLOTHES_COLOURS, *" ".join(HAT_STYLES).split(), *GARMENTS}
    for table in (PRESENT, ABSENT):
        for expressions in table.values():
            for _, text in expressions:
                words |= {word for word in text.split() if "{" not in word}
    return tuple(sorted(words))


VOCABULARY: tuple[str, ...] = _list_vocabulary()
"""All words that a caption can have."""
MAX_LENGTH = 24
"""The largest number of words in a caption."""


def has_properties(factors: np.ndarray) -> np.ndarray:
    """Return which of `PROPERTIES` are true of each face: bool (n, 19)."""
    is_coloured = has_attribute(factors, "hat") & (factors["hat_style"] != STRAW_HAT)
    columns = [has_attribute(factors, name) for name in BINARY]
    columns += [is_coloured & (factors["hat_color"] == k) for k in range(len(HAT_COLOURS))]
    columns += [factors["clothes"] == k for k in range(len(CLOTHES_COLOURS))]
    return np.stack(columns, axis=1)


def write_captions(factors: np.ndarray, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Write a caption for each face.

    A caption depends only on its own face, the place of the face in the array, and the seed.

    Parameters
    ----------
    factors : array (n,) of `DTYPE`
        The factors of the faces.
    seed : int
        Of the words and their order.

    Returns
    -------
    captions : list of n str
    mentions : array (n, 19) of int8
        For each of `PROPERTIES`: 1 if the caption says that it is true, -1 if it says that it is
        false, 0 if it does not mention it.
    """
    truth = has_properties(factors)
    captions, mentions = [], np.zeros(truth.shape, np.int8)
    for i, face in enumerate(factors):
        rng = np.random.default_rng((seed, i, 1))
        caption, mentioned = _write_caption(face, dict(zip(PROPERTIES, truth[i], strict=True)), rng)
        columns = [PROPERTIES.index(name) for name in mentioned]
        captions.append(caption)
        mentions[i, columns] = np.where(truth[i, columns], 1, -1)
    return captions, mentions


def _write_caption(
    face: np.void, truth: dict[str, bool], rng: np.random.Generator
) -> tuple[str, list[str]]:
    """Return one caption, and which of PROPERTIES it mentions."""

    def choose(options: Sequence):
        return options[rng.integers(len(options))]

    def name(factor: str) -> str:
        return FACTORS[factor].names[face[factor]]

    subjects = [subject for subject in PRESENT if rng.random() < 0.5]
    mentioned = [subject for subject in subjects if subject in BINARY]
    if "clothes" in subjects:
        mentioned.append(f"{name('clothes')} clothes")
    words = {"hat": "hat", "clothes": f"{name('clothes')} {name('neckline')}"}
    if truth["hat"] and rng.random() < 0.75:  # what kind of hat
        if face["hat_style"] == STRAW_HAT:
            words["hat"] = "straw hat"
        else:
            words["hat"] = f"{name('hat_color')} {choose((name('hat_style'), 'hat'))}"
            if "hat" in subjects:
                mentioned.append(f"{name('hat_color')} hat")

    before, groups = [], {}  # adjectives; and phrases by the word that opens their group
    for subject in rng.permutation(subjects):
        table = PRESENT if truth.get(subject, True) else ABSENT
        group, text = choose(table[subject])
        phrases = before if group == "before" else groups.setdefault(group, [])
        phrases.append(text.format(**words))
    may_be_woman = not truth["beard"] and "beard" not in subjects
    noun = choose(("person", "person", "man", "woman" if may_be_woman else "man"))
    return _join(before, noun, groups), mentioned


def _join(before: list[str], noun: str, groups: dict[str, list[str]]) -> str:
    """Make a sentence: article, adjectives, noun, then the groups, separated by commas."""
    text = " ".join(["a", *before, noun])
    for place, (group, phrases) in enumerate(groups.items()):
        is_first_group = group and place == 0
        text += "" if is_first_group else ","
        text += f" {group} " if group else " "
        text += (" or " if group == "without" else " and ").join(phrases)
    return re.sub(r"^a(?= [aeiou])", "an", text)


def contrast_captions(caption: str) -> tuple[str, list[str]]:
    """Return the opposite of a caption, and for each of its parts a caption with this part alone.

        "an old man in a hat"
        "a young man without a hat", ["an old man without a hat", "a young man in a hat"]

    The parts are what the caption says to be there. What it says to be absent and the clothes have
    no opposite, so they stay as they are. A caption without parts is its own opposite.
    """
    noun, phrases = _split(caption)
    opposites = [_negate(*phrase) for phrase in phrases]

    def write(present: int | None = None) -> str:
        """Write the opposite; the phrase with the number `present` stays."""
        before, groups = [], {}
        for i, (phrase, opposite) in enumerate(zip(phrases, opposites, strict=True)):
            group, text = phrase if i == present or opposite is None else opposite
            (before if group == "before" else groups.setdefault(group, [])).append(text)
        return _join(before, noun, groups)

    return write(), [write(i) for i, opposite in enumerate(opposites) if opposite]


def _split(caption: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the noun of a caption, and its phrases as pairs of place and words, as in PRESENT."""
    separators = r"\s*,\s*|\s+(?:and|or)\s+|\s+(?=(?:{})\s)".format("|".join(GROUP_WORDS))
    head, *rest = re.split(separators, " ".join(caption.split()))
    *adjectives, noun = head.split() or [""]
    phrases = [("before", word) for word in adjectives if word not in ("a", "an")]
    group = ""
    for words in filter(None, rest):
        first, _, others = words.partition(" ")
        if first in GROUP_WORDS:
            group, words = first, others
        elif words in ("smiling", "frowning"):  # these two follow no group word
            group = ""
        phrases.append((group, words))
    return noun, phrases


def _negate(group: str, words: str) -> tuple[str, str] | None:
    """Return a phrase that says the opposite, or None if there is none."""
    if group == "without":
        return None
    if words.endswith((" hat", " cap")):
        return "without", "a hat"
    for subject, expressions in PRESENT.items():
        if words in [text for _, text in expressions]:
            return ABSENT.get(subject, (None,))[0]
    return None


def tokenize(captions: Sequence[str]) -> np.ndarray:
    """Convert captions to integers, one per word; case and punctuation are ignored.

    Parameters
    ----------
    captions : list of n str
        Of words in `VOCABULARY`.

    Returns
    -------
    array (n, MAX_LENGTH) of int64
        The index of each word in `VOCABULARY`, counted from 1, and 0 after the last word.

    Raises
    ------
    DataError
        For a word that is not in `VOCABULARY`, or a caption that is too long.
    """
    if isinstance(captions, str):
        raise ValueError(f"tokenize: takes a list of captions; give [{captions!r}]")
    indices = {word: k for k, word in enumerate(VOCABULARY, 1)}
    tokens = np.zeros((len(captions), MAX_LENGTH), np.int64)
    for row, caption in zip(tokens, captions, strict=True):
        words = re.findall(r"[^\W_]+(?:-[^\W_]+)*", caption.lower())
        if unknown := sorted(set(words) - set(VOCABULARY)):
            raise DataError(
                f"tokenize: no caption had the word {', '.join(map(repr, unknown))} of "
                f"{caption!r}; known are {', '.join(VOCABULARY)}"
            )
        if len(words) > MAX_LENGTH:
            raise DataError(
                f"tokenize: a caption has at most {MAX_LENGTH} words; {caption!r} has {len(words)}"
            )
        row[: len(words)] = [indices[word] for word in words]
    return tokens
