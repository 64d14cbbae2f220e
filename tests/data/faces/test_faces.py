"""Faces: the same from every seed on every call, drawn from independent factors, and alike at every size."""

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
from tinygen.data.faces.canvas import VIEW, Canvas
from tinygen.data.faces.layers import BLOCK
from tinygen.data.faces.portraits import CHUNK

FEW = sample_factors(48, seed=4)


@functools.cache
def large_pictures():
    return render(FEW[:16], 256).astype(np.float32)


def changed(a, b):
    """Where two sets of pictures differ at all: bool (n, height, width)."""
    return (a != b).any(axis=1)


def test_types_and_ranges():
    images, factors = faces(5, size=40)
    assert images.shape == (5, 3, 40, 40) and images.dtype == np.uint8
    assert factors.shape == (5,) and factors.dtype == DTYPE
    none, nobody = faces(0)
    assert none.shape == (0, 3, 32, 32) and nobody.shape == (0,)


def test_the_first_k_of_more_are_the_same():
    images, factors = faces(BLOCK + 9, seed=3)
    for k in (1, 7, BLOCK):
        few, few_factors = faces(k, seed=3)
        assert np.array_equal(few, images[:k]) and np.array_equal(few_factors, factors[:k])
    many = sample_factors(CHUNK + 5)
    assert np.array_equal(many[:CHUNK], sample_factors(CHUNK)) and not np.array_equal(many[CHUNK:], many[:5])
    assert not np.array_equal(sample_factors(5, seed=1), sample_factors(5))


def test_a_picture_depends_on_its_own_factors_alone():
    order = np.random.default_rng(0).permutation(len(FEW))
    images = render(FEW)
    assert np.array_equal(render(FEW[order]), images[order])
    assert all(np.array_equal(render(FEW[i : i + 1])[0], images[i]) for i in range(0, len(FEW), 7))


def test_large_pictures_are_drawn_in_bands_without_seams(monkeypatch):
    layers = importlib.import_module("tinygen.data.faces.layers")
    images = render(FEW[:2], 128)
    monkeypatch.setattr(layers, "PIXELS", 128 * 5)
    assert np.array_equal(render(FEW[:2], 128), images)


@pytest.mark.parametrize("size", [32, 80])
def test_no_window_cuts_its_shape(size, monkeypatch):
    """Each layer paints in a window around it, for speed; painting all of the canvas gives the same, bit for bit."""
    factors = np.concatenate([FEW, set_attribute(FEW[:16], "night", True)])
    images = render(factors, size)
    monkeypatch.setattr(Canvas, "_span", lambda self, centre, half, first, last: slice(0, last - first))
    assert np.array_equal(render(factors, size), images)


@pytest.mark.parametrize(("size", "mean", "most"), [(32, 2.5, 0.02), (64, 1.5, 0.01), (128, 1.0, 0.005)])
def test_a_small_picture_is_a_large_one_made_small(size, mean, most):
    k = 256 // size
    small = large_pictures().reshape(16, 3, size, k, size, k).mean(axis=(3, 5))
    error = np.abs(small - render(FEW[:16], size))
    # One pixel of shift would be a mean of 5 to 10; strands of hair too fine for the small one make most of what is left.
    assert error.mean() < mean and (error > 25).mean() < most


def test_a_thin_line_gets_its_share():
    """A line far thinner than a pixel darkens by its area, wherever between the pixels it lies."""
    for at in (0.0, 0.013, 0.03):
        zero = np.zeros(1, np.float32)
        patch = Canvas(32, range(32), zero, zero, zero).whole()
        share = patch.ring(patch.v + np.float32(at) + 0 * patch.u, np.float32(0.004))
        assert abs(share.sum() * patch.px**2 - 0.008 * 2 * VIEW) < 1e-4


def test_factors_fill_their_ranges_and_are_independent():
    n = 20000
    factors = sample_factors(n, seed=5)
    table = []
    for name, factor in FACTORS.items():
        values = factors[name].astype(np.float64)
        assert values.min() >= factor.low and values.max() <= factor.high
        if name == "night":
            assert not values.any()
            continue
        if factor.names:
            assert len(np.unique(values)) == len(factor.names)
            table += [values == k for k in range(len(factor.names) - 1)]
        else:
            assert values.min() < factor.low + 0.01 * (factor.high - factor.low)
            assert values.max() > factor.high - 0.01 * (factor.high - factor.low)
            table.append(values)
    owner = [name for name, f in FACTORS.items() if name != "night" for _ in range(max(len(f.names) - 1, 1))]
    r = np.abs(np.corrcoef(table))
    r[np.array(owner)[:, None] == np.array(owner)] = 0  # the choices of one factor exclude each other
    assert r.max() < 4.8 / np.sqrt(n)  # about 2000 pairs: the largest passes this once in 300 seeds


def test_no_attribute_is_in_doubt():
    factors = sample_factors(5000)
    for name in ("age", "smile"):
        low, high = FACTORS[name].low, FACTORS[name].high
        assert (np.abs(factors[name] - (low + high) / 2) > 0.14 * (high - low)).all()


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_correlation_ties_the_beard_to_dark_hair_and_nothing_else(correlation):
    n = 10000
    plain, tied = sample_factors(n, seed=2), sample_factors(n, seed=2, correlation=correlation)
    dark = tied["hair_color"] < 3
    for hair, share in ((dark, 0.4 * (1 + correlation)), (~dark, 0.4 * (1 - correlation))):
        assert abs(tied["beard"][hair].mean() - share) < 4 * 0.5 / np.sqrt(n / 2)
    assert all(np.array_equal(plain[name], tied[name]) for name in FACTORS if name != "beard")
    assert np.array_equal(faces(4, correlation=correlation)[1], sample_factors(4, correlation=correlation))


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_switch_changes_one_factor_and_back(attribute):
    on, off = set_attribute(FEW, attribute, True), set_attribute(FEW, attribute, False)
    assert has_attribute(on, attribute).all() and not has_attribute(off, attribute).any()
    behind = ATTRIBUTES[attribute]
    assert all(np.array_equal(on[name], FEW[name]) for name in FACTORS if name != behind)
    was = has_attribute(FEW, attribute)
    assert np.array_equal(on[was], FEW[was]) and np.array_equal(off[~was], FEW[~was])
    back = set_attribute(set_attribute(FEW, attribute, ~was), attribute, was)
    assert np.allclose(back[behind], FEW[behind], rtol=0, atol=1e-5)
    assert changed(render(on), render(off)).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("attribute", "first", "last"),
    [("glasses", 0.38, 0.68), ("beard", 0.42, 0.95), ("hat", 0.0, 0.98), ("smiling", 0.35, 0.86)],
)
def test_an_edit_stays_in_its_region(attribute, first, last):
    """Rows of the picture, as shares of its height, that an attribute may change."""
    off, on = (render(set_attribute(FEW, attribute, value), 64) for value in (False, True))
    rows = np.flatnonzero(changed(off, on).any(axis=(0, 2))) / 64
    assert first <= rows.min() and rows.max() <= last
    if attribute != "hat":
        assert changed(off, on).mean() < 0.1


def test_glasses_leave_all_but_the_eyes_alone():
    """With the head straight and facing us: nothing beyond the ears, nor from mouth to chin."""
    straight = FEW.copy()
    straight["yaw"] = straight["tilt"] = 0
    where = changed(*(render(set_attribute(straight, "glasses", value), 64) for value in (False, True)))
    assert where[:, 28:38].any(axis=(1, 2)).all()
    assert not where[:, :26].any() and not where[:, 42:].any() and not where[:, :, :14].any() and not where[:, :, 50:].any()


def test_turning_the_mirror_turns_the_face():
    """Looking left is looking right in a mirror, but for the parting of the hair and the gleams in the eyes."""
    f = FEW[(FEW["hair_style"] == 0) & (FEW["neckline"] == 0)][:4].copy()
    f["light"] = 0
    g = f.copy()
    for name in ("yaw", "tilt", "gaze_x"):
        g[name] = -f[name]
    assert np.abs(render(g, 64)[..., ::-1].astype(int) - render(f, 64)).mean() < 1.5


def test_resample_keeps_the_other_groups():
    for group in ("identity", "state", "accessories"):
        new = resample_factors(FEW, group, seed=4)
        kept = [name for name, factor in FACTORS.items() if factor.group != group]
        drawn = [name for name, factor in FACTORS.items() if factor.group == group and name != "night"]
        assert all(np.array_equal(new[name], FEW[name]) for name in kept)
        assert all(not np.array_equal(new[name], FEW[name]) for name in drawn)
    moments = resample_factors(np.repeat(FEW[:1], 9), "state")
    assert len(np.unique(moments["yaw"])) == 9 and len(np.unique(moments["skin"])) == 1


def test_portraits_look_straight_at_us_and_are_else_as_drawn():
    f, g = sample_aligned_factors(50, seed=3), sample_factors(50, seed=3)
    assert not f["yaw"].any() and not f["tilt"].any() and g["yaw"].any() and g["tilt"].any()
    assert all(np.array_equal(f[name], g[name]) for name in FACTORS if name not in ("yaw", "tilt"))


def test_every_corner_of_the_ranges_is_drawn():
    """Also what `sample_factors` leaves out; warnings are errors here, so nothing divides by zero on the way."""
    rng = np.random.default_rng(1)
    factors = np.empty(200, DTYPE)
    for name, factor in FACTORS.items():
        if factor.names:
            factors[name] = rng.integers(0, len(factor.names), len(factors))
        else:
            factors[name] = rng.choice([factor.low, (factor.low + factor.high) / 2, factor.high], len(factors))
    images = render(factors)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    assert (images.reshape(len(images), -1).std(axis=1) > 10).all()


def test_backgrounds_are_muted():
    """They are to explain at most a tenth of all variance (the mean square change by another background, halved)."""
    n = 600
    factors = sample_factors(n, seed=6)
    other = factors.copy()
    other["background"] = np.random.default_rng(0).permutation(factors["background"])
    x, y = (render(f).astype(np.float64).reshape(n, -1) for f in (factors, other))
    share = ((x - y) ** 2).sum(1).mean() / 2 / x.var(0).sum()
    assert 0.005 < share < 0.1


def wrong(name, value):
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
        (lambda: render(wrong("smile", 1.5)), r"smile is -1 to 1 \(corners .*\); face 3 has 1.5"),
        (lambda: render(wrong("age", np.nan)), "age is 20 to 80 .* face 3 has nan"),
        (lambda: render(wrong("hair_style", -1)), "hair_style is 0 to 7 .* face 3 has -1"),
        (lambda: render(FEW[0]), "one axis"),
        (lambda: render(FEW.reshape(6, 8)), r"one axis, a face each; got shape \(6, 8\)"),
        (lambda: render(np.zeros((4, 3))), "structured array of faces.DTYPE.*got ndarray"),
        (lambda: render({"smile": 1}), "got dict"),
        (lambda: render(FEW[["smile", "age"]]), r"missing \['face_width'"),
        (lambda: set_attribute(FEW, "moustache", True), "set_attribute: no attribute 'moustache'; there are glasses, beard"),
        (lambda: set_attribute(FEW, "hat", np.ones((7, 1), bool)), r"one bool a face, shape \(48,\)"),
        (lambda: set_attribute(FEW, "hat", np.ones(7, bool)), r"one bool a face, shape \(48,\)"),
        (lambda: has_attribute(FEW, "yaw"), "has_attribute: no attribute 'yaw'"),
        (lambda: resample_factors(FEW, "mood"), "a group of identity, state, accessories .* got 'mood'"),
        (lambda: resample_factors(FEW, "state", seed=-1), "seed >= 0; got 'state' and seed=-1"),
    ],
)
def test_bad_input_says_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()
