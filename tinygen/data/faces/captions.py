"""Captions of the procedural faces, as people write them: of all that a picture shows each names a part, in words and an order of its own.

    texts, said = describe(factors)          "an elderly woman in a blue shirt, with glasses", ...; what each names, (n, 19)
    tokens = tokenize(texts)                 a whole number a word, (n, 24), 0 where the caption has ended

`PROPERTIES` are the things that a caption can name, each true or false of a face (`has_properties`). A caption names a kind of thing, the age say, or the hat, in one case
of two; what it does not name can be either way. What is *not* there is named where people do so: "clean-shaven", "without glasses or a hat".

**The words in the order they have.** The same colours are given to hats and to clothes, so that who mixes up the words mixes up the garments; and "with
glasses, without a hat" has the words of "with a hat, without glasses".

**Man or woman?** The drawn faces have no sex. Here a man may have a beard and a woman has none; nothing else depends on it, and half of all captions say "person".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .portraits import FACTORS, has_attribute

__all__ = ["MAX_LENGTH", "PROPERTIES", "VOCABULARY", "has_properties", "tokenize", "write_captions"]

HAT_COLORS, CLOTHES = FACTORS["hat_color"].names, FACTORS["clothes"].names
STRAW = FACTORS["hat_style"].names.index("straw hat")
YES_OR_NO = ("glasses", "beard", "hat", "old", "smiling")
PROPERTIES: tuple[str, ...] = (*YES_OR_NO, *(f"{color} hat" for color in HAT_COLORS), *(f"{color} clothes" for color in CLOTHES))
"""What a caption can name. A straw hat has no colour but straw's."""

# How it is said: where in the caption, and the words. Before the noun, or after one of the words that lead a group.
YES = {
    "old": (("before", "old"), ("before", "elderly")),
    "smiling": (("before", "smiling"), ("before", "happy"), ("", "smiling"), ("with", "a smile")),
    "beard": (("before", "bearded"), ("with", "a beard")),
    "glasses": (("with", "glasses"), ("wearing", "glasses")),
    "hat": (("with", "a {hat}"), ("wearing", "a {hat}"), ("in", "a {hat}")),
    "clothes": (("in", "a {clothes}"), ("wearing", "a {clothes}")),
}
NO = {
    "old": (("before", "young"),),
    "smiling": (("before", "frowning"), ("before", "sad"), ("", "frowning"), ("without", "a smile")),
    "beard": (("before", "clean-shaven"), ("without", "a beard")),
    "glasses": (("without", "glasses"),),
    "hat": (("before", "bareheaded"), ("without", "a hat")),
}
GROUPS = ("with", "wearing", "in", "without", "")
VOCABULARY: tuple[str, ...] = tuple(sorted({
    *"a an and or person man woman hat".split(), *GROUPS[:-1], *HAT_COLORS, *CLOTHES, *" ".join(FACTORS["hat_style"].names).split(), *FACTORS["neckline"].names,
    *(word for table in (YES, NO) for ways in table.values() for _, text in ways for word in text.split() if "{" not in word),
}))  # fmt: skip
"""All words that a caption can have."""
MAX_LENGTH = 24
"""The most words of a caption."""


def has_properties(factors: np.ndarray) -> np.ndarray:
    """Which of `PROPERTIES` are true of each face: bool (n, 19). Factors as of `faces.sample_factors`."""
    coloured = has_attribute(factors, "hat") & (factors["hat_style"] != STRAW)
    hats = [coloured & (factors["hat_color"] == k) for k in range(len(HAT_COLORS))]
    return np.stack([*(has_attribute(factors, name) for name in YES_OR_NO), *hats, *(factors["clothes"] == k for k in range(len(CLOTHES)))], axis=1)


def write_captions(factors: np.ndarray, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """A caption for each face.

    Parameters
    ----------
    factors : (n,) of `faces.DTYPE`. seed : of words and order. A caption depends on its own face, its place in the list and the seed alone.

    Returns
    -------
    texts : n captions. said : int8 (n, 19), for each of `PROPERTIES` 1 if the caption says that it is so, -1 if it says that it is not, 0 if it leaves it open.
    """
    truth = has_properties(factors)
    texts, said = [], np.zeros(truth.shape, np.int8)
    for i, face in enumerate(factors):
        text, named = _caption(face, dict(zip(PROPERTIES, truth[i], strict=True)), np.random.default_rng((seed, i, 1)))
        k = [PROPERTIES.index(name) for name in named]
        texts.append(text)
        said[i, k] = np.where(truth[i, k], 1, -1)
    return texts, said


def _caption(face: np.void, truth: dict[str, bool], rng: np.random.Generator) -> tuple[str, list[str]]:
    """One caption, and which of NAMES it names."""

    def one_of(options: Sequence):
        return options[rng.integers(len(options))]

    hat_style, hat_color, color, garment = (FACTORS[name].names[face[name]] for name in ("hat_style", "hat_color", "clothes", "neckline"))
    told = [kind for kind in YES if rng.random() < 0.5]
    named = [kind for kind in told if kind in YES_OR_NO]
    words = {"hat": "hat", "clothes": f"{color} {garment}"}
    if "clothes" in told:
        named.append(f"{color} clothes")
    if truth["hat"] and rng.random() < 0.75:
        words["hat"] = "straw hat" if hat_style == "straw hat" else f"{hat_color} {one_of((hat_style, 'hat'))}"
        if "hat" in told and hat_style != "straw hat":
            named.append(f"{hat_color} hat")
    before, groups = [], {}
    for kind in rng.permutation(told):
        group, text = one_of((YES if truth.get(kind, True) else NO)[kind])
        (before if group == "before" else groups.setdefault(group, [])).append(text.format(**words))
    woman = not truth["beard"] and "beard" not in told
    noun = one_of(("person", "person", "man", "woman" if woman else "man"))
    text = " ".join(["a", *before, noun])
    for place, (group, texts) in enumerate(groups.items()):
        text += ("" if group and place == 0 else ",") + (f" {group} " if group else " ") + (" or " if group == "without" else " and ").join(texts)
    return re.sub(r"^a(?= [aeiou])", "an", text), named


def tokenize(texts: Sequence[str]) -> np.ndarray:
    """Captions as numbers of their words, 1 for the first of `VOCABULARY`, with 0 after the last: int64 (n, 24). Case and punctuation say nothing.

    Raises ValueError for a word that is not among `VOCABULARY`, and a caption of more than 24 words.
    """
    if isinstance(texts, str):
        raise ValueError(f"tokenize: takes a list of captions; give [{texts!r}]")
    number = {word: k for k, word in enumerate(VOCABULARY, 1)}
    tokens = np.zeros((len(texts), MAX_LENGTH), np.int64)
    for row, text in zip(tokens, texts, strict=True):
        words = re.findall(r"[^\W_]+(?:-[^\W_]+)*", text.lower())
        if unknown := sorted(set(words) - set(VOCABULARY)):
            raise ValueError(f"tokenize: no caption had the word {', '.join(map(repr, unknown))} of {text!r}; known are {', '.join(VOCABULARY)}")
        if len(words) > MAX_LENGTH:
            raise ValueError(f"tokenize: a caption has at most {MAX_LENGTH} words; {text!r} has {len(words)}")
        row[: len(words)] = [number[word] for word in words]
    return tokens
