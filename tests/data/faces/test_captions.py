"""Captions: they say what is true, in words that are known, and differently each time."""

import numpy as np
import pytest

from tinygen.data.faces import (
    DTYPE,
    FACTORS,
    has_attribute,
    sample_factors,
    set_attribute,
)
from tinygen.data.faces.captions import (
    MAX_LENGTH,
    PROPERTIES,
    VOCABULARY,
    has_properties,
    tokenize,
    write_captions,
)

FACES = sample_factors(2000, seed=5)
FACES["hat"][::2] = 1
TEXTS, SAID = write_captions(FACES, seed=5)


def test_what_faces_show():
    truth = has_properties(FACES)
    assert truth.shape == (2000, 19) == (2000, len(PROPERTIES)) and truth.dtype == bool
    for name in ("glasses", "beard", "hat", "old", "smiling"):
        np.testing.assert_array_equal(truth[:, PROPERTIES.index(name)], has_attribute(FACES, name))
    red = truth[:, PROPERTIES.index("red hat")]
    assert {(f["hat"], FACTORS["hat_color"].names[f["hat_color"]], FACTORS["hat_style"].names[f["hat_style"]]) for f in FACES[red]} == {
        (1, "red", "woollen hat"), (1, "red", "cap")}  # fmt: skip
    np.testing.assert_array_equal(truth[:, [k for k, name in enumerate(PROPERTIES) if name.endswith("clothes")]].sum(axis=1), 1)


def test_what_is_said_is_true_and_nothing_is_always_said():
    truth = has_properties(FACES)
    assert SAID.shape == truth.shape and SAID.dtype == np.int8
    np.testing.assert_array_equal(SAID[SAID != 0] > 0, truth[SAID != 0])
    told = (SAID != 0).mean(axis=0)
    assert (abs(told[:5] - 0.5) < 0.05).all() and (told[5:] > 0.01).all() and not (SAID[:, 5:] < 0).any()


def test_the_words_say_what_is_said():
    """Read by simple rules, written apart from the grammar."""
    for text, said in zip(TEXTS, SAID, strict=True):
        word, says = tokenize_by_hand(text), dict(zip(PROPERTIES, said, strict=True))
        for name, yes, no in (("old", {"old", "elderly"}, {"young"}), ("smiling", {"smiling", "happy"}, {"frowning", "sad"}), ("beard", {"bearded"}, {"clean-shaven"})):
            assert not yes & word or says[name] == 1, text
            assert not no & word or says[name] == -1, text
        _, *without = text.split("without")  # to the end or to a comma, all is denied
        denied = without[0].split(",")[0] if without else ""
        for name in ("glasses", "a beard", "a smile", "hat"):
            if name in text:
                assert says[{"a beard": "beard", "a smile": "smiling"}.get(name, name)] == (-1 if name in denied else 1), text
        for name in PROPERTIES[5:]:
            color, thing = name.split()
            of_it = {f"{color} {garment}" for garment in (("hat", "cap", "woollen") if thing == "hat" else FACTORS["neckline"].names)}
            assert (says[name] == 1) == any(phrase in text for phrase in of_it), text
        assert not ("woman" in word and ("bearded" in word or "beard" in text))


def tokenize_by_hand(text):
    return set(text.replace(",", "").split())


def test_words_and_order_vary():
    one = np.repeat(FACES[:1], 400)
    texts, said = write_captions(one)
    full = [text for text, k in zip(texts, said, strict=True) if (k[:5] != 0).all()]
    assert len(set(full)) == len(full) > 4 and len(set(texts)) > 300


def test_a_caption_depends_on_its_own_face_place_and_seed():
    few, said = write_captions(FACES[:7], seed=5)
    assert few == TEXTS[:7] and np.array_equal(said, SAID[:7])
    changed = FACES[:7].copy()
    changed[3] = FACES[99]
    assert [a == b for a, b in zip(write_captions(changed, seed=5)[0], few, strict=True)] == [True, True, True, False, True, True, True]
    assert write_captions(FACES[:7], seed=6)[0] != few
    texts, said = write_captions(np.empty(0, DTYPE))
    assert texts == [] and said.shape == (0, 19)


def test_articles():
    assert not [text for text in TEXTS if text.startswith(("a old", "a elderly", "an young"))] and any(text.startswith("an elderly") for text in TEXTS)


def test_the_words_are_those_that_occur():
    assert len(VOCABULARY) == len(set(VOCABULARY)) and list(VOCABULARY) == sorted(VOCABULARY)
    faces = sample_factors(6000, seed=6)
    faces["hat"] = 1
    assert set(VOCABULARY) == {word for text in (*write_captions(faces)[0], *TEXTS) for word in tokenize_by_hand(text)}


def test_tokens():
    tokens = tokenize(["a man with glasses", "A man, with GLASSES!", "", "a clean-shaven man"])
    assert tokens.shape == (4, MAX_LENGTH) and tokens.dtype == np.int64
    np.testing.assert_array_equal(tokens[0], tokens[1])
    assert [VOCABULARY[k - 1] for k in tokens[3] if k] == ["a", "clean-shaven", "man"] and not tokens[2].any() and not tokens[3, 3:].any()
    assert tokenize(TEXTS).any(axis=0).sum() < MAX_LENGTH and len({row.tobytes() for row in tokenize(TEXTS)}) == len({text.replace(",", "") for text in TEXTS})
    assert tokenize([]).shape == (0, MAX_LENGTH)


@pytest.mark.parametrize("texts, message", [
    (["a man with a moustache and a monocle"], "'monocle', 'moustache' of 'a man with .*known are a, an, and"), ("a man", r"give \['a man'\]"),
    (["a " * 25], "at most 24 words"), (["homme à lunettes"], "'homme', 'lunettes', 'à'"),
])  # fmt: skip
def test_errors(texts, message):
    with pytest.raises(ValueError, match=message):
        tokenize(texts)


def test_a_hat_that_is_not_there_has_no_colour():
    texts, said = write_captions(set_attribute(FACES, "hat", False))
    assert not (said[:, 5:11] != 0).any() and not [text for text in texts if "cap" in text or "straw" in text or "woollen" in text]
