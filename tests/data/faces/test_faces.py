"""Procedural faces: deterministic, independent factors, and edits that change what they should."""

import functools
import importlib

import numpy as np
import pytest

from tinygen.data import faces
from tinygen.data.faces import (
    ATTRIBUTES,
    DTYPE,
    FACTORS,
    has_attribute,
    render,
    resample_factors,
    sample_aligned_factors,
    sample_factors,
    set_attribute,
)
from tinygen.data.faces.canvas import HALF_SIDE, Canvas
from tinygen.data.faces.painting import BLOCK
from tinygen.data.faces.sampling import CHUNK

FEW = sample_factors(48, seed=4)


@functools.cache
def large_pictures():
    return render(FEW[:16], 256).astype(np.float32)


def is_different(a, b):
    """Return where two sets of pictures differ at all: bool (n, height, width)."""
    return (a != b).any(axis=1)


def test_types_and_ranges():
    images, factors = faces(5, size=40)
    assert images.shape == (5, 3, 40, 40) and images.dtype == np.uint8
    assert factors.shape == (5,) and factors.dtype == DTYPE
    no_images, no_factors = faces(0)
    assert no_images.shape == (0, 3, 32, 32) and no_factors.shape == (0,)


def test_the_first_k_faces_do_not_depend_on_n():
    images, factors = faces(BLOCK + 9, seed=3)
    for k in (1, 7, BLOCK):
        few, few_factors = faces(k, seed=3)
        assert np.array_equal(few, images[:k]) and np.array_equal(few_factors, factors[:k])
    many = sample_factors(CHUNK + 5)
    assert np.array_equal(many[:CHUNK], sample_factors(CHUNK))
    assert not np.array_equal(many[CHUNK:], many[:5])
    assert not np.array_equal(sample_factors(5, seed=1), sample_factors(5))


def test_a_picture_depends_only_on_its_own_factors():
    order = np.random.default_rng(0).permutation(len(FEW))
    images = render(FEW)
    assert np.array_equal(render(FEW[order]), images[order])
    for i in range(0, len(FEW), 7):
        assert np.array_equal(render(FEW[i : i + 1])[0], images[i])


def test_large_pictures_are_drawn_in_bands_without_seams(monkeypatch):
    painting = importlib.import_module("tinygen.data.faces.painting")
    images = render(FEW[:2], 128)
    monkeypatch.setattr(painting, "PIXELS", 128 * 5)
    assert np.array_equal(render(FEW[:2], 128), images)


@pytest.mark.parametrize("size", [32, 80])
def test_no_window_cuts_off_its_shape(size, monkeypatch):
    """For speed, each layer paints in a window. Painting all of the canvas gives the same bits."""
    factors = np.concatenate([FEW, set_attribute(FEW[:16], "night", True)])
    images = render(factors, size)

    def all_pixels(self, centre, half, first, last):
        return slice(0, last - first)

    monkeypatch.setattr(Canvas, "pixel_span", all_pixels)
    assert np.array_equal(render(factors, size), images)


@pytest.mark.parametrize(
    ("size", "max_mean", "max_fraction"), [(32, 2.5, 0.02), (64, 1.5, 0.01), (128, 1.0, 0.005)]
)
def test_a_small_picture_is_a_large_one_reduced(size, max_mean, max_fraction):
    k = 256 // size
    reduced = large_pictures().reshape(16, 3, size, k, size, k).mean(axis=(3, 5))
    error = np.abs(reduced - render(FEW[:16], size))
    # A shift by one pixel would be a mean of 5 to 10. Most of the remaining difference is strands
    # of hair that are too fine for the small picture.
    assert error.mean() < max_mean and (error > 25).mean() < max_fraction


@pytest.mark.parametrize("offset", [0.0, 0.013, 0.03])
def test_a_line_thinner_than_a_pixel_darkens_by_its_area(offset):
    zeros = np.zeros(1, np.float32)
    patch = Canvas(32, range(32), zeros, zeros, zeros).whole_patch()
    d = patch.v + np.float32(offset) + 0 * patch.u
    coverage = patch.outline(d, np.float32(0.004))
    assert abs(coverage.sum() * patch.px**2 - 0.008 * 2 * HALF_SIDE) < 1e-4


def test_factors_fill_their_ranges():
    factors = sample_factors(20000, seed=5)
    for name, factor in FACTORS.items():
        values = factors[name].astype(np.float64)
        assert values.min() >= factor.low and values.max() <= factor.high
        if name == "night":
            assert not values.any()
        elif factor.names:
            assert len(np.unique(values)) == len(factor.names)
        else:
            assert values.min() < factor.low + 0.01 * (factor.high - factor.low)
            assert values.max() > factor.high - 0.01 * (factor.high - factor.low)


def test_factors_are_independent():
    n = 20000
    factors = sample_factors(n, seed=5)
    columns, owners = [], []
    for name, factor in FACTORS.items():
        if name == "night":  # constant
            continue
        values = factors[name].astype(np.float64)
        one_hot = [values == k for k in range(len(factor.names) - 1)]
        columns += one_hot or [values]
        owners += [name] * len(one_hot or [values])
    r = np.abs(np.corrcoef(columns))
    owners = np.array(owners)
    r[owners[:, None] == owners] = 0  # the categories of one factor exclude each other
    # There are about 2000 pairs: the largest exceeds this once in 300 seeds.
    assert r.max() < 4.8 / np.sqrt(n)


def test_no_attribute_is_in_doubt():
    factors = sample_factors(5000)
    for name in ("age", "smile"):
        low, high = FACTORS[name].low, FACTORS[name].high
        assert (np.abs(factors[name] - (low + high) / 2) > 0.14 * (high - low)).all()


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_correlation_ties_the_beard_to_dark_hair_and_nothing_else(correlation):
    n = 10000
    independent = sample_factors(n, seed=2)
    correlated = sample_factors(n, seed=2, correlation=correlation)
    is_dark = correlated["hair_color"] < 3
    for hair, p in ((is_dark, 0.4 * (1 + correlation)), (~is_dark, 0.4 * (1 - correlation))):
        assert abs(correlated["beard"][hair].mean() - p) < 4 * 0.5 / np.sqrt(n / 2)
    for name in FACTORS:
        assert name == "beard" or np.array_equal(independent[name], correlated[name])
    factors = faces(4, correlation=correlation)[1]
    assert np.array_equal(factors, sample_factors(4, correlation=correlation))


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_setting_an_attribute_changes_one_factor_and_can_be_undone(attribute):
    with_it, without = (set_attribute(FEW, attribute, value) for value in (True, False))
    assert has_attribute(with_it, attribute).all()
    assert not has_attribute(without, attribute).any()
    behind = ATTRIBUTES[attribute]
    for name in FACTORS:
        assert name == behind or np.array_equal(with_it[name], FEW[name])
    had_it = has_attribute(FEW, attribute)
    assert np.array_equal(with_it[had_it], FEW[had_it])
    assert np.array_equal(without[~had_it], FEW[~had_it])
    undone = set_attribute(set_attribute(FEW, attribute, ~had_it), attribute, had_it)
    assert np.allclose(undone[behind], FEW[behind], rtol=0, atol=1e-5)
    assert is_different(render(with_it), render(without)).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("attribute", "first", "last"),
    [("glasses", 0.38, 0.68), ("beard", 0.42, 0.95), ("hat", 0.0, 0.98), ("smiling", 0.35, 0.86)],
)
def test_an_edit_stays_in_its_region(attribute, first, last):
    """The region is given as rows of the picture, as fractions of its height."""
    without, with_it = (render(set_attribute(FEW, attribute, value), 64) for value in (False, True))
    where = is_different(without, with_it)
    rows = np.flatnonzero(where.any(axis=(0, 2))) / 64
    assert first <= rows.min() and rows.max() <= last
    if attribute != "hat":
        assert where.mean() < 0.1


def test_glasses_change_only_the_region_of_the_eyes():
    """If the head is upright and faces us: nothing beyond the ears, nor from mouth to chin."""
    frontal = FEW.copy()
    frontal["yaw"] = frontal["tilt"] = 0
    pictures = [render(set_attribute(frontal, "glasses", value), 64) for value in (False, True)]
    where = is_different(*pictures)
    assert where[:, 28:38].any(axis=(1, 2)).all()
    assert not where[:, :26].any() and not where[:, 42:].any()
    assert not where[:, :, :14].any() and not where[:, :, 50:].any()


def test_a_head_turned_left_is_the_mirror_image_of_one_turned_right():
    """Except for the parting of the hair and the reflections in the eyes."""
    left = FEW[(FEW["hair_style"] == 0) & (FEW["neckline"] == 0)][:4].copy()
    left["light"] = 0
    right = left.copy()
    for name in ("yaw", "tilt", "gaze_x"):
        right[name] = -left[name]
    mirrored = render(right, 64)[..., ::-1].astype(int)
    assert np.abs(mirrored - render(left, 64)).mean() < 1.5


@pytest.mark.parametrize("group", ["identity", "state", "accessories"])
def test_resampling_a_group_changes_no_other_group(group):
    changed = resample_factors(FEW, group, seed=4)
    for name, factor in FACTORS.items():
        is_constant = name == "night"
        is_kept = factor.group != group or is_constant
        assert np.array_equal(changed[name], FEW[name]) == is_kept


def test_one_person_in_many_states():
    person = np.repeat(FEW[:1], 9)
    moments = resample_factors(person, "state")
    assert len(np.unique(moments["yaw"])) == 9 and len(np.unique(moments["skin"])) == 1


def test_aligned_faces_look_straight_at_us_and_are_otherwise_the_same():
    aligned, factors = sample_aligned_factors(50, seed=3), sample_factors(50, seed=3)
    for name in FACTORS:
        if name in ("yaw", "tilt"):
            assert not aligned[name].any() and factors[name].any()
        else:
            assert np.array_equal(aligned[name], factors[name])


def test_every_corner_of_the_ranges_can_be_drawn():
    """Also what `sample_factors` leaves out. Warnings are errors, so nothing divides by zero."""
    rng = np.random.default_rng(1)
    factors = np.empty(200, DTYPE)
    for name, factor in FACTORS.items():
        if factor.names:
            factors[name] = rng.integers(0, len(factor.names), len(factors))
        else:
            values = [factor.low, (factor.low + factor.high) / 2, factor.high]
            factors[name] = rng.choice(values, len(factors))
    images = render(factors)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    assert (images.reshape(len(images), -1).std(axis=1) > 10).all()


def test_backgrounds_are_muted():
    """They explain at most a tenth of all variance: half the mean square change by another one."""
    n = 600
    factors = sample_factors(n, seed=6)
    changed = factors.copy()
    changed["background"] = np.random.default_rng(0).permutation(factors["background"])
    x, y = (render(f).astype(np.float64).reshape(n, -1) for f in (factors, changed))
    fraction = ((x - y) ** 2).sum(1).mean() / 2 / x.var(0).sum()
    assert 0.005 < fraction < 0.1


def with_value(name, value):
    """Return factors in which face 3 has this value."""
    factors = FEW.copy()
    factors[name][3] = value
    return factors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: faces(-1), "n >= 0"),
        (lambda: faces(3, seed=-1), "seed >= 0"),
        (lambda: faces(3, size=31), "size is 32 to 1024 pixels, .* got 31"),
        (lambda: render(FEW, 1025), "size is 32 to 1024"),
        (lambda: render(FEW, 64.5), "a whole number; got 64.5"),
        (lambda: faces(3, correlation=1.5), "correlation is between 0 .* got 1.5"),
        (lambda: faces(3, correlation=float("nan")), "correlation is between"),
        (
            lambda: render(with_value("smile", 1.5)),
            r"smile is -1 to 1 \(corners .*\); face 3 has 1.5",
        ),
        (lambda: render(with_value("age", np.nan)), "age is 20 to 80 .* face 3 has nan"),
        (lambda: render(with_value("hair_style", -1)), "hair_style is 0 to 7 .* face 3 has -1"),
        (lambda: render(FEW[0]), "one axis"),
        (lambda: render(FEW.reshape(6, 8)), r"one axis, of faces; got shape \(6, 8\)"),
        (lambda: render(np.zeros((4, 3))), "structured array of faces.DTYPE.*got ndarray"),
        (lambda: render({"smile": 1}), "got dict"),
        (lambda: render(FEW[["smile", "age"]]), r"missing \['face_width'"),
        (
            lambda: set_attribute(FEW, "moustache", True),
            "set_attribute: no attribute 'moustache'; there are glasses, beard",
        ),
        (
            lambda: set_attribute(FEW, "hat", np.ones((7, 1), bool)),
            r"one bool per face, shape \(48,\)",
        ),
        (lambda: set_attribute(FEW, "hat", np.ones(7, bool)), r"one bool per face, shape \(48,\)"),
        (lambda: has_attribute(FEW, "yaw"), "has_attribute: no attribute 'yaw'"),
        (
            lambda: resample_factors(FEW, "mood"),
            "a group of identity, state, accessories .* got 'mood'",
        ),
        (lambda: resample_factors(FEW, "state", seed=-1), "seed >= 0; got 'state' and seed=-1"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()
