"""Captions: they are true, in known words, and different each time."""

import numpy as np
import pytest

from tinygen.data.faces import DTYPE, FACTORS, has_attribute, sample_factors, set_attribute
from tinygen.data.faces.captions import (
    MAX_LENGTH,
    PROPERTIES,
    VOCABULARY,
    contrast_captions,
    has_properties,
    tokenize,
    write_captions,
)

FACES = sample_factors(2000, seed=5)
FACES["hat"][::2] = 1
CAPTIONS, MENTIONS = write_captions(FACES, seed=5)


def words_of(caption):
    """Return the set of words of a caption, found without `tokenize`."""
    return set(caption.replace(",", "").split())


def test_properties_agree_with_the_factors():
    truth = has_properties(FACES)
    assert truth.shape == (2000, 19) == (2000, len(PROPERTIES)) and truth.dtype == bool
    for name in ("glasses", "beard", "hat", "old", "smiling"):
        np.testing.assert_array_equal(truth[:, PROPERTIES.index(name)], has_attribute(FACES, name))
    has_red_hat = truth[:, PROPERTIES.index("red hat")]
    hats = {
        (
            face["hat"],
            FACTORS["hat_color"].names[face["hat_color"]],
            FACTORS["hat_style"].names[face["hat_style"]],
        )
        for face in FACES[has_red_hat]
    }
    assert hats == {(1, "red", "woollen hat"), (1, "red", "cap")}
    clothes = [k for k, name in enumerate(PROPERTIES) if name.endswith("clothes")]
    np.testing.assert_array_equal(truth[:, clothes].sum(axis=1), 1)


def test_mentions_are_true_and_nothing_is_always_mentioned():
    truth = has_properties(FACES)
    assert MENTIONS.shape == truth.shape and MENTIONS.dtype == np.int8
    np.testing.assert_array_equal(MENTIONS[MENTIONS != 0] > 0, truth[MENTIONS != 0])
    fraction = (MENTIONS != 0).mean(axis=0)
    assert (abs(fraction[:5] - 0.5) < 0.05).all() and (fraction[5:] > 0.01).all()
    assert not (MENTIONS[:, 5:] < 0).any()


OLD = ("old", {"old", "elderly"}, {"young"})
SMILING = ("smiling", {"smiling", "happy"}, {"frowning", "sad"})
BEARD = ("beard", {"bearded"}, {"clean-shaven"})


@pytest.mark.parametrize(("name", "yes", "no"), [OLD, SMILING, BEARD])
def test_adjectives_agree_with_the_mentions(name, yes, no):
    for caption, mention in zip(CAPTIONS, MENTIONS[:, PROPERTIES.index(name)], strict=True):
        words = words_of(caption)
        assert not yes & words or mention == 1, caption
        assert not no & words or mention == -1, caption


@pytest.mark.parametrize(
    ("name", "phrase"),
    [("glasses", "glasses"), ("beard", "a beard"), ("smiling", "a smile"), ("hat", "hat")],
)
def test_phrases_agree_with_the_mentions(name, phrase):
    for caption, mention in zip(CAPTIONS, MENTIONS[:, PROPERTIES.index(name)], strict=True):
        # From "without" to a comma or to the end, everything is denied.
        _, *after_without = caption.split("without")
        denied = after_without[0].split(",")[0] if after_without else ""
        if phrase in caption:
            assert mention == (-1 if phrase in denied else 1), caption


@pytest.mark.parametrize("name", PROPERTIES[5:])
def test_colours_agree_with_the_mentions(name):
    colour, thing = name.split()
    nouns = ("hat", "cap", "woollen") if thing == "hat" else FACTORS["neckline"].names
    phrases = [f"{colour} {noun}" for noun in nouns]
    for caption, mention in zip(CAPTIONS, MENTIONS[:, PROPERTIES.index(name)], strict=True):
        assert (mention == 1) == any(phrase in caption for phrase in phrases), caption


def test_women_have_no_beard():
    for words in map(words_of, CAPTIONS):
        assert not ("woman" in words and ("bearded" in words or "beard" in words))


def test_words_and_order_vary():
    same_face = np.repeat(FACES[:1], 400)
    captions, mentions = write_captions(same_face)
    mentions_all = (mentions[:, :5] != 0).all(axis=1)
    complete = [caption for caption, k in zip(captions, mentions_all, strict=True) if k]
    assert len(set(complete)) == len(complete) > 4 and len(set(captions)) > 300


def test_a_caption_depends_only_on_its_face_its_place_and_the_seed():
    few, mentions = write_captions(FACES[:7], seed=5)
    assert few == CAPTIONS[:7] and np.array_equal(mentions, MENTIONS[:7])
    changed = FACES[:7].copy()
    changed[3] = FACES[99]
    is_same = [a == b for a, b in zip(write_captions(changed, seed=5)[0], few, strict=True)]
    assert is_same == [True, True, True, False, True, True, True]
    assert write_captions(FACES[:7], seed=6)[0] != few
    captions, mentions = write_captions(np.empty(0, DTYPE))
    assert captions == [] and mentions.shape == (0, 19)


def test_articles():
    wrong = ("a old", "a elderly", "an young")
    assert not [caption for caption in CAPTIONS if caption.startswith(wrong)]
    assert any(caption.startswith("an elderly") for caption in CAPTIONS)


def test_the_vocabulary_holds_exactly_the_words_that_occur():
    assert len(VOCABULARY) == len(set(VOCABULARY)) and list(VOCABULARY) == sorted(VOCABULARY)
    faces = sample_factors(6000, seed=6)
    faces["hat"] = 1
    captions = [*write_captions(faces)[0], *CAPTIONS]
    assert set(VOCABULARY) == {word for caption in captions for word in words_of(caption)}


def test_tokens_are_the_words_without_case_and_punctuation():
    tokens = tokenize(["a man with glasses", "A man, with GLASSES!", "", "a clean-shaven man"])
    assert tokens.shape == (4, MAX_LENGTH) and tokens.dtype == np.int64
    np.testing.assert_array_equal(tokens[0], tokens[1])
    assert [VOCABULARY[k - 1] for k in tokens[3] if k] == ["a", "clean-shaven", "man"]
    assert not tokens[2].any() and not tokens[3, 3:].any()
    assert tokenize([]).shape == (0, MAX_LENGTH)


def test_different_captions_have_different_tokens():
    tokens = tokenize(CAPTIONS)
    assert tokens.any(axis=0).sum() < MAX_LENGTH
    num_different = len({caption.replace(",", "") for caption in CAPTIONS})
    assert len({row.tobytes() for row in tokens}) == num_different


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        (
            ["a man with a moustache and a monocle"],
            "'monocle', 'moustache' of 'a man with .*known are a, an, and",
        ),
        ("a man", r"give \['a man'\]"),
        (["a " * 25], "at most 24 words"),
        (["homme à lunettes"], "'homme', 'lunettes', 'à'"),
    ],
)
def test_captions_that_cannot_be_tokenized_are_errors(captions, message):
    with pytest.raises(ValueError, match=message):
        tokenize(captions)


def test_a_hat_that_is_absent_has_no_colour():
    captions, mentions = write_captions(set_attribute(FACES, "hat", False))
    assert not (mentions[:, 5:11] != 0).any()
    hats = ("cap", "straw", "woollen")
    assert not [caption for caption in captions if any(hat in caption for hat in hats)]


def test_contrasts_deny_all_parts_or_all_but_one():
    text = "an old man, smiling,\nwith glasses and a red cap, without a beard, in a blue shirt"
    opposite, singles = contrast_captions(text)
    rest = "without {}a beard, in a blue shirt"
    assert opposite == "a young frowning man " + rest.format("glasses or a hat or ")
    assert singles == [
        "an old frowning man " + rest.format("glasses or a hat or "),
        "a young man, smiling, " + rest.format("glasses or a hat or "),
        "a young frowning man with glasses, " + rest.format("a hat or "),
        "a young frowning man without glasses or a beard, with a red cap, in a blue shirt",
    ]
    assert contrast_captions("a person") == ("a person", [])
    num_parts = (MENTIONS[:, :5] > 0).sum(axis=1)
    for caption, n in zip(CAPTIONS, num_parts, strict=True):
        opposite, singles = contrast_captions(caption)
        tokenize([opposite, *singles])  # their words are known
        assert len(singles) == n, caption
        assert n != 1 or words_of(singles[0]) == words_of(caption), caption
